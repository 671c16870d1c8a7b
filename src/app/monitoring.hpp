// The HTTP server of a running subcommand, wired to the snapshots.
#pragma once

#include "cli/config.hpp"
#include "kstream/error.hpp"
#include "kstream/ports/log.hpp"
#include "telemetry/http_server.hpp"
#include "telemetry/snapshot_store.hpp"

#include <memory>

namespace kstream::app {

// Serves /metrics, /healthz and /readyz from `snapshots` until destroyed; nullptr without --http.
// `snapshots` must outlive the server.
[[nodiscard]] Result<std::unique_ptr<telemetry::HttpServer>> start_monitoring(
    const cli::CommonConfig& config, const telemetry::SnapshotStore& snapshots, Log& log);

}  // namespace kstream::app
