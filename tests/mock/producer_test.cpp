// The producer against librdkafka's mock cluster: what is counted as acknowledged, failed and
// unknown under errors that a real cluster cannot be made to give on demand.
#include "kafka/producer.hpp"

#include "kafka/client_config.hpp"
#include "kafka/delivery.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <librdkafka/rdkafka_mock.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace kstream::kafka {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr const char* kTopic = "orders";
constexpr int kPartitions = 3;
constexpr std::int16_t kProduceApi = 0;

class SteadyClock final : public Clock {
public:
    [[nodiscard]] Instant now() const override {
        return Instant{std::chrono::steady_clock::now().time_since_epoch().count()};
    }
    [[nodiscard]] std::int64_t wall_ms() const override { return 0; }
};

// One broker in this process, with a handle of its own: it outlives the producers under test.
class MockBroker {
public:
    MockBroker() {
        char reason[256];
        handle_.reset(rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), reason, sizeof reason));
        REQUIRE(handle_ != nullptr);
        cluster_.reset(rd_kafka_mock_cluster_new(handle_.get(), 1));
        REQUIRE(cluster_ != nullptr);
        REQUIRE(rd_kafka_mock_topic_create(cluster_.get(), kTopic, kPartitions, 1) ==
                RD_KAFKA_RESP_ERR_NO_ERROR);
    }

    void make_topic(const char* name, int partitions) {
        REQUIRE(rd_kafka_mock_topic_create(cluster_.get(), name, partitions, 1) ==
                RD_KAFKA_RESP_ERR_NO_ERROR);
    }
    [[nodiscard]] std::string bootstraps() const {
        return rd_kafka_mock_cluster_bootstraps(cluster_.get());
    }
    // The next requests of this kind get these answers, one each.
    void push_errors(std::int16_t api, const std::vector<rd_kafka_resp_err_t>& errors) {
        rd_kafka_mock_push_request_errors_array(cluster_.get(), api, errors.size(), errors.data());
    }
    void count_requests() { rd_kafka_mock_start_request_tracking(cluster_.get()); }
    [[nodiscard]] int requests(std::int16_t api) {
        std::size_t count = 0;
        rd_kafka_mock_request_t** const all = rd_kafka_mock_get_requests(cluster_.get(), &count);
        int found = 0;
        for (std::size_t i = 0; i < count; ++i) {
            found += rd_kafka_mock_request_api_key(all[i]) == api ? 1 : 0;
        }
        rd_kafka_mock_request_destroy_array(all, count);
        return found;
    }
    void set_rtt(milliseconds rtt) {
        rd_kafka_mock_broker_set_rtt(cluster_.get(), 1, static_cast<int>(rtt.count()));
    }
    void set_down(bool down) {
        if (down) {
            rd_kafka_mock_broker_set_down(cluster_.get(), 1);
        } else {
            rd_kafka_mock_broker_set_up(cluster_.get(), 1);
        }
    }

private:
    HandlePtr handle_;
    std::unique_ptr<rd_kafka_mock_cluster_t, Deleter<&rd_kafka_mock_cluster_destroy>> cluster_;
};

class ProducerFixture {
protected:
    Result<std::unique_ptr<Producer>> open(const Properties& user,
                                           const std::string& topic = kTopic,
                                           Duration wait = seconds(10)) {
        const ClientConfig config{cluster_.bootstraps(), "test", user, nullptr};
        ProducerOptions options;
        options.topic = topic;
        options.required = {{"compression.codec", "none"}};
        options.metadata_wait = wait;
        return Producer::open(config, options, clock_);
    }

    std::unique_ptr<Producer> open_ok(const Properties& user = {}) {
        Properties properties{{"linger.ms", "0"}};
        properties.insert(properties.end(), user.begin(), user.end());
        auto producer = open(properties);
        REQUIRE(producer.has_value());
        return std::move(*producer);
    }

    // One record of `size` bytes, all of them 'v'.
    bool offer(Producer& producer, PartitionId partition, std::size_t size = 100) {
        return producer.add(std::string(size, 'v'), 0, 8, partition, clock_.now());
    }

    // Adds `count` records, waiting for room as often as it takes, at most ten seconds. Returns how
    // often there was none.
    int add(Producer& producer, int count) {
        const Instant deadline = clock_.now() + seconds(10);
        int waits = 0;
        for (int i = 0; i < count; ++i) {
            while (!offer(producer, PartitionId{i % kPartitions})) {
                REQUIRE(clock_.now() < deadline);
                ++waits;
                producer.poll(milliseconds(50));
            }
        }
        producer.poll(milliseconds(0));
        return waits;
    }

    void poll_until_answered(Producer& producer, Duration limit) {
        const Instant deadline = clock_.now() + limit;
        while (producer.outstanding() > 0 && clock_.now() < deadline) {
            producer.poll(milliseconds(20));
        }
    }

    MockBroker cluster_;
    SteadyClock clock_;
};

}  // namespace

TEST_CASE_METHOD(ProducerFixture, "every record is acknowledged, measured and weighed") {
    const auto producer = open_ok();
    CHECK(producer->partitions() == kPartitions);
    add(*producer, 3000);
    poll_until_answered(*producer, seconds(10));
    CHECK(producer->added() == 3000);
    CHECK(producer->counts().acknowledged == 3000);
    CHECK(producer->counts().acknowledged_bytes == std::uint64_t{3000} * (100 + 8));
    CHECK(producer->counts().failed == 0);
    CHECK(producer->counts().unknown == 0);
    CHECK(producer->outstanding_bytes() == 0);
    CHECK(producer->latency_us().count() == 3000);
    CHECK(producer->latency_us().max() > 0);
    CHECK_FALSE(producer->failure());
}

TEST_CASE_METHOD(ProducerFixture, "latency counts from the instant that is given") {
    const auto producer = open_ok();
    // Intended two minutes ago: a record that comes late must not look fast.
    const Instant intended = clock_.now() + seconds(-120);
    REQUIRE(producer->add(std::string(100, 'v'), 0, 8, PartitionId{0}, intended));
    poll_until_answered(*producer, seconds(10));
    CHECK(producer->latency_us().min() >= 120'000'000);
    CHECK(producer->latency_us().max() < 140'000'000);
}

TEST_CASE_METHOD(ProducerFixture, "full runs and a full queue hold records back and drop none") {
    // A queue that takes two of the three runs.
    const auto producer =
        open_ok({{"queue.buffering.max.messages", "100"}, {"batch.num.messages", "50"}});
    cluster_.set_rtt(milliseconds(5));
    CHECK(add(*producer, 5000) > 0);
    poll_until_answered(*producer, seconds(20));
    CHECK(producer->counts().acknowledged == 5000);
    CHECK(producer->counts().failed == 0);
    CHECK(producer->outstanding_bytes() == 0);
}

TEST_CASE_METHOD(ProducerFixture, "what is held is bounded when no broker answers") {
    const auto producer = open_ok();
    cluster_.set_down(true);
    std::uint64_t added = 0;
    for (int turn = 0; turn < 5; ++turn) {
        while (offer(*producer, PartitionId{0}) && added < 1'000'000) {
            ++added;
        }
        producer->poll(milliseconds(50));
    }
    // A run that librdkafka has and one that waits, of batch.size each.
    CHECK(added * 100 <= 2'000'000);
    CHECK(added * 100 > 1'000'000);
    CHECK(producer->outstanding() == added);
    cluster_.set_down(false);
    poll_until_answered(*producer, seconds(30));
    CHECK(producer->counts().acknowledged == added);
    CHECK(offer(*producer, PartitionId{0}));
}

TEST_CASE_METHOD(ProducerFixture, "what all partitions hold is bounded, however many there are") {
    constexpr int kLanes = 64;
    cluster_.make_topic("wide", kLanes);
    auto opened = open({{"linger.ms", "0"}}, "wide");
    REQUIRE(opened);
    Producer& producer = **opened;
    cluster_.set_down(true);
    constexpr std::size_t kSize = 10'000;
    std::size_t held = 0;
    for (int turn = 0; turn < 5; ++turn) {
        for (int lane = 0; lane < kLanes; ++lane) {
            while (held <= 4 * Producer::kHeldBytes && offer(producer, PartitionId{lane}, kSize)) {
                held += kSize;
            }
        }
        producer.poll(milliseconds(50));
    }
    // Runs that librdkafka has and runs that wait.
    CHECK(held <= 2 * Producer::kHeldBytes);
    CHECK(held > Producer::kHeldBytes);
    CHECK(producer.outstanding_bytes() == held);
    producer.abandon();
}

TEST_CASE_METHOD(ProducerFixture, "the next run goes out as one request after the last's answer") {
    const auto producer = open_ok();
    REQUIRE(offer(*producer, PartitionId{0}));
    poll_until_answered(*producer, seconds(10));
    // Longer than two thousand offers take on a machine that has other work.
    cluster_.set_rtt(milliseconds(1500));
    cluster_.count_requests();
    REQUIRE(offer(*producer, PartitionId{0}));
    producer->poll(milliseconds(50));
    for (int i = 0; i < 2000; ++i) {
        REQUIRE(offer(*producer, PartitionId{0}));
        if (i % 100 == 0) {
            producer->poll(milliseconds(1));
        }
    }
    CHECK(cluster_.requests(kProduceApi) == 1);
    poll_until_answered(*producer, seconds(10));
    CHECK(cluster_.requests(kProduceApi) == 2);
    CHECK(producer->counts().acknowledged == 2002);
}

// librdkafka's broker thread polls without a pause while a partition has records beyond the request
// in flight (PR 4989, issue 2565); a slow broker then costs a whole core.
TEST_CASE_METHOD(ProducerFixture, "waiting for an answer costs no processor time") {
    const auto producer = open_ok();
    REQUIRE(offer(*producer, PartitionId{0}));
    poll_until_answered(*producer, seconds(10));
    cluster_.set_rtt(milliseconds(1200));
    add(*producer, 300);
    producer->poll(milliseconds(100));
    add(*producer, 300);
    const std::clock_t begin = std::clock();
    poll_until_answered(*producer, milliseconds(1000));
    const double busy = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
    CHECK(producer->outstanding() == 600);
    // Polling at these intervals costs some milliseconds; a thread that spins has a second, or on a
    // crowded machine its share of one.
    CHECK(busy < 0.05);
}

TEST_CASE_METHOD(ProducerFixture, "records wait linger.ms for company, unless no more will come") {
    const auto producer = open_ok({{"linger.ms", "400"}});
    REQUIRE(offer(*producer, PartitionId{0}));
    poll_until_answered(*producer, milliseconds(200));
    CHECK(producer->outstanding() == 1);
    poll_until_answered(*producer, seconds(10));
    CHECK(producer->outstanding() == 0);
    CHECK(producer->latency_us().min() >= 400'000);
    REQUIRE(offer(*producer, PartitionId{0}));
    producer->flush();
    const Instant begin = clock_.now();
    poll_until_answered(*producer, seconds(10));
    CHECK(clock_.now() - begin < milliseconds(300));
}

TEST_CASE_METHOD(ProducerFixture, "records given up before they were sent have failed") {
    const auto producer = open_ok();
    cluster_.set_down(true);
    producer->poll(milliseconds(200));
    add(*producer, 300);
    poll_until_answered(*producer, milliseconds(500));
    CHECK(producer->outstanding() == 300);
    producer->abandon();
    CHECK(producer->counts().failed == 300);
    CHECK(producer->counts().unknown == 0);
    CHECK(producer->counts().acknowledged == 0);
    CHECK(producer->outstanding() == 0);
    CHECK_FALSE(producer->failure());
}

TEST_CASE_METHOD(ProducerFixture, "records given up after they were sent are unknown") {
    const auto producer = open_ok();
    add(*producer, 30);
    poll_until_answered(*producer, seconds(10));
    REQUIRE(producer->counts().acknowledged == 30);
    cluster_.set_rtt(seconds(30));
    add(*producer, 300);
    poll_until_answered(*producer, milliseconds(1000));
    CHECK(producer->outstanding() == 300);
    producer->abandon();
    CHECK(producer->counts().acknowledged == 30);
    // The run of one partition: a broker has one request at a time.
    CHECK(producer->counts().unknown == 100);
    CHECK(producer->counts().failed == 200);
    CHECK(producer->outstanding() == 0);
}

TEST_CASE_METHOD(ProducerFixture, "records that the queue never took have failed when given up") {
    const auto producer = open_ok({{"queue.buffering.max.messages", "10"}});
    cluster_.set_down(true);
    producer->poll(milliseconds(200));
    for (int i = 0; i < 50; ++i) {
        REQUIRE(offer(*producer, PartitionId{0}));
    }
    producer->poll(milliseconds(10));
    producer->abandon();
    CHECK(producer->counts().failed == 50);
    CHECK(producer->outstanding() == 0);
}

TEST_CASE_METHOD(ProducerFixture, "errors that pass are retried until the record is in") {
    const auto producer = open_ok({{"retry.backoff.ms", "10"}});
    cluster_.push_errors(kProduceApi, {RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
                                       RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
                                       RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT});
    add(*producer, 90);
    poll_until_answered(*producer, seconds(20));
    CHECK(producer->counts().acknowledged == 90);
    CHECK_FALSE(producer->failure());
}

// A record that was acknowledged and is in no log: one of 21,000, on brokers that had stood still.
// The machine was busy, and the first record of a run went out as a request of its own (librdkafka
// limits the requests in flight of a partition by the number of their messages). It was refused for
// want of replicas, and the request after it was taken: a broker that knows nothing of a producer
// yet takes any sequence number (ProducerAppendInfo.checkSequence). From that librdkafka concludes
// that the first one is in the log as well (rd_kafka_dr_implicit_ack).
TEST_CASE_METHOD(ProducerFixture, "no record is acknowledged by the answer to a later one") {
    struct Seen {
        std::int64_t without_error = 0;
        std::int64_t acknowledged = 0;
        std::int64_t unknown = 0;
    } seen;
    const bool guarded = GENERATE(true, false);
    Properties required{{"linger.ms", "0"}, {"retry.backoff.ms", "10"}};
    if (!guarded) {
        required.emplace_back("max.in.flight.requests.per.connection", "5");
    }
    const ClientConfig config{cluster_.bootstraps(), "test", {}, nullptr};
    Result<ConfPtr> conf = make_conf(config, ClientKind::plain_producer, required);
    REQUIRE(conf);
    rd_kafka_conf_set_opaque(conf->get(), &seen);
    rd_kafka_conf_set_dr_msg_cb(
        conf->get(), [](rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
            Seen& counts = *static_cast<Seen*>(opaque);
            counts.without_error += message->err == RD_KAFKA_RESP_ERR_NO_ERROR ? 1 : 0;
            counts.acknowledged += delivery_of(*message) == Delivery::acknowledged ? 1 : 0;
            counts.unknown += delivery_of(*message) == Delivery::unknown ? 1 : 0;
        });
    const Result<HandlePtr> client = make_client(std::move(*conf), RD_KAFKA_PRODUCER);
    REQUIRE(client);
    const TopicPtr topic(rd_kafka_topic_new(client->get(), kTopic, nullptr));
    const auto produce = [&](std::int32_t partition) {
        REQUIRE(rd_kafka_produce(topic.get(), partition, RD_KAFKA_MSG_F_COPY,
                                 const_cast<char*>("v"), 1, nullptr, 0, nullptr) == 0);
    };
    produce(1);  // with its answer there is a producer id, and partition 0 does not know it
    REQUIRE(rd_kafka_flush(client->get(), 10'000) == RD_KAFKA_RESP_ERR_NO_ERROR);
    cluster_.set_rtt(milliseconds(200));
    cluster_.push_errors(kProduceApi, {RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS});
    cluster_.count_requests();
    produce(0);
    const Instant deadline = clock_.now() + seconds(10);
    while (cluster_.requests(kProduceApi) == 0) {
        REQUIRE(clock_.now() < deadline);
        rd_kafka_poll(client->get(), 1);
    }
    for (int i = 0; i < 10; ++i) {
        produce(0);
    }
    REQUIRE(rd_kafka_flush(client->get(), 20'000) == RD_KAFKA_RESP_ERR_NO_ERROR);
    std::int64_t begin = 0;
    std::int64_t end = 0;
    REQUIRE(rd_kafka_query_watermark_offsets(client->get(), kTopic, 0, &begin, &end, 10'000) ==
            RD_KAFKA_RESP_ERR_NO_ERROR);
    CHECK(seen.without_error == 12);
    CHECK(seen.acknowledged == end + 1);  // and one in partition 1
    CHECK(seen.unknown == 11 - end);
    CHECK(end == (guarded ? 11 : 10));
}

TEST_CASE_METHOD(ProducerFixture, "a missing right fails the records and names topic and right") {
    const auto producer = open_ok();
    cluster_.push_errors(kProduceApi, {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED});
    REQUIRE(offer(*producer, PartitionId{1}));
    poll_until_answered(*producer, seconds(10));
    CHECK(producer->counts().failed == 1);
    CHECK(producer->counts().unknown == 0);
    REQUIRE(producer->failure());
    CHECK(producer->failure()->exit_code == ExitCode::kafka_fatal);
    CHECK(producer->failure()->message.find("orders [1]") != std::string::npos);
    // The value is all 'v': nothing of it may stand in a message.
    CHECK(producer->failure()->message.find("vvv") == std::string::npos);
}

TEST_CASE_METHOD(ProducerFixture, "a fatal error of the idempotent producer stops it") {
    const auto producer = open_ok();
    // The broker lost a sequence that the client has seen acknowledged.
    add(*producer, 3);
    poll_until_answered(*producer, seconds(10));
    cluster_.push_errors(kProduceApi, {RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER});
    add(*producer, 1);
    poll_until_answered(*producer, seconds(5));
    REQUIRE(producer->failure());
    CHECK(producer->failure()->exit_code == ExitCode::kafka_fatal);
    const std::uint64_t added = producer->added();
    add(*producer, 5);
    producer->abandon();
    CHECK(producer->added() == added + 5);
    CHECK(producer->counts().answered() == producer->added());
    CHECK(producer->counts().acknowledged == 3);
}

TEST_CASE_METHOD(ProducerFixture, "a record that is too large fails at once and alone") {
    const auto producer = open_ok({{"message.max.bytes", "1000"}});
    REQUIRE(offer(*producer, PartitionId{0}, 1900));
    REQUIRE(offer(*producer, PartitionId{1}));
    poll_until_answered(*producer, seconds(10));
    CHECK(producer->counts().failed == 1);
    CHECK(producer->counts().acknowledged == 1);
    CHECK(producer->outstanding_bytes() == 0);
    REQUIRE(producer->failure());
    CHECK(producer->failure()->kafka_code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
}

TEST_CASE_METHOD(ProducerFixture, "a topic that does not exist is an error after the wait") {
    const auto producer = open({}, "no-such-topic", milliseconds(600));
    REQUIRE_FALSE(producer.has_value());
    CHECK(producer.error().message.find("no-such-topic") != std::string::npos);
    CHECK(producer.error().exit_code == ExitCode::unavailable);
}

TEST_CASE_METHOD(ProducerFixture, "brokers that do not answer are an error after the wait") {
    cluster_.set_down(true);
    const auto producer = open({}, kTopic, milliseconds(600));
    REQUIRE_FALSE(producer.has_value());
    CHECK(producer.error().exit_code == ExitCode::unavailable);
}

TEST_CASE_METHOD(ProducerFixture, "a property that librdkafka refuses is a usage error") {
    const auto producer = open({{"linger.ms", "soon"}});
    REQUIRE_FALSE(producer.has_value());
    CHECK(producer.error().exit_code == ExitCode::usage);
}

}  // namespace kstream::kafka
