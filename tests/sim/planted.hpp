// Whether the simulator finds the bugs that are planted in the preset `planted`.
#pragma once

#include "sim/options.hpp"

namespace kstream::sim {

// One bug, or all: each in a process of its own, because a broken invariant ends it. Prints how
// many seeds it took. Exit code 0 when all were found, 1 when one was not, 2 where there are none.
[[nodiscard]] int run_planted(const Options& options);

}  // namespace kstream::sim
