// On the per-record path of a job that is a statement. One switch for each node; a leaf is a
// reference to what was loaded, everything else stands at the node's own place.
#include "kstream/check.hpp"
#include "kstream/expr/program.hpp"
#include "text/json_tokens.hpp"
#include "text/utf8.hpp"

#include <algorithm>
#include <utility>

namespace kstream::expr {
namespace {

using job::Op;
using job::ValueType;

// Of operands that are not both values, what a strict function comes to.
const Value* worse(const Value* a, const Value* b) {
    for (const Tag tag : {Tag::error, Tag::missing, Tag::null}) {
        if (a->tag == tag) {
            return a;
        }
        if (b->tag == tag) {
            return b;
        }
    }
    return a;
}

Value number_or_range(const MaybeNumber& number, std::uint32_t at) {
    return number ? Value::of(*number) : Value::of_error(BadReason::range, at);
}

// Texts that are not of the record's value: whether they may be one.
Value outside_text(std::string_view text, std::uint32_t at) {
    if (!text::is_utf8(text)) {
        return Value::of_error(BadReason::encoding, at);
    }
    return text.contains('\0') ? Value::of_error(BadReason::text_nul, at) : Value::of_text(text);
}

std::int64_t floor_quotient(std::int64_t a, std::int64_t b) {
    return a / b - (a % b < 0 ? 1 : 0);
}

bool holds(Op op, std::strong_ordering order) {
    switch (op) {
        case Op::equal:
            return order == 0;
        case Op::not_equal:
            return order != 0;
        case Op::less:
            return order < 0;
        case Op::less_equal:
            return order <= 0;
        case Op::greater:
            return order > 0;
        default:
            return order >= 0;
    }
}

bool equal(const Value& a, const Value& b) {
    return a.tag == Tag::text ? a.text == b.text : compare(a, b) == 0;
}

}  // namespace

std::strong_ordering compare(const Value& a, const Value& b) {
    KSTREAM_CHECK(a.tag == b.tag, "types are checked with the statement");
    switch (a.tag) {
        case Tag::numeric:
            return compare(a.number, b.number);
        case Tag::text:
            return a.text <=> b.text;
        case Tag::boolean:
            return a.truth <=> b.truth;
        default:
            return a.milliseconds <=> b.milliseconds;
    }
}

Evaluator::Evaluator(const Program& program)
    : program_(program),
      nodes_(program.nodes_.data()),
      arguments_(program.arguments_.data()),
      literals_(program.literals_.data()),
      loaded_(std::make_unique<Loaded[]>(program.fields_.size())),
      results_(std::make_unique<Value[]>(program.nodes_.size())) {}

const Value& Evaluator::evaluate(const Node& node, std::uint32_t at) {
    switch (node.op) {
        case Op::field:
            return field(node.index, at);
        case Op::null:
            return keep(at, Value::of_null());
        case Op::group:
            return leaves_->groups[node.index];
        case Op::aggregate:
            return leaves_->aggregates[node.index];
        case Op::window_start:
            return leaves_->window[0];
        case Op::window_end:
            return leaves_->window[1];
        case Op::logical_and:
            return junction(node, at, false);
        case Op::logical_or:
            return junction(node, at, true);
        case Op::equal:
        case Op::not_equal:
        case Op::less:
        case Op::less_equal:
        case Op::greater:
        case Op::greater_equal:
        case Op::distinct_from:
            return comparison(node, at);
        case Op::in_list:
            return in_list(node, at);
        case Op::is_null:
            return keep(at, null_test(argument(node, 0)));
        case Op::case_when:
            return case_when(node, at);
        case Op::coalesce:
            return coalesce(node, at);
        case Op::nullif:
            return nullif(node, at);
        case Op::greatest:
        case Op::least:
            return extreme(node, at);
        default:
            return compute(node, at);
    }
}

// ---- leaves ------------------------------------------------------------------------------------

// A field is read once for each record, however often it is used.
inline const Value& Evaluator::field(std::uint32_t index, std::uint32_t at) {
    Loaded& loaded = loaded_[index];
    if (loaded.in != number_) {
        loaded.in = number_;
        load(program_.fields_[index], index, at, loaded.value);
    }
    return loaded.value;
}

void Evaluator::load(const job::Field& field, std::uint32_t index, std::uint32_t at, Value& into) {
    if (field.origin != job::FieldOrigin::value) {
        into = load_kafka(field, at);
        return;
    }
    const FieldValue& value = leaves_->values[program_.places_[index]];
    const ValueType type = field.type;
    const bool any = type == ValueType::scalar;
    switch (value.kind) {
        case FieldKind::string:
            if (any || type == ValueType::text) {
                into.set_text(value.raw);
                return;
            }
            break;
        case FieldKind::number:
            if (any || type == ValueType::numeric) {
                if (const std::optional<ShortNumber> number = read_short_number(value.raw)) {
                    into.set_number(*number);
                } else {
                    into = number_or_range(read_number(value.raw, arena_), at);
                }
                return;
            }
            break;
        case FieldKind::boolean:
            if (any || type == ValueType::boolean) {
                into.set_truth(value.raw == "true");
                return;
            }
            break;
        case FieldKind::absent:
        case FieldKind::null:
            into = Value::of_missing(at);
            return;
        case FieldKind::repeated:
            into = Value::of_error(BadReason::duplicate_field, at);
            return;
        case FieldKind::nul_text:
            if (any || type == ValueType::text) {
                into = Value::of_error(BadReason::text_nul, at);
                return;
            }
            break;
        case FieldKind::object:
        case FieldKind::array:
            break;
    }
    into = Value::of_error(type == ValueType::numeric   ? BadReason::number_type
                           : type == ValueType::text    ? BadReason::text_type
                           : type == ValueType::boolean ? BadReason::boolean_type
                                                        : BadReason::scalar_type,
                           at);
}

Value Evaluator::load_kafka(const job::Field& field, std::uint32_t at) const {
    KSTREAM_CHECK(leaves_->record != nullptr, "who evaluates Kafka's own fields has the record");
    const RecordView& record = *leaves_->record;
    switch (field.origin) {
        case job::FieldOrigin::key:
            return record.has_key() ? outside_text(record.key(), at) : Value::of_missing(at);
        case job::FieldOrigin::timestamp:
            if (record.timestamp_ms < 0) {
                return Value::of_missing(at);
            }
            return record.timestamp_ms > kMaxTime
                       ? Value::of_error(BadReason::time_range, at)
                       : Value::of_time(Tag::timestamp, record.timestamp_ms);
        case job::FieldOrigin::partition:
            return Value::of(Number{record.partition.value, 0});
        case job::FieldOrigin::offset:
            return Value::of(Number{record.record_offset.value, 0});
        case job::FieldOrigin::header:
        case job::FieldOrigin::value:
            break;
    }
    for (std::size_t i = leaves_->headers.size(); i-- > 0;) {
        const HeaderView& header = leaves_->headers[i];
        if (header.name == field.header) {
            return header.value ? outside_text(*header.value, at) : Value::of_missing(at);
        }
    }
    return Value::of_missing(at);
}

// ---- logic -------------------------------------------------------------------------------------

// AND is decided by the first false, OR by the first true, errors before it or not.
const Value& Evaluator::junction(const Node& node, std::uint32_t at, bool decides) {
    const Value* worst = nullptr;
    for (std::uint32_t i = 0; i < node.count; ++i) {
        const Value& one = value(argument(node, i));
        if (one.tag == Tag::boolean) {
            if (one.truth == decides) {
                return one;
            }
            continue;
        }
        worst = worst == nullptr ? &one : worse(worst, &one);
    }
    return worst != nullptr ? *worst : keep_truth(at, !decides);
}

const Value& Evaluator::comparison(const Node& node, std::uint32_t at) {
    const Value& a = value(argument(node, 0));
    const Value& b = value(argument(node, 1));
    if (a.is_value() && b.is_value()) [[likely]] {
        switch (node.op) {
            case Op::equal:
                return keep_truth(at, equal(a, b));
            case Op::not_equal:
            case Op::distinct_from:
                return keep_truth(at, !equal(a, b));
            default:
                return keep_truth(at, holds(node.op, compare(a, b)));
        }
    }
    const Value& worst = *worse(&a, &b);
    if (worst.tag == Tag::error) {
        return worst;
    }
    return node.op == Op::distinct_from ? keep_truth(at, a.is_value() != b.is_value())
                                        : keep(at, Value::of_null());
}

// x = a OR x = b OR ...
const Value& Evaluator::in_list(const Node& node, std::uint32_t at) {
    const Value& wanted = value(argument(node, 0));
    if (wanted.tag == Tag::error) {
        return wanted;
    }
    const Value* error = nullptr;
    bool unknown = !wanted.is_value();
    for (std::uint32_t i = 1; i < node.count; ++i) {
        const Value& one = value(argument(node, i));
        if (!one.is_value()) {
            error = error == nullptr && one.tag == Tag::error ? &one : error;
            unknown = true;
        } else if (wanted.is_value() && equal(wanted, one)) {
            return keep_truth(at, true);
        }
    }
    if (error != nullptr) {
        return *error;
    }
    return unknown ? keep(at, Value::of_null()) : keep_truth(at, false);
}

Value Evaluator::null_test(std::uint32_t at) {
    const Node& node = nodes_[at];
    if (node.op == Op::field) {
        const job::Field& field = program_.fields_[node.index];
        // Whatever number stands there: it need not be one that can be reckoned with.
        if (field.origin == job::FieldOrigin::value && field.type == ValueType::scalar &&
            leaves_->values[program_.places_[node.index]].kind == FieldKind::number) {
            return Value::of_truth(false);
        }
    }
    const Value& tested = value(at);
    return tested.tag == Tag::error ? tested : Value::of_truth(!tested.is_value());
}

// ---- choice ------------------------------------------------------------------------------------

const Value& Evaluator::case_when(const Node& node, std::uint32_t at) {
    std::uint32_t i = 0;
    for (; i + 1 < node.count; i += 2) {
        const Value& condition = value(argument(node, i));
        if (condition.tag == Tag::error) {
            return condition;
        }
        if (condition.is_true()) {
            return value(argument(node, i + 1));
        }
    }
    return i < node.count ? value(argument(node, i)) : keep(at, Value::of_null());
}

const Value& Evaluator::coalesce(const Node& node, std::uint32_t at) {
    for (std::uint32_t i = 0; i < node.count; ++i) {
        const Value& one = value(argument(node, i));
        if (one.tag >= Tag::error) {
            return one;
        }
    }
    return keep(at, Value::of_null());
}

const Value& Evaluator::nullif(const Node& node, std::uint32_t at) {
    const Value& a = value(argument(node, 0));
    const Value& b = value(argument(node, 1));
    if (a.is_value() && b.is_value()) {
        return equal(a, b) ? keep(at, Value::of_null()) : a;
    }
    return b.tag == Tag::error && a.tag != Tag::error ? b : a;
}

const Value& Evaluator::extreme(const Node& node, std::uint32_t at) {
    const Value* best = nullptr;
    const Value* error = nullptr;
    for (std::uint32_t i = 0; i < node.count; ++i) {
        const Value& one = value(argument(node, i));
        if (one.tag == Tag::error) {
            error = error == nullptr ? &one : error;
        } else if (one.is_value()) {
            const bool better =
                best == nullptr ||
                (node.op == Op::greatest ? compare(one, *best) > 0 : compare(one, *best) < 0);
            best = better ? &one : best;
        }
    }
    return error != nullptr ? *error : best != nullptr ? *best : keep(at, Value::of_null());
}

// ---- functions ---------------------------------------------------------------------------------

// All that is strict: of one argument or two.
const Value& Evaluator::compute(const Node& node, std::uint32_t at) {
    const Value& a = value(argument(node, 0));
    if (node.count == 2) {
        const Value& b = value(argument(node, 1));
        return a.is_value() && b.is_value() ? keep(at, binary(node, at, a, b)) : *worse(&a, &b);
    }
    if (!a.is_value()) {
        switch (node.op) {
            case Op::is_true:
            case Op::is_false:
                return a.tag == Tag::error ? a : keep_truth(at, false);
            case Op::like:
                return a.tag == Tag::error ? a : keep(at, Value::of_null());
            default:
                return a;
        }
    }
    return keep(at, unary(node, at, a));
}

Value Evaluator::binary(const Node& node, std::uint32_t at, const Value& a, const Value& b) {
    switch (node.op) {
        case Op::add:
            return number_or_range(add(a.number, b.number, arena_), at);
        case Op::subtract:
            return number_or_range(subtract(a.number, b.number, arena_), at);
        case Op::multiply:
            return number_or_range(multiply(a.number, b.number, arena_), at);
        case Op::divide:
            return sign(b.number) == 0 ? Value::of_error(BadReason::division_by_zero, at)
                                       : number_or_range(divide(a.number, b.number, arena_), at);
        case Op::modulo:
            return sign(b.number) == 0 ? Value::of_error(BadReason::division_by_zero, at)
                                       : number_or_range(modulo(a.number, b.number, arena_), at);
        case Op::concat:
            return Value::of_text(concat(a.text, b.text, arena_));
        default:
            break;
    }
    KSTREAM_CHECK(false, "no other function has two arguments");
    return {};
}

// Of a number of seconds. Whole ones, and thousandths, are what a topic has: of each record.
Value Evaluator::timestamp_of(const Number& seconds, std::uint32_t at) {
    Int128 whole = 0;
    bool fits = false;
    if (seconds.form == Number::Form::small && seconds.scale <= 3) [[likely]] {
        fits = to_units(seconds, 3, whole) == DecimalError::none;
    } else {
        const MaybeNumber ms = multiply(seconds, Number{1'000, 0}, arena_);
        const MaybeNumber cut = ms ? round(*ms, 0, Rounding::floor, arena_) : std::nullopt;
        fits = cut && to_units(*cut, 0, whole) == DecimalError::none;
    }
    return fits && whole >= kMinTime && whole <= kMaxTime
               ? Value::of_time(Tag::timestamp, static_cast<std::int64_t>(whole))
               : Value::of_error(BadReason::time_range, at);
}

Value Evaluator::unary(const Node& node, std::uint32_t at, const Value& a) {
    const auto rounded = [&](std::int64_t digits, Rounding how) {
        return number_or_range(round(a.number, static_cast<int>(digits), how, arena_), at);
    };
    switch (node.op) {
        case Op::logical_not:
            return Value::of_truth(!a.truth);
        case Op::is_true:
            return Value::of_truth(a.truth);
        case Op::is_false:
            return Value::of_truth(!a.truth);
        case Op::like:
            return Value::of_truth(program_.patterns_[node.index].matches(a.text));
        case Op::negate:
            return number_or_range(negate(a.number, arena_), at);
        case Op::absolute:
            return sign(a.number) < 0 ? number_or_range(negate(a.number, arena_), at) : a;
        case Op::round:
            return rounded(node.one, Rounding::half_away);
        case Op::truncate:
            return rounded(node.one, Rounding::truncate);
        case Op::floor:
            return rounded(0, Rounding::floor);
        case Op::ceil:
            return rounded(0, Rounding::ceil);
        case Op::length:
            return Value::of(Number{length(a.text), 0});
        case Op::substring:
            return Value::of_text(substring(a.text, node.one, node.two));
        case Op::left:
            return Value::of_text(left(a.text, node.one));
        case Op::right:
            return Value::of_text(right(a.text, node.one));
        case Op::split_part:
            return Value::of_text(
                split_part(a.text, program_.literals_[node.index].text, node.one));
        case Op::lower:
            return Value::of_text(lower(a.text, arena_));
        case Op::upper:
            return Value::of_text(upper(a.text, arena_));
        case Op::to_numeric:
            return to_numeric(node, at, a);
        case Op::to_text:
            return a.tag == Tag::text      ? a
                   : a.tag == Tag::boolean ? Value::of_text(a.truth ? "true" : "false")
                                           : Value::of_text(to_text(a.number, arena_));
        case Op::parse_timestamp: {
            std::int64_t ms = 0;
            switch (parse_timestamp(a.text, ms)) {
                case TimeText::format:
                    return Value::of_error(BadReason::time_format, at);
                case TimeText::range:
                    return Value::of_error(BadReason::time_range, at);
                case TimeText::fine:
                    return Value::of_time(Tag::timestamp, ms);
            }
            return {};
        }
        case Op::to_timestamp:
            return timestamp_of(a.number, at);
        case Op::at_zone:
            return Value::of_time(Tag::local, program_.zones_[node.index].local(a.milliseconds));
        case Op::date_trunc: {
            const Zone& zone = program_.zones_[node.index];
            const std::int64_t local = zone.local(a.milliseconds);
            const std::int64_t begins = truncate_time(node.unit, local);
            // Within an hour the offset is that of the instant; a day begins when it begins.
            return Value::of_time(Tag::timestamp, node.unit < TimeUnit::day
                                                      ? a.milliseconds - (local - begins)
                                                      : zone.first_instant(begins));
        }
        case Op::date_bin:
            return Value::of_time(
                Tag::timestamp,
                node.two + floor_quotient(a.milliseconds - node.two, node.one) * node.one);
        case Op::extract:
            return Value::of(
                Number{time_part(node.unit, a.milliseconds), in_thousandths(node.unit) ? 3 : 0});
        default:
            break;
    }
    KSTREAM_CHECK(false, "no other function has one argument");
    return {};
}

Value Evaluator::to_numeric(const Node& node, std::uint32_t at, const Value& a) {
    Value number = a;
    switch (a.tag) {
        case Tag::numeric:
            break;
        case Tag::text:
            if (a.text.empty() || json::number_size(a.text) != a.text.size()) {
                return Value::of_error(BadReason::text_to_number, at);
            }
            number = number_or_range(read_number(a.text, arena_), at);
            break;
        default:  // of a scalar
            return Value::of_error(BadReason::number_type, at);
    }
    if (!node.limited || !number.is_value()) {
        return number;
    }
    const Digits needed = digits(number.number);
    return needed.fraction > node.two           ? Value::of_error(BadReason::scale, at)
           : needed.whole > node.one - node.two ? Value::of_error(BadReason::range, at)
                                                : number;
}

}  // namespace kstream::expr
