// Quotas: a broker that makes a client wait says so in its answers, and nothing else shows why the
// client is slow. One per client, of its statistics.
#pragma once

#include "kstream/client_status.hpp"
#include "kstream/ports/log.hpp"

#include <chrono>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace kstream::kafka {

class ThrottleWatch {
public:
    using TimePoint = std::chrono::steady_clock::time_point;

    // `log` must outlive it, and may be null.
    ThrottleWatch(std::string client, Log* log) : client_(std::move(client)), log_(log) {}

    // `brokers` of one interval's statistics: each throttle_seconds becomes the total since the
    // client was made. A line for each broker that throttles, once a minute while it does.
    void add_up(std::vector<BrokerStatus>& brokers, TimePoint now);

private:
    struct Throttled {
        double seconds = 0;
        double said = 0;  // of them
        TimePoint said_at;
    };

    const std::string client_;
    Log* const log_;
    std::map<std::string, Throttled> brokers_;  // those that ever did
};

}  // namespace kstream::kafka
