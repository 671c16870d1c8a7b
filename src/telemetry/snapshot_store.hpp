// Where the latest snapshot of every loop, of the producing side and of every client is kept for
// those who only look: metrics and HTTP. The writers pay one short lock per step, nothing per
// record (design decision 12).
#pragma once

#include "kstream/client_status.hpp"
#include "kstream/ports/clock.hpp"
#include "kstream/ports/status_sink.hpp"
#include "kstream/produce_status.hpp"
#include "kstream/status.hpp"
#include "telemetry/recent.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace kstream::telemetry {

template <typename Status>
struct Snapshot {
    std::shared_ptr<const Status> status;  // never null
    Instant published;
};

// A status without what the loop holds: the parts of which rates and recent quantiles are made.
[[nodiscard]] LoopStatus counters_of(const LoopStatus& status);

// What the counters were before each window, or when the counting began if that was later.
template <typename Status>
struct Past {
    Then<Status> rates;      // kRateWindow ago
    Then<Status> quantiles;  // kQuantileWindow ago
};

// A partition of the source that no member of the group has yet, and the records in it.
struct UnassignedPartition {
    PartitionId partition;
    std::int64_t records = 0;
};

// Everything of one moment, in a fixed order: by worker and stage, by client name.
struct Snapshots {
    std::vector<Snapshot<LoopStatus>> loops;
    std::vector<Snapshot<ProduceStatus>> produce;  // none or one
    std::vector<Snapshot<ClientStatus>> clients;
    std::vector<Past<LoopStatus>> loops_past;       // of each of `loops`
    std::vector<Past<ProduceStatus>> produce_past;  // of each of `produce`
    std::size_t expected_loops = 0;
    Instant expected_since;
    Instant taken;
    std::string topic_trouble;  // why a topic of the job cannot be used; empty when all can
    std::vector<UnassignedPartition> unassigned;  // none, but for moments after some were added
};

// Safe from any thread.
class SnapshotStore final : public StatusSink, public ProduceStatusSink, public ClientStatusSink {
public:
    // `clock` must outlive the store.
    explicit SnapshotStore(const Clock& clock) : clock_(clock) {}

    void publish(const LoopStatus& status) override;
    void publish(const ProduceStatus& status) override;
    // Beyond kMaxClients names nothing more is taken: the number of metrics stays bounded.
    void publish(const ClientStatus& status) override;

    // How many loops the process will run: it is ready only when all of them are.
    void expect_loops(std::size_t count);

    // As Snapshots::topic_trouble.
    void set_topic_trouble(const std::string& trouble);
    // As Snapshots::unassigned.
    void set_unassigned(std::vector<UnassignedPartition> partitions);

    [[nodiscard]] Snapshots read() const;

    static constexpr std::size_t kMaxClients = 512;

private:
    const Clock& clock_;
    mutable std::mutex mutex_;
    std::map<std::pair<int, Stage>, Snapshot<LoopStatus>> loops_;
    std::map<std::pair<int, Stage>, Recent<LoopStatus>> loops_recent_;  // of each of loops_
    std::vector<Snapshot<ProduceStatus>> produce_;
    Recent<ProduceStatus> produce_recent_;
    std::map<std::string, Snapshot<ClientStatus>> clients_;
    std::size_t expected_loops_ = 0;
    Instant expected_since_;
    std::string topic_trouble_;
    std::vector<UnassignedPartition> unassigned_;
};

}  // namespace kstream::telemetry
