// Parse, then print or run. What every subcommand needs is made here, once.
#include "app/dispatch.hpp"

#include "app/commands.hpp"
#include "app/monitoring.hpp"
#include "app/statement_zones.hpp"
#include "app/version_text.hpp"
#include "cli/parse.hpp"
#include "cli/validate.hpp"
#include "kafka/detached.hpp"
#include "kstream/ports/explain.hpp"
#include "process/process_limits.hpp"
#include "process/standard_output.hpp"
#include "process/stop_signal.hpp"
#include "telemetry/log.hpp"
#include "telemetry/metric_table.hpp"
#include "telemetry/snapshot_store.hpp"
#include "telemetry/system_clock.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <type_traits>
#include <variant>

namespace kstream::app {
namespace {

// Of clients that do not come to their end.
constexpr std::chrono::seconds kDetachedLimit{1};

ExitCode print(std::string_view text) {
    if (const Result<bool> written = process::write_to_stdout(text); !written) {
        fmt::print(stderr, "kstream: {}\n", written.error().message);
        return written.error().exit_code;
    }
    return ExitCode::ok;
}

ExitCode show(const cli::Show& show) {
    switch (show.what) {
        case cli::Show::What::text:
            return print(show.text);
        case cli::Show::What::version:
            return print(version_text());
        case cli::Show::What::metrics_help:
            return print(telemetry::metrics_help());
        case cli::Show::What::metrics_doc:
            return print(telemetry::metrics_doc());
    }
    return ExitCode::internal;
}

ExitCode report(const cli::Problems& problems) {
    for (const std::string& line : problems.lines) {
        fmt::print(stderr, "kstream: {}\n", line);
    }
    return ExitCode::usage;
}

// What runs beside the process whose options it shares must not want that process's port.
cli::Command beside_others(cli::Command command) {
    auto* const aggregate = std::get_if<cli::AggregateConfig>(&command);
    if (aggregate != nullptr && aggregate->dry_run) {
        aggregate->common.http.reset();
    }
    return command;
}

ExitCode execute(const cli::Command& command, process::StopSignal& stop) {
    if (const auto* const health = std::get_if<cli::HealthConfig>(&command)) {
        return run_health(*health);  // asks the process that has the port, and must not want it
    }
    const cli::CommonConfig& common = std::visit(
        [](const auto& config) -> const cli::CommonConfig& { return config.common; }, command);
    const telemetry::SystemClock clock;
    telemetry::LineLog log(clock, {.level = common.log_level,
                                   .format = common.log_json ? telemetry::LogFormat::json
                                                             : telemetry::LogFormat::text});
    for (const std::string& warning : cli::warnings(command)) {
        log.write(LogLevel::warn, warning);
    }
    telemetry::SnapshotStore snapshots(clock);
    telemetry::StateBoard states;
    const auto monitoring = Monitoring::start(command, snapshots, states, clock, log);
    if (!monitoring) {
        return explain(log, monitoring.error(), "http server not started");
    }
    AppContext context{.log = log,
                       .stop = stop,
                       .clock = clock,
                       .snapshots = snapshots,
                       .states = states,
                       .monitoring = **monitoring};
    const ExitCode code = std::visit(
        [&]<typename Config>(const Config& config) {
            if constexpr (std::is_same_v<Config, cli::HealthConfig>) {
                return run_health(config);
            } else {
                return run_command(config, context);
            }
        },
        command);
    if (!kafka::wait_for_detached(std::chrono::steady_clock::now() + kDetachedLimit)) {
        std::fflush(nullptr);
        std::_Exit(to_int(code));  // the log has to stay as long as they do
    }
    return code;
}

}  // namespace

ExitCode run(std::span<const std::string> arguments, const cli::Environment& environment) {
    const auto stop = process::StopSignal::install();
    if (!stop) {
        fmt::print(stderr, "kstream: {}\n", stop.error().message);
        return stop.error().exit_code;
    }
    const cli::Parsed parsed = cli::parse(arguments, environment, zone_fingerprint);
    if (const auto* const problems = std::get_if<cli::Problems>(&parsed)) {
        return report(*problems);
    }
    if (const auto* const shown = std::get_if<cli::Show>(&parsed)) {
        return show(*shown);
    }
    process::raise_open_files();
    return execute(beside_others(std::get<cli::Command>(parsed)), **stop);
}

}  // namespace kstream::app
