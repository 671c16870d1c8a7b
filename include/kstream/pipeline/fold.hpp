// What differs between the two loops: how records change state, and what a step writes. The life
// cycle of a step (fill, seal, submit, settle, rewind) is the same for both and stands in StepLoop.
//
// A fold holds up to two layers of change above what is committed: the step in flight and the one
// that is filling. Either can be taken back, the filling one first.
#pragma once

#include "kstream/error.hpp"
#include "kstream/model/event_time.hpp"
#include "kstream/model/ids.hpp"
#include "kstream/model/record.hpp"
#include "kstream/ports/clock.hpp"
#include "kstream/ports/step.hpp"
#include "kstream/status.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace kstream {

class Fold {
public:
    virtual ~Fold() = default;

    // Puts records into the filling step. In log order within a partition, none twice, only of
    // partitions that are in service. An error ends the loop; state is then not used any more.
    [[nodiscard]] virtual Result<void> fold(RecordBatch records) = 0;

    // False while half of something that must stay whole has been folded (chunks of one map step).
    [[nodiscard]] virtual bool can_seal() const = 0;

    // The filling step has reached its bound in records or bytes: it is committed as soon as
    // possible, and nothing more is read before it is.
    [[nodiscard]] virtual bool full() const = 0;

    // It is so far beyond that bound that what was read and not yet folded must not be folded into
    // this step either: batches of the log have no bound in records.
    [[nodiscard]] virtual bool overfull() const = 0;

    // Keys of the filling step: what each of them costs is the same, however often it came.
    [[nodiscard]] virtual std::uint64_t filling_keys() const = 0;

    // Partitions of which something is to be written though nothing has been read (ADR 0047, ADR
    // 0057), ascending.
    [[nodiscard]] virtual std::vector<PartitionId> more_to_write() const { return {}; }
    // Whether each step of each member moves the committed offset of all its partitions, or gives
    // them their first: an offset that is the same then says that no other member has committed
    // anything of the partition (P1). Never where somebody's more_to_write() may have something.
    [[nodiscard]] virtual bool offsets_tell() const { return true; }

    // The filling step becomes the one in flight: writes its records into `step.outputs`, or ahead
    // to its writer.
    // step.ranges is set: all partitions whose position has moved, and more_to_write(), ascending.
    // Precondition: none in flight, can_seal().
    [[nodiscard]] virtual Result<void> seal(Step& step) = 0;

    // A step that gives never-read partitions their base (P3): step.ranges are empty ranges.
    // Precondition: none in flight. Only the map fold has such steps.
    [[nodiscard]] virtual Result<void> seal_open(Step& step) = 0;

    // Of a job with event time, in the map loop: where a source partition stands that enters
    // service or was opened (mark of its committed position), and what is to be committed with the
    // position that was sealed last.
    virtual void resume(PartitionId /*partition*/, const SourceMark& /*mark*/) {}
    // The next step in which nothing was read of the partition moves its mark there. It is
    // forgotten with a step in which something was: among records nobody could tell from which on
    // it holds. A step that is taken back has not said it yet.
    virtual void say(PartitionId /*partition*/, const SourceMark& /*mark*/) {}
    [[nodiscard]] virtual std::optional<SourceMark> sealed_mark(PartitionId /*partition*/) const {
        return std::nullopt;
    }

    // Of a job with event time, for those who look: of a source partition its watermark where it is
    // committed, of a state partition up to where windows are closed. kNoTime: none yet.
    [[nodiscard]] virtual std::int64_t watermark(PartitionId /*partition*/) const {
        return kNoTime;
    }

    // The same: what else there is to say of the partition that the status is of.
    virtual void describe_time(PartitionStatus& /*status*/) const {}

    // The step in flight is committed: its changes are now what is undone to. `now_wall_ms` for
    // latency figures.
    virtual void committed(std::int64_t now_wall_ms) = 0;

    virtual void undo_filling() = 0;
    virtual void undo_in_flight() = 0;  // precondition: the filling step is empty

    // Partitions leave service. Precondition: no step holds anything of them.
    virtual void drop(std::span<const PartitionId> partitions) = 0;

    [[nodiscard]] virtual const FoldStatus& status() const = 0;
    // What it holds now: put together for each call.
    [[nodiscard]] virtual StateStatus state() const = 0;
};

}  // namespace kstream
