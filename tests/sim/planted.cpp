#include "sim/planted.hpp"

#include "kstream/planted_bug.hpp"
#include "sim/campaign.hpp"
#include "sim/history.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <sys/wait.h>
#include <unistd.h>

namespace kstream::sim {

#ifndef KSTREAM_PLANTED_BUGS

int run_planted(const Options&) {
    std::fputs("kstream-sim: this build has no planted bugs: build the preset `planted`\n", stderr);
    return 2;
}

#else

namespace {

// A seed that fails without the bug as well has found another one.
bool fails_anyway(const Options& options, std::uint64_t seed) {
    plant(PlantedBug::none);
    Replay replay = options.replay;
    replay.seed = seed;
    return run_history(replay).failure.has_value();
}

// It breaks what only jobs with windows have. The others' histories would show nothing.
bool is_of_windows(PlantedBug bug) {
    switch (bug) {
        case PlantedBug::step_not_compared:
        case PlantedBug::watermark_not_taken_back:
        case PlantedBug::watermark_forgotten:
        case PlantedBug::session_tombstone_missing:
        case PlantedBug::gap_exclusive:
        case PlantedBug::step_joins_sessions:
        case PlantedBug::merge_not_undone:
        case PlantedBug::session_late_by_end:
        case PlantedBug::late_at_less:
        case PlantedBug::pane_late_in_part:
        case PlantedBug::pane_dies_early:
        case PlantedBug::cursor_forgotten:
        case PlantedBug::closed_window_reopened:
        case PlantedBug::close_too_early:
        case PlantedBug::closed_total_stays:
        case PlantedBug::closing_not_undone:
        case PlantedBug::retired_forgotten:
        case PlantedBug::closed_elements_stay:
        case PlantedBug::to_sweep_forgotten:
        case PlantedBug::numbers_not_moved:
        case PlantedBug::value_of_each_pane:
        case PlantedBug::window_sizes_not_undone:
        case PlantedBug::joined_values_twice:
        case PlantedBug::joined_values_stay:
        case PlantedBug::advance_among_records:
        case PlantedBug::advance_not_logged:
        case PlantedBug::advance_not_in_metadata:
        case PlantedBug::floor_dropped:
        case PlantedBug::idle_not_said:
        case PlantedBug::idle_before_caught_up:
        case PlantedBug::timer_over_a_pause:
        case PlantedBug::late_records_lost:
        case PlantedBug::duplicate_over_late:
        case PlantedBug::rewind_keeps_ids:
        case PlantedBug::horizon_too_late:
            return true;
        default:
            return false;
    }
}

// In a process of its own: exit code 1 when the bug was found.
int look_for(const PlantedBugInfo& bug, const Options& options) {
    Options left = options;
    const std::uint64_t end = options.first + options.seeds;
    for (;;) {
        plant(bug.bug);
        left.seeds = end - left.first;
        const std::optional<Failure> failure = first_failure(left, is_of_windows(bug.bug));
        if (!failure) {
            return 0;
        }
        if (!fails_anyway(options, failure->seed)) {
            fmt::print("{:<28} {:<11} {:>6}  {}\n", bug.name, bug.rule,
                       failure->seed - options.first + 1, failure->reason);
            std::fflush(stdout);
            return 1;
        }
        fmt::print("{:<28} {:<11} seed {} fails without it, too\n", bug.name, bug.rule,
                   failure->seed);
        std::fflush(stdout);
        left.first = failure->seed + 1;
    }
}

bool found(const PlantedBugInfo& bug, const Options& options) {
    std::fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        std::_Exit(look_for(bug, options));
    }
    int status = 0;
    waitpid(child, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        fmt::print("{:<28} {:<11} {:>6}  NOT FOUND: {}\n", bug.name, bug.rule, "-", bug.what);
        return false;
    }
    if (WIFSIGNALED(status) && WTERMSIG(status) != SIGABRT) {
        fmt::print("{:<28} {:<11} {:>6}  the simulator itself died of signal {}\n", bug.name,
                   bug.rule, "", WTERMSIG(status));
        return false;
    }
    if (WIFSIGNALED(status)) {
        fmt::print("{:<28} {:<11} {:>6}  stopped by an invariant, see above\n", bug.name, bug.rule,
                   "");
    }
    return true;
}

}  // namespace

int run_planted(const Options& options) {
    std::size_t looked_for = 0;
    std::size_t found_ones = 0;
    for (const PlantedBugInfo& bug : planted_bugs()) {
        if (options.planted == "all" || options.planted == bug.name) {
            ++looked_for;
            found_ones += found(bug, options) ? 1U : 0U;
        }
    }
    if (looked_for == 0) {
        fmt::print(stderr, "kstream-sim: no planted bug is named {}\n", options.planted);
        return 2;
    }
    fmt::print("{} of {} planted bugs found within {} seeds each\n", found_ones, looked_for,
               options.seeds);
    const std::size_t wanted = options.at_least.value_or(looked_for);
    const std::size_t missing = wanted - std::min(wanted, found_ones);
    fmt::print("{} passed, {} failed\n", found_ones, missing);
    return missing == 0 ? 0 : 1;
}

#endif

}  // namespace kstream::sim
