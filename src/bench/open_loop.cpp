#include "bench/open_loop.hpp"

#include "bench/results_view.hpp"
#include "kafka/producer.hpp"
#include "kstream/codec/transaction_encoder.hpp"
#include "produce/send_schedule.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <thread>
#include <utility>

namespace kstream::bench {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kWarmUp = seconds(5);
constexpr Duration kBeforeFirst = milliseconds(100);
constexpr Duration kLongestWait = milliseconds(100);
constexpr Duration kLook = milliseconds(100);
constexpr Duration kStartPatience = seconds(60);
constexpr Duration kSendPatience = seconds(60);

struct Load {
    TransactionGenerator generator;
    produce::SendSchedule schedule;
    std::uint64_t records;
    std::uint32_t partitions;
};

// Sends every record when it is due. One thread.
class Sender {
public:
    Sender(kafka::Producer& producer, const Load& load, const Clock& clock)
        : producer_(producer), load_(load), clock_(clock) {}

    void run(const std::atomic<bool>& give_up) {
        for (std::uint64_t next = 0; next < load_.records && !give_up && !producer_.failure();) {
            const Instant now = clock_.now();
            while (next < load_.records && load_.schedule.due(next) <= now && add(next)) {
                ++next;
            }
            const Duration left =
                next < load_.records ? load_.schedule.due(next) - clock_.now() : Duration(0);
            producer_.poll(std::clamp(left, Duration(0), kLongestWait));
        }
        producer_.flush();
        const Instant deadline = clock_.now() + kSendPatience;
        while (producer_.outstanding() > 0 && !give_up && clock_.now() < deadline) {
            producer_.poll(kLongestWait);
        }
        producer_.abandon();
    }

private:
    bool add(std::uint64_t number) {
        const Transaction record = load_.generator.record(number);
        const std::string_view value(room_.data(), encode_transaction(record, room_.data()));
        const PartitionId partition{
            static_cast<std::int32_t>((record.seller - 1) % load_.partitions)};
        return producer_.add(value, kTransactionKeyOffset, kTransactionKeySize, partition,
                             load_.schedule.due(number));
    }

    kafka::Producer& producer_;
    const Load& load_;
    const Clock& clock_;
    std::array<char, kTransactionRoom> room_{};
};

// Turns totals into latencies: the nth record of a seller is visible with the first total that
// counts at least n.
class Visibility {
public:
    Visibility(const Load& load, std::uint32_t sellers, std::uint64_t first_counted,
               std::uint64_t records_per_round, int rounds)
        : load_(load),
          numbers_(sellers),
          seen_(sellers),
          first_counted_(first_counted),
          per_round_(records_per_round),
          rounds_(static_cast<std::size_t>(rounds)) {
        for (std::uint64_t i = 0; i < load.records; ++i) {
            numbers_[load.generator.record(i).seller - 1].push_back(i);
        }
    }

    void total(std::uint32_t seller, std::uint64_t count, Instant at) {
        const std::vector<std::uint64_t>& numbers = numbers_[seller - 1];
        std::uint64_t& seen = seen_[seller - 1];
        for (; seen < std::min<std::uint64_t>(count, numbers.size()); ++seen) {
            const std::uint64_t number = numbers[seen];
            if (number < first_counted_) {
                continue;
            }
            const Duration latency = at - load_.schedule.due(number);
            const auto microseconds = static_cast<std::uint64_t>(std::max<std::int64_t>(
                std::chrono::duration_cast<std::chrono::microseconds>(latency).count(), 0));
            const std::size_t round = static_cast<std::size_t>(
                (number - first_counted_) / std::max<std::uint64_t>(per_round_, 1));
            rounds_[std::min(round, rounds_.size() - 1)].record(microseconds);
        }
    }

    [[nodiscard]] const std::vector<LatencyHistogram>& rounds() const { return rounds_; }

private:
    const Load& load_;
    std::vector<std::vector<std::uint64_t>> numbers_;  // of a seller's records, in order
    std::vector<std::uint64_t> seen_;
    std::uint64_t first_counted_;
    std::uint64_t per_round_;
    std::vector<LatencyHistogram> rounds_;
};

// Until all partitions of both stages are at work: joining is no latency of a record.
Result<void> wait_until_running(Bench& bench, const BenchJob& job, ChildProcess& child) {
    const Instant deadline = bench.clock.now() + kStartPatience;
    while (!child.said("partition opened", job.partitions(TopicRole::source)) ||
           !child.said("totals restored", job.partitions(TopicRole::repartition))) {
        if (bench.stop.wait_for(milliseconds(10))) {
            return std::unexpected(interrupted_bench());
        }
        if (child.wait(Duration(0)) || bench.clock.now() > deadline) {
            return fail(ExitCode::incomplete, "aggregate does not start: " + child.trouble());
        }
    }
    return {};
}

// The sender's thread ends with this.
class SenderThread {
public:
    SenderThread(kafka::Producer& producer, const Load& load, const Clock& clock)
        : sender_(producer, load, clock), thread_([this] { sender_.run(give_up_); }) {}
    ~SenderThread() { give_up_ = true; }
    SenderThread(const SenderThread&) = delete;
    SenderThread& operator=(const SenderThread&) = delete;

private:
    std::atomic<bool> give_up_ = false;
    Sender sender_;
    std::jthread thread_;  // last: joined first
};

}  // namespace

Result<OpenLoop> run_open_loop(Bench& bench, const std::string& name, GeneratorOptions options,
                               std::string_view statement) {
    const cli::BenchConfig& config = bench.config;
    const auto job = BenchJob::make(bench, name);
    if (!job) {
        return std::unexpected(job.error());
    }
    const int partitions = (*job)->partitions(TopicRole::source);
    if (options.sellers == kOnePerPartition) {
        options.sellers = static_cast<std::uint32_t>(partitions);
    }
    const auto records_in = [&](Duration time) {
        return static_cast<std::uint64_t>(std::chrono::duration<double>(time).count() *
                                          config.rate);
    };
    const std::uint64_t warm_up = records_in(kWarmUp);
    const std::uint64_t per_round = records_in(config.duration);
    const std::uint64_t records = warm_up + per_round * static_cast<std::uint64_t>(config.rounds);
    Expected expected;
    expected.add(options, records);

    const auto child = start_aggregate(
        bench, **job, false, fmt::format(fmt::runtime(statement), (*job)->names().source));
    if (!child) {
        return std::unexpected(child.error());
    }
    if (auto running = wait_until_running(bench, **job, **child); !running) {
        return std::unexpected(std::move(running.error()));
    }
    kafka::ProducerOptions sending;
    sending.topic = (*job)->names().source;
    sending.required = {{"compression.codec", config.compression}};
    const auto producer = kafka::Producer::open(bench.client, sending, bench.clock);
    if (!producer) {
        return std::unexpected(producer.error());
    }
    ResultsView view(bench, **job, options.sellers);
    if (auto polled = view.poll(kLook); !polled) {  // connects
        return std::unexpected(std::move(polled.error()));
    }
    const Instant begin = bench.clock.now() + kBeforeFirst;
    const Load load{TransactionGenerator(options), produce::SendSchedule(begin, config.rate),
                    records, static_cast<std::uint32_t>(partitions)};
    Visibility visibility(load, options.sellers, warm_up, per_round, config.rounds);
    view.on_total([&](std::uint32_t seller, std::uint64_t count, Instant at) {
        visibility.total(seller, count, at);
    });
    {
        bench.say("sending", {{"records", static_cast<std::int64_t>(records)}});
        const SenderThread sender(**producer, load, bench.clock);
        if (auto seen = wait_for_totals(bench, view, **child, records); !seen) {
            return std::unexpected(std::move(seen.error()));
        }
    }
    (*child)->terminate();
    const auto end = wait_for_child(bench, **child, "aggregate");
    if (!end) {
        return std::unexpected(end.error());
    }
    if (auto checked = check_totals(view, expected); !checked) {
        return std::unexpected(std::move(checked.error()));
    }
    return OpenLoop{.rounds = visibility.rounds(),
                    .delivery_us = (*producer)->latency_us(),
                    .peak_memory = end->peak_memory};
}

void add_latencies(ScenarioResult& result, const std::string& prefix,
                   const std::vector<LatencyHistogram>& rounds) {
    using enum Better;
    for (const LatencyHistogram& round : rounds) {
        result.add(prefix + "p50", "ms", lower, milliseconds_of(round.value_at(0.5)));
        result.add(prefix + "p90", "ms", neither, milliseconds_of(round.value_at(0.9)));
        result.add(prefix + "p99", "ms", lower, milliseconds_of(round.value_at(0.99)));
        result.add(prefix + "p99_9", "ms", neither, milliseconds_of(round.value_at(0.999)));
        result.add(prefix + "max", "ms", neither, milliseconds_of(round.max()));
    }
}

double milliseconds_of(std::uint64_t microseconds) {
    return static_cast<double>(microseconds) / 1000;
}

}  // namespace kstream::bench
