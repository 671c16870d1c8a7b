// The step that was submitted last, and what is known of its outcome. Of StepLoop and Recovery.
//
// It never decides what an outcome means for records or state: it holds what was submitted, until
// that is settled, and checks that the events come in an order that the protocol knows (P6, P7).
#pragma once

#include "kstream/model/output_batch.hpp"
#include "kstream/pipeline/transitions.hpp"
#include "kstream/ports/clock.hpp"
#include "kstream/ports/step.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace kstream {

enum class StepPhase : std::uint8_t {
    settled,    // nothing is in flight: the next step may be submitted
    in_flight,  // the outcome is awaited
    uncertain,  // nobody knows the outcome: a new producer's epoch is awaited (P6)
    judging,    // that stands: what is committed was asked for, and decides
    suspected,  // nothing is in flight, but another member may have gone on from here: to be asked
    comparing,  // what is committed was asked for
    given_up,   // of the old producer's step nothing is awaited any more, but it may still be
                // committed: no takeover looks before the new producer's epoch stands
};
enum class StepEvent : std::uint8_t {
    submitted,
    outcome,       // committed or aborted
    outcome_lost,  // uncertain or fenced: the producer is gone
    asked,
    answered,
    not_answered,       // the question failed for now
    generation_missed,  // while partitions have positions
    detached,           // a revocation does not wait any longer (P1)
    fenced_off,         // the new producer's epoch stands
};
inline constexpr TransitionTable<StepPhase, StepEvent, 16> kStepTransitions{{
    {StepPhase::settled, StepEvent::submitted, StepPhase::in_flight},
    {StepPhase::in_flight, StepEvent::outcome, StepPhase::settled},
    {StepPhase::in_flight, StepEvent::outcome_lost, StepPhase::uncertain},
    {StepPhase::uncertain, StepEvent::asked, StepPhase::judging},
    {StepPhase::judging, StepEvent::answered, StepPhase::settled},
    {StepPhase::judging, StepEvent::not_answered, StepPhase::uncertain},

    {StepPhase::settled, StepEvent::generation_missed, StepPhase::suspected},
    {StepPhase::suspected, StepEvent::asked, StepPhase::comparing},
    {StepPhase::comparing, StepEvent::answered, StepPhase::settled},
    {StepPhase::comparing, StepEvent::not_answered, StepPhase::suspected},

    // Also when nothing is in flight: what fills cannot be committed while there is no producer, or
    // no membership. While positions are compared nothing fills, so nothing is left behind.
    {StepPhase::settled, StepEvent::detached, StepPhase::given_up},
    {StepPhase::in_flight, StepEvent::detached, StepPhase::given_up},
    {StepPhase::uncertain, StepEvent::detached, StepPhase::given_up},
    {StepPhase::judging, StepEvent::detached, StepPhase::given_up},
    {StepPhase::given_up, StepEvent::detached, StepPhase::given_up},
    {StepPhase::given_up, StepEvent::fenced_off, StepPhase::settled},
}};

class StepInFlight {
public:
    [[nodiscard]] StepPhase phase() const { return phase_; }
    // Any event but `submitted`. When it leaves no step behind, the step is forgotten.
    void on(StepEvent event, std::source_location where = std::source_location::current());

    // Gives the step its number and remembers what of it matters later.
    void submit(Step& step, bool opens, Instant now);

    // Its outcome is not settled, be it on its way or uncertain.
    [[nodiscard]] bool held() const {
        return phase_ == StepPhase::in_flight || phase_ == StepPhase::uncertain ||
               phase_ == StepPhase::judging;
    }
    // It waits for the committed offsets, of a step or of all positions; nothing is read meanwhile.
    [[nodiscard]] bool recovering() const {
        return phase_ == StepPhase::uncertain || phase_ == StepPhase::judging || suspicious();
    }
    // Nothing is awaited. Of what is given up, too: there no partition has records to submit.
    [[nodiscard]] bool idle() const { return !held() && !recovering(); }
    // Whether what this member holds has been another's is not known.
    [[nodiscard]] bool suspicious() const {
        return phase_ == StepPhase::suspected || phase_ == StepPhase::comparing;
    }

    [[nodiscard]] std::uint64_t number() const { return number_; }
    [[nodiscard]] bool opens() const { return opens_; }  // an open step (P3)
    [[nodiscard]] std::span<const StepRange> ranges() const { return ranges_; }  // none: not held
    [[nodiscard]] const OutputBatch::Volumes& volumes() const { return volumes_; }
    [[nodiscard]] Instant submitted() const { return submitted_; }

private:
    StepPhase phase_ = StepPhase::settled;
    std::uint64_t number_ = 0;
    bool opens_ = false;
    std::vector<StepRange> ranges_;
    OutputBatch::Volumes volumes_{};
    Instant submitted_;
};

}  // namespace kstream
