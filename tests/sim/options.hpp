// The command line of kstream-sim.
#pragma once

#include "sim/history.hpp"

#include <cstdint>
#include <string>

namespace kstream::sim {

struct Options {
    static const char* const kHelp;

    // False, after a word on stderr, when the command line makes no sense.
    [[nodiscard]] bool parse(int argc, char** argv);

    bool help = false;
    bool one = false;  // --seed
    Replay replay;     // of one history, or what holds for all
    std::uint64_t first = 1;
    std::uint64_t seeds = 100;
    unsigned jobs = 0;                    // 0: all cores
    std::string planted;                  // a bug, or all of them: found within `seeds`?
    std::optional<std::size_t> at_least;  // of them; all
    double least_counted = 0;             // percent; fewer is a failure
};

// The command that replays a history.
[[nodiscard]] std::string replay_command(const Replay& replay);

}  // namespace kstream::sim
