// One consumer group at its coordinator: members, generations, assignment, and offsets, which are
// pending while the transaction that they belong to is open.
//
// A member is told nothing: it learns of a rebalance from the answer to a heartbeat, joins, and
// asks for its assignment. Offsets of a transaction are checked by member and generation only,
// never by who owns the partition (P1).
#pragma once

#include "kstream/model/ids.hpp"
#include "sim/code.hpp"
#include "sim/network.hpp"
#include "sim/partition_log.hpp"
#include "sim/schedule.hpp"
#include "sim/swarm.hpp"
#include "sim/tally.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace kstream::sim {

// A member as the coordinator answers it. `request` is what the member numbered its request with.
class GroupClient {
public:
    virtual ~GroupClient() = default;
    virtual void on_join(std::uint64_t request, Code code, std::int32_t generation) = 0;
    virtual void on_sync(std::uint64_t request, Code code,
                         const std::vector<PartitionId>& assigned) = 0;
    virtual void on_heartbeat(std::uint64_t request, Code code) = 0;
};

struct MemberName {
    std::string id;
    std::string instance;  // of a static member; else empty
};

class Group {
public:
    Group(Schedule& schedule, Network& network, const Swarm& swarm, Tally& tally, std::string name,
          std::int32_t partitions);

    struct Sender {
        GroupClient* client = nullptr;
        Link link;
        std::uint64_t request = 0;
    };
    struct Claim {
        std::vector<PartitionId> owned;
        std::int32_t generation = -1;
    };
    // `fresh`: the member has just made its id up.
    void join(const MemberName& name, bool fresh, Claim claim, const Sender& sender);
    void sync(const MemberName& name, std::int32_t generation, const Sender& sender);
    void heartbeat(const MemberName& name, std::int32_t generation, const Sender& sender);
    void leave(const MemberName& name);

    struct Committed {
        Offset offset;
        std::string metadata;
        std::uint64_t appended = 0;
    };
    struct Sent {
        PartitionId partition;
        Offset offset;
        std::string metadata;
    };
    using Offsets = std::vector<Sent>;
    [[nodiscard]] Code commit(const ProducerId& producer, const MemberName& name,
                              std::int32_t generation, const Offsets& offsets);
    // As PartitionLog::begins, of the partition of __consumer_offsets that the group belongs to.
    [[nodiscard]] bool begins(const ProducerId& producer) const {
        const auto pending = pending_.find(producer.id);
        return pending == pending_.end() || pending->second.offsets.empty();
    }
    void marker(const ProducerId& producer, bool commit);
    // With require_stable.
    [[nodiscard]] Code fetch(const std::vector<PartitionId>& partitions,
                             std::vector<std::optional<Committed>>& out) const;
    [[nodiscard]] const std::map<PartitionId, Committed>& committed() const { return committed_; }

    void add_partition() {
        ++partitions_;
        if (!members_.empty()) {
            begin_rebalance();
        }
    }
    void away_until(Instant until) { away_until_ = until; }
    // Forgets what is committed, as happens to a group without members.
    [[nodiscard]] bool expire_offsets();
    [[nodiscard]] bool has_forgotten() const { return has_forgotten_; }
    [[nodiscard]] std::int32_t generation() const { return generation_; }
    [[nodiscard]] bool rebalancing() const { return rebalancing_; }
    // Somebody, or a check of the coordinator, removes a member.
    void drop_member(std::size_t number);
    [[nodiscard]] const std::string& name() const { return name_; }
    [[nodiscard]] Brokers coordinator() const { return coordinator_of(name_); }

private:
    struct Member {
        std::string instance;
        Instant heard;
        bool joined = false;  // waits for the generation to come
        Sender waiting;
        Claim claim;
        std::vector<PartitionId> assigned;
    };

    [[nodiscard]] Code check(const MemberName& name, std::int32_t generation) const;
    void begin_rebalance();
    void complete_if_all_joined();
    void complete();
    void assign();
    [[nodiscard]] bool all_assigned() const;
    void expire_members();
    void answer_join(const Sender& to, Code code);
    [[nodiscard]] bool away() const { return schedule_.now() < away_until_; }

    Schedule& schedule_;
    Network& network_;
    const Swarm& swarm_;
    Tally& tally_;
    std::string name_;
    std::int32_t partitions_;
    std::map<std::string, Member> members_;  // by member id
    std::int32_t generation_ = 0;
    bool rebalancing_ = false;
    std::uint64_t rebalance_ = 0;  // number of the rebalance, for its timer
    Instant away_until_;

    std::map<PartitionId, Committed> committed_;
    bool has_forgotten_ = false;
    struct Pending {
        std::int32_t epoch = -1;  // of the producer, as this log partition has last seen it
        std::map<PartitionId, Committed> offsets;
    };
    std::map<std::uint64_t, Pending> pending_;  // by producer id
    std::uint64_t appended_ = 0;
};

}  // namespace kstream::sim
