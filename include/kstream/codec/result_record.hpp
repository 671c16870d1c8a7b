// What people read: one JSON object per key in the results topic, keyed by the group key.
#pragma once

#include "kstream/core/aggregates.hpp"
#include "kstream/model/aggregation_spec.hpp"
#include "kstream/model/group_key.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace kstream {

// Appends the record key. One string field: its text, as it stood in the source. Everything else
// (several fields, numbers, booleans, a string that begins with '[') is a JSON array of the values,
// so that no two group keys share one record key and compaction keeps them all. Of a job with
// windows it is always an array, and the start of the window its last element.
void append_result_key(std::string& out, const GroupKey& group);

// What finds the partition of a group, in the results and in the state: its result key, without the
// window. All windows of a group are in one partition.
void append_partition_key(std::string& out, const GroupKey& group);

// The same of the group whose result record has this key: of a job without windows the key itself.
// None when no group of that shape has it.
[[nodiscard]] std::optional<std::string> partition_key_of(std::string_view result_key,
                                                          const KeyShape& shape);

// The state key of the group whose result record has this key; none when no group of that shape has
// it: a key must be written as append_result_key() writes it.
[[nodiscard]] std::optional<std::string> state_key_of(std::string_view result_key,
                                                      const KeyShape& shape);

// Appends {"field":value,...,"aggregate":value,...} without blanks, fields in the job's order.
void append_result_value(std::string& out, const AggregationSpec& spec, const GroupKey& group,
                         std::span<const Slot> slots);

// Appends `text` (UTF-8) as a JSON string with its quotes; escapes as Python's json.dumps does with
// ensure_ascii=False.
void append_json_string(std::string& out, std::string_view text);

// Names of the headers of each result record (P9).
inline constexpr std::string_view kTransactionHeader = "kstream.transaction";
inline constexpr std::string_view kRunIdHeader = "kstream.run.id";
// Whose totals a results topic holds.
inline constexpr std::string_view kApplicationHeader = "kstream.application";
// "true" of the last result of a window, which will not change any more.
inline constexpr std::string_view kFinalHeader = "kstream.window.final";

}  // namespace kstream
