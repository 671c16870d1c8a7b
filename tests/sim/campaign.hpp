// Many histories on all cores: what they showed, and the smallest form of those that failed.
#pragma once

#include "sim/options.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace kstream::sim {

// Both return the exit code: 0 when all went well, 1 when a history failed.
[[nodiscard]] int run_one(const Options& options);
[[nodiscard]] int run_campaign(const Options& options);

// Runs seeds on all cores until one fails; that one, and why. `of_windows`: passes over those whose
// jobs have no windows.
struct Failure {
    std::uint64_t seed = 0;
    std::string reason;
};
[[nodiscard]] std::optional<Failure> first_failure(const Options& options, bool of_windows = false);

// Fewer records, fewer faults, fewer kinds of them, as long as it still fails.
[[nodiscard]] Replay shrink(Replay failing);

}  // namespace kstream::sim
