// The subcommands, as dispatch calls them: each is one composition root, <name>.cpp, that wires
// the adapters together, runs, and says how it ended.
#pragma once

#include "app/monitoring.hpp"
#include "cli/config.hpp"
#include "kstream/exit_code.hpp"
#include "kstream/ports/clock.hpp"
#include "kstream/ports/log.hpp"
#include "process/stop_signal.hpp"
#include "telemetry/snapshot_store.hpp"
#include "telemetry/state_board.hpp"

namespace kstream::app {

// What every subcommand gets from dispatch; all of it outlives the call. With --http the server
// already runs and shows what is published to `snapshots`. aggregate calls expect_loops() once it
// knows how many loops it will start.
struct AppContext {
    Log& log;
    process::StopSignal& stop;
    const Clock& clock;
    telemetry::SnapshotStore& snapshots;
    telemetry::StateBoard& states;  // aggregate adds a desk for each totals loop
    const Monitoring& monitoring;
};

// One for each subcommand.
// stdout is for results only; everything else goes to the log. An exit code that is not ok has been
// explained in the log.
[[nodiscard]] ExitCode run_command(const cli::ProduceConfig& config, AppContext& context);
[[nodiscard]] ExitCode run_command(const cli::CreateTopicsConfig& config, AppContext& context);
[[nodiscard]] ExitCode run_command(const cli::AggregateConfig& config, AppContext& context);
[[nodiscard]] ExitCode run_command(const cli::AuditConfig& config, AppContext& context);
[[nodiscard]] ExitCode run_command(const cli::ResultsConfig& config, AppContext& context);
[[nodiscard]] ExitCode run_command(const cli::ResetConfig& config, AppContext& context);
[[nodiscard]] ExitCode run_command(const cli::BenchConfig& config, AppContext& context);
[[nodiscard]] ExitCode run_command(const cli::ExplainConfig& config, AppContext& context);
[[nodiscard]] ExitCode run_command(const cli::LatenessConfig& config, AppContext& context);
// Prints one line on stdout, whatever the answer.
[[nodiscard]] ExitCode run_health(const cli::HealthConfig& config);

}  // namespace kstream::app
