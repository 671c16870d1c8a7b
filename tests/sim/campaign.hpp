// Many histories on all cores: what they showed, and the smallest form of those that failed.
#pragma once

#include "sim/options.hpp"

namespace kstream::sim {

// Both return the exit code: 0 when all went well, 1 when a history failed.
[[nodiscard]] int run_one(const Options& options);
[[nodiscard]] int run_campaign(const Options& options);

// Fewer records, fewer faults, fewer kinds of them, as long as it still fails.
[[nodiscard]] Replay shrink(Replay failing);

}  // namespace kstream::sim
