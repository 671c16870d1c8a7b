// How large the records can become that a job writes, by its specification alone: what its topics
// have to take, so that no data can make a record that a broker refuses, at which a job would stop
// for ever.
#pragma once

#include "kstream/model/aggregation_spec.hpp"
#include "topics/check_rules.hpp"
#include "topics/start_checks.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace kstream::topics {

// The largest record of a topic that data can make, with what Kafka adds to a batch of one record.
[[nodiscard]] std::int64_t largest_record(TopicRole role, const AggregationSpec& spec);
// What every step writes there about all source partitions: ranges, and meta.
[[nodiscard]] std::int64_t progress_record(TopicRole role, const AggregationSpec& spec,
                                           int source_partitions);

// Topics that do not take the largest record of the job, which is an error, or may not take what it
// says about all source partitions, whose numbers are short for long.
[[nodiscard]] Findings size_findings(const std::vector<TopicUnderTest>& topics,
                                     const AggregationSpec& spec);

// Deltas of one repartition record, so that the topic takes it; key and value of one copy, a dead
// letter or a late record.
[[nodiscard]] std::size_t max_batch_bytes(const TopicFacts& repartition,
                                          const AggregationSpec& spec, int source_partitions);
[[nodiscard]] std::size_t max_copy_bytes(const TopicFacts& copies);

// What the producer may send as one record, and gather in one batch: brokers compare a batch with
// the topic's limit, and librdkafka does not divide a batch that was refused.
struct ProducerSizes {
    std::int64_t most_message_bytes = 0;
    std::int64_t max_batch_bytes = 0;
};
[[nodiscard]] ProducerSizes producer_sizes(const StartReport& report);

}  // namespace kstream::topics
