// The sending side of `produce`: an idempotent producer (acks=all) with explicit partitions.
//
//   room() -> encode there -> add() ... -> submit() -> poll() until all is answered
//
// Records are gathered in one buffer and handed to librdkafka by partition, one call for each run
// of a partition. It copies them: letting it point into memory of ours saves the copy and costs
// more than that in cache misses of its broker threads (docs/adr/0011-generated-records.md).
//
// What is in flight is bounded by librdkafka's queue, in records and in bytes of values
// (queue.buffering.max.messages and .kbytes, client_config.cpp); each record takes about 230 bytes
// beside its value. When the queue is full, room() gives nothing until poll() has made some:
// nothing is ever dropped to make room.
//
// Every record ends as exactly one of acknowledged, failed (certainly not in the log) and unknown
// (sent, never answered: it may be in the log). A record that is unknown is never sent again on
// another handle, which could write it twice.
#pragma once

#include "kafka/client_config.hpp"
#include "kafka/handles.hpp"
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
#include <vector>

namespace kstream::kafka {

struct ProducerOptions {
    std::string topic;
    Properties required;          // properties that win over the user's: compression.codec, ...
    std::size_t record_room = 0;  // what the largest record needs, at most kBatchBytes
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
    // Records gathered for one hand-over: many runs of a partition would cost calls, and more bytes
    // would leave the processor's second-level cache.
    static constexpr std::size_t kBatchBytes = std::size_t{256} << 10;

    // Makes the handle and learns the topic's partitions, waiting up to metadata_wait for a broker
    // and for the topic. The number of partitions is fixed from then on: a key keeps its partition
    // for the whole run, also when partitions are added meanwhile.
    // `clock` must outlive the producer. Errors: usage, as make_conf(); unavailable, when no broker
    // answers or the topic is not there; else as map_error() has it.
    [[nodiscard]] static Result<std::unique_ptr<Producer>> open(const ClientConfig& config,
                                                                const ProducerOptions& options,
                                                                const Clock& clock);
    // Records without an answer are lost without being counted: call abandon() before.
    ~Producer();
    Producer(const Producer&) = delete;
    Producer& operator=(const Producer&) = delete;

    [[nodiscard]] int partitions() const { return static_cast<int>(runs_.size()); }

    // Where the next record may be written (record_room bytes), or nullptr: then poll().
    [[nodiscard]] char* room();

    // The record of `size` bytes that was written at room(). Its key is the part of it at
    // `key_offset`. Its delivery latency counts from `since`: the intended time under a schedule,
    // else the time of the call.
    void add(std::size_t size, std::size_t key_offset, std::size_t key_size, PartitionId partition,
             Instant since);

    // Hands what was added to librdkafka, as far as its queue takes it; poll() does the rest.
    void submit();

    // Serves delivery reports; waits up to `wait` (whole milliseconds) for the first of them.
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
    Producer(const ProducerOptions& options, const Clock& clock);

    static void on_delivery(rd_kafka_t* handle, const rd_kafka_message_t* message, void* self);
    static int on_statistics(rd_kafka_t* handle, char* json, std::size_t size, void* self);
    static void on_error(rd_kafka_t* handle, int code, const char* reason, void* self);

    Result<void> connect(const ClientConfig& config, const ProducerOptions& options);
    Result<void> learn_partitions(const std::string& topic, Duration wait);
    void hasten_producer_id();
    void deliver(const rd_kafka_message_t& message);
    void note_failure(rd_kafka_resp_err_t code, std::int32_t partition, const char* reason);
    void note_fatal(rd_kafka_t* handle);
    void submit_run(std::int32_t partition);

    const Clock& clock_;
    std::string topic_name_;
    std::size_t record_room_;
    std::string name_;
    ClientStatusSink* status_;
    std::vector<char> batch_;  // kBatchBytes: the records that runs_ point into
    std::size_t used_ = 0;     // bytes of it

    // What was added since the last submit(), or was left over by it, by partition. A whole run
    // goes to librdkafka in one call.
    std::vector<std::vector<rd_kafka_message_t>> runs_;
    std::size_t staged_ = 0;  // records in runs_
    bool left_over_ = false;  // the last submit() met a full queue

    std::uint64_t added_ = 0;
    std::uint64_t outstanding_bytes_ = 0;
    DeliveryCounts counts_;
    LatencyHistogram latency_us_;
    std::optional<Error> failure_;
    Instant reports_now_;  // time of the reports being served
    std::uint32_t reports_since_clock_ = 0;

    // Order matters: the topic goes before the handle.
    HandlePtr handle_;
    TopicPtr topic_;
};

}  // namespace kstream::kafka
