#include "kafka/broker_clock.hpp"

#include "kafka/handles.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <optional>
#include <string>
#include <utility>

namespace kstream::kafka {
namespace {

constexpr int kPatienceMs = 3000;
// Written by coordinators, with their own time: the first one with every transaction.
constexpr std::array kOwnLogs{"__transaction_state", "__consumer_offsets"};

struct Newest {
    std::string topic;
    std::int64_t unix_ms = 0;
};

std::string as_text(std::int64_t unix_ms) {
    return fmt::format("{:%FT%TZ}", fmt::gmtime(static_cast<std::time_t>(unix_ms / 1000)));
}

PartitionListPtr partitions_of(rd_kafka_t& client, const char* name) {
    PartitionListPtr asked(rd_kafka_topic_partition_list_new(1));
    const TopicPtr topic(rd_kafka_topic_new(&client, name, nullptr));
    const rd_kafka_metadata_t* answer = nullptr;
    const rd_kafka_resp_err_t code =
        rd_kafka_metadata(&client, 0, topic.get(), &answer, kPatienceMs);
    const MetadataPtr metadata(answer);
    for (int i = 0; code == RD_KAFKA_RESP_ERR_NO_ERROR && metadata->topic_cnt == 1 &&
                    i < metadata->topics[0].partition_cnt;
         ++i) {
        rd_kafka_topic_partition_list_add(asked.get(), name, metadata->topics[0].partitions[i].id)
            ->offset = RD_KAFKA_OFFSET_SPEC_MAX_TIMESTAMP;
    }
    return asked;
}

std::int64_t newest_in(rd_kafka_t& client, const char* name) {
    const PartitionListPtr asked = partitions_of(client, name);
    if (asked->cnt == 0) {
        return 0;
    }
    const AdminOptionsPtr options(
        rd_kafka_AdminOptions_new(&client, RD_KAFKA_ADMIN_OP_LISTOFFSETS));
    std::array<char, 128> reason{};
    rd_kafka_AdminOptions_set_request_timeout(options.get(), kPatienceMs, reason.data(),
                                              reason.size());
    const QueuePtr queue(rd_kafka_queue_new(&client));
    rd_kafka_ListOffsets(&client, asked.get(), options.get(), queue.get());
    const EventPtr event(rd_kafka_queue_poll(queue.get(), kPatienceMs + 1000));
    if (!event || rd_kafka_event_error(event.get()) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return 0;
    }
    std::int64_t newest = 0;
    std::size_t count = 0;
    const auto** const answers =
        rd_kafka_ListOffsets_result_infos(rd_kafka_event_ListOffsets_result(event.get()), &count);
    for (std::size_t i = 0; i < count; ++i) {
        newest = std::max(newest, rd_kafka_ListOffsetsResultInfo_timestamp(answers[i]));
    }
    return newest;
}

std::optional<Newest> newest_of_brokers(const ClientConfig& config) {
    auto conf = make_conf(config, ClientKind::reader, {});
    if (!conf) {
        return std::nullopt;
    }
    const auto client = make_client(std::move(*conf), RD_KAFKA_CONSUMER);
    if (!client) {
        return std::nullopt;
    }
    std::optional<Newest> newest;
    for (const char* const name : kOwnLogs) {
        if (const std::int64_t time = newest_in(**client, name);
            time > 0 && (!newest || time > newest->unix_ms)) {
            newest = Newest{name, time};
        }
    }
    return newest;
}

}  // namespace

Error with_clocks(Error error, const ClientConfig& config) {
    const bool perhaps = error.kafka_code == RD_KAFKA_RESP_ERR_INVALID_RECORD;
    if (!perhaps && error.kafka_code != RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP) {
        return error;
    }
    const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::system_clock::now().time_since_epoch());
    const std::optional<Newest> newest = newest_of_brokers(config);
    error.hint = fmt::format(
        "is this machine's clock right? it says {}, {}; the brokers refuse what is too far from "
        "their time: the topic's message.timestamp.after.max.ms and "
        "message.timestamp.before.max.ms{}",
        as_text(now.count()),
        newest ? fmt::format("the brokers wrote last at {} by theirs ({})",
                             as_text(newest->unix_ms), newest->topic)
               : std::string("theirs could not be found out"),
        perhaps ? "; or the topic is compacted, and takes no record without a key" : "");
    return error;
}

}  // namespace kstream::kafka
