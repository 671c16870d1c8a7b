// The open loop of the scenarios latency and keys. Record i is due at begin + i / --rate, whatever
// became of the records before it. So a cluster that stands still for two seconds shows as two
// seconds for all records that were due meanwhile, not as one slow record (no coordinated
// omission).
//
// A total of n means "the first n records of this key" only where the records of a key keep their
// order up to the fold. So all records of a key (seller) go to one partition, in the order in which
// they are due; everything else is as always: the producer of `produce`, with its defaults, sends
// in this process; `kstream aggregate`, with its defaults, is a process of its own. The latency of
// every record is counted, of none an estimate; what is due in the first five seconds, while
// everything gets warm, is sent and not counted. A round is --duration of records, one round after
// the other without a pause.
//
// Checked: at the end the total and the count of every key, exactly.
#pragma once

#include "bench/bench.hpp"
#include "kstream/latency_histogram.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace kstream::bench {

// In place of the number of sellers: as many as the source has partitions.
inline constexpr std::uint32_t kOnePerPartition = 0;

struct OpenLoop {
    // From the intended time to the moment when a read_committed reader of the results has received
    // a total that contains the record; microseconds, by round.
    std::vector<LatencyHistogram> rounds;
    LatencyHistogram delivery_us;   // to the acknowledgement
    std::uint64_t peak_memory = 0;  // bytes, of aggregate
};

// With topics of its own, `name` in their names. The job is the default one, or `statement`: a
// SELECT with {} for the source topic, and the default job's columns among its own. Errors:
// proved_wrong; those of the cluster; a stop.
[[nodiscard]] Result<OpenLoop> run_open_loop(Bench& bench, const std::string& name,
                                             GeneratorOptions options,
                                             std::string_view statement = {});

// Adds p50, p90, p99, p99_9 and max of each round, in milliseconds, `prefix` before their names.
void add_latencies(ScenarioResult& result, const std::string& prefix,
                   const std::vector<LatencyHistogram>& rounds);

// Of a histogram's microseconds.
[[nodiscard]] double milliseconds_of(std::uint64_t microseconds);

}  // namespace kstream::bench
