#include "kafka/request_watch.hpp"

namespace kstream::kafka {

namespace {

constexpr const char* kName = "kstream-request-watch";

// The requests whose late arrival could change a later transaction of the same producer epoch.
bool is_transaction_request(std::int16_t api_key) {
    switch (api_key) {
        case 0:   // Produce
        case 22:  // InitProducerId
        case 24:  // AddPartitionsToTxn
        case 25:  // AddOffsetsToTxn
        case 26:  // EndTxn
        case 28:  // TxnOffsetCommit
            return true;
        default:
            return false;
    }
}

}  // namespace

void RequestWatch::attach(rd_kafka_conf_t& conf) {
    rd_kafka_conf_interceptor_add_on_new(&conf, kName, &RequestWatch::on_new, this);
}

rd_kafka_resp_err_t RequestWatch::on_new(rd_kafka_t* client, const rd_kafka_conf_t*, void* self,
                                         char*, std::size_t) {
    return rd_kafka_interceptor_add_on_response_received(client, kName, &RequestWatch::on_response,
                                                         self);
}

// librdkafka calls this once for each request that ends, with size 0 and an error for one that
// ended without a response (rdkafka_buf.c, rd_kafka_buf_callback). Requests that were never written
// to the socket end the same way; to count them too costs a producer now and then, not a total.
rd_kafka_resp_err_t RequestWatch::on_response(rd_kafka_t*, int, const char*, std::int32_t,
                                              std::int16_t api_key, std::int16_t, std::int32_t,
                                              std::size_t size, std::int64_t,
                                              rd_kafka_resp_err_t error, void* self) {
    // A destroyed client's own requests end with __DESTROY: nobody will use that producer again.
    if (size == 0 && error != RD_KAFKA_RESP_ERR_NO_ERROR && error != RD_KAFKA_RESP_ERR__DESTROY &&
        is_transaction_request(api_key)) {
        static_cast<RequestWatch*>(self)->unanswered_.fetch_add(1, std::memory_order_acq_rel);
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

}  // namespace kstream::kafka
