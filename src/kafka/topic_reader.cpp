#include "kafka/topic_reader.hpp"

#include "kafka/error_map.hpp"
#include "kstream/check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace kstream::kafka {

TopicReader::TopicReader(ClientConfig client, TopicNames topics, std::string name)
    : client_config_(std::move(client)), topics_(std::move(topics)), name_(std::move(name)) {}

TopicReader::~TopicReader() {
    fetched_.clear();
    queue_.reset();
    if (client_) {
        rd_kafka_consumer_close(client_.get());
    }
}

std::string TopicReader::group() const {
    return client_config_.client_id + "-reader";
}

Result<void> TopicReader::make_client() {
    // The end-of-partition event has the position after aborted records, control records and holes
    // of compaction; under read_committed it comes at the last stable offset.
    //
    // librdkafka asks for the coordinator of any consumer's group, and a missing right comes out as
    // an error of the reader: the group has to begin with the application id, as client.id does.
    Properties required{
        {"enable.partition.eof", "true"},
        {"group.id", group()},
        {"client.id", fmt::format("{}-{}", client_config_.client_id, name_)},
    };
    add_whole_batches(required);
    Result<ConfPtr> conf = make_conf(client_config_, ClientKind::reader, required);
    if (!conf) {
        return std::unexpected(std::move(conf.error()));
    }
    Result<HandlePtr> made = kafka::make_client(std::move(*conf), RD_KAFKA_CONSUMER);
    if (!made) {
        return std::unexpected(std::move(made.error()));
    }
    client_ = std::move(*made);
    rd_kafka_poll_set_consumer(client_.get());
    queue_.reset(rd_kafka_queue_get_consumer(client_.get()));
    return {};
}

PartitionListPtr TopicReader::one(TopicRole topic, PartitionId partition, Offset at) const {
    PartitionListPtr list{rd_kafka_topic_partition_list_new(1)};
    rd_kafka_topic_partition_list_add(list.get(), topics_.of(topic).c_str(), partition.value)
        ->offset = at.value;
    return list;
}

Result<void> TopicReader::open(TopicRole topic, PartitionId partition, Offset from) {
    if (!client_) {
        if (Result<void> made = make_client(); !made) {
            return made;
        }
    }
    KSTREAM_CHECK(!open_.contains({topic, partition}), "a partition is opened once at a time");
    const PartitionListPtr list = one(topic, partition, from);
    if (const ErrorPtr error{rd_kafka_incremental_assign(client_.get(), list.get())}) {
        return std::unexpected(map_error(*error, fmt::format("opening topic {} partition {}",
                                                             topics_.of(topic), partition.value)));
    }
    open_[{topic, partition}] = from;
    return {};
}

void TopicReader::close(TopicRole topic, PartitionId partition) {
    if (open_.erase({topic, partition}) == 0) {
        return;
    }
    const PartitionListPtr list = one(topic, partition, Offset{0});
    const ErrorPtr error{rd_kafka_incremental_unassign(client_.get(), list.get())};
    KSTREAM_CHECK(!error, "what is open is assigned");
}

Result<RecordBatch> TopicReader::poll(TopicRole topic, Duration wait) {
    fetched_.clear();
    KSTREAM_CHECK(client_ != nullptr, "something is open");
    asked_ = topic;
    auto messages = fetched_.take(*queue_);
    if (messages.empty() && wait > Duration::zero()) {
        messages = fetched_.wait(*client_, std::chrono::ceil<std::chrono::milliseconds>(wait));
    }
    while (!messages.empty()) {
        for (const rd_kafka_message_t* const message : messages) {
            if (Result<void> taken = take(*message); !taken) {
                return std::unexpected(std::move(taken.error()));
            }
        }
        messages = fetched_.take(*queue_);
    }
    return fetched_.records();
}

Result<void> TopicReader::take(const rd_kafka_message_t& message) {
    const bool about_topic = message.rkt != nullptr;
    const auto entry = std::ranges::find_if(open_, [this, &message, about_topic](const auto& open) {
        return about_topic && open.first.second.value == message.partition &&
               topics_.of(open.first.first) == rd_kafka_topic_name(message.rkt);
    });
    if (message.err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        if (entry != open_.end()) {
            entry->second = std::max(entry->second, Offset{message.offset});
        }
        return {};
    }
    if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        Error error =
            map_error(message.err,
                      about_topic ? fmt::format("reading topic {} partition {}",
                                                rd_kafka_topic_name(message.rkt), message.partition)
                                  : std::string{"reading state back"},
                      rd_kafka_message_errstr(&message));
        if (error.kafka_code == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED) {
            error = with_right(std::move(error), "Describe on group " + group());
        }
        if (error.disposition == Disposition::stop) {
            return std::unexpected(std::move(error));
        }
        return {};  // librdkafka goes on by itself; the taker's patience bounds the wait
    }
    if (entry == open_.end() || entry->first.first != asked_ ||
        Offset{message.offset} < entry->second) {
        return {};
    }
    const Offset first = std::exchange(entry->second, Offset{message.offset}.next());
    return fetched_.view(message, first);
}

Offset TopicReader::position(TopicRole topic, PartitionId partition) const {
    const auto entry = open_.find({topic, partition});
    if (entry == open_.end()) {
        return Offset{0};
    }
    const PartitionListPtr list = one(topic, partition, Offset{0});
    if (rd_kafka_position(client_.get(), list.get()) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return entry->second;
    }
    return std::max(entry->second, Offset{list->elems[0].offset});
}

}  // namespace kstream::kafka
