#include "kafka/topic_proof.hpp"

#include "kafka/admin_call.hpp"
#include "kafka/error_map.hpp"
#include "kafka/topic_id.hpp"
#include "kstream/check.hpp"

#include <fmt/format.h>

#include <array>

namespace kstream::kafka {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kSlice{100};

Error not_proved(std::string message) {
    Error error;
    error.disposition = Disposition::abort_and_rewind;
    error.exit_code = ExitCode::identity;
    error.message = std::move(message);
    return error;
}

}  // namespace

TopicProof::TopicProof(rd_kafka_t& client, std::string topic, std::span<const std::int32_t> brokers,
                       milliseconds patience)
    : topic_(std::move(topic)),
      queue_(rd_kafka_queue_new(&client)),
      open_(brokers.size()),
      deadline_(std::chrono::steady_clock::now() + patience) {
    std::array<const char*, 1> names{topic_.c_str()};
    const TopicCollectionPtr topics(
        rd_kafka_TopicCollection_of_topic_names(names.data(), names.size()));
    for (const std::int32_t broker : brokers) {
        const AdminOptionsPtr options(
            rd_kafka_AdminOptions_new(&client, RD_KAFKA_ADMIN_OP_DESCRIBETOPICS));
        std::array<char, 256> reason{};
        rd_kafka_resp_err_t set = rd_kafka_AdminOptions_set_request_timeout(
            options.get(), static_cast<int>(patience.count()), reason.data(), reason.size());
        if (broker >= 0 && set == RD_KAFKA_RESP_ERR_NO_ERROR) {
            set = rd_kafka_AdminOptions_set_broker(options.get(), broker, reason.data(),
                                                   reason.size());
        }
        KSTREAM_CHECK(set == RD_KAFKA_RESP_ERR_NO_ERROR, "options valid for DescribeTopics");
        rd_kafka_DescribeTopics(&client, topics.get(), options.get(), queue_.get());
    }
}

Result<void> TopicProof::wait(const TopicId& expected, const std::function<bool()>& canceled) {
    while (open_ > 0) {
        const EventPtr event(rd_kafka_queue_poll(queue_.get(), static_cast<int>(kSlice.count())));
        if (event) {
            --open_;
            if (Result<void> same = judge(*event, expected); !same) {
                return same;
            }
            continue;
        }
        if (canceled() || std::chrono::steady_clock::now() >= deadline_) {
            return std::unexpected(not_proved(fmt::format(
                "a broker that topic {} was read from does not say which topic it is", topic_)));
        }
    }
    return {};
}

Result<void> TopicProof::judge(rd_kafka_event_t& event, const TopicId& expected) {
    if (rd_kafka_event_error(&event) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        const char* const text = rd_kafka_event_error_string(&event);
        return std::unexpected(
            not_proved(fmt::format("which topic {} is cannot be asked where it was read: {}",
                                   topic_, text == nullptr ? "" : text)));
    }
    std::size_t count = 0;
    const rd_kafka_TopicDescription_t** const topics =
        rd_kafka_DescribeTopics_result_topics(rd_kafka_event_DescribeTopics_result(&event), &count);
    KSTREAM_CHECK(count == 1, "one topic was asked for");
    if (const rd_kafka_error_t* const error = rd_kafka_TopicDescription_error(topics[0])) {
        return std::unexpected(
            not_proved(map_error(*error, fmt::format("asking which topic {} is", topic_)).message));
    }
    const TopicId id = topic_id(rd_kafka_TopicDescription_topic_id(topics[0]));
    if (id != expected) {
        return std::unexpected(not_proved(
            fmt::format("topic {} is not the one any more that this job began with", topic_)));
    }
    return {};
}

}  // namespace kstream::kafka
