// What a broker answers, as far as the clients of the simulator tell answers apart. Named after
// Kafka's error codes.
#pragma once

#include <cstdint>

namespace kstream::sim {

enum class Code : std::uint8_t {
    none,
    unavailable,  // NOT_COORDINATOR, NOT_LEADER_OR_FOLLOWER, COORDINATOR_LOAD_IN_PROGRESS: again
    concurrent_transactions,
    invalid_producer_epoch,
    invalid_txn_state,
    invalid_producer_id_mapping,
    out_of_order_sequence,
    message_refused,  // an answer that aborts the transaction and can be tried again later
    illegal_generation,
    unknown_member_id,
    rebalance_in_progress,
    fenced_instance_id,
    unstable_offset_commit,
    offset_out_of_range,
    inconsistent_topic_id,
};

[[nodiscard]] constexpr const char* code_name(Code code) {
    switch (code) {
        case Code::none:
            return "NO_ERROR";
        case Code::unavailable:
            return "NOT_COORDINATOR";
        case Code::concurrent_transactions:
            return "CONCURRENT_TRANSACTIONS";
        case Code::invalid_producer_epoch:
            return "INVALID_PRODUCER_EPOCH";
        case Code::invalid_txn_state:
            return "INVALID_TXN_STATE";
        case Code::invalid_producer_id_mapping:
            return "INVALID_PRODUCER_ID_MAPPING";
        case Code::out_of_order_sequence:
            return "OUT_OF_ORDER_SEQUENCE_NUMBER";
        case Code::message_refused:
            return "NOT_ENOUGH_REPLICAS_AFTER_APPEND";
        case Code::illegal_generation:
            return "ILLEGAL_GENERATION";
        case Code::unknown_member_id:
            return "UNKNOWN_MEMBER_ID";
        case Code::rebalance_in_progress:
            return "REBALANCE_IN_PROGRESS";
        case Code::fenced_instance_id:
            return "FENCED_INSTANCE_ID";
        case Code::unstable_offset_commit:
            return "UNSTABLE_OFFSET_COMMIT";
        case Code::offset_out_of_range:
            return "OFFSET_OUT_OF_RANGE";
        case Code::inconsistent_topic_id:
            return "INCONSISTENT_TOPIC_ID";
    }
    return "?";
}

}  // namespace kstream::sim
