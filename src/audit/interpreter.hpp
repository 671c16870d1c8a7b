// The audit's own interpreter of expressions: walks the statement's tree as it stands, for each
// record anew. What expressions mean is docs/RECORDS.md, "Records of a statement"; the programs
// that the loops run (expr) are another reading of the same page, and nothing is shared with them
// but what a record has at its paths (ADR 0055).
#pragma once

#include "audit/clocks.hpp"
#include "audit/exact.hpp"
#include "kstream/audit/window_span.hpp"
#include "kstream/error.hpp"
#include "kstream/job/statement.hpp"
#include "kstream/model/bad_reason.hpp"
#include "kstream/model/field_value.hpp"
#include "kstream/model/record.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace kstream::audit {

struct Value {
    enum class Kind : std::uint8_t {
        missing,  // the record has it not, or as null
        null,     // SQL's NULL, which the statement made
        error,
        number,
        text,
        boolean,
        timestamp,
        local,  // of a zone
    };

    Kind kind = Kind::null;
    Exact number;
    std::string text;
    bool truth = false;
    std::int64_t ms = 0;  // of both kinds of times
    BadReason reason{};   // of an error
    // Of an error, or what is missing: where it arose.
    const job::Expression* where = nullptr;

    [[nodiscard]] bool is_value() const { return kind > Kind::error; }
    [[nodiscard]] bool is_true() const { return kind == Kind::boolean && truth; }

    [[nodiscard]] static Value of(Exact number);
    [[nodiscard]] static Value of_text(std::string text);
    [[nodiscard]] static Value of_truth(bool truth);
    [[nodiscard]] static Value of_time(Kind kind, std::int64_t ms);
    [[nodiscard]] static Value of_error(BadReason reason, const job::Expression& where);
    [[nodiscard]] static Value of_missing(const job::Expression& where);
};

// What a record has for the leaves of an expression, or a group.
struct Leaves {
    // By the fields of the record's value, in their order.
    std::span<const FieldValue> fields{};
    const RecordView* record = nullptr;
    // The last header of that name; none where there is none, or it is null.
    std::function<std::optional<std::string_view>(const std::string& name)> header{};
    std::span<const Value> groups{};  // after aggregation
    std::span<const Value> aggregates{};
    WindowSpan window{};  // of the group, in a job with windows
};

class Interpreter {
public:
    // Of expressions of this statement, which outlives it. An error names a zone that there is not.
    [[nodiscard]] static Result<Interpreter> make(const job::Statement& statement,
                                                  const ZoneBytes& zones);

    [[nodiscard]] Value evaluate(const job::Expression& of, const Leaves& leaves) const;
    // Whether it IS NULL: true, false or an error.
    [[nodiscard]] Value is_null(const job::Expression& of, const Leaves& leaves) const;

private:
    explicit Interpreter(const job::Statement& statement) : statement_(&statement) {}

    [[nodiscard]] Result<void> find_zones(const job::Expression& in, const ZoneBytes& zones);
    [[nodiscard]] const ZoneClock& zone(const job::Expression& name) const;
    [[nodiscard]] Value field(const job::Expression& of, const Leaves& leaves) const;
    [[nodiscard]] Value of_kafka(const job::Field& field, const job::Expression& of,
                                 const Leaves& leaves) const;
    [[nodiscard]] Value junction(const job::Expression& of, const Leaves& leaves) const;
    [[nodiscard]] Value comparison(const job::Expression& of, const Leaves& leaves) const;
    [[nodiscard]] Value in_list(const job::Expression& of, const Leaves& leaves) const;
    [[nodiscard]] Value choice(const job::Expression& of, const Leaves& leaves) const;
    [[nodiscard]] Value extreme(const job::Expression& of, const Leaves& leaves) const;
    [[nodiscard]] Value arithmetic(const job::Expression& of, const Leaves& leaves) const;
    [[nodiscard]] Value function(const job::Expression& of, const Leaves& leaves) const;
    [[nodiscard]] Value of_text(const job::Expression& of, const Value& a) const;
    [[nodiscard]] Value of_time(const job::Expression& of, const Value& a) const;

    const job::Statement* statement_;
    std::map<std::string, ZoneClock, std::less<>> zones_;
};

}  // namespace kstream::audit
