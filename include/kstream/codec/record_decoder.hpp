// Source record (JSON) -> the field values that a job needs. The contract of what a valid record is
// stands in docs/RECORDS.md; the verdict covers ALL of the record, also fields that nobody asked
// for.
#pragma once

#include "kstream/model/aggregation_spec.hpp"
#include "kstream/model/decimal.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kstream {

// Why a record is bad. The names (bad_reason_name) stand in dead-letter headers, metrics and
// docs/RECORDS.md; append only.
enum class BadReason : std::uint8_t {
    json,             // not one RFC 8259 text (also: empty value, bytes behind it, BOM)
    encoding,         // not UTF-8, or an escaped lone surrogate
    depth,            // nested deeper than kMaxDepth
    not_object,       // valid JSON, but not an object
    duplicate_field,  // a wanted field stands more than once
    missing_field,    // a wanted field is not there
    group_type,       // a group-by field is null, an object or an array
    group_size,       // a group-by value is longer than kMaxGroupValueBytes
    number_type,      // a field to be summed is not a number token
    scale,            // a number has more fraction digits than the job's scale
    range,            // a number does not fit 128 bits at the job's scale
};
inline constexpr std::size_t kBadReasonCount = 11;
[[nodiscard]] std::string_view bad_reason_name(BadReason reason);

inline constexpr int kMaxDepth = 64;
inline constexpr std::size_t kMaxGroupValueBytes = 1024;

enum class GroupValueType : std::uint8_t { string = 's', number = 'n', boolean = 'b' };

// One group-by value: strings unescaped; numbers in canonical plain form (1.0, 1 and 1e0 are all
// "1"); booleans as "true" or "false". 1 is not "1": the type is part of the value.
struct GroupValue {
    GroupValueType type = GroupValueType::string;
    std::string_view text;
};

struct DecodeVerdict {
    static constexpr std::int32_t kNoField = -1;

    bool ok = true;
    BadReason reason = BadReason::json;
    std::int32_t field = kNoField;  // that the reason is about, for RecordDecoder::field_name()
};

// Not thread-safe; one per loop. Holds reusable buffers, so a decode allocates nothing once warm.
class RecordDecoder {
public:
    explicit RecordDecoder(const AggregationSpec& spec);
    ~RecordDecoder();
    RecordDecoder(const RecordDecoder&) = delete;
    RecordDecoder& operator=(const RecordDecoder&) = delete;
    RecordDecoder(RecordDecoder&&) noexcept;
    RecordDecoder& operator=(RecordDecoder&&) noexcept;

    // Decodes one value; reads `value` alone, no padding behind it, and copies nothing of it.
    // On ok, group_values() has one entry per spec.group_by field and inputs() one per
    // spec.aggregates entry (units 0 for aggregates without input). Both are valid until the next
    // decode and may point into `value`.
    [[nodiscard]] DecodeVerdict decode(std::string_view value);

    [[nodiscard]] std::span<const GroupValue> group_values() const;
    [[nodiscard]] std::span<const Decimal> inputs() const;

    // The name of the field that a verdict of this decoder is about; empty for none. Valid as long
    // as the decoder.
    [[nodiscard]] std::string_view field_name(const DecodeVerdict& verdict) const;

    // Of the last record, whose verdict was `scale` and whose bytes are still there: the smallest
    // scale at which it is good. None where none is, as far as can be told at once.
    [[nodiscard]] std::optional<int> scale_needed() const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace kstream
