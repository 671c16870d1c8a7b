// The sending side of `produce`: an idempotent producer (acks=all) with explicit partitions.
//
//   add() -> the run of its partition -> librdkafka -> broker -> poll() counts the answer
//
// Each partition has one run of records here and at most one with librdkafka: the next run is
// handed over when the last one has been answered, so runs grow with the load and go out small and
// at once without it. librdkafka has one request in flight per partition of an idempotent producer
// anyway (librdkafka PR 4989), and what it holds beyond that makes its broker thread spin until the
// answer comes (docs/adr/0011-generated-records.md). linger.ms is kept here for the same reason.
//
// Memory: runs of both kinds hold at most kHeldBytes each (more only with more than 256
// partitions), and librdkafka about 230 bytes more for each record. A full run refuses records
// until poll() has made room: nothing is ever dropped.
//
// Every record ends as exactly one of acknowledged, failed (certainly not in the log) and unknown
// (sent, never answered: it may be in the log). A record that is unknown is never sent again on
// another handle, which could write it twice.
#pragma once

#include "kafka/client_config.hpp"
#include "kafka/connection_trouble.hpp"
#include "kafka/handles.hpp"
#include "kafka/throttle_watch.hpp"
#include "kstream/client_status.hpp"
#include "kstream/error.hpp"
#include "kstream/latency_histogram.hpp"
#include "kstream/model/ids.hpp"
#include "kstream/ports/clock.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kstream::kafka {

struct ProducerOptions {
    std::string topic;
    Properties required;  // properties that win over the user's: compression.codec, ...
    Duration metadata_wait = std::chrono::seconds(30);
    std::string name;                    // of this client in `status`
    ClientStatusSink* status = nullptr;  // gets the state of the brokers every few seconds
};

struct DeliveryCounts {
    std::uint64_t acknowledged = 0;
    std::uint64_t acknowledged_bytes = 0;  // keys and values, uncompressed
    std::uint64_t failed = 0;
    std::uint64_t unknown = 0;
    [[nodiscard]] std::uint64_t answered() const { return acknowledged + failed + unknown; }
};

// One handle, for one thread: nothing here may be called from two threads. Delivery reports are
// counted in poll(), in the caller's thread.
class Producer {
public:
    static constexpr std::size_t kHeldBytes = std::size_t{16} << 20;

    // Makes the handle and learns the topic's partitions, waiting up to metadata_wait for a broker
    // and for the topic. The number of partitions is fixed from then on: a key keeps its partition
    // for the whole run, also when partitions are added meanwhile.
    // `clock` must outlive the producer. Errors: usage, as make_conf(); unavailable, when no broker
    // answers or the topic does not exist; else as map_error() has it.
    [[nodiscard]] static Result<std::unique_ptr<Producer>> open(const ClientConfig& config,
                                                                const ProducerOptions& options,
                                                                const Clock& clock);
    // Records without an answer are lost without being counted: call abandon() before.
    ~Producer();
    Producer(const Producer&) = delete;
    Producer& operator=(const Producer&) = delete;

    [[nodiscard]] int partitions() const { return static_cast<int>(lanes_.size()); }

    // Takes a copy of a record whose key is a part of its value, and null if its size is 0. False
    // when the run of its partition is full: then poll(), and offer it again. Its delivery latency
    // counts from `since`: the intended time under a schedule, else now.
    [[nodiscard]] bool add(std::string_view value, std::size_t key_offset, std::size_t key_size,
                           PartitionId partition, Instant since);

    // From now on runs do not wait for linger.ms: no more records will come.
    void flush() { linger_ = Duration(0); }

    // Hands over the runs whose time has come and serves delivery reports, waiting up to `wait`
    // (whole milliseconds) for the first report or the next run that is due.
    void poll(Duration wait);

    // Gives up on every record that has no answer yet: what was never sent counts as failed, what
    // was sent as unknown. The producer takes no record afterwards.
    void abandon();

    // Records added and not answered.
    [[nodiscard]] std::uint64_t outstanding() const { return added_ - counts_.answered(); }
    [[nodiscard]] std::uint64_t outstanding_bytes() const { return outstanding_bytes_; }
    [[nodiscard]] std::uint64_t added() const { return added_; }
    [[nodiscard]] const DeliveryCounts& counts() const { return counts_; }
    // Delivery latency of the acknowledged records in microseconds.
    [[nodiscard]] const LatencyHistogram& latency_us() const { return latency_us_; }

    // The first reason why a record failed or the handle became unusable. Whoever sees one stops:
    // librdkafka has retried what can be retried.
    [[nodiscard]] const std::optional<Error>& failure() const { return failure_; }

private:
    struct Waiting {
        Instant since;
        std::uint32_t size = 0;
        std::uint16_t key_offset = 0;
        std::uint16_t key_size = 0;
    };
    // One partition: the run that gathers, and how much of the last one has no answer yet.
    struct Lane {
        std::vector<char> bytes;
        std::vector<Waiting> records;
        std::size_t handed_over = 0;  // records of the run: not 0 only when the queue was full
        std::size_t wire_bytes = 0;
        Instant first_at;  // when the run began
        std::uint32_t in_flight = 0;
    };

    Producer(const ProducerOptions& options, const Clock& clock, Log* log);

    static void on_delivery(rd_kafka_t* handle, const rd_kafka_message_t* message, void* self);
    static int on_statistics(rd_kafka_t* handle, char* json, std::size_t size, void* self);
    static void on_error(rd_kafka_t* handle, int code, const char* reason, void* self);

    Result<void> connect(const ClientConfig& config, const ProducerOptions& options);
    void take_over_batching(rd_kafka_conf_t& conf);
    Result<void> learn_partitions(const std::string& topic, Duration wait);
    void hasten_producer_id();
    Duration hand_over_due(Duration wait);
    void hand_over(std::int32_t partition, Lane& lane);
    void deliver(const rd_kafka_message_t& message);
    void note_failure(rd_kafka_resp_err_t code, std::int32_t partition);
    void note_fatal(rd_kafka_t* handle);
    void look_for_refusal();

    const Clock& clock_;
    std::string topic_name_;
    std::string name_;
    ClientStatusSink* status_;
    ThrottleWatch throttle_;

    std::vector<Lane> lanes_;                   // by partition
    std::vector<rd_kafka_message_t> messages_;  // scratch of hand_over()
    std::size_t run_bytes_ = 0;                 // limits of one run, so that it fits one request
    std::size_t run_records_ = 0;
    Duration linger_{};

    std::uint64_t added_ = 0;
    std::uint64_t outstanding_bytes_ = 0;
    DeliveryCounts counts_;
    LatencyHistogram latency_us_;
    std::optional<Error> failure_;
    ConnectionTrouble trouble_;
    Instant reports_now_;  // time of the reports being served
    std::uint32_t reports_since_clock_ = 0;

    // Order matters: the topic goes before the handle.
    HandlePtr handle_;
    TopicPtr topic_;
};

}  // namespace kstream::kafka
