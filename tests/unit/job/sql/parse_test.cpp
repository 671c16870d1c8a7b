// A statement's text to the bound statement, sentence by sentence of docs/SQL.md.
#include "kstream/job/parse.hpp"

#include "kstream/job/statement_text.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <string_view>

namespace kstream::job {
namespace {

using std::string_view;

// The statement; a test that meets a problem fails with what a person would read.
[[nodiscard]] Statement statement(string_view text) {
    std::expected<Statement, std::vector<Problem>> parsed = parse(text);
    std::string problems;
    if (!parsed) {
        for (const Problem& problem : parsed.error()) {
            problems += show(problem, text, "job.sql");
        }
    }
    INFO(problems);
    REQUIRE(parsed.has_value());
    return std::move(*parsed);
}

TEST_CASE("the plain job end to end", "[job]") {
    const Statement made = statement(
        "SELECT id_vendedor, sum(valor) AS total, count(*) AS n FROM t WHERE moeda = 'BRL' GROUP "
        "BY id_vendedor");
    CHECK(made.source_topic == "t");
    CHECK(made.output_topic.empty());
    REQUIRE(made.fields.size() == 3);
    CHECK(made.fields[0].spelling == "id_vendedor");
    CHECK(made.fields[0].type == ValueType::scalar);
    CHECK(made.fields[1].spelling == "valor");
    CHECK(made.fields[1].type == ValueType::numeric);
    CHECK(made.fields[2].spelling == "moeda");
    CHECK(made.fields[2].type == ValueType::text);
    REQUIRE(made.where.has_value());
    CHECK(made.where->op == Op::equal);
    REQUIRE(made.group_by.size() == 1);
    CHECK(made.group_by[0].name == "id_vendedor");
    REQUIRE(made.aggregates.size() == 2);
    CHECK(made.aggregates[0].function == AggregateFunction::sum);
    CHECK(made.aggregates[1].function == AggregateFunction::count_all);
    REQUIRE(made.columns.size() == 3);
    CHECK(made.columns[0].value.op == Op::group);
    CHECK(made.columns[1].name == "total");
    CHECK(made.columns[1].value.op == Op::aggregate);
    CHECK(made.columns[2].value.index == 1);
    CHECK(to_sql(made) ==
          "SELECT id_vendedor, sum(valor) AS total, count(*) AS n\nFROM t\nWHERE moeda = "
          "'BRL'\nGROUP BY id_vendedor;\n");
}

}  // namespace
}  // namespace kstream::job
