// The scenarios of bench, one file each, which says at its top what is measured and what is not.
#pragma once

#include "app/bench/bench.hpp"

#include <memory>
#include <vector>

namespace kstream::app {

// A source topic full of records that were checked. `job` owns the topic.
struct Dataset {
    std::unique_ptr<BenchJob> job;
    bench::Expected expected;
    std::vector<Offset> ends;
};

// Needs no cluster.
[[nodiscard]] Result<bench::ScenarioResult> measure_decode(const cli::BenchConfig& config);

// `kept` gets the records of the last round.
[[nodiscard]] Result<bench::ScenarioResult> measure_produce(Bench& bench, Dataset& kept);

// --records of them without measuring, for scenarios that read.
[[nodiscard]] Result<Dataset> make_dataset(Bench& bench, const GeneratorOptions& options);

[[nodiscard]] Result<bench::ScenarioResult> measure_consume(Bench& bench, const Dataset& data);

// Two results, consume and aggregate, whose rounds took turns.
[[nodiscard]] Result<std::vector<bench::ScenarioResult>> measure_aggregate(Bench& bench,
                                                                           const Dataset& data);

// Leaves the distribution in bench.latency_us.
[[nodiscard]] Result<bench::ScenarioResult> measure_latency(Bench& bench);

[[nodiscard]] Result<bench::ScenarioResult> measure_keys(Bench& bench);

[[nodiscard]] Result<bench::ScenarioResult> measure_restore(Bench& bench);

}  // namespace kstream::app
