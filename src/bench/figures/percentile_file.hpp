// A latency distribution in the text layout that HdrHistogram's tools print and plot (.hgrm):
//
//          Value     Percentile TotalCount 1/(1-Percentile)
//
//         41.215 0.500000000000      10000           2.00
//
// with five steps for each halving of what is left up to 100 %. Pure.
#pragma once

#include "kstream/latency_histogram.hpp"

#include <string>

namespace kstream::bench {

// Values are divided by `scale`: 1000 shows microseconds as milliseconds.
[[nodiscard]] std::string percentile_file(const LatencyHistogram& histogram, double scale);

}  // namespace kstream::bench
