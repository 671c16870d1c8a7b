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
     "inside round, trunc, floor or ceil, which rounds the exact quotient once"},
    {"%",
     Form::infix,
     Op::modulo,
     2,
     2,
     {Parameter::numeric, Parameter::numeric},
     ValueType::numeric,
     "remainder, with the sign of the first"},
    {"-",
     Form::prefix,
     Op::negate,
     1,
     1,
     {Parameter::numeric},
     ValueType::numeric,
     "the same negative"},
    {"abs",
     Form::function,
     Op::absolute,
     1,
     1,
     {Parameter::numeric},
     ValueType::numeric,
     "without its sign"},
    {"round",
     Form::function,
     Op::round,
     1,
     2,
     {Parameter::numeric, Parameter::digits},
     ValueType::numeric,
     "to so many digits, 0 if none are written; half away from zero"},
    {"trunc",
     Form::function,
     Op::truncate,
     1,
     2,
     {Parameter::numeric, Parameter::digits},
     ValueType::numeric,
     "to so many digits, 0 if none are written; towards zero"},
    {"floor",
     Form::function,
     Op::floor,
     1,
     1,
     {Parameter::numeric},
     ValueType::numeric,
     "the next integer below"},
    {"ceil",
     Form::function,
     Op::ceil,
     1,
     1,
     {Parameter::numeric},
     ValueType::numeric,
     "the next integer above"},
    // Text.
    {"||",
     Form::infix,
     Op::concat,
     2,
     2,
     {Parameter::text, Parameter::text},
     ValueType::text,
     "one text after the other; numbers as x::text"},
    {"length",
     Form::function,
     Op::length,
     1,
     1,
     {Parameter::text},
     ValueType::numeric,
     "in code points"},
    {"substring",
     Form::function,
     Op::substring,
     2,
     3,
     {Parameter::text, Parameter::position, Parameter::count},
     ValueType::text,
     "from a position, the first is 1; so many code points, or all"},
    {"left",
     Form::function,
     Op::left,
     2,
     2,
     {Parameter::text, Parameter::position},
     ValueType::text,
     "the first code points; all but the last ones if negative"},
    {"right",
     Form::function,
     Op::right,
     2,
     2,
     {Parameter::text, Parameter::position},
     ValueType::text,
     "the last code points; all but the first ones if negative"},
    {"split_part",
     Form::function,
     Op::split_part,
     3,
     3,
     {Parameter::text, Parameter::delimiter, Parameter::part},
     ValueType::text,
     "the part of that number between delimiters, from the end if negative"},
    {"lower",
     Form::function,
     Op::lower,
     1,
     1,
     {Parameter::text},
     ValueType::text,
     "A to Z as a to z; other letters stay"},
    {"upper",
     Form::function,
     Op::upper,
     1,
     1,
     {Parameter::text},
     ValueType::text,
     "a to z as A to Z; other letters stay"},
    // Times.
    {"to_timestamp",
     Form::function,
     Op::to_timestamp,
     1,
     1,
     {Parameter::numeric},
     ValueType::timestamp,
     "of seconds since 1970 in UTC"},
    {"AT TIME ZONE",
     Form::syntax,
     Op::at_zone,
     2,
     2,
     {Parameter::timestamp, Parameter::zone},
     ValueType::local,
     "the local time there"},
    {"date_trunc",
     Form::function,
     Op::date_trunc,
     3,
     3,
     {Parameter::unit, Parameter::timestamp, Parameter::zone},
     ValueType::timestamp,
     "the beginning of the unit in that zone"},
    {"date_bin",
     Form::function,
     Op::date_bin,
     3,
     3,
     {Parameter::interval, Parameter::timestamp, Parameter::origin},
     ValueType::timestamp,
     "the beginning of the interval, counted from the origin"},
    {"extract",
     Form::syntax,
     Op::extract,
     2,
     2,
     {Parameter::extract_unit, Parameter::local},
     ValueType::numeric,
     "a field of a local time; epoch: seconds since 1970 of a timestamp"},
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
     .doc = "count(*): records"},
    {.name = "count",
     .function = AggregateFunction::count,
     .takes = "anything",
     .any = true,
     .doc = "records in which it is there and not NULL"},
    {.name = "count",
     .function = AggregateFunction::count_distinct,
     .takes = "anything",
     .any = true,
     .doc = "count(DISTINCT x): different values, exactly"},
    {.name = "sum",
     .function = AggregateFunction::sum,
     .takes = "a number",
     .numeric = true,
     .doc = "exact"},
    {.name = "avg",
     .function = AggregateFunction::avg,
     .takes = "a number",
     .numeric = true,
     .doc = "exact, then rounded once: by the round() around it, or to the job's digits"},
    {.name = "min",
     .function = AggregateFunction::min,
     .takes = "a number, a text or a timestamp",
     .numeric = true,
     .text = true,
     .timestamp = true,
     .gives_input = true,
     .doc = "the least; of texts by their bytes"},
    {.name = "max",
     .function = AggregateFunction::max,
     .takes = "a number, a text or a timestamp",
     .numeric = true,
     .text = true,
     .timestamp = true,
     .gives_input = true,
     .doc = "the greatest; of texts by their bytes"},
    {.name = "bool_and",
     .function = AggregateFunction::bool_and,
     .takes = "a boolean",
     .boolean = true,
     .gives = ValueType::boolean,
     .doc = "whether all are true"},
    {.name = "bool_or",
     .function = AggregateFunction::bool_or,
     .takes = "a boolean",
     .boolean = true,
     .gives = ValueType::boolean,
     .doc = "whether any is true"},
    {.name = "var_pop",
     .function = AggregateFunction::var_pop,
     .takes = "a number",
     .numeric = true,
     .rounded = true,
     .doc = "variance of all, inside round(..., digits)"},
    {.name = "var_samp",
     .function = AggregateFunction::var_samp,
     .takes = "a number",
     .numeric = true,
     .rounded = true,
     .doc = "variance of a sample, inside round(..., digits); NULL of one value"},
    {.name = "stddev_pop",
     .function = AggregateFunction::stddev_pop,
     .takes = "a number",
     .numeric = true,
     .rounded = true,
     .doc = "standard deviation of all, inside round(..., digits)"},
    {.name = "stddev_samp",
     .function = AggregateFunction::stddev_samp,
     .takes = "a number",
     .numeric = true,
     .rounded = true,
     .doc = "standard deviation of a sample, inside round(..., digits); NULL of one value"},
    {.name = "percentile_disc",
     .function = AggregateFunction::percentile_disc,
     .takes = "a number or a timestamp",
     .numeric = true,
     .timestamp = true,
     .gives_input = true,
     .doc = "percentile_disc(p) WITHIN GROUP (ORDER BY x): the first value that p of all reach"},
});

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
