// Which accumulators a statement has, and which of them aggregates share.
#include "kstream/job/plan.hpp"

#include "kstream/core/aggregates.hpp"
#include "kstream/core/side_aggregates.hpp"
#include "kstream/job/flags.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

namespace kstream::job {
namespace {

constexpr AggregateKind kCount = aggregate_named("count");
constexpr AggregateKind kSum = aggregate_named("sum");
using Kinds = std::vector<AggregateKind>;
using enum AggregateFunction;

// A statement over fields 0, 1, ... named a, b, ...
Expression field(std::uint32_t index, ValueType type = ValueType::numeric) {
    Expression expression;
    expression.op = Op::field;
    expression.type = type;
    expression.index = index;
    return expression;
}

Expression is_positive(std::uint32_t index) {
    Expression zero;
    zero.op = Op::literal;
    zero.type = ValueType::numeric;
    zero.literal.text = "0";
    Expression expression;
    expression.op = Op::greater;
    expression.type = ValueType::boolean;
    expression.arguments = {field(index), zero};
    return expression;
}

Aggregate of(AggregateFunction function, std::optional<Expression> input = std::nullopt,
             std::optional<Expression> filter = std::nullopt) {
    Aggregate aggregate;
    aggregate.function = function;
    aggregate.input = std::move(input);
    aggregate.filter = std::move(filter);
    return aggregate;
}

Statement over(std::vector<Aggregate> aggregates) {
    Statement statement;
    for (const char* const name : {"a", "b", "c"}) {
        Field& added = statement.fields.emplace_back();
        added.path.push_back({name, {}});
        added.spelling = name;
    }
    statement.aggregates = std::move(aggregates);
    return statement;
}

// --group-by a, and these.
Statement flags(std::vector<AggregateSpec> aggregates) {
    return statement_of(AggregationSpec{
        .source_topic = "t", .group_by = {"a"}, .aggregates = std::move(aggregates)});
}

}  // namespace

TEST_CASE("what the flags say is kept as it always was, column by column") {
    CHECK(plan_of(flags({{kSum, "b", "s"}, {kCount, "", "n"}})).kinds() == Kinds{kSum, kCount});
    CHECK(plan_of(flags({{kCount, "", "n"}, {kSum, "b", "s"}})).kinds() == Kinds{kCount, kSum});
    // One aggregate of SQL's that has two columns has a slot for each.
    const Statement statement = flags({{kSum, "b", "x"}, {kSum, "c", "y"}, {kSum, "b", "z"}});
    REQUIRE(statement.aggregates.size() == 2);
    const Plan plan = plan_of(statement);
    REQUIRE(plan.kinds() == Kinds{kSum, kSum, kSum});
    CHECK(plan.inputs.size() == 2);
    CHECK(plan.accumulators[0].input == plan.accumulators[2].input);
    CHECK(plan.accumulators[0].input != plan.accumulators[1].input);
    CHECK(plan.aggregates[0].value == 2);
    CHECK(plan.aggregates[1].value == 1);
    CHECK(plan.inputs[0].strict);
    CHECK(plan.accumulators[0].takes == Takes::value);
}

TEST_CASE("whatever flags cannot say shares its accumulators") {
    const auto shared = [](auto&& change) {
        Statement statement = flags({{kSum, "b", "x"}, {kSum, "b", "y"}});
        change(statement);
        return plan_of(statement).kinds() == Kinds{kSum};
    };
    CHECK_FALSE(shared([](Statement& /*same*/) {}));
    CHECK(shared([](Statement& s) { s.where = is_positive(1); }));
    CHECK(shared([](Statement& s) { s.having = is_positive(1); }));
    CHECK(shared([](Statement& s) { s.aggregates[0].filter = is_positive(1); }));
    CHECK(shared([](Statement& s) { s.columns.front().name = "other"; }));
    CHECK(shared([](Statement& s) { std::swap(s.columns[0], s.columns[1]); }));
    CHECK(shared([](Statement& s) { s.fields[1].path.push_back({"deeper", {}}); }));
    CHECK(shared([](Statement& s) { s.columns[2].value.op = Op::negate; }));
}

TEST_CASE("avg, sum, count and variances of one input share its accumulators") {
    const Plan plan =
        plan_of(over({of(avg, field(0)), of(sum, field(0)), of(count, field(0)),
                      of(var_pop, field(0)), of(stddev_samp, field(0)), of(count_all)}));
    CHECK(plan.kinds() == Kinds{kSum, kCount, aggregate_named("squares_low"),
                                aggregate_named("squares_high"), kCount});
    CHECK(plan.aggregates[0].value == 0);
    CHECK(plan.aggregates[0].count == 1);
    CHECK(plan.aggregates[1].value == 0);
    CHECK(plan.aggregates[2].value == 1);
    CHECK(plan.aggregates[3].squares == 2);
    CHECK(plan.aggregates[4].squares == 2);
    CHECK(plan.aggregates[4].count == 1);
    CHECK(plan.aggregates[5].value == 4);
    CHECK(plan.accumulators[1].takes == Takes::not_null);
    CHECK(plan.accumulators[4].takes == Takes::every);
}

TEST_CASE("count(x) alone takes what is missing, and shares the count all the same") {
    const Plan plan = plan_of(over({of(count, field(0)), of(sum, field(1)), of(avg, field(0))}));
    REQUIRE(plan.inputs.size() == 3);
    CHECK_FALSE(plan.inputs[0].strict);
    CHECK(plan.inputs[1].strict);
    CHECK(plan.inputs[2].strict);
    CHECK(plan.kinds() == Kinds{kCount, kSum, kSum});
    CHECK(plan.aggregates[2].count == 0);
    CHECK(plan.aggregates[2].value == 2);
}

TEST_CASE("another filter or another input is another accumulator") {
    const Plan plan = plan_of(over({of(avg, field(0)), of(avg, field(0), is_positive(1)),
                                    of(avg, field(1)), of(count_all, std::nullopt, is_positive(1)),
                                    of(count_all, std::nullopt, is_positive(2)),
                                    of(count_all, std::nullopt, is_positive(1))}));
    CHECK(plan.kinds() == Kinds{kSum, kCount, kSum, kCount, kSum, kCount, kCount, kCount});
    CHECK(plan.aggregates[3].value == plan.aggregates[5].value);
    CHECK(plan.aggregates[3].value != plan.aggregates[4].value);
    CHECK(plan.inputs.size() == 5);
}

TEST_CASE("extremes are kept by type, truths as two counts, sets and multisets apart") {
    const Plan plan = plan_of(
        over({of(min, field(0)), of(max, field(0)), of(min, field(1, ValueType::text)),
              of(max, field(1, ValueType::text)), of(max, field(2, ValueType::timestamp)),
              of(bool_and, is_positive(0)), of(bool_or, is_positive(0)), of(count, is_positive(0)),
              of(count_distinct, field(0)), of(percentile_disc, field(0))}));
    CHECK(plan.kinds() == Kinds{aggregate_named("min"), aggregate_named("max"), kMinText, kMaxText,
                                aggregate_named("max"), kCount, kCount, kDistinct, kMultiset});
    CHECK(plan.aggregates[5].value == plan.aggregates[6].value);
    CHECK(plan.aggregates[5].count == plan.aggregates[7].value);
    CHECK(plan.accumulators[plan.aggregates[5].value].takes == Takes::when_true);
}

TEST_CASE("no two aggregates have one tag, beside slots or in them") {
    for (const SideAggregateRow& row : kSideAggregates) {
        CAPTURE(row.name);
        CHECK(find_aggregate(row.kind) == nullptr);
        CHECK(static_cast<int>(row.kind) < 64);
        CHECK(std::ranges::count(kSideAggregates, row.kind, &SideAggregateRow::kind) == 1);
        CHECK(keeps_text(row.kind) != keeps_elements(row.kind));
    }
}

}  // namespace kstream::job
