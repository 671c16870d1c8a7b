// The late record of a source record that came too late for its window: its bytes unchanged, and
// headers that say where it stood and how late it was. docs/RECORDS.md is the contract.
#pragma once

#include "kstream/model/ids.hpp"
#include "kstream/model/output_batch.hpp"
#include "kstream/model/record.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace kstream {

// Times are milliseconds since 1970 UTC.
struct LateRecord {
    const RecordView& record;
    std::span<const HeaderView> headers;  // its own
    std::string_view source_topic;
    std::int64_t event_time = 0;
    std::int64_t watermark = 0;  // of its partition, before it
    // Of its window; of hopping windows the pane's. Of sessions none: it has become part of no one.
    std::optional<std::int64_t> window_start;
    std::optional<std::int64_t> window_end;
    // In milliseconds: with so much more grace it would not have been late (core/lateness.hpp).
    std::int64_t late_by = 0;
};

// Appends the late record to `out`, for partition `to`. What does not fit into `max_bytes` becomes
// what it becomes of a dead letter (append_dead_letter).
void append_late_record(OutputBatch& out, PartitionId to, const LateRecord& late,
                        std::size_t max_bytes);

}  // namespace kstream
