// The brokers of a simulated cluster: topics, coordinators, groups, and what each request does.
// Replication is not modeled: a partition has one log, which an unclean election shortens.
//
// Of two applications on one source each has a Cluster of its own, with its topics and groups; the
// second one takes what there is only one of from the first.
#pragma once

#include "kstream/codec/delta_batch.hpp"
#include "kstream/codec/identity.hpp"
#include "kstream/model/ids.hpp"
#include "kstream/planted_bug.hpp"
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
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace kstream::sim {

class Cluster final : public MarkerTarget {
public:
    Cluster(Schedule& schedule, const Swarm& swarm, Tally& tally, const VirtualClock& clock,
            Cluster* first = nullptr);

    [[nodiscard]] std::uint8_t application() const { return first_ == this ? 0 : 1; }
    [[nodiscard]] PartitionLog& log(TopicRole topic, PartitionId partition) {
        return owner(topic)
            .topics_[static_cast<std::size_t>(topic)][static_cast<std::size_t>(partition.value)];
    }
    [[nodiscard]] std::int32_t partitions(TopicRole topic) const {
        return static_cast<std::int32_t>(
            owner(topic).topics_[static_cast<std::size_t>(topic)].size());
    }
    [[nodiscard]] const TopicId& topic_id(TopicRole topic) const {
        return owner(topic).ids_[static_cast<std::size_t>(topic)];
    }
    [[nodiscard]] Group& group(TopicRole input) {
        Cluster& of = planted(PlantedBug::application_not_named) ? *first_ : *this;
        return input == TopicRole::source ? of.map_group_ : of.totals_group_;
    }
    [[nodiscard]] TransactionCoordinator& transactions() { return *first_->transactions_; }
    [[nodiscard]] static Brokers leader_of(TopicRole topic, PartitionId partition) {
        const auto sum =
            static_cast<std::size_t>(topic) + static_cast<std::size_t>(partition.value);
        return 1U << (sum % kBrokers);
    }
    [[nodiscard]] Network& network() { return network_; }
    [[nodiscard]] Schedule& schedule() { return schedule_; }

    // ---- requests, where they are handled

    // `at`: where the batch went to, if this is what put it there.
    [[nodiscard]] Code produce(const std::string& id, const TopicPartition& to,
                               PartitionLog::Batch batch, Offset& at);
    [[nodiscard]] Code commit_offsets(const std::string& id, TopicRole input,
                                      const ProducerId& producer, const MemberName& member,
                                      std::int32_t generation, const Group::Offsets& offsets);
    // Everything that ClusterQueries asks. `input`: of the group that asks.
    [[nodiscard]] Code answer(const Query& query, TopicRole input, QueryAnswer& answer);

    // Whether that was ever the answer to a question for the end of a source partition.
    [[nodiscard]] bool has_shown_end(PartitionId partition, Offset end, Isolation isolation) const {
        return ends_shown_.contains({partition, end, isolation});
    }

    // ---- faults

    void leaders_away_until(Instant until) { first_->leaders_away_until_ = until; }
    [[nodiscard]] bool leaders_away() const {
        return schedule_.now() < first_->leaders_away_until_;
    }
    void add_source_partition();
    // The topic is deleted and re-created. So many records are in each partition of a source; in
    // a repartition topic so many more than there were.
    void make_again(TopicRole topic, std::size_t records);
    // An unclean election: the log ends here now. False when it has lost nothing by that.
    [[nodiscard]] bool cut(TopicRole topic, PartitionId partition, Offset at);
    // The log as it was before it was deleted or cut; or null.
    [[nodiscard]] const PartitionLog* before(TopicRole topic, PartitionId partition) const {
        const auto found = before_.find({topic, partition});
        return found == before_.end() ? nullptr : &found->second;
    }
    // A committed map step of the job, whose batches are of this form, comes again, whole, as of a
    // second writer.
    void double_step(testing::Seeded& dice, const StoredForm& form);
    void heal();  // whatever is away is back

private:
    void write_marker(const TopicPartition& to, const ProducerId& producer, bool commit) override;
    void write_group_marker(const std::string& group, const ProducerId& producer,
                            bool commit) override;
    [[nodiscard]] Cluster& owner(TopicRole topic) {
        return topic == TopicRole::source ? *first_ : *this;
    }
    [[nodiscard]] const Cluster& owner(TopicRole topic) const {
        return topic == TopicRole::source ? *first_ : *this;
    }
    [[nodiscard]] OffsetAnswer offset_of(const Query& query, std::size_t i);

    Schedule& schedule_;
    const Swarm& swarm_;
    Tally& tally_;
    const VirtualClock& clock_;
    testing::Seeded dice_;
    Network network_;
    std::array<std::vector<PartitionLog>, kTopicRoleCount> topics_;
    std::array<TopicId, kTopicRoleCount> ids_{};
    std::map<std::pair<TopicRole, PartitionId>, PartitionLog> before_;
    std::set<std::tuple<PartitionId, Offset, Isolation>> ends_shown_;
    Group map_group_;
    Group totals_group_;
    Cluster* first_;
    Cluster* second_ = nullptr;                             // of the first one
    std::unique_ptr<TransactionCoordinator> transactions_;  // of the first one
    Instant leaders_away_until_;
};

}  // namespace kstream::sim
