// Virtual time: what happens when, in one order that depends on nothing but what was asked for.
//
// Every action has an owner. The actions of a process that is dead never happen; those of one that
// is stopped (SIGSTOP) happen all at once when it goes on, which is what a stopped process sees of
// its timers and sockets.
#pragma once

#include "kstream/ports/clock.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

namespace kstream::sim {

// A call to be made later, once. Holds what it needs inside itself, where it is made, run and
// destroyed: no allocation for each event, and nothing is moved about.
class Action {
public:
    Action() = default;
    Action(const Action&) = delete;
    Action& operator=(const Action&) = delete;
    ~Action() { drop(); }

    template <typename F>
    void emplace(F&& call) {
        using Held = std::remove_cvref_t<F>;
        static_assert(sizeof(Held) <= kRoom, "an action holds little");
        drop();
        new (room_) Held(std::forward<F>(call));
        run_ = [](void* held) { (*static_cast<Held*>(held))(); };
        if constexpr (!std::is_trivially_destructible_v<Held>) {
            destroy_ = [](void* held) { static_cast<Held*>(held)->~Held(); };
        }
    }
    void run() { run_(room_); }
    void drop() {
        if (destroy_ != nullptr) {
            std::exchange(destroy_, nullptr)(room_);
        }
    }

private:
    static constexpr std::size_t kRoom = 96;

    void (*run_)(void*) = nullptr;
    void (*destroy_)(void*) = nullptr;
    alignas(std::max_align_t) std::byte room_[kRoom];
};

using Owner = std::uint32_t;
inline constexpr Owner kCluster = 0;  // never dies, never stops

class Schedule {
public:
    [[nodiscard]] Instant now() const { return now_; }

    [[nodiscard]] Owner add_owner() {
        owners_.push_back({});
        return static_cast<Owner>(owners_.size() - 1);
    }
    void kill(Owner owner) { owners_[owner].alive = false; }
    void stop(Owner owner, Instant until) { owners_[owner].stopped_until = until; }
    // At once, with what was put off until the end of the stop.
    void go_on(Owner owner);
    [[nodiscard]] bool alive(Owner owner) const { return owners_[owner].alive; }
    [[nodiscard]] bool stopped(Owner owner) const { return owners_[owner].stopped_until > now_; }

    template <typename F>
    void after(Duration delay, Owner owner, F&& call) {
        if (free_.empty()) {
            add_slots();
        }
        const std::uint32_t number = free_.back();
        free_.pop_back();
        Slot& slot = this->slot(number);
        slot.owner = owner;
        slot.action.emplace(std::forward<F>(call));
        push({now_ + delay, order_++ << kSlotBits | number});
    }

    // Makes the next action happen; false when there is none. `happened`: its owner was there.
    bool run_next();
    [[nodiscard]] std::uint64_t happened() const { return happened_; }

private:
    struct Slot {
        Owner owner = kCluster;
        Action action;
    };
    static constexpr int kSlotBits = 24;
    static constexpr std::size_t kChunk = 64;

    // What is due is sorted by this, so it is small. What comes first by order has no equal, so
    // that the slot after it decides nothing.
    struct Entry {
        Instant at;
        std::uint64_t order_and_slot = 0;
        friend bool operator<(const Entry& a, const Entry& b) {
            return a.at == b.at ? a.order_and_slot < b.order_and_slot : a.at < b.at;
        }
    };

    // Slots stay where they are: an action may ask for others while it runs.
    [[nodiscard]] Slot& slot(std::uint32_t number) {
        return (*slots_[number / kChunk])[number % kChunk];
    }
    void add_slots();
    void push(const Entry& entry);
    Entry pop();

    struct State {
        bool alive = true;
        Instant stopped_until;
    };

    Instant now_{1'000'000'000};
    std::uint64_t order_ = 0;
    std::uint64_t happened_ = 0;
    std::vector<Entry> queue_;  // a heap of four branches, the earliest on top
    std::vector<std::unique_ptr<std::array<Slot, kChunk>>> slots_;
    std::vector<std::uint32_t> free_;
    std::vector<State> owners_{State{}};
};

// The same time for the loops. The wall clock may be moved; nothing may depend on it.
class VirtualClock final : public Clock {
public:
    explicit VirtualClock(const Schedule& schedule) : schedule_(schedule) {}
    [[nodiscard]] Instant now() const override { return schedule_.now(); }
    [[nodiscard]] std::int64_t wall_ms() const override {
        return 1'700'000'000'000 + schedule_.now().nanoseconds / 1'000'000 + moved_ms_;
    }
    void move_wall(std::int64_t by_ms) { moved_ms_ += by_ms; }

private:
    const Schedule& schedule_;
    std::int64_t moved_ms_ = 0;
};

}  // namespace kstream::sim
