// Source record (JSON) -> the field values that a job needs. The contract of what a valid record is
// stands in docs/RECORDS.md; the verdict covers ALL of the record, also fields that nobody asked
// for.
#pragma once

#include "kstream/model/aggregation_spec.hpp"
#include "kstream/model/bad_reason.hpp"
#include "kstream/model/decimal.hpp"
#include "kstream/model/group_key.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

namespace kstream {

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
