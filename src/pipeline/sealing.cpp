#include "kstream/pipeline/sealing.hpp"

#include "kstream/planted_bug.hpp"

#include <optional>
#include <utility>
#include <vector>

namespace kstream {

namespace {

constexpr Duration kTailInterval = std::chrono::seconds{1};
constexpr Duration kPromptTailInterval = std::chrono::milliseconds{20};

}  // namespace

Sealing::Sealing(const Identity& identity, bool tail_at_once, Parts parts)
    : identity_(identity),
      parts_(parts),
      tail_interval_(tail_at_once ? kPromptTailInterval : kTailInterval),
      tail_checked_(parts.clock.now()) {}

// Control records and aborted records move a position without a record to fold: without this, the
// committed position would stay behind the end of the log for ever (P11).
void Sealing::look_for_control_records(Instant now, bool at_once) {
    if ((!at_once && now - tail_checked_ < tail_interval_) ||
        planted(PlantedBug::tail_markers_ignored)) {
        return;
    }
    tail_checked_ = now;
    parts_.positions.follow(parts_.source);
}

Result<void> Sealing::submit_if_due(Leaving leaving) {
    const Instant now = parts_.clock.now();
    const bool leaves = leaving.all || leaving.some;
    if (!leaves && !parts_.fold.full() && !parts_.filling.empty() &&
        !parts_.filling.due(now, parts_.positions, parts_.source, parts_.fold.filling_keys())) {
        return {};
    }
    Step step;
    step.ranges = parts_.positions.unopened();
    if (!step.ranges.empty()) {
        return submit(std::move(step), true);
    }
    if (!parts_.fold.can_seal()) {
        return {};
    }
    look_for_control_records(now, !parts_.filling.empty() || leaving.all);
    step.ranges = parts_.positions.unsealed(leaves ? std::vector<PartitionId>{}
                                                   : parts_.fold.more_to_write());
    return step.ranges.empty() ? Result<void>{} : submit(std::move(step), false);
}

// `opens`: an open step (P3), of which the ranges are empty.
Result<void> Sealing::submit(Step step, bool opens) {
    // P1, P5: read under the barrier; without a valid generation nothing may be committed.
    step.membership = parts_.source.membership(step.ranges);
    if (step.membership == nullptr) {
        return {};
    }
    step.writer = &parts_.sink;
    parts_.report.enter(LoopPhase::seal);
    if (Result<void> sealed = opens ? parts_.fold.seal_open(step) : parts_.fold.seal(step);
        !sealed) {
        return sealed;
    }
    if (!opens) {
        parts_.positions.seal(step.ranges);
        parts_.filling.emptied();
    }
    for (const StepRange& range : step.ranges) {
        step.offset_metadata.push_back(metadata_of(range));
    }
    parts_.step.submit(step, opens, parts_.clock.now());
    for (StepRange& range : step.ranges) {
        if (!opens && planted(PlantedBug::committed_one_too_high)) {
            ++range.to.value;
        }
        if (!opens && planted(PlantedBug::committed_one_too_low)) {
            --range.to.value;
        }
    }
    parts_.sink.submit(std::move(step));
    parts_.report.enter(LoopPhase::other);
    return {};
}

std::string Sealing::metadata_of(const StepRange& range) const {
    OffsetMetadata metadata{.identity = identity_, .mark = std::nullopt};
    if (range.step > 0) {
        metadata.mark = {.step = range.step, .source = parts_.fold.sealed_mark(range.partition)};
    }
    return offset_metadata_text(metadata);
}

}  // namespace kstream
