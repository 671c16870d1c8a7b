#include "kafka/bare_consumer.hpp"

#include "kafka/error_map.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <thread>
#include <utility>

namespace kstream::kafka {

namespace {

constexpr std::size_t kBatchRecords = 4096;
constexpr int kWaitMs = 10;
constexpr Duration kPatience = std::chrono::minutes(1);

// One handle and its share of the partitions.
class BareHandle {
public:
    BareHandle(const BareRead& read, const Clock& clock)
        : read_(read), clock_(clock), ends_(read.ends.size(), 0), messages_(kBatchRecords) {}
    ~BareHandle() {
        if (client_) {
            queue_.reset();
            rd_kafka_consumer_close(client_.get());
        }
    }
    BareHandle(const BareHandle&) = delete;
    BareHandle& operator=(const BareHandle&) = delete;

    Result<void> connect(const ClientConfig& config, int index) {
        Properties settings = read_.settings;
        settings.emplace_back("client.id", fmt::format("{}-bare-{}", config.client_id, index));
        auto conf = make_conf(config, ClientKind::reader, settings);
        if (!conf) {
            return std::unexpected(std::move(conf.error()));
        }
        auto client = make_client(std::move(*conf), RD_KAFKA_CONSUMER);
        if (!client) {
            return std::unexpected(std::move(client.error()));
        }
        client_ = std::move(*client);
        rd_kafka_poll_set_consumer(client_.get());
        queue_.reset(rd_kafka_queue_get_consumer(client_.get()));
        assignment_.reset(rd_kafka_topic_partition_list_new(1));
        for (auto i = static_cast<std::size_t>(index); i < ends_.size();
             i += static_cast<std::size_t>(read_.handles)) {
            if (read_.ends[i].value > 0) {
                rd_kafka_topic_partition_list_add(assignment_.get(), read_.topic.c_str(),
                                                  static_cast<std::int32_t>(i))
                    ->offset = 0;
                ends_[i] = read_.ends[i].value;
                ++open_;
            }
        }
        return learn_leaders();
    }

    void run() {
        rd_kafka_assign(client_.get(), assignment_.get());
        Instant heard = clock_.now();
        while (open_ > 0 && !failure_) {
            ssize_t count =
                rd_kafka_consume_batch_queue(queue_.get(), 0, messages_.data(), messages_.size());
            if (count <= 0) {
                messages_[0] = rd_kafka_consumer_poll(client_.get(), kWaitMs);
                count = messages_[0] != nullptr ? 1 : 0;
            }
            if (count > 0) {
                take(static_cast<std::size_t>(count));
                heard = clock_.now();
            } else if (clock_.now() - heard > kPatience || (read_.canceled && read_.canceled())) {
                failure_ = Error::stop(ExitCode::unavailable,
                                       fmt::format("nothing more comes from {}", read_.topic));
            }
        }
        ended_ = clock_.now();
    }

    [[nodiscard]] const BareCounts& counts() const { return counts_; }
    [[nodiscard]] Instant ended() const { return ended_; }
    [[nodiscard]] const std::optional<Error>& failure() const { return failure_; }

private:
    // Not a part of reading.
    Result<void> learn_leaders() {
        const TopicPtr topic{rd_kafka_topic_new(client_.get(), read_.topic.c_str(), nullptr)};
        const rd_kafka_metadata_t* answer = nullptr;
        const rd_kafka_resp_err_t error =
            rd_kafka_metadata(client_.get(), 0, topic.get(), &answer, 10'000);
        const MetadataPtr metadata{answer};
        if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
            return std::unexpected(map_error(error, fmt::format("topic {}", read_.topic)));
        }
        return {};
    }

    void take(std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) {
            const rd_kafka_message_t& message = *messages_[i];
            if (message.err == RD_KAFKA_RESP_ERR_NO_ERROR) [[likely]] {
                take_record(message);
            } else if (Error error = map_error(message.err, read_.topic);
                       error.disposition == Disposition::stop) {
                failure_ = std::move(error);
            }
            rd_kafka_message_destroy(messages_[i]);
        }
    }

    void take_record(const rd_kafka_message_t& message) {
        std::int64_t& end = ends_[static_cast<std::size_t>(message.partition)];
        if (message.offset >= end) {
            return;  // of a partition that is done
        }
        ++counts_.records;
        counts_.bytes += message.len + message.key_len;
        if (read_.checksum) {
            counts_.checksum +=
                read_.checksum({static_cast<const char*>(message.payload), message.len});
        }
        if (message.offset + 1 == end) {
            end = 0;
            --open_;
        }
    }

    const BareRead& read_;
    const Clock& clock_;
    std::vector<std::int64_t> ends_;  // by partition; 0: not ours, or done
    std::vector<rd_kafka_message_t*> messages_;
    std::size_t open_ = 0;
    BareCounts counts_;
    Instant ended_;
    std::optional<Error> failure_;
    HandlePtr client_;
    QueuePtr queue_;
    PartitionListPtr assignment_;
};

}  // namespace

Result<BareCounts> read_bare(const ClientConfig& config, const BareRead& read, const Clock& clock) {
    std::vector<std::unique_ptr<BareHandle>> handles;
    for (int i = 0; i < read.handles; ++i) {
        handles.push_back(std::make_unique<BareHandle>(read, clock));
        if (auto connected = handles.back()->connect(config, i); !connected) {
            return std::unexpected(std::move(connected.error()));
        }
    }
    const Instant begin = clock.now();
    {
        std::vector<std::jthread> threads;
        for (const auto& handle : handles) {
            threads.emplace_back([&handle] { handle->run(); });
        }
    }
    BareCounts all;
    Instant ended = begin;
    for (const auto& handle : handles) {
        if (handle->failure()) {
            return std::unexpected(*handle->failure());
        }
        all.records += handle->counts().records;
        all.bytes += handle->counts().bytes;
        all.checksum += handle->counts().checksum;
        ended = std::max(ended, handle->ended());
    }
    all.seconds = std::chrono::duration<double>(ended - begin).count();
    return all;
}

}  // namespace kstream::kafka
