// What has happened in a history: faults by kind, what the loops did about them, and a hash over
// all of it, which is equal for equal seeds.
#pragma once

#include "kstream/core/prng.hpp"
#include "sim/schedule.hpp"

#include <array>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace kstream::sim {

enum class Fault : std::uint8_t {
    lost_request,
    late_request,
    lost_answer,
    late_marker,
    refused_message,
    crash,
    orderly_stop,
    pause,
    transaction_coordinator_away,
    group_coordinator_away,
    leader_away,
    stale_fetch,
    compaction,
    source_retention,
    offsets_expired,
    partition_added,
    wall_clock_moved,
    member_dropped,
    step_doubled,
    topic_made_again,
    log_cut,
    client_cut_off,
    instance_doubled,
};
inline constexpr std::size_t kFaultCount = 23;
inline constexpr std::array<std::string_view, kFaultCount> kFaultNames{
    "lost-request",
    "late-request",
    "lost-answer",
    "late-marker",
    "refused-message",
    "crash",
    "orderly-stop",
    "pause",
    "transaction-coordinator-away",
    "group-coordinator-away",
    "leader-away",
    "stale-fetch",
    "compaction",
    "source-retention",
    "offsets-expired",
    "partition-added",
    "wall-clock-moved",
    "member-dropped",
    "step-doubled",
    "topic-made-again",
    "log-cut",
    "client-cut-off",
    "instance-doubled"};

enum class Event : std::uint8_t {
    commit,
    abort,
    timed_out,  // transactions that the coordinator aborted by itself
    fenced,     // transactions that a new producer of the same id ended
    uncertain,
    takeover,  // partitions that moved to another member, or back after a loss
    rebalance,
    restart,
    purge,
};
inline constexpr std::size_t kEventCount = 9;
inline constexpr std::array<std::string_view, kEventCount> kEventNames{
    "commits",   "aborts",     "timed-out", "fenced", "uncertain",
    "takeovers", "rebalances", "restarts",  "purges"};

class Tally {
public:
    explicit Tally(const Schedule& schedule) : schedule_(schedule) {}

    // Whether this fault is to happen: the history may be bounded in faults, to find the ones that
    // matter.
    [[nodiscard]] bool fault(Fault fault) {
        if (calm || total_faults_ >= most_faults ||
            (without & (1U << static_cast<unsigned>(fault))) != 0) {
            return false;
        }
        ++total_faults_;
        ++faults[static_cast<std::size_t>(fault)];
        note("fault", kFaultNames[static_cast<std::size_t>(fault)]);
        return true;
    }
    void event(Event event) { ++events[static_cast<std::size_t>(event)]; }
    [[nodiscard]] std::uint64_t count(Event event) const {
        return events[static_cast<std::size_t>(event)];
    }

    // Puts what happened into the hash, and on the screen when it is asked for.
    void note(std::string_view what, std::string_view about, std::int64_t a = 0,
              std::int64_t b = 0) {
        std::uint64_t word = static_cast<std::uint64_t>(schedule_.now().nanoseconds);
        for (const char c : about) {
            word = word * 131 + static_cast<unsigned char>(c);
        }
        hash = splitmix64_finish(hash ^ word) + what.size();
        hash = splitmix64_finish(hash ^ static_cast<std::uint64_t>(a));
        hash = splitmix64_finish(hash ^ static_cast<std::uint64_t>(b));
        if (trace) {
            std::printf("%10.4f %.*s %.*s %lld %lld\n",
                        static_cast<double>(schedule_.now().nanoseconds) / 1e9,
                        static_cast<int>(what.size()), what.data(), static_cast<int>(about.size()),
                        about.data(), static_cast<long long>(a), static_cast<long long>(b));
        }
    }

    void show(std::string_view text) const {
        std::printf("%10.4f   | %.*s\n", static_cast<double>(schedule_.now().nanoseconds) / 1e9,
                    static_cast<int>(text.size()), text.data());
    }

    std::array<std::uint64_t, kFaultCount> faults{};
    std::array<std::uint64_t, kEventCount> events{};
    std::uint64_t hash = 0;
    std::uint64_t most_faults = ~std::uint64_t{0};
    std::uint32_t without = 0;  // bits of faults that do not happen
    bool calm = false;          // no faults any more
    bool trace = false;
    [[nodiscard]] std::uint64_t total_faults() const { return total_faults_; }

private:
    const Schedule& schedule_;
    std::uint64_t total_faults_ = 0;
};

}  // namespace kstream::sim
