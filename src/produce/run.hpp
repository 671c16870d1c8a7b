// One run of `produce`: a thread for each producer, progress on the way, the report at the end.
#pragma once

#include "cli/config.hpp"
#include "kafka/producer.hpp"
#include "kstream/ports/clock.hpp"
#include "kstream/ports/log.hpp"
#include "kstream/produce_status.hpp"
#include "process/stop_signal.hpp"
#include "produce/report.hpp"

#include <memory>
#include <vector>

namespace kstream::produce {

// One for each of --threads.
using Producers = std::vector<std::unique_ptr<kafka::Producer>>;

struct Surroundings {
    Log& log;
    process::StopSignal& stop;
    const Clock& clock;
    ProduceStatusSink& status;
};

// Until all is made and answered, or a stop is requested. Progress: a line on stderr where that is
// a terminal, else in the log; a word when no broker answers. Why a producer failed, it knows
// itself.
[[nodiscard]] ProduceReport run(const cli::ProduceConfig& config, const Producers& producers,
                                const Surroundings& around);

}  // namespace kstream::produce
