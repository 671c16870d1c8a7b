// The records of source partitions that nobody has yet. See new_partitions.hpp.

#include "app/new_partitions.hpp"

#include "telemetry/snapshot_store.hpp"

#include <utility>
#include <vector>

namespace kstream::app {
namespace {

constexpr Duration kBetweenQuestions = std::chrono::seconds{1};
constexpr std::chrono::milliseconds kPatience{3000};

}  // namespace

void NewPartitions::look(std::int32_t partitions) {
    for (; known_ < partitions; ++known_) {
        unassigned_.insert(PartitionId{known_});
    }
    const Instant now = environment_.clock.now();
    if (unassigned_.empty() || now - asked_ < kBetweenQuestions) {
        return;
    }
    asked_ = now;
    take_out_assigned();
    count_records();
}

void NewPartitions::take_out_assigned() {
    const auto groups = admin_.describe_groups({environment_.names.map_group});
    if (!groups) {
        return;
    }
    for (const kafka::GroupMember& member : groups->front().members) {
        for (const kafka::TopicPartition& assigned : member.assignment) {
            unassigned_.erase(assigned.partition);
        }
    }
}

void NewPartitions::count_records() {
    std::vector<kafka::OffsetQuery> starts;
    std::vector<kafka::OffsetQuery> ends;
    for (const PartitionId partition : unassigned_) {
        const kafka::TopicPartition of{environment_.names.source, partition};
        starts.push_back({of, kafka::OffsetQuery::kEarliest});
        ends.push_back({of, kafka::OffsetQuery::kLatest});
    }
    // A client of its own: one that knows the topic goes by what it knew until it looks anew, which
    // is when the consumers do.
    Result<kafka::Admin> asking = kafka::Admin::make(
        environment_.client,
        {.timeout = kPatience, .canceled = [this] { return environment_.stop.requested(); }});
    if (!asking) {
        return;
    }
    const auto start = asking->list_offsets(starts, Isolation::read_committed);
    const auto end = asking->list_offsets(ends, Isolation::read_committed);
    if (!start || !end) {
        return;
    }
    std::vector<telemetry::UnassignedPartition> counted;
    for (std::size_t i = 0; i < end->size(); ++i) {
        const Offset from = (*start)[i].offset.value_or(Offset{0});
        counted.push_back(
            {(*end)[i].of.partition, (*end)[i].offset.value_or(from).value - from.value});
    }
    environment_.snapshots.set_unassigned(std::move(counted));
}

}  // namespace kstream::app
