// Watches a transactional producer's requests for one that was not answered (protocol P6).
//
// A transaction request that was sent and whose response never came (time-out, connection lost) may
// still be on its way to the broker. librdkafka retries it and reports only the later success, so
// the application cannot see it; these interceptors can. Such a producer must not begin another
// transaction under the same epoch (KAFKA-17754, librdkafka #5423).
#pragma once

#include <librdkafka/rdkafka.h>

#include <atomic>
#include <cstdint>

namespace kstream::kafka {

class RequestWatch {
public:
    // Before rd_kafka_new(); this must outlive the client. Counts on librdkafka's broker threads.
    void attach(rd_kafka_conf_t& conf);

    // Transaction and produce requests since the last reset() that ended without a response.
    [[nodiscard]] std::uint64_t unanswered() const {
        return unanswered_.load(std::memory_order_acquire);
    }
    void reset() { unanswered_.store(0, std::memory_order_release); }

private:
    static rd_kafka_resp_err_t on_new(rd_kafka_t* client, const rd_kafka_conf_t* conf, void* self,
                                      char* reason, std::size_t size);
    static rd_kafka_resp_err_t on_response(rd_kafka_t* client, int socket, const char* broker,
                                           std::int32_t broker_id, std::int16_t api_key,
                                           std::int16_t api_version, std::int32_t correlation,
                                           std::size_t size, std::int64_t rtt,
                                           rd_kafka_resp_err_t error, void* self);

    std::atomic<std::uint64_t> unanswered_{0};
};

}  // namespace kstream::kafka
