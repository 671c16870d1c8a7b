// restore: how long a process takes to read state back. --keys keys get ten updates each; whole
// records are spread over the keys at random, so the changelog holds about as many versions of a
// key as it was committed with. Then a new process takes over: timed from its assignment of the
// state partitions to the last partition restored. The changelog is as its writer has left it; the
// broker's cleaner may have compacted a part of it.
//
// Each round begins with new records (a tenth of the keys) in the source, which the new process
// counts after it has restored: what is checked at its end, all totals and counts, rests on the
// state that it has read back, and the number of keys that it says it has restored must be right.
#include "bench/figures/json_document.hpp"
#include "bench/results_view.hpp"
#include "bench/scenarios.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <utility>

namespace kstream::bench {

namespace {

constexpr std::uint64_t kUpdates = 10;
constexpr std::uint64_t kShareOfNew = 10;
constexpr double kMebibyte = 1 << 20;

struct Restored {
    Instant assigned;
    Instant done;
    std::uint64_t keys = 0;
};

// From the log of the process: its state partitions were assigned, then restored one by one.
Result<Restored> restored_by(const ChildProcess& child) {
    Restored restored;
    bool assigned = false;
    for (const ChildLine& line : child.lines()) {
        const auto document = JsonDocument::read(line.text);
        if (!document) {
            continue;
        }
        const std::string event = document->text("/event").value_or("");
        if (event == "partitions assigned" && document->text("/stage") == "totals" && !assigned) {
            restored.assigned = line.at;
            assigned = true;
        } else if (event == "totals restored") {
            const std::string keys = document->text("/keys").value_or("0");
            std::uint64_t number = 0;
            std::from_chars(keys.data(), keys.data() + keys.size(), number);
            restored.keys += number;
            restored.done = line.at;
        }
    }
    if (!assigned || restored.done <= restored.assigned) {
        return fail(ExitCode::internal, "aggregate has not said when it restored its state");
    }
    return restored;
}

// Produces, aggregates to the end, checks. `view` is read on.
Result<std::pair<Restored, ChildEnd>> add_and_aggregate(Bench& bench, const BenchJob& job,
                                                        ResultsView& view, Expected& expected,
                                                        std::uint64_t seed, std::uint64_t records) {
    const GeneratorOptions options = bench_generator(seed, bench.config.keys);
    if (const auto produced = produce_records(bench, job, options, records); !produced) {
        return std::unexpected(produced.error());
    }
    expected.add(options, records);
    const auto child = start_aggregate(bench, job, true);
    if (!child) {
        return std::unexpected(child.error());
    }
    if (auto seen = wait_for_totals(bench, view, **child, expected.records); !seen) {
        return std::unexpected(std::move(seen.error()));
    }
    const auto end = wait_for_child(bench, **child, "aggregate");
    if (!end) {
        return std::unexpected(end.error());
    }
    if (auto checked = check_totals(view, expected); !checked) {
        return std::unexpected(std::move(checked.error()));
    }
    const auto restored = restored_by(**child);
    if (!restored) {
        return std::unexpected(restored.error());
    }
    return std::pair{*restored, *end};
}

}  // namespace

Result<ScenarioResult> measure_restore(Bench& bench) {
    const auto job = BenchJob::make(bench, "restore");
    if (!job) {
        return std::unexpected(job.error());
    }
    Expected expected;
    ResultsView view(bench, **job, bench.config.keys);
    std::uint64_t seed = bench.config.seed;
    const auto first = add_and_aggregate(bench, **job, view, expected, seed,
                                         std::uint64_t{bench.config.keys} * kUpdates);
    if (!first) {
        return std::unexpected(first.error());
    }
    ScenarioResult result{
        .name = "restore", .checked = "keys restored; total and count of every key", .figures = {}};
    for (int i = 0; i < bench.config.rounds; ++i) {
        const std::uint64_t keys = expected.keys();
        const auto next = add_and_aggregate(bench, **job, view, expected, ++seed,
                                            bench.config.keys / kShareOfNew);
        if (!next) {
            return std::unexpected(next.error());
        }
        const auto& [restored, end] = *next;
        if (restored.keys != keys) {
            return fail(ExitCode::proved_wrong,
                        fmt::format("{} keys were restored, of {}", restored.keys, keys));
        }
        using enum Better;
        const double seconds =
            std::chrono::duration<double>(restored.done - restored.assigned).count();
        result.add("seconds", "s", lower, seconds);
        result.add("keys_per_second", "keys/s", higher, static_cast<double>(keys) / seconds);
        result.add("peak_memory", "MiB", lower, static_cast<double>(end.peak_memory) / kMebibyte);
        bench.say("restored", {{"round", std::int64_t{i + 1}}});
    }
    return result;
}

}  // namespace kstream::bench
