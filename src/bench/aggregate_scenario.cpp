// aggregate: `kstream aggregate --until end` as a process of its own, with its defaults, on a topic
// that holds all records already. Timed from the moment when its first source partition is opened
// to the moment when a read_committed reader of the results has seen the last total: joining the
// groups comes before and is distinguished (start_seconds), draining and the last commit are in it.
// CPU seconds and memory are those of the whole process, from start to end.
//
// Rounds take turns with those of consume, so that what disturbs the machine disturbs both;
// of_consume is the ratio within one turn. Each round is a new job; a round with an application id
// of its own goes before the first one and is forgotten.
//
// Checked: after each round the total and the count of every key, exactly.
#include "bench/ceiling.hpp"
#include "bench/results_view.hpp"

#include <fmt/format.h>

#include <chrono>
#include <utility>

namespace kstream::bench {

namespace {

constexpr double kMebibyte = 1 << 20;
constexpr double kThousand = 1000;

double seconds_between(Instant begin, Instant end) {
    return std::chrono::duration<double>(end - begin).count();
}

// Records and markers that the job has written, all logs together.
Result<std::int64_t> written_entries(Bench& bench, const BenchJob& job) {
    std::int64_t entries = 0;
    for (const TopicRole role :
         {TopicRole::repartition, TopicRole::changelog, TopicRole::results}) {
        const auto ends =
            bench.admin.offsets_of(job.names().topic(role), job.partitions(role),
                                   kafka::OffsetQuery::kLatest, Isolation::read_uncommitted);
        if (!ends) {
            return std::unexpected(ends.error());
        }
        for (const auto& [partition, end] : *ends) {
            entries += end.value;
        }
    }
    return entries;
}

Result<void> run_round(Bench& bench, const Dataset& data, const std::string& name,
                       ScenarioResult& result) {
    const auto job = BenchJob::make(bench, name, data.job.get());
    if (!job) {
        return std::unexpected(job.error());
    }
    ResultsView view(bench, **job, static_cast<std::uint32_t>(data.expected.sellers.size()));
    if (auto polled = view.poll(Duration(0)); !polled) {  // connects
        return polled;
    }
    const std::optional<double> broker_cpu = bench.brokers.cpu_seconds();
    const auto child = start_aggregate(bench, **job, true);
    if (!child) {
        return std::unexpected(child.error());
    }
    if (auto seen = wait_for_totals(bench, view, **child, data.expected.records); !seen) {
        return seen;
    }
    const Instant last_total = view.changed();
    const auto end = wait_for_child(bench, **child, "aggregate");
    if (!end) {
        return std::unexpected(end.error());
    }
    std::optional<double> broker_cpu_used = bench.brokers.cpu_seconds();
    if (broker_cpu_used && broker_cpu) {
        *broker_cpu_used -= *broker_cpu;
    }
    if (auto checked = check_totals(view, data.expected); !checked) {
        return checked;
    }
    const auto entries = written_entries(bench, **job);
    if (!entries) {
        return std::unexpected(entries.error());
    }
    const std::optional<Instant> opened = (*child)->said("partition opened", 1);
    const std::optional<std::uint64_t> bytes =
        (*child)->said_number("stopped; everything that was read is committed", "bytes_written");
    if (!opened || !bytes) {
        return fail(ExitCode::internal,
                    "aggregate has not said when it opened a partition, or what it has written");
    }
    using enum Better;
    const auto records = static_cast<double>(data.expected.records);
    const double seconds = seconds_between(*opened, last_total);
    result.add("records_per_second", "records/s", higher, records / seconds);
    result.add("seconds", "s", neither, seconds);
    result.add("start_seconds", "s", lower, seconds_between((*child)->started(), *opened));
    result.add("peak_memory", "MiB", lower, static_cast<double>(end->peak_memory) / kMebibyte);
    add_cpu(result, records, end->cpu_seconds, broker_cpu_used);
    result.add("log_entries_per_1000_records", "", neither,
               static_cast<double>(*entries) / records * kThousand);
    result.add("bytes_written_per_record", "bytes", neither, static_cast<double>(*bytes) / records);
    return {};
}

double last_rate(const ScenarioResult& result) {
    return result.find("records_per_second")->rounds.back();
}

}  // namespace

Result<std::vector<ScenarioResult>> measure_aggregate(Bench& bench, const Dataset& data) {
    const auto ceiling = Ceiling::choose(bench, data);
    if (!ceiling) {
        return std::unexpected(ceiling.error());
    }
    ScenarioResult consume = ceiling->empty_result();
    ScenarioResult aggregate{
        .name = "aggregate", .checked = "total and count of every key", .figures = {}};
    ScenarioResult forgotten;
    if (auto warm = run_round(bench, data, "warm-up", forgotten); !warm) {
        return std::unexpected(std::move(warm.error()));
    }
    for (int i = 0; i < bench.config.rounds; ++i) {
        if (auto done = ceiling->run_round(bench, data, consume); !done) {
            return std::unexpected(std::move(done.error()));
        }
        if (auto done = run_round(bench, data, fmt::format("aggregate-{}", i), aggregate); !done) {
            return std::unexpected(std::move(done.error()));
        }
        aggregate.add("of_consume", "", Better::higher, last_rate(aggregate) / last_rate(consume));
        bench.say("aggregated", {{"round", std::int64_t{i + 1}}});
    }
    return std::vector{std::move(consume), std::move(aggregate)};
}

}  // namespace kstream::bench
