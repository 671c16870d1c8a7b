#include "sim/planted.hpp"

#include "kstream/planted_bug.hpp"
#include "sim/campaign.hpp"

#include <fmt/format.h>

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

// In a process of its own: exit code 1 when the bug was found.
int look_for(const PlantedBugInfo& bug, const Options& options) {
    plant(bug.bug);
    const std::optional<Failure> failure = first_failure(options);
    if (failure) {
        fmt::print("{:<28} {:<11} {:>6}  {}\n", bug.name, bug.rule,
                   failure->seed - options.first + 1, failure->reason);
    }
    std::fflush(stdout);
    return failure ? 1 : 0;
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
    return found_ones == looked_for ? 0 : 1;
}

#endif

}  // namespace kstream::sim
