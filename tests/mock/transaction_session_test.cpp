// The transactional producer against librdkafka's mock cluster.
#include "kafka/transaction_session.hpp"

#include "kafka/group_consumer.hpp"

#include <catch2/catch_test_macros.hpp>
#include <librdkafka/rdkafka_mock.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

namespace kstream::kafka {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr const char* kInput = "app-source";
constexpr const char* kOutput = "app-repartition";
constexpr std::int16_t kProduceApi = 0;

class Silent final : public Log {
public:
    void write(LogLevel /*level*/, std::string_view /*event*/,
               std::initializer_list<LogField> /*fields*/) override {}
};

Step step_of_one_record() {
    Step step;
    step.number = 1;
    step.outputs.append(TopicRole::repartition, PartitionId{0}, "key", "value");
    step.ranges = {{PartitionId{0}, Offset{0}, Offset{1}}};
    step.membership = std::make_unique<GroupMembership>(GroupMetadataPtr{
        rd_kafka_consumer_group_metadata_new_with_genid("app-map", 1, "member", nullptr)});
    return step;
}

StepResult outcome_of(TransactionSession& session, Step step) {
    const auto deadline = steady_clock::now() + seconds(20);
    while (session.state() != TransactionSink::State::ready) {
        REQUIRE(steady_clock::now() < deadline);
        std::this_thread::sleep_for(milliseconds(5));
    }
    session.submit(std::move(step));
    std::optional<StepResult> result;
    while (!(result = session.poll())) {
        REQUIRE(steady_clock::now() < deadline);
        std::this_thread::sleep_for(milliseconds(5));
    }
    return std::move(*result);
}

// librdkafka reports records as delivered that no broker has named an offset for: those before one
// that was taken (producer_test.cpp), and those whose sequence number a broker says it has had.
// They may be in no log, and the commit would succeed. Brokers from 3.6 on, and this mock cluster,
// refuse the first kind within a transaction; the second can be made here.
TEST_CASE("a step is not committed when a record was delivered at no offset") {
    char reason[256];
    const HandlePtr owner(
        rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), reason, sizeof reason));
    REQUIRE(owner);
    const std::unique_ptr<rd_kafka_mock_cluster_t, Deleter<&rd_kafka_mock_cluster_destroy>> cluster(
        rd_kafka_mock_cluster_new(owner.get(), 1));
    for (const char* topic : {kInput, kOutput}) {
        REQUIRE(rd_kafka_mock_topic_create(cluster.get(), topic, 1, 1) ==
                RD_KAFKA_RESP_ERR_NO_ERROR);
    }
    Silent log;
    TransactionSessionConfig config;
    for (std::size_t role = 0; role < kTopicRoleCount; ++role) {
        config.topics.set(static_cast<TopicRole>(role), kOutput);
    }
    config.input_topic = kInput;
    config.transactional_id = "app-map-0";
    config.name = "map-0-producer";
    const auto session = TransactionSession::make(
        {rd_kafka_mock_cluster_bootstraps(cluster.get()), "app", {}, &log}, config);
    REQUIRE(session);
    rd_kafka_mock_push_request_errors(cluster.get(), kProduceApi, 1,
                                      RD_KAFKA_RESP_ERR_DUPLICATE_SEQUENCE_NUMBER);
    const StepResult refused = outcome_of(**session, step_of_one_record());
    INFO(refused.error.message);
    CHECK(refused.outcome == TransactionResult::aborted);
    CHECK(refused.error.disposition == Disposition::abort_and_rewind);
    CHECK(refused.error.message.find("at no offset") != std::string::npos);
    (*session)->close(seconds(5));
}

}  // namespace
}  // namespace kstream::kafka
