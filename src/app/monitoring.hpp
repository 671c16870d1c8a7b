// The HTTP server of a running subcommand, wired to what it shows.
#pragma once

#include "cli/config.hpp"
#include "kstream/error.hpp"
#include "kstream/ports/clock.hpp"
#include "kstream/ports/log.hpp"
#include "telemetry/http_server.hpp"
#include "telemetry/snapshot_store.hpp"
#include "telemetry/state_board.hpp"
#include "telemetry/status_json.hpp"

#include <memory>
#include <string>

namespace kstream::app {

// Serves the paths of docs/STATUS.md and METRICS.md until destroyed.
class Monitoring {
public:
    // Without --http nothing is served. Everything must outlive it.
    [[nodiscard]] static Result<std::unique_ptr<Monitoring>> start(
        const cli::Command& command, const telemetry::SnapshotStore& snapshots,
        telemetry::StateBoard& board, const Clock& clock, Log& log);

    // Where others reach it; empty when nothing is served, or nobody knows the address.
    [[nodiscard]] const std::string& address() const { return facts_.http; }
    [[nodiscard]] bool serves() const { return server_ != nullptr; }

private:
    Monitoring() = default;

    telemetry::StatusFacts facts_;
    std::unique_ptr<telemetry::HttpServer> server_;  // last: its thread reads the facts
};

}  // namespace kstream::app
