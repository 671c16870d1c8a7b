// The transaction coordinator, as transactions version 1 have it (librdkafka speaks no other):
// producer ids and epochs, states, markers that reach each partition at a time of their own,
// fencing, and transactions that are aborted because they took too long.
//
// As in Kafka an EndTxn names no transaction: a late one ends whatever is open under its epoch
// (KAFKA-17754).
#pragma once

#include "kstream/ports/clock.hpp"
#include "sim/code.hpp"
#include "sim/partition_log.hpp"
#include "sim/schedule.hpp"
#include "sim/swarm.hpp"
#include "sim/tally.hpp"
#include "support/fakes/seeded.hpp"

#include <compare>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace kstream::sim {

struct TopicPartition {
    TopicRole topic = TopicRole::source;
    PartitionId partition;
    std::uint8_t application = 0;  // whose topic of that role
    friend auto operator<=>(const TopicPartition&, const TopicPartition&) = default;
};

// What has markers written to it. The cluster is.
class MarkerTarget {
public:
    virtual ~MarkerTarget() = default;
    virtual void write_marker(const TopicPartition& to, const ProducerId& producer,
                              bool commit) = 0;
    virtual void write_group_marker(const std::string& group, const ProducerId& producer,
                                    bool commit) = 0;
};

class TransactionCoordinator {
public:
    TransactionCoordinator(Schedule& schedule, const Swarm& swarm, Tally& tally,
                           MarkerTarget& target);

    struct InitAnswer {
        Code code = Code::none;
        ProducerId producer;
    };
    InitAnswer init(const std::string& id);
    Code add_partitions(const std::string& id, const ProducerId& producer,
                        const std::vector<TopicPartition>& partitions);
    Code add_offsets(const std::string& id, const ProducerId& producer, const std::string& group);
    Code end(const std::string& id, const ProducerId& producer, bool commit);

    // What a broker asks before it lets a batch or offsets begin a transaction on a partition
    // (KIP-890, part 1): whether it is part of the producer's open transaction.
    [[nodiscard]] Code verify(const std::string& id, const ProducerId& producer,
                              const TopicPartition& partition);
    [[nodiscard]] Code verify(const std::string& id, const ProducerId& producer,
                              const std::string& group);

    void away_until(Instant until) { away_until_ = until; }
    [[nodiscard]] bool all_ended() const;

private:
    enum class State : std::uint8_t { empty, ongoing, preparing, complete };
    struct Transaction {
        ProducerId producer;
        State state = State::empty;
        bool committing = false;  // of preparing and complete
        std::set<TopicPartition> partitions;
        std::set<std::string> groups;
        Instant began;
        std::size_t markers_left = 0;
    };

    [[nodiscard]] bool away() const { return schedule_.now() < away_until_; }
    Code begin_adding(Transaction& transaction);
    Transaction* find_open(const std::string& id, const ProducerId& producer, Code& code);
    void prepare(const std::string& id, Transaction& transaction, bool commit);
    void marker_written(const std::string& id);
    [[nodiscard]] Duration marker_delay();
    void look_for_timeouts();
    Transaction* find(const std::string& id, const ProducerId& producer, Code& code);

    Schedule& schedule_;
    const Swarm& swarm_;
    Tally& tally_;
    MarkerTarget& target_;
    testing::Seeded dice_;
    std::map<std::string, Transaction> transactions_;
    std::uint64_t next_id_ = 1;
    Instant away_until_;
};

}  // namespace kstream::sim
