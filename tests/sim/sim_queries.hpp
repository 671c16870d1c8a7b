// Questions to the simulated cluster, answered when the network and the brokers see fit.
#pragma once

#include "kstream/ports/cluster_queries.hpp"
#include "sim/cluster.hpp"
#include "sim/sim_source.hpp"

#include <cstdint>
#include <optional>

namespace kstream::sim {

class SimQueries final : public ClusterQueries {
public:
    SimQueries(Cluster& cluster, const Swarm& swarm, Owner owner, TopicRole input, Waker& waker)
        : cluster_(cluster), swarm_(swarm), owner_(owner), input_(input), waker_(waker) {}

    void ask(Query query) override;
    [[nodiscard]] std::optional<Result<QueryAnswer>> take() override;
    [[nodiscard]] bool busy() const override { return open_; }

private:
    void settle(std::uint64_t number, Result<QueryAnswer> answer);
    [[nodiscard]] Brokers asked_of(const Query& query);

    Cluster& cluster_;
    const Swarm& swarm_;
    const Owner owner_;
    const TopicRole input_;  // of the group whose offsets are asked for
    Waker& waker_;
    bool open_ = false;
    std::uint64_t number_ = 0;
    std::optional<Result<QueryAnswer>> answer_;
};

}  // namespace kstream::sim
