// Where a totals loop finds the questions of those who want to see totals, and leaves the answers
// (design decision 12: the state itself is shared with nobody). The loop looks between two
// iterations; who asks waits elsewhere.
//
// All methods are called from the loop's thread.
#pragma once

#include "kstream/model/event_time.hpp"
#include "kstream/model/ids.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace kstream {

struct StateQuestion {
    enum class Kind : std::uint8_t {
        list,  // entries from (from_partition, from_index) on, in that order
        find,  // the entry of `key`
    };
    Kind kind = Kind::list;
    PartitionId from_partition{0};
    std::uint32_t from_index = 0;
    std::string key;                  // as the key of its result record
    std::size_t max_entries = 1;      // list: the answer is bounded in both
    std::size_t max_bytes = 1 << 16;  // of keys and values; one entry always fits
};

// One committed total.
struct StateEntry {
    PartitionId partition;    // of the state
    std::uint32_t index = 0;  // in its partition, in the order in which keys came
    std::string key;          // of its result record
    std::string value;        // of its result record: a JSON object; null where it has none
};

struct StatePartition {
    PartitionId partition;
    std::uint64_t keys = 0;  // committed ones; of a job with windows, of those that are open
    // Of a job with windows, as committed: up to when they are closed, and what the partition has
    // of each source partition, ascending.
    std::int64_t clock = kNoTime;
    std::vector<SourceWatermark> sources{};
};

struct StateAnswer {
    std::vector<StatePartition> partitions;  // that this loop has in service, ascending
    std::vector<StateEntry> entries;         // find: one, or none
    bool more = false;                       // list: the bound cut it
    std::optional<PartitionId>
        key_partition;  // find: where the key belongs; none: no key of the job
};

class StateDesk {
public:
    virtual ~StateDesk() = default;
    // The next question, if any; cheap when there is none.
    [[nodiscard]] virtual std::optional<StateQuestion> take() = 0;
    // The answer to the question that was taken last.
    virtual void answer(StateAnswer answer) = 0;
};

}  // namespace kstream
