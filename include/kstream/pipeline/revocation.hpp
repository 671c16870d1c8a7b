// Partitions that the group takes back (P1): what may still become of their records, and how long
// the group is made to wait for that. Of StepLoop, which does what this decides.
//
// It never gives a partition up itself, and it does not know which ones they are: Positions does.
#pragma once

#include "kstream/pipeline/transitions.hpp"
#include "kstream/ports/clock.hpp"

#include <cstdint>

namespace kstream {

enum class RevokePhase : std::uint8_t {
    none,
    revoking,  // their last records are committed first
    lost,      // others have them already: nothing of them can be committed
};
enum class RevokeEvent : std::uint8_t { revoked, lost, released };
inline constexpr TransitionTable<RevokePhase, RevokeEvent, 8> kRevokeTransitions{{
    {RevokePhase::none, RevokeEvent::revoked, RevokePhase::revoking},
    {RevokePhase::none, RevokeEvent::lost, RevokePhase::lost},
    {RevokePhase::revoking, RevokeEvent::revoked, RevokePhase::revoking},
    {RevokePhase::revoking, RevokeEvent::lost, RevokePhase::lost},
    {RevokePhase::revoking, RevokeEvent::released, RevokePhase::none},
    // What is revoked while something else is lost goes the same way: the step is one for both.
    {RevokePhase::lost, RevokeEvent::revoked, RevokePhase::lost},
    {RevokePhase::lost, RevokeEvent::lost, RevokePhase::lost},
    {RevokePhase::lost, RevokeEvent::released, RevokePhase::none},
}};

class Revocation {
public:
    // `deadline`: how long a step may hold the partitions; then the producer is given up.
    explicit Revocation(Duration deadline) : deadline_(deadline) {}

    // Some more partitions. The deadline counts from the first ones.
    void begin(bool lost, Instant now);
    void released() { enter_phase(phase_, RevokeEvent::released, kRevokeTransitions); }

    [[nodiscard]] RevokePhase phase() const { return phase_; }
    [[nodiscard]] bool under_way() const { return phase_ != RevokePhase::none; }
    [[nodiscard]] bool lost() const { return phase_ == RevokePhase::lost; }

    // Whether what fills is to be taken back instead of committed. `suspicious`: it may have been
    // another member's. `whole`: it does not end within a map step.
    [[nodiscard]] bool takes_back(bool suspicious, bool whole) const;
    // Whether a step that holds something is not waited for any longer. `recovering`: its outcome
    // has to be found out first.
    [[nodiscard]] bool gives_up(bool recovering, Instant now) const;

private:
    Duration deadline_;
    RevokePhase phase_ = RevokePhase::none;
    Instant since_;
};

}  // namespace kstream
