#include "kstream/pipeline/revocation.hpp"

#include "kstream/planted_bug.hpp"

namespace kstream {

void Revocation::begin(bool lost, Instant now) {
    if (!under_way()) {
        since_ = now;
    }
    enter_phase(phase_, lost ? RevokeEvent::lost : RevokeEvent::revoked, kRevokeTransitions);
}

// What is lost cannot be committed; half a map step cannot be sealed, and where its other chunks
// lie in a partition that is going, they will not come. What was read of a partition may have been
// another's while it is not known whether this member missed that: the comparison leaves out what
// is being given up (simulator, seed 4062362).
bool Revocation::takes_back(bool suspicious, bool whole) const {
    return lost() || suspicious || !whole || planted(PlantedBug::drop_on_rebalance);
}

bool Revocation::gives_up(bool recovering, Instant now) const {
    return now - since_ > deadline_ || (lost() && recovering);
}

}  // namespace kstream
