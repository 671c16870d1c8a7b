#include "produce/worker.hpp"

#include <algorithm>
#include <chrono>
#include <variant>

namespace kstream::produce {
namespace {

// Records between two looks at clock, stop signal and delivery reports: tens of microseconds.
constexpr int kRecordsPerTurn = 1024;

// The longest wait without a look at the stop signal.
constexpr Duration kLongestWait = std::chrono::milliseconds(100);

constexpr Duration kPostEvery = std::chrono::milliseconds(200);

LatencyCounts to_counts(const LatencyHistogram& latency_us) {
    LatencyCounts counts;
    std::uint64_t below = 0;
    for (std::size_t i = 0; i < kLatencyBucketSeconds.size(); ++i) {
        const auto limit_us = static_cast<std::uint64_t>(kLatencyBucketSeconds[i] * 1e6);
        const std::uint64_t up_to = latency_us.count_up_to(limit_us);
        counts.buckets[i] = up_to - below;
        below = up_to;
    }
    counts.count = latency_us.count();
    counts.buckets.back() = counts.count - below;
    counts.sum_seconds = latency_us.sum() / 1e6;
    return counts;
}

}  // namespace

ProduceWorker::ProduceWorker(kafka::Producer& producer, const RecordMaker& maker,
                             const WorkPlan& plan, const Clock& clock, process::StopSignal& stop,
                             ProgressBoard& board, std::size_t index)
    : producer_(producer),
      maker_(maker),
      plan_(plan),
      clock_(clock),
      stop_(stop),
      board_(board),
      index_(index),
      next_(plan.share.first) {}

void ProduceWorker::run() {
    make_records();
    drain();
    next_post_ = Instant{};
    post(clock_.now(), false);
    board_.finish();
}

bool ProduceWorker::may_make(Instant now) const {
    return !stop_.requested() && (!plan_.stop_at || now < *plan_.stop_at);
}

void ProduceWorker::make_records() {
    for (Instant now = clock_.now(); may_make(now); now = clock_.now()) {
        const Filled filled = fill(now);
        if (filled == Filled::share) {
            break;
        }
        producer_.poll(wait_after(filled));
        if (producer_.failure()) {
            stop_.request();
        }
        post(now, filled == Filled::queue_full);
    }
    catch_up();
    producer_.flush();
}

// What was due before the end of the run and not made yet, as far as the queue takes it: the last
// turn began a moment too early for it, or the queue was full. The rest is reported, not skipped
// over in silence.
void ProduceWorker::catch_up() {
    if (!plan_.schedule || !plan_.stop_at || stop_.requested()) {
        return;
    }
    const Instant last = *plan_.stop_at + std::chrono::nanoseconds(-1);
    while (fill(last) == Filled::turn) {
    }
}

// Which shape it is, is asked here, once for a turn.
ProduceWorker::Filled ProduceWorker::fill(Instant now) {
    return std::visit([&](const auto& maker) { return fill_from(maker, now); }, maker_);
}

template <typename Maker>
ProduceWorker::Filled ProduceWorker::fill_from(const Maker& maker, Instant now) {
    for (int i = 0; i < kRecordsPerTurn; ++i, next_ += plan_.share.step) {
        if (next_ >= plan_.share.end) {
            return Filled::share;
        }
        Instant since = now;
        if (plan_.schedule) {
            since = plan_.schedule->due(next_);
            if (since > now) {
                return Filled::all_due;
            }
        }
        const MadeRecord made = maker.make(next_, record_.data(), producer_.partitions());
        if (!producer_.add(made.value, made.key_offset, made.key_size, made.partition, since)) {
            return Filled::queue_full;  // it is made again when there is room
        }
    }
    return Filled::turn;
}

Duration ProduceWorker::wait_after(Filled filled) const {
    switch (filled) {
        case Filled::queue_full:
            return kLongestWait;  // ends with the first report
        case Filled::all_due: {
            const Duration until_due = plan_.schedule->due(next_) - clock_.now();
            return std::clamp(until_due, Duration(0), kLongestWait);
        }
        case Filled::turn:
        case Filled::share:
            return Duration(0);
    }
    return Duration(0);
}

void ProduceWorker::drain() {
    std::optional<Instant> deadline;
    while (producer_.outstanding() > 0) {
        const Instant now = clock_.now();
        if (!deadline && (stop_.requested() || producer_.failure())) {
            stop_.request();
            deadline = now + plan_.flush_limit;
        }
        if (deadline && now >= *deadline) {
            producer_.abandon();
            return;
        }
        producer_.poll(kLongestWait);
        post(now, false);
    }
}

void ProduceWorker::post(Instant now, bool waiting) {
    if (now < next_post_) {
        return;
    }
    next_post_ = now + kPostEvery;
    const kafka::DeliveryCounts& counts = producer_.counts();
    ProduceStatus status;
    status.made = producer_.added();
    status.acknowledged = counts.acknowledged;
    status.failed = counts.failed;
    status.unknown = counts.unknown;
    status.bytes = counts.acknowledged_bytes;
    status.queued_records = producer_.outstanding();
    status.queued_bytes = producer_.outstanding_bytes();
    status.delivery_seconds = to_counts(producer_.latency_us());
    status.waiting = waiting;
    board_.post(index_, status);
}

}  // namespace kstream::produce
