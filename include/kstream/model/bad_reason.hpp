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
    range,            // a number does not fit 128 bits at the job's scale
};

// They stand in dead-letter headers, metrics and docs/RECORDS.md, and never change.
inline constexpr auto kBadReasonNames = std::to_array<std::string_view>(
    {"json", "encoding", "depth", "not_object", "duplicate_field", "missing_field", "group_type",
     "group_size", "number_type", "scale", "range"});
inline constexpr std::size_t kBadReasonCount = kBadReasonNames.size();
static_assert(kBadReasonCount == static_cast<std::size_t>(BadReason::range) + 1);

[[nodiscard]] constexpr std::string_view bad_reason_name(BadReason reason) {
    return kBadReasonNames.at(static_cast<std::size_t>(reason));
}

inline constexpr int kMaxDepth = 64;
inline constexpr std::size_t kMaxGroupValueBytes = 1024;

}  // namespace kstream
