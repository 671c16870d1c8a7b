// The machine that a benchmark runs on, and what processes of it have used: without these a figure
// cannot be compared with another.
#pragma once

#include "kafka/admin.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace kstream::bench {

struct Machine {
    std::string cpu;  // model name
    int cores = 0;    // that this process may use
    std::string kernel;
    std::uint64_t memory = 0;  // bytes
    double load = 0;           // of the last minute, at the start
};
[[nodiscard]] Machine read_machine();

// CPU seconds, user and system, of this process so far.
[[nodiscard]] double own_cpu_seconds();
[[nodiscard]] double thread_cpu_seconds();  // of the calling thread

// The brokers of a cluster as processes of this machine: found by the port that they listen on.
class BrokerProcesses {
public:
    explicit BrokerProcesses(const std::vector<kafka::BrokerInfo>& brokers);

    // CPU seconds so far of all brokers; none when one of them is not on this machine, or its
    // process is not to be seen.
    [[nodiscard]] std::optional<double> cpu_seconds() const;

private:
    std::vector<int> pids_;
    bool complete_ = false;
};

}  // namespace kstream::bench
