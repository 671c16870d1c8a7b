#include "kafka/group_consumer.hpp"

#include "kafka/client_stats.hpp"
#include "kafka/detached.hpp"
#include "kafka/error_map.hpp"
#include "kstream/planted_bug.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace kstream::kafka {

namespace {

// How long one seek may hold up the loop.
constexpr int kSeekTimeoutMs = 2000;

int to_ms(Duration duration) {
    return static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(duration).count());
}

std::vector<PartitionId> partitions_of(const rd_kafka_topic_partition_list_t& list) {
    std::vector<PartitionId> partitions;
    for (int i = 0; i < list.cnt; ++i) {
        partitions.push_back(PartitionId{list.elems[i].partition});
    }
    return partitions;
}

}  // namespace

Result<std::unique_ptr<GroupConsumer>> GroupConsumer::make(const ClientConfig& client,
                                                           GroupConsumerConfig config) {
    Properties required{
        {"group.id", config.group},
        {"client.id",
         fmt::format("{}-{}{}", client.client_id, config.name, config.client_id_suffix)},
        {"group.protocol", config.group_protocol},
        {"statistics.interval.ms", "1000"},
        // An end-of-partition event carries the position after control records and holes of
        // compaction, which no record would show.
        {"enable.partition.eof", "true"},
    };
    add_whole_batches(required);
    if (planted(PlantedBug::uncommitted_read)) {
        required.emplace_back("isolation.level", "read_uncommitted");
    }
    if (!config.group_instance_id.empty()) {
        required.emplace_back("group.instance.id", config.group_instance_id);
    }
    if (config.group_protocol == "classic") {
        required.emplace_back("session.timeout.ms", fmt::format("{}", config.session_timeout_ms));
        required.emplace_back("heartbeat.interval.ms",
                              fmt::format("{}", std::max(100, config.session_timeout_ms / 5)));
    }
    Result<ConfPtr> conf = make_conf(client, ClientKind::consumer, required);
    if (!conf) {
        return std::unexpected(std::move(conf.error()));
    }
    std::unique_ptr<GroupConsumer> consumer{new GroupConsumer(std::move(config), *client.log)};
    rd_kafka_conf_set_opaque(conf->get(), consumer.get());
    rd_kafka_conf_set_rebalance_cb(conf->get(), &GroupConsumer::rebalance_cb);
    rd_kafka_conf_set_stats_cb(conf->get(), &GroupConsumer::stats_cb);
    Result<HandlePtr> made = make_client(std::move(*conf), RD_KAFKA_CONSUMER);
    if (!made) {
        return std::unexpected(std::move(made.error()));
    }
    consumer->client_ = std::move(*made);
    rd_kafka_poll_set_consumer(consumer->client_.get());
    consumer->queue_.reset(rd_kafka_queue_get_consumer(consumer->client_.get()));

    const PartitionListPtr topics{rd_kafka_topic_partition_list_new(1)};
    rd_kafka_topic_partition_list_add(topics.get(), consumer->config_.topic.c_str(),
                                      RD_KAFKA_PARTITION_UA);
    if (const auto code = rd_kafka_subscribe(consumer->client_.get(), topics.get());
        code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return std::unexpected(
            map_error(code, fmt::format("subscribing to topic {}", consumer->config_.topic)));
    }
    return consumer;
}

GroupConsumer::GroupConsumer(GroupConsumerConfig config, Log& log)
    : config_(std::move(config)), log_(log), throttle_(config_.name, &log) {}

GroupConsumer::~GroupConsumer() {
    close(Duration::zero());
}

GroupConsumer::Track& GroupConsumer::track(PartitionId partition) {
    const auto index = static_cast<std::size_t>(partition.value);
    if (index >= tracks_.size()) {
        tracks_.resize(index + 1);
    }
    return tracks_[index];
}

// ---- the group ---------------------------------------------------------------------------------

void GroupConsumer::rebalance_cb(rd_kafka_t*, rd_kafka_resp_err_t code,
                                 rd_kafka_topic_partition_list_t* partitions, void* opaque) {
    static_cast<GroupConsumer*>(opaque)->on_rebalance(code, partitions);
}

// A group of KIP-848 gives nothing away before its owner has let go of it, and its epochs leave
// numbers out. `rebalance`: a callback says what the generation has given this member, which
// librdkafka does for each, also when that is nothing new.
void GroupConsumer::note_generation(const rd_kafka_consumer_group_metadata_t* metadata,
                                    bool rebalance) {
    if (config_.group_protocol != "classic") {
        return;
    }
    const std::int32_t generation =
        metadata != nullptr ? rd_kafka_consumer_group_metadata_generation_id(metadata) : -1;
    if (rebalance) {
        generations_.assigned(generation);
    } else {
        generations_.note(generation);
    }
}

// A member of a KIP-848 group that gets no partition hears nothing of it, where a classic one is
// given an empty assignment: with more workers than partitions, some were never ready.
void GroupConsumer::tell_of_the_group() {
    if (in_group_ || config_.group_protocol == "classic" || asked_back_ ||
        rd_kafka_assignment_lost(client_.get()) != 0) {
        return;
    }
    const GroupMetadataPtr metadata{rd_kafka_consumer_group_metadata(client_.get())};
    if (metadata && rd_kafka_consumer_group_metadata_generation_id(metadata.get()) >= 1) {
        in_group_ = true;
        SourceEvent event;
        event.kind = SourceEvent::Kind::assigned;
        events_.push_back(std::move(event));
    }
}

void GroupConsumer::on_rebalance(rd_kafka_resp_err_t code,
                                 rd_kafka_topic_partition_list_t* partitions) {
    in_group_ = true;
    if (!closing_) {
        const GroupMetadataPtr metadata{rd_kafka_consumer_group_metadata(client_.get())};
        note_generation(metadata.get(), true);
    }
    switch (code) {
        case RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS:
            on_assign(*partitions);
            return;
        case RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS: {
            if (closing_) {
                const ErrorPtr ignored{rd_kafka_incremental_unassign(client_.get(), partitions)};
                return;
            }
            SourceEvent event;
            event.kind = SourceEvent::Kind::revoking;
            event.partitions = partitions_of(*partitions);
            asked_back_ = event.partitions;
            event.lost = rd_kafka_assignment_lost(client_.get()) != 0 || generations_.lost();
            in_group_ = !event.lost;
            events_.push_back(std::move(event));
            return;
        }
        default:
            failure_ = map_error(code, fmt::format("rebalance of group {}", config_.group));
            failure_->disposition = Disposition::stop;
            rd_kafka_assign(client_.get(), nullptr);
            return;
    }
}

// Answers the rebalance without assigning anything: start() does, at the position where reading
// begins. To assign now and seek later would read from a wrong position, for a while or for good:
// an offset may have left the log, and the look-up of a logical one, when it is answered after the
// seek, is repeated 500 ms later and moves the position (rdkafka_partition.c,
// rd_kafka_toppar_handle_Offset).
void GroupConsumer::on_assign(const rd_kafka_topic_partition_list_t& partitions) {
    SourceEvent event;
    event.kind = SourceEvent::Kind::assigned;
    event.partitions = partitions_of(partitions);
    for (const PartitionId partition : event.partitions) {
        track(partition) = Track{};
    }
    const PartitionListPtr none{rd_kafka_topic_partition_list_new(0)};
    if (const ErrorPtr error{rd_kafka_incremental_assign(client_.get(), none.get())}) {
        failure_ =
            map_error(*error, fmt::format("taking over partitions of group {}", config_.group));
        failure_->disposition = Disposition::stop;
        return;
    }
    events_.push_back(std::move(event));
}

// The answer to a revocation, also where nothing of it was ever started.
ErrorPtr GroupConsumer::unassign(std::span<const PartitionId> partitions) {
    asked_back_.reset();
    std::vector<PartitionPosition> assigned;
    for (const PartitionId partition : partitions) {
        if (track(partition).assigned) {
            assigned.push_back({partition, Offset{0}});
        }
        track(partition) = Track{};
        forget_seek(partition);
    }
    const PartitionListPtr list = list_of(assigned);
    return ErrorPtr{rd_kafka_incremental_unassign(client_.get(), list.get())};
}

void GroupConsumer::release(std::span<const PartitionId> partitions) {
    if (const ErrorPtr error = unassign(partitions)) {
        failure_ =
            map_error(*error, fmt::format("giving up partitions of group {}", config_.group));
        failure_->disposition = Disposition::stop;
    }
}

std::unique_ptr<Membership> GroupConsumer::membership(std::span<const StepRange> ranges) {
    GroupMetadataPtr metadata{rd_kafka_consumer_group_metadata(client_.get())};
    if (planted(PlantedBug::generation_not_sent)) {
        metadata.reset(rd_kafka_consumer_group_metadata_new(config_.group.c_str()));
        return std::make_unique<GroupMembership>(std::move(metadata));
    }
    note_generation(metadata.get(), false);
    // P1: what another member may have had is compared first.
    if (generations_.pending()) {
        return nullptr;
    }
    // P5: generation -1 or no member id would commit offsets that nobody checks. Members of KIP-848
    // name themselves, and have epoch 0 until they are in the group.
    const std::int32_t first = config_.group_protocol == "classic" ? 0 : 1;
    if (!metadata || rd_kafka_assignment_lost(client_.get()) != 0 ||
        rd_kafka_consumer_group_metadata_generation_id(metadata.get()) < first ||
        rd_kafka_consumer_group_metadata_member_id(metadata.get())[0] == '\0') {
        return nullptr;
    }
    return std::make_unique<GroupMembership>(std::move(metadata), take_brokers(ranges));
}

std::string GroupConsumer::member_id() const {
    const GroupMetadataPtr metadata{rd_kafka_consumer_group_metadata(client_.get())};
    return metadata ? rd_kafka_consumer_group_metadata_member_id(metadata.get()) : "";
}

// Whoever seals a step has folded all that was handed out. An end of partition may have moved the
// position of a later step than the one that was sealed after it.
std::vector<std::int32_t> GroupConsumer::take_brokers(std::span<const StepRange> ranges) {
    std::vector<std::int32_t> brokers;
    for (const StepRange& range : ranges) {
        if (range.from == range.to) {
            continue;  // an open step's: nothing was read
        }
        Track& of = track(range.partition);
        if (range.to == of.eof) {
            of.brokers.push_back(of.eof_broker);
        }
        brokers.insert(brokers.end(), of.brokers.begin(), of.brokers.end());
        of.brokers.clear();
    }
    std::ranges::sort(brokers);
    const auto repeated = std::ranges::unique(brokers);
    brokers.erase(repeated.begin(), repeated.end());
    if (brokers.empty()) {
        brokers.push_back(-1);
    }
    return brokers;
}

// Gives up what is held (through the callback) and leaves the group. rd_kafka_consumer_close()
// would wait for the coordinator without a bound.
void GroupConsumer::close(Duration deadline) {
    if (closing_ || !client_) {
        return;
    }
    closing_ = true;
    fetched_.clear();
    events_.clear();
    if (asked_back_) {
        // librdkafka waits for this answer, also in its destruction, for ever.
        const ErrorPtr ignored = unassign(std::vector<PartitionId>(*asked_back_));
    }
    // Refused after a fatal error: then there is nothing to wait for either.
    const ErrorPtr refused{rd_kafka_consumer_close_queue(client_.get(), queue_.get())};
    if (refused) {
        queue_.reset();
    }
    const auto end = std::chrono::steady_clock::now() + deadline;
    if (queue_ && serve_close(client_.get(), queue_.get(), end)) {
        queue_.reset();
        client_.reset();
    } else {
        leave_behind(std::move(client_), std::move(queue_));
    }
}

// ---- positions ---------------------------------------------------------------------------------

PartitionListPtr GroupConsumer::list_of(std::span<const PartitionPosition> positions) const {
    PartitionListPtr list{rd_kafka_topic_partition_list_new(static_cast<int>(positions.size()))};
    for (const PartitionPosition& position : positions) {
        rd_kafka_topic_partition_list_add(list.get(), config_.topic.c_str(),
                                          position.partition.value)
            ->offset = position.position.value;
    }
    return list;
}

// A partition that is taken over anew is still assigned: for it this is a seek.
void GroupConsumer::start(std::span<const PartitionPosition> positions) {
    std::vector<PartitionPosition> fresh;
    std::vector<PartitionPosition> again;
    for (const PartitionPosition& position : positions) {
        Track& of = track(position.partition);
        of.started = true;
        (of.assigned ? again : fresh).push_back(position);
        of.assigned = true;
    }
    if (!fresh.empty()) {
        const PartitionListPtr list = list_of(fresh);
        // A pause outlives the assignment in which it was asked for.
        rd_kafka_resume_partitions(client_.get(), list.get());
        if (const ErrorPtr error{rd_kafka_incremental_assign(client_.get(), list.get())}) {
            failure_ =
                map_error(*error, fmt::format("starting partitions of group {}", config_.group));
            failure_->disposition = Disposition::stop;
            return;
        }
        if (flow_ == Flow::closed) {
            rd_kafka_pause_partitions(client_.get(), list.get());
        }
    }
    if (!again.empty()) {
        seek(again);
    }
}

void GroupConsumer::rewind(std::span<const PartitionPosition> positions) {
    seek(positions);
}

void GroupConsumer::forget_seek(PartitionId partition) {
    std::erase_if(pending_seeks_, [partition](const PartitionPosition& pending) {
        return pending.partition == partition;
    });
}

// Seeking drops what was fetched before (version barrier). A partition whose fetcher librdkafka has
// not started yet cannot be sought: it is tried again with the next poll.
void GroupConsumer::seek(std::span<const PartitionPosition> positions) {
    for (const PartitionPosition& position : positions) {
        forget_seek(position.partition);  // this one supersedes it
    }
    const PartitionListPtr list = list_of(positions);
    const ErrorPtr error{rd_kafka_seek_partitions(client_.get(), list.get(), kSeekTimeoutMs)};
    const PartitionListPtr resumed{rd_kafka_topic_partition_list_new(list->cnt)};
    for (int i = 0; i < list->cnt; ++i) {
        const rd_kafka_topic_partition_t& sought = list->elems[i];
        const PartitionId partition{sought.partition};
        track(partition).eof = Offset{0};
        track(partition).brokers.clear();
        track(partition).seeking = error || sought.err != RD_KAFKA_RESP_ERR_NO_ERROR;
        if (track(partition).seeking) {
            pending_seeks_.push_back({partition, Offset{sought.offset}});
        } else if (flow_ == Flow::open) {
            rd_kafka_topic_partition_list_add(resumed.get(), sought.topic, sought.partition);
        }
    }
    if (resumed->cnt > 0) {
        rd_kafka_resume_partitions(client_.get(), resumed.get());
    }
}

void GroupConsumer::retry_seeks() {
    if (!pending_seeks_.empty()) {
        std::vector<PartitionPosition> again;
        again.swap(pending_seeks_);
        seek(again);
    }
}

// librdkafka reads no more of a partition whose position is not in the log, and does not take a
// seek for it: only a new assignment starts it again. Not before a revocation is answered, or this
// unassignment would be taken for that answer.
void GroupConsumer::drop_out_of_range() {
    if (out_of_range_.empty() || asked_back_) {
        return;
    }
    SourceEvent event;
    event.kind = SourceEvent::Kind::out_of_range;
    std::vector<PartitionPosition> assigned;
    for (const PartitionId partition : out_of_range_) {
        if (Track& of = track(partition); of.assigned && !of.seeking) {
            of = Track{};
            assigned.push_back({partition, Offset{0}});
            event.partitions.push_back(partition);
        }
    }
    out_of_range_.clear();
    if (assigned.empty()) {
        return;
    }
    const PartitionListPtr list = list_of(assigned);
    if (const ErrorPtr error{rd_kafka_incremental_unassign(client_.get(), list.get())}) {
        failure_ = map_error(*error, fmt::format("stopping partitions of group {}", config_.group));
        failure_->disposition = Disposition::stop;
        return;
    }
    events_.push_back(std::move(event));
}

// By end-of-partition events, which come after all records before them, and not by
// rd_kafka_position(), which counts what was handed to us whether we could use it or not.
Offset GroupConsumer::position(PartitionId partition, Offset last) const {
    const Track& of = tracks_[static_cast<std::size_t>(partition.value)];
    return of.seeking ? last : std::max(last, of.eof);
}

RecordSource::LogEnd GroupConsumer::log_end(PartitionId partition) const {
    const auto index = static_cast<std::size_t>(partition.value);
    LogEnd end = index < tracks_.size() ? tracks_[index].end : LogEnd{};
    if (end.last_stable < 0) {
        // Before the first statistics: what the last fetch said of the high watermark.
        std::int64_t low = 0;
        std::int64_t high = 0;
        if (rd_kafka_get_watermark_offsets(client_.get(), config_.topic.c_str(), partition.value,
                                           &low, &high) == RD_KAFKA_RESP_ERR_NO_ERROR &&
            high >= 0) {
            end = {high, high};
        }
    }
    return end;
}

void GroupConsumer::set_flow(Flow flow) {
    if (flow == flow_) {
        return;
    }
    flow_ = flow;
    const PartitionListPtr list{rd_kafka_topic_partition_list_new(8)};
    for (std::size_t i = 0; i < tracks_.size(); ++i) {
        if (tracks_[i].started) {
            rd_kafka_topic_partition_list_add(list.get(), config_.topic.c_str(),
                                              static_cast<std::int32_t>(i));
        }
    }
    if (list->cnt == 0) {
        return;
    }
    if (flow == Flow::closed) {
        rd_kafka_pause_partitions(client_.get(), list.get());
    } else {
        rd_kafka_resume_partitions(client_.get(), list.get());
    }
}

int GroupConsumer::stats_cb(rd_kafka_t*, char* json, std::size_t size, void* opaque) {
    GroupConsumer& self = *static_cast<GroupConsumer*>(opaque);
    ClientStats stats;
    if (!read_client_stats({json, size}, self.config_.topic, stats)) {
        return 0;
    }
    for (const PartitionEnds& ends : stats.partitions) {
        self.track(ends.partition).end = {ends.last_stable, ends.high_watermark};
    }
    self.throttle_.add_up(stats.brokers, std::chrono::steady_clock::now());
    if (self.config_.status != nullptr) {
        self.config_.status->publish(ClientStatus{self.config_.name, std::move(stats.brokers)});
    }
    return 0;  // librdkafka frees the text
}

// ---- records -----------------------------------------------------------------------------------

// What is there now, else the first that comes within `wait` and what came with it.
Result<void> GroupConsumer::fetch(Duration wait) {
    Result<void> viewed = view_what_is_there();
    if (viewed && fetched_.empty() && events_.empty()) {
        viewed = view(fetched_.wait(*client_, std::chrono::milliseconds{to_ms(wait)}));
        if (viewed && events_.empty()) {
            viewed = view_what_is_there();
        }
    }
    return viewed;
}

// Until a rebalance is to be reported.
Result<void> GroupConsumer::view_what_is_there() {
    while (events_.empty()) {
        const auto messages = fetched_.take(*queue_);
        if (messages.empty()) {
            break;
        }
        if (Result<void> viewed = view(messages); !viewed) {
            return viewed;
        }
    }
    return {};
}

Result<SourceEvent> GroupConsumer::poll(Duration wait) {
    fetched_.clear();
    retry_seeks();
    drop_out_of_range();
    if (failure_) {
        // The group and this member do not agree on who owns what any more.
        return std::unexpected(*failure_);
    }
    if (generations_.take()) {
        SourceEvent missed;
        missed.kind = SourceEvent::Kind::generation_missed;
        return missed;
    }
    if (events_.empty()) {
        tell_of_the_group();
    }
    if (events_.empty()) {
        if (Result<void> fetched = fetch(wait); !fetched) {
            return std::unexpected(std::move(fetched.error()));
        }
    }
    SourceEvent event;
    if (!fetched_.empty()) {
        // Before any event: the records of a partition that is now being revoked are still its
        // owner's to commit, and the positions count them.
        event.kind = SourceEvent::Kind::records;
        event.records = fetched_.records();
        return event;
    }
    if (!events_.empty()) {
        event = std::move(events_.front());
        events_.pop_front();
        if (event.kind == SourceEvent::Kind::revoking) {
            for (const PartitionId partition : event.partitions) {
                track(partition).started = false;
            }
        }
    }
    return event;
}

Result<void> GroupConsumer::view(std::span<rd_kafka_message_t* const> messages) {
    for (const rd_kafka_message_t* const message : messages) {
        if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            if (Result<void> handled = on_message_error(*message); !handled) {
                return handled;
            }
            continue;
        }
        Track& from = tracks_[static_cast<std::size_t>(message->partition)];
        if (!from.started || from.seeking) {
            continue;
        }
        const std::int32_t broker = rd_kafka_message_broker_id(message);
        if (std::ranges::find(from.brokers, broker) == from.brokers.end()) {
            from.brokers.push_back(broker);
        }
        if (Result<void> viewed = fetched_.view(*message, Offset{0}); !viewed) {
            return viewed;
        }
    }
    return {};
}

Result<void> GroupConsumer::on_message_error(const rd_kafka_message_t& message) {
    if (message.err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        if (Track& of = track(PartitionId{message.partition}); of.started && !of.seeking) {
            of.eof = Offset{message.offset};
            of.eof_broker = rd_kafka_message_broker_id(&message);
        }
        return {};
    }
    if (message.err == RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED) {
        return {};  // the revocation of everything follows as an event of its own
    }
    const char* topic = message.rkt != nullptr ? rd_kafka_topic_name(message.rkt) : "";
    const std::string what = message.rkt != nullptr
                                 ? fmt::format("reading topic {} partition {} offset {}", topic,
                                               message.partition, message.offset)
                                 : fmt::format("consumer of group {}", config_.group);
    const rd_kafka_resp_err_t code = message.err == RD_KAFKA_RESP_ERR__FATAL
                                         ? rd_kafka_fatal_error(client_.get(), nullptr, 0)
                                         : message.err;
    if (code == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
        code == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE) {
        log_.write(LogLevel::warn, "consumer",
                   {{"reason", fmt::format("{}: {}", what, rd_kafka_message_errstr(&message))}});
        out_of_range_.push_back(PartitionId{message.partition});
        return {};
    }
    Error error = map_error(code, what, rd_kafka_message_errstr(&message));
    if (error.disposition == Disposition::stop && !is_missing_topic(error)) {
        return std::unexpected(std::move(error));
    }
    // librdkafka retries by itself; said once per event, not per record.
    log_.write(LogLevel::warn, "consumer", {{"reason", error.message}});
    return {};
}

}  // namespace kstream::kafka
