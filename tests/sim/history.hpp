// One history: a world drawn from a seed, the job in it, faults, then calm until all is drained,
// then the oracle.
#pragma once

#include "sim/tally.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace kstream::sim {

// What a command line says of a history. Everything else is the seed's.
struct Replay {
    std::uint64_t seed = 1;
    std::optional<std::uint64_t> records;      // fewer of them
    std::optional<std::uint64_t> most_faults;  // none after so many
    std::uint32_t without = 0;                 // bits of faults that do not happen
    bool trace = false;
    friend bool operator==(const Replay&, const Replay&) = default;
};

struct Outcome {
    std::optional<std::string> failure;
    std::array<std::uint64_t, kFaultCount> faults{};
    std::array<std::uint64_t, kEventCount> events{};
    bool drained = false;
    std::uint64_t records = 0;
    std::uint64_t closed_windows = 0;  // each of a key
    std::uint64_t total_faults = 0;
    std::uint64_t actions = 0;
    std::uint64_t hash = 0;
    double simulated_seconds = 0;

    // Whether it shows anything that it went well.
    [[nodiscard]] bool counts() const {
        const auto count = [this](Event event) { return events[static_cast<std::size_t>(event)]; };
        return !failure && drained && count(Event::commit) >= 50 && count(Event::takeover) >= 2 &&
               count(Event::abort) >= 1;
    }
};

struct Surroundings;

// Looks at a history from outside, between two of its actions; it may let time go on.
class Onlooker {
public:
    virtual ~Onlooker() = default;
    // Every few seconds, faults or not.
    virtual void in_between(Surroundings& /*world*/) {}
    // All is drained and the oracle has nothing against it.
    virtual void at_end(Surroundings& /*world*/) {}
};

[[nodiscard]] Outcome run_history(const Replay& replay, Onlooker* onlooker = nullptr);

}  // namespace kstream::sim
