// A source record's bytes -> the values that a job wants of it, or the reason why not. What a valid
// record is stands in docs/RECORDS.md; the verdict covers all of the record, also fields that
// nobody asked for. Called by the map loop and by the audit for each record; knows no topic, no
// total and no other record. Each format is one implementation, in a folder of its own below
// src/reader/.
#pragma once

#include "kstream/error.hpp"
#include "kstream/expr/zone.hpp"
#include "kstream/job/plan.hpp"
#include "kstream/job/statement.hpp"
#include "kstream/model/aggregation_spec.hpp"
#include "kstream/model/bad_reason.hpp"
#include "kstream/model/decimal.hpp"
#include "kstream/model/group_key.hpp"
#include "kstream/model/int128.hpp"
#include "kstream/model/record.hpp"

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
    bool filtered = false;  // then not ok, and not bad either: WHERE is not true of it
    BadReason reason{};
    std::int32_t field = kNoField;  // that the reason is about, for RecordReader::field_name()
};
static_assert(sizeof(RecordVerdict) == 8, "it comes back in a register");

// What an input of a statement (job/plan.hpp) comes to of a record.
struct StatementInput {
    enum class Kind : std::uint8_t {
        skip,       // nothing: its FILTER is not true, or the value is NULL
        present,    // of count(*) and count(x)
        number,     // `units` at the job's scale
        text,       //
        boolean,    // `units` is 0 or 1
        timestamp,  // `units` are milliseconds
    };

    Kind kind = Kind::skip;
    Int128 units = 0;
    std::string_view text{};
};

// Of the first records of a reader: which of the fields that WHERE needs (job/where_fields.hpp)
// they have.
struct WhereSearch {
    std::uint64_t records = 0;         // that were searched
    std::vector<std::uint32_t> found;  // those that the first one of them had, by their index
};

// Not thread-safe; one per loop. Holds reusable buffers, so that reading allocates nothing once
// warm. One virtual call for each record; what it found is read off members.
class RecordReader {
public:
    virtual ~RecordReader() = default;
    RecordReader(const RecordReader&) = delete;
    RecordReader& operator=(const RecordReader&) = delete;

    // Reads the record's value alone, no padding after it, and copies nothing of it; a statement
    // may name what Kafka has of the record beside it. On ok, group() has one value per group-by
    // column, and inputs() one per spec.aggregates entry (units 0 for aggregates without input);
    // of a statement, statement_inputs() has one for each of its plan's inputs, and inputs() is
    // empty. All are valid until the next read and may point into the record.
    [[nodiscard]] virtual RecordVerdict read(const RecordView& record) = 0;
    // Of a record that is only a value.
    [[nodiscard]] RecordVerdict read(std::string_view value) {
        RecordView record;
        record.value_data = value.data();
        record.value_size = static_cast<std::uint32_t>(value.size());
        return read(record);
    }
    // For the next read() of a reader that wants_headers().
    void set_headers(std::span<const HeaderView> headers) { headers_ = headers; }

    [[nodiscard]] const GroupKey& group() const { return group_; }
    [[nodiscard]] std::span<const Decimal> inputs() const { return inputs_; }
    [[nodiscard]] std::span<const StatementInput> statement_inputs() const {
        return statement_inputs_;
    }
    [[nodiscard]] bool wants_headers() const { return wants_headers_; }
    // Of a job with event time: the time of the record that was read last, in milliseconds, whether
    // it is good, filtered or bad; none where its value is no JSON object, or its time is bad.
    [[nodiscard]] std::optional<std::int64_t> event_time() const { return event_time_; }

    // Of a job with unique_by: what its value comes to for the record that was read last, whose
    // verdict was ok. Equal values of one type have equal ids, 1 and 1.0 among them, and different
    // ones have different ids but for chance: it is a hash of 128 bits.
    [[nodiscard]] UInt128 unique_id() const { return unique_id_; }

    // The name of the field that a verdict of this reader is about; empty for none. Valid as long
    // as the reader.
    [[nodiscard]] virtual std::string_view field_name(const RecordVerdict& verdict) const = 0;

    // Where in the statement's text the verdict is about; none for jobs and verdicts that have no
    // place there.
    [[nodiscard]] virtual std::optional<job::Place> place(const RecordVerdict&) const {
        return std::nullopt;
    }

    // Of the last record, whose verdict was `scale` and whose bytes are still there: the smallest
    // scale at which it is good. None where none is, as far as can be known at once.
    [[nodiscard]] virtual std::optional<int> scale_needed() const = 0;

    // How many records at most are searched for the fields of WHERE, before nothing more is done.
    static constexpr std::uint64_t kSearched = 10'000;
    // What has been searched and found since the last call.
    [[nodiscard]] virtual WhereSearch take_where_search() { return {}; }

    // What a bad record looks like to somebody who knows the format, for a person to go by; may be
    // empty. Says nothing of what is in the record.
    [[nodiscard]] virtual std::string hint(const RecordVerdict& verdict,
                                           std::string_view value) const = 0;

protected:
    explicit RecordReader(const AggregationSpec& spec) : inputs_(spec.aggregates.size()) {
        group_.values.resize(spec.group_by.size());
    }
    explicit RecordReader(const job::Statement& statement)
        : statement_inputs_(job::plan_of(statement).inputs.size()) {
        group_.values.resize(statement.group_by.size());
        for (const job::Field& field : statement.fields) {
            wants_headers_ = wants_headers_ || field.origin == job::FieldOrigin::header;
        }
    }

    GroupKey group_;
    std::vector<Decimal> inputs_;
    std::vector<StatementInput> statement_inputs_;
    std::optional<std::int64_t> event_time_;
    UInt128 unique_id_ = 0;
    std::span<const HeaderView> headers_;
    bool wants_headers_ = false;
};

// The reader of the job's format.
[[nodiscard]] std::unique_ptr<RecordReader> make_record_reader(const AggregationSpec& spec);
// Of a statement's source, which is JSON. An error names a time zone that there is not.
[[nodiscard]] Result<std::unique_ptr<RecordReader>> make_record_reader(
    const job::Statement& statement, const expr::ZoneFiles& zones);

}  // namespace kstream
