// The world of one history, drawn from its seed: sizes, times, and which faults there are. Each
// seed has a subset of the faults and its own rates: what is rare among all faults at once is
// common where it is the only one (swarm testing).
#pragma once

#include "kstream/ports/clock.hpp"

#include <array>
#include <cstdint>
#include <optional>

namespace kstream::sim {

// Values that a set may have, of the up to 19 that the input has.
inline constexpr std::uint64_t kMaxDistinct = 12;

// Of the windows of a job that has any, and how long they wait for records, in milliseconds: of
// these one each. Few, because a job for each of them is made.
inline constexpr std::array<std::int64_t, 3> kWindowSizes{5'000, 20'000, 60'000};
// How many fifths of its size lie between the beginnings of two windows. Two do not divide five.
inline constexpr std::array<std::int64_t, 3> kSlides{5, 1, 2};
inline constexpr std::array<std::int64_t, 3> kGraces{0, 2'000, 15'000};
// After how long without records a source partition is idle; none: never.
inline constexpr std::array<std::int64_t, 2> kIdles{2'000, 6'000};
// For how long an id is remembered, of those that look for duplicates.
inline constexpr std::array<std::int64_t, 3> kWithins{1'000, 10'000, 60'000};

// The same of windows that are days of a zone: around 4 November 2018, when one sets its clocks
// forward at midnight and the other back to it. Up to that day inclusive days begin so many hours
// after midnight in UTC, and so many from then on. Their times pass faster, and so do their graces.
struct Days {
    const char* zone = nullptr;
    std::int64_t hours_before = 0;
    std::int64_t hours_after = 0;
};
inline constexpr std::array<Days, 2> kDays{{{"America/Sao_Paulo", 3, 2}, {"America/Havana", 4, 5}}};
inline constexpr std::int64_t kHour = 3'600'000;
inline constexpr std::int64_t kDay = 24 * kHour;
inline constexpr std::int64_t kChangedDay = 1'541'289'600'000;  // its midnight in UTC
inline constexpr std::int64_t kPaceOfDays = 1'000;

struct Swarm {
    static Swarm of(std::uint64_t seed);

    std::uint64_t seed = 1;

    // ---- sizes
    std::int32_t source_partitions = 3;
    std::int32_t state_partitions = 2;
    std::int32_t results_partitions = 2;
    std::int32_t processes = 2;  // of each application
    bool two_applications = false;
    std::uint64_t records = 300;
    std::uint64_t keys = 10;
    std::size_t cells_in_cache = 1 << 15;  // of a table of keys; more is looked up in groups
    std::size_t most_fetched = 20;         // records of one poll
    std::size_t max_batch_bytes = 400;     // of a delta batch: small ones are cut into chunks
    std::size_t max_step_bytes = 1 << 20;
    bool having = false;         // the job is a statement with HAVING, and its totals change signs
    bool sets = false;           // the job is a statement with a set and a multiset
    bool large_amounts = false;  // of one key, whose total leaves 128 bits
    bool republishes = false;    // each process publishes again what it takes over
    std::uint64_t max_step_keys = 1000;
    // The job is a statement with windows of event time, which all of its records have. Not having.
    bool windows = false;
    bool sessions = false;       // the windows are sessions
    std::int64_t window_ms = 0;  // of days: what most of them have; of sessions the gap
    std::int64_t slide_ms = 0;   // less where they overlap
    const Days* days = nullptr;  // none: of one length
    std::int64_t pace = 1;       // so many times as fast event time goes on
    std::int64_t grace_ms = 0;
    bool final_only = false;  // results of closed windows alone
    std::optional<std::int64_t> idle_ms;
    bool quiet_wall = false;  // while all are idle, time goes on by the wall
    std::uint64_t max_closed_keys = 50'000;
    std::uint32_t least_gone_keys = 4096;   // before a state moves the others together
    std::optional<std::int64_t> within_ms;  // of windows: duplicates within it are looked for

    // ---- times
    Duration produce_for{0};  // records come over this span
    Duration commit_interval{0};
    Duration session_timeout{0};
    Duration rebalance_timeout{0};
    Duration transaction_timeout{0};
    Duration timeout_scan{0};  // the coordinator looks for such transactions this often
    Duration request_timeout{0};
    Duration fault_interval{0};  // mean
    Duration loop_cost{0};       // most time of one iteration
    Duration quantum{0};         // a loop that waits busily looks this often
    std::uint64_t usual_delay_us = 2000;

    // ---- how the job runs
    bool cooperative = true;
    bool stable_instances = false;
    bool static_members = false;
    bool transactional_source = false;
    bool commit_tail_at_once = true;
    Duration keep_deltas{0};
    Duration purge_interval{0};

    // ---- faults by chance, per ten thousand
    std::uint32_t lost_requests = 0;
    std::uint32_t late_requests = 0;
    std::uint64_t most_late_ms = 1;
    std::uint32_t late_joins = 0;  // of JoinGroup alone
    std::uint32_t late_ends = 0;   // of EndTxn alone
    std::uint32_t lost_answers = 0;
    std::uint32_t late_markers = 0;
    std::uint64_t most_marker_ms = 1;
    std::uint32_t refused_messages = 0;
    std::uint32_t stale_fetches = 0;

    // ---- faults by schedule: weights, 0 is never
    std::uint32_t crashes = 0;
    std::uint32_t orderly_stops = 0;
    std::uint32_t pauses = 0;
    std::uint64_t most_pause_ms = 1;
    std::uint32_t transaction_coordinator_away = 0;
    std::uint32_t group_coordinator_away = 0;
    std::uint32_t leaders_away = 0;
    std::uint32_t compactions = 0;
    std::uint32_t source_retentions = 0;
    std::uint32_t offsets_expire = 0;
    std::uint32_t partitions_added = 0;
    std::uint32_t wall_clock_moves = 0;
    std::uint32_t members_dropped = 0;
    std::uint32_t steps_doubled = 0;
    std::uint32_t topic_made_again = 0;
    std::uint32_t logs_cut = 0;
    std::uint32_t clients_cut_off = 0;
    std::uint64_t most_cut_off_ms = 1;
    std::uint32_t instances_doubled = 0;
};

}  // namespace kstream::sim
