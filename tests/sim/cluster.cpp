#include "sim/cluster.hpp"

#include "support/fakes/test_job.hpp"

#include <fmt/format.h>

#include <utility>

namespace kstream::sim {

Cluster::Cluster(Schedule& schedule, const Swarm& swarm, Tally& tally, const VirtualClock& clock,
                 Cluster* first)
    : schedule_(schedule),
      swarm_(swarm),
      tally_(tally),
      clock_(clock),
      dice_(swarm.seed ^ (first == nullptr ? 0x636c7573U : 0x32636c75U)),
      network_(schedule, swarm, tally),
      map_group_(schedule, network_, swarm, tally, first == nullptr ? "map" : "second-map",
                 swarm.source_partitions),
      totals_group_(schedule, network_, swarm, tally, first == nullptr ? "totals" : "second-totals",
                    swarm.state_partitions),
      first_(first == nullptr ? this : first) {
    if (first == nullptr) {
        transactions_ = std::make_unique<TransactionCoordinator>(schedule, swarm, tally, *this);
    } else {
        first->second_ = this;
    }
    const auto make = [this](TopicRole topic, std::int32_t partitions) {
        const auto index = static_cast<std::size_t>(topic);
        topics_[index].resize(static_cast<std::size_t>(partitions));
        ids_[index] =
            testing::topic_id(static_cast<std::uint8_t>(0x10 + 0x20 * index + application()));
    };
    if (first == nullptr) {
        make(TopicRole::source, swarm.source_partitions);
    }
    make(TopicRole::repartition, swarm.state_partitions);
    make(TopicRole::changelog, swarm.state_partitions);
    make(TopicRole::results, swarm.results_partitions);
    make(TopicRole::dead_letters, 1);
    if (swarm.windows) {
        make(TopicRole::late, 1);
    }
}

// A batch that would begin a transaction on a partition is checked with the coordinator (KIP-890,
// part 1), so that one that comes after its transaction's end leaves nothing open behind it.
Code Cluster::produce(const std::string& id, const TopicPartition& to, PartitionLog::Batch batch,
                      Offset& at) {
    if (leaders_away()) {
        return Code::unavailable;
    }
    PartitionLog& log = this->log(to.topic, to.partition);
    if (log.begins(batch.producer, batch.sequence)) {
        if (const Code code = transactions().verify(id, batch.producer, to); code != Code::none) {
            return code;
        }
    }
    if (swarm_.refused_messages > 0 && dice_.below(10'000) < swarm_.refused_messages &&
        tally_.fault(Fault::refused_message)) {
        return Code::message_refused;
    }
    batch.timestamp_ms = clock_.wall_ms();
    const Offset end = log.end();
    const Code code = log.append(batch);
    at = log.end() > end ? end : at;
    return code;
}

Code Cluster::commit_offsets(const std::string& id, TopicRole input, const ProducerId& producer,
                             const MemberName& member, std::int32_t generation,
                             const Group::Offsets& offsets) {
    Group& group = this->group(input);
    if (group.begins(producer)) {
        if (const Code code = transactions().verify(id, producer, group.name());
            code != Code::none) {
            return code;
        }
    }
    return group.commit(producer, member, generation, offsets);
}

void Cluster::write_marker(const TopicPartition& to, const ProducerId& producer, bool commit) {
    Cluster& of = to.application == 0 ? *this : *second_;
    of.log(to.topic, to.partition).marker(producer, commit, clock_.wall_ms());
    tally_.note(commit ? "marker" : "abort marker", "", static_cast<std::int64_t>(to.topic),
                to.partition.value);
}

void Cluster::write_group_marker(const std::string& group, const ProducerId& producer,
                                 bool commit) {
    Cluster& of = group.starts_with("second-") ? *second_ : *this;
    (group == of.map_group_.name() ? of.map_group_ : of.totals_group_).marker(producer, commit);
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
    if (query.kind == Query::Kind::topics) {
        for (std::size_t role = 0; role < kTopicRoleCount; ++role) {
            const auto topic = static_cast<TopicRole>(role);
            answer.topics.push_back({partitions(topic) > 0, topic_id(topic), partitions(topic)});
        }
        return Code::none;
    }
    for (std::size_t i = 0; i < query.partitions.size(); ++i) {
        if (query.kind == Query::Kind::purge &&
            query.before[i] > log(query.topic, query.partitions[i]).end()) {
            return Code::offset_out_of_range;
        }
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
            if (query.topic == TopicRole::source) {
                ends_shown_.emplace(answer.partition, *answer.offset, query.isolation);
            }
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
        case Query::Kind::topics:
            break;
    }
    return answer;
}

void Cluster::add_source_partition() {
    if (partitions(TopicRole::source) > swarm_.source_partitions + 1) {
        return;
    }
    topics_[static_cast<std::size_t>(TopicRole::source)].emplace_back();
    map_group_.add_partition();
    if (second_ != nullptr) {
        second_->map_group_.add_partition();
    }
}

// What is in the new topic could be taken for more of the old one: its offsets go on where they
// were, and its records are whole and valid.
void Cluster::make_again(TopicRole topic, std::size_t records) {
    const auto index = static_cast<std::size_t>(topic);
    ids_[index] = testing::topic_id(0xe0);
    // Of a time that is not late, whatever came before it.
    const std::string record = fmt::format(R"({{"id_vendedor":"again","valor":1.00{}}})",
                                           swarm_.windows ? R"(,"quando":2000000000000)" : "");
    for (std::size_t i = 0; i < topics_[index].size(); ++i) {
        PartitionLog& log = topics_[index][i];
        const PartitionLog& before = before_[{topic, PartitionId{static_cast<std::int32_t>(i)}}] =
            std::exchange(log, {});
        if (topic == TopicRole::source) {
            for (std::size_t n = 0; n < records; ++n) {
                log.append("k", record, clock_.wall_ms());
            }
        } else if (topic == TopicRole::repartition) {
            // The steps of the old one, once more, and its last one again and again.
            const PartitionLog::Entry* last = nullptr;
            for (const PartitionLog::Entry& entry : before.entries()) {
                if (entry.kind == PartitionLog::Kind::data && !entry.aborted) {
                    last = &entry;
                }
            }
            const auto end = static_cast<std::size_t>(before.end().value) + records;
            for (std::size_t n = 0; last != nullptr && n < end; ++n) {
                log.append(std::nullopt, last->value, clock_.wall_ms());
            }
        }
    }
}

bool Cluster::cut(TopicRole topic, PartitionId partition, Offset at) {
    PartitionLog& log = this->log(topic, partition);
    PartitionLog before = log;
    if (!log.cut(at)) {
        return false;
    }
    tally_.note("cut", "", partition.value, log.end().value);
    before_.emplace(std::pair{topic, partition}, std::move(before));
    return true;
}

void Cluster::double_step(testing::Seeded& dice, const StoredForm& form) {
    std::vector<std::pair<std::uint64_t, std::uint64_t>> steps;  // run id and number
    DeltaBatch batch;
    const auto committed = [](const PartitionLog::Entry& entry) {
        return entry.kind == PartitionLog::Kind::data && !entry.aborted;
    };
    for (const PartitionLog::Entry& entry : log(TopicRole::repartition, PartitionId{0}).entries()) {
        if (committed(entry) && decode_delta_batch(entry.value, form, batch) &&
            batch.header.kind == BatchKind::step) {
            steps.emplace_back(batch.header.run_id, batch.header.step);
        }
    }
    if (steps.empty()) {
        return;
    }
    const auto which = dice.pick(steps);
    for (PartitionLog& log : topics_[static_cast<std::size_t>(TopicRole::repartition)]) {
        std::vector<std::string> again;
        std::uint32_t next = 0;
        for (const PartitionLog::Entry& entry : log.entries()) {
            if (committed(entry) && decode_delta_batch(entry.value, form, batch) &&
                std::pair{batch.header.run_id, batch.header.step} == which &&
                batch.header.chunk == next && next < batch.header.chunks) {
                again.push_back(entry.value);
                ++next;
            }
        }
        for (const std::string& value : again) {
            log.append(std::nullopt, value, clock_.wall_ms());
        }
    }
}

void Cluster::heal() {
    const Instant past{0};
    leaders_away_until(past);
    transactions().away_until(past);
    map_group_.away_until(past);
    totals_group_.away_until(past);
    network_.heal();
}

}  // namespace kstream::sim
