// The keys that a compacted topic holds a value for, and their deletion: what `kstream reset` does
// to the results of a job.
#pragma once

#include "kafka/admin.hpp"
#include "kafka/client_config.hpp"
#include "kstream/error.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

namespace kstream::kafka {

struct TombstoneTask {
    std::string topic;
    std::string reader_group;  // a name with rights; never joined
    bool write = false;        // false: count only
    // How long the end of the topic may stay out of reach: an open transaction of a process that
    // died holds readers back until the broker aborts it.
    std::chrono::milliseconds patience{30000};
    // Acknowledgements that take longer are not waited for: the command can be given again.
    std::chrono::milliseconds delivery{30000};
    // A broker that has just come back does not know the topic for a while.
    std::chrono::milliseconds unknown{30000};
    std::function<bool()> canceled;  // asked between records and while waiting; may be empty
};

struct TombstoneCounts {
    std::uint64_t records = 0;     // read, tombstones included
    std::uint64_t live_keys = 0;   // keys whose last committed record has a value
    std::uint64_t tombstones = 0;  // written and acknowledged by all replicas in sync: live_keys
};

// Reads all of the topic read_committed, one partition after the other, and writes a null value for
// each live key to the partition where it was found. Holds the keys of one partition in memory.
// Repeating it is harmless. Blocks; one thread.
// Errors: try_again when the end stays out of reach; incomplete when not each tombstone was
// acknowledged or it was canceled; else as map_error().
[[nodiscard]] Result<TombstoneCounts> tombstone_keys(const ClientConfig& config, Admin& admin,
                                                     const TombstoneTask& task);

}  // namespace kstream::kafka
