// What /healthz and /readyz say, from snapshots only.
#pragma once

#include "telemetry/snapshot_store.hpp"

#include <string>

namespace kstream::telemetry {

struct Verdict {
    bool ok = true;
    std::string reason;  // one line without its end
};

// A loop that has said nothing for this long hangs: each reports at least once a second.
inline constexpr Duration kSilenceLimit = std::chrono::seconds(30);

// Whether the process is alive: not ok means that a restart may help.
[[nodiscard]] Verdict liveness(const Snapshots& snapshots);

// Whether the process does its work: not ok means that waiting may help.
[[nodiscard]] Verdict readiness(const Snapshots& snapshots);

}  // namespace kstream::telemetry
