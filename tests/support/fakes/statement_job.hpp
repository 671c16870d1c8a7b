// A job that only a statement says, with the ids of the job that other tests run.
#pragma once

#include "kstream/job/parse.hpp"
#include "kstream/job/statement_job.hpp"
#include "process/zone_file.hpp"
#include "support/fakes/test_job.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace kstream::testing {

inline Job make_statement_job(std::string_view text, std::uint32_t state_partitions = 1,
                              std::uint32_t source_partitions = 1) {
    auto parsed = job::parse(text);
    REQUIRE(parsed.has_value());
    auto made = std::make_shared<const job::StatementJob>(
        job::statement_job(*std::move(parsed), std::string{text}));
    Job job = make_job(state_partitions, source_partitions);
    job.spec = made->spec;
    REQUIRE(job.spec.statement.has_value());
    job.spec_text = canonical_text(job.spec);
    job.kinds = Job::kinds_of(job.spec);
    job.identity.spec_hash = spec_hash(job.spec);
    job.statement = std::move(made);
    job.zones = process::read_zone_file;
    return job;
}

}  // namespace kstream::testing
