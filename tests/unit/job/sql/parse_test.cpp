// A statement's text to the bound statement, or to all that is wrong with it. What a person gets to
// read stands in tests/unit/data: right_statements.txt has texts with their canonical SELECT,
// wrong_statements.txt texts with what is said of them.
#include "kstream/job/parse.hpp"

#include "kstream/job/statement_text.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <expected>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kstream::job {
namespace {

using std::string_view;

[[nodiscard]] std::string shown(const std::vector<Problem>& problems, string_view text) {
    std::string all;
    for (const Problem& problem : problems) {
        all += show(problem, text, "job.sql");
    }
    return all;
}

// Whose clocks are known here.
[[nodiscard]] ParseOptions with_zones() {
    ParseOptions options;
    options.zones = [](string_view name) {
        return name == "UTC" || name == "America/Sao_Paulo"
                   ? std::optional<std::uint64_t>{0x0123'4567'89ab'cdef + name.size()}
                   : std::nullopt;
    };
    return options;
}

// The statement; a test that meets a problem fails with what a person would read.
[[nodiscard]] Statement statement(string_view text) {
    std::expected<Statement, std::vector<Problem>> parsed = parse(text, with_zones());
    INFO(text << '\n' << (parsed ? std::string{} : shown(parsed.error(), text)));
    REQUIRE(parsed.has_value());
    return std::move(*parsed);
}

[[nodiscard]] std::string said_of(string_view text) {
    const std::expected<Statement, std::vector<Problem>> parsed = parse(text, with_zones());
    return parsed ? "nothing" : shown(parsed.error(), text);
}

struct Case {
    std::string name;
    std::string text;
    std::string expected;
};

// A name, a text, a line of dashes, what is expected; cases are parted by a line of equals signs.
[[nodiscard]] std::vector<Case> cases(const std::string& file) {
    std::ifstream stream{std::string{KSTREAM_TEST_DATA} + "/" + file, std::ios::binary};
    REQUIRE(stream.is_open());
    const std::string whole{std::istreambuf_iterator<char>{stream}, {}};
    std::vector<Case> found;
    for (std::size_t at = 0; at < whole.size();) {
        const std::size_t end = std::min(whole.find("====\n", at), whole.size());
        const string_view block = string_view{whole}.substr(at, end - at);
        const std::size_t name = block.find('\n');
        const std::size_t dashes = block.find("\n----\n");
        REQUIRE(dashes != string_view::npos);
        found.push_back({std::string{block.substr(0, name)},
                         std::string{block.substr(name + 1, dashes - name - 1)},
                         std::string{block.substr(dashes + 6)}});
        at = end + 5;
    }
    return found;
}

}  // namespace

TEST_CASE("the plain job end to end", "[job]") {
    const Statement made = statement(
        "SELECT id_vendedor, sum(valor) AS total, count(*) AS n FROM t WHERE moeda = 'BRL' GROUP "
        "BY id_vendedor");
    CHECK(made.source_topic == "t");
    CHECK(made.output_topic.empty());
    CHECK(made.scale == 9);
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
}

TEST_CASE("statements as their canonical SELECT, which is the same statement", "[job]") {
    const std::vector<Case> all = cases("right_statements.txt");
    CHECK(all.size() >= 40);
    for (const Case& one : all) {
        INFO(one.name);
        const Statement made = statement(one.text);
        CHECK(to_sql(made) == one.expected);
        const Statement again = statement(one.expected);
        CHECK(to_sql(again) == one.expected);
        CHECK(canonical_text(again) == canonical_text(made));
    }
}

TEST_CASE("what is said of a wrong statement, all at once", "[job]") {
    const std::vector<Case> all = cases("wrong_statements.txt");
    CHECK(all.size() >= 100);
    for (const Case& one : all) {
        INFO(one.name << '\n' << one.text);
        CHECK(said_of(one.text) == one.expected);
    }
}

TEST_CASE("paths have one type each, and as many fields", "[job]") {
    const Statement made = statement(
        "SELECT itens[0].preco::text AS p, count(a->'b') AS b, sum(CASE WHEN a.b IS NULL THEN 1 "
        "END) AS s FROM t WHERE itens->0->'preco' > 1 GROUP BY itens[0].preco::text");
    REQUIRE(made.fields.size() == 2);
    CHECK(made.fields[0].type == ValueType::numeric);
    CHECK(made.fields[0].spelling == "itens[0].preco");
    REQUIRE(made.fields[0].path.size() == 3);
    CHECK(made.fields[0].path[1].index == 0);
    CHECK(made.fields[1].type == ValueType::scalar);
    CHECK(made.group_by[0].name == "p");
}

TEST_CASE("negative whole numbers keep their sign", "[job]") {
    // libpg_query 15-4.0.0 writes {"ival":{}} for them as it does for zero.
    const Statement made =
        statement("SELECT max(a[-2]::text) AS m FROM t WHERE x = -5 AND y = -(-7) AND z = 0");
    CHECK(made.fields[0].path[1].index == -2);
    REQUIRE(made.where.has_value());
    CHECK(made.where->arguments[0].arguments[1].literal.text == "-5");
    CHECK(made.where->arguments[1].arguments[1].literal.text == "7");
    CHECK(made.where->arguments[2].arguments[1].literal.text == "0");
}

TEST_CASE("aggregates stand once, averages by their digits", "[job]") {
    const Statement made = statement(
        "SELECT sum(v) AS a, sum(v) + 1 AS b, avg(v) AS c, round(avg(v), 2) AS d, round(avg(v), "
        "9) AS e FROM t");
    REQUIRE(made.aggregates.size() == 3);
    CHECK(made.aggregates[1].scale == 9);
    CHECK(made.aggregates[2].scale == 2);
    CHECK(made.columns[4].value.index == 1);
}

TEST_CASE("the job's scale is the statement's", "[job]") {
    const auto made = parse("SELECT avg(v) AS a FROM t", ParseOptions{.scale = 2});
    REQUIRE(made.has_value());
    CHECK(made->scale == 2);
    CHECK(made->aggregates[0].scale == 2);
}

TEST_CASE("places are bytes of the text", "[job]") {
    const string_view text =
        "SELECT count(*) AS n FROM t\n WHERE a\xc3\xa7o = '\xc3\xa9' AND (x + 1) > 2";
    const Statement made = statement(text);
    const auto at = [&](Place place) { return text.substr(place.at, place.size); };
    CHECK(at(made.where->place) == "a\xc3\xa7o = '\xc3\xa9' AND (x + 1) > 2");
    CHECK(at(made.where->arguments[0].arguments[1].place) == "'\xc3\xa9'");
    CHECK(at(made.where->arguments[1].arguments[0].place) == "x + 1");
    CHECK(at(made.aggregates[0].place) == "count(*)");
    CHECK(at(made.fields[0].place) == "a\xc3\xa7o");
}

TEST_CASE("limits of a text", "[job]") {
    const std::string long_text(kMaxStatementBytes + 1, ' ');
    CHECK(said_of(long_text).starts_with("job.sql:1:1: the statement is longer than 64 KiB\n"));
    const std::string with_nul{"SELECT count(*) AS n\n FROM \0t", 29};
    CHECK(said_of(with_nul).starts_with("job.sql:2:7: the character U+0000 is not supported\n"));
    CHECK(said_of("SELECT '\xff'").starts_with("job.sql:1:9: a byte that is not valid UTF-8\n"));
    CHECK(said_of("").starts_with("job.sql:1:1: the statement is empty\n"));
    CHECK(said_of(";;").starts_with("job.sql:1:1: the statement is empty\n"));
}

// No text takes long, or more stack or memory than is there.
TEST_CASE("expressions without end", "[job]") {
    const auto repeated = [](string_view what, int count) {
        std::string all;
        for (int i = 0; i < count; ++i) {
            all += what;
        }
        return all;
    };
    const auto where = [](const std::string& condition) {
        return "SELECT count(*) AS n FROM t WHERE " + condition;
    };
    const string_view too_deep = "expressions are nested too deeply";
    CHECK(said_of(where("1" + repeated("+1", 30'000) + "> 1")).contains(too_deep));
    CHECK(said_of(where(repeated("NOT ", 15'000) + "a")).contains(too_deep));
    CHECK(said_of(where(repeated("(", 30'000) + "a" + repeated(")", 30'000))).contains(too_deep));
    CHECK(said_of(where(repeated("abs(", 1000) + "a" + repeated(")", 1000) + "> 1"))
              .contains(too_deep));
    CHECK(said_of(where("x" + repeated("::numeric", 5000) + "> 1")).contains(too_deep));
    CHECK(said_of(where("x" + repeated("->'a'", 5000) + "> 1")) != "nothing");
    CHECK(said_of(where("x" + repeated(".a", 65) + "> 1")).contains("more than 64 steps"));
    CHECK(said_of(where("a IN (1" + repeated(",1", 30'000) + ")")) == "nothing");
    CHECK(said_of(where("a" + repeated(" AND a", 10'000))) == "nothing");
    CHECK(said_of(where(repeated("abs(", 150) + "a" + repeated(")", 150) + "> 1")) == "nothing");
    // Each level doubles what is below it.
    CHECK(said_of(where(repeated("(", 40) + "a" + repeated(" BETWEEN true AND true)", 40)))
              .contains("the statement is too large"));
    CHECK(said_of(where("CASE " + repeated("a + ", 100) + "a" +
                        repeated(" WHEN 1 THEN true", 3000) + " END"))
              .contains("the statement is too large"));
}

TEST_CASE("numbers of things", "[job]") {
    const auto listed = [](string_view before, int count, string_view after) {
        std::string all;
        for (int i = 0; i < count; ++i) {
            all +=
                (i == 0 ? "" : ", ") + std::string{before} + std::to_string(i) + std::string{after};
        }
        return all;
    };
    std::string sums;
    for (int i = 0; i < 65; ++i) {
        const std::string n = std::to_string(i);
        sums += (i == 0 ? "sum(v" : ", sum(v") + n + ") AS s" + n;
    }
    CHECK(said_of("SELECT " + sums + " FROM t").contains("more than 64 different aggregates"));
    CHECK(said_of("SELECT count(*) AS n FROM t GROUP BY " + listed("g", 65, ""))
              .contains("more than 64 expressions in GROUP BY"));
    CHECK(said_of("SELECT count(*) AS n FROM t GROUP BY " + listed("g", 64, "")) == "nothing");
    CHECK(said_of("SELECT count(*) AS n FROM t WHERE 1 IN (" + listed("f", 257, "") + ")")
              .contains("more than 256 different fields"));
    CHECK(said_of("SELECT " + listed("g AS c", 257, "") + ", g FROM t GROUP BY g")
              .contains("more than 256 columns"));
}

TEST_CASE("carets under tabs, letters, and what acts on a terminal", "[job]") {
    const string_view text = "SELECT\t'\xc3\xa9' \x1b[1m x";
    const std::string all = show({{17, 1}, "here", "there"}, text, "a\tb.sql");
    CHECK(all ==
          "a\\u0009b.sql:1:17: here\n"
          "  SELECT\t'\xc3\xa9' \\u001b[1m x\n"
          "        \t              ^\n"
          "  there\n");
}

}  // namespace kstream::job
