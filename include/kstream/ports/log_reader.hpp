// Reads ranges of partitions of an internal topic, read_committed, outside any group: how state is
// restored and how meta is found. Steppable: each poll returns soon.
//
// All methods are called from the loop's thread.
#pragma once

#include "kstream/error.hpp"
#include "kstream/model/ids.hpp"
#include "kstream/model/record.hpp"
#include "kstream/ports/clock.hpp"

#include <optional>
#include <string_view>

namespace kstream {

class LogReader {
public:
    virtual ~LogReader() = default;

    // Begins to read a partition at `from`. A partition is open once at a time.
    virtual Result<void> open(TopicRole topic, PartitionId partition, Offset from) = 0;
    virtual void close(TopicRole topic, PartitionId partition) = 0;

    // Committed records of the open partitions of `topic`; empty when there are none within `wait`.
    // Valid until the next call of any method.
    [[nodiscard]] virtual Result<RecordBatch> poll(TopicRole topic, Duration wait) = 0;

    // A header of a record of the last poll's batch, the last one of that name; as long valid as
    // the record. Records of the loops' own topics have none: for those who read results.
    [[nodiscard]] virtual std::optional<std::string_view> header(const RecordView& record,
                                                                 const char* name) const = 0;

    // Position after all that was read, aborted records and control records included: it reaches
    // the end of the log when no open transaction holds the reader back (P8).
    [[nodiscard]] virtual Offset position(TopicRole topic, PartitionId partition) const = 0;
};

}  // namespace kstream
