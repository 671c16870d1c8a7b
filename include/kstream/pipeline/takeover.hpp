// What has to happen between "this partition is yours" and its first record. Steppable: advance()
// is called again and again from the loop and never blocks.
#pragma once

#include "kstream/error.hpp"
#include "kstream/model/event_time.hpp"
#include "kstream/model/ids.hpp"
#include "kstream/ports/record_source.hpp"
#include "kstream/status.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace kstream {

struct ReadyPartition {
    PartitionId partition;
    Offset position;    // where to begin to read
    bool open = false;  // its base has to be committed in an open step first (P3)
    // Of a job with event time: how many steps have committed the partition, and, of a source
    // partition, what its position carries.
    std::uint64_t step = 0;
    SourceMark mark{};
    // Of a job with windows, a source partition that was added after the application began: after
    // its open step it is taken over once more, and then nothing of it is read before a step has
    // moved its watermark to `join_at`.
    bool joins = false;
    std::optional<std::int64_t> join_at{};
    // Of a job with windows, a source partition: the next step commits this mark, whether or not a
    // record comes. Also of one whose offset has expired: the owners of others wait for the marks
    // of all (E4), and that of a silent one never came.
    std::optional<SourceMark> say{};
};

class Takeover {
public:
    virtual ~Takeover() = default;

    // These partitions were assigned. Added to those that are still under way.
    virtual void begin(std::span<const PartitionId> partitions) = 0;

    // These are being revoked, ready or not; what was prepared for them is dropped.
    virtual void cancel(std::span<const PartitionId> partitions) = 0;

    // Goes on; appends the partitions that can be started now. An error ends the loop.
    [[nodiscard]] virtual Result<void> advance(std::vector<ReadyPartition>& ready) = 0;

    // Nothing under way.
    [[nodiscard]] virtual bool idle() const = 0;

    [[nodiscard]] virtual const TakeoverStatus& status() const = 0;
};

}  // namespace kstream
