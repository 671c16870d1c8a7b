// A job's SELECT as it is run: names resolved, types found, every check done. This is the one form
// that all the rest reads: expressions are compiled from it (expr/), accumulators are planned from
// it (job/plan.hpp), its canonical text is its identity, PostgreSQL's text and `explain` are
// printed from it, and the audit's own interpreter walks it. Made from a statement's text by
// job/sql, which alone knows the parser, or from the flags (--group-by, --sum, --count).
//
// Plain data. The text itself is kept by whoever shows errors: a Place points into it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace kstream::job {

// Where in the statement's text something stands, in bytes. What the flags made has no place.
struct Place {
    std::uint32_t at = 0;
    std::uint32_t size = 0;
    friend bool operator==(const Place&, const Place&) = default;
};

enum class ValueType : std::uint8_t {
    numeric,    // exact, of any scale, until it enters a key or an accumulator
    text,       // UTF-8, compared by bytes (C collation)
    boolean,    //
    timestamp,  // timestamptz: milliseconds since 1970 in UTC; finer digits are cut
    local,      // timestamp of a named zone, within expressions only: AT TIME ZONE
    scalar,     // whatever scalar the record has: of paths that GROUP BY, count(x),
                // count(DISTINCT x) and IS NULL alone use; 1 = 1.0, and 1 is not "1"
};

// ---- what is read of a record -------------------------------------------------------------------

// One step of a path into the record's value: a member's name, or an array's element.
struct PathStep {
    std::string name;                   // unescaped; unused where `index` is set
    std::optional<std::int32_t> index;  // from 0; negative ones count from the end, as in SQL
    friend bool operator==(const PathStep&, const PathStep&) = default;
};

enum class FieldOrigin : std::uint8_t {
    value,      // a path into the record's value
    key,        // kafka_key: text
    timestamp,  // kafka_timestamp
    partition,  // kafka_partition: numeric
    offset,     // kafka_offset: numeric
    header,     // kafka_header('name'): text, the last of that name
};

// One for each thing that the statement reads: the same path stands here once, however often it is
// used, and has one type.
struct Field {
    FieldOrigin origin = FieldOrigin::value;
    std::vector<PathStep> path;  // of a value: 1 or more steps
    std::string header;          // of a header: its name
    ValueType type = ValueType::scalar;
    bool as_text = false;  // the path ends in ->>: a scalar's text, also a number's
    std::string spelling;  // as a person writes it; in dead letters and messages
    Place place;           // of its first use
};

// ---- expressions -------------------------------------------------------------------------------

// The value stands in the canonical text by its name (job/functions.hpp), never by its number.
enum class Op : std::uint8_t {
    // Leaves.
    field,      // index: Statement::fields
    literal,    // value of `literal`, of the node's type
    null,       // SQL's NULL, of the node's type
    group,      // index: Statement::group_by; after aggregation only
    aggregate,  // index: Statement::aggregates; after aggregation only
    // Logic of three values; errors as the contract says (false AND error is false).
    logical_and,  // 2 or more arguments, in the order of the text
    logical_or,
    logical_not,
    is_true,  // IS TRUE; IS NOT TRUE is logical_not of it
    is_false,
    // Comparison. Both arguments have one type.
    equal,
    not_equal,
    less,
    less_equal,
    greater,
    greater_equal,
    distinct_from,  // IS DISTINCT FROM
    is_null,
    in_list,  // first argument in the rest, which are constants or expressions
    like,     // second argument: a literal pattern; `escape` is in `literal`'s second half
    // Choice; lazy.
    case_when,  // condition, value, condition, value, ..., [else]: odd count has an ELSE
    coalesce,
    nullif,
    greatest,
    least,
    // Numbers.
    add,
    subtract,
    multiply,
    divide,  // inside round(..., s) or after aggregation, where the checks allow it
    modulo,
    negate,
    absolute,
    round,     // second argument: literal digits
    truncate,  // the same
    floor,
    ceil,
    // Text.
    concat,
    length,
    substring,  // text, from, [count]
    left,
    right,
    split_part,
    lower,  // ASCII letters alone
    upper,
    // Casts.
    to_numeric,       // from text, strict; `precision` and `scale` where they are written
    to_text,          // from numeric, boolean
    parse_timestamp,  // from text, ISO 8601 with an offset
    // Times.
    to_timestamp,  // from numeric seconds
    at_zone,       // timestamp -> local, literal zone
    date_trunc,    // literal unit, timestamp, literal zone
    date_bin,      // literal interval, timestamp, literal origin
    extract,       // literal unit, local
};

// A literal. Numbers keep their digits: no literal is ever rounded.
struct Literal {
    std::string text;      // numeric: canonical digits; text: the bytes; interval, zone, unit
    bool boolean = false;  // of a boolean
    std::int64_t milliseconds = 0;  // of a timestamp, and of an interval
    friend bool operator==(const Literal&, const Literal&) = default;
};

struct Expression {
    Op op = Op::null;
    ValueType type = ValueType::scalar;
    Place place;              // of the whole expression
    std::uint32_t index = 0;  // of field, group and aggregate
    Literal literal;
    std::optional<std::int32_t> precision;  // of to_numeric: numeric(precision, scale)
    std::optional<std::int32_t> scale;
    std::vector<Expression> arguments;
};

// The same meaning, wherever it stands in the text: what finds that two aggregates are one.
[[nodiscard]] bool same(const Expression& one, const Expression& other);

// ---- the statement -----------------------------------------------------------------------------

// SQL's aggregates, as they are written. What they are kept as is the plan's (job/plan.hpp).
enum class AggregateFunction : std::uint8_t {
    count_all,  // count(*)
    count,      // count(x)
    count_distinct,
    sum,
    avg,
    min,
    max,
    bool_and,
    bool_or,
    var_pop,
    var_samp,
    stddev_pop,
    stddev_samp,
    percentile_disc,
};

struct Aggregate {
    AggregateFunction function = AggregateFunction::count_all;
    std::optional<Expression> input;      // none of count(*)
    std::optional<Expression> filter;     // FILTER (WHERE ...)
    std::string percentile;               // of percentile_disc: the digits of p, 0..1
    ValueType type = ValueType::numeric;  // of its value
    std::int32_t scale = 0;  // digits that avg, var_* and stddev_* are rounded to, once
    Place place;
};

struct GroupColumn {
    Expression value;
    std::string name;  // its field's or its alias; in messages and on the status page
};

struct Column {
    std::string name;  // unique, as it stands in the results
    Expression value;  // over groups and aggregates
};

struct Statement {
    std::string source_topic;
    std::string output_topic;  // INSERT INTO; empty where the statement names none
    std::vector<Field> fields;
    std::optional<Expression> where;
    std::vector<GroupColumn> group_by;  // may be empty: one row of everything
    std::vector<Aggregate> aggregates;  // each once, in the order of their first use
    std::vector<Column> columns;        // 1 or more, in SELECT's order
    std::optional<Expression> having;
    int scale = 9;  // digits that a number may have where it enters a key or an accumulator
};

}  // namespace kstream::job
