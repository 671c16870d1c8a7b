// Source partitions in which nothing came, moved on in event time: what of the watermark the source
// itself does not say.
#pragma once

#include "kstream/audit/finding.hpp"
#include "kstream/codec/changelog.hpp"
#include "kstream/error.hpp"
#include "kstream/model/event_time.hpp"
#include "kstream/model/ids.hpp"
#include "kstream/model/record.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

namespace kstream::audit {

class Advances {
public:
    // A record of the changelog, of this kind.
    [[nodiscard]] Result<void> take(const RecordView& record);
    // One that its keeper has not applied yet: it stands in a range of the repartition log.
    void add(const Advance& advance);

    // What the partition was moved to, by all advances up to that position; kNoTime: by none.
    [[nodiscard]] std::int64_t up_to(PartitionId partition, Offset position) const;
    // The first position of the partition after that one at which there is an advance.
    [[nodiscard]] std::optional<Offset> next_after(PartitionId partition, Offset position) const;
    // By the last advance at exactly that position.
    [[nodiscard]] std::optional<std::int64_t> at(PartitionId partition, Offset position) const;

    // Whether each state partition keeps as many as its meta record says, and these.
    void compare(std::span<const std::optional<Meta>> cut, Findings& findings) const;

private:
    using OfPartition = std::map<Offset, std::int64_t>;
    [[nodiscard]] const OfPartition* of(PartitionId partition) const;

    std::map<PartitionId, OfPartition> all_;
    std::map<PartitionId, std::map<PartitionId, OfPartition>> kept_;  // by state partition
};

}  // namespace kstream::audit
