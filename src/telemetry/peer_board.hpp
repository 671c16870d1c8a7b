// Which processes keep the totals of the job, as the cluster last said it. The HTTP thread reads
// the last answer and says that it wants a newer one; another thread asks the cluster.
#pragma once

#include "kstream/model/ids.hpp"
#include "kstream/ports/clock.hpp"

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace kstream::telemetry {

struct Peer {
    std::string http;  // HOST:PORT; empty: it has no --http
    std::string host;  // as the brokers see it
    bool self = false;
    std::vector<PartitionId> partitions;  // of the state, ascending
};

struct Peers {
    std::vector<Peer> list;
    Instant asked;

    // nullptr when nobody has it.
    [[nodiscard]] const Peer* owner_of(PartitionId partition) const;
};

class PeerBoard {
public:
    // The last answer, nullptr before the first; whoever asks wants the next one to be made.
    [[nodiscard]] std::shared_ptr<const Peers> read();

    void publish(Peers peers);
    // Waits until somebody wants an answer, at most `limit`; says whether somebody does, once.
    [[nodiscard]] bool wait_wanted(Duration limit);
    // Ends a wait at once.
    void wake();

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::shared_ptr<const Peers> last_;
    bool wanted_ = false;
    bool woken_ = false;
};

}  // namespace kstream::telemetry
