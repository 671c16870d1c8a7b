// A topic's id as librdkafka has it.
#pragma once

#include "kafka/handles.hpp"
#include "kstream/model/ids.hpp"

#include <cstdint>

namespace kstream::kafka {

// All zero for nullptr: brokers before 2.8 have none.
[[nodiscard]] inline TopicId topic_id(const rd_kafka_Uuid_t* uuid) {
    TopicId id;
    if (uuid == nullptr) {
        return id;
    }
    const auto high = static_cast<std::uint64_t>(rd_kafka_Uuid_most_significant_bits(uuid));
    const auto low = static_cast<std::uint64_t>(rd_kafka_Uuid_least_significant_bits(uuid));
    for (std::size_t i = 0; i < 8; ++i) {
        id.bytes[i] = static_cast<std::uint8_t>(high >> (56 - 8 * i));
        id.bytes[8 + i] = static_cast<std::uint8_t>(low >> (56 - 8 * i));
    }
    return id;
}

}  // namespace kstream::kafka
