// /state and /state/KEY: the committed totals of this process. The loops answer between two of
// their iterations; until then the HTTP server serves others.
#pragma once

#include "telemetry/http_server.hpp"
#include "telemetry/snapshot_store.hpp"
#include "telemetry/state_board.hpp"
#include "telemetry/status_json.hpp"

#include <chrono>
#include <cstddef>

namespace kstream::telemetry {

inline constexpr std::size_t kDefaultStateKeys = 100;
inline constexpr std::size_t kMaxStateKeys = 1000;
inline constexpr std::size_t kMaxStateBytes = 512 << 10;  // of keys and values in one answer
// A loop that has not answered by then is busy with something long: 503.
inline constexpr std::chrono::milliseconds kStatePatience{1000};

// Everything must outlive the replies.
struct StateSources {
    StateBoard& board;
    const SnapshotStore& snapshots;
    const Clock& clock;
    const StatusFacts& facts;
};

[[nodiscard]] HttpReply list_state(const StateSources& sources, const HttpRequest& request);
[[nodiscard]] HttpReply find_state(const StateSources& sources, const HttpRequest& request);

}  // namespace kstream::telemetry
