// What the files of the oracle share beside its class (oracle.hpp).
#pragma once

#include "kstream/core/side_aggregates.hpp"
#include "kstream/model/ids.hpp"
#include "kstream/pipeline/job.hpp"
#include "sim/partition_log.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

namespace kstream::sim {

inline PartitionId number(std::int32_t partition) {
    return PartitionId{partition};
}

inline bool has_sets(const Job& job) {
    return std::ranges::find(job.kinds, kDistinct) != job.kinds.end();
}

// The key of a result of a window, or session, that begins there, in milliseconds since 1970.
[[nodiscard]] std::string windowed_key(std::string_view seller, std::int64_t start);

// Empty where the record has no such header.
[[nodiscard]] std::string header_of(const PartitionLog::Entry& entry, std::string_view name);

// Of a result: the last one of its window, by its header.
[[nodiscard]] bool is_final(const PartitionLog::Entry& entry);

}  // namespace kstream::sim
