// Whole batches and single records: what a consumer hands out is the same.
#include "kafka/fetched.hpp"

#include <catch2/catch_test_macros.hpp>
#include <librdkafka/rdkafka_mock.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace kstream::kafka {
namespace {

using std::chrono::milliseconds;

constexpr const char* kTopic = "orders";
constexpr std::array kCodecs{"none", "gzip", "snappy", "lz4", "zstd"};
constexpr int kBatches = kCodecs.size();  // of four records each

struct Copy {
    std::int64_t offset;
    std::int64_t timestamp_ms;
    std::optional<std::string> key;
    std::optional<std::string> value;
    std::optional<std::string> header;
    std::vector<std::string> headers;  // all of it, of one with a value
    bool operator==(const Copy&) const = default;
};

Properties whole_batches() {
    Properties properties;
    add_whole_batches(properties);
    return properties;
}

std::optional<std::string> text(const char* data, std::uint32_t size) {
    return data != nullptr ? std::optional{std::string{data, size}} : std::nullopt;
}

// One broker in this process, and a topic with a batch for each codec in its only partition.
class Log {
public:
    Log() {
        host_.reset(rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), nullptr, 0));
        REQUIRE(host_ != nullptr);
        cluster_.reset(rd_kafka_mock_cluster_new(host_.get(), 1));
        REQUIRE(cluster_ != nullptr);
        REQUIRE(rd_kafka_mock_topic_create(cluster_.get(), kTopic, 1, 1) ==
                RD_KAFKA_RESP_ERR_NO_ERROR);
        config_.brokers = rd_kafka_mock_cluster_bootstraps(cluster_.get());
        for (const char* const codec : kCodecs) {
            write_batch(codec);
        }
    }

    // All records from an offset on; with_headers: of the header "h", its last value.
    std::vector<Copy> read(const Properties& more, Offset assigned, Offset wanted) {
        Properties properties{{"enable.partition.eof", "true"}, {"group.id", "g"}};
        properties.insert(properties.end(), more.begin(), more.end());
        Result<ConfPtr> conf = make_conf(config_, ClientKind::reader, properties);
        REQUIRE(conf);
        Result<HandlePtr> client = make_client(std::move(*conf), RD_KAFKA_CONSUMER);
        REQUIRE(client);
        rd_kafka_poll_set_consumer(client->get());
        const QueuePtr queue{rd_kafka_queue_get_consumer(client->get())};
        const PartitionListPtr list{rd_kafka_topic_partition_list_new(1)};
        rd_kafka_topic_partition_list_add(list.get(), kTopic, 0)->offset = assigned.value;
        REQUIRE(rd_kafka_assign(client->get(), list.get()) == RD_KAFKA_RESP_ERR_NO_ERROR);
        std::vector<Copy> copies;
        {
            Fetched fetched{true};
            bool end = false;
            messages_ = 0;
            while (!end) {
                fetched.clear();
                auto messages = fetched.wait(*client->get(), milliseconds{10'000});
                REQUIRE_FALSE(messages.empty());
                for (; !messages.empty(); messages = fetched.take(*queue)) {
                    for (const rd_kafka_message_t* const message : messages) {
                        end = end || message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
                        if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
                            REQUIRE(fetched.view(*message, wanted));
                            ++messages_;
                        }
                    }
                }
                for (const RecordView& record : fetched.records()) {
                    const auto header = fetched.header(record, "h");
                    std::vector<std::string> all;
                    if (!record.is_tombstone()) {
                        const auto read = fetched.headers(record);
                        REQUIRE(read);
                        for (const HeaderView& one : *read) {
                            all.push_back(std::string{one.name} + "=" +
                                          std::string{one.value.value_or("null")});
                        }
                    }
                    copies.push_back({record.record_offset.value, record.timestamp_ms,
                                      text(record.key_data, record.key_size),
                                      text(record.value_data, record.value_size),
                                      header ? std::optional{std::string{*header}} : std::nullopt,
                                      all});
                }
            }
        }
        REQUIRE(rd_kafka_position(client->get(), list.get()) == RD_KAFKA_RESP_ERR_NO_ERROR);
        position_ = list->elems[0].offset;
        rd_kafka_consumer_close(client->get());
        return copies;
    }
    [[nodiscard]] int messages() const { return messages_; }
    [[nodiscard]] std::int64_t position() const { return position_; }

private:
    void write_batch(const char* codec) {
        Result<ConfPtr> conf = make_conf(config_, ClientKind::plain_producer,
                                         {{"compression.type", codec}, {"linger.ms", "100"}});
        REQUIRE(conf);
        Result<HandlePtr> client = make_client(std::move(*conf), RD_KAFKA_PRODUCER);
        REQUIRE(client);
        const std::string large(3000, 'x');
        write(**client, "key", "value", {});
        write(**client, nullptr, large.c_str(), {"one", "two"});
        write(**client, "", nullptr, {"one"});
        write(**client, "key", "", {});
        REQUIRE(rd_kafka_flush(client->get(), 10'000) == RD_KAFKA_RESP_ERR_NO_ERROR);
    }
    static void write(rd_kafka_t& client, const char* key, const char* value,
                      const std::vector<std::string>& headers) {
        rd_kafka_headers_t* const list = rd_kafka_headers_new(headers.size());
        for (const std::string& header : headers) {
            rd_kafka_header_add(list, "h", -1, header.data(), static_cast<ssize_t>(header.size()));
        }
        if (headers.size() > 1) {
            rd_kafka_header_add(list, "null", -1, nullptr, 0);
        }
        // An empty value is not a null one: librdkafka tells them apart by the pointer.
        std::array<rd_kafka_vu_t, 6> fields{};
        fields[0].vtype = RD_KAFKA_VTYPE_TOPIC;
        fields[0].u.cstr = kTopic;
        fields[1].vtype = RD_KAFKA_VTYPE_PARTITION;
        fields[1].u.i32 = 0;
        fields[2].vtype = RD_KAFKA_VTYPE_KEY;
        fields[2].u.mem = memory(key);
        fields[3].vtype = RD_KAFKA_VTYPE_VALUE;
        fields[3].u.mem = memory(value);
        fields[4].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
        fields[4].u.i = RD_KAFKA_MSG_F_COPY;
        fields[5].vtype = RD_KAFKA_VTYPE_HEADERS;
        fields[5].u.headers = list;
        const ErrorPtr error{rd_kafka_produceva(&client, fields.data(), fields.size())};
        REQUIRE_FALSE(error);
    }
    static decltype(rd_kafka_vu_t{}.u.mem) memory(const char* text) {
        return {const_cast<char*>(text), text != nullptr ? std::string_view{text}.size() : 0};
    }

    HandlePtr host_;
    std::unique_ptr<rd_kafka_mock_cluster_t, Deleter<&rd_kafka_mock_cluster_destroy>> cluster_;
    ClientConfig config_;
    int messages_ = 0;
    std::int64_t position_ = -1;
};

constexpr int kManyBatches = 40;
constexpr int kManyRecords = 500;  // of each

// Many records in whole batches, all of them fetched before the first poll.
void fetch_many(const std::function<void(rd_kafka_t&, rd_kafka_queue_t&)>& use) {
    const HandlePtr host{rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), nullptr, 0)};
    REQUIRE(host);
    const std::unique_ptr<rd_kafka_mock_cluster_t, Deleter<&rd_kafka_mock_cluster_destroy>> cluster{
        rd_kafka_mock_cluster_new(host.get(), 1)};
    REQUIRE(rd_kafka_mock_topic_create(cluster.get(), kTopic, 1, 1) == RD_KAFKA_RESP_ERR_NO_ERROR);
    ClientConfig config;
    config.brokers = rd_kafka_mock_cluster_bootstraps(cluster.get());
    Result<ConfPtr> out = make_conf(config, ClientKind::plain_producer, {{"linger.ms", "1000"}});
    REQUIRE(out);
    const Result<HandlePtr> producer = make_client(std::move(*out), RD_KAFKA_PRODUCER);
    REQUIRE(producer);
    const TopicPtr topic{rd_kafka_topic_new(producer->get(), kTopic, nullptr)};
    for (int batch = 0; batch < kManyBatches; ++batch) {
        for (int i = 0; i < kManyRecords; ++i) {
            REQUIRE(rd_kafka_produce(topic.get(), 0, RD_KAFKA_MSG_F_COPY,
                                     const_cast<char*>("value"), 5, nullptr, 0, nullptr) == 0);
        }
        REQUIRE(rd_kafka_flush(producer->get(), 10'000) == RD_KAFKA_RESP_ERR_NO_ERROR);
    }
    Properties properties{{"enable.partition.eof", "true"}, {"group.id", "g"}};
    add_whole_batches(properties);
    Result<ConfPtr> in = make_conf(config, ClientKind::reader, properties);
    REQUIRE(in);
    const Result<HandlePtr> client = make_client(std::move(*in), RD_KAFKA_CONSUMER);
    REQUIRE(client);
    rd_kafka_poll_set_consumer(client->get());
    {
        const QueuePtr queue{rd_kafka_queue_get_consumer(client->get())};
        const PartitionListPtr list{rd_kafka_topic_partition_list_new(1)};
        rd_kafka_topic_partition_list_add(list.get(), kTopic, 0)->offset = 0;
        REQUIRE(rd_kafka_assign(client->get(), list.get()) == RD_KAFKA_RESP_ERR_NO_ERROR);
        use(**client, *queue);
    }
    rd_kafka_consumer_close(client->get());
}

}  // namespace

TEST_CASE("a poll hands out about as many records as are enough, however many are there") {
    fetch_many([](rd_kafka_t& client, rd_kafka_queue_t& queue) {
        Fetched fetched;
        std::size_t most = 0;
        std::size_t all = 0;
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{30};
        while (all < std::size_t{kManyBatches} * kManyRecords) {
            REQUIRE(std::chrono::steady_clock::now() < deadline);
            fetched.clear();
            auto messages = fetched.wait(client, milliseconds{1000});
            // What is after the first one comes in its own time.
            while (all == 0 && rd_kafka_queue_length(&queue) < kManyBatches - 1) {
                REQUIRE(std::chrono::steady_clock::now() < deadline);
                std::this_thread::yield();
            }
            for (; !messages.empty(); messages = fetched.take(queue)) {
                for (const rd_kafka_message_t* const message : messages) {
                    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
                        REQUIRE(fetched.view(*message, Offset{0}));
                    }
                }
            }
            most = std::max(most, fetched.records().size());
            all += fetched.records().size();
        }
        CHECK(most >= Fetched::kEnoughRecords);
        CHECK(most < Fetched::kEnoughRecords + kManyRecords);
    });
}

TEST_CASE("whole batches hand out the records that single messages hand out") {
    Log log;
    const std::vector<Copy> singly = log.read({}, Offset{0}, Offset{0});
    CHECK(log.messages() == 4 * kBatches);
    const std::int64_t position = log.position();
    REQUIRE(singly.size() == 4 * kBatches);
    CHECK(singly[1].header == "two");
    CHECK(singly[0].headers.empty());
    CHECK(singly[1].headers == std::vector<std::string>{"h=one", "h=two", "null=null"});
    CHECK_FALSE(singly[1].key);
    CHECK_FALSE(singly[2].value);
    CHECK(singly[3].value == "");

    const std::vector<Copy> whole = log.read(whole_batches(), Offset{0}, Offset{0});
    CHECK(whole == singly);
    CHECK(log.position() == position);
    CHECK(log.messages() == kBatches);
}

TEST_CASE("whole batches are read from the middle of one on, wherever that was said") {
    Log log;
    const std::vector<Copy> all = log.read({}, Offset{0}, Offset{0});
    for (const std::int64_t from : {1, 3, 4, 6}) {
        const std::vector<Copy> expected{all.begin() + from, all.end()};
        CHECK(log.read(whole_batches(), Offset{from}, Offset{0}) == expected);
        CHECK(log.read(whole_batches(), Offset{0}, Offset{from}) == expected);
        CHECK(log.read({}, Offset{0}, Offset{from}) == expected);
    }
}

}  // namespace kstream::kafka
