// What the operating system says about this process, for the process_* metrics.
#pragma once

#include <cstdint>

namespace kstream::telemetry {

struct ProcessStatus {
    double cpu_seconds = 0;         // user and system, of all threads
    double start_time_seconds = 0;  // unix time
    std::uint64_t resident_bytes = 0;
    std::uint64_t virtual_bytes = 0;
    std::uint64_t open_files = 0;
    std::uint64_t max_files = 0;
};

// From /proc; what cannot be read stays 0.
[[nodiscard]] ProcessStatus read_process_status();

}  // namespace kstream::telemetry
