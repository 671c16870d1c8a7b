// Statements as people write them, from their text to a verdict on a record, and to a value after
// aggregation: every statement that the parser takes can be compiled and run.
#include "kstream/expr/program.hpp"
#include "kstream/job/parse.hpp"
#include "kstream/reader/record_reader.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstddef>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kstream {
namespace {

std::string whole_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return std::string{std::istreambuf_iterator<char>{file}, {}};
}

std::optional<std::string> zone_file(std::string_view name) {
    const std::string bytes = whole_file("/usr/share/zoneinfo/" + std::string{name});
    return bytes.empty() ? std::nullopt : std::optional{bytes};
}

job::Statement parsed(std::string_view text) {
    auto made = job::parse(text);
    INFO(text);
    REQUIRE(made.has_value());
    return *std::move(made);
}

std::unique_ptr<RecordReader> reader_of(const job::Statement& statement) {
    auto made = make_record_reader(statement, zone_file);
    REQUIRE(made.has_value());
    return *std::move(made);
}

// The texts of right_statements.txt: a name, a text, dashes, what it is shown as.
std::vector<std::string> right_statements() {
    std::vector<std::string> texts;
    std::string_view rest;
    const std::string all = whole_file(std::string{KSTREAM_TEST_DATA} + "/right_statements.txt");
    rest = all;
    while (!rest.empty()) {
        const std::size_t end = rest.find("====\n");
        const std::string_view one = rest.substr(0, end);
        const std::size_t text = one.find('\n') + 1;
        const std::size_t dashes = one.find("\n----\n");
        REQUIRE(dashes != std::string_view::npos);
        texts.emplace_back(one.substr(text, dashes - text));
        rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 5);
    }
    return texts;
}

}  // namespace

TEST_CASE("every statement that is taken judges every record", "[reader][statement]") {
    const std::vector<std::string> texts = right_statements();
    CHECK(texts.size() >= 40);
    for (const std::string& text : texts) {
        INFO(text);
        const job::Statement statement = parsed(text);
        const auto reader = reader_of(statement);
        // One kind of value for all that any of them asks for, then another.
        for (const std::string_view value :
             {R"("2024-05-14T12:00:00Z")", "12.5", "-0", R"("12.50")", "true", "null", "{}", "[1]",
              R"("\u0000")", "1e400", R"("")"}) {
            std::string record = "{";
            for (const job::Field& field : statement.fields) {
                if (field.origin == job::FieldOrigin::value && !field.path.front().index) {
                    record += record.size() > 1 ? "," : "";
                    record += "\"" + field.path.front().name + "\":" + std::string{value};
                }
            }
            record += "}";
            const RecordVerdict verdict = reader->read(record);
            CHECK(verdict.ok + verdict.filtered <= 1);
            CHECK(reader->read(record).reason == verdict.reason);
        }
        expr::Program after{statement.fields};
        for (const job::Column& column : statement.columns) {
            CHECK(after.add(column.value, zone_file).has_value());
        }
        if (statement.having) {
            CHECK(after.add(*statement.having, zone_file).has_value());
        }
    }
}

TEST_CASE("a statement's text judges records", "[reader][statement]") {
    const job::Statement statement = parsed(
        "SELECT cliente.uf, date_trunc('day', hora::timestamptz, 'America/Sao_Paulo') AS dia, "
        "count(*) AS n, sum(valor::numeric) AS total, "
        "sum(CASE WHEN metodo = 'pix' THEN 1 END) AS pix FROM vendas "
        "WHERE moeda = 'BRL' AND valor::numeric > 0 "
        "GROUP BY cliente.uf, date_trunc('day', hora::timestamptz, 'America/Sao_Paulo')");
    const auto reader = reader_of(statement);
    const auto read = [&](std::string_view record) { return reader->read(record); };
    REQUIRE(read(R"({"cliente":{"uf":"SP"},"hora":"2024-05-14T01:00:00Z","valor":"10.50",)"
                 R"("metodo":"pix","moeda":"BRL"})")
                .ok);
    CHECK(reader->group().values[0].text == "SP");
    CHECK(reader->group().values[1].text == "2024-05-13T03:00:00Z");
    CHECK(reader->statement_inputs()[0].kind == StatementInput::Kind::present);
    CHECK(reader->statement_inputs()[1].units == Int128{10'500'000'000});
    CHECK(reader->statement_inputs()[2].units == Int128{1'000'000'000});
    // false AND error is false, NULL AND error is an error.
    CHECK(read(R"({"moeda":"USD","valor":"x"})").filtered);
    CHECK(read(R"({"valor":"x"})").reason == BadReason::text_to_number);
    CHECK(read(R"({"moeda":"USD","valor":"1"})").filtered);
    CHECK(read(R"({"moeda":"BRL","valor":"0"})").filtered);
    const RecordVerdict missing = read(R"({"moeda":"BRL","valor":"1","cliente":"x"})");
    CHECK(missing.reason == BadReason::missing_field);
    CHECK(reader->field_name(missing) == "cliente.uf");
}

TEST_CASE("one evaluator serves after aggregation, too", "[reader][statement]") {
    const job::Statement statement = parsed(
        "SELECT k, round(sum(v) / count(*), 2) AS m FROM t GROUP BY k HAVING count(*) > 1 AND k <> "
        "'x'");
    expr::Program program{statement.fields};
    const auto mean = program.add(statement.columns[1].value, zone_file);
    const auto passes = program.add(*statement.having, zone_file);
    REQUIRE(mean.has_value());
    REQUIRE(passes.has_value());
    expr::Evaluator evaluator{program};
    const auto shown = [&](std::string_view key, int sum, int count) {
        std::vector<expr::Value> aggregates(statement.aggregates.size());
        for (std::size_t i = 0; i < aggregates.size(); ++i) {
            const bool counts =
                statement.aggregates[i].function == job::AggregateFunction::count_all;
            aggregates[i] = expr::Value::of(expr::Number{counts ? count : sum, 0});
        }
        const std::vector<expr::Value> groups{expr::Value::of_text(key)};
        evaluator.begin({.groups = groups, .aggregates = aggregates});
        const std::string text{expr::to_text(evaluator.value(*mean).number, evaluator.arena())};
        return text + (evaluator.value(*passes).is_true() ? " passes" : "");
    };
    CHECK(shown("a", 10, 3) == "3.33 passes");
    CHECK(shown("a", -5, 8) == "-0.63 passes");
    CHECK(shown("a", 2, 1) == "2");
    CHECK(shown("x", 20, 3) == "6.67");
}

}  // namespace kstream
