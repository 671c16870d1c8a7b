// How far the source partitions of a map loop are in event time (rule E1): the mark of each where
// it is committed, where the step in flight was sealed, and where the filling step is; and the
// advances (E4) that are to be said of them, until a step that says them is committed. Of jobs with
// event time alone: of others it has no partition.
//
// MapFold moves a mark with each record and takes all of them through the steps. Which records are
// late is MapFold's affair; which ids a horizon is about, UniqueIds'.
//
// Times are in milliseconds. Not thread-safe.
#pragma once

#include "kstream/codec/delta_batch.hpp"
#include "kstream/model/event_time.hpp"
#include "kstream/model/ids.hpp"
#include "kstream/pipeline/job.hpp"
#include "kstream/pipeline/unique_ids.hpp"
#include "kstream/ports/step.hpp"
#include "kstream/status.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace kstream {

class SourceClocks {
public:
    // What is committed of a partition, and how many records with a time have been read since it
    // entered service; one that was read again counts again.
    struct Activity {
        SourceMark committed;
        std::uint64_t timed = 0;
    };

    // `job` must outlive this.
    explicit SourceClocks(const Job& job) : job_(job) {}

    // By the partition's next record. Its time, if it has one, counts whatever else is wrong with
    // it, and before WHERE is asked, so that a watermark is of the log and not of the job. The
    // watermark before it.
    [[nodiscard]] std::int64_t move(PartitionId partition, std::optional<std::int64_t> time) {
        Clock& of = clock(partition);
        const std::int64_t before = of.next.watermark;
        if (time) {
            of.next.watermark = std::max(before, *time);
            of.next.idle = false;
            ++of.timed;
        }
        return before;
    }

    // As Fold::resume, also of partitions that leave service. Does nothing in a job without event
    // time.
    void resume(PartitionId partition, const SourceMark& mark);

    // As Fold::say.
    void say(PartitionId partition, const SourceMark& mark) { clock(partition).to_say = mark; }
    // From now on each partition that is in service, or comes into it, is moved to the end of time.
    void end_time() { ends_ = true; }
    [[nodiscard]] bool ends() const { return ends_; }
    // Those of which something is to be said, ascending.
    [[nodiscard]] std::vector<PartitionId> more_to_write() const;

    // --- the life of a step, as Fold has it ---

    // Says in the step of these ranges, before it is sealed, what is to be said of them. How many
    // watermarks that has moved.
    [[nodiscard]] std::uint64_t say_in(std::span<const StepRange> ranges);
    // Of a job with unique_by: what is to be committed with the positions that are sealed next.
    void mark_horizons(std::span<const StepRange> ranges, UniqueIds& ids);
    // The same of an open step: no id matters yet.
    void open_horizons(std::span<const StepRange> ranges);
    // What batches of this kind say of the range's partition, before seal(). Of a job with
    // unique_by its horizon was marked or opened.
    void put_into(SourceRange& range, BatchKind kind) const;
    void seal();
    void committed();
    void undo_filling();
    // What the step has said is to be said again, unless there is something newer.
    void undo_in_flight();

    // --- for those who look ---

    [[nodiscard]] Activity activity(PartitionId partition) const;
    // As those of Fold.
    [[nodiscard]] std::optional<SourceMark> sealed_mark(PartitionId partition) const;
    [[nodiscard]] std::int64_t watermark(PartitionId partition) const;
    void describe_time(PartitionStatus& status) const;

private:
    struct Clock {
        SourceMark committed;
        SourceMark sealed;
        SourceMark next;
        std::uint64_t timed = 0;
        std::optional<SourceMark> to_say;
        std::optional<SourceMark> said;  // in the step in flight
    };

    Clock& clock(PartitionId partition) {
        const auto index = static_cast<std::size_t>(partition.value);
        if (clocks_.size() <= index) {
            clocks_.resize(index + 1);
        }
        return clocks_[index];
    }

    const Job& job_;
    std::vector<Clock> clocks_;  // by source partition
    bool ends_ = false;
};

}  // namespace kstream
