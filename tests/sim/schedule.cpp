#include "sim/schedule.hpp"

#include "kstream/check.hpp"

#include <algorithm>
#include <utility>

namespace kstream::sim {

namespace {

// Half as deep as a heap of two, and what is compared lies in one cache line.
constexpr std::size_t kBranches = 4;

}  // namespace

bool Schedule::run_next() {
    while (!queue_.empty()) {
        const Entry entry = pop();
        now_ = entry.at;
        const auto number =
            static_cast<std::uint32_t>(entry.order_and_slot & ((1U << kSlotBits) - 1));
        Slot& slot = this->slot(number);
        const State owner = owners_[slot.owner];
        if (owner.alive && owner.stopped_until > now_) {
            push({owner.stopped_until, entry.order_and_slot});
            continue;
        }
        if (owner.alive) {
            ++happened_;
            slot.action.run();
        }
        slot.action.drop();
        free_.push_back(number);
        if (owner.alive) {
            return true;
        }
    }
    return false;
}

void Schedule::go_on(Owner owner) {
    if (!stopped(owner)) {
        return;
    }
    const Instant put_off = std::exchange(owners_[owner].stopped_until, Instant{});
    for (Entry& entry : queue_) {
        const auto number =
            static_cast<std::uint32_t>(entry.order_and_slot & ((1U << kSlotBits) - 1));
        if (entry.at == put_off && slot(number).owner == owner) {
            entry.at = now_;
        }
    }
    // Whatever is in order is a heap.
    std::sort(queue_.begin(), queue_.end());
}

void Schedule::add_slots() {
    const auto first = static_cast<std::uint32_t>(slots_.size() * kChunk);
    KSTREAM_CHECK(first + kChunk <= 1U << kSlotBits, "so many actions are never due at once");
    slots_.push_back(std::make_unique_for_overwrite<std::array<Slot, kChunk>>());
    for (std::uint32_t i = kChunk; i-- > 0;) {
        free_.push_back(first + i);
    }
}

void Schedule::push(const Entry& entry) {
    std::size_t at = queue_.size();
    queue_.push_back(entry);
    while (at > 0) {
        const std::size_t parent = (at - 1) / kBranches;
        if (!(entry < queue_[parent])) {
            break;
        }
        queue_[at] = queue_[parent];
        at = parent;
    }
    queue_[at] = entry;
}

Schedule::Entry Schedule::pop() {
    const Entry first = queue_.front();
    const Entry last = queue_.back();
    queue_.pop_back();
    const std::size_t size = queue_.size();
    std::size_t at = 0;
    for (std::size_t child = 1; child < size; child = at * kBranches + 1) {
        std::size_t least = child;
        const std::size_t end = std::min(child + kBranches, size);
        for (std::size_t other = child + 1; other < end; ++other) {
            least = queue_[other] < queue_[least] ? other : least;
        }
        if (!(queue_[least] < last)) {
            break;
        }
        queue_[at] = queue_[least];
        at = least;
    }
    if (size > 0) {
        queue_[at] = last;
    }
    return first;
}

}  // namespace kstream::sim
