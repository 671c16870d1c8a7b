#include "kafka/producer.hpp"

#include "kafka/client_stats.hpp"
#include "kafka/delivery.hpp"
#include "kafka/error_map.hpp"
#include "kstream/check.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <tuple>
#include <utility>

namespace kstream::kafka {
namespace {

// A report's latency is taken against a clock that is read once in so many reports: reading it
// costs as much as the rest of a report, and this many are served in well under a millisecond.
constexpr std::uint32_t kReportsPerClock = 256;

// librdkafka answers what is purged at once; a broker thread that hangs must not hang us.
constexpr Duration kPurgeWait = std::chrono::seconds(5);
constexpr Duration kPurgePoll = std::chrono::milliseconds(50);

// How often a topic that was just made is asked for until its partitions have leaders.
constexpr Duration kMetadataPause = std::chrono::milliseconds(100);

constexpr const char* kStatisticsMs = "5000";

// librdkafka's own linger: long enough to take in a whole run before it makes a request of it.
constexpr const char* kInnerLingerMs = "1";

// What a record takes in a request beside key and value, at most (rdkafka_proto.h,
// RD_KAFKAP_MESSAGE_V2_MAX_OVERHEAD and some to spare).
constexpr std::size_t kWireOverhead = 64;

// Also with thousands of partitions a run should be worth a request.
constexpr std::size_t kSmallestRunBytes = std::size_t{64} << 10;

double number_of(const rd_kafka_conf_t& conf, const char* property) {
    std::array<char, 64> text{};
    std::size_t size = text.size();
    KSTREAM_CHECK(rd_kafka_conf_get(&conf, property, text.data(), &size) == RD_KAFKA_CONF_OK,
                  "a property that every version of librdkafka has");
    return std::strtod(text.data(), nullptr);
}

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
    std::unique_ptr<Producer> producer(new Producer(options, clock, config.log));
    if (auto connected = producer->connect(config, options); !connected) {
        return std::unexpected(std::move(connected.error()));
    }
    return producer;
}

Producer::Producer(const ProducerOptions& options, const Clock& clock, Log* log)
    : clock_(clock),
      topic_name_(options.topic),
      name_(options.name),
      status_(options.status),
      throttle_(options.name, log) {}

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
    take_over_batching(**conf);
    rd_kafka_conf_set_opaque(conf->get(), this);
    rd_kafka_conf_set_dr_msg_cb(conf->get(), &Producer::on_delivery);
    rd_kafka_conf_set_error_cb(conf->get(), &Producer::on_error);
    rd_kafka_conf_set_stats_cb(conf->get(), &Producer::on_statistics);
    std::array<char, 512> reason{};
    handle_.reset(rd_kafka_new(RD_KAFKA_PRODUCER, conf->get(), reason.data(), reason.size()));
    if (handle_ == nullptr) {
        return fail(ExitCode::usage, fmt::format("cannot create a producer: {}", reason.data()));
    }
    std::ignore = conf->release();  // the handle owns it from here on
    topic_.reset(rd_kafka_topic_new(handle_.get(), options.topic.c_str(), nullptr));
    if (topic_ == nullptr) {
        return std::unexpected(
            map_error(rd_kafka_last_error(), fmt::format("topic {}", options.topic)));
    }
    return learn_partitions(options.topic, options.metadata_wait);
}

// The user's linger and batch limits hold for the runs; librdkafka turns each run into a request.
void Producer::take_over_batching(rd_kafka_conf_t& conf) {
    linger_ = std::chrono::microseconds(std::llround(number_of(conf, "linger.ms") * 1000));
    run_bytes_ = static_cast<std::size_t>(
        std::min(number_of(conf, "batch.size"), number_of(conf, "message.max.bytes")));
    run_records_ = static_cast<std::size_t>(number_of(conf, "batch.num.messages"));
    std::array<char, 64> reason{};
    const auto done =
        rd_kafka_conf_set(&conf, "linger.ms", kInnerLingerMs, reason.data(), reason.size());
    KSTREAM_CHECK(done == RD_KAFKA_CONF_OK, "linger.ms is librdkafka's own range");
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
                lanes_.resize(static_cast<std::size_t>(found.partition_cnt));
                run_bytes_ =
                    std::min(run_bytes_, std::max(kHeldBytes / lanes_.size(), kSmallestRunBytes));
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

bool Producer::add(std::string_view value, std::size_t key_offset, std::size_t key_size,
                   PartitionId partition, Instant since) {
    Lane& lane = lanes_[static_cast<std::size_t>(partition.value)];
    const std::size_t wire_bytes = value.size() + key_size + kWireOverhead;
    if (lane.records.empty()) {
        lane.first_at = clock_.now();
    } else if (lane.wire_bytes + wire_bytes > run_bytes_ || lane.records.size() >= run_records_) {
        return false;
    }
    lane.bytes.insert(lane.bytes.end(), value.begin(), value.end());
    lane.records.push_back({.since = since,
                            .size = static_cast<std::uint32_t>(value.size()),
                            .key_offset = static_cast<std::uint16_t>(key_offset),
                            .key_size = static_cast<std::uint16_t>(key_size)});
    lane.wire_bytes += wire_bytes;
    ++added_;
    outstanding_bytes_ += value.size();
    return true;
}

void Producer::poll(Duration wait) {
    wait = hand_over_due(wait);
    reports_since_clock_ = 0;
    rd_kafka_poll(handle_.get(), to_wait_ms(wait));
    look_for_refusal();
    hand_over_due(wait);
}

// The cluster's first answers came from the brokers of the list; those that lead the partitions go
// by names of their own, which their certificates may not have. Records would wait for ever.
void Producer::look_for_refusal() {
    if (!failure_ && counts_.acknowledged == 0) {
        failure_ = trouble_.hopeless(fmt::format("producer for {}", topic_name_));
    }
}

// Returns how long to wait for reports: not beyond the time of the next run.
Duration Producer::hand_over_due(Duration wait) {
    const Instant now = clock_.now();
    for (std::size_t i = 0; i < lanes_.size(); ++i) {
        Lane& lane = lanes_[i];
        if (lane.records.empty() || lane.in_flight > 0) {
            continue;
        }
        const bool full = lane.wire_bytes + lane.wire_bytes / lane.records.size() > run_bytes_ ||
                          lane.records.size() >= run_records_;
        const Duration left = lane.first_at + linger_ - now;
        if (full || left <= Duration(0) || lane.handed_over > 0) {
            hand_over(static_cast<std::int32_t>(i), lane);
        } else {
            wait = std::min(wait, left);
        }
    }
    return wait;
}

// What the queue does not take stays in the run, so that a partition keeps its order. Anything else
// that is refused is refused for good.
void Producer::hand_over(std::int32_t partition, Lane& lane) {
    messages_.clear();
    char* at = lane.bytes.data();
    for (std::size_t i = 0; i < lane.records.size(); ++i) {
        const Waiting& record = lane.records[i];
        if (i >= lane.handed_over) {
            rd_kafka_message_t message{};
            message.payload = at;
            message.len = record.size;
            message.key = record.key_size > 0 ? at + record.key_offset : nullptr;
            message.key_len = record.key_size;
            message._private = to_opaque(record.since);
            messages_.push_back(message);
        }
        at += record.size;
    }
    rd_kafka_produce_batch(topic_.get(), partition, RD_KAFKA_MSG_F_COPY, messages_.data(),
                           static_cast<int>(messages_.size()));
    for (const rd_kafka_message_t& message : messages_) {
        if (message.err == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            return;  // so is every one after it
        }
        ++lane.handed_over;
        if (message.err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            ++lane.in_flight;
        } else {
            ++counts_.failed;
            outstanding_bytes_ -= message.len;
            note_failure(message.err, partition);
        }
    }
    lane.bytes.clear();
    lane.records.clear();
    lane.handed_over = 0;
    lane.wire_bytes = 0;
}

void Producer::abandon() {
    for (Lane& lane : lanes_) {
        counts_.failed += lane.records.size() - lane.handed_over;  // never left this class
        lane.records.clear();
    }
    if (outstanding() > 0) {
        rd_kafka_purge(handle_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    }
    const Instant deadline = clock_.now() + kPurgeWait;
    while (outstanding() > 0 && clock_.now() < deadline) {
        rd_kafka_poll(handle_.get(), to_wait_ms(kPurgePoll));
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
    Lane& lane = lanes_[static_cast<std::size_t>(message.partition)];
    // A report that comes twice would hide one that never comes.
    KSTREAM_CHECK(lane.in_flight > 0 && outstanding_bytes_ >= message.len,
                  "one report for each record that was handed over");
    --lane.in_flight;
    outstanding_bytes_ -= message.len;
    switch (delivery_of(message)) {
        [[likely]] case Delivery::acknowledged: {
            ++counts_.acknowledged;
            counts_.acknowledged_bytes += message.len + message.key_len;
            const Duration latency = reports_now_ - from_opaque(message._private);
            latency_us_.record(static_cast<std::uint64_t>(std::max<std::int64_t>(
                std::chrono::duration_cast<std::chrono::microseconds>(latency).count(), 0)));
            return;
        }
        case Delivery::failed:
            ++counts_.failed;
            break;
        case Delivery::unknown:
            ++counts_.unknown;
            break;
    }
    // No text of the client library's: rd_kafka_message_errstr() of a produced message is the
    // payload, and rd_kafka_message_produce_errstr() is of memory that it has freed already
    // (2.15.1: the report gets a copy of the answer that the text is in, and the text goes with the
    // answer).
    note_failure(message.err, message.partition);
}

void Producer::note_failure(rd_kafka_resp_err_t code, std::int32_t partition) {
    // What abandon() gave up is no failure of its own: the caller knows why it gave up.
    if ((failure_ && !is_of_another_record(*failure_)) || code == RD_KAFKA_RESP_ERR__PURGE_QUEUE ||
        code == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT) {
        return;
    }
    if (code == RD_KAFKA_RESP_ERR__FATAL) {
        note_fatal(handle_.get());
        return;
    }
    const std::string what = fmt::format("record for {} [{}]", topic_name_, partition);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        failure_ = Error{Disposition::stop, ExitCode::incomplete,
                         what + ": reported as delivered, but at no offset",
                         "it may be in the log or not: compare the topic with this report", 0};
        return;
    }
    failure_ = map_error(code, what);
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
    Producer& producer = *static_cast<Producer*>(self);
    ClientStats stats;
    if (producer.status_ != nullptr && read_client_stats({json, size}, {}, stats)) {
        producer.throttle_.add_up(stats.brokers, std::chrono::steady_clock::now());
        producer.status_->publish(ClientStatus{producer.name_, std::move(stats.brokers)});
    }
    return 0;  // librdkafka frees the text
}

// Other errors than fatal ones are states of a connection that mostly pass; the client's log has
// them.
void Producer::on_error(rd_kafka_t* handle, int code, const char* reason, void* self) {
    auto& producer = *static_cast<Producer*>(self);
    if (code == RD_KAFKA_RESP_ERR__FATAL) {
        producer.note_fatal(handle);
    } else {
        producer.trouble_.note(static_cast<rd_kafka_resp_err_t>(code), reason);
    }
}

}  // namespace kstream::kafka
