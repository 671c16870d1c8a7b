#include "kstream/job/statement.hpp"

#include "kstream/job/statement_text.hpp"

#include <algorithm>

namespace kstream::job {

bool same(const Expression& one, const Expression& other) {
    return one.op == other.op && one.type == other.type && one.index == other.index &&
           one.precision == other.precision && one.scale == other.scale &&
           one.literal == other.literal &&
           std::ranges::equal(
               one.arguments, other.arguments,
               [](const Expression& left, const Expression& right) { return same(left, right); });
}

bool same(const std::optional<Expression>& one, const std::optional<Expression>& other) {
    return one && other ? same(*one, *other) : one.has_value() == other.has_value();
}

bool same(const Aggregate& one, const Aggregate& other) {
    return one.function == other.function && one.type == other.type && one.scale == other.scale &&
           one.percentile == other.percentile && same(one.input, other.input) &&
           same(one.filter, other.filter);
}

bool same(const Statement& one, const Statement& other) {
    return one.output_topic == other.output_topic && canonical_text(one) == canonical_text(other);
}

}  // namespace kstream::job
