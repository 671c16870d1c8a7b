#include "sim/transactions.hpp"

#include <algorithm>
#include <chrono>

namespace kstream::sim {

using std::chrono::microseconds;
using std::chrono::milliseconds;

TransactionCoordinator::TransactionCoordinator(Schedule& schedule, const Swarm& swarm, Tally& tally,
                                               MarkerTarget& target)
    : schedule_(schedule),
      swarm_(swarm),
      tally_(tally),
      target_(target),
      dice_(swarm.seed ^ 0x74786e) {
    look_for_timeouts();
}

TransactionCoordinator::InitAnswer TransactionCoordinator::init(const std::string& id) {
    if (away()) {
        return {Code::unavailable, {}};
    }
    Transaction& transaction = transactions_[id];
    switch (transaction.state) {
        case State::preparing:
            return {Code::concurrent_transactions, {}};
        case State::ongoing:
            ++transaction.producer.epoch;
            tally_.event(Event::fenced);
            prepare(id, transaction, false);
            return {Code::concurrent_transactions, {}};
        case State::empty:
        case State::complete:
            break;
    }
    if (transaction.producer.id == 0) {
        transaction.producer = {next_id_++, -1};
    }
    ++transaction.producer.epoch;
    transaction.state = State::empty;
    return {Code::none, transaction.producer};
}

TransactionCoordinator::Transaction* TransactionCoordinator::find(const std::string& id,
                                                                  const ProducerId& producer,
                                                                  Code& code) {
    const auto found = transactions_.find(id);
    if (away()) {
        code = Code::unavailable;
    } else if (found == transactions_.end() || found->second.producer.id != producer.id) {
        code = Code::invalid_producer_id_mapping;
    } else if (found->second.producer.epoch != producer.epoch) {
        // What PRODUCER_FENCED is called in the versions of librdkafka's requests.
        code = Code::invalid_producer_epoch;
    } else {
        return &found->second;
    }
    return nullptr;
}

Code TransactionCoordinator::begin_adding(Transaction& transaction) {
    if (transaction.state == State::preparing) {
        return Code::concurrent_transactions;
    }
    if (transaction.state != State::ongoing) {
        transaction.state = State::ongoing;
        transaction.partitions.clear();
        transaction.groups.clear();
        transaction.began = schedule_.now();
    }
    return Code::none;
}

Code TransactionCoordinator::add_partitions(const std::string& id, const ProducerId& producer,
                                            const std::vector<TopicPartition>& partitions) {
    Code code = Code::none;
    Transaction* const transaction = find(id, producer, code);
    if (transaction == nullptr) {
        return code;
    }
    code = begin_adding(*transaction);
    if (code == Code::none) {
        transaction->partitions.insert(partitions.begin(), partitions.end());
    }
    return code;
}

Code TransactionCoordinator::add_offsets(const std::string& id, const ProducerId& producer,
                                         const std::string& group) {
    Code code = Code::none;
    Transaction* const transaction = find(id, producer, code);
    if (transaction == nullptr) {
        return code;
    }
    code = begin_adding(*transaction);
    if (code == Code::none) {
        transaction->groups.insert(group);
    }
    return code;
}

Code TransactionCoordinator::end(const std::string& id, const ProducerId& producer, bool commit) {
    Code code = Code::none;
    Transaction* const transaction = find(id, producer, code);
    if (transaction == nullptr) {
        return code;
    }
    switch (transaction->state) {
        case State::ongoing:
            prepare(id, *transaction, commit);
            return Code::none;
        case State::preparing:
            return transaction->committing == commit ? Code::concurrent_transactions
                                                     : Code::invalid_txn_state;
        case State::complete:
            return transaction->committing == commit ? Code::none : Code::invalid_txn_state;
        case State::empty:
            return Code::invalid_txn_state;
    }
    return Code::invalid_txn_state;
}

// The outcome stands from here on; that it is known everywhere takes as long as it takes.
void TransactionCoordinator::prepare(const std::string& id, Transaction& transaction, bool commit) {
    transaction.state = State::preparing;
    transaction.committing = commit;
    tally_.event(commit ? Event::commit : Event::abort);
    tally_.note(commit ? "commit" : "abort", id, static_cast<std::int64_t>(transaction.producer.id),
                transaction.producer.epoch);
    transaction.markers_left = transaction.partitions.size() + transaction.groups.size();
    const ProducerId producer = transaction.producer;
    for (const TopicPartition& partition : transaction.partitions) {
        schedule_.after(marker_delay(), kCluster,
                        [this, id = id, partition = partition, producer, commit] {
                            target_.write_marker(partition, producer, commit);
                            marker_written(id);
                        });
    }
    for (const std::string& group : transaction.groups) {
        schedule_.after(marker_delay(), kCluster, [this, id = id, &group, producer, commit] {
            target_.write_group_marker(group, producer, commit);
            marker_written(id);
        });
    }
    if (transaction.markers_left == 0) {
        transaction.state = State::complete;
    }
}

void TransactionCoordinator::marker_written(const std::string& id) {
    Transaction& transaction = transactions_.at(id);
    if (--transaction.markers_left == 0) {
        transaction.state = State::complete;
    }
}

Duration TransactionCoordinator::marker_delay() {
    Duration delay = microseconds{300 + dice_.below(swarm_.usual_delay_us)};
    if (swarm_.late_markers > 0 && dice_.below(10'000) < swarm_.late_markers &&
        tally_.fault(Fault::late_marker)) {
        delay += milliseconds{20 + dice_.below(swarm_.most_marker_ms)};
    }
    return delay;
}

void TransactionCoordinator::look_for_timeouts() {
    for (auto& [id, transaction] : transactions_) {
        if (transaction.state == State::ongoing &&
            schedule_.now() - transaction.began > swarm_.transaction_timeout && !away()) {
            ++transaction.producer.epoch;
            tally_.event(Event::timed_out);
            prepare(id, transaction, false);
        }
    }
    schedule_.after(swarm_.timeout_scan, kCluster, [this] { look_for_timeouts(); });
}

// While markers are on their way a broker answers NOT_ENOUGH_REPLICAS: clients that do not speak
// transactions version 2 would take CONCURRENT_TRANSACTIONS for the end.
TransactionCoordinator::Transaction* TransactionCoordinator::find_open(const std::string& id,
                                                                       const ProducerId& producer,
                                                                       Code& code) {
    Transaction* const transaction = find(id, producer, code);
    if (transaction == nullptr || transaction->state == State::ongoing) {
        return transaction;
    }
    code = transaction->state == State::preparing ? Code::unavailable : Code::invalid_txn_state;
    return nullptr;
}

Code TransactionCoordinator::verify(const std::string& id, const ProducerId& producer,
                                    const TopicPartition& partition) {
    Code code = Code::none;
    const Transaction* const open = find_open(id, producer, code);
    return open == nullptr || open->partitions.contains(partition) ? code : Code::invalid_txn_state;
}

Code TransactionCoordinator::verify(const std::string& id, const ProducerId& producer,
                                    const std::string& group) {
    Code code = Code::none;
    const Transaction* const open = find_open(id, producer, code);
    return open == nullptr || open->groups.contains(group) ? code : Code::invalid_txn_state;
}

bool TransactionCoordinator::all_ended() const {
    return std::ranges::all_of(transactions_, [](const auto& entry) {
        return entry.second.state == State::empty || entry.second.state == State::complete;
    });
}

}  // namespace kstream::sim
