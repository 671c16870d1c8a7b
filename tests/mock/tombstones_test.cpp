// The deletion of keys against librdkafka's mock cluster.
#include "kafka/tombstones.hpp"

#include <catch2/catch_test_macros.hpp>
#include <librdkafka/rdkafka_mock.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>

namespace kstream::kafka {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr const char* kTopic = "app-results";
constexpr std::int16_t kProduceApi = 0;

class Silent final : public Log {
public:
    void write(LogLevel /*level*/, std::string_view /*event*/,
               std::initializer_list<LogField> /*fields*/) override {}
};

class TombstoneFixture {
protected:
    TombstoneFixture() {
        char reason[256];
        owner_.reset(rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), reason, sizeof reason));
        cluster_.reset(rd_kafka_mock_cluster_new(owner_.get(), 1));
        REQUIRE(rd_kafka_mock_topic_create(cluster_.get(), kTopic, 1, 1) ==
                RD_KAFKA_RESP_ERR_NO_ERROR);
        config_ = {rd_kafka_mock_cluster_bootstraps(cluster_.get()), "app", {}, &log_};
        Result<ConfPtr> conf = make_conf(config_, ClientKind::plain_producer, {});
        REQUIRE(conf);
        const Result<HandlePtr> producer = make_client(std::move(*conf), RD_KAFKA_PRODUCER);
        REQUIRE(producer);
        const TopicPtr topic(rd_kafka_topic_new(producer->get(), kTopic, nullptr));
        for (const std::string key : {"a", "b", "c"}) {
            REQUIRE(rd_kafka_produce(topic.get(), 0, RD_KAFKA_MSG_F_COPY, const_cast<char*>("v"), 1,
                                     key.data(), key.size(), nullptr) == 0);
        }
        REQUIRE(rd_kafka_flush(producer->get(), 10'000) == RD_KAFKA_RESP_ERR_NO_ERROR);
        task_.topic = kTopic;
        task_.reader_group = "app-reset";
        task_.write = true;
        task_.delivery = seconds(5);
    }

    Result<TombstoneCounts> run() {
        auto admin = Admin::make(config_);
        REQUIRE(admin);
        return tombstone_keys(config_, *admin, task_);
    }

    Silent log_;
    HandlePtr owner_;
    std::unique_ptr<rd_kafka_mock_cluster_t, Deleter<&rd_kafka_mock_cluster_destroy>> cluster_;
    ClientConfig config_;
    TombstoneTask task_;
};

}  // namespace

TEST_CASE_METHOD(TombstoneFixture, "each key gets a tombstone") {
    const auto counts = run();
    REQUIRE(counts);
    CHECK(counts->live_keys == 3);
    CHECK(counts->tombstones == 3);
    const auto again = run();
    REQUIRE(again);
    CHECK(again->live_keys == 0);
}

TEST_CASE_METHOD(TombstoneFixture, "tombstones that were delivered at no offset are missed") {
    rd_kafka_mock_push_request_errors(cluster_.get(), kProduceApi, 1,
                                      RD_KAFKA_RESP_ERR_DUPLICATE_SEQUENCE_NUMBER);
    const auto counts = run();
    REQUIRE_FALSE(counts);
    CHECK(counts.error().exit_code == ExitCode::incomplete);
    CHECK(counts.error().message.find(" of 3 were acknowledged") != std::string::npos);
}

// A reset said that it had deleted all keys, because the broker that it asked had just come back
// and knew of no such topic.
TEST_CASE_METHOD(TombstoneFixture, "a broker that does not know the topic yet is asked again") {
    rd_kafka_mock_topic_set_error(cluster_.get(), kTopic, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    std::atomic<bool> asked = false;
    task_.canceled = [&asked] {
        asked = true;
        return false;
    };
    std::thread later([&] {
        while (!asked) {
            std::this_thread::sleep_for(milliseconds(5));
        }
        rd_kafka_mock_topic_set_error(cluster_.get(), kTopic, RD_KAFKA_RESP_ERR_NO_ERROR);
    });
    const auto counts = run();
    asked = true;
    later.join();
    REQUIRE(counts);
    CHECK(counts->tombstones == 3);
}

TEST_CASE_METHOD(TombstoneFixture, "a topic that stays unknown is an error") {
    rd_kafka_mock_topic_set_error(cluster_.get(), kTopic, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    task_.unknown = milliseconds(500);
    const auto counts = run();
    REQUIRE_FALSE(counts);
    CHECK(counts.error().exit_code == ExitCode::unavailable);
    CHECK(counts.error().message.find(kTopic) != std::string::npos);
}

}  // namespace kstream::kafka
