#include "kafka/fetched.hpp"

#include "kafka/log_batch.hpp"
#include "kstream/check.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <iterator>

namespace kstream::kafka {
namespace {

// The batch that a message is; none where it is one record.
std::optional<LogBatch> batch_of(const rd_kafka_message_t& message) {
    rd_kafka_record_batch_t facts{};
    if (rd_kafka_message_record_batch(&message, &facts) == 0) {
        return std::nullopt;
    }
    LogBatch batch;
    batch.partition = PartitionId{message.partition};
    batch.base = Offset{facts.base_offset};
    batch.first = Offset{facts.first_offset};
    batch.record_count = facts.record_count;
    rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
    batch.timestamp_ms = rd_kafka_message_timestamp(&message, &type);
    batch.log_append_time = type == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME;
    batch.records = {static_cast<const char*>(message.payload), message.len};
    return batch;
}

RecordView view_of(const rd_kafka_message_t& message) {
    RecordView view;
    view.partition = PartitionId{message.partition};
    view.record_offset = Offset{message.offset};
    view.timestamp_ms = rd_kafka_message_timestamp(&message, nullptr);
    view.key_data = static_cast<const char*>(message.key);
    view.key_size = static_cast<std::uint32_t>(message.key_len);
    view.value_data = static_cast<const char*>(message.payload);
    view.value_size = static_cast<std::uint32_t>(message.len);
    return view;
}

}  // namespace

void add_whole_batches(Properties& properties) {
    properties.emplace_back("fetch.record.batches", "true");
}

void Fetched::clear() {
    for (rd_kafka_message_t* const message : messages_) {
        rd_kafka_message_destroy(message);
    }
    messages_.clear();
    views_.clear();
    sources_.clear();
    viewed_.clear();
    headers_.clear();
}

std::span<rd_kafka_message_t* const> Fetched::take(rd_kafka_queue_t& queue) {
    if (!messages_.empty()) {
        records_per_message_ = std::max<std::size_t>(1, views_.size() / messages_.size());
    }
    if (views_.size() >= kEnoughRecords) {
        return {};
    }
    const std::size_t held = messages_.size();
    const std::size_t wanted =
        std::max<std::size_t>(1, (kEnoughRecords - views_.size()) / records_per_message_);
    messages_.resize(held + wanted);
    const ssize_t count = rd_kafka_consume_batch_queue(&queue, 0, messages_.data() + held, wanted);
    messages_.resize(held + static_cast<std::size_t>(std::max<ssize_t>(0, count)));
    return std::span{messages_}.subspan(held);
}

std::span<rd_kafka_message_t* const> Fetched::wait(rd_kafka_t& client,
                                                   std::chrono::milliseconds time) {
    // Not consume_batch_queue with a timeout: it would wait for all of them.
    rd_kafka_message_t* const first =
        rd_kafka_consumer_poll(&client, static_cast<int>(time.count()));
    if (first == nullptr) {
        return {};
    }
    messages_.push_back(first);
    return std::span{messages_}.last(1);
}

Result<void> Fetched::view(const rd_kafka_message_t& message, Offset first) {
    const std::size_t views_before = views_.size();
    if (std::optional<LogBatch> batch = batch_of(message)) {
        batch->first = std::max(batch->first, first);
        Result<void> appended = append_records(*batch, views_, with_headers_ ? &headers_ : nullptr);
        if (!appended) {
            appended.error().message = fmt::format("topic {} {}", rd_kafka_topic_name(message.rkt),
                                                   appended.error().message);
            return appended;
        }
    } else if (Offset{message.offset} >= first) {
        views_.push_back(view_of(message));
    }
    if (views_.size() != views_before) {
        sources_.push_back({views_before, &message});
    }
    if (with_headers_) {
        headers_.resize(views_.size());
        viewed_.resize(views_.size(), &message);
    }
    return {};
}

Result<std::vector<HeaderView>> Fetched::headers(const RecordView& record) const {
    const auto index = static_cast<std::size_t>(&record - views_.data());
    KSTREAM_CHECK(index < views_.size() && !record.is_tombstone(), "a value of the last poll");
    const auto behind = std::ranges::upper_bound(sources_, index, {}, &Viewed::first);
    const rd_kafka_message_t& message = *std::prev(behind)->message;
    if (const std::optional<LogBatch> batch = batch_of(message)) {
        const char* const end = batch->records.data() + batch->records.size();
        const char* const begin = record.value_data + record.value_size;
        if (auto headers = read_headers({begin, static_cast<std::size_t>(end - begin)})) {
            return std::move(*headers);
        }
        return fail(ExitCode::integrity,
                    fmt::format("topic {} partition {} offset {}: the record's headers are damaged",
                                rd_kafka_topic_name(message.rkt), record.partition.value,
                                record.record_offset.value));
    }
    std::vector<HeaderView> headers;
    rd_kafka_headers_t* all = nullptr;
    if (rd_kafka_message_headers(&message, &all) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return headers;
    }
    const char* name = nullptr;
    const void* value = nullptr;
    std::size_t size = 0;
    for (std::size_t i = 0;
         rd_kafka_header_get_all(all, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR; ++i) {
        headers.push_back({name, value != nullptr ? std::optional{std::string_view{
                                                        static_cast<const char*>(value), size}}
                                                  : std::nullopt});
    }
    return headers;
}

std::optional<std::string_view> Fetched::header(const RecordView& record, const char* name) const {
    const auto index = static_cast<std::size_t>(&record - views_.data());
    KSTREAM_CHECK(index < viewed_.size(), "the record is of the last poll, and headers are kept");
    if (batch_of(*viewed_[index])) {
        return last_header(headers_[index], name);
    }
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

}  // namespace kstream::kafka
