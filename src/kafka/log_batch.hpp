// The records of one batch of Kafka's log, message format 2 (KIP-98), uncompressed, as a broker
// sends them: read in place, without an object for each.
//
//   record := length zigzag | attributes u8 | timestamp delta zigzag | offset delta zigzag
//             | key size zigzag (-1: null) | key | value size zigzag (-1: null) | value
//             | number of headers zigzag | (name size, name, value size (-1: null), value)*
#pragma once

#include "kstream/error.hpp"
#include "kstream/model/ids.hpp"
#include "kstream/model/record.hpp"

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace kstream::kafka {

// What the batch's header says, and what its reader wants of it.
struct LogBatch {
    PartitionId partition;
    Offset base;   // a record's offset is this plus its delta
    Offset first;  // records below it are passed over: a fetch may begin in the middle of a batch
    std::int32_t record_count = 0;
    // CreateTime: what the records' deltas are added to. LogAppendTime: the timestamp of each.
    std::int64_t timestamp_ms = -1;
    bool log_append_time = false;
    std::string_view records;
};

// Appends a view of each wanted record, in order, and to `headers`, unless null, the bytes of its
// headers. Views point into batch.records. Bytes that are no such records, or not so many as
// announced, are an error with ExitCode::integrity that names the offset at which they begin; then
// nothing has been appended. The broker has checked them when it took them, so this is damage.
[[nodiscard]] Result<void> append_records(const LogBatch& batch, std::vector<RecordView>& views,
                                          std::vector<std::string_view>* headers = nullptr);

// The value of the last header of that name; none also when it is null. Of headers that
// append_records() gave.
[[nodiscard]] std::optional<std::string_view> last_header(std::string_view headers,
                                                          std::string_view name);

// All headers at the front of `bytes`, which may go on after them: of a batch, from after the
// value of a record. Nothing when they are damaged.
[[nodiscard]] std::optional<std::vector<HeaderView>> read_headers(std::string_view bytes);

}  // namespace kstream::kafka
