// Composition root of `produce`: topics, one producer and one thread per worker, progress, summary.
#include "app/commands.hpp"
#include "kafka/broker_clock.hpp"
#include "kafka/error_map.hpp"
#include "kafka/producer.hpp"
#include "kstream/core/generator.hpp"
#include "produce/progress.hpp"
#include "produce/report.hpp"
#include "produce/worker.hpp"
#include "topics/ensure_topics.hpp"
#include "topics/topic_plan.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

namespace kstream::app {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// How long brokers may take to come at the start; later they are waited for without a limit.
constexpr milliseconds kFirstLook{2000};
constexpr milliseconds kBrokersAtStart{60000};

constexpr Duration kLookEvery = milliseconds(200);
constexpr Duration kProgressOnTerminal = milliseconds(500);
constexpr Duration kProgressInLog = seconds(5);
constexpr Duration kStallLimit = seconds(3);

void write_error(Log& log, const Error& error) {
    if (error.hint.empty()) {
        log.write(LogLevel::error, error.message);
    } else {
        log.write(LogLevel::error, error.message, {{"hint", error.hint}});
    }
}

// Said before the first record is made, where the answer would be a report of failed records.
Result<void> check_right(kafka::Admin& admin, const std::string& topic) {
    const auto found = admin.describe_topics({topic});
    if (!found) {
        return std::unexpected(found.error());
    }
    const kafka::TopicInfo& info = found->front();
    const std::string right = "Write on topic " + topic;
    if (info.error) {
        return std::unexpected(kafka::with_right(*info.error, right));
    }
    if (info.exists && info.rights.known() && !info.rights.allows(kafka::Operation::write)) {
        return fail(ExitCode::kafka_fatal, fmt::format("not authorized to Write topic {}", topic),
                    "the principal needs " + right);
    }
    return {};
}

std::string_view needed_on(TopicRole role) {
    return role == TopicRole::source ? "Write" : "Describe";
}

Result<void> make_topics(const cli::ProduceConfig& config, AppContext& context) {
    const auto plan = topics::make_topic_plan({.application_id = "kstream",
                                               .source = config.topic,
                                               .results = config.results_topic,
                                               .policy = {},
                                               .source_partitions = std::nullopt,
                                               .repartition_partitions = std::nullopt,
                                               .results_partitions = std::nullopt,
                                               .overrides = {}});
    if (!plan) {
        return std::unexpected(plan.error());
    }
    auto admin = topics::make_admin(config.common, context.log, context.stop);
    if (!admin) {
        return std::unexpected(std::move(admin.error()));
    }
    if (auto cluster = admin->wait_for_cluster(1, kFirstLook); !cluster) {
        if (cluster.error().disposition != Disposition::retry) {
            return std::unexpected(std::move(cluster.error()));
        }
        context.log.write(
            LogLevel::warn, "waiting for brokers",
            {{"brokers", config.common.brokers}, {"reason", cluster.error().message}});
        cluster = admin->wait_for_cluster(1, kBrokersAtStart);
        if (!cluster) {
            return std::unexpected(std::move(cluster.error()));
        }
        context.log.write(LogLevel::info, "resumed");
    }
    if (auto allowed = check_right(*admin, config.topic); !allowed) {
        return allowed;
    }
    return topics::make_missing_topics(*admin, plan->only({TopicRole::source, TopicRole::results}),
                                       topics::MissingSource::make, &needed_on, context.log,
                                       context.stop);
}

using Producers = std::vector<std::unique_ptr<kafka::Producer>>;

Result<Producers> open_producers(const cli::ProduceConfig& config, AppContext& context) {
    kafka::ProducerOptions options;
    options.topic = config.topic;
    options.required = {{"compression.codec", config.compression}};
    Producers producers;
    for (int i = 0; i < config.threads; ++i) {
        options.name = fmt::format("produce-{}", i);
        options.status = config.common.http ? &context.snapshots : nullptr;
        const kafka::ClientConfig client{config.common.brokers,
                                         fmt::format("kstream-produce-{}", i),
                                         config.common.client_properties, &context.log};
        auto producer = kafka::Producer::open(client, options, context.clock);
        if (!producer) {
            return std::unexpected(std::move(producer.error()));
        }
        producers.push_back(std::move(*producer));
    }
    return producers;
}

// Shows how far the workers are until they have finished: snapshots for metrics and HTTP, a line on
// a terminal or in the log, and a word when no broker answers.
class Watcher {
public:
    Watcher(AppContext& context, const produce::ProgressBoard& board)
        : context_(context),
          board_(board),
          terminal_(::isatty(STDERR_FILENO) == 1),
          shown_at_(context.clock.now()),
          stall_(shown_at_, kStallLimit) {}

    void run() {
        bool finished = false;
        while (!finished) {
            finished = board_.wait_finished(kLookEvery);
            const ProduceStatus status = board_.total();
            const Instant now = context_.clock.now();
            look_for_stall(now, status);
            const Duration every = terminal_ ? kProgressOnTerminal : kProgressInLog;
            if (!finished && now - shown_at_ >= every) {
                show(now, status);
            }
        }
        clear_line();
    }

private:
    void look_for_stall(Instant now, ProduceStatus status) {
        switch (stall_.observe(now, status.acknowledged, status.queued_records)) {
            case produce::StallWatch::Event::waiting:
                clear_line();
                context_.log.write(
                    LogLevel::warn, "waiting for brokers",
                    {{"queued_records", static_cast<std::int64_t>(status.queued_records)},
                     {"queued_bytes", static_cast<std::int64_t>(status.queued_bytes)}});
                break;
            case produce::StallWatch::Event::resumed:
                clear_line();
                context_.log.write(
                    LogLevel::info, "resumed",
                    {{"acknowledged", static_cast<std::int64_t>(status.acknowledged)}});
                break;
            case produce::StallWatch::Event::none:
                break;
        }
        status.waiting = status.waiting || stall_.waiting();
        context_.snapshots.publish(status);
    }

    void show(Instant now, const ProduceStatus& status) {
        const double elapsed = static_cast<double>((now - shown_at_).count()) / 1e9;
        const double rate =
            static_cast<double>(status.acknowledged - shown_acknowledged_) / elapsed;
        shown_at_ = now;
        shown_acknowledged_ = status.acknowledged;
        const std::string line = produce::progress_line(status, rate);
        if (terminal_) {
            fmt::print(stderr, "\r{}\033[K", line);
            std::fflush(stderr);
            line_shown_ = true;
        } else {
            context_.log.write(LogLevel::info, line);
        }
    }

    // A log line must not begin in the middle of the progress line.
    void clear_line() {
        if (line_shown_) {
            fmt::print(stderr, "\r\033[K");
            std::fflush(stderr);
            line_shown_ = false;
        }
    }

    AppContext& context_;
    const produce::ProgressBoard& board_;
    const bool terminal_;
    Instant shown_at_;
    produce::StallWatch stall_;
    std::uint64_t shown_acknowledged_ = 0;
    bool line_shown_ = false;
};

produce::WorkPlan plan_of(const cli::ProduceConfig& config, Instant begin, int worker) {
    produce::WorkPlan plan;
    plan.share = {.first = static_cast<std::uint64_t>(worker),
                  .step = static_cast<std::uint64_t>(config.threads),
                  .end = config.count.value_or(produce::WorkShare::kNoEnd)};
    if (config.rate) {
        plan.schedule.emplace(begin, *config.rate);
    }
    if (config.duration) {
        plan.stop_at = begin + *config.duration;
    }
    return plan;
}

// Runs all workers to their end; returns the seconds from the first record to the last answer.
double run_workers(const cli::ProduceConfig& config, const TransactionGenerator& generator,
                   Producers& producers, Instant begin, AppContext& context) {
    produce::ProgressBoard board(producers.size());
    std::vector<std::jthread> threads;
    threads.reserve(producers.size());
    for (std::size_t i = 0; i < producers.size(); ++i) {
        threads.emplace_back([&, i] {
            produce::ProduceWorker(*producers[i], generator,
                                   plan_of(config, begin, static_cast<int>(i)), context.clock,
                                   context.stop, board, i)
                .run();
        });
    }
    Watcher(context, board).run();
    threads.clear();
    return static_cast<double>((context.clock.now() - begin).count()) / 1e9;
}

produce::ProduceReport report_of(const cli::ProduceConfig& config, const GeneratorOptions& options,
                                 const Producers& producers, Instant begin, double elapsed,
                                 bool stopped) {
    produce::ProduceReport report;
    report.topic = config.topic;
    report.asked = config.count;
    report.cut_off = stopped || config.duration.has_value();
    report.seed = options.seed;
    report.start_time_s = options.start_time_s;
    report.users = options.users;
    report.sellers = options.sellers;
    report.locations = options.locations;
    report.skew = options.skew;
    report.threads = config.threads;
    report.rate = config.rate;
    report.seconds = elapsed;
    for (const auto& producer : producers) {
        const kafka::DeliveryCounts& counts = producer->counts();
        report.made += producer->added();
        report.counts.acknowledged += counts.acknowledged;
        report.counts.acknowledged_bytes += counts.acknowledged_bytes;
        report.counts.failed += counts.failed;
        report.counts.unknown += counts.unknown;
        report.latency_us.merge(producer->latency_us());
    }
    if (config.threads == 1 || report.made == config.count) {
        report.count = report.made;
    }
    if (config.rate && config.duration) {
        const std::uint64_t due = std::min(
            produce::SendSchedule(begin, *config.rate).due_before(begin + *config.duration),
            config.count.value_or(produce::WorkShare::kNoEnd));
        report.behind = due > report.made ? due - report.made : 0;
    }
    return report;
}

ExitCode produce(const cli::ProduceConfig& config, AppContext& context, Producers& producers) {
    const GeneratorOptions options{
        .seed = config.seed,
        .start_time_s = config.start_time.value_or(context.clock.wall_ms() / 1000),
        .users = config.users,
        .sellers = config.sellers,
        .locations = config.locations,
        .skew = config.skew};
    const TransactionGenerator generator(options);
    context.log.write(LogLevel::info, "producing",
                      {{"topic", config.topic},
                       {"partitions", std::int64_t{producers.front()->partitions()}},
                       {"seed", fmt::format("{}", options.seed)},
                       {"start_time", options.start_time_s}});
    const Instant begin = context.clock.now();
    const double elapsed = run_workers(config, generator, producers, begin, context);
    const auto failed =
        std::ranges::find_if(producers, [](const auto& one) { return one->failure().has_value(); });
    std::optional<Error> cause;
    if (failed != producers.end()) {
        cause = kafka::with_clocks(*(*failed)->failure(),
                                   {config.common.brokers, "kstream-produce",
                                    config.common.client_properties, &context.log});
    }
    const produce::ProduceReport report =
        report_of(config, options, producers, begin, elapsed, context.stop.requested());
    fmt::print("{}", config.json ? to_json(report) : to_text(report));
    ExitCode code = exit_code_of(report);
    if (code != ExitCode::ok) {
        context.log.write(LogLevel::error, "not everything was delivered",
                          {{"made", static_cast<std::int64_t>(report.made)},
                           {"acknowledged", static_cast<std::int64_t>(report.counts.acknowledged)},
                           {"failed", static_cast<std::int64_t>(report.counts.failed)},
                           {"unknown", static_cast<std::int64_t>(report.counts.unknown)}});
    }
    if (cause) {  // the last word is why
        write_error(context.log, *cause);
        // Not a part is missing: no record can be delivered like this.
        if (code != ExitCode::ok && kafka::is_refused_connection(*cause)) {
            code = cause->exit_code;
        }
    }
    return code;
}

}  // namespace

ExitCode run_produce(const cli::ProduceConfig& config, AppContext& context) {
    if (auto made = make_topics(config, context); !made) {
        write_error(context.log, made.error());
        return made.error().exit_code;
    }
    auto producers = open_producers(config, context);
    if (!producers) {
        write_error(context.log, producers.error());
        return producers.error().exit_code;
    }
    return produce(config, context, *producers);
}

}  // namespace kstream::app
