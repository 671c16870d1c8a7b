#include "bench/run.hpp"

#include "bench/figures/percentile_file.hpp"
#include "bench/scenarios.hpp"
#include "process/random_id.hpp"
#include "topics/ensure_topics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <utility>

namespace kstream::bench {

namespace {

using cli::BenchScenario;

constexpr std::chrono::milliseconds kClusterWait{10000};
constexpr double kMicrosecondsPerMillisecond = 1000;

bool wants(const cli::BenchConfig& config, BenchScenario scenario) {
    return config.scenario == BenchScenario::all || config.scenario == scenario;
}

// Runs of the same moment must not share names.
std::string run_name() {
    return fmt::format("kstream-bench-{:08x}", static_cast<std::uint32_t>(process::random_id()));
}

void append(BenchReport& report, ScenarioResult result) {
    report.scenarios.push_back(std::move(result));
}

// produce, consume and aggregate share their records.
Result<void> measure_streams(Bench& bench, BenchReport& report) {
    Dataset data;
    if (wants(bench.config, BenchScenario::produce)) {
        auto result = measure_produce(bench, data);
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
        auto made = make_dataset(bench, even_records(bench.config));
        if (!made) {
            return std::unexpected(std::move(made.error()));
        }
        data = std::move(*made);
    }
    if (aggregates) {
        auto results = measure_aggregate(bench, data);
        if (!results) {
            return std::unexpected(std::move(results.error()));
        }
        std::ranges::move(*results, std::back_inserter(report.scenarios));
        return {};
    }
    auto result = measure_consume(bench, data);
    if (!result) {
        return std::unexpected(std::move(result.error()));
    }
    append(report, std::move(*result));
    return {};
}

Result<void> write_percentiles(const std::string& path, const LatencyHistogram& latency_us) {
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file << percentile_file(latency_us, kMicrosecondsPerMillisecond);
    file.close();
    if (!file) {
        return fail(ExitCode::usage, fmt::format("--percentiles {}: cannot be written", path));
    }
    return {};
}

Result<void> measure_on_cluster(Bench& bench, BenchReport& report) {
    if (auto done = measure_streams(bench, report); !done) {
        return done;
    }
    if (wants(bench.config, BenchScenario::latency)) {
        auto result = measure_latency(bench);
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
        auto result = measure_keys(bench);
        if (!result) {
            return std::unexpected(std::move(result.error()));
        }
        append(report, std::move(*result));
    }
    const BenchScenario scenario = bench.config.scenario;
    if (scenario == BenchScenario::statement || scenario == BenchScenario::windows) {
        auto results = scenario == BenchScenario::statement ? measure_statement(bench)
                                                            : measure_windows(bench);
        if (!results) {
            return std::unexpected(std::move(results.error()));
        }
        std::ranges::move(*results, std::back_inserter(report.scenarios));
    }
    if (wants(bench.config, BenchScenario::restore)) {
        auto result = measure_restore(bench);
        if (!result) {
            return std::unexpected(std::move(result.error()));
        }
        append(report, std::move(*result));
    }
    return {};
}

Result<Bench> open_bench(const cli::BenchConfig& config, const Surroundings& around,
                         BenchReport& report) {
    auto admin = topics::make_admin(config.common, around.log, around.stop);
    if (!admin) {
        return std::unexpected(std::move(admin.error()));
    }
    const auto cluster = admin->wait_for_cluster(1, kClusterWait);
    if (!cluster) {
        return std::unexpected(cluster.error());
    }
    const kafka::ClientConfig client{config.common.brokers, "kstream-bench",
                                     config.common.client_properties, &around.log};
    auto cleaner = kafka::Admin::make(client);
    if (!cleaner) {
        return std::unexpected(std::move(cleaner.error()));
    }
    const cli::TopicPolicy policy;
    report.cluster =
        BenchCluster{.id = cluster->cluster_id,
                     .brokers = cluster->brokers.size(),
                     .replication_factor = std::min(policy.replication_factor,
                                                    static_cast<int>(cluster->brokers.size())),
                     .partitions = policy.partitions};
    return Bench{.config = config,
                 .log = around.log,
                 .stop = around.stop,
                 .clock = around.clock,
                 .admin = std::move(*admin),
                 .cleaner = std::move(*cleaner),
                 .client = client,
                 .brokers = BrokerProcesses(cluster->brokers),
                 .run = run_name(),
                 .latency_us = {}};
}

}  // namespace

Result<void> measure(const cli::BenchConfig& config, const Surroundings& around,
                     BenchReport& report) {
    if (wants(config, BenchScenario::decode)) {
        auto result = measure_decode(config);
        if (!result) {
            return std::unexpected(std::move(result.error()));
        }
        append(report, std::move(*result));
    }
    if (config.scenario != BenchScenario::decode) {
        auto opened = open_bench(config, around, report);
        if (!opened) {
            return std::unexpected(std::move(opened.error()));
        }
        if (auto done = measure_on_cluster(*opened, report); !done) {
            return done;
        }
    }
    return {};
}

}  // namespace kstream::bench
