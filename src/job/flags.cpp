#include "kstream/job/flags.hpp"

#include "kstream/core/aggregates.hpp"
#include "kstream/job/statement_text.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace kstream::job {
namespace {

constexpr AggregateKind kSum = aggregate_named("sum");
constexpr AggregateKind kCount = aggregate_named("count");

[[nodiscard]] std::uint32_t field_index(Statement& statement, const std::string& name) {
    const auto found = std::ranges::find(statement.fields, name, &Field::spelling);
    if (found == statement.fields.end()) {
        Field field;
        field.path.push_back({name, std::nullopt});
        field.spelling = name;
        statement.fields.push_back(std::move(field));
        return static_cast<std::uint32_t>(statement.fields.size() - 1);
    }
    return static_cast<std::uint32_t>(found - statement.fields.begin());
}

[[nodiscard]] Expression leaf(Op op, std::uint32_t index, ValueType type) {
    Expression made;
    made.op = op;
    made.index = index;
    made.type = type;
    return made;
}

[[nodiscard]] std::uint32_t aggregate_index(Statement& statement, Aggregate aggregate) {
    const auto found = std::ranges::find_if(
        statement.aggregates, [&](const Aggregate& one) { return same(one, aggregate); });
    if (found != statement.aggregates.end()) {
        return static_cast<std::uint32_t>(found - statement.aggregates.begin());
    }
    statement.aggregates.push_back(std::move(aggregate));
    return static_cast<std::uint32_t>(statement.aggregates.size() - 1);
}

// The name of a member of the record itself.
[[nodiscard]] const std::string* plain_name(const Expression& value, const Statement& statement) {
    if (value.op != Op::field) {
        return nullptr;
    }
    const Field& field = statement.fields[value.index];
    return field.origin == FieldOrigin::value && field.path.size() == 1 ? &field.path.front().name
                                                                        : nullptr;
}

[[nodiscard]] std::optional<AggregateSpec> aggregate_spec(const Column& column,
                                                          const Statement& statement) {
    if (column.value.op != Op::aggregate) {
        return std::nullopt;
    }
    const Aggregate& aggregate = statement.aggregates[column.value.index];
    if (aggregate.filter) {
        return std::nullopt;
    }
    if (aggregate.function == AggregateFunction::count_all) {
        return AggregateSpec{kCount, {}, column.name};
    }
    const std::string* const name = aggregate.function == AggregateFunction::sum
                                        ? plain_name(*aggregate.input, statement)
                                        : nullptr;
    return name != nullptr ? std::optional{AggregateSpec{kSum, *name, column.name}} : std::nullopt;
}

}  // namespace

Statement statement_of(const AggregationSpec& spec) {
    Statement made;
    made.source_topic = spec.source_topic;
    made.scale = spec.scale;
    for (const std::string& name : spec.group_by) {
        const std::uint32_t index = field_index(made, name);
        made.group_by.push_back({leaf(Op::field, index, ValueType::scalar), name});
    }
    std::vector<Column> sums;
    for (const AggregateSpec& one : spec.aggregates) {
        Aggregate aggregate;
        if (one.kind == kSum) {
            aggregate.function = AggregateFunction::sum;
            const std::uint32_t index = field_index(made, one.input_field);
            made.fields[index].type = ValueType::numeric;
            aggregate.input = leaf(Op::field, index, ValueType::numeric);
        }
        const std::uint32_t index = aggregate_index(made, std::move(aggregate));
        sums.push_back({one.output_name, leaf(Op::aggregate, index, ValueType::numeric)});
    }
    // A field that is grouped by and summed is a number.
    for (std::size_t i = 0; i < made.group_by.size(); ++i) {
        GroupColumn& group = made.group_by[i];
        group.value.type = made.fields[group.value.index].type;
        made.columns.push_back(
            {group.name, leaf(Op::group, static_cast<std::uint32_t>(i), group.value.type)});
    }
    std::ranges::move(sums, std::back_inserter(made.columns));
    return made;
}

std::optional<AggregationSpec> spec_of(const Statement& statement) {
    if (statement.event_time || statement.where || statement.having || statement.group_by.empty() ||
        statement.columns.size() <= statement.group_by.size()) {
        return std::nullopt;
    }
    AggregationSpec made;
    made.source_topic = statement.source_topic;
    made.scale = statement.scale;
    for (std::size_t i = 0; i < statement.columns.size(); ++i) {
        const Column& column = statement.columns[i];
        if (i >= statement.group_by.size()) {
            std::optional<AggregateSpec> aggregate = aggregate_spec(column, statement);
            if (!aggregate) {
                return std::nullopt;
            }
            made.aggregates.push_back(std::move(*aggregate));
            continue;
        }
        const Expression& group = statement.group_by[i].value;
        const std::string* const name = plain_name(group, statement);
        if (name == nullptr || column.value.op != Op::group || column.value.index != i ||
            column.name != *name ||
            (group.type != ValueType::scalar && group.type != ValueType::numeric)) {
            return std::nullopt;
        }
        made.group_by.push_back(*name);
    }
    // A group that is a number by what else the statement says of it is none of the flags': they
    // group by any scalar.
    return canonical_text(statement_of(made)) == canonical_text(statement)
               ? std::optional{std::move(made)}
               : std::nullopt;
}

}  // namespace kstream::job
