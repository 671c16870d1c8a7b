// Virtual time: what happens when, in one order that depends on nothing but what was asked for.
//
// Every action has an owner. The actions of a process that is dead never happen; those of one that
// is stopped (SIGSTOP) happen all at once when it goes on, which is what a stopped process sees of
// its timers and sockets.
#pragma once

#include "kstream/ports/clock.hpp"

#include <cstddef>
#include <cstdint>
#include <new>
#include <queue>
#include <type_traits>
#include <utility>
#include <vector>

namespace kstream::sim {

// A call to be made later. Holds what it needs inside itself: no allocation for each event.
class Action {
public:
    Action() = default;
    template <typename F>
        requires(!std::is_same_v<std::remove_cvref_t<F>, Action>)
    Action(F&& call) {  // NOLINT(google-explicit-constructor): made of a lambda at each call
        using Held = std::remove_cvref_t<F>;
        static_assert(sizeof(Held) <= kRoom, "an action holds little");
        static_assert(std::is_nothrow_move_constructible_v<Held>);
        new (room_) Held(std::forward<F>(call));
        run_ = [](void* held) { (*static_cast<Held*>(held))(); };
        move_ = [](void* from, void* to) {
            auto* const held = static_cast<Held*>(from);
            if (to != nullptr) {
                new (to) Held(std::move(*held));
            }
            held->~Held();
        };
    }
    Action(Action&& other) noexcept { take(other); }
    Action& operator=(Action&& other) noexcept {
        if (this != &other) {
            clear();
            take(other);
        }
        return *this;
    }
    Action(const Action&) = delete;
    Action& operator=(const Action&) = delete;
    ~Action() { clear(); }

    void operator()() { run_(room_); }

private:
    static constexpr std::size_t kRoom = 96;

    void take(Action& other) noexcept {
        if (other.run_ != nullptr) {
            other.move_(other.room_, room_);
            run_ = std::exchange(other.run_, nullptr);
            move_ = other.move_;
        }
    }
    void clear() noexcept {
        if (run_ != nullptr) {
            move_(room_, nullptr);
            run_ = nullptr;
        }
    }

    alignas(std::max_align_t) std::byte room_[kRoom];
    void (*run_)(void*) = nullptr;
    void (*move_)(void*, void*) = nullptr;
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
    [[nodiscard]] bool alive(Owner owner) const { return owners_[owner].alive; }
    [[nodiscard]] bool stopped(Owner owner) const { return owners_[owner].stopped_until > now_; }

    void after(Duration delay, Owner owner, Action action) {
        std::uint32_t slot = 0;
        if (free_.empty()) {
            slot = static_cast<std::uint32_t>(actions_.size());
            actions_.push_back(std::move(action));
        } else {
            slot = free_.back();
            free_.pop_back();
            actions_[slot] = std::move(action);
        }
        queue_.push({now_ + delay, order_++, slot, owner});
    }

    // Makes the next action happen; false when there is none. `happened`: its owner was there.
    bool run_next();
    [[nodiscard]] std::uint64_t happened() const { return happened_; }

private:
    struct Entry {
        Instant at;
        std::uint64_t order = 0;
        std::uint32_t slot = 0;
        Owner owner = kCluster;
        friend bool operator<(const Entry& a, const Entry& b) {  // the earliest on top
            return a.at == b.at ? a.order > b.order : a.at > b.at;
        }
    };
    struct State {
        bool alive = true;
        Instant stopped_until;
    };

    Instant now_{1'000'000'000};
    std::uint64_t order_ = 0;
    std::uint64_t happened_ = 0;
    std::priority_queue<Entry> queue_;
    std::vector<Action> actions_;
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
