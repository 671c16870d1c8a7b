// The scenarios of bench, one file each, which says at its top what is measured and what is not.
#pragma once

#include "bench/bench.hpp"

#include <memory>
#include <vector>

namespace kstream::bench {

// A source topic full of records that were checked. `job` owns the topic.
struct Dataset {
    std::unique_ptr<BenchJob> job;
    Expected expected;
    std::vector<Offset> ends;
};

// Needs no cluster.
[[nodiscard]] Result<ScenarioResult> measure_decode(const cli::BenchConfig& config);

// `kept` gets the records of the last round.
[[nodiscard]] Result<ScenarioResult> measure_produce(Bench& bench, Dataset& kept);

// --records of them without measuring, for scenarios that read.
[[nodiscard]] Result<Dataset> make_dataset(Bench& bench, const GeneratorOptions& options);

[[nodiscard]] Result<ScenarioResult> measure_consume(Bench& bench, const Dataset& data);

// Two results, consume and aggregate, whose rounds took turns.
[[nodiscard]] Result<std::vector<ScenarioResult>> measure_aggregate(Bench& bench,
                                                                    const Dataset& data);

// Two results for each statement that is measured, consume and that, whose rounds took turns.
[[nodiscard]] Result<std::vector<ScenarioResult>> measure_statement(Bench& bench);
[[nodiscard]] Result<std::vector<ScenarioResult>> measure_windows(Bench& bench);

// Leaves the distribution in bench.latency_us.
[[nodiscard]] Result<ScenarioResult> measure_latency(Bench& bench);

[[nodiscard]] Result<ScenarioResult> measure_keys(Bench& bench);

[[nodiscard]] Result<ScenarioResult> measure_restore(Bench& bench);

}  // namespace kstream::bench
