#include "produce/run.hpp"

#include "produce/progress.hpp"
#include "produce/record_maker.hpp"
#include "produce/worker.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <thread>
#include <unistd.h>

namespace kstream::produce {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kLookEvery = milliseconds(200);
constexpr Duration kProgressOnTerminal = milliseconds(500);
constexpr Duration kProgressInLog = seconds(5);
constexpr Duration kStallLimit = seconds(3);

// Shows how far the workers are until they have finished: snapshots for metrics and HTTP, a line on
// a terminal or in the log, and a word when no broker answers.
class Watcher {
public:
    Watcher(const Surroundings& around, const ProgressBoard& board)
        : around_(around),
          board_(board),
          terminal_(::isatty(STDERR_FILENO) == 1),
          shown_at_(around.clock.now()),
          stall_(shown_at_, kStallLimit) {}

    void run() {
        bool finished = false;
        while (!finished) {
            finished = board_.wait_finished(kLookEvery);
            const ProduceStatus status = board_.total();
            const Instant now = around_.clock.now();
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
            case StallWatch::Event::waiting:
                clear_line();
                around_.log.write(
                    LogLevel::warn, "waiting for brokers",
                    {{"queued_records", static_cast<std::int64_t>(status.queued_records)},
                     {"queued_bytes", static_cast<std::int64_t>(status.queued_bytes)}});
                break;
            case StallWatch::Event::resumed:
                clear_line();
                around_.log.write(
                    LogLevel::info, "resumed",
                    {{"acknowledged", static_cast<std::int64_t>(status.acknowledged)}});
                break;
            case StallWatch::Event::none:
                break;
        }
        status.waiting = status.waiting || stall_.waiting();
        around_.status.publish(status);
    }

    void show(Instant now, const ProduceStatus& status) {
        const double elapsed = static_cast<double>((now - shown_at_).count()) / 1e9;
        const double rate =
            static_cast<double>(status.acknowledged - shown_acknowledged_) / elapsed;
        shown_at_ = now;
        shown_acknowledged_ = status.acknowledged;
        const std::string line = progress_line(status, rate);
        if (terminal_) {
            fmt::print(stderr, "\r{}\033[K", line);
            std::fflush(stderr);
            line_shown_ = true;
        } else {
            around_.log.write(LogLevel::info, line);
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

    const Surroundings& around_;
    const ProgressBoard& board_;
    const bool terminal_;
    Instant shown_at_;
    StallWatch stall_;
    std::uint64_t shown_acknowledged_ = 0;
    bool line_shown_ = false;
};

WorkPlan plan_of(const cli::ProduceConfig& config, Instant begin, int worker) {
    WorkPlan plan;
    plan.share = {.first = static_cast<std::uint64_t>(worker),
                  .step = static_cast<std::uint64_t>(config.threads),
                  .end = config.count.value_or(WorkShare::kNoEnd)};
    if (config.rate) {
        plan.schedule.emplace(begin, *config.rate);
    }
    if (config.duration) {
        plan.stop_at = begin + *config.duration;
    }
    return plan;
}

// Runs all workers to their end; returns the seconds from the first record to the last answer.
double run_workers(const cli::ProduceConfig& config, const RecordMaker& maker,
                   const Producers& producers, Instant begin, const Surroundings& around) {
    ProgressBoard board(producers.size());
    std::vector<std::jthread> threads;
    threads.reserve(producers.size());
    for (std::size_t i = 0; i < producers.size(); ++i) {
        threads.emplace_back([&, i] {
            ProduceWorker(*producers[i], maker, plan_of(config, begin, static_cast<int>(i)),
                          around.clock, around.stop, board, i)
                .run();
        });
    }
    Watcher(around, board).run();
    threads.clear();
    return static_cast<double>((around.clock.now() - begin).count()) / 1e9;
}

ProduceReport report_of(const cli::ProduceConfig& config, std::int64_t start_time_s,
                        const Producers& producers, Instant begin, double elapsed, bool stopped) {
    ProduceReport report;
    report.topic = config.topic;
    report.asked = config.count;
    report.cut_off = stopped || config.duration.has_value();
    report.shape = config.shape;
    report.seed = config.seed;
    report.start_time_s = start_time_s;
    report.users = config.users;
    report.sellers = config.sellers;
    report.locations = config.locations;
    report.skew = config.skew;
    report.form = config.form;
    report.out_of_order_millionths = config.out_of_order.value_or(cli::Share{}).millionths;
    report.out_of_order_by = config.out_of_order_by;
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
        const std::uint64_t due =
            std::min(SendSchedule(begin, *config.rate).due_before(begin + *config.duration),
                     config.count.value_or(WorkShare::kNoEnd));
        report.behind = due > report.made ? due - report.made : 0;
    }
    return report;
}

}  // namespace

ProduceReport run(const cli::ProduceConfig& config, const Producers& producers,
                  const Surroundings& around) {
    const std::int64_t start_time_s = config.start_time.value_or(around.clock.wall_ms() / 1000);
    const RecordMaker maker = make_record_maker(config, start_time_s);
    around.log.write(LogLevel::info, "producing",
                     {{"topic", config.topic},
                      {"partitions", std::int64_t{producers.front()->partitions()}},
                      {"seed", fmt::format("{}", config.seed)},
                      {"start_time", start_time_s}});
    const Instant begin = around.clock.now();
    const double elapsed = run_workers(config, maker, producers, begin, around);
    return report_of(config, start_time_s, producers, begin, elapsed, around.stop.requested());
}

}  // namespace kstream::produce
