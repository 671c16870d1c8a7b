// TransactionSink over librdkafka's transactional producer.
//
// librdkafka's transactional calls block, so they run on a thread of their own: one Producer
// (handle and thread) at a time. A producer that must not be used any more is given up: its thread
// ends with the call that it is in, and the next Producer's InitProducerId fences whatever it had
// on its way. That matters because librdkafka does not speak transactions v2 (KIP-890): an EndTxn
// that was sent and not answered could otherwise end the NEXT transaction of the same producer
// (KAFKA-17754).
#pragma once

#include "kafka/client_config.hpp"
#include "kafka/topic_names.hpp"
#include "kstream/client_status.hpp"
#include "kstream/model/ids.hpp"
#include "kstream/ports/transaction_sink.hpp"

#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace kstream::kafka {

struct TransactionSessionConfig {
    TopicNames topics;
    std::string input_topic;                           // whose offsets are committed
    TopicId input_topic_id;                            // that the job began with (P4)
    std::array<TopicId, kTopicRoleCount> topic_ids{};  // the same of all, by role
    std::string transactional_id;                      // P5
    std::string name;  // "map-0-producer", for metrics and client.id
    std::chrono::milliseconds transaction_timeout{10000};
    std::int64_t most_message_bytes = 1'114'124;  // of one record: the largest topic limit
    std::int64_t max_batch_bytes = 1'000'000;     // of a batch: the smallest topic limit
    ClientStatusSink* status = nullptr;           // may be null
};

class TransactionSession final : public TransactionSink {
public:
    // Checks the configuration and starts the first producer; state() says when it is ready.
    [[nodiscard]] static Result<std::unique_ptr<TransactionSession>> make(
        const ClientConfig& client, TransactionSessionConfig config);
    ~TransactionSession() override;
    TransactionSession(const TransactionSession&) = delete;
    TransactionSession& operator=(const TransactionSession&) = delete;

    [[nodiscard]] State state() const override;
    [[nodiscard]] Error error() const override;
    void write_ahead(StepPart part) override;
    void submit(Step step) override;
    [[nodiscard]] std::optional<StepResult> poll() override;
    void rebuild() override;
    void close(Duration deadline) override;

private:
    class Producer;
    class WrittenEnds;

    TransactionSession(ClientConfig client, TransactionSessionConfig config);
    void start_producer();
    void give_up_producer();

    ClientConfig client_;
    TransactionSessionConfig config_;
    std::shared_ptr<WrittenEnds> written_;
    std::shared_ptr<Producer> producer_;
    // Given up, their threads not ended yet: inside a call of librdkafka that does not keep its
    // time (send_offsets_to_transaction with no coordinator in reach, librdkafka #5456).
    std::vector<std::shared_ptr<Producer>> given_up_;

    // The step in flight, as the watchdog sees it.
    std::optional<std::uint64_t> in_flight_;
    std::optional<std::chrono::steady_clock::time_point> begun_;  // with its first part
    std::optional<StepResult> unreported_;
};

}  // namespace kstream::kafka
