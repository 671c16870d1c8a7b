// A source record's bytes -> the values that a job wants of it, or the reason why not. What a valid
// record is stands in docs/RECORDS.md; the verdict covers all of the record, also fields that
// nobody asked for. Called by the map loop and by the audit for each record; knows no topic, no
// total and no other record. Each format is one implementation, in a folder of its own below
// src/reader/.
#pragma once

#include "kstream/model/aggregation_spec.hpp"
#include "kstream/model/bad_reason.hpp"
#include "kstream/model/decimal.hpp"
#include "kstream/model/group_key.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kstream {

struct RecordVerdict {
    static constexpr std::int32_t kNoField = -1;

    bool ok = true;
    BadReason reason{};
    std::int32_t field = kNoField;  // that the reason is about, for RecordReader::field_name()
};

// Not thread-safe; one per loop. Holds reusable buffers, so that reading allocates nothing once
// warm. One virtual call for each record; what it found is read off members.
class RecordReader {
public:
    virtual ~RecordReader() = default;
    RecordReader(const RecordReader&) = delete;
    RecordReader& operator=(const RecordReader&) = delete;

    // Reads `value` alone, no padding after it, and copies nothing of it. On ok, group() has one
    // value per spec.group_by field and inputs() one per spec.aggregates entry (units 0 for
    // aggregates without input). Both are valid until the next read and may point into `value`.
    [[nodiscard]] virtual RecordVerdict read(std::string_view value) = 0;

    [[nodiscard]] const GroupKey& group() const { return group_; }
    [[nodiscard]] std::span<const Decimal> inputs() const { return inputs_; }

    // The name of the field that a verdict of this reader is about; empty for none. Valid as long
    // as the reader.
    [[nodiscard]] virtual std::string_view field_name(const RecordVerdict& verdict) const = 0;

    // Of the last record, whose verdict was `scale` and whose bytes are still there: the smallest
    // scale at which it is good. None where none is, as far as can be known at once.
    [[nodiscard]] virtual std::optional<int> scale_needed() const = 0;

    // What a bad record looks like to somebody who knows the format, for a person to go by; may be
    // empty. Says nothing of what is in the record.
    [[nodiscard]] virtual std::string hint(const RecordVerdict& verdict,
                                           std::string_view value) const = 0;

protected:
    explicit RecordReader(const AggregationSpec& spec) : inputs_(spec.aggregates.size()) {
        group_.values.resize(spec.group_by.size());
    }

    GroupKey group_;
    std::vector<Decimal> inputs_;
};

// The reader of the job's format.
[[nodiscard]] std::unique_ptr<RecordReader> make_record_reader(const AggregationSpec& spec);

}  // namespace kstream
