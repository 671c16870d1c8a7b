// A job's SELECT as it is run: names resolved, types found, every check done. This is the one form
// that all the rest reads: expressions are compiled from it (expr/), accumulators are planned from
// it (job/plan.hpp), its canonical text is its identity, PostgreSQL's text and `explain` are
// printed from it, and the audit's own interpreter walks it. Made from a statement's text by
// job/sql, which alone knows the parser, or from the flags (--group-by, --sum, --count).
//
// Plain data. The text itself is kept by whoever shows errors: a Place points into it.
#pragma once

#include "kstream/model/aggregation_spec.hpp"

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
    scalar,     // whatever scalar the record has: of paths that GROUP BY, count(x), IS NULL,
                // count(DISTINCT x), ::numeric and ::text alone use; 1 = 1.0, and 1 is not "1"
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
// used, and has one type. `a->>'b'` is to_text of the field a.b.
struct Field {
    FieldOrigin origin = FieldOrigin::value;
    std::vector<PathStep> path;  // of a value: 1 or more steps
    std::string header;          // of a header: its name
    ValueType type = ValueType::scalar;
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
    // Of the group's window: a timestamp; after aggregation only.
    window_start,
    window_end,
    // Logic of three values; errors as the contract says (false AND error is false). Neither AND
    // nor OR has an argument of its own kind; BETWEEN is an AND of two comparisons.
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
    like,     // second argument: a literal pattern; `literal.text` is the escape character,
              // a backslash where none is written, empty for ESCAPE ''
    // Choice; lazy.
    case_when,  // condition, value, condition, value, ..., [else]: odd count has an ELSE. Without
                // one the value is SQL's NULL. CASE x WHEN y is a comparison of each y with x
    coalesce,
    nullif,
    greatest,
    least,
    // Numbers.
    add,
    subtract,
    multiply,
    // Between it and the round, truncate, floor or ceil that makes a number with an end of it
    // stand + - * / negate, absolute, coalesce and the values of a CASE only. After aggregation
    // the divisor is a literal other than 0, count(*) or nullif(y, 0).
    divide,
    modulo,
    negate,    // never of a literal: that has a sign of its own
    absolute,  //
    round,     // second argument, always there: literal digits, 0 to 30; half away from zero
    truncate,  // the same, towards zero
    floor,
    ceil,
    // Text. Positions and counts are literals within 32 bits, in code points.
    concat,  // 2 arguments
    length,
    substring,   // text, from, [count >= 0]
    left,        // negative: all but the last
    right,       // negative: all but the first
    split_part,  // text, literal delimiter, literal part, not 0; negative ones count from the end
    lower,       // ASCII letters alone
    upper,
    // Casts.
    to_numeric,       // from text, by the strict grammar; from a scalar: a number as it is, a text
                      // by that grammar; with `precision` and `scale`, where they are written, also
                      // from numeric: a number with more digits is refused, never rounded
    to_text,          // from numeric, boolean; from a scalar: a text as it is
    parse_timestamp,  // from text, ISO 8601 with an offset
    // Times.
    to_timestamp,  // from numeric seconds
    at_zone,       // timestamp -> local: timestamp, literal zone
    date_trunc,    // literal unit, timestamp, literal zone
    date_bin,      // literal interval (milliseconds), timestamp, literal origin
    extract,       // literal unit, local; the unit epoch alone takes a timestamp
};

// A literal. Numbers keep their digits: no literal is ever rounded.
struct Literal {
    std::string text;      // numeric: canonical digits; text: the bytes; interval, zone, unit
    bool boolean = false;  // of a boolean
    // Of a timestamp; of an interval (type text), whose text is canonical: "15 minutes".
    std::int64_t milliseconds = 0;
    friend bool operator==(const Literal&, const Literal&) = default;
};

struct Expression {
    Op op = Op::null;
    ValueType type = ValueType::scalar;
    Place place;              // of the whole expression
    std::uint32_t index = 0;  // of field, group and aggregate
    Literal literal;
    std::optional<std::int32_t>
        precision;  // of to_numeric: numeric(precision, scale); both or none
    std::optional<std::int32_t> scale;
    std::vector<Expression> arguments;
};

// The same meaning, wherever it stands in the text: what finds that two aggregates are one.
[[nodiscard]] bool same(const Expression& one, const Expression& other);
// None is the same as none.
[[nodiscard]] bool same(const std::optional<Expression>& one,
                        const std::optional<Expression>& other);

// ---- event time --------------------------------------------------------------------------------

enum class WindowKind : std::uint8_t {
    none,      // FROM events(...): a time, and no windows
    tumble,    // of one length, one after the other
    calendar,  // days, weeks, months, quarters or years of a time zone
    hop,       // of one length, one begins at each slide
    session,   // ends when nothing has come for a gap
};

// Lengths in milliseconds, above 0.
struct Window {
    WindowKind kind = WindowKind::none;
    std::int64_t size = 0;    // of tumble and hop; of session the gap
    std::int64_t slide = 0;   // of hop: at most its size
    std::int64_t origin = 0;  // one window begins here: at least 0, below size (hop: below slide)
    std::string unit;         // of calendar: a name of kCalendarUnits
    std::string zone;
    std::uint64_t zone_fingerprint = 0;  // expr::Zone::fingerprint(): its clocks, whatever its name
    friend bool operator==(const Window&, const Window&) = default;
};

enum class Emit : std::uint8_t {
    updates,     // what has changed, with each commit
    final_only,  // each window once, when it is closed
};

// What FROM says beside the topic. Durations in milliseconds.
struct EventTime {
    Expression time;  // of a record: a timestamp
    Window window;
    // Of windows: how far behind the newest time of its partition a record's window may end.
    std::int64_t grace = 0;
    Emit emit = Emit::updates;
    std::optional<std::int64_t> idle;  // none: never
    bool quiet_wall = false;           // while all partitions are idle, time goes on by the wall
    std::optional<std::int64_t> max_ahead = kDefaultMaxAhead;  // none: no bound
    std::optional<Expression> unique_by;                       // a text, a number or a scalar
    std::int64_t within = 0;                                   // of unique_by

    static constexpr std::int64_t kDefaultMaxAhead = 3'600'000;

    [[nodiscard]] bool has_windows() const { return window.kind != WindowKind::none; }
    [[nodiscard]] bool has_sessions() const { return window.kind == WindowKind::session; }
};

// Of a hopping window: what all of its windows are made of is at most this many to one of them.
inline constexpr std::int64_t kMaxPanes = 1'500;

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
    std::string percentile;               // of percentile_disc: canonical digits of p, 0..1
    ValueType type = ValueType::numeric;  // of its value
    // Digits that avg, var_* and stddev_* are rounded to, once: those of the round() right around
    // it, which is no node of its own, or the job's (of avg alone).
    std::int32_t scale = 0;
    Place place;
};

[[nodiscard]] bool same(const Aggregate& one, const Aggregate& other);

struct GroupColumn {
    Expression value;
    // Its field's, its alias or its SQL; in messages and on the status page, not of the identity.
    std::string name;
};

struct Column {
    std::string name;  // unique, as it stands in the results
    Expression value;  // over groups and aggregates
};

struct Statement {
    std::string source_topic;
    std::string output_topic;  // INSERT INTO; empty where the statement names none
    std::optional<EventTime> event_time;
    std::vector<Field> fields;
    std::optional<Expression> where;
    // May be empty: one row of everything. The window that GROUP BY names is none of them: every
    // group of a job with windows has one.
    std::vector<GroupColumn> group_by;
    std::vector<Aggregate> aggregates;  // each once, in the order of their first use
    std::vector<Column> columns;        // 1 or more, in SELECT's order
    std::optional<Expression> having;
    int scale = 9;  // digits that a number may have where it enters a key or an accumulator
    // Values that a set of count(DISTINCT x) may have: with more the column is NULL.
    std::uint64_t max_distinct = kDefaultMaxDistinct;
};

// The same job and the same topics; names of groups and places do not count.
[[nodiscard]] bool same(const Statement& one, const Statement& other);

}  // namespace kstream::job
