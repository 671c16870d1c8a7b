// The committed totals of a job, as its results topic has them: what `results` prints and
// `aggregate --until end --print` ends with.
#pragma once

#include "cli/config.hpp"
#include "kafka/admin.hpp"
#include "kstream/error.hpp"
#include "kstream/ports/clock.hpp"
#include "kstream/ports/log.hpp"
#include "process/stop_signal.hpp"

namespace kstream::results {

// Reads the results topic read_committed from its beginning to the end that it has now and writes
// the newest row of each key to stdout, in the order of the keys' bytes; with `follow` goes on with
// each row that is committed, until a stop. Keeps at most config.memory bytes of rows: where they
// do not fit, the topic is read once more for each half of the keys, and each half is in order.
//
// Returns ok; identity when records were left out because they are no results of this job (each
// kind is said in the log with the first one's coordinates); unavailable when the topic or the key
// of --key does not exist. An error has been explained in the log.
[[nodiscard]] ExitCode print_results(const cli::ResultsConfig& config, kafka::Admin& admin,
                                     Log& log, const process::StopSignal& stop, const Clock& clock);

}  // namespace kstream::results
