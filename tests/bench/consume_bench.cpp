// The ceiling of anything that reads a topic through librdkafka: a consumer that takes batches and
// throws the records away, with the same client settings as `aggregate`, assigned by hand to all
// partitions of the topic. Prints records, bytes, seconds and records/s.
//
//   consume_bench BROKERS TOPIC

#include "kafka/client_config.hpp"
#include "kafka/handles.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

namespace {

using kstream::kafka::MetadataPtr;

class NoLog final : public kstream::Log {
public:
    void write(kstream::LogLevel, std::string_view,
               std::initializer_list<kstream::LogField>) override {}
};

int partitions_of(rd_kafka_t& client, const char* topic) {
    const kstream::kafka::TopicPtr handle{rd_kafka_topic_new(&client, topic, nullptr)};
    const struct rd_kafka_metadata* metadata = nullptr;
    if (rd_kafka_metadata(&client, 0, handle.get(), &metadata, 10000) !=
        RD_KAFKA_RESP_ERR_NO_ERROR) {
        return 0;
    }
    const MetadataPtr owner{metadata};
    return metadata->topic_cnt == 1 ? metadata->topics[0].partition_cnt : 0;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) {
        std::fprintf(stderr, "usage: consume_bench BROKERS TOPIC\n");
        return 2;
    }
    NoLog log;
    const kstream::kafka::ClientConfig config{argv[1], "consume-bench", {}, &log};
    auto conf = kstream::kafka::make_conf(config, kstream::kafka::ClientKind::reader,
                                          {{"enable.partition.eof", "true"}});
    if (!conf) {
        std::fprintf(stderr, "%s\n", conf.error().message.c_str());
        return 1;
    }
    std::array<char, 512> reason{};
    const kstream::kafka::HandlePtr client{
        rd_kafka_new(RD_KAFKA_CONSUMER, conf->release(), reason.data(), reason.size())};
    rd_kafka_poll_set_consumer(client.get());
    const int partitions = partitions_of(*client, argv[2]);
    const kstream::kafka::PartitionListPtr list{rd_kafka_topic_partition_list_new(partitions)};
    for (int i = 0; i < partitions; ++i) {
        rd_kafka_topic_partition_list_add(list.get(), argv[2], i)->offset =
            RD_KAFKA_OFFSET_BEGINNING;
    }
    const auto begin = std::chrono::steady_clock::now();
    rd_kafka_assign(client.get(), list.get());
    const kstream::kafka::QueuePtr queue{rd_kafka_queue_get_consumer(client.get())};
    std::vector<rd_kafka_message_t*> messages(4096);
    std::uint64_t records = 0;
    std::uint64_t bytes = 0;
    for (int at_end = 0; at_end < partitions;) {
        ssize_t count =
            rd_kafka_consume_batch_queue(queue.get(), 0, messages.data(), messages.size());
        if (count <= 0) {
            messages[0] = rd_kafka_consumer_poll(client.get(), 10);
            count = messages[0] != nullptr ? 1 : 0;
        }
        for (ssize_t i = 0; i < count; ++i) {
            rd_kafka_message_t* const message = messages[static_cast<std::size_t>(i)];
            if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
                ++records;
                bytes += message->len + message->key_len;
            } else if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
                ++at_end;
            }
            rd_kafka_message_destroy(message);
        }
    }
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    std::printf("records %llu  bytes %llu  seconds %.3f  records/s %.0f\n",
                static_cast<unsigned long long>(records), static_cast<unsigned long long>(bytes),
                seconds, static_cast<double>(records) / seconds);
    rd_kafka_consumer_close(client.get());
    return 0;
}
