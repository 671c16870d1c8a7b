// A job that only a statement says, with the ids of the job that other tests run.
#pragma once

#include "kstream/expr/zone.hpp"
#include "kstream/job/parse.hpp"
#include "kstream/job/statement_job.hpp"
#include "process/zone_file.hpp"
#include "support/fakes/test_job.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace kstream::testing {

inline std::optional<std::uint64_t> zone_fingerprint(std::string_view name) {
    const std::optional<std::string> file = process::read_zone_file(name);
    const std::optional<expr::Zone> zone = file ? expr::Zone::parse(*file) : std::nullopt;
    return zone ? std::optional{zone->fingerprint()} : std::nullopt;
}

inline Job make_statement_job(std::string_view text, std::uint32_t state_partitions = 1,
                              std::uint32_t source_partitions = 1) {
    auto parsed = job::parse(text, {.zones = zone_fingerprint});
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
