#include "produce/progress.hpp"

namespace kstream::produce {
namespace {

void add(LatencyCounts& into, const LatencyCounts& more) {
    for (std::size_t i = 0; i < into.buckets.size(); ++i) {
        into.buckets[i] += more.buckets[i];
    }
    into.sum_seconds += more.sum_seconds;
    into.count += more.count;
}

void add(ProduceStatus& into, const ProduceStatus& more) {
    into.made += more.made;
    into.acknowledged += more.acknowledged;
    into.failed += more.failed;
    into.unknown += more.unknown;
    into.bytes += more.bytes;
    into.queued_records += more.queued_records;
    into.queued_bytes += more.queued_bytes;
    add(into.delivery_seconds, more.delivery_seconds);
    into.waiting = into.waiting || more.waiting;
}

}  // namespace

void ProgressBoard::post(std::size_t worker, const ProduceStatus& status) {
    const std::lock_guard lock(mutex_);
    sheets_[worker] = status;
}

void ProgressBoard::finish() {
    const std::lock_guard lock(mutex_);
    ++finished_;
    changed_.notify_all();
}

ProduceStatus ProgressBoard::total() const {
    const std::lock_guard lock(mutex_);
    ProduceStatus sum;
    for (const ProduceStatus& sheet : sheets_) {
        add(sum, sheet);
    }
    return sum;
}

bool ProgressBoard::wait_finished(Duration limit) const {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, limit, [this] { return finished_ == sheets_.size(); });
}

StallWatch::Event StallWatch::observe(Instant now, std::uint64_t acknowledged,
                                      std::uint64_t outstanding) {
    const bool moved = acknowledged != acknowledged_;
    if (moved || outstanding == 0) {
        acknowledged_ = acknowledged;
        since_ = now;
        const bool over = waiting_;
        waiting_ = false;
        return over && moved ? Event::resumed : Event::none;
    }
    if (!waiting_ && now - since_ >= limit_) {
        waiting_ = true;
        return Event::waiting;
    }
    return Event::none;
}

}  // namespace kstream::produce
