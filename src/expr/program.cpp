// From the statement's tree to a flat program. What a statement may hold has been checked where it
// was read; a tree that breaks those rules is a bug.
#include "kstream/expr/program.hpp"

#include "kstream/check.hpp"
#include "kstream/job/functions.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace kstream::expr {

static_assert(kMaxWhole == job::kMaxNumberDigits && kMaxFraction == job::kMaxNumberDigits,
              "literals are checked with the statement");
namespace {

using job::Expression;
using job::Op;
using job::ValueType;

const Expression& argument(const Expression& expression, std::size_t number) {
    KSTREAM_CHECK(number < expression.arguments.size(), "arguments are counted with the statement");
    return expression.arguments[number];
}

const job::Literal& literal_argument(const Expression& expression, std::size_t number) {
    const Expression& found = argument(expression, number);
    KSTREAM_CHECK(found.op == Op::literal,
                  "what has to be a literal is checked with the statement");
    return found.literal;
}

std::int64_t integer(const Expression& expression, std::size_t number) {
    const std::string& text = literal_argument(expression, number).text;
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    KSTREAM_CHECK(error == std::errc{} && end == text.data() + text.size(),
                  "positions are checked with the statement");
    return value;
}

TimeUnit unit(const Expression& expression) {
    const auto found = time_unit_named(literal_argument(expression, 0).text);
    KSTREAM_CHECK(found.has_value(), "units are checked with the statement");
    return *found;
}

// Which of its arguments are evaluated; the others are part of the node.
std::pair<std::size_t, std::size_t> evaluated(const Expression& expression) {
    switch (expression.op) {
        case Op::like:
        case Op::round:
        case Op::truncate:
        case Op::substring:
        case Op::left:
        case Op::right:
        case Op::split_part:
        case Op::at_zone:
            return {0, 1};
        case Op::date_trunc:
        case Op::date_bin:
        case Op::extract:
            return {1, 2};
        default:
            return {0, expression.arguments.size()};
    }
}

}  // namespace

Program::Program(std::span<const job::Field> fields) : fields_(fields.begin(), fields.end()) {
    std::uint32_t place = 0;
    for (const job::Field& field : fields_) {
        places_.push_back(place);
        place += field.origin == job::FieldOrigin::value ? 1 : 0;
    }
}

Result<std::uint32_t> Program::add(const Expression& expression, const ZoneFiles& zones) {
    const auto [from, to] = evaluated(expression);
    std::vector<std::uint32_t> arguments;
    for (std::size_t i = from; i < to; ++i) {
        const Result<std::uint32_t> made = add(argument(expression, i), zones);
        if (!made) {
            return made;
        }
        arguments.push_back(*made);
    }
    Node node;
    node.op = expression.op;
    node.type = expression.type;
    node.place = expression.place;
    node.index = expression.index;
    node.first = static_cast<std::uint32_t>(arguments_.size());
    node.count = static_cast<std::uint32_t>(arguments.size());
    arguments_.insert(arguments_.end(), arguments.begin(), arguments.end());
    if (Result<void> filled = fill(node, expression, zones); !filled) {
        return std::unexpected(std::move(filled.error()));
    }
    nodes_.push_back(node);
    return static_cast<std::uint32_t>(nodes_.size() - 1);
}

Result<void> Program::fill(Node& node, const Expression& expression, const ZoneFiles& zones) {
    switch (expression.op) {
        case Op::field:
            KSTREAM_CHECK(node.index < fields_.size(), "a field of the statement");
            break;
        case Op::literal:
            if (expression.type == ValueType::numeric &&
                !read_number(expression.literal.text, numbers_)) {
                return fail(ExitCode::usage,
                            fmt::format("the statement has a number of more than {} digits in "
                                        "front of the point or {} behind it",
                                        kMaxWhole, kMaxFraction));
            }
            node.index = static_cast<std::uint32_t>(literals_.size());
            literals_.push_back(literal(expression));
            break;
        case Op::like:
            node.index = static_cast<std::uint32_t>(patterns_.size());
            patterns_.emplace_back(literal_argument(expression, 1).text, expression.literal.text);
            break;
        case Op::round:
        case Op::truncate:
        case Op::left:
        case Op::right:
            node.one = integer(expression, 1);
            break;
        case Op::substring: {
            constexpr std::int64_t kToTheEnd = std::int64_t{1} << 40;
            node.one = integer(expression, 1);
            node.two = expression.arguments.size() > 2 ? integer(expression, 2) : kToTheEnd;
            break;
        }
        case Op::split_part:
            node.index = static_cast<std::uint32_t>(literals_.size());
            literals_.push_back(literal(argument(expression, 1)));
            node.one = integer(expression, 2);
            break;
        case Op::to_numeric:
            KSTREAM_CHECK(expression.precision.has_value() == expression.scale.has_value(),
                          "numeric(precision, scale) has both");
            node.limited = expression.precision.has_value();
            node.one = expression.precision.value_or(0);
            node.two = expression.scale.value_or(0);
            break;
        case Op::at_zone:
        case Op::date_trunc: {
            if (expression.op == Op::date_trunc) {
                node.unit = unit(expression);
            }
            const Result<std::uint32_t> found =
                zone(argument(expression, expression.op == Op::at_zone ? 1 : 2), zones);
            if (!found) {
                return std::unexpected(found.error());
            }
            node.index = *found;
            break;
        }
        case Op::extract:
            node.unit = unit(expression);
            break;
        case Op::date_bin:
            node.one = literal_argument(expression, 0).milliseconds;
            node.two = literal_argument(expression, 2).milliseconds;
            KSTREAM_CHECK(node.one > 0, "intervals are checked with the statement");
            break;
        default:
            break;
    }
    return {};
}

Value Program::literal(const Expression& expression) {
    const job::Literal& from = expression.literal;
    switch (expression.type) {
        case ValueType::numeric: {
            const MaybeNumber number = read_number(from.text, numbers_);
            KSTREAM_CHECK(number.has_value(), "a literal out of bounds is an error before");
            return Value::of(*number);
        }
        case ValueType::text:
            return Value::of_text(texts_.emplace_back(from.text));
        case ValueType::boolean:
            return Value::of_truth(from.boolean);
        case ValueType::timestamp:
            return Value::of_time(Tag::timestamp, from.milliseconds);
        case ValueType::local:
        case ValueType::scalar:
            break;
    }
    KSTREAM_CHECK(false, "no literal is of this type");
    return {};
}

Result<std::uint32_t> Program::zone(const Expression& name, const ZoneFiles& zones) {
    const std::string& wanted = name.literal.text;
    const auto known = std::ranges::find(zone_names_, wanted);
    if (known != zone_names_.end()) {
        return static_cast<std::uint32_t>(known - zone_names_.begin());
    }
    const std::optional<std::string> file = zones(wanted);
    std::optional<Zone> parsed = file ? Zone::parse(*file) : std::nullopt;
    if (!parsed) {
        return fail(ExitCode::usage,
                    fmt::format("the statement names the time zone '{}', which {}", wanted,
                                file ? "has a file that cannot be read here"
                                     : "this machine does not know"),
                    "zones are named as in America/Sao_Paulo, and come with the package tzdata");
    }
    zones_.push_back(*std::move(parsed));
    zone_names_.push_back(wanted);
    return static_cast<std::uint32_t>(zones_.size() - 1);
}

std::optional<Program::TimeField> Program::time_field_of(std::uint32_t node) const {
    const Node& time = nodes_[node];
    if (time.op != Op::to_timestamp) {
        return std::nullopt;
    }
    std::uint32_t seconds = arguments_[time.first];
    int scale = 3;
    if (const Node& product = nodes_[seconds]; product.op == Op::multiply) {
        seconds = arguments_[product.first];
        std::uint32_t factor = arguments_[product.first + 1];
        if (nodes_[seconds].op == Op::literal) {
            std::swap(seconds, factor);
        }
        if (nodes_[factor].op != Op::literal) {
            return std::nullopt;
        }
        const Value& by = literals_[nodes_[factor].index];
        if (by.tag != Tag::numeric || by.number.form != Number::Form::small ||
            by.number.units != 1) {
            return std::nullopt;
        }
        scale -= by.number.scale;
    }
    const std::optional<std::uint32_t> place = place_of(seconds);
    return place && scale >= 0 && nodes_[seconds].type == ValueType::numeric
               ? std::optional{TimeField{*place, scale}}
               : std::nullopt;
}

}  // namespace kstream::expr
