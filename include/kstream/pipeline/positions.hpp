// Where a loop is in each of its partitions, and which of them it may read. Of StepLoop, which
// tells it what has happened; it decides which ranges a step has, which partitions go back and
// which can be given up.
//
// It never asks or tells anybody anything: no port, no fold, no takeover. It does not know whether
// a step is in flight; `committed <= sealed <= next` holds after each call.
#pragma once

#include "kstream/check.hpp"
#include "kstream/model/ids.hpp"
#include "kstream/model/record.hpp"
#include "kstream/pipeline/takeover.hpp"
#include "kstream/pipeline/transitions.hpp"
#include "kstream/planted_bug.hpp"
#include "kstream/ports/cluster_queries.hpp"
#include "kstream/ports/record_source.hpp"
#include "kstream/ports/step.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace kstream {

enum class PartitionPhase : std::uint8_t {
    absent,   // not ours
    taking,   // takeover under way
    opening,  // ready, its open step is not committed yet
    active,   // records flow
};
enum class PartitionEvent : std::uint8_t {
    assigned,
    ready,         // the takeover knows the position
    ready_unread,  // and that its base has to be committed first (P3)
    opened,        // that is committed
    in_doubt,      // what is committed is not what was believed: taken over anew
    released,
};
inline constexpr TransitionTable<PartitionPhase, PartitionEvent, 10> kPartitionTransitions{{
    {PartitionPhase::absent, PartitionEvent::assigned, PartitionPhase::taking},
    {PartitionPhase::taking, PartitionEvent::ready, PartitionPhase::active},
    {PartitionPhase::taking, PartitionEvent::ready_unread, PartitionPhase::opening},
    {PartitionPhase::opening, PartitionEvent::opened, PartitionPhase::active},
    {PartitionPhase::opening, PartitionEvent::in_doubt, PartitionPhase::taking},
    {PartitionPhase::active, PartitionEvent::in_doubt, PartitionPhase::taking},
    // The group takes back what it wants, in whatever phase that is.
    {PartitionPhase::absent, PartitionEvent::released, PartitionPhase::absent},
    {PartitionPhase::taking, PartitionEvent::released, PartitionPhase::absent},
    {PartitionPhase::opening, PartitionEvent::released, PartitionPhase::absent},
    {PartitionPhase::active, PartitionEvent::released, PartitionPhase::absent},
}};

class Positions {
public:
    struct Track {
        PartitionPhase phase = PartitionPhase::absent;
        bool revoking = false;  // on top of any phase: no records, and released as soon as possible
        Offset committed;
        Offset sealed;  // end of the step in flight; equals committed when none holds the partition
        Offset next;    // after all that was folded
        // How many steps have committed the partition: of a job with event time, else 0.
        std::uint64_t committed_step = 0;
        std::int64_t newest_ms = -1;  // timestamp of the newest folded record, for lag in seconds
        // Of one that is opening (ReadyPartition): it is taken over once more after its open step;
        // or it waits for a step that moves its watermark, and not for an open step.
        bool joins = false;
        bool joining = false;
    };

    // `counts_steps`: of a job with event time.
    explicit Positions(bool counts_steps = false) : counts_steps_(counts_steps) {}

    // By partition number.
    [[nodiscard]] std::size_t size() const { return tracks_.size(); }
    [[nodiscard]] const Track& operator[](std::size_t index) const { return tracks_[index]; }
    [[nodiscard]] static PartitionId number(std::size_t index) {
        return PartitionId{static_cast<std::int32_t>(index)};
    }

    // ---- partitions come and go

    void assign(std::span<const PartitionId> partitions);
    void revoke(std::span<const PartitionId> partitions);
    // Whether records may flow at once. A partition that was revoked since its takeover began stays
    // as it is.
    [[nodiscard]] bool take_over(const ReadyPartition& ready);
    // All that is known of them is in doubt. Those that are to be taken over anew.
    [[nodiscard]] std::vector<PartitionId> forget();
    // The revoked ones are not ours any more.
    [[nodiscard]] std::vector<PartitionId> release_revoked();

    // ---- records

    // Whether this record is the next of its partition, or one that lies after it where there is a
    // hole; then the position moves after it. What is below the expected position was fetched
    // before a rewind, or by a stale fetch (librdkafka #4636).
    [[nodiscard]] bool take(const RecordView& record) {
        Track& t = track(record.partition);
        if (t.phase != PartitionPhase::active || is_old(record, t)) {
            return false;
        }
        t.next = record.record_offset.next();
        t.newest_ms = record.timestamp_ms;
        return true;
    }
    // Control records and aborted records move a position without a record to fold.
    void follow(const RecordSource& source);

    // ---- steps

    // What is folded and not sealed, and what waits to join, ascending. Precondition: no step is in
    // flight.
    // `also`: those of them that are active, also where nothing has been read (ADR 0047).
    [[nodiscard]] std::vector<StepRange> unsealed(std::span<const PartitionId> also = {}) const;
    // Empty ranges at the bases that have to be committed.
    [[nodiscard]] std::vector<StepRange> unopened() const;
    void seal(std::span<const StepRange> ranges);
    struct Opened {
        std::vector<PartitionPosition> flowing;  // their records can flow now
        std::vector<PartitionId> to_join;        // these are taken over once more
    };
    // `open`: it was an open step.
    [[nodiscard]] Opened commit(std::span<const StepRange> ranges, bool open);
    // Both steps are dropped: what is committed stands.
    void take_back();

    // ---- what is so

    // In this phase, and not being given up.
    [[nodiscard]] std::vector<PartitionId> in(PartitionPhase phase) const;
    // Where those begin that are to be read (on, or again).
    [[nodiscard]] std::vector<PartitionPosition> flowing() const;
    // Of all whose records flow, being given up or not.
    [[nodiscard]] std::vector<PartitionPosition> committed() const;
    [[nodiscard]] bool anything_unsealed() const;
    // Whether a step holds anything of a partition that is being given up (P1). `in_flight`: the
    // ranges of the one in flight.
    [[nodiscard]] bool step_holds_revoked(std::span<const StepRange> in_flight) const;
    // Whether the group's committed offsets are what this loop has committed.
    [[nodiscard]] bool agree_with(const QueryAnswer& committed) const;
    // Whether that is what is committed; `step` is 0 where steps are not counted.
    [[nodiscard]] static bool is_at(const OffsetAnswer& committed, Offset offset,
                                    std::uint64_t step);

private:
    [[nodiscard]] std::uint64_t next_step(const Track& track) const {
        return counts_steps_ ? track.committed_step + 1 : 0;
    }
    [[nodiscard]] Track& track(PartitionId partition) {
        KSTREAM_CHECK(partition.value >= 0, "a partition number is not negative");
        const auto index = static_cast<std::size_t>(partition.value);
        if (index >= tracks_.size()) {
            tracks_.resize(index + 1);
        }
        return tracks_[index];
    }
    [[nodiscard]] static bool is_old(const RecordView& record, const Track& track) {
        return record.record_offset < track.next && !planted(PlantedBug::old_records_folded);
    }
    template <typename Wanted>
    [[nodiscard]] std::vector<PartitionId> those(Wanted wanted) const;

    bool counts_steps_;
    std::vector<Track> tracks_;
};

}  // namespace kstream
