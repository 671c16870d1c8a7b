// Which partition a key belongs to, as Kafka's own Java client decides it
// (org.apache.kafka.common.utils.Utils.murmur2 and the default partitioner). Every writer that
// agrees on this puts equal keys into the same partition; the aggregation relies on it.
#pragma once

#include "kstream/model/ids.hpp"

#include <cstdint>
#include <string_view>

namespace kstream {

// Murmur2, 32 bits, with Kafka's seed. Bytes are read little endian on every machine. Java returns
// the same bits as a signed int.
[[nodiscard]] std::uint32_t murmur2(std::string_view bytes);

// toPositive(murmur2(key)) mod partitions; `partitions` is at least 1. A record with a null key has
// no partition by key: the caller decides.
[[nodiscard]] PartitionId partition_for_key(std::string_view key, int partitions);

}  // namespace kstream
