// The brokers of a simulated cluster: topics, coordinators, groups, and what each request does.
// Replication is not modeled: a partition has one log, which no failure shortens.
#pragma once

#include "kstream/codec/identity.hpp"
#include "kstream/model/ids.hpp"
#include "kstream/ports/cluster_queries.hpp"
#include "sim/group.hpp"
#include "sim/network.hpp"
#include "sim/partition_log.hpp"
#include "sim/schedule.hpp"
#include "sim/swarm.hpp"
#include "sim/tally.hpp"
#include "sim/transactions.hpp"
#include "support/fakes/seeded.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace kstream::sim {

class Cluster final : public MarkerTarget {
public:
    Cluster(Schedule& schedule, const Swarm& swarm, Tally& tally, const VirtualClock& clock);

    [[nodiscard]] PartitionLog& log(TopicRole topic, PartitionId partition) {
        return topics_[static_cast<std::size_t>(topic)][static_cast<std::size_t>(partition.value)];
    }
    [[nodiscard]] std::int32_t partitions(TopicRole topic) const {
        return static_cast<std::int32_t>(topics_[static_cast<std::size_t>(topic)].size());
    }
    [[nodiscard]] const TopicId& topic_id(TopicRole topic) const {
        return ids_[static_cast<std::size_t>(topic)];
    }
    [[nodiscard]] Group& group(TopicRole input) {
        return input == TopicRole::source ? map_group_ : totals_group_;
    }
    [[nodiscard]] TransactionCoordinator& transactions() { return transactions_; }
    [[nodiscard]] Network& network() { return network_; }
    [[nodiscard]] Schedule& schedule() { return schedule_; }

    // ---- requests, where they are handled

    [[nodiscard]] Code produce(const std::string& id, const TopicPartition& to,
                               PartitionLog::Batch batch);
    [[nodiscard]] Code commit_offsets(const std::string& id, TopicRole input,
                                      const ProducerId& producer, const MemberName& member,
                                      std::int32_t generation, const Group::Offsets& offsets,
                                      const std::string& metadata);
    // Everything that ClusterQueries asks. `input`: of the group that asks.
    [[nodiscard]] Code answer(const Query& query, TopicRole input, QueryAnswer& answer);

    // ---- faults

    void leaders_away_until(Instant until) { leaders_away_until_ = until; }
    [[nodiscard]] bool leaders_away() const { return schedule_.now() < leaders_away_until_; }
    void add_source_partition();
    // The topic is deleted and made again. So many records are in each partition of a source; in
    // a repartition topic so many more than there were.
    void make_again(TopicRole topic, std::size_t records);
    // The logs of the one that was deleted.
    [[nodiscard]] const std::vector<PartitionLog>& replaced() const { return replaced_; }
    // A committed map step comes again, whole, as of a second writer.
    void double_step(testing::Seeded& dice);
    void heal();  // whatever is away is back

private:
    void write_marker(const TopicPartition& to, const ProducerId& producer, bool commit) override;
    void write_group_marker(const std::string& group, const ProducerId& producer,
                            bool commit) override;
    [[nodiscard]] OffsetAnswer offset_of(const Query& query, std::size_t i);

    Schedule& schedule_;
    const Swarm& swarm_;
    Tally& tally_;
    const VirtualClock& clock_;
    testing::Seeded dice_;
    Network network_;
    std::array<std::vector<PartitionLog>, kTopicRoleCount> topics_;
    std::array<TopicId, kTopicRoleCount> ids_{};
    std::vector<PartitionLog> replaced_;
    Group map_group_;
    Group totals_group_;
    TransactionCoordinator transactions_;
    Instant leaders_away_until_;
};

}  // namespace kstream::sim
