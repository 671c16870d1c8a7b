// A job that only a statement says, through both folds: what is filtered, added, set aside, kept,
// restored and shown.
#include "kstream/job/flags.hpp"
#include "kstream/job/parse.hpp"
#include "results/result_row.hpp"
#include "support/fakes/seeded.hpp"
#include "support/fakes/statement_world.hpp"
#include "support/fakes/writes.hpp"
#include "support/random_record.hpp"
#include "support/random_statement.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kstream {
namespace {

using testing::published_again;
using testing::record_for;
using testing::restore_all;
using testing::Seeded;

// What stands in the topics after the loops, as compaction leaves them.
struct Bench : testing::StatementWorld {
    using StatementWorld::StatementWorld;

    void commit() {
        const std::size_t of_changelog = changelog.size();
        const std::size_t of_results = results.size();
        StatementWorld::commit();
        take(changelog, of_changelog, kept);
        take(results, of_results, shown);
    }

    std::map<std::string, std::string> kept;   // of the changelog
    std::map<std::string, std::string> shown;  // of the results
    int tombstones = 0;

private:
    void take(const std::vector<testing::WrittenRecord>& records, std::size_t from,
              std::map<std::string, std::string>& topic) {
        for (std::size_t i = from; i < records.size(); ++i) {
            if (records[i].value) {
                topic[records[i].key] = *records[i].value;
            } else {
                ++tombstones;
                REQUIRE(topic.erase(records[i].key) == 1);
            }
        }
    }
};

constexpr std::string_view kSales =
    "SELECT cliente.uf AS uf, count(*) AS n, sum(valor) AS total, round(avg(valor), 2) AS media, "
    "min(valor) AS menor, max(valor) AS maior, count(*) FILTER (WHERE metodo = 'pix') AS pix, "
    "count(desconto) AS com_desconto, bool_or(metodo = 'pix') AS algum_pix, "
    "round(100 * sum(valor) / count(*), 1) AS por_cento "
    "FROM vendas WHERE moeda = 'BRL' AND valor > 0 GROUP BY cliente.uf";

std::string sale(std::string_view uf, std::string_view value, std::string_view method = "pix",
                 std::string_view currency = "BRL") {
    return R"({"cliente":{"uf":")" + std::string{uf} + R"("},"valor":)" + std::string{value} +
           R"(,"metodo":")" + std::string{method} + R"(","moeda":")" + std::string{currency} +
           R"("})";
}

}  // namespace

TEST_CASE("a statement's columns come out of what its records say", "[statement]") {
    Bench bench{kSales};
    bench.add(sale("SP", "10.50"));
    bench.add(sale("SP", "2.25", "boleto"));
    bench.add(sale("RJ", "7", "boleto"));
    bench.add(sale("SP", "99", "pix", "USD"));  // WHERE
    bench.add(sale("SP", "-1"));                // WHERE
    bench.add(R"({"cliente":{"uf":"SP"},"valor":1,"metodo":"x","moeda":"BRL","desconto":0})");
    bench.commit();
    CHECK(bench.shown.size() == 2);
    CHECK(bench.shown["SP"] ==
          R"({"uf":"SP","n":3,"total":13.75,"media":4.58,"menor":1,"maior":10.5,"pix":1,)"
          R"("com_desconto":1,"algum_pix":true,"por_cento":458.3})");
    CHECK(bench.shown["RJ"] ==
          R"({"uf":"RJ","n":1,"total":7,"media":7,"menor":7,"maior":7,"pix":0,)"
          R"("com_desconto":0,"algum_pix":false,"por_cento":700})");
    CHECK(bench.map->status().filtered == 2);
    CHECK(bench.map->status().records_aggregated == 4);
    CHECK(bench.dead_letters.empty());

    // The next step goes on from there.
    bench.add(sale("RJ", "0.5"));
    bench.commit();
    CHECK(bench.shown["RJ"].starts_with(R"({"uf":"RJ","n":2,"total":7.5,"media":3.75,)"));
    CHECK(bench.shown["SP"].starts_with(R"({"uf":"SP","n":3,)"));
}

TEST_CASE("a statement's totals are restored to the same results", "[statement]") {
    Bench bench{kSales};
    bench.add(sale("SP", "10.50"));
    bench.add(sale("RJ", "0.1"));
    bench.commit();
    CHECK(published_again(bench.job, bench.kept) == bench.shown);
}

TEST_CASE("a step that is taken back leaves no trace in a statement's totals", "[statement]") {
    Bench bench{kSales};
    bench.add(sale("SP", "5"));
    bench.commit();
    const std::string before = bench.shown["SP"];
    bench.add(sale("SP", "1000"));
    bench.map->undo_filling();
    CHECK(bench.map->state().keys == 0);
    const StateAnswer answer =
        bench.totals->answer({.kind = StateQuestion::Kind::find, .key = "SP"});
    REQUIRE(answer.entries.size() == 1);
    CHECK(answer.entries[0].value == before);
}

TEST_CASE("records that a statement cannot judge are set aside with what it is about",
          "[statement]") {
    Bench bench{"SELECT k, sum(a::numeric * 2) AS s FROM t WHERE b > 0 GROUP BY k"};
    bench.add(R"({"k":"x","a":"1","b":1})");
    bench.add(R"({"k":"x","a":"not a number","b":1})");  // the cast fails
    bench.add(R"({"k":"x","b":1})");                     // no input
    bench.add(R"({"a":"1","b":1})");                     // no key
    bench.add(R"({"k":"x","a":"not a number","b":0})");  // filtered before
    bench.add("not json");
    bench.commit();
    CHECK(bench.shown["x"] == R"({"k":"x","s":2})");
    CHECK(bench.dead_letters.size() == 4);
    CHECK(bench.fields == std::vector<std::string>{"a::numeric", "a", "k"});
    CHECK(bench.map->status().filtered == 1);
}

TEST_CASE("without GROUP BY there is one row, without aggregates a row for each group",
          "[statement]") {
    Bench all{
        "SELECT count(*) AS n, sum(v) AS s, round(avg(v) FILTER (WHERE v > 100), 1) AS a "
        "FROM t WHERE v IS NOT NULL"};
    all.add(R"({"v":1})");
    all.add(R"({"v":2.5})");
    all.add(R"({"w":2.5})");
    all.commit();
    REQUIRE(all.shown.size() == 1);
    CHECK(all.shown["[]"] == R"({"n":2,"s":3.5,"a":null})");

    Bench groups{"SELECT a, b FROM t GROUP BY a, b"};
    groups.add(R"({"a":"x","b":1})");
    groups.add(R"({"a":"x","b":1.0})");
    groups.add(R"({"a":"y","b":true})");
    groups.commit();
    CHECK(groups.shown ==
          std::map<std::string, std::string>{{R"(["x",1])", R"({"a":"x","b":1})"},
                                             {R"(["y",true])", R"({"a":"y","b":true})"}});
}

TEST_CASE("a group has a result while HAVING is true of it", "[statement]") {
    Bench bench{
        "SELECT cliente.uf AS uf, sum(valor) AS total FROM vendas GROUP BY cliente.uf "
        "HAVING count(*) >= 2 AND sum(valor) < 100"};
    bench.add(sale("SP", "10"));
    bench.add(sale("RJ", "20"));
    bench.add(sale("RJ", "20.5"));
    bench.commit();
    using Results = std::map<std::string, std::string>;
    CHECK(bench.shown == Results{{"RJ", R"({"uf":"RJ","total":40.5})"}});
    bench.add(sale("SP", "2"));
    bench.add(sale("RJ", "60"));
    bench.commit();
    CHECK(bench.shown == Results{{"SP", R"({"uf":"SP","total":12})"}});
    CHECK(bench.tombstones == 1);

    // Who looks at the state sees that a key without a result is there.
    const auto shown = [&bench](std::string key) {
        return bench.totals->answer({.kind = StateQuestion::Kind::find, .key = std::move(key)})
            .entries.at(0)
            .value;
    };
    CHECK(shown("SP") == R"({"uf":"SP","total":12})");
    CHECK(shown("RJ") == "null");
    for (const TotalStatus& total : bench.totals->state().totals) {
        CHECK((total.values[0] == 12) == (total.key == "SP"));
        CHECK((total.values[0] != total.values[0]) == (total.key == "RJ"));
    }

    bench.add(sale("RJ", "-1"));
    bench.commit();
    CHECK(bench.shown.at("RJ") == R"({"uf":"RJ","total":99.5})");
    CHECK(bench.tombstones == 1);
}

TEST_CASE("HAVING without GROUP BY, and without an aggregate", "[statement]") {
    Bench all{"SELECT sum(v) AS s FROM t HAVING count(*) > 2"};
    Bench constant{"SELECT 'many' AS x FROM t HAVING count(*) > 2"};
    for (int i = 1; i <= 3; ++i) {
        CHECK(all.shown.empty());
        CHECK(constant.shown.empty());
        all.add(R"({"v":1})");
        constant.add("{}");
        all.commit();
        constant.commit();
    }
    CHECK(all.shown == std::map<std::string, std::string>{{"[]", R"({"s":3})"}});
    CHECK(constant.shown == std::map<std::string, std::string>{{"[]", R"({"x":"many"})"}});

    Bench groups{"SELECT a, b FROM t GROUP BY a, b HAVING a::text > 'b' OR b = 7"};
    groups.add(R"({"a":"x","b":1})");
    groups.add(R"({"a":"a","b":1})");
    groups.add(R"({"a":"a","b":7})");
    groups.commit();
    CHECK(groups.shown == std::map<std::string, std::string>{{R"(["x",1])", R"({"a":"x","b":1})"},
                                                             {R"(["a",7])", R"({"a":"a","b":7})"}});
    groups.add(R"({"a":"a","b":1})");
    groups.commit();
    CHECK(groups.shown.size() == 2);
    CHECK(groups.tombstones == 0);
}

TEST_CASE("percentile_disc is a value that came, in steps of any size and after a restore",
          "[statement]") {
    constexpr std::string_view kRanks =
        "SELECT k, percentile_disc(0) WITHIN GROUP (ORDER BY v::numeric) AS lo, "
        "percentile_disc(0.5) WITHIN GROUP (ORDER BY v::numeric) AS mid, "
        "percentile_disc(1) WITHIN GROUP (ORDER BY v::numeric) FILTER (WHERE v < 5) AS hi, "
        "percentile_disc(0.5) WITHIN GROUP (ORDER BY at::timestamptz) AS t "
        "FROM t GROUP BY k HAVING percentile_disc(0.5) WITHIN GROUP (ORDER BY v::numeric) > 1";
    for (const std::size_t batch_bytes : {std::size_t{40}, std::size_t{1} << 20}) {
        Bench bench{kRanks, {.max_batch_bytes = batch_bytes}};
        const auto add = [&bench](std::string_view v, int second) {
            bench.add(R"({"k":"a","v":)" + std::string{v} + R"(,"at":"2024-05-14T12:00:0)" +
                      std::to_string(second) + R"(Z"})");
        };
        add("2.5", 3);
        add("-7", 1);
        bench.commit();
        CHECK(bench.shown.empty());  // HAVING: -7
        add("2.50", 9);
        add("100", 5);
        bench.commit();
        CHECK(bench.shown["a"] ==
              R"({"k":"a","lo":-7,"mid":2.5,"hi":2.5,"t":"2024-05-14T12:00:03Z"})");
        add("3", 0);
        bench.map->undo_filling();
        for (const std::string_view v : {"4", "4", "4", "4.125"}) {
            add(v, 2);
        }
        bench.commit();
        CHECK(bench.shown["a"] ==
              R"({"k":"a","lo":-7,"mid":4,"hi":4.125,"t":"2024-05-14T12:00:02Z"})");
        CHECK(published_again(bench.job, bench.kept) == bench.shown);
    }
}

TEST_CASE("count(DISTINCT x) counts each value once, in steps of any size and after a restore",
          "[statement]") {
    constexpr std::string_view kSets =
        "SELECT k, count(*) AS n, count(DISTINCT v) AS vs, "
        "count(DISTINCT w::text) FILTER (WHERE n > 0) AS ws, count(DISTINCT at::timestamptz) AS ts "
        "FROM t GROUP BY k HAVING count(DISTINCT v) > 1";
    for (const std::size_t batch_bytes : {std::size_t{40}, std::size_t{1} << 20}) {
        for (const std::size_t cells : {std::size_t{0}, std::size_t{4}}) {
            Bench bench{kSets, {.max_batch_bytes = batch_bytes}, cells};
            const auto add = [&bench](std::string_view k, std::string_view v, std::string_view w,
                                      std::string_view n) {
                bench.add(R"({"k":")" + std::string{k} + R"(","v":)" + std::string{v} +
                          R"(,"w":")" + std::string{w} + R"(","n":)" + std::string{n} +
                          R"(,"at":"2024-05-14T12:00:0)" + std::string{n} + R"(Z"})");
            };
            add("a", "1", "x", "1");
            add("a", "1.0", "x", "0");  // the same number; a filter that keeps w out
            add("a", R"("1")", "y", "0");
            add("a", "true", "a text of more than fifteen bytes", "2");
            add("a", "true", "a text of more than fifteen bytez", "2");
            add("b", "1", "x", "1");
            bench.commit();
            CHECK(bench.shown == std::map<std::string, std::string>{
                                     {"a", R"({"k":"a","n":5,"vs":3,"ws":3,"ts":3})"}});
            for (int i = 0; i < 40; ++i) {
                add("b", std::to_string(i % 20), "x" + std::to_string(i % 7), "1");
            }
            bench.map->undo_filling();
            for (int i = 0; i < 40; ++i) {
                add("b", std::to_string(i % 20), "x" + std::to_string(i % 7), "1");
            }
            bench.commit();
            CHECK(bench.shown["b"] == R"({"k":"b","n":41,"vs":20,"ws":8,"ts":1})");

            TotalsState restored{bench.job, PartitionId{0}};
            REQUIRE(restore_all(restored, bench.kept));
        }
    }
}

TEST_CASE("a statement sees what Kafka says of a record, and groups by times", "[statement]") {
    Bench bench{
        "SELECT kafka_header('region') AS region, date_trunc('hour', at::timestamptz, 'UTC') AS h, "
        "extract(hour FROM date_trunc('hour', at::timestamptz, 'UTC') AT TIME ZONE 'UTC') AS hour, "
        "max(at::timestamptz) AS last, max(kafka_offset) AS o FROM t "
        "GROUP BY kafka_header('region'), date_trunc('hour', at::timestamptz, 'UTC')"};
    bench.add(R"({"at":"2024-05-14T12:10:00Z"})");
    bench.add(R"({"at":"2024-05-14T12:59:59.5Z"})");
    bench.commit();
    REQUIRE(bench.shown.size() == 1);
    CHECK(bench.shown.begin()->second ==
          R"({"region":"south","h":"2024-05-14T12:00:00Z","hour":12,)"
          R"("last":"2024-05-14T12:59:59.500Z","o":1})");
}

TEST_CASE("a day that began before 1970 is a group as any other", "[statement]") {
    Bench bench{
        "SELECT date_trunc('week', to_timestamp(s), 'UTC') AS week, count(*) AS n FROM t "
        "GROUP BY date_trunc('week', to_timestamp(s), 'UTC')"};
    bench.add(R"({"s":0})");
    bench.commit();
    CHECK(bench.shown["1969-12-29T00:00:00Z"] == R"({"week":"1969-12-29T00:00:00Z","n":1})");
}

TEST_CASE("more keys than fit into a cache are added the same", "[statement]") {
    Bench bench{kSales, {}, 8};
    for (int i = 0; i < 500; ++i) {
        bench.add(sale(std::to_string(i % 100), std::to_string(1 + i), i % 2 == 0 ? "pix" : "x"));
    }
    bench.commit();
    REQUIRE(bench.shown.size() == 100);
    // 8, 108, 208, 308, 408, each and 1.
    CHECK(bench.shown["7"].starts_with(R"({"uf":"7","n":5,"total":1040,"media":208,"menor":8,)"));
    CHECK(bench.shown["7"].contains(R"("maior":408,"pix":0,)"));
}

TEST_CASE("min and max of texts are kept beside the slots, through steps, undo and restore",
          "[statement]") {
    constexpr std::string_view kTexts =
        "SELECT k, min(name::text) AS first, max(name::text) AS last, count(*) AS n, "
        "max(name::text) || '!' AS loud FROM t GROUP BY k";
    const std::string longest(kMaxTextBytes, 'z');
    for (const std::size_t cells : {std::size_t{0}, std::size_t{4}}) {  // some wait in groups
        Bench bench{kTexts, {.max_batch_bytes = 100}, cells};
        for (int i = 0; i < 64; ++i) {
            const std::string k = std::to_string(i % 16);
            bench.add(R"({"k":")" + k + R"(","name":"n)" + std::to_string(i / 16) + "\\u00e9" + k +
                      R"("})");
        }
        bench.commit();
        REQUIRE(bench.shown.size() == 16);
        CHECK(bench.shown["7"] ==
              "{\"k\":\"7\",\"first\":\"n0\u00e97\",\"last\":\"n3\u00e97\","
              "\"n\":4,\"loud\":\"n3\u00e97!\"}");
        bench.add(R"({"k":"7","name":"a"})");
        bench.map->undo_filling();
        bench.add(R"({"k":"7","name":"nn"})");
        bench.add(R"({"k":"7","name":")" + longest + R"("})");
        bench.add(R"({"k":"7","name":")" + longest + R"(z"})");  // too long for a state
        bench.commit();
        CHECK(bench.shown["7"].starts_with("{\"k\":\"7\",\"first\":\"n0\u00e97\",\"last\":\"zzz"));
        CHECK(bench.shown["7"].contains("\"n\":6,"));
        CHECK(bench.dead_letters.size() == 1);
        CHECK(bench.map->status().bad_records[static_cast<std::size_t>(BadReason::text_size)] == 1);
        CHECK(bench.fields == std::vector<std::string>{"name::text"});

        CHECK(published_again(bench.job, bench.kept) == bench.shown);
    }
}

TEST_CASE("any statement has one result, however its records come in steps", "[statement]") {
    int run = 0;
    int rows = 0;
    results::RowReader reader;
    for (std::uint64_t seed = 1; seed <= 800; ++seed) {
        const std::string text = test::RandomStatement{seed}.text();
        CAPTURE(seed, text);
        const auto parsed = job::parse(text);
        REQUIRE(parsed.has_value());
        if (job::spec_of(*parsed)) {
            continue;
        }
        ++run;
        Seeded random{seed};
        std::vector<std::string> records;
        for (int i = 0; i < 40; ++i) {
            records.push_back(record_for(*parsed, random));
        }
        Bench whole{text};
        Bench parts{text, {.max_batch_bytes = 60}, 4};
        for (std::size_t i = 0; i < records.size(); ++i) {
            whole.add(records[i]);
            parts.add(records[i]);
            if (i % 7 == 3) {
                parts.commit();
                parts.fold_last();
                parts.map->undo_filling();
            }
        }
        whole.commit();
        parts.commit();
        REQUIRE(whole.shown == parts.shown);
        for (const auto& [key, value] : whole.shown) {
            CAPTURE(value);
            const auto row = reader.read(value);
            REQUIRE(row.has_value());
            REQUIRE(results::names_of(*row) == whole.job.spec.statement->columns);
            ++rows;
        }
    }
    CHECK(run >= 100);
    CHECK(rows >= 300);
}

// It was NULL there: what had been read of the key was held to be no time.
TEST_CASE("a time that date_trunc sets before 1970 is a key like any other", "[statement]") {
    Bench bench{
        "SELECT date_trunc('day', t::timestamptz, 'America/Sao_Paulo') AS d, count(*) AS n "
        "FROM x GROUP BY date_trunc('day', t::timestamptz, 'America/Sao_Paulo')"};
    bench.add(R"({"t":"1970-01-01T00:00:00Z"})");
    bench.commit();
    CHECK(bench.shown["1969-12-31T03:00:00Z"] == R"({"d":"1969-12-31T03:00:00Z","n":1})");
}

TEST_CASE("graphs have a statement's numbers that are no groups", "[statement]") {
    Bench bench{"SELECT k, count(*) AS n, sum(v) FILTER (WHERE v > 5) AS s FROM t GROUP BY k"};
    bench.add(R"({"k":3,"v":1})");
    bench.commit();
    const StateStatus state = bench.totals->state();
    CHECK(state.aggregates == std::vector<std::string>{"n", "s"});
    REQUIRE(state.totals.size() == 1);
    CHECK(state.totals[0].key == "[3]");
    CHECK(state.totals[0].values[0] == 1);
    CHECK(state.totals[0].values[1] != state.totals[0].values[1]);  // NULL is no number
}

}  // namespace kstream
