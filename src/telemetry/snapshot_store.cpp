// Copies are made outside the lock; under it only pointers change hands.
#include "telemetry/snapshot_store.hpp"

namespace kstream::telemetry {
namespace {

template <typename Key, typename Status>
std::vector<Snapshot<Status>> values_of(const std::map<Key, Snapshot<Status>>& map) {
    std::vector<Snapshot<Status>> values;
    values.reserve(map.size());
    for (const auto& [key, snapshot] : map) {
        values.push_back(snapshot);
    }
    return values;
}

template <typename Status>
Past<Status> past_of(const Recent<Status>& recent, Instant now) {
    // A snapshot has been published, so there is at least its own sample.
    return {.rates = *recent.before(now, kRateWindow),
            .quantiles = *recent.before(now, kQuantileWindow)};
}

}  // namespace

LoopStatus counters_of(const LoopStatus& status) {
    LoopStatus counters;
    counters.fold = status.fold;
    counters.steps = status.steps;
    counters.phase_seconds = status.phase_seconds;
    return counters;
}

void SnapshotStore::publish(const LoopStatus& status) {
    Snapshot<LoopStatus> snapshot{std::make_shared<const LoopStatus>(status), clock_.now()};
    const LoopStatus counters = counters_of(status);
    const std::lock_guard lock(mutex_);
    loops_recent_[{status.worker, status.stage}].add(snapshot.published, counters);
    loops_.insert_or_assign({status.worker, status.stage}, std::move(snapshot));
}

void SnapshotStore::publish(const ProduceStatus& status) {
    const Snapshot<ProduceStatus> snapshot{std::make_shared<const ProduceStatus>(status),
                                           clock_.now()};
    const std::lock_guard lock(mutex_);
    produce_recent_.add(snapshot.published, status);
    produce_.assign(1, snapshot);
}

void SnapshotStore::publish(const ClientStatus& status) {
    Snapshot<ClientStatus> snapshot{std::make_shared<const ClientStatus>(status), clock_.now()};
    const std::lock_guard lock(mutex_);
    if (clients_.contains(status.client) || clients_.size() < kMaxClients) {
        clients_.insert_or_assign(status.client, std::move(snapshot));
    }
}

void SnapshotStore::expect_loops(std::size_t count) {
    const Instant now = clock_.now();
    const std::lock_guard lock(mutex_);
    expected_loops_ = count;
    expected_since_ = now;
}

void SnapshotStore::set_topic_trouble(const std::string& trouble) {
    const std::lock_guard lock(mutex_);
    topic_trouble_ = trouble;
}

void SnapshotStore::set_unassigned(std::vector<UnassignedPartition> partitions) {
    const std::lock_guard lock(mutex_);
    unassigned_ = std::move(partitions);
}

Snapshots SnapshotStore::read() const {
    const Instant taken = clock_.now();
    const std::lock_guard lock(mutex_);
    std::vector<Past<LoopStatus>> loops_past;
    for (const auto& [loop, recent] : loops_recent_) {
        loops_past.push_back(past_of(recent, taken));
    }
    std::vector<Past<ProduceStatus>> produce_past;
    if (!produce_.empty()) {
        produce_past.push_back(past_of(produce_recent_, taken));
    }
    return Snapshots{.loops = values_of(loops_),
                     .produce = produce_,
                     .clients = values_of(clients_),
                     .loops_past = std::move(loops_past),
                     .produce_past = std::move(produce_past),
                     .expected_loops = expected_loops_,
                     .expected_since = expected_since_,
                     .taken = taken,
                     .topic_trouble = topic_trouble_,
                     .unassigned = unassigned_};
}

}  // namespace kstream::telemetry
