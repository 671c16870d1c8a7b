// Reads a topic as fast as librdkafka hands it out and throws the records away: the ceiling of
// anything that reads through this library. Only bench uses it.
//
//   N handles, each assigned its share of the partitions by hand, one thread each -> counts
#pragma once

#include "kafka/client_config.hpp"
#include "kstream/error.hpp"
#include "kstream/model/ids.hpp"
#include "kstream/ports/clock.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace kstream::kafka {

struct BareRead {
    std::string topic;
    std::vector<Offset> ends;  // by partition: read from the beginning up to here
    int handles = 1;
    Properties settings;  // over those of aggregate's consumers
    // Summed up over all values when it is there, from the threads of all handles.
    std::function<std::uint64_t(std::string_view value)> checksum;
    std::function<bool()> canceled;  // asked while nothing comes; may be empty
};

struct BareCounts {
    std::uint64_t records = 0;
    std::uint64_t bytes = 0;  // of keys and values
    std::uint64_t checksum = 0;
    // From the moment when all handles were ready to the last record; fetching begins in between.
    double seconds = 0;
};

// Partitions without records, and offsets that a log does not hold, are no error: what was read is
// in the counts. Errors: usage, as make_conf(); unavailable, when nothing has come for a minute or
// the read was canceled; an error of librdkafka that does not pass.
[[nodiscard]] Result<BareCounts> read_bare(const ClientConfig& config, const BareRead& read,
                                           const Clock& clock);

}  // namespace kstream::kafka
