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

}  // namespace

void SnapshotStore::publish(const LoopStatus& status) {
    Snapshot<LoopStatus> snapshot{std::make_shared<const LoopStatus>(status), clock_.now()};
    const std::lock_guard lock(mutex_);
    loops_.insert_or_assign({status.worker, status.stage}, std::move(snapshot));
}

void SnapshotStore::publish(const ProduceStatus& status) {
    const Snapshot<ProduceStatus> snapshot{std::make_shared<const ProduceStatus>(status),
                                           clock_.now()};
    const std::lock_guard lock(mutex_);
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

Snapshots SnapshotStore::read() const {
    const Instant taken = clock_.now();
    const std::lock_guard lock(mutex_);
    return Snapshots{.loops = values_of(loops_),
                     .produce = produce_,
                     .clients = values_of(clients_),
                     .expected_loops = expected_loops_,
                     .expected_since = expected_since_,
                     .taken = taken};
}

}  // namespace kstream::telemetry
