// When all results are published again under --republish (ADR 0047). The totals loops do it, each
// for the state partitions that it takes over; this adds up what they say.
//
// A state partition may belong to another process, which has it from its start or gets it while
// this one runs. That one publishes it if it was started with --republish as well, which nobody
// here can know: so what another member of the group has is not waited for, and is said. If that
// member leaves, its partitions come to this process after all, which then says that it has them.
#pragma once

#include "app/loop_thread.hpp"
#include "kafka/admin.hpp"
#include "kstream/ports/clock.hpp"

#include <cstdint>
#include <memory>
#include <set>
#include <vector>

namespace kstream::app {

class RepublishWatch {
public:
    // 0 partitions: nothing is asked for. What is referred to must outlive the watch.
    RepublishWatch(std::uint32_t partitions, const std::vector<std::unique_ptr<LoopThread>>& loops,
                   kafka::Admin& admin, const LoopEnvironment& environment)
        : partitions_(partitions), loops_(loops), admin_(admin), environment_(environment) {}

    // Whether there is nothing to wait for: all is published, or what is not is another process's.
    // Says which, each once. Asks the brokers once a second at most, until it has said one of them.
    [[nodiscard]] bool look();

private:
    [[nodiscard]] bool only_others_are_left(const std::set<PartitionId>& done, std::int64_t keys);
    [[nodiscard]] std::set<PartitionId> of_others();

    std::uint32_t partitions_;
    const std::vector<std::unique_ptr<LoopThread>>& loops_;
    kafka::Admin& admin_;
    const LoopEnvironment& environment_;
    bool said_all_ = false;
    bool said_left_ = false;
    Instant asked_;
};

}  // namespace kstream::app
