#include "job/integers.hpp"

#include <algorithm>
#include <string>

namespace kstream::job {
namespace {

[[nodiscard]] bool is_integer_aggregate(const Aggregate& aggregate, const Statement& statement) {
    switch (aggregate.function) {
        case AggregateFunction::count_all:
        case AggregateFunction::count:
        case AggregateFunction::count_distinct:
            return true;
        case AggregateFunction::sum:
        case AggregateFunction::min:
        case AggregateFunction::max:
        case AggregateFunction::percentile_disc:
            return is_integer(*aggregate.input, statement);
        default:
            return false;
    }
}

}  // namespace

bool is_integer(const Expression& expression, const Statement& statement) {
    const auto is = [&](const Expression& one) { return is_integer(one, statement); };
    switch (expression.op) {
        case Op::literal:
            return expression.type == ValueType::numeric &&
                   expression.literal.text.find('.') == std::string::npos;
        case Op::field: {
            const FieldOrigin origin = statement.fields[expression.index].origin;
            return origin == FieldOrigin::partition || origin == FieldOrigin::offset;
        }
        case Op::group:
            return is(statement.group_by[expression.index].value);
        case Op::aggregate:
            return is_integer_aggregate(statement.aggregates[expression.index], statement);
        case Op::length:
            return true;
        case Op::add:
        case Op::subtract:
        case Op::multiply:
        case Op::divide:
        case Op::modulo:
        case Op::negate:
        case Op::absolute:
        case Op::coalesce:
        case Op::greatest:
        case Op::least:
            return std::ranges::all_of(expression.arguments, is);
        case Op::nullif:
            return is(expression.arguments.front());
        case Op::case_when: {
            const auto& arguments = expression.arguments;
            for (std::size_t i = 1; i < arguments.size(); i += 2) {
                if (!is(arguments[i])) {
                    return false;
                }
            }
            return arguments.size() % 2 == 0 || is(arguments.back());
        }
        default:
            return false;
    }
}

}  // namespace kstream::job
