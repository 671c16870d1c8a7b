// Reads librdkafka's statistics JSON (STATISTICS.md): what metrics and lag need of it.
#pragma once

#include "kstream/client_status.hpp"
#include "kstream/model/ids.hpp"

#include <cstdint>
#include <string_view>
#include <vector>

namespace kstream::kafka {

struct PartitionEnds {
    PartitionId partition;
    std::int64_t last_stable = -1;
    std::int64_t high_watermark = -1;
};

struct ClientStats {
    std::vector<BrokerStatus> brokers;      // throttle_seconds is of the interval: ThrottleWatch
    std::vector<PartitionEnds> partitions;  // of `topic`
};

// False when the text is not what STATISTICS.md describes; `stats` is then half filled.
[[nodiscard]] bool read_client_stats(std::string_view json, std::string_view topic,
                                     ClientStats& stats);

}  // namespace kstream::kafka
