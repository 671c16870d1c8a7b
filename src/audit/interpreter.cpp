#include "audit/interpreter.hpp"

#include "audit/texts.hpp"
#include "kstream/check.hpp"
#include "text/json_tokens.hpp"
#include "text/utf8.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <limits>
#include <utility>
#include <vector>

namespace kstream::audit {
namespace {

using job::Expression;
using job::Op;
using job::ValueType;
using Kind = Value::Kind;

Value number_or_range(std::optional<Exact> number, const Expression& where) {
    return number ? Value::of(*std::move(number)) : Value::of_error(BadReason::range, where);
}

// What no value comes of, where one or the other is none.
Value worst_of(const Value& a, const Value& b) {
    for (const Kind kind : {Kind::error, Kind::missing, Kind::null}) {
        if (a.kind == kind || b.kind == kind) {
            return a.kind == kind ? a : b;
        }
    }
    return a;
}

std::strong_ordering order_of(const Value& a, const Value& b) {
    KSTREAM_CHECK(a.kind == b.kind, "types are checked with the statement");
    switch (a.kind) {
        case Kind::number:
            return a.number.top <=> b.number.top;
        case Kind::text:
            return a.text <=> b.text;
        case Kind::boolean:
            return a.truth <=> b.truth;
        default:
            return a.ms <=> b.ms;
    }
}

std::int64_t literal_integer(const Expression& of) {
    std::int64_t value = 0;
    const std::string& text = of.literal.text;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
    KSTREAM_CHECK(read.ec == std::errc{}, "literals are checked with the statement");
    return value;
}

Value literal(const Expression& of) {
    switch (of.type) {
        case ValueType::numeric:
            return number_or_range(Decimals::read(of.literal.text).transform([](Decimals&& number) {
                return Exact{std::move(number), std::nullopt};
            }),
                                   of);
        case ValueType::boolean:
            return Value::of_truth(of.literal.boolean);
        case ValueType::timestamp:
            return Value::of_time(Kind::timestamp, of.literal.milliseconds);
        default:
            return Value::of_text(of.literal.text);
    }
}

Value read_number(std::string_view token, const Expression& where) {
    std::optional<Decimals> number = Decimals::read(token);
    return number ? Value::of({*std::move(number), std::nullopt})
                  : Value::of_error(BadReason::range, where);
}

// A text that stands outside of the record's value.
Value text_or_problem(std::string_view text, const Expression& where) {
    if (!text::is_utf8(text)) {
        return Value::of_error(BadReason::encoding, where);
    }
    return text.contains('\0') ? Value::of_error(BadReason::text_nul, where)
                               : Value::of_text(std::string{text});
}

Value to_numeric(const Expression& of, const Value& a) {
    Value number = a;
    if (a.kind == Kind::text) {
        if (a.text.empty() || json::number_size(a.text) != a.text.size()) {
            return Value::of_error(BadReason::text_to_number, of);
        }
        number = read_number(a.text, of);
    } else if (a.kind != Kind::number) {
        return Value::of_error(BadReason::number_type, of);
    }
    if (!of.precision || number.kind != Kind::number) {
        return number;
    }
    if (number.number.top.fraction_digits() > *of.scale) {
        return Value::of_error(BadReason::scale, of);
    }
    return number.number.top.whole_digits() > *of.precision - *of.scale
               ? Value::of_error(BadReason::range, of)
               : number;
}

Value to_text(const Value& a) {
    switch (a.kind) {
        case Kind::text:
            return a;
        case Kind::boolean:
            return Value::of_text(a.truth ? "true" : "false");
        default:
            return Value::of_text(a.number.top.text());
    }
}

}  // namespace

Value Value::of(Exact number) {
    Value value;
    value.kind = Kind::number;
    value.number = std::move(number);
    return value;
}
Value Value::of_text(std::string text) {
    Value value;
    value.kind = Kind::text;
    value.text = std::move(text);
    return value;
}
Value Value::of_truth(bool truth) {
    Value value;
    value.kind = Kind::boolean;
    value.truth = truth;
    return value;
}
Value Value::of_time(Kind kind, std::int64_t ms) {
    Value value;
    value.kind = kind;
    value.ms = ms;
    return value;
}
Value Value::of_error(BadReason reason, const Expression& where) {
    Value value;
    value.kind = Kind::error;
    value.reason = reason;
    value.where = &where;
    return value;
}
Value Value::of_missing(const Expression& where) {
    Value value;
    value.kind = Kind::missing;
    value.where = &where;
    return value;
}

// ---- the statement's zones ---------------------------------------------------------------------

Result<Interpreter> Interpreter::make(const job::Statement& statement, const ZoneBytes& zones) {
    Interpreter made{statement};
    std::vector<const Expression*> all;
    const auto take = [&all](const std::optional<Expression>& one) {
        if (one) {
            all.push_back(&*one);
        }
    };
    if (statement.event_time) {
        all.push_back(&statement.event_time->time);
    }
    take(statement.where);
    take(statement.having);
    for (const job::GroupColumn& column : statement.group_by) {
        all.push_back(&column.value);
    }
    for (const job::Aggregate& aggregate : statement.aggregates) {
        take(aggregate.filter);
        take(aggregate.input);
    }
    for (const job::Column& column : statement.columns) {
        all.push_back(&column.value);
    }
    for (const Expression* const one : all) {
        if (Result<void> found = made.find_zones(*one, zones); !found) {
            return std::unexpected(std::move(found.error()));
        }
    }
    return made;
}

Result<void> Interpreter::find_zones(const Expression& in, const ZoneBytes& zones) {
    if (in.op == Op::at_zone || in.op == Op::date_trunc) {
        const std::string& name = in.arguments.back().literal.text;
        Result<ZoneClock> zone = read_zone(name, zones);
        if (!zone) {
            return std::unexpected(std::move(zone.error()));
        }
        zones_.insert_or_assign(name, *std::move(zone));
    }
    for (const Expression& argument : in.arguments) {
        if (Result<void> found = find_zones(argument, zones); !found) {
            return found;
        }
    }
    return {};
}

const ZoneClock& Interpreter::zone(const Expression& name) const {
    return zones_.find(name.literal.text)->second;
}

// ---- what each node comes to -------------------------------------------------------------------

Value Interpreter::evaluate(const Expression& of, const Leaves& leaves) const {
    switch (of.op) {
        case Op::field:
            return field(of, leaves);
        case Op::literal:
            return literal(of);
        case Op::null:
            return {};
        case Op::group:
            return leaves.groups[of.index];
        case Op::aggregate:
            return leaves.aggregates[of.index];
        case Op::window_start:
            return Value::of_time(Kind::timestamp, leaves.window.start);
        case Op::window_end:
            return Value::of_time(Kind::timestamp, leaves.window.end);
        case Op::logical_and:
        case Op::logical_or:
            return junction(of, leaves);
        case Op::is_null:
            return is_null(of.arguments[0], leaves);
        case Op::equal:
        case Op::not_equal:
        case Op::less:
        case Op::less_equal:
        case Op::greater:
        case Op::greater_equal:
        case Op::distinct_from:
            return comparison(of, leaves);
        case Op::in_list:
            return in_list(of, leaves);
        case Op::case_when:
        case Op::coalesce:
        case Op::nullif:
            return choice(of, leaves);
        case Op::greatest:
        case Op::least:
            return extreme(of, leaves);
        case Op::add:
        case Op::subtract:
        case Op::multiply:
        case Op::divide:
        case Op::modulo:
        case Op::concat:
            return arithmetic(of, leaves);
        default:
            return function(of, leaves);
    }
}

Value Interpreter::field(const Expression& of, const Leaves& leaves) const {
    const job::Field& field = statement_->fields[of.index];
    if (field.origin != job::FieldOrigin::value) {
        return of_kafka(field, of, leaves);
    }
    std::size_t place = 0;
    for (std::size_t i = 0; i < of.index; ++i) {
        place += statement_->fields[i].origin == job::FieldOrigin::value ? 1U : 0U;
    }
    const FieldValue& found = leaves.fields[place];
    const auto takes = [&field](ValueType type) {
        return field.type == type || field.type == ValueType::scalar;
    };
    if (found.kind == FieldKind::absent || found.kind == FieldKind::null) {
        return Value::of_missing(of);
    }
    if (found.kind == FieldKind::repeated) {
        return Value::of_error(BadReason::duplicate_field, of);
    }
    if (found.kind == FieldKind::string && takes(ValueType::text)) {
        return Value::of_text(std::string{found.raw});
    }
    if (found.kind == FieldKind::nul_text && takes(ValueType::text)) {
        return Value::of_error(BadReason::text_nul, of);
    }
    if (found.kind == FieldKind::number && takes(ValueType::numeric)) {
        return read_number(found.raw, of);
    }
    if (found.kind == FieldKind::boolean && takes(ValueType::boolean)) {
        return Value::of_truth(found.raw == "true");
    }
    switch (field.type) {
        case ValueType::numeric:
            return Value::of_error(BadReason::number_type, of);
        case ValueType::text:
            return Value::of_error(BadReason::text_type, of);
        case ValueType::boolean:
            return Value::of_error(BadReason::boolean_type, of);
        default:
            return Value::of_error(BadReason::scalar_type, of);
    }
}

Value Interpreter::of_kafka(const job::Field& field, const Expression& of,
                            const Leaves& leaves) const {
    KSTREAM_CHECK(leaves.record != nullptr, "who evaluates Kafka's own fields has the record");
    const RecordView& record = *leaves.record;
    switch (field.origin) {
        case job::FieldOrigin::key:
            return record.has_key() ? text_or_problem(record.key(), of) : Value::of_missing(of);
        case job::FieldOrigin::timestamp:
            return record.timestamp_ms < 0 ? Value::of_missing(of)
                   : record.timestamp_ms > kLastInstant
                       ? Value::of_error(BadReason::time_range, of)
                       : Value::of_time(Kind::timestamp, record.timestamp_ms);
        case job::FieldOrigin::partition:
            return Value::of(Exact::of(record.partition.value));
        case job::FieldOrigin::offset:
            return Value::of(Exact::of(record.record_offset.value));
        case job::FieldOrigin::header: {
            const std::optional<std::string_view> found =
                leaves.header ? leaves.header(field.header) : std::nullopt;
            return found ? text_or_problem(*found, of) : Value::of_missing(of);
        }
        case job::FieldOrigin::value:
            break;
    }
    return Value::of_missing(of);
}

// The first that decides does, wherever it stands; else the worst of them.
Value Interpreter::junction(const Expression& of, const Leaves& leaves) const {
    const bool decides = of.op == Op::logical_or;
    Value worst = Value::of_truth(!decides);
    for (const Expression& argument : of.arguments) {
        const Value one = evaluate(argument, leaves);
        if (one.kind == Kind::boolean) {
            if (one.truth == decides) {
                return one;
            }
        } else {
            worst = worst.is_value() ? one : worst_of(worst, one);
        }
    }
    return worst;
}

Value Interpreter::is_null(const Expression& of, const Leaves& leaves) const {
    Value value = evaluate(of, leaves);
    if (value.kind != Kind::error) {
        return Value::of_truth(!value.is_value());
    }
    // Where any scalar may stand a number is one, and need not be one to reckon with.
    const bool any_number = of.op == Op::field && value.reason == BadReason::range &&
                            statement_->fields[of.index].type == ValueType::scalar;
    return any_number ? Value::of_truth(false) : value;
}

Value Interpreter::comparison(const Expression& of, const Leaves& leaves) const {
    const Value a = evaluate(of.arguments[0], leaves);
    const Value b = evaluate(of.arguments[1], leaves);
    if (a.kind == Kind::error || b.kind == Kind::error) {
        return worst_of(a, b);
    }
    if (!a.is_value() || !b.is_value()) {
        return of.op == Op::distinct_from ? Value::of_truth(a.is_value() || b.is_value()) : Value{};
    }
    const std::strong_ordering order = order_of(a, b);
    switch (of.op) {
        case Op::equal:
            return Value::of_truth(order == 0);
        case Op::less:
            return Value::of_truth(order < 0);
        case Op::less_equal:
            return Value::of_truth(order <= 0);
        case Op::greater:
            return Value::of_truth(order > 0);
        case Op::greater_equal:
            return Value::of_truth(order >= 0);
        default:
            return Value::of_truth(order != 0);
    }
}

// As if OR stood between comparisons with each.
Value Interpreter::in_list(const Expression& of, const Leaves& leaves) const {
    const Value wanted = evaluate(of.arguments[0], leaves);
    if (wanted.kind == Kind::error) {
        return wanted;
    }
    Value known = Value::of_truth(false);
    for (std::size_t i = 1; i < of.arguments.size(); ++i) {
        const Value one = evaluate(of.arguments[i], leaves);
        if (one.kind == Kind::error) {
            known = known.kind == Kind::error ? known : one;
        } else if (!one.is_value() || !wanted.is_value()) {
            known = known.kind == Kind::error ? known : Value{};
        } else if (order_of(wanted, one) == 0) {
            return Value::of_truth(true);
        }
    }
    return known;
}

Value Interpreter::choice(const Expression& of, const Leaves& leaves) const {
    const std::vector<Expression>& arguments = of.arguments;
    if (of.op == Op::case_when) {
        for (std::size_t i = 0; i + 1 < arguments.size(); i += 2) {
            const Value condition = evaluate(arguments[i], leaves);
            if (condition.kind == Kind::error) {
                return condition;
            }
            if (condition.is_true()) {
                return evaluate(arguments[i + 1], leaves);
            }
        }
        return arguments.size() % 2 == 1 ? evaluate(arguments.back(), leaves) : Value{};
    }
    if (of.op == Op::coalesce) {
        for (const Expression& argument : arguments) {
            Value one = evaluate(argument, leaves);
            if (one.is_value() || one.kind == Kind::error) {
                return one;
            }
        }
        return {};
    }
    Value a = evaluate(arguments[0], leaves);
    const Value b = evaluate(arguments[1], leaves);
    if (a.kind == Kind::error || b.kind == Kind::error) {
        return a.kind == Kind::error ? a : b;
    }
    return a.is_value() && b.is_value() && order_of(a, b) == 0 ? Value{} : a;
}

Value Interpreter::extreme(const Expression& of, const Leaves& leaves) const {
    std::optional<Value> best;
    std::optional<Value> error;
    for (const Expression& argument : of.arguments) {
        Value one = evaluate(argument, leaves);
        if (one.kind == Kind::error) {
            error = error ? error : one;
        } else if (one.is_value()) {
            const bool better = !best || (of.op == Op::greatest ? order_of(one, *best) > 0
                                                                : order_of(one, *best) < 0);
            best = better ? std::move(one) : *best;
        }
    }
    return error.value_or(best.value_or(Value{}));
}

Value Interpreter::arithmetic(const Expression& of, const Leaves& leaves) const {
    const Value a = evaluate(of.arguments[0], leaves);
    const Value b = evaluate(of.arguments[1], leaves);
    if (!a.is_value() || !b.is_value()) {
        return worst_of(a, b);
    }
    const bool divides = of.op == Op::divide || of.op == Op::modulo;
    if (divides && sign(b.number) == 0) {
        return Value::of_error(BadReason::division_by_zero, of);
    }
    switch (of.op) {
        case Op::add:
            return number_or_range(add(a.number, b.number), of);
        case Op::subtract:
            return number_or_range(add(a.number, negate(b.number)), of);
        case Op::multiply:
            return number_or_range(multiply(a.number, b.number), of);
        case Op::divide:
            return number_or_range(divide(a.number, b.number), of);
        case Op::modulo:
            return Value::of({a.number.top.rest_of(b.number.top), std::nullopt});
        default:
            return Value::of_text(a.text + b.text);
    }
}

// Of one argument; the others are literals, and two units stand in front of it.
Value Interpreter::function(const Expression& of, const Leaves& leaves) const {
    const bool second = of.op == Op::date_trunc || of.op == Op::date_bin || of.op == Op::extract;
    const Value a = evaluate(of.arguments[second ? 1 : 0], leaves);
    if (!a.is_value()) {
        if (a.kind != Kind::error && (of.op == Op::is_true || of.op == Op::is_false)) {
            return Value::of_truth(false);
        }
        return a.kind != Kind::error && of.op == Op::like ? Value{} : a;
    }
    const auto to_digits = [&](Cut how) {
        const auto digits = static_cast<int>(literal_integer(of.arguments[1]));
        return number_or_range(round(a.number, digits, how), of);
    };
    switch (of.op) {
        case Op::logical_not:
        case Op::is_false:
            return Value::of_truth(!a.truth);
        case Op::is_true:
            return a;
        case Op::negate:
            return Value::of(negate(a.number));
        case Op::absolute:
            return sign(a.number) < 0 ? Value::of(negate(a.number)) : a;
        case Op::round:
            return to_digits(Cut::half_away);
        case Op::truncate:
            return to_digits(Cut::towards_zero);
        case Op::floor:
            return number_or_range(round(a.number, 0, Cut::down), of);
        case Op::ceil:
            return number_or_range(round(a.number, 0, Cut::up), of);
        case Op::to_numeric:
            return to_numeric(of, a);
        case Op::to_text:
            return to_text(a);
        case Op::parse_timestamp:
        case Op::to_timestamp:
        case Op::at_zone:
        case Op::date_trunc:
        case Op::date_bin:
        case Op::extract:
            return of_time(of, a);
        default:
            return of_text(of, a);
    }
}

Value Interpreter::of_text(const Expression& of, const Value& a) const {
    const auto number = [&of](std::size_t i) { return literal_integer(of.arguments[i]); };
    const auto with_case = [&a](char first, char last, int change) {
        std::string text = a.text;
        for (char& c : text) {
            c = c >= first && c <= last ? static_cast<char>(c + change) : c;
        }
        return Value::of_text(std::move(text));
    };
    switch (of.op) {
        case Op::like:
            return Value::of_truth(is_like(a.text, of.arguments[1].literal.text, of.literal.text));
        case Op::length:
            return Value::of(Exact::of(static_cast<std::int64_t>(characters_of(a.text).size())));
        case Op::substring:
            return Value::of_text(part_between(a.text, number(1),
                                               of.arguments.size() > 2
                                                   ? number(1) + number(2)
                                                   : std::numeric_limits<std::int64_t>::max()));
        case Op::left:
            return Value::of_text(first_of(a.text, number(1)));
        case Op::right:
            return Value::of_text(last_of(a.text, number(1)));
        case Op::split_part:
            return Value::of_text(split_part_of(a.text, of.arguments[1].literal.text, number(2)));
        case Op::lower:
            return with_case('A', 'Z', 'a' - 'A');
        case Op::upper:
            return with_case('a', 'z', 'A' - 'a');
        default:
            break;
    }
    KSTREAM_CHECK(false, "the audit knows every function");
    return {};
}

Value Interpreter::of_time(const Expression& of, const Value& a) const {
    const auto within_years = [&of](std::int64_t ms) {
        return ms >= kFirstInstant && ms <= kLastInstant
                   ? Value::of_time(Kind::timestamp, ms)
                   : Value::of_error(BadReason::time_range, of);
    };
    switch (of.op) {
        case Op::parse_timestamp: {
            const std::optional<std::int64_t> ms = read_instant(a.text);
            return ms ? within_years(*ms) : Value::of_error(BadReason::time_format, of);
        }
        case Op::to_timestamp: {
            const std::optional<Exact> ms = multiply(a.number, Exact::of(1'000));
            const std::optional<Exact> whole = ms ? round(*ms, 0, Cut::down) : std::nullopt;
            const std::optional<std::int64_t> instant =
                whole ? whole->top.units().to_64() : std::nullopt;
            return instant ? within_years(*instant) : Value::of_error(BadReason::time_range, of);
        }
        case Op::at_zone:
            return Value::of_time(Kind::local, zone(of.arguments[1]).local(a.ms));
        case Op::date_trunc: {
            const std::string& unit = of.arguments[0].literal.text;
            const ZoneClock& clock = zone(of.arguments[2]);
            const std::int64_t local = clock.local(a.ms);
            const std::int64_t begins = beginning_of(unit, local);
            return Value::of_time(Kind::timestamp, within_a_day(unit)
                                                       ? a.ms - (local - begins)
                                                       : clock.first_instant(begins));
        }
        case Op::date_bin: {
            const std::int64_t size = of.arguments[0].literal.milliseconds;
            const std::int64_t origin = of.arguments[2].literal.milliseconds;
            std::int64_t rest = (a.ms - origin) % size;
            rest += rest < 0 ? size : 0;
            return Value::of_time(Kind::timestamp, a.ms - rest);
        }
        default: {
            const TimePart part = part_of(of.arguments[0].literal.text, a.ms);
            return Value::of({*Decimals::of(Whole{part.units}, part.scale), std::nullopt});
        }
    }
}

}  // namespace kstream::audit
