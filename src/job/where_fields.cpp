#include "kstream/job/where_fields.hpp"

#include <algorithm>

namespace kstream::job {
namespace {

void collect(const Expression& expression, const Statement& statement,
             std::vector<std::uint32_t>& found) {
    switch (expression.op) {
        case Op::is_null:
        case Op::distinct_from:
        case Op::coalesce:
            return;
        case Op::field:
            if (statement.fields[expression.index].origin == FieldOrigin::value) {
                found.push_back(expression.index);
            }
            return;
        default:
            for (const Expression& argument : expression.arguments) {
                collect(argument, statement, found);
            }
    }
}

}  // namespace

std::vector<std::uint32_t> needed_by_where(const Statement& statement) {
    std::vector<std::uint32_t> found;
    if (statement.where) {
        collect(*statement.where, statement, found);
    }
    std::ranges::sort(found);
    found.erase(std::ranges::unique(found).begin(), found.end());
    return found;
}

}  // namespace kstream::job
