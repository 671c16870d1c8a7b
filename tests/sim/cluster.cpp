#include "sim/cluster.hpp"

#include "support/fakes/test_job.hpp"

namespace kstream::sim {

Cluster::Cluster(Schedule& schedule, const Swarm& swarm, Tally& tally, const VirtualClock& clock)
    : schedule_(schedule),
      swarm_(swarm),
      tally_(tally),
      clock_(clock),
      dice_(swarm.seed ^ 0x636c7573),
      network_(schedule, swarm, tally),
      map_group_(schedule, network_, swarm, tally, "map", swarm.source_partitions),
      totals_group_(schedule, network_, swarm, tally, "totals", swarm.state_partitions),
      transactions_(schedule, swarm, tally, *this) {
    const auto make = [this](TopicRole topic, std::int32_t partitions) {
        const auto index = static_cast<std::size_t>(topic);
        topics_[index].resize(static_cast<std::size_t>(partitions));
        ids_[index] = testing::topic_id(static_cast<std::uint8_t>(0x10 + 0x20 * index));
    };
    make(TopicRole::source, swarm.source_partitions);
    make(TopicRole::repartition, swarm.state_partitions);
    make(TopicRole::changelog, swarm.state_partitions);
    make(TopicRole::results, swarm.results_partitions);
    make(TopicRole::dead_letters, 1);
}

// A batch that would begin a transaction on a partition is checked with the coordinator (KIP-890,
// part 1), so that one that comes after its transaction's end leaves nothing open behind it.
Code Cluster::produce(const std::string& id, const TopicPartition& to, PartitionLog::Batch batch) {
    if (leaders_away()) {
        return Code::unavailable;
    }
    PartitionLog& log = this->log(to.topic, to.partition);
    if (log.begins(batch.producer) && !transactions_.is_open(id, batch.producer, to)) {
        return Code::invalid_txn_state;
    }
    if (swarm_.refused_messages > 0 && dice_.below(10'000) < swarm_.refused_messages &&
        tally_.fault(Fault::refused_message)) {
        return Code::message_refused;
    }
    batch.timestamp_ms = clock_.wall_ms();
    return log.append(batch);
}

Code Cluster::commit_offsets(const std::string& id, TopicRole input, const ProducerId& producer,
                             const MemberName& member, std::int32_t generation,
                             const Group::Offsets& offsets, const std::string& metadata) {
    Group& group = this->group(input);
    if (!transactions_.is_open(id, producer, group.name())) {
        return Code::invalid_txn_state;
    }
    return group.commit(producer, member, generation, offsets, metadata);
}

void Cluster::write_marker(const TopicPartition& to, const ProducerId& producer, bool commit) {
    log(to.topic, to.partition).marker(producer, commit, clock_.wall_ms());
    tally_.note(commit ? "marker" : "abort marker", "", static_cast<std::int64_t>(to.topic),
                to.partition.value);
}

void Cluster::write_group_marker(const std::string& group, const ProducerId& producer,
                                 bool commit) {
    (group == map_group_.name() ? map_group_ : totals_group_).marker(producer, commit);
}

Code Cluster::answer(const Query& query, TopicRole input, QueryAnswer& answer) {
    if (query.kind == Query::Kind::committed) {
        std::vector<std::optional<Group::Committed>> committed;
        const Code code = group(input).fetch(query.partitions, committed);
        for (std::size_t i = 0; i < committed.size(); ++i) {
            OffsetAnswer offset;
            offset.partition = query.partitions[i];
            if (committed[i]) {
                offset.offset = committed[i]->offset;
                offset.metadata = committed[i]->metadata;
            }
            answer.offsets.push_back(std::move(offset));
        }
        return code;
    }
    if (leaders_away()) {
        return Code::unavailable;
    }
    if (query.kind == Query::Kind::describe) {
        answer.topic_id = topic_id(query.topic);
        answer.partition_count = partitions(query.topic);
        return Code::none;
    }
    for (std::size_t i = 0; i < query.partitions.size(); ++i) {
        answer.offsets.push_back(offset_of(query, i));
    }
    return Code::none;
}

OffsetAnswer Cluster::offset_of(const Query& query, std::size_t i) {
    OffsetAnswer answer;
    answer.partition = query.partitions[i];
    PartitionLog& log = this->log(query.topic, answer.partition);
    switch (query.kind) {
        case Query::Kind::log_start:
            answer.offset = log.start();
            break;
        case Query::Kind::log_end:
            answer.offset = log.end(query.isolation);
            break;
        case Query::Kind::for_time:
            answer.offset = log.first_at(query.timestamp_ms);
            break;
        case Query::Kind::purge:
            if (query.before[i] > log.start()) {
                tally_.event(Event::purge);
                tally_.note("purge", "", answer.partition.value, query.before[i].value);
            }
            log.delete_below(query.before[i]);
            answer.offset = log.start();
            break;
        case Query::Kind::committed:
        case Query::Kind::describe:
            break;
    }
    return answer;
}

void Cluster::add_source_partition() {
    topics_[static_cast<std::size_t>(TopicRole::source)].emplace_back();
    map_group_.add_partition();
}

void Cluster::heal() {
    const Instant past{0};
    leaders_away_until_ = past;
    transactions_.away_until(past);
    map_group_.away_until(past);
    totals_group_.away_until(past);
}

}  // namespace kstream::sim
