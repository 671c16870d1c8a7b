// Where option values come from, which of them counts, and what is said about those that are wrong.
#include "cli/validate.hpp"
#include "support/cli_fixture.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <chrono>

namespace kstream::cli {
namespace {

using std::chrono::milliseconds;
using Lines = std::vector<std::string>;
using Pairs = std::vector<std::pair<std::string, std::string>>;

}  // namespace

TEST_CASE("Without options every value is the default") {
    const auto config = config_from<AggregateConfig>({"aggregate"});
    CHECK(config.common.brokers == kDefaultBrokers);
    CHECK(config.application_id == "kstream");
    CHECK(config.spec == default_job());
    CHECK(config.workers == 1);
    CHECK(config.commit_interval == milliseconds(100));
    CHECK_FALSE(config.until_end);
    CHECK_FALSE(config.common.http);
    CHECK_FALSE(config_from<ProduceConfig>({"produce"}).count);
}

TEST_CASE("Command line wins over environment over file over default, for every type") {
    const TemporaryFile file(
        "[produce]\n"
        "topic = from-file\n"  // text
        "count = 1\n"          // whole number
        "rate = 1.5\n"         // real number
        "duration = 1s\n"      // duration
        "json = true\n"        // flag
        "log-level = error\n"  // choice
        "start-time = 1000\n"  // form of its own
        "http = 127.0.0.1:1\n");
    const Environment environment{
        {"KSTREAM_CONFIG", file.path()}, {"KSTREAM_TOPIC", "from-environment"},
        {"KSTREAM_COUNT", "2"},          {"KSTREAM_RATE", "2.5"},
        {"KSTREAM_DURATION", "2s"},      {"KSTREAM_JSON", "false"},
        {"KSTREAM_LOG_LEVEL", "warn"},   {"KSTREAM_START_TIME", "2000"},
        {"KSTREAM_HTTP", "127.0.0.1:2"},
    };

    SECTION("file over default") {
        const auto config = config_from<ProduceConfig>({"produce", "--config", file.path()});
        CHECK(config.topic == "from-file");
        CHECK(config.count == 1U);
        CHECK(config.rate == 1.5);
        CHECK(config.duration == milliseconds(1000));
        CHECK(config.json);
        CHECK(config.common.log_level == LogLevel::error);
        CHECK(config.start_time == 1000);
        CHECK(config.common.http == "127.0.0.1:1");
    }
    SECTION("environment over file") {
        const auto config = config_from<ProduceConfig>({"produce"}, environment);
        CHECK(config.topic == "from-environment");
        CHECK(config.count == 2U);
        CHECK(config.rate == 2.5);
        CHECK(config.duration == milliseconds(2000));
        CHECK_FALSE(config.json);
        CHECK(config.common.log_level == LogLevel::warn);
        CHECK(config.start_time == 2000);
        CHECK(config.common.http == "127.0.0.1:2");
    }
    SECTION("command line over both") {
        const auto config = config_from<ProduceConfig>(
            {"produce", "--topic", "from-flag", "--count=3", "--rate", "3.5", "--duration", "3s",
             "--json", "--log-level", "debug", "--start-time", "1970-01-01T00:50:00Z", "--http",
             "127.0.0.1:3"},
            environment);
        CHECK(config.topic == "from-flag");
        CHECK(config.count == 3U);
        CHECK(config.rate == 3.5);
        CHECK(config.duration == milliseconds(3000));
        CHECK(config.json);
        CHECK(config.common.log_level == LogLevel::debug);
        CHECK(config.start_time == 3000);
        CHECK(config.common.http == "127.0.0.1:3");
    }
    SECTION("a flag can be taken back on the command line") {
        CHECK_FALSE(
            config_from<ProduceConfig>({"produce", "--json=false", "--config", file.path()}).json);
    }
    SECTION("the file of the command line wins over that of the environment") {
        const TemporaryFile other("[produce]\ntopic = from-other-file\n");
        CHECK(config_from<ProduceConfig>({"produce", "--config", other.path()},
                                         {{"KSTREAM_CONFIG", file.path()}})
                  .topic == "from-other-file");
    }
}

TEST_CASE("A list of a higher level replaces the one below it") {
    const TemporaryFile file("[aggregate]\ngroup-by = a\ngroup-by = b\nsum = x\n");
    const Lines base{"aggregate", "--config", file.path()};

    CHECK(config_from<AggregateConfig>(base).spec.group_by == Lines{"a", "b"});
    CHECK(config_from<AggregateConfig>(base, {{"KSTREAM_GROUP_BY", "c,d"}}).spec.group_by ==
          Lines{"c", "d"});
    Lines words = base;
    words.insert(words.end(), {"--group-by", "e", "--group-by", "f"});
    CHECK(config_from<AggregateConfig>(words, {{"KSTREAM_GROUP_BY", "c,d"}}).spec.group_by ==
          Lines{"e", "f"});
}

TEST_CASE("Lists are divided alike wherever they stand") {
    const AggregationSpec expected{.source_topic = "financial_transactions",
                                   .group_by = {"a", "b c", "d,e"},
                                   .aggregates = {{aggregate_named("sum"), "amount", "sum_amount"},
                                                  {aggregate_named("sum"), "fee", "fees"},
                                                  {aggregate_named("count"), "", "n"}}};
    const std::string groups = R"(a, b\ c,d\,e)";
    const std::string sums = "amount, fee=fees";
    const TemporaryFile file("[aggregate]\ngroup-by = " + groups + "\nsum = " + sums +
                             "\ncount = n\n");
    CHECK(config_from<AggregateConfig>({"aggregate", "--config", file.path()}).spec == expected);
    CHECK(config_from<AggregateConfig>({"aggregate"}, {{"KSTREAM_GROUP_BY", groups},
                                                       {"KSTREAM_SUM", sums},
                                                       {"KSTREAM_AGGREGATE_COUNT", "n"}})
              .spec == expected);
    CHECK(config_from<AggregateConfig>(
              {"aggregate", "--group-by", groups, "--sum", sums, "--count", "n"})
              .spec == expected);
    CHECK(config_from<AuditConfig>({"audit", "--group-by", groups, "--sum", sums, "--count=n"})
              .spec == expected);
}

TEST_CASE("A comma in the value of a topic's configuration does not divide") {
    const Pairs expected{{"source.cleanup.policy", "compact,delete"},
                         {"results.retention.ms", "1"}};
    const std::string list = "source.cleanup.policy=compact,delete,results.retention.ms=1";
    CHECK(
        config_from<CreateTopicsConfig>({"create-topics", "--topic-config", list}).topic_configs ==
        expected);
    CHECK(config_from<CreateTopicsConfig>({"create-topics"}, {{"KSTREAM_TOPIC_CONFIG", list}})
              .topic_configs == expected);
}

TEST_CASE("What is not the name of a field is refused, and said how to write it") {
    const auto problem = [](const Lines& words) {
        Lines all{"aggregate", "--group-by", "g", "--count"};
        all.insert(all.end(), words.begin(), words.end());
        const Lines found = problems_from(all);
        REQUIRE(found.size() == 1);
        return found[0];
    };
    CHECK(problem({"--count", "5"}) ==
          R"(--count: '5' is a number where the name of a field is wanted; a field that is really )"
          R"(called so is \5)");
    CHECK(problem({"--group-by", "1"}).contains("is a number"));
    CHECK(problem({"--sum", "amount=2.5"}).contains("is a number"));
    CHECK(problem({"--group-by", "a b"}) ==
          R"(--group-by: 'a b' is not the name of a field: a comma divides several names; if )"
          R"(it is part of the name, put a backslash before it (\ ))");
    CHECK(problem({"--sum", "sum(amount)"}).contains("--sum amount"));
    CHECK(problem({"--count", "*"}).contains("--count alone counts the records"));
    CHECK(problem({"--group-by", "\"a\""}).contains("without quotes"));
    CHECK(problem({"--group-by", "a\tb"}).ends_with(R"(a backslash before it (\\x09))"));
    CHECK(problem({"--group-by", "a=b"}).contains("only aggregates of a field have FIELD=NAME"));
    CHECK(problem({"--group-by", "a,,b"}) == "--group-by: a name is missing");
    CHECK(problem({"--sum", "a,"}) == "--sum: not of the form FIELD or FIELD=NAME");
    CHECK(problem({"--group-by", "a\\"}).contains("ends in a backslash"));
    CHECK(config_from<AggregateConfig>({"aggregate", "--group-by", R"(\1)", "--count", R"(\5)"})
              .spec.aggregates.front()
              .output_name == "5");
}

TEST_CASE("A field that looks nested is warned of") {
    const auto said = [](const Lines& words) {
        return warnings(std::get<Command>(parse_words(words)));
    };
    CHECK(said({"aggregate"}).empty());
    CHECK(said({"produce"}).empty());
    const Lines found = said({"aggregate", "--group-by", "payload.seller,plain", "--sum", "a/b"});
    REQUIRE(found.size() == 2);
    CHECK(found[0] ==
          "--group-by 'payload.seller': nested fields are not read; this is taken for one field of "
          "that name at the top of each record");
    CHECK(found[1].starts_with("--sum 'a/b': "));
    CHECK(said({"audit", "--group-by", "items[0]", "--count"}).size() == 1);
}

TEST_CASE("Of an option that is given twice the last one counts") {
    CHECK(config_from<ProduceConfig>({"produce", "--count", "1", "--count", "2"}).count == 2U);
}

TEST_CASE("The section of the subcommand wins over what stands above the sections") {
    const TemporaryFile file(
        "log-level = error\nbrokers = all:1\n[aggregate]\nlog-level = debug\n[produce]\n"
        "brokers = produce:1\n");
    const auto aggregate = config_from<AggregateConfig>({"aggregate", "--config", file.path()});
    CHECK(aggregate.common.log_level == LogLevel::debug);
    CHECK(aggregate.common.brokers == "all:1");
    CHECK(config_from<ProduceConfig>({"produce", "--config", file.path()}).common.brokers ==
          "produce:1");
}

TEST_CASE("A file and an environment may serve all subcommands") {
    const TemporaryFile file("rate = 5\nworkers = 3\n");
    const Environment environment{{"KSTREAM_SEED", "nonsense"}, {"KSTREAM_COUNT", "nonsense"}};
    CHECK(
        config_from<AggregateConfig>({"aggregate", "--config", file.path()}, environment).workers ==
        3);
}

TEST_CASE("An empty environment variable is one that is not set") {
    CHECK(config_from<ProduceConfig>({"produce"}, {{"KSTREAM_COUNT", ""}, {"KSTREAM_FOO", ""}})
              .topic == "financial_transactions");
}

TEST_CASE("Variables that Kubernetes or the scripts make are passed over") {
    const Environment environment{{"KSTREAM_SERVICE_HOST", "10.0.0.1"},
                                  {"KSTREAM_SERVICE_PORT_METRICS", "9404"},
                                  {"KSTREAM_PORT", "tcp://10.0.0.1:9404"},
                                  {"KSTREAM_PORT_9404_TCP_ADDR", "10.0.0.1"},
                                  {"KSTREAM_DEBIAN_MIRROR", "http://localhost"},
                                  {"KSTREAM_CLUSTER_JVM_OPTIONS", "-Xmx1g"},
                                  {"KSTREAM_TEST_LOGS", "build/integration"},
                                  {"KSTREAM", "build/bin/kstream"},
                                  {"PATH", "/bin"}};
    CHECK(config_from<ProduceConfig>({"produce"}, environment).topic == "financial_transactions");
}

TEST_CASE("A bad environment value is an error that names the variable") {
    CHECK(problems_from({"produce"}, {{"KSTREAM_RATE", "fast"}}) ==
          Lines{"KSTREAM_RATE: 'fast' is not a number"});
    CHECK(problems_from({"produce"}, {{"KSTREAM_JSON", "maybe"}}) ==
          Lines{"KSTREAM_JSON: 'maybe' is not true or false"});
    CHECK(problems_from({"produce"}, {{"KSTREAM_CONFIG", "/nowhere/kstream.conf"}}) ==
          Lines{"/nowhere/kstream.conf: cannot be opened: No such file or directory"});
}

TEST_CASE("Unknown names are errors with the nearest one that exists") {
    CHECK(problems_from({"produce", "--brokres", "x"}) ==
          Lines{"--brokres: unknown option, did you mean --brokers?"});
    CHECK(problems_from({"produce", "--zzz=1"}) == Lines{"--zzz: unknown option"});
    CHECK(problems_from({"produce", "--workers", "2"}) ==
          Lines{"--workers: not an option of produce but of aggregate"});
    CHECK(problems_from({"prduce"}) ==
          Lines{"'prduce': unknown subcommand, did you mean produce?"});
    CHECK(problems_from({"produce"}, {{"KSTREAM_SEDE", "1"}}) ==
          Lines{"KSTREAM_SEDE: unknown environment variable, did you mean KSTREAM_SEED?"});
    // The words of other tools.
    for (const char* const name :
         {"--bootstrap-server", "--bootstrap-servers=x", "--broker-list"}) {
        CHECK(problems_from({"produce", name})[0].ends_with("did you mean --brokers?"));
    }
    CHECK(problems_from({"aggregate", "--topic-name", "t"}) ==
          Lines{"--topic-name: unknown option, did you mean --topic?"});
    CHECK(problems_from({"aggregate", "--group-id", "g"}) ==
          Lines{"--group-id: unknown option, did you mean --application-id?"});
    CHECK(problems_from({"aggregate", "--window", "1h"}) ==
          Lines{"--window: unknown option: windows are said in a statement: "
                "FROM tumble, hop or session (docs/WINDOWS.md)"});
    CHECK(problems_from({"aggregate", "--where", "x > 1"})[0].contains("the statement of --query"));
    CHECK(problems_from({"aggregate", "--avg", "x"})[0].contains("the statement of --query"));
    CHECK(
        problems_from({"produce"}, {{"KSTREAM_BOOTSTRAP_SERVERS", "x"}}) ==
        Lines{"KSTREAM_BOOTSTRAP_SERVERS: unknown environment variable, did you mean --brokers?"});
    CHECK(problems_from({"version"}) ==
          Lines{"'version': unknown subcommand, did you mean kstream --version?"});
    CHECK(problems_from({"aggregate", "--version"}) ==
          Lines{"--version: unknown option: see kstream --version"});
    // Help on what does not exist.
    CHECK(problems_from({"nonsense", "--help"}) == Lines{"'nonsense': unknown subcommand"});
    CHECK(problems_from({"--help", "agregate"}) ==
          Lines{"'agregate': unknown subcommand, did you mean aggregate?"});
    CHECK(problems_from({"--version", "--nonsense"}) == Lines{"--nonsense: unknown option"});
    CHECK(problems_from({"--brokers", "x", "produce"}) ==
          Lines{"--brokers: this option belongs after a subcommand"});
    CHECK(problems_from({"produce", "extra", "--", "more"}) ==
          Lines{"'extra': unexpected argument", "'more': unexpected argument"});
    CHECK(problems_from({}) == Lines{"no subcommand: see kstream --help"});
}

TEST_CASE("Unknown keys and sections of a file are errors that name the line") {
    const TemporaryFile file(
        "brokres = x\n\n[aggregate]\nrate = 5\n[agregate]\na = b\nc = d\n[produce]\nsede = 1\n");
    const std::string& path = file.path();
    CHECK(problems_from({"aggregate", "--config", path}) ==
          Lines{path + ":1: brokres: unknown key, did you mean brokers?",
                path + ":4: rate: unknown key",
                path + ":6: unknown section [agregate], did you mean aggregate?",
                path + ":9: sede: unknown key, did you mean seed?"});
}

TEST_CASE("A key that means different things must stand in a section") {
    const TemporaryFile file("count = 5\n");
    const Lines problems = problems_from({"produce", "--config", file.path()});
    REQUIRE(problems.size() == 1);
    CHECK(problems[0].starts_with(file.path() + ":1: count: belongs in a section"));
}

TEST_CASE("A key that stands twice in a file is an error, unless it can be repeated") {
    const TemporaryFile file("[produce]\nseed = 1\nseed = 2\n");
    CHECK(problems_from({"produce", "--config", file.path()}) ==
          Lines{file.path() + ":3: seed: is set a second time here"});
}

TEST_CASE("A property of the client library outside of its section is reported where it belongs") {
    const TemporaryFile file("security.protocol = ssl\nbootstrap.servers = x\n");
    CHECK(problems_from({"produce", "--config", file.path()}) ==
          Lines{file.path() +
                    ":1: security.protocol: unknown key: properties of the client library "
                    "belong in the section [client]",
                file.path() + ":2: bootstrap.servers: unknown key, did you mean brokers?"});
}

TEST_CASE("All problems are reported at once, each with where it comes from") {
    const TemporaryFile file("workers = many\nnonsense\n");
    const Lines problems = problems_from(
        {"aggregate", "--config", file.path(), "--scael", "3", "--commit-interval", "50", "--from"},
        {{"KSTREAM_SESSION_TIMEOUT", "1ms"}, {"KSTREAM_TIPOC", "t"}});
    CHECK(problems ==
          Lines{"--scael: unknown option, did you mean --scale?",
                file.path() + ": line 2: not of the form key = value",
                "KSTREAM_TIPOC: unknown environment variable, did you mean KSTREAM_TOPIC?",
                "--from: the value is missing",
                file.path() + ":1: workers: 'many' is not a whole number",
                "KSTREAM_SESSION_TIMEOUT: '1ms' is not within 1s .. 30m",
                "--commit-interval: '50' needs a unit: ms, s, m or h"});
}

TEST_CASE("A job is named whole or not at all") {
    SECTION("group-by and sums replace the default job") {
        const auto spec = config_from<AggregateConfig>({"aggregate", "--group-by", "moeda", "--sum",
                                                        "valor", "--count", "--sum", "taxa=taxas",
                                                        "--count", "n", "--scale", "2"})
                              .spec;
        CHECK(spec == AggregationSpec{.source_topic = "financial_transactions",
                                      .group_by = {"moeda"},
                                      .aggregates = {{aggregate_named("sum"), "valor", "sum_valor"},
                                                     {aggregate_named("count"), "", "count"},
                                                     {aggregate_named("sum"), "taxa", "taxas"},
                                                     {aggregate_named("count"), "", "n"}},
                                      .scale = 2});
    }
    SECTION("nothing of the default job remains") {
        const std::string options = fmt::format("{}", fmt::join(job_options(), ", "));
        CHECK(options.starts_with("--group-by, --sum, --count"));
        CHECK(problems_from({"aggregate", "--sum", "valor"}) ==
              Lines{options + ": there is no group-by field"});
        CHECK(problems_from({"aggregate", "--group-by", "moeda"}) ==
              Lines{options + ": there is no aggregate"});
    }
    SECTION("the scale alone does not name a job") {
        AggregationSpec expected = default_job();
        expected.scale = 4;
        CHECK(config_from<AggregateConfig>({"aggregate", "--scale", "4"}).spec == expected);
    }
    SECTION("from the environment") {
        const auto spec =
            config_from<AggregateConfig>({"aggregate"}, {{"KSTREAM_GROUP_BY", "a,b"},
                                                         {"KSTREAM_SUM", "x=sx,y"},
                                                         {"KSTREAM_AGGREGATE_COUNT", "n"},
                                                         {"KSTREAM_COUNT", "200000"}})
                .spec;
        CHECK(spec.group_by == Lines{"a", "b"});
        REQUIRE(spec.aggregates.size() == 3);
        CHECK(spec.aggregates[1].output_name == "sum_y");
        CHECK(spec.aggregates[2].output_name == "n");
    }
}

TEST_CASE("the option --from takes words and times") {
    const auto from = [](const std::string& text) {
        return config_from<AggregateConfig>({"aggregate", "--from", text}).from;
    };
    CHECK(from("earliest").kind == StartAt::Kind::earliest);
    CHECK(from("latest").kind == StartAt::Kind::latest);
    CHECK(from("2026-11-24T00:00:00.5Z").timestamp_ms == 1'795'478'400'500);
    CHECK(from("1795478400500").timestamp_ms == 1'795'478'400'500);
    CHECK(from("1795478400500").kind == StartAt::Kind::timestamp);
    CHECK(problems_from({"aggregate", "--from", "yesterday"}).size() == 1);
}

TEST_CASE("the option --until takes end and nothing else") {
    CHECK(config_from<AggregateConfig>({"aggregate", "--until", "end"}).until_end);
    CHECK(problems_from({"aggregate", "--until", "never"}) ==
          Lines{"--until: 'never' is none of end"});
}

TEST_CASE("Client properties come from all three places, the later one wins") {
    const TemporaryFile file("[client]\nlinger.ms = 1\nsecurity.protocol = SSL\nretries = 7\n");
    const auto config =
        config_from<ProduceConfig>({"produce", "--config", file.path(), "-X", "linger.ms=3",
                                    "-Xdebug=broker=x", "-X", "linger.ms=4"},
                                   {{"KSTREAM_X_LINGER_MS", "2"}, {"KSTREAM_X_RETRIES", "8"}});
    CHECK(config.common.client_properties == Pairs{{"security.protocol", "SSL"},
                                                   {"retries", "8"},
                                                   {"debug", "broker=x"},
                                                   {"linger.ms", "4"}});
}

TEST_CASE("Properties that would break exactly-once are refused with the reason") {
    CHECK(problems_from({"produce", "-X", "acks=1"}) ==
          Lines{"--client-property: acks cannot be set: always all: an acknowledged record must "
                "survive the loss of a broker"});
    CHECK(problems_from({"aggregate"}, {{"KSTREAM_X_TEST_MOCK_NUM_BROKERS", "3"}}) ==
          Lines{"KSTREAM_X_TEST_MOCK_NUM_BROKERS: test.mock.num.brokers cannot be set: a mock "
                "cluster ignores aborted transactions"});
    const TemporaryFile file("[client]\nisolation.level = read_uncommitted\n");
    CHECK(problems_from({"aggregate", "--config", file.path()}).size() == 1);
    CHECK(problems_from({"produce", "-X", "linger.ms"}) ==
          Lines{"--client-property: not of the form KEY=VALUE"});
}

TEST_CASE("Secrets are refused on the command line and never repeated") {
    for (const std::string property :
         {"sasl.password", "ssl.key.password", "sasl.oauthbearer.client.secret", "ssl.key.pem",
          "sasl.oauthbearer.config"}) {
        const Lines problems = problems_from({"produce", "-X", property + "=hunter2"});
        REQUIRE(problems.size() == 1);
        CHECK(problems[0].contains("must not be on the command line"));
        CHECK_FALSE(problems[0].contains("hunter2"));
    }
    CHECK(config_from<ProduceConfig>({"produce"}, {{"KSTREAM_X_SASL_PASSWORD", "hunter2"}})
              .common.client_properties == Pairs{{"sasl.password", "hunter2"}});
}

TEST_CASE("A file with secrets must not be readable by others") {
    const std::string text = "[client]\nsasl.password = hunter2\n";
    const TemporaryFile closed(text, 0600);
    CHECK(config_from<ProduceConfig>({"produce", "--config", closed.path()})
              .common.client_properties == Pairs{{"sasl.password", "hunter2"}});
    for (const mode_t mode : {0640U, 0604U, 0660U}) {
        const TemporaryFile open(text, mode);
        const Lines problems = problems_from({"produce", "--config", open.path()});
        REQUIRE(problems.size() == 1);
        CHECK(problems[0].contains("a secret in a file that others can read"));
        CHECK_FALSE(problems[0].contains("hunter2"));
    }
    const TemporaryFile harmless("[client]\nlinger.ms = 5\n", 0644);
    CHECK(config_from<ProduceConfig>({"produce", "--config", harmless.path()})
              .common.client_properties == Pairs{{"linger.ms", "5"}});
}

TEST_CASE("HTTP stays on this machine unless the user says otherwise") {
    for (const std::string address :
         {"127.0.0.1:9404", "127.8.0.1:0", "[::1]:9404", "localhost:9404"}) {
        CHECK(config_from<AggregateConfig>({"aggregate", "--http", address}).common.http ==
              address);
    }
    for (const std::string address : {"0.0.0.0:9404", "10.0.0.1:9404", "[::]:9404"}) {
        const Lines problems = problems_from({"aggregate", "--http", address});
        REQUIRE(problems.size() == 1);
        CHECK(problems[0].contains("--http-allow-remote"));
        CHECK(config_from<AggregateConfig>({"aggregate", "--http", address, "--http-allow-remote"})
                  .common.http == address);
    }
    for (const std::string address : {"9404", ":9404", "example.org:80", "127.0.0.1:65536",
                                      "127.0.0.1:", "::1:9404", "127.0.0.1:+1"}) {
        CHECK(problems_from({"aggregate", "--http", address}).size() == 1);
    }
}

// __consumer_offsets as a source ended in an exit code that says "please report it".
TEST_CASE("Topics of Kafka's own are refused by name, wherever a topic is named") {
    for (const char* command : {"produce", "create-topics", "aggregate", "audit"}) {
        for (const char* option : {"--topic", "--output-topic"}) {
            for (const char* topic : {"__consumer_offsets", "__transaction_state", "__own"}) {
                CAPTURE(command, option, topic);
                const Lines problems = problems_from({command, option, topic});
                REQUIRE(problems.size() == 1);
                CHECK(problems[0].contains(topic));
                CHECK(problems[0].contains("Kafka's own"));
            }
        }
    }
}

TEST_CASE("An application id may be as long as the names of its topics allow") {
    const std::string longest(230, 'a');
    CHECK(config_from<ResetConfig>({"reset", "--application-id", longest}).application_id ==
          longest);
    CHECK(problems_from({"reset", "--application-id", longest + "a"}).size() == 1);
}

TEST_CASE("Rules between options") {
    CHECK(problems_from({"reset"}) ==
          Lines{"--application-id must be given: it names the job whose state to delete"});
    CHECK(config_from<ResetConfig>({"reset", "--application-id", "a", "--results", "tombstone"})
              .results == ResultsOnReset::tombstone);
    CHECK(problems_from({"create-topics", "--min-insync-replicas", "4"}).size() == 1);
    CHECK(problems_from({"produce", "-t", "a", "--output-topic", "a"}).size() == 1);
    CHECK(problems_from({"produce", "-t", "a b"}).size() == 1);
    CHECK(problems_from({"produce", "-b", "host:0"}).size() == 1);
    CHECK(problems_from({"produce", "-b", "a:1,,b:2"}).size() == 1);
    CHECK(config_from<ProduceConfig>({"produce", "-b", "a,b:2,[::1]:3"}).common.brokers ==
          "a,b:2,[::1]:3");
    CHECK(problems_from({"create-topics", "--topic-config", "sink.a=b"}).size() == 1);
    CHECK(problems_from({"aggregate", "--group-protocol", "consumer", "--session-timeout", "9s"}) ==
          Lines{"--session-timeout with --group-protocol consumer: there it is the brokers' "
                "group.consumer.session.timeout.ms"});
    CHECK(config_from<AggregateConfig>({"aggregate", "--group-protocol", "consumer"})
              .group_protocol == "consumer");
    CHECK(config_from<CreateTopicsConfig>(
              {"create-topics", "--topic-config", "source.cleanup.policy=compact,delete"})
              .topic_configs == Pairs{{"source.cleanup.policy", "compact,delete"}});
}

TEST_CASE("Records of another shape take the options that they have, and a topic of their own") {
    const auto config = config_from<ProduceConfig>(
        {"produce", "--shape", "nexmark", "-t", "bids", "--out-of-order", "2%", "--out-of-order-by",
         "10m", "--start-time", "2024-05-14T12:00:00Z", "--threads", "3", "--seed", "9"});
    CHECK(config.shape == Shape::nexmark);
    CHECK(config.out_of_order == Share{20'000});
    CHECK(config.out_of_order_by == std::chrono::minutes(10));
    CHECK(config_from<ProduceConfig>({"produce"}).shape == Shape::transactions);
    CHECK(problems_from({"produce", "--shape", "nexmrak"}).size() == 1);
    // All of them at once, whether they come from the command line or from elsewhere.
    CHECK(
        problems_from({"produce", "--shape", "shuffle", "--output-topic", "o", "--users", "5",
                       "--skew", "zipf", "--form", "nested", "--locations", "2",
                       "--out-of-order-by", "1s", "--start-time", "0"},
                      {{"KSTREAM_SELLERS", "9"}}) ==
        Lines{"--topic must be given with --shape shuffle: financial_transactions is the topic of "
              "transactions",
              "--output-topic with --shape shuffle: only transactions have it",
              "--users with --shape shuffle: only transactions have it",
              "--sellers with --shape shuffle: only transactions have it",
              "--skew with --shape shuffle: only transactions have it",
              "--form with --shape shuffle: only transactions have it",
              "--locations with --shape shuffle: only transactions have it",
              "--out-of-order-by without --out-of-order: no event time is set back",
              "--start-time 0: with --shape shuffle it is within 1970-01-02 .. 5999-12-31"});
}

TEST_CASE("Transactions can be out of order, from a time on that can be set back") {
    CHECK(config_from<ProduceConfig>({"produce", "--out-of-order", "0.5", "--sellers", "7"})
              .out_of_order == Share{500'000});
    CHECK(problems_from({"produce", "--out-of-order", "2"}).size() == 1);
    CHECK(problems_from({"produce", "--out-of-order", "1%", "--out-of-order-by", "25h"}).size() ==
          1);
    CHECK(problems_from({"produce", "--out-of-order", "1%", "--start-time", "86399"}) ==
          Lines{"--start-time 86399: with --out-of-order it is within 1970-01-02 .. 5999-12-31"});
    CHECK(
        problems_from({"produce", "--out-of-order", "1%", "--start-time", "127174492800"}).size() ==
        1);
    CHECK(config_from<ProduceConfig>({"produce", "--out-of-order", "0", "--start-time", "-5"})
              .start_time == -5);
}

TEST_CASE("health needs the address of its process and nothing else of its options") {
    CHECK(config_from<HealthConfig>({"health"}, {{"KSTREAM_HTTP", "0.0.0.0:9404"}}).common.http ==
          "0.0.0.0:9404");
    // The environment and the file of the process that it asks.
    CHECK(config_from<HealthConfig>({"health"}, {{"KSTREAM_HTTP", "127.0.0.1:1"},
                                                 {"KSTREAM_WORKERS", "nonsense"},
                                                 {"KSTREAM_BROKERS", "a:1"},
                                                 {"KSTREAM_X_SASL_PASSWORD", "secret"}})
              .common.client_properties.empty());
    const TemporaryFile file("http = 127.0.0.1:2\n[aggregate]\nworkers = 3\n[client]\na = b\n");
    CHECK(config_from<HealthConfig>({"health", "--config", file.path()}).common.http ==
          "127.0.0.1:2");
    REQUIRE(problems_from({"health"}).size() == 1);
    CHECK(problems_from({"health"})[0].starts_with("--http must be given"));
    CHECK(problems_from({"health", "--http", "127.0.0.1:0"}).size() == 1);
    CHECK(problems_from({"health", "--http", "nonsense"}).size() == 1);
    CHECK(problems_from({"health", "--http", "127.0.0.1:1", "-b", "a:1"}).size() == 1);
}

TEST_CASE("bench takes options of what it measures, and writes latencies only where it has them") {
    const auto config = config_from<BenchConfig>({"bench", "--scenario", "latency", "--rate", "5k",
                                                  "--duration", "3s", "--percentiles", "a.hgrm"});
    CHECK(config.scenario == BenchScenario::latency);
    CHECK(config.rate == 5000);
    CHECK(config.duration == std::chrono::seconds(3));
    CHECK(config_from<BenchConfig>({"bench"}).scenario == BenchScenario::all);
    CHECK(config_from<BenchConfig>({"bench", "--records", "5M"}).records == 5'000'000);
    CHECK(problems_from({"bench", "--scenario", "consume", "--percentiles", "a.hgrm"}).size() == 1);
    CHECK(problems_from({"bench", "--scenario", "everything"}).size() == 1);
    CHECK(problems_from({"bench", "--records", "10"}).size() == 1);
    const auto statement = config_from<BenchConfig>(
        {"bench", "--scenario", "statement", "--query", "SELECT count(*) AS n FROM t"});
    REQUIRE(statement.query.job);
    CHECK(problems_from({"bench", "--query", "SELECT count(*) AS n FROM t"})[0].starts_with(
        "a statement is what --scenario statement measures"));
}

TEST_CASE("explain takes options of the cluster for its sample") {
    const auto config = config_from<ExplainConfig>(
        {"explain", "--query", "SELECT count(*) AS n FROM t", "--sample", "5", "-b", "a:1"});
    CHECK(config.sample == 5);
    CHECK(config.common.brokers == "a:1");
}

TEST_CASE("Help wins over everything that is wrong") {
    CHECK(text_from({"produce", "--nonsense", "--help"}, {{"KSTREAM_NONSENSE", "1"}})
              .starts_with("kstream produce - "));
    CHECK(text_from({"--help"}).starts_with("kstream - "));
    CHECK(text_from({"help"}).starts_with("kstream - "));
    CHECK(text_from({"help", "aggregate"}) == text_from({"aggregate", "-h"}));
    CHECK(text_from({"help", "exit-codes"}).contains("\n   70  "));
    CHECK(problems_from({"help", "metric"}) ==
          Lines{"'metric': no help on this, did you mean metrics?"});
    CHECK(std::get<Show>(parse_words({"help", "metrics"})).what == Show::What::metrics_help);
    CHECK(std::get<Show>(parse_words({"--version"})).what == Show::What::version);
    CHECK(std::get<Show>(parse_words({"--generate", "metrics-doc"})).what ==
          Show::What::metrics_doc);
    CHECK(problems_from({"--generate", "pdf"}).size() == 1);
}

}  // namespace kstream::cli
