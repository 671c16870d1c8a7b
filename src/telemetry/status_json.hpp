// The text of /status, from snapshots only. docs/STATUS.md says what each field means.
#pragma once

#include "telemetry/metric_table.hpp"
#include "telemetry/process_status.hpp"
#include "telemetry/snapshot_store.hpp"

#include <string>
#include <vector>

namespace kstream::telemetry {

// What does not change while the process runs.
struct StatusFacts {
    std::string command;         // "aggregate", "produce"
    std::string application_id;  // empty where there is none
    std::string source_topic;
    std::string results_topic;
    std::vector<std::string> group_by;
    std::vector<std::string> aggregates;  // output names
    std::string graph;                    // the one of them that is drawn; empty: none is a number
    std::string http;                     // as others reach it
    BuildInfo build;
};

[[nodiscard]] std::string status_json(const Snapshots& snapshots, const StatusFacts& facts,
                                      const ProcessStatus& process, double now_unix_seconds);

// The value that a share of the events between two counts did not exceed, to the precision of the
// buckets: linear within one, and the largest bound for what lies beyond it. None without events.
[[nodiscard]] std::optional<double> quantile_between(const HistogramView& before,
                                                     const HistogramView& after, double share);

inline constexpr const char* kJsonType = "application/json; charset=utf-8";

}  // namespace kstream::telemetry
