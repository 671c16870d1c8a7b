// What a loop does about steps that were not committed: it backs off after an abort, counts the
// producers that it has lost, and finds out what is committed when the outcome of a step is
// uncertain (P6) or a generation of the group has passed without it (P1).
//
// It finds out and says so; it never takes back, rewinds or takes over anything. That is
// StepLoop's, and what it finds is acted upon before the next call.
#pragma once

#include "kstream/error.hpp"
#include "kstream/pipeline/positions.hpp"
#include "kstream/pipeline/step_in_flight.hpp"
#include "kstream/ports/clock.hpp"
#include "kstream/ports/cluster_queries.hpp"
#include "kstream/ports/transaction_sink.hpp"

#include <cstdint>
#include <deque>
#include <span>

namespace kstream {

class Recovery {
public:
    // ---- back-off

    void aborted(Instant now);
    void committed() { aborts_in_a_row_ = 0; }
    [[nodiscard]] bool backs_off(Instant now) const { return now < not_before_; }
    // A stop does not wait.
    void hurry(Instant now) { not_before_ = now; }

    // ---- lost producers

    // An error when there have been too many of late.
    [[nodiscard]] Result<void> producer_lost(Instant now, const Error& cause);

    // ---- what is committed

    enum class Finding : std::uint8_t {
        none,           // nothing was asked for, or there is no answer yet
        committed,      // the uncertain step is committed
        not_committed,  // it is not, and nothing after it is
        superseded,     // another member has gone on
        unknown,        // no range of the step has moved a position: offsets cannot tell
        as_believed,    // the committed positions are this loop's
    };
    // Goes on with what the step's phase asks for. On `committed`, `not_committed`, `superseded`
    // and `unknown` of a step, the step is still held: the caller settles it with
    // StepEvent::answered.
    [[nodiscard]] Result<Finding> advance(StepInFlight& step, const Positions& positions,
                                          TransactionSink::State producer, ClusterQueries& queries);

    // What the committed offsets say of an uncertain step.
    [[nodiscard]] static Finding judge(std::span<const StepRange> ranges, bool opens,
                                       const QueryAnswer& answer);

private:
    std::uint32_t aborts_in_a_row_ = 0;
    Instant not_before_;
    std::deque<Instant> lost_;  // of the last minute
};

}  // namespace kstream
