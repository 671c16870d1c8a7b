// latency: from the moment when a record was meant to be sent to the moment when a read_committed
// reader of the results has received a total that contains it, at --rate records a second, with one
// key (seller) per partition. How that is measured stands in bench/open_loop.hpp; what many
// keys cost shows the scenario keys. Twice, one after the other: the default job, and a statement
// with five aggregates (five_).
//
// Checked: at the end the total and the count of every key, exactly.
#include "bench/open_loop.hpp"
#include "bench/scenarios.hpp"

#include <string_view>
#include <utility>

namespace kstream::bench {

namespace {

constexpr double kMebibyte = 1 << 20;
constexpr std::string_view kFiveAggregates =
    "SELECT id_vendedor, sum(valor) AS valor_total_por_vendedor, count(*) AS numero_transacoes, "
    "min(valor) AS menor, max(valor) AS maior, round(avg(valor), 2) AS media FROM \"{}\" "
    "GROUP BY id_vendedor";

}  // namespace

Result<ScenarioResult> measure_latency(Bench& bench) {
    const GeneratorOptions options = bench_generator(bench.config.seed, kOnePerPartition);
    const auto seen = run_open_loop(bench, "latency", options);
    if (!seen) {
        return std::unexpected(seen.error());
    }
    const auto five = run_open_loop(bench, "latency-five", options, kFiveAggregates);
    if (!five) {
        return std::unexpected(five.error());
    }
    ScenarioResult result{
        .name = "latency", .checked = "total and count of every key", .figures = {}};
    add_latencies(result, "", seen->rounds);
    result.add("delivery_p50", "ms", Better::neither,
               milliseconds_of(seen->delivery_us.value_at(0.5)));
    result.add("delivery_p99", "ms", Better::neither,
               milliseconds_of(seen->delivery_us.value_at(0.99)));
    add_latencies(result, "five_", five->rounds);
    for (const LatencyHistogram& round : seen->rounds) {
        bench.latency_us.merge(round);
    }
    result.add("peak_memory", "MiB", Better::lower,
               static_cast<double>(seen->peak_memory) / kMebibyte);
    return result;
}

}  // namespace kstream::bench
