// RecordSource over a librdkafka consumer in a group.
//
// Rebalances: the callback accepts a new assignment at once, so that a long takeover does not hold
// up the group, but gives librdkafka the partitions only with start(), each at its position. A
// revocation is only noted, and the unassignment that the group waits for comes with release().
// librdkafka allows both: it knows what the group has assigned apart from what is being read, and a
// rebalance stays open until the application (un)assigns, in the callback or later, while
// heartbeats go on.
//
// One thread: the loop's. All callbacks run inside poll() and close(), on that thread.
#pragma once

#include "kafka/client_config.hpp"
#include "kafka/fetched.hpp"
#include "kafka/handles.hpp"
#include "kafka/throttle_watch.hpp"
#include "kstream/client_status.hpp"
#include "kstream/ports/generation_watch.hpp"
#include "kstream/ports/header_reader.hpp"
#include "kstream/ports/record_source.hpp"

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace kstream::kafka {

struct GroupConsumerConfig {
    std::string topic;
    std::string group;
    std::string name;               // "map-0-consumer", for metrics and client.id
    std::string client_id_suffix;   // what else the client.id tells others; may be empty
    std::string group_instance_id;  // empty: dynamic membership
    std::string group_protocol = "classic";
    int session_timeout_ms = 8000;
    ClientStatusSink* status = nullptr;  // may be null
};

// The group metadata that a transactional producer sends with its offsets (KIP-447), and the
// brokers that the step's records came from, at least one; -1 stands for any.
class GroupMembership final : public Membership {
public:
    explicit GroupMembership(GroupMetadataPtr metadata, std::vector<std::int32_t> brokers = {-1})
        : metadata_(std::move(metadata)), brokers_(std::move(brokers)) {}
    [[nodiscard]] const rd_kafka_consumer_group_metadata_t* metadata() const {
        return metadata_.get();
    }
    [[nodiscard]] std::span<const std::int32_t> brokers() const { return brokers_; }

private:
    GroupMetadataPtr metadata_;
    std::vector<std::int32_t> brokers_;
};

class GroupConsumer final : public RecordSource, public HeaderReader {
public:
    // Makes the client and subscribes; joining goes on in the background and inside poll().
    [[nodiscard]] static Result<std::unique_ptr<GroupConsumer>> make(const ClientConfig& client,
                                                                     GroupConsumerConfig config);
    ~GroupConsumer() override;
    GroupConsumer(const GroupConsumer&) = delete;
    GroupConsumer& operator=(const GroupConsumer&) = delete;

    Result<SourceEvent> poll(Duration wait) override;
    void start(std::span<const PartitionPosition> positions) override;
    void rewind(std::span<const PartitionPosition> positions) override;
    void release(std::span<const PartitionId> partitions) override;
    void set_flow(Flow flow) override;
    [[nodiscard]] Offset position(PartitionId partition, Offset last) const override;
    [[nodiscard]] LogEnd log_end(PartitionId partition) const override;
    [[nodiscard]] std::unique_ptr<Membership> membership(
        std::span<const StepRange> ranges) override;
    void close(Duration deadline) override;

    // As the group knows this member; empty before it has joined. From any thread.
    [[nodiscard]] std::string member_id() const;

    [[nodiscard]] Result<std::vector<HeaderView>> headers(const RecordView& record) const override {
        return fetched_.headers(record);
    }

private:
    struct Track {
        bool assigned = false;  // librdkafka reads it; a partition of ours may not be started yet
        bool started = false;   // records are handed out
        // A seek has not been taken yet: what comes meanwhile is from the old position, and to hand
        // it out could leave a gap behind it.
        bool seeking = false;
        Offset eof;  // position of the last end-of-partition, after control records
        std::int32_t eof_broker = -1;
        // Where what was handed out since the last step came from: mostly one.
        std::vector<std::int32_t> brokers;
        LogEnd end;
    };

    explicit GroupConsumer(GroupConsumerConfig config, Log& log);

    static void rebalance_cb(rd_kafka_t* client, rd_kafka_resp_err_t code,
                             rd_kafka_topic_partition_list_t* partitions, void* opaque);
    static int stats_cb(rd_kafka_t* client, char* json, std::size_t size, void* opaque);
    void on_rebalance(rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t* partitions);
    void on_assign(const rd_kafka_topic_partition_list_t& partitions);
    void tell_of_the_group();
    void note_generation(const rd_kafka_consumer_group_metadata_t* metadata, bool rebalance);

    Track& track(PartitionId partition);
    [[nodiscard]] PartitionListPtr list_of(std::span<const PartitionPosition> positions) const;
    [[nodiscard]] ErrorPtr unassign(std::span<const PartitionId> partitions);
    void seek(std::span<const PartitionPosition> positions);
    void forget_seek(PartitionId partition);
    void retry_seeks();
    void drop_out_of_range();
    Result<void> fetch(Duration wait);
    Result<void> view_what_is_there();
    Result<void> view(std::span<rd_kafka_message_t* const> messages);
    [[nodiscard]] std::vector<std::int32_t> take_brokers(std::span<const StepRange> ranges);
    Result<void> on_message_error(const rd_kafka_message_t& message);

    GroupConsumerConfig config_;
    Log& log_;
    ThrottleWatch throttle_;
    // Destroyed after the client, whose callbacks use what stands above; before it, its queue.
    HandlePtr client_;
    QueuePtr queue_;
    std::vector<Track> tracks_;  // by partition number
    std::deque<SourceEvent> events_;
    GenerationWatch generations_;
    // Of a revocation that has not been answered yet.
    std::optional<std::vector<PartitionId>> asked_back_;
    std::optional<Error> failure_;  // a rebalance that went wrong ends the loop
    std::vector<PartitionPosition> pending_seeks_;
    std::vector<PartitionId> out_of_range_;  // not reported yet
    Fetched fetched_;                        // at the last poll
    Flow flow_ = Flow::open;
    bool in_group_ = false;  // an assignment was reported since the last loss, be it of nothing
    bool closing_ = false;
};

}  // namespace kstream::kafka
