// kstream bench: runs the scenarios, one after another, and reports them. What each measures stands
// at the top of its file in bench/.
//
//   environment -> scenarios (topics of their own, removed again) -> table or JSON -> --against
#include "app/commands.hpp"
#include "bench/bench_report.hpp"
#include "bench/figures/comparison.hpp"
#include "bench/figures/percentile_file.hpp"
#include "bench/scenarios.hpp"
#include "cli/values.hpp"
#include "kstream/ports/explain.hpp"
#include "kstream/version.hpp"
#include "topics/ensure_topics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <random>
#include <utility>

namespace kstream::app {

namespace {

using cli::BenchScenario;

constexpr std::chrono::milliseconds kClusterWait{10000};
constexpr double kMicrosecondsPerMillisecond = 1000;

bool wants(const cli::BenchConfig& config, BenchScenario scenario) {
    return config.scenario == BenchScenario::all || config.scenario == scenario;
}

bench::BenchReport empty_report(const cli::BenchConfig& config, const Clock& clock) {
    bench::BenchReport report;
    report.kstream = fmt::format("kstream {} (revision {})", version().number, version().revision);
    report.librdkafka = kafka::library_version();
    report.at = cli::print_rfc3339(clock.wall_ms());
    report.machine = bench::read_machine();
    report.settings = bench::settings_of(config);
    return report;
}

// Runs of the same moment must not share names.
std::string run_name() {
    return fmt::format("kstream-bench-{:08x}", std::random_device{}());
}

void append(bench::BenchReport& report, bench::ScenarioResult result) {
    report.scenarios.push_back(std::move(result));
}

// produce, consume and aggregate share their records.
Result<void> measure_streams(bench::Bench& bench, bench::BenchReport& report) {
    bench::Dataset data;
    if (wants(bench.config, BenchScenario::produce)) {
        auto result = bench::measure_produce(bench, data);
        if (!result) {
            return std::unexpected(std::move(result.error()));
        }
        append(report, std::move(*result));
    }
    const bool aggregates = wants(bench.config, BenchScenario::aggregate);
    if (!aggregates && !wants(bench.config, BenchScenario::consume)) {
        return {};
    }
    if (!data.job) {
        auto made = bench::make_dataset(bench, bench::even_records(bench.config));
        if (!made) {
            return std::unexpected(std::move(made.error()));
        }
        data = std::move(*made);
    }
    if (aggregates) {
        auto results = bench::measure_aggregate(bench, data);
        if (!results) {
            return std::unexpected(std::move(results.error()));
        }
        std::ranges::move(*results, std::back_inserter(report.scenarios));
        return {};
    }
    auto result = bench::measure_consume(bench, data);
    if (!result) {
        return std::unexpected(std::move(result.error()));
    }
    append(report, std::move(*result));
    return {};
}

Result<void> write_percentiles(const std::string& path, const LatencyHistogram& latency_us) {
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file << bench::percentile_file(latency_us, kMicrosecondsPerMillisecond);
    file.close();
    if (!file) {
        return fail(ExitCode::usage, fmt::format("--percentiles {}: cannot be written", path));
    }
    return {};
}

Result<void> measure_on_cluster(bench::Bench& bench, bench::BenchReport& report) {
    if (auto done = measure_streams(bench, report); !done) {
        return done;
    }
    if (wants(bench.config, BenchScenario::latency)) {
        auto result = bench::measure_latency(bench);
        if (!result) {
            return std::unexpected(std::move(result.error()));
        }
        append(report, std::move(*result));
        if (!bench.config.percentiles.empty()) {
            if (auto written = write_percentiles(bench.config.percentiles, bench.latency_us);
                !written) {
                return written;
            }
        }
    }
    if (wants(bench.config, BenchScenario::keys)) {
        auto result = bench::measure_keys(bench);
        if (!result) {
            return std::unexpected(std::move(result.error()));
        }
        append(report, std::move(*result));
    }
    if (wants(bench.config, BenchScenario::restore)) {
        auto result = bench::measure_restore(bench);
        if (!result) {
            return std::unexpected(std::move(result.error()));
        }
        append(report, std::move(*result));
    }
    return {};
}

Result<bench::Bench> open_bench(const cli::BenchConfig& config, AppContext& context,
                                bench::BenchReport& report) {
    auto admin = topics::make_admin(config.common, context.log, context.stop);
    if (!admin) {
        return std::unexpected(std::move(admin.error()));
    }
    const auto cluster = admin->wait_for_cluster(1, kClusterWait);
    if (!cluster) {
        return std::unexpected(cluster.error());
    }
    const kafka::ClientConfig client{config.common.brokers, "kstream-bench",
                                     config.common.client_properties, &context.log};
    auto cleaner = kafka::Admin::make(client);
    if (!cleaner) {
        return std::unexpected(std::move(cleaner.error()));
    }
    const cli::TopicPolicy policy;
    report.cluster = bench::BenchCluster{
        .id = cluster->cluster_id,
        .brokers = cluster->brokers.size(),
        .replication_factor =
            std::min(policy.replication_factor, static_cast<int>(cluster->brokers.size())),
        .partitions = policy.partitions};
    return bench::Bench{.config = config,
                        .log = context.log,
                        .stop = context.stop,
                        .clock = context.clock,
                        .admin = std::move(*admin),
                        .cleaner = std::move(*cleaner),
                        .client = client,
                        .brokers = bench::BrokerProcesses(cluster->brokers),
                        .run = run_name(),
                        .latency_us = {}};
}

Result<bench::BenchReport> measure(const cli::BenchConfig& config, AppContext& context) {
    bench::BenchReport report = empty_report(config, context.clock);
    if (wants(config, BenchScenario::decode)) {
        auto result = bench::measure_decode(config);
        if (!result) {
            return std::unexpected(std::move(result.error()));
        }
        append(report, std::move(*result));
    }
    if (config.scenario != BenchScenario::decode) {
        auto opened = open_bench(config, context, report);
        if (!opened) {
            return std::unexpected(std::move(opened.error()));
        }
        if (auto done = measure_on_cluster(*opened, report); !done) {
            return std::unexpected(std::move(done.error()));
        }
    }
    return report;
}

// The verdict of --against, to stderr's side of the output only when stdout is for machines.
ExitCode compare_with(const bench::EarlierResult& earlier, const bench::BenchReport& report,
                      const cli::BenchConfig& config) {
    const std::vector<bench::Compared> compared =
        bench::compare(earlier.scenarios, report.scenarios);
    const std::string text = bench::comparison_text(earlier, report, compared);
    std::fputs(text.c_str(), config.json ? stderr : stdout);
    return std::ranges::any_of(
               compared,
               [](const bench::Compared& one) { return one.verdict == bench::Verdict::worse; })
               ? ExitCode::slower
               : ExitCode::ok;
}

}  // namespace

ExitCode run_bench(const cli::BenchConfig& config, AppContext& context) {
    std::optional<bench::EarlierResult> earlier;
    if (!config.against.empty()) {  // before minutes are spent
        auto read = bench::read_earlier(config.against, config);
        if (!read) {
            return explain(context.log, "nothing to compare with", read.error());
        }
        earlier = std::move(*read);
        if (const std::string found =
                bench::settings_difference(*earlier, empty_report(config, context.clock));
            !found.empty()) {
            return explain(context.log, "nothing to compare with",
                           Error::stop(ExitCode::usage,
                                       fmt::format("--against {}: measured with other settings: {}",
                                                   config.against, found)));
        }
    }
    const Result<bench::BenchReport> report = measure(config, context);
    if (!report) {
        // A stop makes whatever goes on fail in its own words.
        const bool stopped =
            context.stop.requested() && report.error().exit_code != ExitCode::proved_wrong;
        return explain(context.log, "nothing is reported",
                       stopped ? bench::interrupted_bench() : report.error());
    }
    std::fputs((config.json ? bench::bench_json(*report) : bench::bench_text(*report)).c_str(),
               stdout);
    return earlier ? compare_with(*earlier, *report, config) : ExitCode::ok;
}

}  // namespace kstream::app
