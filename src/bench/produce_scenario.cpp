// produce: `kstream produce` as a process of its own, as fast as it goes, with its defaults
// (acks=all, idempotent, lz4): records are made, encoded, compressed, sent and acknowledged by all
// in-sync replicas. Timed from the first record made to the last acknowledgement, as that process
// reports; its start and the connections to the brokers come before. Each round has a topic of its
// own. The CPU seconds are those of the whole process.
//
// Checked: each round's topic is read back; number, bytes and contents of its records are those
// that the generator says. The reading is not timed.
#include "bench/scenarios.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace kstream::bench {

namespace {

constexpr double kMillion = 1e6;
constexpr double kMebibyte = 1 << 20;

void add_round(ScenarioResult& result, const Expected& expected, const Produced& produced) {
    using enum Better;
    const auto records = static_cast<double>(expected.records);
    result.add("records_per_second", "records/s", higher, records / produced.seconds);
    result.add("megabytes_per_second", "MB/s", neither,
               static_cast<double>(expected.bytes) / produced.seconds / kMillion);
    result.add("seconds", "s", neither, produced.seconds);
    result.add("delivery_p50", "ms", neither, produced.p50_ms);
    result.add("delivery_p99", "ms", neither, produced.p99_ms);
    result.add("peak_memory", "MiB", lower,
               static_cast<double>(produced.end.peak_memory) / kMebibyte);
    add_cpu(result, records, produced.end.cpu_seconds, produced.broker_cpu_seconds);
}

// What is made before anything is measured.
Result<void> warm_up(Bench& bench) {
    const auto job = BenchJob::make(bench, "warm-up");
    if (!job) {
        return std::unexpected(job.error());
    }
    const auto produced = produce_records(bench, **job, even_records(bench.config),
                                          bench.config.records / kWarmUpShare);
    if (!produced) {
        return std::unexpected(produced.error());
    }
    return {};
}

// One round: a fresh topic, the records, the check.
Result<Dataset> produce_round(Bench& bench, int round, const GeneratorOptions& options,
                              const Expected& expected, ScenarioResult& result) {
    Dataset data;
    auto job = BenchJob::make(bench, fmt::format("produce-{}", round));
    if (!job) {
        return std::unexpected(std::move(job.error()));
    }
    data.job = std::move(*job);
    const auto produced = produce_records(bench, *data.job, options, expected.records);
    if (!produced) {
        return std::unexpected(produced.error());
    }
    if (auto checked = check_source(bench, *data.job, expected); !checked) {
        return std::unexpected(std::move(checked.error()));
    }
    auto ends = source_ends(bench, *data.job);
    if (!ends) {
        return std::unexpected(std::move(ends.error()));
    }
    data.ends = std::move(*ends);
    data.expected = expected;
    add_round(result, expected, *produced);
    return data;
}

Expected expected_of(const Bench& bench, const GeneratorOptions& options) {
    Expected expected;
    expected.add(options, bench.config.records);
    return expected;
}

}  // namespace

Result<ScenarioResult> measure_produce(Bench& bench, Dataset& kept) {
    const GeneratorOptions options = even_records(bench.config);
    const Expected expected = expected_of(bench, options);
    if (auto warm = warm_up(bench); !warm) {
        return std::unexpected(std::move(warm.error()));
    }
    ScenarioResult result{
        .name = "produce", .checked = "number, bytes and contents of all records", .figures = {}};
    for (int i = 0; i < bench.config.rounds; ++i) {
        kept = {};  // the topics of the round before
        auto data = produce_round(bench, i, options, expected, result);
        if (!data) {
            return std::unexpected(std::move(data.error()));
        }
        kept = std::move(*data);
        bench.say("produced", {{"round", std::int64_t{i + 1}}});
    }
    return result;
}

Result<Dataset> make_dataset(Bench& bench, const GeneratorOptions& options) {
    ScenarioResult not_reported;
    return produce_round(bench, 0, options, expected_of(bench, options), not_reported);
}

}  // namespace kstream::bench
