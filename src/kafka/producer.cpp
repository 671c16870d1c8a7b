#include "kafka/producer.hpp"

#include "kafka/client_stats.hpp"
#include "kafka/error_map.hpp"
#include "kstream/check.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <tuple>
#include <utility>

namespace kstream::kafka {
namespace {

// A report's latency is taken against a clock that is read once in so many reports: reading it
// costs as much as the rest of a report, and this many are served in well under a millisecond.
constexpr std::uint32_t kReportsPerClock = 256;

// librdkafka answers what is purged at once; a broker thread that hangs must not hang us.
constexpr Duration kPurgeWait = std::chrono::seconds(5);

// How often a topic that was just made is asked for until its partitions have leaders.
constexpr Duration kMetadataPause = std::chrono::milliseconds(100);

constexpr const char* kStatisticsMs = "5000";

int to_wait_ms(Duration wait) {
    return static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(wait).count());
}

// The opaque pointer of a message holds the instant from which its latency counts: no memory per
// message, and no look-up. It is never used as a pointer.
void* to_opaque(Instant since) {
    return std::bit_cast<void*>(since.nanoseconds);
}
Instant from_opaque(void* opaque) {
    return Instant{std::bit_cast<std::int64_t>(opaque)};
}

}  // namespace

Result<std::unique_ptr<Producer>> Producer::open(const ClientConfig& config,
                                                 const ProducerOptions& options,
                                                 const Clock& clock) {
    std::unique_ptr<Producer> producer(new Producer(options, clock));
    if (auto connected = producer->connect(config, options); !connected) {
        return std::unexpected(std::move(connected.error()));
    }
    return producer;
}

Producer::Producer(const ProducerOptions& options, const Clock& clock)
    : clock_(clock),
      topic_name_(options.topic),
      record_room_(options.record_room),
      name_(options.name),
      status_(options.status) {
    KSTREAM_CHECK(record_room_ > 0 && record_room_ <= kBatchBytes, "a record fits a batch");
    batch_.resize(kBatchBytes);
}

Producer::~Producer() = default;

Result<void> Producer::connect(const ClientConfig& config, const ProducerOptions& options) {
    Properties required = options.required;
    if (status_ != nullptr) {
        required.emplace_back("statistics.interval.ms", kStatisticsMs);
    }
    auto conf = make_conf(config, ClientKind::plain_producer, required);
    if (!conf) {
        return std::unexpected(std::move(conf.error()));
    }
    rd_kafka_conf_set_opaque(conf->get(), this);
    rd_kafka_conf_set_dr_msg_cb(conf->get(), &Producer::on_delivery);
    rd_kafka_conf_set_error_cb(conf->get(), &Producer::on_error);
    rd_kafka_conf_set_stats_cb(conf->get(), &Producer::on_statistics);
    std::array<char, 512> reason{};
    handle_.reset(rd_kafka_new(RD_KAFKA_PRODUCER, conf->get(), reason.data(), reason.size()));
    if (handle_ == nullptr) {
        return fail(ExitCode::usage, fmt::format("no producer can be made: {}", reason.data()));
    }
    std::ignore = conf->release();  // the handle owns it from here on
    topic_.reset(rd_kafka_topic_new(handle_.get(), options.topic.c_str(), nullptr));
    if (topic_ == nullptr) {
        return std::unexpected(
            map_error(rd_kafka_last_error(), fmt::format("topic {}", options.topic)));
    }
    return learn_partitions(options.topic, options.metadata_wait);
}

// A topic that was made a moment ago is not known to every broker yet, or has no leaders: both
// pass.
Result<void> Producer::learn_partitions(const std::string& topic, Duration wait) {
    const Instant deadline = clock_.now() + wait;
    for (;;) {
        const Duration left = std::max(deadline - clock_.now(), Duration(kMetadataPause));
        const rd_kafka_metadata_t* answer = nullptr;
        rd_kafka_resp_err_t error =
            rd_kafka_metadata(handle_.get(), 0, topic_.get(), &answer, to_wait_ms(left));
        const MetadataPtr metadata(answer);
        if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
            KSTREAM_CHECK(metadata->topic_cnt == 1, "metadata of one topic was asked for");
            const rd_kafka_metadata_topic_t& found = metadata->topics[0];
            if (found.err == RD_KAFKA_RESP_ERR_NO_ERROR && found.partition_cnt > 0) {
                runs_.resize(static_cast<std::size_t>(found.partition_cnt));
                hasten_producer_id();
                return {};
            }
            error = found.err;
        }
        Error mapped = map_error(error, fmt::format("partitions of topic {}", topic));
        const bool may_pass = mapped.disposition == Disposition::retry ||
                              error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
        if (!may_pass || clock_.now() + kMetadataPause > deadline) {
            return std::unexpected(std::move(mapped));
        }
        rd_kafka_poll(handle_.get(), to_wait_ms(kMetadataPause));
    }
}

// librdkafka asks for its producer id when metadata arrives while a broker is connected, else half
// a second later. With the first answer the connection does not count as up yet; with the second it
// does, and the first record need not wait. Whether it helps or not, everything works.
void Producer::hasten_producer_id() {
    const rd_kafka_metadata_t* answer = nullptr;
    rd_kafka_metadata(handle_.get(), 0, topic_.get(), &answer, to_wait_ms(kMetadataPause));
    const MetadataPtr metadata(answer);
}

char* Producer::room() {
    if (used_ + record_room_ > kBatchBytes) {
        submit();
        // What the queue does not take now waits here: never more than one batch.
        if (left_over_) {
            return nullptr;
        }
    }
    return &batch_[used_];
}

void Producer::add(std::size_t size, std::size_t key_offset, std::size_t key_size,
                   PartitionId partition, Instant since) {
    KSTREAM_CHECK(size <= record_room_, "a record stays within its room");
    char* const value = &batch_[used_];
    rd_kafka_message_t message{};
    message.payload = value;
    message.len = size;
    message.key = value + key_offset;
    message.key_len = key_size;
    message._private = to_opaque(since);
    runs_[static_cast<std::size_t>(partition.value)].push_back(message);
    used_ += size;
    ++staged_;
    ++added_;
    outstanding_bytes_ += size;
}

void Producer::submit() {
    for (std::size_t i = 0; i < runs_.size() && staged_ > 0; ++i) {
        if (!runs_[i].empty()) {
            submit_run(static_cast<std::int32_t>(i));
        }
    }
    left_over_ = staged_ > 0;
    if (!left_over_) {
        used_ = 0;
    }
}

// What the queue does not take stays at the front of the run, so that a partition keeps its order.
// Anything else that is refused is refused for good.
void Producer::submit_run(std::int32_t partition) {
    std::vector<rd_kafka_message_t>& run = runs_[static_cast<std::size_t>(partition)];
    const auto count = static_cast<int>(run.size());
    const int taken =
        rd_kafka_produce_batch(topic_.get(), partition, RD_KAFKA_MSG_F_COPY, run.data(), count);
    if (taken == count) {
        staged_ -= run.size();
        run.clear();
        return;
    }
    std::size_t kept = 0;
    for (const rd_kafka_message_t& message : run) {
        if (message.err == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            run[kept++] = message;
        } else if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            ++counts_.failed;
            outstanding_bytes_ -= message.len;
            note_failure(message.err, partition, nullptr);
        }
    }
    staged_ -= run.size() - kept;
    run.resize(kept);
}

void Producer::poll(Duration wait) {
    reports_since_clock_ = 0;
    rd_kafka_poll(handle_.get(), to_wait_ms(wait));
    if (left_over_) {
        submit();
    }
}

void Producer::abandon() {
    counts_.failed += staged_;  // never left this class
    staged_ = 0;
    for (std::vector<rd_kafka_message_t>& run : runs_) {
        run.clear();
    }
    if (outstanding() > 0) {
        rd_kafka_purge(handle_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    }
    const Instant deadline = clock_.now() + kPurgeWait;
    while (outstanding() > 0 && clock_.now() < deadline) {
        poll(std::chrono::milliseconds(50));
    }
    counts_.unknown += outstanding();
}

void Producer::on_delivery(rd_kafka_t* /*handle*/, const rd_kafka_message_t* message, void* self) {
    static_cast<Producer*>(self)->deliver(*message);
}

void Producer::deliver(const rd_kafka_message_t& message) {
    if (reports_since_clock_++ % kReportsPerClock == 0) {
        reports_now_ = clock_.now();
    }
    const rd_kafka_msg_status_t status = rd_kafka_message_status(&message);
    if (message.err == RD_KAFKA_RESP_ERR_NO_ERROR || status == RD_KAFKA_MSG_STATUS_PERSISTED)
        [[likely]] {
        ++counts_.acknowledged;
        counts_.acknowledged_bytes += message.len + message.key_len;
        const Duration latency = reports_now_ - from_opaque(message._private);
        latency_us_.record(static_cast<std::uint64_t>(std::max<std::int64_t>(
            std::chrono::duration_cast<std::chrono::microseconds>(latency).count(), 0)));
    } else {
        ++(status == RD_KAFKA_MSG_STATUS_NOT_PERSISTED ? counts_.failed : counts_.unknown);
        // Not rd_kafka_message_errstr(): for a produced message that is the payload.
        note_failure(message.err, message.partition, rd_kafka_message_produce_errstr(&message));
    }
    outstanding_bytes_ -= message.len;
}

void Producer::note_failure(rd_kafka_resp_err_t code, std::int32_t partition, const char* reason) {
    // What abandon() gave up is no failure of its own: the caller knows why it gave up.
    if (failure_ || code == RD_KAFKA_RESP_ERR__PURGE_QUEUE ||
        code == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT) {
        return;
    }
    if (code == RD_KAFKA_RESP_ERR__FATAL) {
        note_fatal(handle_.get());
        return;
    }
    failure_ = map_error(code, fmt::format("record for {} [{}]", topic_name_, partition),
                         reason == nullptr ? std::string_view{} : reason);
}

// The idempotent producer cannot go on without risking order or a second copy (an acknowledged
// record vanished from the log, the broker lost the sequence): librdkafka refuses every record from
// here on.
void Producer::note_fatal(rd_kafka_t* handle) {
    std::array<char, 512> reason{};
    const rd_kafka_resp_err_t code = rd_kafka_fatal_error(handle, reason.data(), reason.size());
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR && !failure_) {
        failure_ = map_error(code, fmt::format("producer for {}", topic_name_), reason.data());
    }
}

int Producer::on_statistics(rd_kafka_t* /*handle*/, char* json, std::size_t size, void* self) {
    const Producer& producer = *static_cast<Producer*>(self);
    ClientStats stats;
    if (producer.status_ != nullptr && read_client_stats({json, size}, {}, stats)) {
        producer.status_->publish(ClientStatus{producer.name_, std::move(stats.brokers)});
    }
    return 0;  // librdkafka frees the text
}

// Other errors than fatal ones are passing states of a connection; the client's log has them.
void Producer::on_error(rd_kafka_t* handle, int code, const char* /*reason*/, void* self) {
    if (code == RD_KAFKA_RESP_ERR__FATAL) {
        static_cast<Producer*>(self)->note_fatal(handle);
    }
}

}  // namespace kstream::kafka
