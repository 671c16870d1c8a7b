// The job that tests run: the seed's, with topic ids that are easy to tell apart.
#pragma once

#include "kstream/codec/spec_hash.hpp"
#include "kstream/core/aggregates.hpp"
#include "kstream/pipeline/job.hpp"

#include <cstdint>

namespace kstream::testing {

inline TopicId topic_id(std::uint8_t first) {
    TopicId id;
    for (std::size_t i = 0; i < id.bytes.size(); ++i) {
        id.bytes[i] = static_cast<std::uint8_t>(first + i);
    }
    return id;
}

inline AggregationSpec seed_spec() {
    return {.source_topic = "financial_transactions",
            .group_by = {"id_vendedor"},
            .aggregates = {{aggregate_named("sum"), "valor", "valor_total_por_vendedor"},
                           {aggregate_named("count"), "", "numero_transacoes"}},
            .scale = 9};
}

inline Job make_job(std::uint32_t state_partitions = 2, std::uint32_t source_partitions = 2) {
    Job job;
    job.spec = seed_spec();
    job.spec_text = canonical_text(job.spec);
    job.kinds = Job::kinds_of(job.spec);
    job.identity.spec_hash = spec_hash(job.spec);
    job.identity.scale = static_cast<std::uint8_t>(job.spec.scale);
    job.identity.state_partitions = state_partitions;
    job.identity.results_partitions = 3;
    job.identity.initial_source_partitions = source_partitions;
    job.identity.source_id = topic_id(0x10);
    job.identity.repartition_id = topic_id(0x40);
    job.identity.changelog_id = topic_id(0x80);
    job.run_id = 0x1122334455667788;
    job.hash_seed = 77;
    return job;
}

}  // namespace kstream::testing
