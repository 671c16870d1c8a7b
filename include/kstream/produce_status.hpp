// What `produce` tells the outside: one immutable snapshot, published about once a second, read by
// HTTP and metrics (design decision 12). The counterpart of status.hpp for the producing side.
#pragma once

#include "kstream/status.hpp"

#include <cstdint>

namespace kstream {

// All counters are totals since the process started. made = acknowledged + failed + unknown + what
// is still queued or in flight.
struct ProduceStatus {
    std::uint64_t made = 0;          // records handed to the client
    std::uint64_t acknowledged = 0;  // the brokers have them, on all in-sync replicas
    std::uint64_t failed = 0;        // certainly not in the log
    std::uint64_t unknown = 0;       // sent and never answered: either may be true
    std::uint64_t bytes = 0;         // of keys and values of the acknowledged records
    std::uint64_t queued_records = 0;
    std::uint64_t queued_bytes = 0;
    LatencyCounts delivery_seconds;  // handed over to acknowledged
    bool waiting = false;            // the queue is full or no broker answers: nothing is made
};

class ProduceStatusSink {
public:
    virtual ~ProduceStatusSink() = default;
    // Takes a snapshot; readers on other threads see it whole or not at all. From any thread.
    virtual void publish(const ProduceStatus& status) = 0;
};

}  // namespace kstream
