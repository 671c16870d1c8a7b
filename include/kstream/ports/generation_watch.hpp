// For record sources: whether a member of a classic group has missed a generation of it (protocol
// P1).
//
// A member that stays joins each generation itself, and says what it owns; then nobody else gets
// that. A JoinGroup of before that reaches the coordinator late makes a generation in which the
// member is said to own what it owned then: the rest may go to others, who read and commit. Its own
// next JoinGroup brings it into the generation after that, and into a group that takes its commits
// again. It sees nothing of all this but a number that has been left out.
#pragma once

#include "kstream/planted_bug.hpp"

#include <cstdint>
#include <utility>

namespace kstream {

class GenerationWatch {
public:
    // The generation that the member is in, -1 while it is in none: then it loses all it has, and
    // nothing is to be missed.
    void note(std::int32_t generation) {
        if (known_ >= 0 && generation > known_ + 1 && !planted(PlantedBug::generation_missed)) {
            missed_at_ = generation;
            stage_ = Stage::noticed;
        }
        if (generation < 0) {
            stage_ = Stage::none;
        }
        known_ = generation;
    }
    // As note(), when the assignment of the generation is known: what is not revoked with it is the
    // member's. Until then another one may be at work on it, in this very generation.
    void assigned(std::int32_t generation) {
        note(generation);
        if (stage_ == Stage::noticed) {
            stage_ = Stage::to_tell;
        }
    }
    // What is revoked in the generation that came after the missed one may have a new owner
    // already.
    [[nodiscard]] bool lost() const { return known_ >= 0 && known_ == missed_at_; }
    // Not reported yet: nothing may be committed.
    [[nodiscard]] bool pending() const { return stage_ != Stage::none; }
    // Whether to tell it now.
    [[nodiscard]] bool take() {
        return stage_ == Stage::to_tell && std::exchange(stage_, Stage::none) == Stage::to_tell;
    }

private:
    enum class Stage : std::uint8_t { none, noticed, to_tell };

    std::int32_t known_ = -1;
    std::int32_t missed_at_ = -1;
    Stage stage_ = Stage::none;
};

}  // namespace kstream
