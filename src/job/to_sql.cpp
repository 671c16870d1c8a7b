// The canonical SELECT: with as few brackets as PostgreSQL's precedence allows.
#include "job/integers.hpp"
#include "job/names.hpp"
#include "job/paths.hpp"
#include "job/times.hpp"
#include "kstream/core/time_text.hpp"
#include "kstream/job/functions.hpp"
#include "kstream/job/statement_text.hpp"

#include <algorithm>
#include <span>
#include <string_view>
#include <utility>

namespace kstream::job {
namespace {

using std::string_view;

// What binds more loosely than its surroundings stands in brackets.
enum Level : int {
    kAnything,
    kOr,
    kAnd,
    kNot,
    kIs,
    kComparison,
    kIn,  // IN, LIKE
    kOther,
    kSum,
    kProduct,
    kZone,  // AT TIME ZONE
    kSign,
    kCast,
    kWhole,
};

struct Printed {
    std::string sql;
    int level = kWhole;
};

[[nodiscard]] std::string between(Op op) {
    return ' ' + std::string{sign_of(op)} + ' ';
}

class Printer {
public:
    explicit Printer(const Statement& statement) : statement_(statement) {}

    [[nodiscard]] std::string at_least(const Expression& expression, int level) const {
        Printed printed = print(expression);
        return printed.level >= level ? std::move(printed.sql) : '(' + printed.sql + ')';
    }

    [[nodiscard]] std::string field(const Field& one) const {
        switch (one.origin) {
            case FieldOrigin::key:
                return "kafka_key";
            case FieldOrigin::timestamp:
                return "kafka_timestamp";
            case FieldOrigin::partition:
                return "kafka_partition";
            case FieldOrigin::offset:
                return "kafka_offset";
            case FieldOrigin::header:
                return "kafka_header(" + as_string(one.header) + ")";
            case FieldOrigin::value:
                break;
        }
        std::string sql = path_sql(one.path);
        const bool like_window = statement_.event_time && one.path.size() == 1 &&
                                 (sql == "window_start" || sql == "window_end");
        // Unquoted it would be taken for a field with the name of its topic.
        const bool like_topic =
            one.path.size() > 1 && one.path.front().name == statement_.source_topic;
        return (like_topic || like_window) && !sql.starts_with('"')
                   ? '"' + one.path.front().name + '"' + sql.substr(one.path.front().name.size())
                   : sql;
    }

    // As it stands in FROM.
    [[nodiscard]] std::string source() const {
        std::string topic = as_name(statement_.source_topic);
        if (!statement_.event_time) {
            return topic;
        }
        const EventTime& event = *statement_.event_time;
        const Window& window = event.window;
        std::string sql = opening(window, topic + ", " + at_least(event.time, kAnything));
        if (window.kind != WindowKind::none) {
            sql += ", grace => " + interval(event.grace);
            sql += event.emit == Emit::final_only ? ", emit => 'final'" : "";
            if (event.idle || event.emit == Emit::final_only) {
                sql += ", idle => " + interval_or_never(event.idle);
            }
            sql += event.quiet_wall ? ", quiet => 'wall'" : "";
        }
        if (event.max_ahead != EventTime::kDefaultMaxAhead) {
            sql += ", max_ahead => " + interval_or_never(event.max_ahead);
        }
        if (event.unique_by) {
            sql += ", unique_by => " + at_least(*event.unique_by, kAnything) + ", within => " +
                   interval(event.within);
        }
        return sql + ')';
    }

private:
    [[nodiscard]] static std::string interval(std::int64_t milliseconds) {
        return "INTERVAL '" + interval_text(milliseconds) + '\'';
    }

    [[nodiscard]] static std::string interval_or_never(std::optional<std::int64_t> milliseconds) {
        return milliseconds ? interval(*milliseconds) : "'never'";
    }

    // The function and its arguments without a name.
    [[nodiscard]] static std::string opening(const Window& window, const std::string& first) {
        std::string origin;
        if (window.origin != 0) {
            origin = ", origin => TIMESTAMPTZ '";
            append_timestamp(origin, window.origin);
            origin += '\'';
        }
        switch (window.kind) {
            case WindowKind::none:
                break;
            case WindowKind::tumble:
                return "tumble(" + first + ", " + interval(window.size) + origin;
            case WindowKind::calendar:
                return "tumble(" + first + ", " + as_string(window.unit) + ", " +
                       as_string(window.zone);
            case WindowKind::hop:
                return "hop(" + first + ", " + interval(window.slide) + ", " +
                       interval(window.size) + origin;
            case WindowKind::session:
                return "session(" + first + ", " + interval(window.size);
        }
        return "events(" + first;
    }

    [[nodiscard]] Printed print(const Expression& one) const {
        switch (one.op) {
            case Op::field:
                return {field(statement_.fields[one.index])};
            case Op::group:
                return print(statement_.group_by[one.index].value);
            case Op::aggregate:
                return {aggregate(statement_.aggregates[one.index], false)};
            case Op::literal:
                return literal(one);
            case Op::null:
                return {"NULL::" + std::string{name_of(one.type)}, kCast};
            case Op::window_start:
                return {"window_start"};
            case Op::window_end:
                return {"window_end"};
            case Op::logical_and:
            case Op::logical_or:
                return logic(one);
            case Op::logical_not:
                return negated(one.arguments.front());
            case Op::is_true:
            case Op::is_false:
            case Op::is_null:
            case Op::distinct_from:
            case Op::in_list:
            case Op::like:
                return test(one, "");
            case Op::equal:
            case Op::not_equal:
            case Op::less:
            case Op::less_equal:
            case Op::greater:
            case Op::greater_equal:
                return infix(one, kComparison, kIn);
            case Op::add:
            case Op::subtract:
                return infix(one, kSum, kSum);
            case Op::multiply:
            case Op::modulo:
                return infix(one, kProduct, kProduct);
            case Op::divide:
                return quotient(one);
            case Op::concat:
                return infix(one, kOther, kOther);
            case Op::case_when:
                return {choice(one)};
            case Op::negate:
                return {"-" + at_least(one.arguments.front(), kCast), kSign};
            case Op::to_numeric:
                return cast(one, numeric_type(one));
            case Op::to_text:
                return cast(one, "text");
            case Op::parse_timestamp:
                return cast(one, "timestamptz");
            case Op::at_zone:
                return {at_least(one.arguments[0], kZone) + " AT TIME ZONE " +
                            as_string(one.arguments[1].literal.text),
                        kZone};
            case Op::extract:
                return {"extract(" + one.arguments[0].literal.text + " FROM " +
                        at_least(one.arguments[1], kAnything) + ")"};
            case Op::round:
                if (is_average(one.arguments[0])) {
                    return {"round(" +
                            aggregate(statement_.aggregates[one.arguments[0].index], true) + ", " +
                            one.arguments[1].literal.text + ")"};
                }
                return {call(one)};
            default:
                return {call(one)};
        }
    }

    [[nodiscard]] bool is_average(const Expression& one) const {
        return one.op == Op::aggregate &&
               statement_.aggregates[one.index].function == AggregateFunction::avg;
    }

    [[nodiscard]] static Printed literal(const Expression& one) {
        switch (one.type) {
            case ValueType::boolean:
                return {one.literal.boolean ? "true" : "false"};
            case ValueType::timestamp: {
                std::string text = "TIMESTAMPTZ '";
                append_timestamp(text, one.literal.milliseconds);
                return {text += '\''};
            }
            case ValueType::numeric:
                return {one.literal.text, one.literal.text.starts_with('-') ? kSign : kWhole};
            default:
                return {as_string(one.literal.text)};
        }
    }

    [[nodiscard]] Printed logic(const Expression& one) const {
        const bool is_and = one.op == Op::logical_and;
        std::string sql;
        for (const Expression& argument : one.arguments) {
            sql += sql.empty() ? std::string{} : between(one.op);
            sql += at_least(argument, is_and ? kNot : kAnd);
        }
        return {std::move(sql), is_and ? kAnd : kOr};
    }

    [[nodiscard]] Printed negated(const Expression& one) const {
        switch (one.op) {
            case Op::is_true:
            case Op::is_false:
            case Op::is_null:
            case Op::distinct_from:
            case Op::in_list:
            case Op::like:
                return test(one, "NOT ");
            default:
                return {"NOT " + at_least(one, kNot), kNot};
        }
    }

    [[nodiscard]] Printed test(const Expression& one, string_view negation) const {
        const std::string no{negation};
        const Expression& value = one.arguments.front();
        switch (one.op) {
            case Op::is_true:
                return {at_least(value, kComparison) + " IS " + no + "TRUE", kIs};
            case Op::is_false:
                return {at_least(value, kComparison) + " IS " + no + "FALSE", kIs};
            case Op::is_null:
                return {at_least(value, kComparison) + " IS " + no + "NULL", kIs};
            case Op::distinct_from:
                return {at_least(value, kComparison) + " IS " + no + "DISTINCT FROM " +
                            at_least(one.arguments[1], kComparison),
                        kIs};
            case Op::like: {
                std::string sql = at_least(value, kOther) + ' ' + no + "LIKE " +
                                  as_string(one.arguments[1].literal.text);
                if (one.literal.text != "\\") {
                    sql += " ESCAPE " + as_string(one.literal.text);
                }
                return {std::move(sql), kIn};
            }
            default:
                break;
        }
        return {at_least(value, kOther) + ' ' + no + "IN (" +
                    list(std::span{one.arguments}.subspan(1)) + ')',
                kIn};
    }

    // The right side of what is read from the left binds closer.
    [[nodiscard]] Printed infix(const Expression& one, int level, int left) const {
        return {at_least(one.arguments[0], left) + between(one.op) +
                    at_least(one.arguments[1], level + 1),
                level};
    }

    [[nodiscard]] Printed quotient(const Expression& one) const {
        if (!is_integer(one.arguments[0], statement_) ||
            !is_integer(one.arguments[1], statement_)) {
            return infix(one, kProduct, kProduct);
        }
        return {at_least(one.arguments[0], kCast) + "::numeric / " +
                    at_least(one.arguments[1], kProduct + 1),
                kProduct};
    }

    [[nodiscard]] static std::string numeric_type(const Expression& one) {
        return one.precision ? "numeric(" + std::to_string(*one.precision) + ", " +
                                   std::to_string(one.scale.value_or(0)) + ")"
                             : "numeric";
    }

    [[nodiscard]] Printed cast(const Expression& one, const std::string& type) const {
        return {at_least(one.arguments.front(), kCast) + "::" + type, kCast};
    }

    [[nodiscard]] std::string list(std::span<const Expression> all) const {
        std::string sql;
        for (const Expression& one : all) {
            sql += (sql.empty() ? "" : ", ") + at_least(one, kAnything);
        }
        return sql;
    }

    [[nodiscard]] std::string call(const Expression& one) const {
        const FunctionRow* const row = find_function(one.op);
        return std::string{row != nullptr ? row->name : name_of(one.op)} + '(' +
               list(one.arguments) + ')';
    }

    [[nodiscard]] std::string choice(const Expression& one) const {
        const std::vector<Expression>& arguments = one.arguments;
        std::string sql = "CASE";
        std::size_t i = 0;
        for (; i + 1 < arguments.size(); i += 2) {
            sql += " WHEN " + at_least(arguments[i], kAnything) + " THEN " +
                   at_least(arguments[i + 1], kAnything);
        }
        if (i < arguments.size()) {
            sql += " ELSE " + at_least(arguments[i], kAnything);
        }
        return sql + " END";
    }

    // avg says its digits where they are not the job's, or where a round() comes right after it.
    [[nodiscard]] std::string aggregate(const Aggregate& one, bool explicit_digits) const {
        const AggregateFunctionRow& row = row_of(one.function);
        std::string sql{row.name};
        switch (one.function) {
            case AggregateFunction::count_all:
                sql += "(*)";
                break;
            case AggregateFunction::percentile_disc:
                sql += '(' + one.percentile + ") WITHIN GROUP (ORDER BY " +
                       at_least(*one.input, kAnything) + ')';
                break;
            case AggregateFunction::count_distinct:
                sql += "(DISTINCT " + at_least(*one.input, kAnything) + ')';
                break;
            default:
                sql += '(' + at_least(*one.input, kAnything) + ')';
                break;
        }
        if (one.filter) {
            sql += " FILTER (WHERE " + at_least(*one.filter, kAnything) + ')';
        }
        const bool average = one.function == AggregateFunction::avg;
        if (row.rounded || (average && (explicit_digits || one.scale != statement_.scale))) {
            sql = "round(" + sql + ", " + std::to_string(one.scale) + ')';
        }
        return sql;
    }

    const Statement& statement_;
};

// A column that is a field needs no name where it has the field's.
[[nodiscard]] bool names_itself(const Column& column, const Statement& statement) {
    const Expression& value =
        column.value.op == Op::group ? statement.group_by[column.value.index].value : column.value;
    if (value.op == Op::window_start || value.op == Op::window_end) {
        return column.name == (value.op == Op::window_start ? "window_start" : "window_end");
    }
    if (value.op != Op::field) {
        return false;
    }
    const Field& field = statement.fields[value.index];
    switch (field.origin) {
        case FieldOrigin::value:
            return std::ranges::none_of(field.path, [](const PathStep& s) { return !!s.index; }) &&
                   field.path.back().name == column.name;
        case FieldOrigin::header:
            return false;
        default:
            return field.spelling == column.name;
    }
}

}  // namespace

std::string to_sql(const Statement& statement) {
    const Printer printer{statement};
    std::string sql;
    if (!statement.output_topic.empty()) {
        sql += "INSERT INTO " + as_name(statement.output_topic) + '\n';
    }
    std::string_view before = "SELECT ";
    for (const Column& column : statement.columns) {
        sql += std::exchange(before, ", ");
        sql += printer.at_least(column.value, kAnything);
        if (!names_itself(column, statement)) {
            sql += " AS " + as_name(column.name);
        }
    }
    sql += "\nFROM " + printer.source();
    if (statement.where) {
        sql += "\nWHERE " + printer.at_least(*statement.where, kAnything);
    }
    before = "\nGROUP BY ";
    for (const GroupColumn& group : statement.group_by) {
        sql += std::exchange(before, ", ");
        sql += printer.at_least(group.value, kAnything);
    }
    if (statement.event_time && statement.event_time->window.kind != WindowKind::none) {
        sql += std::string{before} + "window_start";
    }
    if (statement.having) {
        sql += "\nHAVING " + printer.at_least(*statement.having, kAnything);
    }
    return sql + ";\n";
}

std::string to_sql(const Expression& expression, const Statement& statement) {
    return Printer{statement}.at_least(expression, kAnything);
}

}  // namespace kstream::job
