#include "kstream/pipeline/time_unit.hpp"

#include "kstream/job/statement_text.hpp"

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

namespace kstream {

namespace {

using job::Expression;
using job::Op;

// The first that is called.
const Expression* to_timestamp_in(const Expression& expression) {
    if (expression.op == Op::to_timestamp) {
        return &expression;
    }
    for (const Expression& argument : expression.arguments) {
        if (const Expression* const found = to_timestamp_in(argument)) {
            return found;
        }
    }
    return nullptr;
}

bool is_number(const Expression& expression, std::string_view digits) {
    return expression.op == Op::literal && expression.literal.text == digits;
}

Expression times(const Expression& number, std::string digits) {
    Expression factor;
    factor.op = Op::literal;
    factor.type = job::ValueType::numeric;
    factor.literal.text = std::move(digits);
    Expression product;
    product.op = Op::multiply;
    product.type = job::ValueType::numeric;
    product.arguments = {number, std::move(factor)};
    return product;
}

// Without a thousandth that it is multiplied by, or a thousand times as much.
Expression as_seconds(const Expression& number) {
    if (number.op == Op::multiply && is_number(number.arguments[1], "0.001")) {
        return number.arguments[0];
    }
    if (number.op == Op::multiply && is_number(number.arguments[0], "0.001")) {
        return number.arguments[1];
    }
    return times(number, "1000");
}

}  // namespace

TimeUnitHints time_unit_hints(const job::StatementJob& job) {
    const Expression* const call = to_timestamp_in(job.statement.event_time->time);
    if (call == nullptr) {
        return {};
    }
    const Expression& number = call->arguments.front();
    // As to_sql() writes it, so that what is in parentheses is what has to be.
    const auto with = [&](Expression argument) {
        Expression other = *call;
        other.arguments = {std::move(argument)};
        return job::to_sql(other, job.statement);
    };
    return {fmt::format("to_timestamp takes seconds: if {} is in milliseconds, write {}",
                        job::to_sql(number, job.statement), with(times(number, "0.001"))),
            fmt::format("to_timestamp takes seconds: if {} is a thousand times too small, write {}",
                        job::to_sql(number, job.statement), with(as_seconds(number)))};
}

}  // namespace kstream
