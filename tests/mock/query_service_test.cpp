// Questions of several loops at once, against librdkafka's mock cluster.
#include "kafka/query_service.hpp"

#include <catch2/catch_test_macros.hpp>
#include <librdkafka/rdkafka_mock.h>

#include <chrono>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

namespace kstream::kafka {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr const char* kTopic = "app-source";
constexpr std::int16_t kOffsetFetchApi = 9;
constexpr int kStalledMs = 8000;

class Silent final : public Log {
public:
    void write(LogLevel /*level*/, std::string_view /*event*/,
               std::initializer_list<LogField> /*fields*/) override {}
};

class QueryFixture {
protected:
    QueryFixture() {
        char reason[256];
        owner_.reset(rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), reason, sizeof reason));
        cluster_.reset(rd_kafka_mock_cluster_new(owner_.get(), 3));
        REQUIRE(rd_kafka_mock_topic_create(cluster_.get(), kTopic, 1, 1) ==
                RD_KAFKA_RESP_ERR_NO_ERROR);
        rd_kafka_mock_coordinator_set(cluster_.get(), "group", "app-map", 2);
        rd_kafka_mock_coordinator_set(cluster_.get(), "group", "app-totals", 3);
        TopicNames names;
        for (std::size_t role = 0; role < kTopicRoleCount; ++role) {
            names.set(static_cast<TopicRole>(role), kTopic);
        }
        auto made = QueryService::make(
            {rd_kafka_mock_cluster_bootstraps(cluster_.get()), "app", {}, &log_}, names);
        REQUIRE(made);
        service_ = std::move(*made);
    }

    static Query committed() {
        Query query;
        query.kind = Query::Kind::committed;
        query.partitions = {PartitionId{0}};
        return query;
    }
    static Query log_end() {
        Query query;
        query.kind = Query::Kind::log_end;
        query.partitions = {PartitionId{0}};
        return query;
    }
    static std::optional<Result<QueryAnswer>> answer_of(ClusterQueries& queries,
                                                        milliseconds limit) {
        const auto deadline = steady_clock::now() + limit;
        std::optional<Result<QueryAnswer>> answer;
        while (!(answer = queries.take()) && steady_clock::now() < deadline) {
            std::this_thread::sleep_for(milliseconds(5));
        }
        return answer;
    }

    Silent log_;
    HandlePtr owner_;
    std::unique_ptr<rd_kafka_mock_cluster_t, Deleter<&rd_kafka_mock_cluster_destroy>> cluster_;
    std::unique_ptr<QueryService> service_;
};

}  // namespace

TEST_CASE_METHOD(QueryFixture, "a coordinator that stands still holds up nobody else's question") {
    const auto stalled = service_->client("app-map", TopicRole::source);
    const auto group = service_->client("app-totals", TopicRole::repartition);
    const auto topic = service_->client("app-map", TopicRole::source);
    for (int i = 0; i < 8; ++i) {
        rd_kafka_mock_broker_push_request_error_rtts(cluster_.get(), 2, kOffsetFetchApi, 1,
                                                     RD_KAFKA_RESP_ERR_NO_ERROR, kStalledMs);
    }
    stalled->ask(committed());
    group->ask(committed());
    topic->ask(log_end());
    const auto of_group = answer_of(*group, seconds(20));
    const auto of_topic = answer_of(*topic, seconds(20));
    // It takes its five seconds, or it would not have stood still.
    CHECK_FALSE(stalled->take().has_value());
    REQUIRE(of_group.has_value());
    CHECK(of_group->has_value());
    REQUIRE(of_topic.has_value());
    INFO((of_topic->has_value() ? "" : of_topic->error().message));
    CHECK(of_topic->has_value());
    const auto of_stalled = answer_of(*stalled, seconds(20));
    REQUIRE(of_stalled.has_value());
    REQUIRE_FALSE(of_stalled->has_value());
    CHECK(of_stalled->error().disposition == Disposition::retry);
}

TEST_CASE_METHOD(QueryFixture, "a service ends at once, whatever has been asked") {
    const auto client = service_->client("app-map", TopicRole::source);
    rd_kafka_mock_broker_push_request_error_rtts(cluster_.get(), 2, kOffsetFetchApi, 1,
                                                 RD_KAFKA_RESP_ERR_NO_ERROR, kStalledMs);
    client->ask(committed());
    const auto begin = steady_clock::now();
    service_.reset();
    CHECK(steady_clock::now() - begin < seconds(3));
}

}  // namespace kstream::kafka
