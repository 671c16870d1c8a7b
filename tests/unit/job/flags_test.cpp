// Jobs of the flags and their statements: one job, one canonical text, the first one.
#include "kstream/job/flags.hpp"

#include "kstream/core/aggregates.hpp"
#include "kstream/job/parse.hpp"
#include "kstream/job/statement_text.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace kstream::job {
namespace {

constexpr AggregateKind kSum = aggregate_named("sum");
constexpr AggregateKind kCount = aggregate_named("count");

[[nodiscard]] AggregationSpec spec(std::vector<std::string> group_by,
                                   std::vector<AggregateSpec> aggregates) {
    return {.source_topic = "financial_transactions",
            .group_by = std::move(group_by),
            .aggregates = std::move(aggregates),
            .scale = 9};
}

[[nodiscard]] std::optional<AggregationSpec> spec_of_text(std::string_view text) {
    const auto parsed = parse(text);
    INFO(text);
    REQUIRE(parsed.has_value());
    return spec_of(*parsed);
}

}  // namespace

TEST_CASE("flags to a statement, to its text, and back", "[job]") {
    const std::vector<AggregationSpec> specs{
        spec({"id_vendedor"},
             {{kSum, "valor", "valor_total_por_vendedor"}, {kCount, "", "numero_transacoes"}}),
        spec({"a", "b"}, {{kCount, "", "n"}}),
        spec({"a"}, {{kCount, "", "n"}, {kCount, "", "m"}, {kSum, "v", "s"}, {kSum, "v", "t"}}),
        // A member that is named so, not a path.
        spec({"a.b", "Order", "\xc3\xa9 \"x\""}, {{kSum, "c.d", "The Sum"}}),
        // Grouped by and summed: a number.
        spec({"v"}, {{kSum, "v", "s"}}),
    };
    for (const AggregationSpec& one : specs) {
        REQUIRE(problems(one).empty());
        const Statement made = statement_of(one);
        INFO(to_sql(made));
        CHECK(spec_of(made) == one);
        const auto parsed = parse(to_sql(made), ParseOptions{.scale = one.scale});
        REQUIRE(parsed.has_value());
        CHECK(same(*parsed, made));
        CHECK(spec_of(*parsed) == one);
        CHECK(canonical_text(*spec_of(*parsed)) == canonical_text(one));
    }
    CHECK(to_sql(statement_of(specs[3])) ==
          "SELECT \"a.b\", \"Order\", \"\xc3\xa9 \"\"x\"\"\", sum(\"c.d\") AS \"The Sum\"\n"
          "FROM financial_transactions\n"
          "GROUP BY \"a.b\", \"Order\", \"\xc3\xa9 \"\"x\"\"\";\n");
}

TEST_CASE("which statements the flags can say", "[job]") {
    CHECK(spec_of_text("SELECT a, sum(v) AS s, count(*) AS n FROM t GROUP BY a").has_value());
    CHECK(spec_of_text("SELECT a AS a, count(1) AS n FROM t GROUP BY a").has_value());
    for (const std::string_view text : {
             "SELECT a, sum(v) AS s FROM t WHERE b GROUP BY a",
             "SELECT a, sum(v) AS s FROM t GROUP BY a HAVING count(*) > 1",
             "SELECT sum(v) AS s FROM t",
             "SELECT a FROM t GROUP BY a",
             "SELECT sum(v) AS s, a FROM t GROUP BY a",
             "SELECT sum(v) AS s FROM t GROUP BY a",
             "SELECT b, a, sum(v) AS s FROM t GROUP BY a, b",
             "SELECT a AS x, sum(v) AS s FROM t GROUP BY a",
             "SELECT a.b, sum(v) AS s FROM t GROUP BY a.b",
             "SELECT a, sum(v.w) AS s FROM t GROUP BY a",
             "SELECT a, sum(v) FILTER (WHERE b) AS s FROM t GROUP BY a",
             "SELECT a, sum(v + 1) AS s FROM t GROUP BY a",
             "SELECT a, sum(v) + 1 AS s FROM t GROUP BY a",
             "SELECT a, sum(v::numeric) AS s FROM t GROUP BY a",
             "SELECT a, max(v::numeric) AS s FROM t GROUP BY a",
             "SELECT a, count(v) AS s FROM t GROUP BY a",
             "SELECT upper(a) AS a2, count(*) AS s FROM t GROUP BY upper(a)",
             "SELECT kafka_key, count(*) AS s FROM t GROUP BY kafka_key",
         }) {
        CHECK_FALSE(spec_of_text(text).has_value());
    }
}

TEST_CASE("the topic of the results is none of the job's identity", "[job]") {
    const auto made = spec_of_text("INSERT INTO out SELECT a, sum(v) AS s FROM t GROUP BY a");
    REQUIRE(made.has_value());
    CHECK(made == spec_of_text("SELECT a, sum(v) AS s FROM t GROUP BY a"));
}

}  // namespace kstream::job
