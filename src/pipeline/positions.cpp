#include "kstream/pipeline/positions.hpp"

#include "kstream/codec/identity.hpp"

#include <algorithm>

namespace kstream {

namespace {

Positions::Track fresh(PartitionPhase phase) {
    Positions::Track track;
    track.phase = phase;
    return track;
}

}  // namespace

template <typename Wanted>
std::vector<PartitionId> Positions::those(Wanted wanted) const {
    std::vector<PartitionId> partitions;
    for (std::size_t i = 0; i < tracks_.size(); ++i) {
        if (wanted(tracks_[i])) {
            partitions.push_back(number(i));
        }
    }
    return partitions;
}

// ---- partitions come and go --------------------------------------------------------------------

void Positions::assign(std::span<const PartitionId> partitions) {
    for (const PartitionId partition : partitions) {
        enter_phase(track(partition).phase, PartitionEvent::assigned, kPartitionTransitions);
    }
}

void Positions::revoke(std::span<const PartitionId> partitions) {
    for (const PartitionId partition : partitions) {
        track(partition).revoking = true;
    }
}

bool Positions::take_over(const ReadyPartition& ready) {
    Track& t = track(ready.partition);
    if (t.revoking) {
        return false;
    }
    const bool flows = !ready.open && !ready.join_at;
    enter_phase(t.phase, flows ? PartitionEvent::ready : PartitionEvent::ready_unread,
                kPartitionTransitions);
    t.committed = t.sealed = t.next = ready.position;
    t.committed_step = ready.step;
    t.joins = ready.joins;
    t.joining = ready.join_at.has_value();
    return flows;
}

std::vector<PartitionId> Positions::forget() {
    std::vector<PartitionId> again = those([](const Track& t) {
        return !t.revoking &&
               (t.phase == PartitionPhase::active || t.phase == PartitionPhase::opening);
    });
    for (const PartitionId partition : again) {
        Track& t = track(partition);
        enter_phase(t.phase, PartitionEvent::in_doubt, kPartitionTransitions);
        t = fresh(t.phase);
    }
    return again;
}

std::vector<PartitionId> Positions::release_revoked() {
    std::vector<PartitionId> released = those([](const Track& t) { return t.revoking; });
    for (const PartitionId partition : released) {
        Track& t = track(partition);
        enter_phase(t.phase, PartitionEvent::released, kPartitionTransitions);
        t = fresh(t.phase);
    }
    return released;
}

// ---- records and steps -------------------------------------------------------------------------

void Positions::follow(const RecordSource& source) {
    for (std::size_t i = 0; i < tracks_.size(); ++i) {
        Track& t = tracks_[i];
        if (t.phase == PartitionPhase::active && !t.revoking) {
            t.next = std::max(t.next, source.position(number(i), t.next));
        }
    }
}

std::vector<StepRange> Positions::unsealed(std::span<const PartitionId> also) const {
    std::vector<StepRange> ranges;
    for (std::size_t i = 0; i < tracks_.size(); ++i) {
        const Track& t = tracks_[i];
        KSTREAM_CHECK(t.sealed == t.committed, "no step is in flight, so all sealed is committed");
        const bool asked_for = t.phase == PartitionPhase::active
                                   ? std::ranges::binary_search(also, number(i))
                                   : t.joining && !t.revoking;
        if (t.next > t.sealed || asked_for) {
            ranges.push_back({number(i), t.sealed, t.next, next_step(t)});
        }
    }
    return ranges;
}

std::vector<StepRange> Positions::unopened() const {
    std::vector<StepRange> ranges;
    for (const PartitionId partition : in(PartitionPhase::opening)) {
        const Track& t = tracks_[static_cast<std::size_t>(partition.value)];
        if (t.joining) {
            continue;
        }
        ranges.push_back({partition, t.committed, t.committed, next_step(t)});
    }
    return ranges;
}

void Positions::seal(std::span<const StepRange> ranges) {
    for (const StepRange& range : ranges) {
        track(range.partition).sealed = range.to;
    }
}

Positions::Opened Positions::commit(std::span<const StepRange> ranges, bool open) {
    Opened opened;
    for (const StepRange& range : ranges) {
        Track& t = track(range.partition);
        t.committed = range.to;
        t.committed_step = range.step;
        if ((!open && !t.joining) ||
            (planted(PlantedBug::release_at_revoke) && t.phase != PartitionPhase::opening)) {
            continue;
        }
        if (t.joins) {
            enter_phase(t.phase, PartitionEvent::in_doubt, kPartitionTransitions);
            const bool revoking = t.revoking;
            t = fresh(t.phase);
            t.revoking = revoking;
            if (!revoking) {
                opened.to_join.push_back(range.partition);
            }
            continue;
        }
        enter_phase(t.phase, PartitionEvent::opened, kPartitionTransitions);
        t.joining = false;
        if (!t.revoking) {
            opened.flowing.push_back({range.partition, range.to});
        }
    }
    return opened;
}

void Positions::take_back() {
    for (Track& t : tracks_) {
        t.sealed = t.committed;
        t.next = t.committed;
    }
}

// ---- what is so --------------------------------------------------------------------------------

std::vector<PartitionId> Positions::in(PartitionPhase phase) const {
    return those([phase](const Track& t) { return t.phase == phase && !t.revoking; });
}

std::vector<PartitionPosition> Positions::flowing() const {
    std::vector<PartitionPosition> positions;
    for (const PartitionId partition : in(PartitionPhase::active)) {
        positions.push_back({partition, tracks_[static_cast<std::size_t>(partition.value)].next});
    }
    return positions;
}

std::vector<PartitionPosition> Positions::committed() const {
    std::vector<PartitionPosition> positions;
    for (std::size_t i = 0; i < tracks_.size(); ++i) {
        if (tracks_[i].phase == PartitionPhase::active) {
            positions.push_back({number(i), tracks_[i].committed});
        }
    }
    return positions;
}

bool Positions::anything_unsealed() const {
    return std::ranges::any_of(tracks_, [](const Track& t) { return t.next > t.sealed; });
}

bool Positions::step_holds_revoked(std::span<const StepRange> in_flight) const {
    if (planted(PlantedBug::release_at_revoke)) {
        return false;
    }
    for (std::size_t i = 0; i < tracks_.size(); ++i) {
        if (tracks_[i].revoking &&
            (tracks_[i].next > tracks_[i].sealed ||
             std::ranges::find(in_flight, number(i), &StepRange::partition) != in_flight.end())) {
            return true;
        }
    }
    return false;
}

bool Positions::agree_with(const QueryAnswer& committed) const {
    return std::ranges::all_of(committed.offsets, [this](const OffsetAnswer& of) {
        const Track& t = tracks_[static_cast<std::size_t>(of.partition.value)];
        if (t.revoking) {
            return true;
        }
        if (t.phase == PartitionPhase::opening && !t.joining) {
            return !of.offset;
        }
        return (t.phase != PartitionPhase::active && !t.joining) ||
               is_at(of, t.committed, t.committed_step);
    });
}

bool Positions::is_at(const OffsetAnswer& committed, Offset offset, std::uint64_t step) {
    if (committed.offset != offset || step == 0 || planted(PlantedBug::step_not_compared)) {
        return committed.offset == offset;
    }
    // What does not parse, a takeover refuses in words.
    const Result<OffsetMetadata> metadata = parse_offset_metadata(committed.metadata);
    return metadata && metadata->mark && metadata->mark->step == step;
}

}  // namespace kstream
