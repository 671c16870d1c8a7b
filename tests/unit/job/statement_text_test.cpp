// A statement's identity and its SELECT.
#include "kstream/job/statement_text.hpp"

#include "kstream/job/functions.hpp"
#include "kstream/job/parse.hpp"
#include "support/random_statement.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kstream::job {
namespace {

[[nodiscard]] Statement statement(std::string_view text) {
    ParseOptions options;
    options.zones = [](std::string_view name) { return std::optional{name.size()}; };
    std::expected<Statement, std::vector<Problem>> parsed = parse(text, options);
    INFO(text);
    INFO((parsed ? std::string{} : show(parsed.error().front(), text, "job.sql")));
    REQUIRE(parsed.has_value());
    return std::move(*parsed);
}

}  // namespace

// Stored by running jobs: a change is a new format.
TEST_CASE("golden: canonical text of a statement", "[job][golden]") {
    CHECK(canonical_text(statement(
              "INSERT INTO out SELECT loja, round(avg(v) FILTER (WHERE b), 2) AS m, "
              "percentile_disc(0.99) WITHIN GROUP (ORDER BY v) AS p, count(DISTINCT \"A b\".c[-1]) "
              "AS d FROM t WHERE m LIKE 'x%' AND s::numeric(5, 2) > -1.50 AND kafka_header('h') IN "
              "('a', 'b') AND kafka_timestamp > TIMESTAMPTZ '2024-01-01T00:00:00Z' AND CASE WHEN b "
              "THEN NULL ELSE true END GROUP BY loja, date_bin('90 minutes', to_timestamp(v), "
              "TIMESTAMPTZ '2000-01-01T00:00:00Z') HAVING count(*) > 1")) ==
          "kstream-job 2\n"
          "source 1:t\n"
          "scale 9\n"
          "max_distinct 1000000\n"
          "where (and boolean (like boolean 1:\\ (field text value 1:m) (literal text 2:x%)) "
          "(greater boolean (to-numeric numeric 5,2 (field scalar value 1:s)) (literal numeric "
          "4:-1.5)) (in boolean (field text header 1:h) (literal text 1:a) (literal text 1:b)) "
          "(greater boolean (field timestamptz timestamp) (literal timestamptz 1704067200000)) "
          "(case boolean (field boolean value 1:b) (null boolean) (literal boolean true)))\n"
          "group (field scalar value 4:loja)\n"
          "group (date-bin timestamptz (literal text 10:90 minutes 5400000) (to-timestamp "
          "timestamptz (field numeric value 1:v)) (literal timestamptz 946684800000))\n"
          "column 4:loja (group scalar 0)\n"
          "column 1:m (aggregate numeric avg 2 (field numeric value 1:v) filter (field boolean "
          "value 1:b))\n"
          "column 1:p (aggregate numeric percentile_disc 0 4:0.99 (field numeric value 1:v))\n"
          "column 1:d (aggregate numeric count-distinct 0 (field scalar value 3:A b 1:c [-1]))\n"
          "having (greater boolean (aggregate numeric count-all 0) (literal numeric 1:1))\n");
}

// Stored by running jobs: a change is a new format.
TEST_CASE("golden: canonical text of event time", "[job][golden]") {
    ParseOptions options;
    options.zones = [](std::string_view) { return std::optional<std::uint64_t>{0x0f3c}; };
    const auto text_of = [&options](std::string_view from, std::string_view group_by) {
        const std::string text = "SELECT count(*) AS n FROM " + std::string{from} + " WHERE v > 0" +
                                 std::string{group_by};
        const auto parsed = parse(text, options);
        INFO((parsed ? std::string{} : show(parsed.error().front(), text, "job.sql")));
        REQUIRE(parsed.has_value());
        return canonical_text(*parsed);
    };
    const std::string before =
        "kstream-job 2\n"
        "source 1:t\n"
        "scale 9\n"
        "event (to-timestamp timestamptz (field numeric value 1:h))\n";
    const std::string where =
        "where (greater boolean (field numeric value 1:v) (literal numeric 1:0))\n";
    const std::string column = "column 1:n (aggregate numeric count-all 0)\n";
    CHECK(text_of("tumble(t, to_timestamp(h), 'day', 'America/Sao_Paulo', grace => INTERVAL '2 "
                  "hours', emit => 'final', idle => INTERVAL '1 minute', quiet => 'wall')",
                  " GROUP BY k, window_start") == before +
                                                      "window calendar day 17:America/Sao_Paulo "
                                                      "0000000000000f3c\n"
                                                      "grace 7200000\n"
                                                      "emit final\n"
                                                      "idle 60000 wall\n"
                                                      "max_ahead 3600000\n" +
                                                      where + "group (field scalar value 1:k)\n" +
                                                      column);
    CHECK(text_of("tumble(t, to_timestamp(h), INTERVAL '1 hour', grace => INTERVAL '0 seconds', "
                  "origin => TIMESTAMPTZ '2024-01-01T00:15:00Z', max_ahead => 'never')",
                  " GROUP BY window_end") == before +
                                                 "window tumble 3600000 900000\n"
                                                 "grace 0\n"
                                                 "emit updates\n"
                                                 "idle never\n"
                                                 "max_ahead never\n" +
                                                 where + column);
    CHECK(text_of("hop(t, to_timestamp(h), INTERVAL '1 minute', INTERVAL '10 minutes', grace => "
                  "INTERVAL '1 second')",
                  " GROUP BY window_start") == before +
                                                   "window hop 600000 60000 0\n"
                                                   "grace 1000\n"
                                                   "emit updates\n"
                                                   "idle never\n"
                                                   "max_ahead 3600000\n" +
                                                   where + column);
    CHECK(text_of("session(t, to_timestamp(h), INTERVAL '30 minutes', grace => INTERVAL '1 "
                  "second', unique_by => id, within => INTERVAL '1 day')",
                  " GROUP BY window_start") == before +
                                                   "window session 1800000\n"
                                                   "grace 1000\n"
                                                   "emit updates\n"
                                                   "idle never\n"
                                                   "max_ahead 3600000\n"
                                                   "unique (field scalar value 2:id)\n"
                                                   "within 86400000\n" +
                                                   where + column);
    CHECK(text_of("events(t, to_timestamp(h))", "") ==
          before + "window none\nmax_ahead 3600000\n" + where + column);
}

TEST_CASE("every operator has a name of its own in the canonical text", "[job]") {
    for (int op = 0; op <= static_cast<int>(Op::extract); ++op) {
        CHECK(std::ranges::count(kOpNames, static_cast<Op>(op), &OpName::op) == 1);
    }
    for (const OpName& one : kOpNames) {
        CHECK(std::ranges::count(kOpNames, one.name, &OpName::name) == 1);
        CHECK(one.name.find_first_of(" ()") == std::string_view::npos);
    }
}

TEST_CASE("a statement's SELECT is the same statement, and no other has its text", "[job]") {
    std::map<std::string, std::string> sql_of;
    for (std::uint64_t seed = 0; seed < 3000; ++seed) {
        const std::string text = test::RandomStatement{seed, seed % 2 == 0}.text();
        INFO("seed " << seed << '\n' << text);
        const Statement made = statement(text);
        const std::string sql = to_sql(made);
        const Statement again = statement(sql);
        REQUIRE(canonical_text(again) == canonical_text(made));
        REQUIRE(again.output_topic == made.output_topic);
        REQUIRE(to_sql(again) == sql);
        // The same SELECT but for the topic of the results, or another.
        const std::string select = sql.substr(sql.find("SELECT"));
        const auto [known, added] = sql_of.emplace(canonical_text(made), select);
        REQUIRE(known->second == select);
    }
    std::vector<std::string> selects;
    for (const auto& [text, sql] : sql_of) {
        selects.push_back(sql);
    }
    std::ranges::sort(selects);
    CHECK(std::ranges::adjacent_find(selects) == selects.end());
    CHECK(selects.size() > 2900);
}

TEST_CASE("whatever changes the meaning changes the canonical text", "[job]") {
    const auto select = [](std::string_view columns, std::string_view rest) {
        return statement("SELECT " + std::string{columns} + " FROM t " + std::string{rest});
    };
    std::vector<Statement> all;
    all.push_back(select("count(*) AS n", ""));
    for (const auto where : {"a.b = 1",
                             "\"a.b\" = 1",
                             "a.b = '1'",
                             "b.a = 1",
                             "a[0] = 1",
                             "a.\"0\" = 1",
                             "a[-1] = 1",
                             "a.b = 10",
                             "a.b = -1",
                             "a.b <> 1",
                             "a.b < 1",
                             "a.b IS DISTINCT FROM 1",
                             "a.b IN (1)",
                             "a.b IN (1, 1)",
                             "a.b::numeric = 1",
                             "a.b::numeric(3, 1) = 1",
                             "a.b::numeric(3, 2) = 1",
                             "a.b",
                             "NOT a.b",
                             "a.b IS TRUE",
                             "a.b IS FALSE",
                             "a.b IS NULL",
                             "a AND b",
                             "a OR b",
                             "b AND a",
                             "a AND b AND c",
                             "(a OR b) AND c",
                             "a OR b AND c",
                             "a LIKE 'x'",
                             "a LIKE 'x' ESCAPE '!'",
                             "a LIKE 'x' ESCAPE ''",
                             "a LIKE 'xx'",
                             "a || b = 'x'",
                             "kafka_header('a') = 'x'",
                             "kafka_header('b') = 'x'",
                             "kafka_key = 'x'",
                             "\"kafka_key\" = 'x'",
                             "round(a, 0) = 1",
                             "round(a, 1) = 1",
                             "trunc(a, 0) = 1",
                             "floor(a) = 1",
                             "coalesce(a, 1) = 1",
                             "nullif(a, 1) = 1",
                             "greatest(a, 1) = 1",
                             "least(a, 1) = 1",
                             "CASE WHEN a THEN b END",
                             "CASE WHEN a THEN b ELSE NULL END",
                             "CASE WHEN a THEN b ELSE c END",
                             "CASE WHEN a THEN b WHEN c THEN d END",
                             "to_timestamp(a) > TIMESTAMPTZ '2024-01-01T00:00:00Z'",
                             "to_timestamp(a) > TIMESTAMPTZ '2024-01-01T00:00:00.001Z'",
                             "extract(hour FROM to_timestamp(a) AT TIME ZONE 'UTC') = 1",
                             "extract(day FROM to_timestamp(a) AT TIME ZONE 'UTC') = 1",
                             "extract(day FROM to_timestamp(a) AT TIME ZONE 'Asia/Tokyo') = 1"}) {
        all.push_back(select("count(*) AS n", "WHERE " + std::string{where}));
    }
    for (const auto columns : {"count(*) AS m",
                               "count(a) AS n",
                               "count(DISTINCT a) AS n",
                               "sum(a) AS n",
                               "avg(a) AS n",
                               "round(avg(a), 2) AS n",
                               "min(a::numeric) AS n",
                               "min(a::text) AS n",
                               "max(a::text) AS n",
                               "round(var_pop(a), 2) AS n",
                               "round(var_pop(a), 3) AS n",
                               "round(var_samp(a), 2) AS n",
                               "round(stddev_pop(a), 2) AS n",
                               "bool_and(a) AS n",
                               "bool_or(a) AS n",
                               "percentile_disc(0.5) WITHIN GROUP (ORDER BY a::numeric) AS n",
                               "percentile_disc(0.6) WITHIN GROUP (ORDER BY a::numeric) AS n",
                               "sum(a) FILTER (WHERE b) AS n",
                               "sum(a) FILTER (WHERE c) AS n",
                               "sum(a + 1) AS n",
                               "sum(a) + 1 AS n",
                               "count(*) AS a, count(*) AS b",
                               "count(*) AS b, count(*) AS a"}) {
        all.push_back(select(columns, ""));
    }
    for (const auto rest : {"GROUP BY a", "GROUP BY b", "GROUP BY a, b", "GROUP BY b, a",
                            "GROUP BY a::text", "GROUP BY a HAVING count(*) > 1",
                            "GROUP BY a HAVING count(*) > 2", "HAVING count(*) > 1"}) {
        all.push_back(select("count(*) AS n", rest));
    }
    all.push_back(*parse("SELECT count(*) AS n FROM t", ParseOptions{.scale = 2}));
    all.push_back(statement("SELECT count(*) AS n FROM u"));
    std::map<std::string, std::string> seen;
    for (const Statement& one : all) {
        const auto [known, added] = seen.emplace(canonical_text(one), to_sql(one));
        INFO(known->second << "and\n" << to_sql(one) << canonical_text(one));
        CHECK(added);
    }
    // What it does not change by.
    CHECK(same(statement("SELECT loja AS loja, sum(v) AS s FROM t GROUP BY loja"),
               statement("select  loja , SUM ( v )  AS  S FROM t GROUP BY \"loja\" -- a comment")));
    CHECK(canonical_text(statement("INSERT INTO a SELECT count(*) AS n FROM t")) ==
          canonical_text(statement("SELECT count(*) AS n FROM t")));
    CHECK_FALSE(same(statement("INSERT INTO a SELECT count(*) AS n FROM t"),
                     statement("SELECT count(*) AS n FROM t")));
}

}  // namespace kstream::job
