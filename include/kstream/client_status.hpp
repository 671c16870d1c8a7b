// What one Kafka client of this process knows about its brokers, as its statistics say it from time
// to time. kafka/ publishes it, HTTP and metrics read it (design decision 12).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace kstream {

struct BrokerStatus {
    std::string name;              // "host:port"; logical brokers (coordinators) are left out
    bool up = false;               // connected, authenticated and usable
    double rtt_mean_seconds = -1;  // over the statistics interval, -1 when nothing was asked
    double rtt_p99_seconds = -1;
    std::uint64_t requests = 0;  // totals since the client was made
    std::uint64_t errors = 0;    // requests that could not be sent, responses that were unusable
    std::uint64_t timeouts = 0;
    std::uint64_t disconnects = 0;
    double throttle_seconds = 0;  // that quotas of the broker have made requests wait
};

struct ClientStatus {
    std::string client;  // "map-0-consumer": role, worker and kind; never anything unbounded
    std::vector<BrokerStatus> brokers;
};

class ClientStatusSink {
public:
    virtual ~ClientStatusSink() = default;
    // Takes the place of what the client of the same name has published before. From any thread.
    virtual void publish(const ClientStatus& status) = 0;
};

}  // namespace kstream
