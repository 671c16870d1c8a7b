// Reads ranges of the simulated cluster's internal topics, read_committed, outside any group.
#pragma once

#include "kstream/ports/log_reader.hpp"
#include "sim/cluster.hpp"
#include "support/fakes/seeded.hpp"

#include <map>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace kstream::sim {

class SimReader final : public LogReader {
public:
    SimReader(Cluster& cluster, const Swarm& swarm, Owner owner)
        : cluster_(cluster),
          swarm_(swarm),
          owner_(owner),
          dice_(swarm.seed ^ (std::uint64_t{owner} << 24)) {}

    Result<void> open(TopicRole topic, PartitionId partition, Offset from) override;
    void close(TopicRole topic, PartitionId partition) override;
    [[nodiscard]] Result<RecordBatch> poll(TopicRole topic, Duration wait) override;
    [[nodiscard]] std::optional<std::string_view> header(const RecordView& record,
                                                         const char* name) const override;
    [[nodiscard]] Offset position(TopicRole topic, PartitionId partition) const override;

private:
    struct Open {
        Offset position;
        Instant fetched_at;
    };

    Cluster& cluster_;
    const Swarm& swarm_;
    const Owner owner_;
    testing::Seeded dice_;
    std::map<std::pair<TopicRole, PartitionId>, Open> open_;
    std::vector<RecordView> views_;
    TopicRole polled_ = TopicRole::changelog;  // what views_ are of
};

}  // namespace kstream::sim
