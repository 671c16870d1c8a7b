#include "bench/percentile_file.hpp"

#include <fmt/format.h>

#include <cmath>
#include <cstdint>
#include <iterator>

namespace kstream::bench {

namespace {

constexpr double kStepsPerHalving = 5;

// The next share to show: steps get finer as less is left up to 1.
double next_share(double share) {
    const double halvings = std::floor(std::log2(1 / (1 - share)));
    return share + 1 / (kStepsPerHalving * std::exp2(halvings + 1));
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
    for (double share = 0; shown < histogram.count(); share = next_share(share)) {
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
