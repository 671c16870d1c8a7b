// What a statement may call, once: the parser checks calls against these rows, the canonical text
// and the canonical SELECT take their names, a test holds docs/SQL.md to them. Aggregates have rows
// of their own below.
#pragma once

#include "kstream/job/statement.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace kstream::job {

// Of a number in an expression, at most, on either side of its point (expr/number.hpp).
inline constexpr int kMaxNumberDigits = 144;

// What an argument has to be. From `digits` on it is a literal, which is checked at the start.
enum class Parameter : std::uint8_t {
    numeric,
    text,
    timestamp,
    local,
    digits,        // 0 to 30
    position,      // an integer of 32 bits
    count,         // the same, not negative
    part,          // the same, not 0
    delimiter,     // a text
    unit,          // of date_trunc
    extract_unit,  // of extract
    zone,          // UTC or Area/City
    interval,      // of days or less
    origin,        // a timestamp
};

enum class Form : std::uint8_t { function, infix, prefix, syntax };

inline constexpr std::size_t kMaxFunctionArguments = 3;

struct FunctionRow {
    std::string_view name;  // as it is called; of `syntax` as people write it
    Form form = Form::function;
    Op op = Op::null;
    std::size_t required = 0;   // arguments
    std::size_t arguments = 0;  // at most
    std::array<Parameter, kMaxFunctionArguments> takes{};
    ValueType gives = ValueType::scalar;
    std::string_view doc;  // one line
};

// In the order of docs/SQL.md.
inline constexpr auto kFunctions = std::to_array<FunctionRow>({
    // Numbers.
    {"+",
     Form::infix,
     Op::add,
     2,
     2,
     {Parameter::numeric, Parameter::numeric},
     ValueType::numeric,
     "exact"},
    {"-",
     Form::infix,
     Op::subtract,
     2,
     2,
     {Parameter::numeric, Parameter::numeric},
     ValueType::numeric,
     "exact"},
    {"*",
     Form::infix,
     Op::multiply,
     2,
     2,
     {Parameter::numeric, Parameter::numeric},
     ValueType::numeric,
     "exact"},
    {"/",
     Form::infix,
     Op::divide,
     2,
     2,
     {Parameter::numeric, Parameter::numeric},
     ValueType::numeric,
     "only inside round, trunc, floor or ceil, which rounds the exact quotient once"},
    {"%",
     Form::infix,
     Op::modulo,
     2,
     2,
     {Parameter::numeric, Parameter::numeric},
     ValueType::numeric,
     "remainder, with the sign of the dividend"},
    {"-", Form::prefix, Op::negate, 1, 1, {Parameter::numeric}, ValueType::numeric, "negation"},
    {"abs",
     Form::function,
     Op::absolute,
     1,
     1,
     {Parameter::numeric},
     ValueType::numeric,
     "absolute value"},
    {"round",
     Form::function,
     Op::round,
     1,
     2,
     {Parameter::numeric, Parameter::digits},
     ValueType::numeric,
     "to that many decimal places, 0 by default; half away from zero"},
    {"trunc",
     Form::function,
     Op::truncate,
     1,
     2,
     {Parameter::numeric, Parameter::digits},
     ValueType::numeric,
     "to that many decimal places, 0 by default; toward zero"},
    {"floor",
     Form::function,
     Op::floor,
     1,
     1,
     {Parameter::numeric},
     ValueType::numeric,
     "largest integer at or below it"},
    {"ceil",
     Form::function,
     Op::ceil,
     1,
     1,
     {Parameter::numeric},
     ValueType::numeric,
     "smallest integer at or above it"},
    // Text.
    {"||",
     Form::infix,
     Op::concat,
     2,
     2,
     {Parameter::text, Parameter::text},
     ValueType::text,
     "concatenation; write numbers as x::text"},
    {"length",
     Form::function,
     Op::length,
     1,
     1,
     {Parameter::text},
     ValueType::numeric,
     "length in characters (code points)"},
    {"substring",
     Form::function,
     Op::substring,
     2,
     3,
     {Parameter::text, Parameter::position, Parameter::count},
     ValueType::text,
     "from that position on, counted from 1: that many characters, or all"},
    {"left",
     Form::function,
     Op::left,
     2,
     2,
     {Parameter::text, Parameter::position},
     ValueType::text,
     "that many characters from the start; if negative, all but that many at the end"},
    {"right",
     Form::function,
     Op::right,
     2,
     2,
     {Parameter::text, Parameter::position},
     ValueType::text,
     "that many characters from the end; if negative, all but that many at the start"},
    {"split_part",
     Form::function,
     Op::split_part,
     3,
     3,
     {Parameter::text, Parameter::delimiter, Parameter::part},
     ValueType::text,
     "part of that number between delimiters, counted from 1; from the end if negative"},
    {"lower",
     Form::function,
     Op::lower,
     1,
     1,
     {Parameter::text},
     ValueType::text,
     "A to Z become a to z; other letters stay as they are"},
    {"upper",
     Form::function,
     Op::upper,
     1,
     1,
     {Parameter::text},
     ValueType::text,
     "a to z become A to Z; other letters stay as they are"},
    // Times.
    {"to_timestamp",
     Form::function,
     Op::to_timestamp,
     1,
     1,
     {Parameter::numeric},
     ValueType::timestamp,
     "from seconds since 1970-01-01T00:00:00Z"},
    {"AT TIME ZONE",
     Form::syntax,
     Op::at_zone,
     2,
     2,
     {Parameter::timestamp, Parameter::zone},
     ValueType::local,
     "local time in that zone"},
    {"date_trunc",
     Form::function,
     Op::date_trunc,
     3,
     3,
     {Parameter::unit, Parameter::timestamp, Parameter::zone},
     ValueType::timestamp,
     "start of the unit in that zone"},
    {"date_bin",
     Form::function,
     Op::date_bin,
     3,
     3,
     {Parameter::interval, Parameter::timestamp, Parameter::origin},
     ValueType::timestamp,
     "start of the interval, counted from the origin"},
    {"extract",
     Form::syntax,
     Op::extract,
     2,
     2,
     {Parameter::extract_unit, Parameter::local},
     ValueType::numeric,
     "a field of a local time; epoch, of a timestamptz: seconds since 1970"},
});

// Units of date_trunc, and the fields that extract knows.
inline constexpr auto kUnits = std::to_array<std::string_view>(
    {"second", "minute", "hour", "day", "week", "month", "quarter", "year"});
inline constexpr auto kExtractUnits =
    std::to_array<std::string_view>({"second", "minute", "hour", "day", "dow", "isodow", "doy",
                                     "week", "month", "quarter", "year", "isoyear", "epoch"});

struct AggregateFunctionRow {
    std::string_view name;
    AggregateFunction function = AggregateFunction::count_all;
    std::string_view takes;    // in words, for messages: "a number"
    bool any = false;          // takes whatever there is
    bool numeric = false;      // its input's types
    bool text = false;         //
    bool timestamp = false;    //
    bool boolean = false;      //
    bool gives_input = false;  // its value has its input's type; otherwise:
    ValueType gives = ValueType::numeric;
    bool rounded = false;  // stands right inside round(..., digits)
    std::string_view doc;
};

inline constexpr auto kAggregateFunctions = std::to_array<AggregateFunctionRow>({
    {.name = "count",
     .function = AggregateFunction::count_all,
     .takes = "nothing",
     .doc = "count(*): number of records"},
    {.name = "count",
     .function = AggregateFunction::count,
     .takes = "anything",
     .any = true,
     .doc = "count(x): number of records in which x is neither missing nor NULL"},
    {.name = "count",
     .function = AggregateFunction::count_distinct,
     .takes = "anything",
     .any = true,
     .doc = "count(DISTINCT x): number of distinct values, exact"},
    {.name = "sum",
     .function = AggregateFunction::sum,
     .takes = "a number",
     .numeric = true,
     .doc = "exact"},
    {.name = "avg",
     .function = AggregateFunction::avg,
     .takes = "a number",
     .numeric = true,
     .doc = "exact, then rounded once: by the round() around it, or to the job's decimal places"},
    {.name = "min",
     .function = AggregateFunction::min,
     .takes = "a number, a text or a timestamp",
     .numeric = true,
     .text = true,
     .timestamp = true,
     .gives_input = true,
     .doc = "smallest value; texts are compared by bytes"},
    {.name = "max",
     .function = AggregateFunction::max,
     .takes = "a number, a text or a timestamp",
     .numeric = true,
     .text = true,
     .timestamp = true,
     .gives_input = true,
     .doc = "largest value; texts are compared by bytes"},
    {.name = "bool_and",
     .function = AggregateFunction::bool_and,
     .takes = "a boolean",
     .boolean = true,
     .gives = ValueType::boolean,
     .doc = "true if all values are true"},
    {.name = "bool_or",
     .function = AggregateFunction::bool_or,
     .takes = "a boolean",
     .boolean = true,
     .gives = ValueType::boolean,
     .doc = "true if any value is true"},
    {.name = "var_pop",
     .function = AggregateFunction::var_pop,
     .takes = "a number",
     .numeric = true,
     .rounded = true,
     .doc = "population variance, only inside round(..., digits)"},
    {.name = "var_samp",
     .function = AggregateFunction::var_samp,
     .takes = "a number",
     .numeric = true,
     .rounded = true,
     .doc = "sample variance, only inside round(..., digits); NULL for a single value"},
    {.name = "stddev_pop",
     .function = AggregateFunction::stddev_pop,
     .takes = "a number",
     .numeric = true,
     .rounded = true,
     .doc = "population standard deviation, only inside round(..., digits)"},
    {.name = "stddev_samp",
     .function = AggregateFunction::stddev_samp,
     .takes = "a number",
     .numeric = true,
     .rounded = true,
     .doc = "sample standard deviation, only inside round(..., digits); NULL for a single value"},
    {.name = "percentile_disc",
     .function = AggregateFunction::percentile_disc,
     .takes = "a number or a timestamp",
     .numeric = true,
     .timestamp = true,
     .gives_input = true,
     .doc = "percentile_disc(p) WITHIN GROUP (ORDER BY x): smallest value with at least a share "
            "p of all values at or below it"},
});

// Of a calendar's windows, in tumble: names of date_trunc's.
inline constexpr auto kCalendarUnits =
    std::to_array<std::string_view>({"day", "week", "month", "quarter", "year"});

struct OpName {
    Op op;
    std::string_view name;
};

// As the canonical text has them: stored, so none ever changes.
inline constexpr auto kOpNames = std::to_array<OpName>({
    {Op::field, "field"},
    {Op::literal, "literal"},
    {Op::null, "null"},
    {Op::group, "group"},
    {Op::aggregate, "aggregate"},
    {Op::window_start, "window-start"},
    {Op::window_end, "window-end"},
    {Op::logical_and, "and"},
    {Op::logical_or, "or"},
    {Op::logical_not, "not"},
    {Op::is_true, "is-true"},
    {Op::is_false, "is-false"},
    {Op::equal, "equal"},
    {Op::not_equal, "not-equal"},
    {Op::less, "less"},
    {Op::less_equal, "less-equal"},
    {Op::greater, "greater"},
    {Op::greater_equal, "greater-equal"},
    {Op::distinct_from, "distinct-from"},
    {Op::is_null, "is-null"},
    {Op::in_list, "in"},
    {Op::like, "like"},
    {Op::case_when, "case"},
    {Op::coalesce, "coalesce"},
    {Op::nullif, "nullif"},
    {Op::greatest, "greatest"},
    {Op::least, "least"},
    {Op::add, "add"},
    {Op::subtract, "subtract"},
    {Op::multiply, "multiply"},
    {Op::divide, "divide"},
    {Op::modulo, "modulo"},
    {Op::negate, "negate"},
    {Op::absolute, "abs"},
    {Op::round, "round"},
    {Op::truncate, "trunc"},
    {Op::floor, "floor"},
    {Op::ceil, "ceil"},
    {Op::concat, "concat"},
    {Op::length, "length"},
    {Op::substring, "substring"},
    {Op::left, "left"},
    {Op::right, "right"},
    {Op::split_part, "split-part"},
    {Op::lower, "lower"},
    {Op::upper, "upper"},
    {Op::to_numeric, "to-numeric"},
    {Op::to_text, "to-text"},
    {Op::parse_timestamp, "parse-timestamp"},
    {Op::to_timestamp, "to-timestamp"},
    {Op::at_zone, "at-zone"},
    {Op::date_trunc, "date-trunc"},
    {Op::date_bin, "date-bin"},
    {Op::extract, "extract"},
});

[[nodiscard]] constexpr std::string_view name_of(Op op) {
    return std::ranges::find(kOpNames, op, &OpName::op)->name;
}

[[nodiscard]] constexpr const FunctionRow* find_function(Op op) {
    const auto* const found = std::ranges::find(kFunctions, op, &FunctionRow::op);
    return found == kFunctions.end() ? nullptr : found;
}

[[nodiscard]] constexpr const AggregateFunctionRow& row_of(AggregateFunction function) {
    return *std::ranges::find(kAggregateFunctions, function, &AggregateFunctionRow::function);
}

// As the canonical text has them: stored, so none ever changes.
[[nodiscard]] constexpr std::string_view canonical_name(AggregateFunction function) {
    switch (function) {
        case AggregateFunction::count_all:
            return "count-all";
        case AggregateFunction::count_distinct:
            return "count-distinct";
        default:
            return row_of(function).name;
    }
}

// The same, and as people read it.
[[nodiscard]] constexpr std::string_view name_of(ValueType type) {
    switch (type) {
        case ValueType::numeric:
            return "numeric";
        case ValueType::text:
            return "text";
        case ValueType::boolean:
            return "boolean";
        case ValueType::timestamp:
            return "timestamptz";
        case ValueType::local:
            return "timestamp";
        case ValueType::scalar:
            return "scalar";
    }
    return "";
}

}  // namespace kstream::job
