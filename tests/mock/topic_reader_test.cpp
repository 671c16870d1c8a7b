// The reader of internal topics against librdkafka's mock cluster.
#include "kafka/topic_reader.hpp"

#include <catch2/catch_test_macros.hpp>
#include <librdkafka/rdkafka_mock.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <utility>

namespace kstream::kafka {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr const char* kTopic = "app-changelog";
constexpr PartitionId kPartition{0};
constexpr int kRecords = 10;

class Silent final : public Log {
public:
    void write(LogLevel /*level*/, std::string_view /*event*/,
               std::initializer_list<LogField> /*fields*/) override {}
};

// A restore that is begun again would end before it has read anything.
TEST_CASE("a partition that is opened again at a lower offset has not been read yet") {
    char reason[256];
    const HandlePtr owner(
        rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), reason, sizeof reason));
    REQUIRE(owner);
    const std::unique_ptr<rd_kafka_mock_cluster_t, Deleter<&rd_kafka_mock_cluster_destroy>> cluster(
        rd_kafka_mock_cluster_new(owner.get(), 1));
    REQUIRE(rd_kafka_mock_topic_create(cluster.get(), kTopic, 1, 1) == RD_KAFKA_RESP_ERR_NO_ERROR);
    Silent log;
    const ClientConfig config{rd_kafka_mock_cluster_bootstraps(cluster.get()), "app", {}, &log};
    Result<ConfPtr> conf = make_conf(config, ClientKind::plain_producer, {});
    REQUIRE(conf);
    const Result<HandlePtr> producer = make_client(std::move(*conf), RD_KAFKA_PRODUCER);
    REQUIRE(producer);
    const TopicPtr topic(rd_kafka_topic_new(producer->get(), kTopic, nullptr));
    for (int i = 0; i < kRecords; ++i) {
        REQUIRE(rd_kafka_produce(topic.get(), 0, RD_KAFKA_MSG_F_COPY, const_cast<char*>("value"), 5,
                                 nullptr, 0, nullptr) == 0);
    }
    REQUIRE(rd_kafka_flush(producer->get(), 10'000) == RD_KAFKA_RESP_ERR_NO_ERROR);

    TopicNames names;
    names.set(TopicRole::changelog, kTopic);
    TopicReader reader(config, names, "totals-0-reader");
    const auto read_all = [&reader] {
        const auto deadline = steady_clock::now() + seconds(20);
        std::size_t records = 0;
        while (reader.position(TopicRole::changelog, kPartition) < Offset{kRecords}) {
            REQUIRE(steady_clock::now() < deadline);
            const Result<RecordBatch> batch = reader.poll(TopicRole::changelog, milliseconds(50));
            REQUIRE(batch);
            records += batch->size();
        }
        return records;
    };
    for (const int from : {0, 0, 4, 2}) {
        REQUIRE(reader.open(TopicRole::changelog, kPartition, Offset{from}));
        CHECK(reader.position(TopicRole::changelog, kPartition) == Offset{from});
        CHECK(read_all() == static_cast<std::size_t>(kRecords - from));
        reader.close(TopicRole::changelog, kPartition);
    }
}

}  // namespace
}  // namespace kstream::kafka
