#include "kstream/pipeline/filling_step.hpp"

#include <algorithm>

namespace kstream {

namespace {

// Backlog: more than comes in while a fetch is under way (control records count as well here), and
// enough to make another step worth its transaction.
constexpr std::int64_t kMinBacklog = 10'000;
constexpr std::int64_t kBacklogPart = 4;

}  // namespace

bool FillingStep::due(Instant now, const Positions& positions, const RecordSource& source,
                      std::uint64_t keys) {
    keys_ = keys;
    if (now - since_ >= interval_.wait()) {
        const auto event = behind(positions, source) ? FillEvent::behind : FillEvent::caught_up;
        enter_phase(phase_, event, kFillTransitions);
    }
    return left(now) <= Duration::zero();
}

// What waits in the logs is a backlog. A step begins to take it along when it is a fair part of
// what the step holds; then it takes the rest along, too: to read that costs less than the step of
// its own that it would otherwise become. The ends are some moments old, which can make this false
// too early, never true too long.
bool FillingStep::behind(const Positions& positions, const RecordSource& source) const {
    std::int64_t waiting = 0;
    std::int64_t taken = 0;
    for (std::size_t i = 0; i < positions.size(); ++i) {
        const Positions::Track& t = positions[i];
        if (t.phase == PartitionPhase::active) {
            const auto end = source.log_end(Positions::number(i));
            waiting += std::max<std::int64_t>(0, end.last_stable - t.next.value);
            taken += t.next.value - t.sealed.value;
        }
    }
    return waiting > (phase_ == FillPhase::overdue ? kMinBacklog
                                                   : std::max(kMinBacklog, taken / kBacklogPart));
}

}  // namespace kstream
