// Partitions as a log line or an error has them: "0,3,4".
#pragma once

#include "kstream/model/ids.hpp"

#include <span>
#include <string>

namespace kstream {

[[nodiscard]] inline std::string partition_list(std::span<const PartitionId> partitions) {
    std::string text;
    for (const PartitionId partition : partitions) {
        if (!text.empty()) {
            text += ',';
        }
        text += std::to_string(partition.value);
    }
    return text;
}

}  // namespace kstream
