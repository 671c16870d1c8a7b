// Two results of the same benchmark: which figures are worse by more than noise. Pure.
//
// A figure has moved when its medians differ by more than the noise of both sides: half of each
// spread, and never less than kMinNoise, which also stands in for the spread of a single round.
#pragma once

#include "bench/figures/figures.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace kstream::bench {

inline constexpr double kMinNoise = 0.05;

enum class Verdict : std::uint8_t { same, better, worse };

struct Compared {
    std::string scenario;
    std::string figure;
    double before = 0;
    double now = 0;
    double change = 0;  // of `before`, positive when it is better
    double noise = 0;   // what `change` has to exceed
    Verdict verdict = Verdict::same;
};

// Every figure that gets better or worse and stands in both, in the order of `now`.
[[nodiscard]] std::vector<Compared> compare(const std::vector<ScenarioResult>& before,
                                            const std::vector<ScenarioResult>& now);

}  // namespace kstream::bench
