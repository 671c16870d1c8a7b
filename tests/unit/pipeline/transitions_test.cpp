// Every phase with every event, of every table in pipeline/: what is written here is what happens,
// and nothing else does.
#include "kstream/pipeline/transitions.hpp"

#include "kstream/pipeline/filling_step.hpp"
#include "kstream/pipeline/positions.hpp"
#include "kstream/pipeline/revocation.hpp"
#include "kstream/pipeline/step_in_flight.hpp"
#include "kstream/pipeline/step_loop.hpp"

#include <catch2/catch_test_macros.hpp>

#include <csignal>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace kstream {
namespace {

template <typename Phase, typename Event, std::size_t N>
bool aborts(const TransitionTable<Phase, Event, N>& table, Phase from, Event event) {
    const pid_t pid = ::fork();
    if (pid == 0) {
        std::signal(SIGABRT, SIG_DFL);  // Catch2 has one of its own
        ::close(STDERR_FILENO);
        enter_phase(from, event, table);
        ::_exit(0);
    }
    int status = 0;
    REQUIRE(::waitpid(pid, &status, 0) == pid);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

// One line for each phase, one character for each event: the number of the phase that follows, or a
// dot where the event does not happen.
template <typename Phase, typename Event, std::size_t N>
void check_all(const TransitionTable<Phase, Event, N>& table,
               const std::vector<std::string>& expected) {
    std::size_t rows = 0;
    for (std::size_t p = 0; p < expected.size(); ++p) {
        for (std::size_t e = 0; e < expected[p].size(); ++e) {
            CAPTURE(p, e);
            const auto phase = static_cast<Phase>(p);
            const auto event = static_cast<Event>(e);
            if (expected[p][e] == '.') {
                CHECK_FALSE(phase_after(table, phase, event).has_value());
                CHECK(aborts(table, phase, event));
                continue;
            }
            ++rows;
            const auto next = static_cast<Phase>(expected[p][e] - '0');
            CHECK(phase_after(table, phase, event) == next);
            Phase now = phase;
            enter_phase(now, event, table);
            CHECK(now == next);
        }
    }
    CHECK(rows == table.size());  // none twice, none of a phase or an event that is not here
}

}  // namespace

TEST_CASE("partitions: every phase with every event") {
    check_all(kPartitionTransitions, {
                                         // assigned, ready, unread, opened, in doubt, released
                                         "1....0",  // absent
                                         ".32..0",  // taking
                                         "...310",  // opening
                                         "....10",  // active
                                     });
}

TEST_CASE("the step in flight: every phase with every event") {
    check_all(kStepTransitions,
              {
                  // submitted, outcome, lost, asked, answered, not answered, missed, left, fenced
                  "1.....46.",  // settled
                  ".02....6.",  // in flight
                  "...3...6.",  // uncertain
                  "....02.6.",  // judging
                  "...5.....",  // suspected
                  "....04...",  // comparing
                  ".......60",  // given up
              });
}

TEST_CASE("the step that fills: every phase with every event") {
    check_all(kFillTransitions, {
                                    // record, behind, caught up, emptied
                                    "1..0",  // empty
                                    ".210",  // filling
                                    ".210",  // overdue
                                });
}

TEST_CASE("a revocation: every phase with every event") {
    check_all(kRevokeTransitions, {
                                      // revoked, lost, released
                                      "12.",  // none
                                      "120",  // revoking
                                      "220",  // lost
                                  });
}

TEST_CASE("the life of a loop: every phase with every event") {
    check_all(kLifeTransitions, {
                                    // stop, drained
                                    "1.",  // running
                                    "12",  // stopping
                                    "2.",  // ended
                                });
}

}  // namespace kstream
