// Runs the scenarios, one after another. What each measures stands at the top of its file.
#pragma once

#include "bench/bench_report.hpp"
#include "cli/config.hpp"
#include "kstream/error.hpp"
#include "kstream/ports/clock.hpp"
#include "kstream/ports/log.hpp"
#include "process/stop_signal.hpp"

namespace kstream::bench {

struct Surroundings {
    Log& log;
    process::StopSignal& stop;
    const Clock& clock;
};

// Adds the cluster and the scenarios to the report; their topics are removed again.
[[nodiscard]] Result<void> measure(const cli::BenchConfig& config, const Surroundings& around,
                                   BenchReport& report);

}  // namespace kstream::bench
