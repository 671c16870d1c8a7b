// What the system lets this process have, and what a job of this size takes: said before the first
// group is joined. A process that runs out of descriptors later is not killed; its clients connect
// again for ever, it never becomes ready and never ends.
#pragma once

#include "kstream/error.hpp"
#include "kstream/ports/log.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace kstream::process {

// Takes as many open files as the system allows without asking: the soft limit becomes the hard
// one. Once, at the start of the process.
void raise_open_files();

struct ProcessLimits {
    std::uint64_t open_files = 0;
    // Threads that may still be made: the control group's pids.max, or the user's RLIMIT_NPROC
    // (which root does not have). None: no bound is known.
    std::optional<std::uint64_t> threads;
    std::string threads_bound;  // "pids.max of the control group"
};
// `root`: where /proc and /sys are; "" but in tests.
[[nodiscard]] ProcessLimits read_process_limits(const std::string& root = {});

struct ProcessNeeds {
    std::uint64_t open_files = 0;
    std::uint64_t threads = 0;
};
// Of `aggregate`. Partitions need neither: a client has one connection and one thread for each
// broker, whatever it reads there.
[[nodiscard]] ProcessNeeds needs_of_aggregate(int workers, int brokers);

// Errors: usage, with the numbers, the option and the limits to change.
[[nodiscard]] Result<void> check_limits(const ProcessNeeds& needs, const ProcessLimits& limits,
                                        int workers, int brokers);

}  // namespace kstream::process
