// A job by its statement: what it makes of the configuration, and what may not stand beside it.
#include "support/cli_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

namespace kstream::cli {
namespace {

using Lines = std::vector<std::string>;

const std::string kOfFlags = "SELECT a, sum(v) AS s, count(*) AS n FROM t GROUP BY a";
const std::string kOfStatements =
    "INSERT INTO vendas_por_uf SELECT c.uf AS uf, round(avg(v), 2) AS media FROM vendas "
    "WHERE v > 0 GROUP BY c.uf";

}  // namespace

TEST_CASE("A statement is the job of each subcommand that has one", "[statement]") {
    const auto aggregate = config_from<AggregateConfig>({"aggregate", "--query", kOfStatements});
    REQUIRE(aggregate.query.job != nullptr);
    REQUIRE(aggregate.spec.statement);
    CHECK(aggregate.spec.source_topic == "vendas");
    CHECK(aggregate.results_topic == "vendas_por_uf");
    CHECK(aggregate.spec.statement->columns == Lines{"uf", "media"});
    const auto topics =
        config_from<CreateTopicsConfig>({"create-topics", "--query", kOfStatements});
    CHECK(topics.source_topic == "vendas");
    CHECK(topics.results_topic == "vendas_por_uf");
    const auto results = config_from<ResultsConfig>({"results", "--query", kOfStatements});
    CHECK(results.spec == aggregate.spec);
    CHECK(results.results_topic == "vendas_por_uf");
    const auto reset =
        config_from<ResetConfig>({"reset", "--application-id", "x", "--query", kOfStatements});
    CHECK(reset.results_topic == "vendas_por_uf");
    const auto explain = config_from<ExplainConfig>({"explain", "--query", kOfStatements});
    CHECK(explain.spec == aggregate.spec);
}

TEST_CASE("A statement that flags can say is the same job as theirs", "[statement]") {
    const auto flags = config_from<AggregateConfig>(
        {"aggregate", "--topic", "t", "--group-by", "a", "--sum", "v=s", "--count=n"});
    const auto statement = config_from<AggregateConfig>({"aggregate", "--query", kOfFlags});
    CHECK(statement.spec == flags.spec);
    // So the audit proves it.
    CHECK(config_from<AuditConfig>({"audit", "--query", kOfFlags}).spec == flags.spec);
    const auto scaled =
        config_from<AggregateConfig>({"aggregate", "--scale", "2", "--query", kOfFlags});
    CHECK(scaled.spec.scale == 2);
}

TEST_CASE("A statement comes from a file, also without an option", "[statement]") {
    const TemporaryFile file(kOfFlags + ";\n");
    const auto named = config_from<AggregateConfig>({"aggregate", "--query-file", file.path()});
    CHECK(named.spec.source_topic == "t");
    const std::string path = file.path() + ".sql";
    std::ofstream{path} << kOfFlags;
    CHECK(config_from<AggregateConfig>({"aggregate", path}).spec == named.spec);
    CHECK(config_from<AggregateConfig>({"aggregate", "--workers", "2", path}).spec == named.spec);
    CHECK(problems_from({"aggregate", path, path}) == Lines{"'" + path + "': unexpected argument"});
    CHECK(problems_from({"produce", path}) == Lines{"'" + path + "': unexpected argument"});
    std::remove(path.c_str());
    CHECK(problems_from({"aggregate", path})[0].starts_with("--query-file " + path +
                                                            ": cannot be read: No such file"));
}

TEST_CASE("All that is wrong with a statement is told, each with its place", "[statement]") {
    const Lines wrong = problems_from({"aggregate", "--query",
                                       "SELECT a, nix(v) AS s, "
                                       "bix(v) AS t FROM t GROUP BY a"});
    REQUIRE(wrong.size() == 2);
    CHECK(wrong[0].starts_with("--query:1:11: "));
    CHECK(wrong[0].contains("^"));
    CHECK_FALSE(wrong[0].ends_with("\n"));
    CHECK(problems_from({"explain"})[0].starts_with("no statement"));
}

TEST_CASE("Event time is explained and run, with sets of whatever windows", "[statement]") {
    const std::string windows =
        "SELECT count(*) AS n FROM tumble(t, to_timestamp(h), 'day', 'UTC', grace => INTERVAL '1 "
        "hour') GROUP BY window_start";
    const auto explain = config_from<ExplainConfig>({"explain", "--query", windows});
    REQUIRE(explain.query.job->statement.event_time);
    CHECK(explain.query.job->statement.event_time->window.zone_fingerprint == 1);
    const auto problems_of = [](Lines words, const std::string& statement) {
        words.insert(words.end(), {"--query", statement});
        return problems_from(words);
    };
    const std::vector<Lines> all{{"aggregate"},
                                 {"audit"},
                                 {"create-topics"},
                                 {"results"},
                                 {"reset", "--application-id", "x"},
                                 {"bench", "--scenario", "statement"}};
    const auto from = [](const std::string& source, const std::string& what = "count(*)") {
        return "SELECT " + what + " AS n FROM " + source + " GROUP BY window_start";
    };
    const std::string lengths = "INTERVAL '1 hour', ";
    for (const std::string what :
         {"count(DISTINCT id)", "percentile_disc(0.5) WITHIN GROUP (ORDER BY v::numeric)"}) {
        for (const Lines& words : all) {
            for (const std::string& window : {"tumble(t, to_timestamp(h), " + lengths,
                                              "hop(t, to_timestamp(h), " + lengths + lengths,
                                              "session(t, to_timestamp(h), " + lengths}) {
                Lines right = words;
                right.insert(right.end(),
                             {"--query", from(window + "grace => INTERVAL '1 hour')", what)});
                INFO(words.front() << " " << right.back());
                CHECK_FALSE(std::holds_alternative<Problems>(parse_words(right, {})));
            }
        }
    }
    const Lines again = problems_of(
        {"aggregate", "--republish"},
        from("tumble(t, to_timestamp(h), INTERVAL '1 hour', grace => INTERVAL '1 hour', emit => "
             "'final', idle => 'never')"));
    REQUIRE(again.size() == 1);
    CHECK(again[0].starts_with("--republish: --query emits final results alone"));
    for (const Lines& words :
         {Lines{"--sample", "10"}, Lines{"--as", "postgres"}, Lines{"--export", "x.tsv"}}) {
        const auto explained = [&words](const std::string& query) {
            Lines asked{"explain", "--query", query};
            asked.insert(asked.end(), words.begin(), words.end());
            return asked;
        };
        config_from<ExplainConfig>(explained(windows));
        config_from<ExplainConfig>(
            explained("SELECT count(*) AS n FROM events(t, to_timestamp(h), unique_by => k, "
                      "within => INTERVAL '1 hour')"));
    }
    const std::string sets =
        "SELECT count(DISTINCT k) AS n " + windows.substr(windows.find("FROM"));
    config_from<ExplainConfig>({"explain", "--sample", "10", "--query", sets});
    config_from<ExplainConfig>({"explain", "--as", "postgres", "--query", sets});
    // A zone that there is not is a problem of the statement, with its place.
    const Lines nowhere = problems_from(
        {"explain", "--query",
         "SELECT count(*) AS n FROM tumble(t, to_timestamp(h), 'day', 'No/Where', grace => "
         "INTERVAL '1 hour') GROUP BY window_start"});
    REQUIRE(nowhere.size() == 1);
    CHECK(nowhere[0].starts_with("--query:1:61: there is no time zone No/Where here"));
}

TEST_CASE("What explain would leave out is refused", "[statement]") {
    for (const Lines& instead : {Lines{"--as", "postgres"}, Lines{"--export", "records.tsv"}}) {
        for (const Lines& left_out : {Lines{"--json"}, Lines{"--sample", "10"}}) {
            std::vector<std::string> words{"explain", "--query", kOfFlags};
            words.insert(words.end(), instead.begin(), instead.end());
            config_from<ExplainConfig>(words);
            words.insert(words.end(), left_out.begin(), left_out.end());
            CHECK(problems_from(words).size() == 1);
        }
    }
}

TEST_CASE("lateness takes a statement with windows, and says how one is written", "[statement]") {
    const auto config = config_from<LatenessConfig>(
        {"lateness", "--scale", "2", "--json", "--query",
         "SELECT count(*) AS n FROM tumble(t, a::timestamptz, INTERVAL '1 hour', grace => INTERVAL "
         "'5 minutes') GROUP BY window_start"});
    REQUIRE(config.query.job != nullptr);
    CHECK(config.query.job->statement.event_time->grace == 300'000);
    CHECK(config.spec.scale == 2);
    CHECK(config.json);
    CHECK(problems_from({"lateness"})[0].starts_with("no statement"));
    CHECK(problems_from({"lateness", "--query", kOfFlags})[0].contains(
        "it has no event time; write FROM tumble(topic, time, "));
    CHECK(problems_from(
              {"lateness", "--query", "SELECT count(*) AS n FROM events(t, a::timestamptz)"})[0]
              .contains("events has no windows"));
}

TEST_CASE("What a statement says is refused beside it", "[statement]") {
    CHECK(problems_from({"aggregate", "--query", kOfFlags, "--group-by", "b"}) ==
          Lines{"--group-by: the statement of --query says this"});
    CHECK(problems_from({"aggregate", "--query", kOfFlags}, {{"KSTREAM_SUM", "x"}}) ==
          Lines{"KSTREAM_SUM: the statement of --query says this"});
    CHECK(problems_from({"aggregate", "--query", kOfFlags, "--topic", "u"}) ==
          Lines{"--topic: the statement of --query reads t"});
    CHECK(problems_from({"aggregate", "--query", kOfStatements, "--output-topic", "u"}) ==
          Lines{"--output-topic: the statement of --query writes to vendas_por_uf"});
    CHECK(config_from<AggregateConfig>(
              {"aggregate", "--query", kOfFlags, "--topic", "t", "--output-topic", "u"})
              .results_topic == "u");
    CHECK(problems_from({"aggregate", "--query", kOfFlags, "--query-file", "x"}) ==
          Lines{"--query and --query-file: give one of them"});
    CHECK(problems_from({"aggregate", "--query", "INSERT INTO t " + kOfFlags}).size() == 1);
}

TEST_CASE("The audit takes what aggregate takes", "[statement]") {
    for (const std::string& text : {kOfFlags, kOfStatements}) {
        const auto audit = config_from<AuditConfig>({"audit", "--query", text});
        const auto aggregate = config_from<AggregateConfig>({"aggregate", "--query", text});
        REQUIRE(audit.query.job != nullptr);
        CHECK(audit.spec == aggregate.spec);
        CHECK(audit.results_topic == aggregate.results_topic);
    }
}

TEST_CASE("The configuration of a statement can be read again", "[statement]") {
    for (const std::string& text : {kOfFlags, kOfStatements}) {
        const TemporaryFile printed(
            text_from({"aggregate", "--query", text + "\n-- \"x\"", "--print-config"}));
        const auto again = config_from<AggregateConfig>({"aggregate", "--config", printed.path()});
        const auto once = config_from<AggregateConfig>({"aggregate", "--query", text});
        CHECK(again.spec == once.spec);
        CHECK(again.results_topic == once.results_topic);
    }
}

}  // namespace kstream::cli
