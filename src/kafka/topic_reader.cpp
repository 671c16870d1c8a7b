#include "kafka/topic_reader.hpp"

#include "kafka/error_map.hpp"
#include "kstream/check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace kstream::kafka {

namespace {

constexpr std::size_t kBatchRecords = 4096;

}  // namespace

TopicReader::TopicReader(const ClientConfig& client, TopicNames topics, std::string name)
    : client_config_(client),
      topics_(std::move(topics)),
      name_(std::move(name)),
      messages_(kBatchRecords) {}

TopicReader::~TopicReader() {
    drop_messages();
    queue_.reset();
    if (client_) {
        rd_kafka_consumer_close(client_.get());
    }
}

std::string TopicReader::group() const {
    return client_config_.client_id + "-reader";
}

Result<void> TopicReader::make_client() {
    // The end-of-partition event has the position behind aborted records, control records and holes
    // of compaction; under read_committed it comes at the last stable offset.
    //
    // librdkafka asks for the coordinator of any consumer's group, and a missing right comes out as
    // an error of the reader: the group has to begin with the application id, as client.id does.
    Result<ConfPtr> conf =
        make_conf(client_config_, ClientKind::reader,
                  {{"enable.partition.eof", "true"},
                   {"group.id", group()},
                   {"client.id", fmt::format("{}-{}", client_config_.client_id, name_)}});
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

void TopicReader::drop_messages() {
    for (std::size_t i = 0; i < message_count_; ++i) {
        rd_kafka_message_destroy(messages_[i]);
    }
    message_count_ = 0;
    views_.clear();
    viewed_.clear();
}

Result<RecordBatch> TopicReader::poll(TopicRole topic, Duration wait) {
    drop_messages();
    KSTREAM_CHECK(client_ != nullptr, "something is open");
    asked_ = topic;
    ssize_t count =
        rd_kafka_consume_batch_queue(queue_.get(), 0, messages_.data(), messages_.size());
    if (count <= 0 && wait > Duration::zero()) {
        const auto ms = std::chrono::ceil<std::chrono::milliseconds>(wait).count();
        messages_[0] = rd_kafka_consumer_poll(client_.get(), static_cast<int>(ms));
        count = messages_[0] != nullptr ? 1 : 0;
    }
    message_count_ = count > 0 ? static_cast<std::size_t>(count) : 0;
    for (std::size_t i = 0; i < message_count_; ++i) {
        if (Result<void> taken = take(*messages_[i]); !taken) {
            return std::unexpected(std::move(taken.error()));
        }
    }
    return RecordBatch{views_};
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
    entry->second = Offset{message.offset}.next();
    RecordView view;
    view.partition = PartitionId{message.partition};
    view.record_offset = Offset{message.offset};
    view.timestamp_ms = rd_kafka_message_timestamp(&message, nullptr);
    view.key_data = static_cast<const char*>(message.key);
    view.key_size = static_cast<std::uint32_t>(message.key_len);
    view.value_data = static_cast<const char*>(message.payload);
    view.value_size = static_cast<std::uint32_t>(message.len);
    views_.push_back(view);
    viewed_.push_back(&message);
    return {};
}

std::optional<std::string_view> TopicReader::header(const RecordView& record,
                                                    const char* name) const {
    const auto index = static_cast<std::size_t>(&record - views_.data());
    KSTREAM_CHECK(index < viewed_.size(), "the record is of the last batch");
    rd_kafka_headers_t* headers = nullptr;
    const void* value = nullptr;
    std::size_t size = 0;
    if (rd_kafka_message_headers(viewed_[index], &headers) != RD_KAFKA_RESP_ERR_NO_ERROR ||
        rd_kafka_header_get_last(headers, name, &value, &size) != RD_KAFKA_RESP_ERR_NO_ERROR ||
        value == nullptr) {
        return std::nullopt;
    }
    return std::string_view{static_cast<const char*>(value), size};
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
