// Why a record is bad: docs/RECORDS.md is the contract. A reader says it of a record; dead letters,
// metrics, log lines and the report of a run tell it on.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace kstream {

// Append only: the order is that of kBadReasonNames.
enum class BadReason : std::uint8_t {
    json,             // not one RFC 8259 text (also: empty value, bytes after it, BOM)
    encoding,         // not UTF-8, or an escaped lone surrogate
    depth,            // nested deeper than kMaxDepth
    not_object,       // valid JSON, but not an object
    duplicate_field,  // a wanted field stands more than once
    missing_field,    // a wanted field is missing
    group_type,       // a group-by field is null, an object or an array
    group_size,       // a group-by value is longer than kMaxGroupValueBytes
    number_type,      // the input of an aggregate is not a number
    scale,            // a number has more fraction digits than the job's scale
    range,            // a number does not fit 128 bits at the job's scale, or an expression
    // Of statements alone:
    text_type,         // text is wanted, and something else stands there
    boolean_type,      // a boolean is wanted
    scalar_type,       // an object or an array stands where any other value may
    text_nul,          // a text has U+0000 in it
    text_to_number,    // a text is cast to numeric and is no number
    time_format,       // a text is cast to timestamptz and is no time with an offset
    time_range,        // a time is not within the years 1970 to 9999
    division_by_zero,  // so is a remainder
    group_null,        // a group-by expression is NULL
    text_size,         // the input of min or max is a text longer than kMaxTextBytes
    // Of jobs with event time:
    time_null,    // the time is NULL
    time_future,  // it is further beyond the record's Kafka timestamp than max_ahead
    unique_null,  // the value of unique_by is NULL
};

// They stand in dead-letter headers, metrics and docs/RECORDS.md, and never change.
inline constexpr auto kBadReasonNames = std::to_array<std::string_view>(
    {"json",           "encoding",    "depth",        "not_object",       "duplicate_field",
     "missing_field",  "group_type",  "group_size",   "number_type",      "scale",
     "range",          "text_type",   "boolean_type", "scalar_type",      "text_nul",
     "text_to_number", "time_format", "time_range",   "division_by_zero", "group_null",
     "text_size",      "time_null",   "time_future",  "unique_null"});
inline constexpr std::size_t kBadReasonCount = kBadReasonNames.size();
static_assert(kBadReasonCount == static_cast<std::size_t>(BadReason::unique_null) + 1);

[[nodiscard]] constexpr std::string_view bad_reason_name(BadReason reason) {
    return kBadReasonNames.at(static_cast<std::size_t>(reason));
}

inline constexpr int kMaxDepth = 64;
inline constexpr std::size_t kMaxGroupValueBytes = 1024;
inline constexpr std::size_t kMaxTextBytes = 1024;

}  // namespace kstream
