#include "bench/bench_report.hpp"

#include "bench/figures/json_document.hpp"
#include "support/cli_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace kstream;
using namespace kstream::bench;
using bench::Better;

namespace {

BenchReport small_report() {
    BenchReport report;
    report.kstream = "kstream 0.0.0 (revision none)";
    report.librdkafka = "2.14.2";
    report.at = "2026-01-01T00:00:00Z";
    report.machine = {
        .cpu = "a \"fast\" one", .cores = 2, .kernel = "Linux", .memory = 1, .load = 0};
    report.settings = settings_of(cli::BenchConfig{});
    report.scenarios = {{"aggregate",
                         "total and count of every key",
                         {{"records_per_second", "records/s", Better::higher, {1e6, 3e6, 2e6}},
                          {"peak_memory", "MiB", Better::lower, {100, 100, 100}}}}};
    return report;
}

}  // namespace

TEST_CASE("a result that was written can be compared with") {
    BenchReport report = small_report();
    const cli::TemporaryFile file(bench_json(report));
    const auto earlier = read_earlier(file.path(), cli::BenchConfig{});
    REQUIRE(earlier);
    CHECK(settings_difference(*earlier, report).empty());
    REQUIRE(earlier->scenarios.size() == 1);
    CHECK(earlier->scenarios[0].name == "aggregate");
    REQUIRE(earlier->scenarios[0].figures.size() == 2);
    CHECK(earlier->scenarios[0].figures[0].rounds == std::vector<double>{1e6, 3e6, 2e6});
    CHECK(earlier->scenarios[0].figures[0].better == Better::higher);
    CHECK(earlier->scenarios[0].figures[1].better == Better::lower);

    const auto compared = bench::compare(earlier->scenarios, report.scenarios);
    CHECK(compared.size() == 2);
    CHECK_FALSE(comparison_text(*earlier, report, compared).contains("another machine"));
    report.machine.cores = 64;
    CHECK(comparison_text(*earlier, report, compared).contains("another machine"));
}

TEST_CASE("other settings than before are named") {
    const cli::TemporaryFile file(bench_json(small_report()));
    cli::BenchConfig other;
    other.records = 5;
    other.compression = "gzip";
    other.rounds = 9;  // only makes it better
    const auto earlier = read_earlier(file.path(), other);
    REQUIRE(earlier);
    BenchReport report = small_report();
    report.settings = settings_of(other);
    CHECK(settings_difference(*earlier, report) ==
          "records 30000000, now 5; compression lz4, now gzip");
}

TEST_CASE("a file that is no result is a usage error") {
    const cli::BenchConfig config;
    CHECK(read_earlier("/nonexistent/file", config).error().exit_code == ExitCode::usage);
    const cli::TemporaryFile text("not JSON");
    CHECK(read_earlier(text.path(), config).error().exit_code == ExitCode::usage);
    const cli::TemporaryFile foreign(R"({"format":2})");
    CHECK(read_earlier(foreign.path(), config).error().exit_code == ExitCode::usage);
}

TEST_CASE("values of client properties, which may be secrets, do not come out") {
    cli::BenchConfig config;
    config.common.client_properties = {{"sasl.password", "c4n4ry"}, {"linger.ms", "5"}};
    BenchReport report = small_report();
    report.settings = settings_of(config);
    CHECK(bench_text(report).contains("sasl.password,linger.ms"));
    CHECK_FALSE((bench_text(report) + bench_json(report)).contains("c4n4ry"));
}

TEST_CASE("the table has each figure with median, bounds and spread") {
    const std::string text = bench_text(small_report());
    CHECK(text.contains("records_per_second                 2000000       1000000       3000000"));
    CHECK(text.contains("100.0%  records/s"));
}
