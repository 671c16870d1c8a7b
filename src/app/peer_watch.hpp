// Asks the cluster which processes keep the totals of the job, for whoever looks at /state. On a
// thread and with a client of its own, so that neither a loop nor the HTTP server waits for a
// broker; only while somebody asks, and not more often than every few seconds.
#pragma once

#include "cli/config.hpp"
#include "kafka/admin.hpp"
#include "kstream/ports/clock.hpp"
#include "kstream/ports/log.hpp"
#include "process/stop_signal.hpp"
#include "telemetry/peer_board.hpp"

#include <atomic>
#include <string>
#include <thread>

namespace kstream::app {

// The peers in the description of the totals group: one for each address, and one for each member
// that has none. `own` is the address of this process.
[[nodiscard]] telemetry::Peers peers_of(const kafka::GroupInfo& group,
                                        const std::string& application_id, const std::string& own,
                                        Instant asked);

class PeerWatch {
public:
    struct Settings {
        const cli::CommonConfig& common;
        std::string application_id;
        std::string totals_group;
        std::string own;  // this process's advertised address
    };
    // All must outlive the watch.
    PeerWatch(Settings settings, telemetry::PeerBoard& board, const Clock& clock, Log& log);
    ~PeerWatch();
    PeerWatch(const PeerWatch&) = delete;
    PeerWatch& operator=(const PeerWatch&) = delete;

private:
    void run();

    Settings settings_;
    telemetry::PeerBoard& board_;
    const Clock& clock_;
    Log& log_;
    std::atomic<bool> closing_{false};
    std::thread thread_;
};

}  // namespace kstream::app
