// What aggregates come to, against Python's exact numbers and PostgreSQL's rules for no input.
#include "kstream/expr/finish.hpp"

#include "kstream/core/aggregates.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace kstream::expr {
namespace {

using job::Aggregate;
using job::AggregateFunction;
using job::Expression;
using job::Op;
using job::Plan;
using job::plan_of;
using job::Statement;
using job::ValueType;

constexpr AggregateFunction kRounded[] = {
    AggregateFunction::avg, AggregateFunction::var_pop, AggregateFunction::var_samp,
    AggregateFunction::stddev_pop, AggregateFunction::stddev_samp};

// An aggregate of the field v.
Aggregate of_v(AggregateFunction function, ValueType input = ValueType::numeric) {
    Aggregate aggregate;
    aggregate.function = function;
    Expression v;
    v.op = Op::field;
    v.type = input;
    aggregate.input = v;
    aggregate.type = input;
    return aggregate;
}

Statement statement_of(std::vector<Aggregate> aggregates, int scale = 9) {
    Statement statement;
    statement.fields.emplace_back();
    statement.aggregates = std::move(aggregates);
    statement.scale = scale;
    return statement;
}

void add(const Plan& plan, std::vector<Slot>& row, Int128 units) {
    for (std::size_t i = 0; i < row.size(); ++i) {
        add_input(plan.accumulators[i].kind, row[i], Decimal{units});
    }
}

// With as many digits after the point as were asked for.
std::string text_of(const Value& value, std::size_t scale = 0) {
    switch (value.tag) {
        case Tag::null:
            return "NULL";
        case Tag::boolean:
            return value.truth ? "true" : "false";
        case Tag::text:
            return std::string{value.text};
        case Tag::timestamp:
            return "@" + std::to_string(value.milliseconds);
        case Tag::numeric:
            break;
        default:
            return "?";
    }
    Arena arena;
    std::string digits{to_text(value.number, arena)};
    if (scale > 0) {
        const std::size_t point = digits.find('.');
        digits += point == std::string::npos ? "." : "";
        digits.resize(std::min(point, digits.size() - 1) + 1 + scale, '0');
    }
    return digits;
}

Arena& arena() {
    static Arena kept;
    return kept;
}

Int128 units_of(const std::string& digits) {
    Decimal units;
    REQUIRE(parse_decimal(digits, 0, units) == DecimalError::none);
    return units.units;
}

std::vector<std::string> split(const std::string& line, char by) {
    std::vector<std::string> parts;
    std::istringstream in{line};
    for (std::string part; std::getline(in, part, by);) {
        parts.push_back(part);
    }
    return parts;
}

}  // namespace

TEST_CASE("averages, variances and deviations are exact, and rounded once") {
    std::ifstream table{KSTREAM_TEST_DATA "/finished_aggregates.tsv"};
    int rows = 0;
    for (std::string line; std::getline(table, line); ++rows) {
        CAPTURE(line);
        const std::vector<std::string> parts = split(line, '\t');
        REQUIRE(parts.size() == 4 + std::size(kRounded));
        std::vector<Aggregate> aggregates;
        for (const AggregateFunction function : kRounded) {
            aggregates.push_back(of_v(function));
            aggregates.back().scale = std::stoi(parts[1]);
        }
        const Statement statement = statement_of(aggregates, std::stoi(parts[0]));
        const Plan plan = plan_of(statement);
        std::vector<Slot> row(plan.accumulators.size());
        for (const std::string& input : split(parts[3], ' ')) {
            add(plan, row, units_of(input));
        }
        for (int doubling = std::stoi(parts[2]); doubling > 0; --doubling) {
            for (std::size_t i = 0; i < row.size(); ++i) {
                merge_slot(plan.accumulators[i].kind, row[i], Slot{row[i]});
            }
        }
        for (std::size_t i = 0; i < aggregates.size(); ++i) {
            CHECK(text_of(finish(statement, plan, i, row, arena()),
                          static_cast<std::size_t>(std::stoi(parts[1]))) == parts[4 + i]);
        }
    }
    CHECK(rows > 250);
}

TEST_CASE("without an input SQL has NULL, and counts have 0") {
    const Statement statement = statement_of(
        {of_v(AggregateFunction::count), of_v(AggregateFunction::count_distinct),
         of_v(AggregateFunction::sum), of_v(AggregateFunction::avg), of_v(AggregateFunction::min),
         of_v(AggregateFunction::max), of_v(AggregateFunction::bool_and, ValueType::boolean),
         of_v(AggregateFunction::bool_or, ValueType::boolean), of_v(AggregateFunction::var_pop),
         of_v(AggregateFunction::var_samp), of_v(AggregateFunction::stddev_pop),
         of_v(AggregateFunction::stddev_samp), of_v(AggregateFunction::min, ValueType::text),
         of_v(AggregateFunction::percentile_disc)});
    const Plan plan = plan_of(statement);
    const std::vector<Slot> none(plan.accumulators.size());
    for (std::size_t i = 0; i < statement.aggregates.size(); ++i) {
        CAPTURE(i);
        CHECK(text_of(finish(statement, plan, i, none, arena())) == (i < 2 ? "0" : "NULL"));
    }
}

TEST_CASE("of one input the variance of a sample is NULL, and that of all is 0") {
    const Statement statement =
        statement_of({of_v(AggregateFunction::var_pop), of_v(AggregateFunction::var_samp),
                      of_v(AggregateFunction::stddev_samp)});
    const Plan plan = plan_of(statement);
    std::vector<Slot> row(plan.accumulators.size());
    add(plan, row, 12345);
    CHECK(text_of(finish(statement, plan, 0, row, arena())) == "0");
    CHECK(text_of(finish(statement, plan, 1, row, arena())) == "NULL");
    CHECK(text_of(finish(statement, plan, 2, row, arena())) == "NULL");
}

TEST_CASE("sums and extremes have the scale of the inputs, times are times") {
    const Statement statement = statement_of(
        {of_v(AggregateFunction::sum), of_v(AggregateFunction::min), of_v(AggregateFunction::max),
         of_v(AggregateFunction::max, ValueType::timestamp)},
        2);
    const Plan plan = plan_of(statement);
    std::vector<Slot> row(plan.accumulators.size());
    add(plan, row, -1250);
    add(plan, row, -7);
    CHECK(text_of(finish(statement, plan, 0, row, arena())) == "-12.57");
    CHECK(text_of(finish(statement, plan, 1, row, arena())) == "-12.5");
    CHECK(text_of(finish(statement, plan, 2, row, arena())) == "-0.07");
    CHECK(text_of(finish(statement, plan, 3, row, arena())) == "@-7");
}

TEST_CASE("bool_and and bool_or tell all from some from none") {
    const Statement statement =
        statement_of({of_v(AggregateFunction::bool_and, ValueType::boolean),
                      of_v(AggregateFunction::bool_or, ValueType::boolean)});
    const Plan plan = plan_of(statement);
    REQUIRE(plan.accumulators.size() == 2);
    const auto finished = [&](Int128 trues, Int128 all) {
        std::vector<Slot> row(2);
        row[plan.aggregates[0].value] = trues == 0 ? Slot{} : Slot{trues, true};
        row[plan.aggregates[0].count] = Slot{all, true};
        return text_of(finish(statement, plan, 0, row, arena())) + " " +
               text_of(finish(statement, plan, 1, row, arena()));
    };
    CHECK(finished(3, 3) == "true true");
    CHECK(finished(1, 3) == "false true");
    CHECK(finished(0, 3) == "false false");
}

TEST_CASE("texts and ranks are asked for beside the slots") {
    struct Beside final : SideValues {
        std::string_view text(std::size_t accumulator) const override {
            return accumulator == 0 ? "abacate" : "?";
        }
        Int128 ranked(std::size_t accumulator, std::uint64_t rank) const override {
            return static_cast<Int128>(100 * accumulator + rank);
        }
    };
    std::vector<Aggregate> aggregates{of_v(AggregateFunction::min, ValueType::text),
                                      of_v(AggregateFunction::percentile_disc)};
    aggregates[1].percentile = "0.5";
    const Statement statement = statement_of(aggregates);
    const Plan plan = plan_of(statement);
    const std::vector<Slot> row{Slot{0, true}, Slot{5, true}};
    const Beside beside;
    CHECK(text_of(finish(statement, plan, 0, row, arena(), &beside)) == "abacate");
    CHECK(text_of(finish(statement, plan, 1, row, arena(), &beside)) == "0.000000103");
}

TEST_CASE("the rank of a percentile is PostgreSQL's, in double") {
    CHECK(percentile_rank("0", 10) == 1);
    CHECK(percentile_rank("0.5", 1) == 1);
    CHECK(percentile_rank("0.5", 2) == 1);
    CHECK(percentile_rank("0.5", 3) == 2);
    CHECK(percentile_rank("1", 7) == 7);
    // 0.07 * 100 is 7.000000000000001 in double, so the rank is 8 there, and here.
    CHECK(percentile_rank("0.07", 100) == 8);
    CHECK(percentile_rank("1", (std::uint64_t{1} << 53) + 1) == std::uint64_t{1} << 53);
    CHECK(percentile_rank("1", (std::uint64_t{1} << 63) - 1) == (std::uint64_t{1} << 63) - 1);
}

TEST_CASE("a row that no records can have made gets a value and does no harm") {
    const Statement statement = statement_of({of_v(AggregateFunction::stddev_pop)});
    const Plan plan = plan_of(statement);
    const Int192 largest{~std::uint64_t{0}, ~std::uint64_t{0}, (std::int64_t{1} << 62) - 1};
    const Slot forged{largest, true};
    const Slot small{1, true};
    const Slot negative{-1, true};
    for (const Slot& sum : {forged, small, negative}) {
        for (const Slot& count : {forged, small, negative, Slot{(Int128{1} << 63) - 1, true}}) {
            for (const Slot& squares : {forged, small, negative, Slot{}}) {
                const std::vector<Slot> row{sum, count, squares, squares};
                CHECK_FALSE(text_of(finish(statement, plan, 0, row, arena())).empty());
            }
        }
    }
}

}  // namespace kstream::expr
