// Statements as people write them, from their text to a verdict on a record, and to a value after
// aggregation: every statement that the parser takes can be compiled and run.
#include "kstream/expr/program.hpp"
#include "kstream/expr/zone.hpp"
#include "kstream/job/parse.hpp"
#include "kstream/reader/record_reader.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstddef>
#include <cstdint>
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

std::optional<std::uint64_t> zone_fingerprint(std::string_view name) {
    const std::optional<std::string> file = zone_file(name);
    const std::optional<expr::Zone> zone = file ? expr::Zone::parse(*file) : std::nullopt;
    return zone ? std::optional{zone->fingerprint()} : std::nullopt;
}

job::Statement parsed(std::string_view text) {
    auto made = job::parse(text, {.zones = zone_fingerprint});
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
        const expr::Leaves leaves{.groups = groups, .aggregates = aggregates};
        evaluator.begin(leaves);
        const std::string text{expr::to_text(evaluator.value(*mean).number, evaluator.arena())};
        return text + (evaluator.value(*passes).is_true() ? " passes" : "");
    };
    CHECK(shown("a", 10, 3) == "3.33 passes");
    CHECK(shown("a", -5, 8) == "-0.63 passes");
    CHECK(shown("a", 2, 1) == "2");
    CHECK(shown("x", 20, 3) == "6.67");
}

TEST_CASE("a record has its event time, whatever else becomes of it", "[reader][statement]") {
    // At 1,000 ms of Kafka's clock.
    const auto told = [](const job::Statement& statement, std::string_view value,
                         std::int64_t kafka_timestamp = 1'000) {
        const std::unique_ptr<RecordReader> reader = reader_of(statement);
        RecordView record;
        record.timestamp_ms = kafka_timestamp;
        // A good one before, so that nothing of it is left.
        std::string text;
        for (const std::string_view each :
             {std::string_view{R"({"t":7,"k":"a","v":1,"u":1})"}, value}) {
            record.value_data = each.data();
            record.value_size = static_cast<std::uint32_t>(each.size());
            const RecordVerdict verdict = reader->read(record);
            text = verdict.ok         ? "ok"
                   : verdict.filtered ? "filtered"
                                      : std::string{bad_reason_name(verdict.reason)};
        }
        const auto time = reader->event_time();
        return text + (time ? " " + std::to_string(*time) : "");
    };
    const job::Statement statement = parsed(
        "SELECT k, sum(v) AS s FROM tumble(t, to_timestamp(t), INTERVAL '1 minute', grace => "
        "INTERVAL '0 seconds', unique_by => u::text, within => INTERVAL '1 minute') WHERE "
        "v::numeric > 0 GROUP BY k, window_start");
    CHECK(told(statement, R"({"t":5.5,"k":"a","v":1,"u":1})") == "ok 5500");
    CHECK(told(statement, R"({"t":5,"k":"a","v":0,"u":1})") == "filtered 5000");
    CHECK(told(statement, R"({"t":5,"k":"a","v":"x","u":1})") == "number_type 5000");
    CHECK(told(statement, R"({"t":5,"v":1,"u":1})") == "missing_field 5000");
    CHECK(told(statement, R"({"t":5,"k":"a","v":1})") == "missing_field 5000");
    // The time comes before WHERE.
    CHECK(told(statement, R"({"k":"a","v":0,"u":1})") == "missing_field");
    CHECK(told(statement, R"({"t":"x","k":"a","v":0,"u":1})") == "number_type");
    CHECK(told(statement, R"({"t":1e12,"k":"a","v":0,"u":1})") == "time_range");
    CHECK(told(statement, "{") == "json");
    // An hour ahead of Kafka's clock is the limit.
    CHECK(told(statement, R"({"t":3601,"k":"a","v":1,"u":1})") == "ok 3601000");
    CHECK(told(statement, R"({"t":3601.001,"k":"a","v":0,"u":1})") == "time_future");
    CHECK(told(statement, R"({"t":5,"k":"a","v":1,"u":1})", -1) == "time_future");
    const job::Statement never = parsed(
        "SELECT count(*) AS n FROM tumble(t, CASE WHEN v > 0 THEN to_timestamp(t) END, "
        "INTERVAL '1 minute', grace => INTERVAL '0 seconds', max_ahead => 'never', "
        "unique_by => nullif(k, 'b'), within => INTERVAL '1 minute') GROUP BY window_start");
    CHECK(told(never, R"({"t":99999999,"k":"a","v":1})", -1) == "ok 99999999000");
    CHECK(told(never, R"({"t":5,"k":"a","v":0})") == "time_null");
    CHECK(told(never, R"({"t":5,"k":"b","v":1})") == "unique_null 5000");
}

TEST_CASE("a job without event time has no times", "[reader][statement]") {
    const auto reader = reader_of(parsed("SELECT count(*) AS n FROM t"));
    CHECK(reader->read("{}").ok);
    CHECK_FALSE(reader->event_time());
}

}  // namespace kstream
