#include "bench/figures/percentile_file.hpp"

#include <fmt/format.h>

#include <cmath>
#include <cstdint>
#include <iterator>

namespace kstream::bench {

namespace {

constexpr int kStepsPerHalving = 5;

// The nth share to show. Each halving begins at its exact number, so that 0.75 is no more than
// that.
double share_at(int number) {
    const int halvings = number / kStepsPerHalving;
    const double left = std::exp2(-halvings);
    return 1 - left + left / 2 * (number % kStepsPerHalving) / kStepsPerHalving;
}

}  // namespace

std::string percentile_file(const LatencyHistogram& histogram, double scale) {
    std::string text = fmt::format("{:>12} {:>14} {:>10} {:>14}\n\n", "Value", "Percentile",
                                   "TotalCount", "1/(1-Percentile)");
    const auto line = [&](std::uint64_t value, double share) {
        fmt::format_to(std::back_inserter(text), "{:12.3f} {:1.12f} {:10}",
                       static_cast<double>(value) / scale, share, histogram.count_up_to(value));
        // The last line has no ratio: it would be infinite.
        text += share < 1 ? fmt::format(" {:14.2f}\n", 1 / (1 - share)) : "\n";
    };
    std::uint64_t shown = 0;
    for (int i = 0; shown < histogram.count(); ++i) {
        const double share = share_at(i);
        const std::uint64_t value = share == 0 ? histogram.min() : histogram.value_at(share);
        shown = histogram.count_up_to(value);
        line(value, share);
    }
    line(histogram.max(), 1);
    const double mean =
        histogram.count() > 0 ? histogram.sum() / static_cast<double>(histogram.count()) : 0;
    fmt::format_to(std::back_inserter(text), "#[Mean    = {:12.3f}]\n", mean / scale);
    fmt::format_to(std::back_inserter(text), "#[Max     = {:12.3f}, Total count    = {:12}]\n",
                   static_cast<double>(histogram.max()) / scale, histogram.count());
    return text;
}

}  // namespace kstream::bench
