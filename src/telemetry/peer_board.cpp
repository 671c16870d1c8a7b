#include "telemetry/peer_board.hpp"

#include <algorithm>
#include <utility>

namespace kstream::telemetry {

const Peer* Peers::owner_of(PartitionId partition) const {
    const auto found = std::ranges::find_if(list, [partition](const Peer& peer) {
        return std::ranges::find(peer.partitions, partition) != peer.partitions.end();
    });
    return found == list.end() ? nullptr : &*found;
}

std::shared_ptr<const Peers> PeerBoard::read() {
    const std::lock_guard lock(mutex_);
    wanted_ = true;
    changed_.notify_all();
    return last_;
}

void PeerBoard::publish(Peers peers) {
    auto shared = std::make_shared<const Peers>(std::move(peers));
    const std::lock_guard lock(mutex_);
    last_ = std::move(shared);
}

bool PeerBoard::wait_wanted(Duration limit) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, limit, [this] { return wanted_ || woken_; });
    return std::exchange(wanted_, false) && !woken_;
}

void PeerBoard::wake() {
    const std::lock_guard lock(mutex_);
    woken_ = true;
    changed_.notify_all();
}

}  // namespace kstream::telemetry
