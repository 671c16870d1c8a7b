// Where the latest snapshot of every loop, of the producing side and of every client is kept for
// those who only look: metrics and HTTP. The writers pay one short lock per step, nothing per
// record (design decision 12).
#pragma once

#include "kstream/client_status.hpp"
#include "kstream/ports/clock.hpp"
#include "kstream/ports/status_sink.hpp"
#include "kstream/produce_status.hpp"
#include "kstream/status.hpp"

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

// Everything of one moment, in a fixed order: by worker and stage, by client name.
struct Snapshots {
    std::vector<Snapshot<LoopStatus>> loops;
    std::vector<Snapshot<ProduceStatus>> produce;  // none or one
    std::vector<Snapshot<ClientStatus>> clients;
    std::size_t expected_loops = 0;
    Instant expected_since;
    Instant taken;
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

    [[nodiscard]] Snapshots read() const;

    static constexpr std::size_t kMaxClients = 512;

private:
    const Clock& clock_;
    mutable std::mutex mutex_;
    std::map<std::pair<int, Stage>, Snapshot<LoopStatus>> loops_;
    std::vector<Snapshot<ProduceStatus>> produce_;
    std::map<std::string, Snapshot<ClientStatus>> clients_;
    std::size_t expected_loops_ = 0;
    Instant expected_since_;
};

}  // namespace kstream::telemetry
