#include "kstream/pipeline/source_clocks.hpp"

#include "kstream/planted_bug.hpp"

#include <utility>

namespace kstream {

void SourceClocks::resume(PartitionId partition, const SourceMark& mark) {
    if (job_.event_time() != nullptr) {
        const SourceMark known = planted(PlantedBug::watermark_forgotten) ? SourceMark{} : mark;
        clock(partition) = {known, known, known, 0, {}, {}};
    }
}

std::vector<PartitionId> SourceClocks::more_to_write() const {
    std::vector<PartitionId> partitions;
    for (std::size_t i = 0; i < clocks_.size(); ++i) {
        if (clocks_[i].to_say || (ends_ && clocks_[i].next.watermark < kEndOfTime)) {
            partitions.push_back(PartitionId{static_cast<std::int32_t>(i)});
        }
    }
    return partitions;
}

// ---- the life of a step ------------------------------------------------------------------------

std::uint64_t SourceClocks::say_in(std::span<const StepRange> ranges) {
    std::uint64_t advances = 0;
    for (const StepRange& range : ranges) {
        const auto index = static_cast<std::size_t>(range.partition.value);
        if (ends_ && index < clocks_.size()) {
            clocks_[index].to_say = {.watermark = kEndOfTime, .idle = true};
        }
        if (index >= clocks_.size() || !clocks_[index].to_say) {
            continue;
        }
        Clock& of = clocks_[index];
        of.said = std::exchange(of.to_say, std::nullopt);
        const SourceMark& said = *of.said;
        if (range.from != range.to && !planted(PlantedBug::advance_among_records)) {
            of.said.reset();
            continue;
        }
        advances += said.watermark > of.next.watermark ? 1U : 0U;
        of.next.watermark = std::max(of.next.watermark, said.watermark);
        of.next.idle = said.idle;
    }
    return advances;
}

// Advances are not asked: by them no id is forgotten.
void SourceClocks::mark_horizons(std::span<const StepRange> ranges, UniqueIds& ids) {
    for (const StepRange& range : ranges) {
        clock(range.partition).next.horizon = ids.horizon(range.partition, range.to);
    }
}

void SourceClocks::open_horizons(std::span<const StepRange> ranges) {
    for (const StepRange& range : ranges) {
        Clock& opened = clock(range.partition);
        opened.next.horizon = opened.sealed.horizon = Horizon{.offset = range.to};
    }
}

void SourceClocks::put_into(SourceRange& range, BatchKind kind) const {
    const auto index = static_cast<std::size_t>(range.partition.value);
    if (kind == BatchKind::step && index < clocks_.size()) {
        range.watermark_before = clocks_[index].sealed.watermark;
        range.watermark = clocks_[index].next.watermark;
    }
    if (job_.has_unique()) {
        range.horizon = clocks_[index].next.horizon.value();
    }
}

void SourceClocks::seal() {
    for (Clock& one : clocks_) {
        one.sealed = one.next;
    }
}

void SourceClocks::committed() {
    for (Clock& one : clocks_) {
        one.committed = one.sealed;
        one.said.reset();
    }
}

void SourceClocks::undo_filling() {
    for (Clock& one : clocks_) {
        if (!planted(PlantedBug::watermark_not_taken_back)) {
            one.next = one.sealed;
        }
    }
}

void SourceClocks::undo_in_flight() {
    for (Clock& one : clocks_) {
        if (!planted(PlantedBug::watermark_not_taken_back)) {
            one.next = one.sealed = one.committed;
        }
        if (one.said && !one.to_say) {
            one.to_say = one.said;
        }
        one.said.reset();
    }
}

// ---- for those who look ------------------------------------------------------------------------

SourceClocks::Activity SourceClocks::activity(PartitionId partition) const {
    const auto index = static_cast<std::size_t>(partition.value);
    return index < clocks_.size() ? Activity{clocks_[index].committed, clocks_[index].timed}
                                  : Activity{};
}

std::optional<SourceMark> SourceClocks::sealed_mark(PartitionId partition) const {
    const auto index = static_cast<std::size_t>(partition.value);
    if (job_.event_time() == nullptr) {
        return std::nullopt;
    }
    if (index >= clocks_.size()) {
        return SourceMark{};
    }
    SourceMark mark = clocks_[index].sealed;
    if (mark.idle && planted(PlantedBug::advance_not_in_metadata)) {
        mark.watermark = clocks_[index].committed.watermark;
    }
    return mark;
}

std::int64_t SourceClocks::watermark(PartitionId partition) const {
    const auto index = static_cast<std::size_t>(partition.value);
    return index < clocks_.size() ? clocks_[index].committed.watermark : kNoTime;
}

void SourceClocks::describe_time(PartitionStatus& status) const {
    if (job_.event_time() != nullptr) {
        status.idle = activity(status.partition).committed.idle;
    }
}

}  // namespace kstream
