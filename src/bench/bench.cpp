#include "bench/bench.hpp"

#include "bench/figures/json_document.hpp"
#include "kafka/bare_consumer.hpp"
#include "topics/check_rules.hpp"
#include "topics/ensure_topics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

namespace kstream::bench {

namespace {

// Event time of the first record: a constant, so that two runs make the same bytes.
constexpr std::int64_t kStartTime = 1'700'000'000;
constexpr Duration kChildPatience = std::chrono::minutes(30);
constexpr Duration kLook = std::chrono::milliseconds(50);
// A group has members until the broker has seen them leave.
constexpr int kDeleteAttempts = 50;
constexpr std::chrono::milliseconds kBetweenAttempts{200};
constexpr std::size_t kMaxWords = 500;  // of a child that failed

// Not a verdict about totals: nothing has been aggregated yet.
Error other_records(std::string message) {
    return Error::stop(
        ExitCode::integrity, std::move(message),
        "another program has written to the topics of this run, the cluster has lost "
        "records, or this is a bug: nothing of the run is reported");
}

}  // namespace

GeneratorOptions bench_generator(std::uint64_t seed, std::uint32_t sellers, Skew skew) {
    return {.seed = seed, .start_time_s = kStartTime, .sellers = sellers, .skew = skew};
}

GeneratorOptions even_records(const cli::BenchConfig& config) {
    return bench_generator(config.seed, config.sellers);
}

void Bench::say(std::string_view what, std::initializer_list<LogField> fields) const {
    log.write(LogLevel::info, what, fields);
}

Error interrupted_bench() {
    return Error::stop(ExitCode::incomplete, "stopped before the end: nothing is reported");
}

// ---- topics -------------------------------------------------------------------------------------

BenchJob::BenchJob(Bench& bench, std::string application_id, topics::Names names,
                   topics::TopicPlan plan, bool owns_source)
    : bench_(bench),
      application_id_(std::move(application_id)),
      names_(std::move(names)),
      plan_(std::move(plan)),
      owns_source_(owns_source) {}

Result<std::unique_ptr<BenchJob>> BenchJob::make(Bench& bench, const std::string& name,
                                                 const BenchJob* source) {
    topics::PlanInput input;
    input.application_id = fmt::format("{}-{}", bench.run, name);
    input.source = source != nullptr ? source->names().source : input.application_id + "-source";
    input.results = input.application_id + "-results";
    input.late =
        topics::late_topic_if(bench.config.query.job && has_windows(bench.config.query.job->spec));
    Result<topics::Names> names =
        topics::make_names(input.application_id, input.source, input.results, input.late);
    if (!names) {
        return std::unexpected(std::move(names.error()));
    }
    Result<topics::TopicPlan> plan = topics::make_topic_plan(input);
    if (!plan) {
        return std::unexpected(std::move(plan.error()));
    }
    // From here on its destructor removes what has been made, also when that is not all.
    std::unique_ptr<BenchJob> job(new BenchJob(bench, input.application_id, std::move(*names),
                                               std::move(*plan), source == nullptr));
    if (auto made =
            topics::make_missing_topics(bench.admin, job->plan_, topics::MissingSource::make,
                                        &topics::needed_on, bench.log, bench.stop);
        !made) {
        return std::unexpected(std::move(made.error()));
    }
    return job;
}

BenchJob::~BenchJob() {
    for (int attempt = 0; attempt < kDeleteAttempts; ++attempt) {
        const auto groups = bench_.cleaner.delete_groups({names_.map_group, names_.totals_group});
        if (!groups || std::ranges::all_of(*groups, [](const kafka::Outcome& group) {
                return !group.error || group.is_not_there();
            })) {
            break;  // a cluster that does not answer is not asked again and again
        }
        std::this_thread::sleep_for(kBetweenAttempts);
    }
    std::vector<std::string> topics;
    for (const topics::PlannedTopic& topic : plan_.topics) {
        if (topic.role != TopicRole::source || owns_source_) {
            topics.push_back(topic.name);
        }
    }
    const auto deleted = bench_.cleaner.delete_topics(topics);
    if (!deleted) {
        bench_.log.write(LogLevel::warn, "topics of this run are left",
                         {{"topics", application_id_ + "-*"}, {"reason", deleted.error().message}});
        return;
    }
    for (const kafka::Outcome& topic : *deleted) {
        if (topic.error && !topic.is_not_there()) {
            bench_.log.write(LogLevel::warn, "a topic of this run is left",
                             {{"topic", topic.name}, {"reason", topic.error->message}});
        }
    }
}

Result<std::vector<Offset>> source_ends(Bench& bench, const BenchJob& job) {
    const auto listed =
        bench.admin.offsets_of(job.names().source, job.partitions(TopicRole::source),
                               kafka::OffsetQuery::kLatest, Isolation::read_uncommitted);
    if (!listed) {
        return std::unexpected(listed.error());
    }
    std::vector<Offset> ends;
    for (const auto& [partition, end] : *listed) {
        ends.push_back(end);
    }
    return ends;
}

Result<void> check_source(Bench& bench, const BenchJob& job, const Expected& expected) {
    const auto ends = source_ends(bench, job);
    if (!ends) {
        return std::unexpected(ends.error());
    }
    const auto read = kafka::read_bare(bench.client,
                                       {.topic = job.names().source,
                                        .ends = *ends,
                                        .settings = {},
                                        .checksum = record_checksum,
                                        .canceled = [&] { return bench.stopped(); }},
                                       bench.clock);
    if (!read) {
        return std::unexpected(read.error());
    }
    if (read->records != expected.records || read->bytes != expected.bytes ||
        read->checksum != expected.checksum) {
        return std::unexpected(other_records(
            fmt::format("{} holds {} records of {} bytes, {} of {} were made{}", job.names().source,
                        read->records, read->bytes, expected.records, expected.bytes,
                        read->checksum != expected.checksum ? ", and their contents differ" : "")));
    }
    return {};
}

// ---- children -----------------------------------------------------------------------------------

Result<ChildEnd> wait_for_child(Bench& bench, ChildProcess& child, std::string_view what) {
    const Instant deadline = bench.clock.now() + kChildPatience;
    while (true) {
        if (const std::optional<ChildEnd> end = child.wait(kLook)) {
            if (end->exit_code == 0) {
                return *end;
            }
            return fail(ExitCode::incomplete,
                        fmt::format("{} ended with {}: {}", what, end->exit_code,
                                    child.trouble().substr(0, kMaxWords)));
        }
        if (bench.stopped()) {
            return std::unexpected(interrupted_bench());
        }
        if (bench.clock.now() > deadline) {
            return fail(ExitCode::incomplete, fmt::format("{} does not end", what));
        }
    }
}

Result<Produced> produce_records(Bench& bench, const BenchJob& job, const GeneratorOptions& options,
                                 std::uint64_t count) {
    const std::optional<double> broker_cpu = bench.brokers.cpu_seconds();
    auto child = ChildProcess::start(bench.config.common,
                                     {"produce",
                                      "--topic",
                                      job.names().source,
                                      "--output-topic",
                                      job.names().results,
                                      "--count",
                                      fmt::format("{}", count),
                                      "--seed",
                                      fmt::format("{}", options.seed),
                                      "--start-time",
                                      fmt::format("{}", options.start_time_s),
                                      "--sellers",
                                      fmt::format("{}", options.sellers),
                                      "--users",
                                      fmt::format("{}", options.users),
                                      "--skew",
                                      std::string(skew_name(options.skew)),
                                      "--form",
                                      std::string(form_name(options.form)),
                                      "--threads",
                                      fmt::format("{}", bench.config.threads),
                                      "--compression",
                                      bench.config.compression,
                                      "--json"},
                                     bench.clock);
    if (!child) {
        return std::unexpected(std::move(child.error()));
    }
    const Result<ChildEnd> end = wait_for_child(bench, **child, "produce");
    if (!end) {
        return std::unexpected(end.error());
    }
    Produced produced{.end = *end, .broker_cpu_seconds = bench.brokers.cpu_seconds()};
    if (broker_cpu && produced.broker_cpu_seconds) {
        *produced.broker_cpu_seconds -= *broker_cpu;
    }
    const auto report = JsonDocument::read((*child)->output());
    if (!report || !report->number("/seconds")) {
        return fail(ExitCode::internal, "produce did not report");
    }
    produced.seconds = *report->number("/seconds");
    produced.p50_ms = report->number("/latency_ms/p50").value_or(0);
    produced.p99_ms = report->number("/latency_ms/p99").value_or(0);
    return produced;
}

Result<std::unique_ptr<ChildProcess>> start_aggregate(Bench& bench, const BenchJob& job,
                                                      bool until_end,
                                                      const std::string& statement) {
    std::vector<std::string> arguments{
        "aggregate",         "--application-id", job.application_id(),
        "--topic",           job.names().source, "--output-topic",
        job.names().results, "--workers",        fmt::format("{}", bench.config.workers)};
    if (!statement.empty()) {
        arguments.insert(arguments.end(), {"--query", statement});
    }
    if (until_end) {
        arguments.insert(arguments.end(), {"--until", "end"});
    }
    return ChildProcess::start(bench.config.common, std::move(arguments), bench.clock);
}

void add_cpu(ScenarioResult& result, double records, double cpu_seconds,
             const std::optional<double>& broker_cpu_seconds) {
    using enum Better;
    result.add("cpu_seconds", "s", lower, cpu_seconds);
    if (cpu_seconds > 0) {
        result.add("records_per_cpu_second", "records/s", higher, records / cpu_seconds);
    }
    if (broker_cpu_seconds) {
        result.add("broker_cpu_seconds", "s", neither, *broker_cpu_seconds);
    }
}

}  // namespace kstream::bench
