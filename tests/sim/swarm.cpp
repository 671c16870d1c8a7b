#include "sim/swarm.hpp"

#include "support/fakes/seeded.hpp"

#include <algorithm>
#include <chrono>

namespace kstream::sim {

using std::chrono::microseconds;
using std::chrono::milliseconds;

Swarm Swarm::of(std::uint64_t seed) {
    testing::Seeded dice{seed};
    const auto between = [&dice](std::size_t least, std::size_t most) {
        return least + dice.below(most - least + 1);
    };
    const auto ms = [&between](std::size_t least, std::size_t most) {
        return Duration{milliseconds{between(least, most)}};
    };
    // Half of the seeds have the fault, each at a rate of its own.
    const auto rate = [&dice, &between](std::size_t most) {
        return dice.chance(50) ? static_cast<std::uint32_t>(between(1, most)) : 0U;
    };
    Swarm swarm;
    swarm.seed = seed;
    swarm.source_partitions = static_cast<std::int32_t>(between(1, 4));
    swarm.state_partitions = static_cast<std::int32_t>(between(1, 3));
    swarm.results_partitions = static_cast<std::int32_t>(between(1, 3));
    swarm.processes = static_cast<std::int32_t>(between(2, 4));
    swarm.records = between(250, 500);
    swarm.keys = between(1, 12);
    swarm.most_fetched = between(1, 30);
    swarm.max_batch_bytes = between(40, 600);
    swarm.max_step_bytes = dice.chance(20) ? between(500, 5000) : 1 << 20;
    swarm.large_amounts = seed % 4 == 0;
    swarm.max_step_keys = dice.chance(20) ? between(1, 5) : 1000;

    swarm.produce_for = ms(20'000, 45'000);
    swarm.commit_interval = ms(20, 300);
    swarm.session_timeout = ms(2000, 6000);
    swarm.rebalance_timeout = ms(5000, 15'000);
    swarm.transaction_timeout = ms(4000, 10'000);
    swarm.timeout_scan = ms(500, 5000);
    swarm.request_timeout = ms(300, 1500);
    swarm.fault_interval = ms(800, 5000);
    swarm.loop_cost = Duration{microseconds{between(50, 2000)}};
    swarm.quantum = ms(5, 30);
    swarm.usual_delay_us = dice.chance(15) ? between(10'000, 40'000) : between(300, 5000);

    swarm.cooperative = dice.chance(70);
    swarm.stable_instances = dice.chance(50);
    swarm.static_members = dice.chance(25);
    swarm.transactional_source = dice.chance(30);
    swarm.commit_tail_at_once = dice.chance(50);
    swarm.keep_deltas = ms(0, 5000);
    swarm.purge_interval = ms(500, 8000);

    swarm.lost_requests = rate(100);
    swarm.late_requests = rate(100);
    swarm.most_late_ms = between(1000, 15'000);
    swarm.lost_answers = rate(100);
    swarm.late_markers = rate(1500);
    swarm.most_marker_ms = between(50, 3000);
    swarm.refused_messages = 20 + rate(300);
    swarm.stale_fetches = rate(500);

    swarm.crashes = rate(10);
    swarm.orderly_stops = rate(5);
    swarm.pauses = rate(10);
    swarm.most_pause_ms = between(1000, 25'000);
    swarm.transaction_coordinator_away = rate(5);
    swarm.group_coordinator_away = rate(5);
    swarm.leaders_away = rate(5);
    swarm.compactions = rate(5);
    swarm.source_retentions = rate(3);
    swarm.offsets_expire = dice.chance(25) ? 2 : 0;
    swarm.partitions_added = dice.chance(15) ? 1 : 0;
    swarm.wall_clock_moves = rate(2);
    swarm.members_dropped = rate(6);
    swarm.steps_doubled = dice.chance(20) ? 3 : 0;
    swarm.topic_made_again = dice.chance(5) ? 1 : 0;
    swarm.logs_cut = dice.chance(6) ? 3 : 0;
    swarm.late_ends = dice.chance(15) ? static_cast<std::uint32_t>(between(20, 500)) : 0;
    swarm.late_joins = dice.chance(15) ? static_cast<std::uint32_t>(between(100, 5000)) : 0;
    if (dice.chance(20)) {
        swarm.keys = between(50, 300);
        swarm.cells_in_cache = dice.chance(50) ? 64 : 0;
    }
    // One of them that has to stop does not stop the other: what ends a history is for one alone.
    swarm.two_applications = dice.chance(10);
    if (swarm.two_applications) {
        swarm.processes = std::min(swarm.processes, 3);
        swarm.topic_made_again = swarm.logs_cut = 0;
    }
    // New draws come last: a seed that has none of them keeps its history.
    swarm.clients_cut_off = dice.chance(15) ? static_cast<std::uint32_t>(between(1, 6)) : 0;
    swarm.most_cut_off_ms = between(5000, 40'000);
    const bool doubled = dice.chance(20) && (swarm.stable_instances || swarm.static_members);
    swarm.instances_doubled = doubled ? static_cast<std::uint32_t>(between(1, 4)) : 0;
    swarm.having = dice.chance(30);
    swarm.sets = dice.chance(30);
    swarm.republishes = dice.chance(20);
    if (dice.chance(40) && !swarm.having && !swarm.sets) {
        swarm.windows = true;
        swarm.window_ms = kWindowSizes[dice.below(kWindowSizes.size())];
        swarm.grace_ms = kGraces[dice.below(kGraces.size())];
        swarm.final_only = dice.chance(50);
        swarm.max_closed_keys = between(1, swarm.keys);
        // Refused where the program starts: the totals of closed windows are gone.
        swarm.republishes = swarm.republishes && !swarm.final_only;
        swarm.least_gone_keys = dice.chance(70) ? static_cast<std::uint32_t>(between(1, 6)) : 4096;
        swarm.sessions = dice.chance(30);
        swarm.slide_ms = swarm.sessions ? swarm.window_ms
                                        : swarm.window_ms / 5 * kSlides[dice.below(kSlides.size())];
        if (!swarm.sessions && dice.chance(30)) {
            swarm.days = &kDays[dice.below(kDays.size())];
            swarm.window_ms = swarm.slide_ms = kDay;
            swarm.pace = kPaceOfDays;
            swarm.grace_ms *= kPaceOfDays;
        }
        if (dice.chance(50)) {
            swarm.idle_ms = kIdles[dice.below(kIdles.size())];
            swarm.quiet_wall = dice.chance(30);
        }
        if (dice.chance(50)) {
            swarm.within_ms = kWithins[dice.below(kWithins.size())] * swarm.pace;
        }
        swarm.sets = dice.chance(60);
    }
    return swarm;
}

}  // namespace kstream::sim
