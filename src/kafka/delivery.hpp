// What a delivery report says of its record. Every report is read here and nowhere else.
#pragma once

#include <librdkafka/rdkafka.h>

#include <cstdint>

namespace kstream::kafka {

enum class Delivery : std::uint8_t {
    acknowledged,  // in the log, on all replicas in sync
    failed,        // certainly not in the log
    unknown,       // sent: it may be in the log
};

// An acknowledgement names the offset of its record. One without comes from librdkafka itself,
// which takes a record for written when one after it was (rd_kafka_dr_implicit_ack), or when a
// broker says that it has had the sequence before. The first is wrong where the broker knew nothing
// of the producer and took the later record as its first: see max.in.flight in client_config.cpp.
[[nodiscard]] inline Delivery delivery_of(const rd_kafka_message_t& message) {
    if (message.err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        return message.offset >= 0 ? Delivery::acknowledged : Delivery::unknown;
    }
    return rd_kafka_message_status(&message) == RD_KAFKA_MSG_STATUS_NOT_PERSISTED
               ? Delivery::failed
               : Delivery::unknown;
}

}  // namespace kstream::kafka
