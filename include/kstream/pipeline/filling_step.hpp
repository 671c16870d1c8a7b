// When the step that fills is due, and how long a loop may wait for records until then. Of
// StepLoop.
//
// It never holds a record: what has been folded is the fold's, how far it reaches is in Positions.
#pragma once

#include "kstream/core/commit_interval.hpp"
#include "kstream/pipeline/positions.hpp"
#include "kstream/pipeline/transitions.hpp"
#include "kstream/ports/clock.hpp"

#include <cstdint>

namespace kstream {

enum class FillPhase : std::uint8_t {
    empty,
    filling,  // something was folded since the last seal
    overdue,  // it goes on beyond its usual time: it takes a backlog along
};
enum class FillEvent : std::uint8_t {
    record,
    behind,     // looked at when its usual time is over: much more waits in the logs
    caught_up,  // looked at: it does not
    emptied,    // sealed, or taken back
};
inline constexpr TransitionTable<FillPhase, FillEvent, 8> kFillTransitions{{
    {FillPhase::empty, FillEvent::record, FillPhase::filling},
    {FillPhase::filling, FillEvent::behind, FillPhase::overdue},
    {FillPhase::filling, FillEvent::caught_up, FillPhase::filling},
    {FillPhase::overdue, FillEvent::behind, FillPhase::overdue},
    {FillPhase::overdue, FillEvent::caught_up, FillPhase::filling},
    // A step can also consist of control records only, which no record tells.
    {FillPhase::empty, FillEvent::emptied, FillPhase::empty},
    {FillPhase::filling, FillEvent::emptied, FillPhase::empty},
    {FillPhase::overdue, FillEvent::emptied, FillPhase::empty},
}};

class FillingStep {
public:
    explicit FillingStep(Duration commit_interval) : interval_(commit_interval) {}

    // Once for each record: looks at the clock for the first only.
    void note_record(const Clock& clock) {
        if (phase_ == FillPhase::empty) {
            enter_phase(phase_, FillEvent::record, kFillTransitions);
            since_ = clock.now();
        }
    }
    void emptied() { enter_phase(phase_, FillEvent::emptied, kFillTransitions); }
    void commit_took(Duration took) { interval_.commit_took(took); }

    [[nodiscard]] bool empty() const { return phase_ == FillPhase::empty; }
    // Whether its time is over. `keys`: that it has so far. Precondition: not empty.
    [[nodiscard]] bool due(Instant now, const Positions& positions, const RecordSource& source,
                           std::uint64_t keys);
    // Zero or less: it is due.
    [[nodiscard]] Duration left(Instant now) const {
        return (phase_ == FillPhase::overdue ? interval_.wait_behind(keys_) : interval_.wait()) -
               (now - since_);
    }

private:
    [[nodiscard]] bool behind(const Positions& positions, const RecordSource& source) const;

    CommitInterval interval_;
    FillPhase phase_ = FillPhase::empty;
    Instant since_;           // first record
    std::uint64_t keys_ = 0;  // when it was looked at last
};

}  // namespace kstream
