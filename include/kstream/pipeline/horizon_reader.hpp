// Reads back what a new owner of a source partition has to remember of it (rule E7): its records
// from the horizon up to the position where the map loop is to go on, judged as the loop judges
// them and counted nowhere. Of MapTakeover; one partition at a time, steppable.
//
// Takes as much memory as the ids that it finds, which the loop that was here before had too.
#pragma once

#include "kstream/core/recent_ids.hpp"
#include "kstream/pipeline/job.hpp"
#include "kstream/pipeline/takeover.hpp"
#include "kstream/pipeline/unique_ids.hpp"
#include "kstream/ports/log_reader.hpp"
#include "kstream/reader/record_reader.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace kstream {

class HorizonReader {
public:
    HorizonReader(const Job& job, LogReader& reader, UniqueIds& ids);

    // Goes on with this partition, whose mark has a horizon that is in the log; true when its ids
    // are installed. The same one until then, or until stop(). integrity: records were deleted that
    // are still to be read.
    [[nodiscard]] Result<bool> advance(const ReadyPartition& partition);
    // Whether the last advance() has found records.
    [[nodiscard]] bool moved() const { return moved_; }
    // All that were read, in the order of the log, of all partitions.
    [[nodiscard]] std::uint64_t records() const { return records_; }
    // What was found of this partition is not wanted any more; of others nothing happens.
    void stop(PartitionId partition);

private:
    void remember(const RecordView& record);
    void read_headers(const RecordView& record);

    const Job& job_;
    LogReader& reader_;
    UniqueIds& ids_;
    std::unique_ptr<RecordReader> records_reader_;
    std::optional<PartitionId> open_;
    std::optional<RecentIds> found_;  // of open_
    std::vector<HeaderView> headers_;
    std::uint64_t records_ = 0;
    bool moved_ = false;
};

}  // namespace kstream
