// The text of /metrics, from snapshots only: nothing here is shared with a loop.
#pragma once

#include "telemetry/metric_table.hpp"
#include "telemetry/snapshot_store.hpp"

#include <string>

namespace kstream::telemetry {

// Prometheus' text format, version 0.0.4. Metrics without a sample are left out.
[[nodiscard]] std::string exposition(const Snapshots& snapshots, const BuildInfo& build,
                                     const ProcessStatus& process);
inline constexpr const char* kExpositionType = "text/plain; version=0.0.4; charset=utf-8";

}  // namespace kstream::telemetry
