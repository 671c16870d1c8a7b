// The input side of a loop: one member of one consumer group on one topic.
//
// Rebalances have two phases (design decision 7, protocol P1): the source says which partitions
// come and go, the loop answers when it is done with them, and the group waits for that answer.
//
// All methods are called from the loop's own thread.
#pragma once

#include "kstream/error.hpp"
#include "kstream/model/ids.hpp"
#include "kstream/model/record.hpp"
#include "kstream/ports/clock.hpp"
#include "kstream/ports/step.hpp"

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace kstream {

struct PartitionPosition {
    PartitionId partition;
    Offset position;
    friend bool operator==(const PartitionPosition&, const PartitionPosition&) = default;
};

struct SourceEvent {
    enum class Kind : std::uint8_t {
        none,      // the wait ended
        records,   // `records` of started partitions, in log order within each
        assigned,  // `partitions` now belong to this member; none is read before start()
        revoking,  // `partitions` are to be given up: answer with release() once no step holds them
        out_of_range,  // the positions of `partitions` are not in the log; none is read before it
                       // is started again
        generation_missed,  // another member may have had some of what this one has, in between
    };
    Kind kind = Kind::none;
    RecordBatch records;
    std::vector<PartitionId> partitions;
    bool lost = false;  // revoking: the group has already given them to others; nothing of them can
                        // be committed any more
};

class RecordSource {
public:
    virtual ~RecordSource() = default;

    // Serves the group and returns what came first, waiting at most `wait`. Must be called at least
    // every few seconds, also with the flow closed, or the group drops this member. Records and
    // views are valid until the next call. An error says what to do; `retry` means only: call
    // again.
    [[nodiscard]] virtual Result<SourceEvent> poll(Duration wait) = 0;

    // Begins to hand out records of assigned partitions from these positions on.
    virtual void start(std::span<const PartitionPosition> positions) = 0;

    // Goes back (or forward) to these positions; what was fetched beyond is dropped. Only started
    // partitions.
    virtual void rewind(std::span<const PartitionPosition> positions) = 0;

    // The answer to `revoking`: these partitions are given up. After `revoking` no record of them
    // is handed out, so they may be released at any time from then on.
    virtual void release(std::span<const PartitionId> partitions) = 0;

    // Closed: no records are handed out, the group is still served. Back-pressure and recovery.
    enum class Flow : std::uint8_t { open, closed };
    virtual void set_flow(Flow flow) = 0;

    // The position of a started partition after all that was handed out, control records included;
    // `last` when that is not known better.
    [[nodiscard]] virtual Offset position(PartitionId partition, Offset last) const = 0;

    // Ends of the log as the last fetches and statistics had them, up to a second old; -1 while
    // unknown. For lag and the commit interval, never for what may be committed.
    struct LogEnd {
        std::int64_t last_stable = -1;
        std::int64_t high_watermark = -1;
    };
    [[nodiscard]] virtual LogEnd log_end(PartitionId partition) const = 0;

    // What a step of these ranges is committed with: group metadata of this moment (P5), and where
    // what was handed out of them came from (P4). nullptr while this is no member with a valid
    // generation. Called under the revoke barrier only (P1).
    [[nodiscard]] virtual std::unique_ptr<Membership> membership(
        std::span<const StepRange> ranges) = 0;

    // Leaves the group. Partitions still held are given up without more `revoking` events. Bounded
    // by `deadline`; no other call afterwards.
    virtual void close(Duration deadline) = 0;
};

}  // namespace kstream
