// keys: what many keys cost. The records name --keys sellers by Zipf's law: a few have most
// records, most have one or none. Two measurements:
//
// A backlog, as in the scenario aggregate: --records of them are there already, rounds take turns
// with those of bare consumers, of_consume is the ratio within one turn. Steps last up to a second
// there (docs/adr/0012-commit-rhythm.md), and each key that a step has touched is written to the
// changelog and to the results: records and bytes written for each record read are reported.
//
// An open loop at --rate, as in the scenario latency: visible_p50 and so on are the times from the
// intended sending of a record to a visible total that contains it.
//
// Checked: the total and the count of every key, exactly, after each round and at the end.
#include "bench/open_loop.hpp"
#include "bench/scenarios.hpp"

#include <utility>

namespace kstream::bench {

Result<ScenarioResult> measure_keys(Bench& bench) {
    const GeneratorOptions options =
        bench_generator(bench.config.seed, bench.config.keys, Skew::zipf);
    ScenarioResult result;
    {
        const auto data = make_dataset(bench, options);
        if (!data) {
            return std::unexpected(data.error());
        }
        auto measured = measure_aggregate(bench, *data);
        if (!measured) {
            return std::unexpected(std::move(measured.error()));
        }
        result = std::move(measured->back());
        result.name = "keys";
        result.add("distinct_keys", "", Better::neither,
                   static_cast<double>(data->expected.keys()));
    }
    const auto seen = run_open_loop(bench, "keys", options);
    if (!seen) {
        return std::unexpected(seen.error());
    }
    add_latencies(result, "visible_", seen->rounds);
    return result;
}

}  // namespace kstream::bench
