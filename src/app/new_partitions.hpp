// What stands in source partitions that were added while the job runs, until a member of the group
// has them: each loop tells the lag of what it has, and nobody that of these.
#pragma once

#include "app/loop_thread.hpp"
#include "kafka/admin.hpp"
#include "kstream/ports/clock.hpp"

#include <cstdint>
#include <set>

namespace kstream::app {

class NewPartitions {
public:
    // `partitions`: of the source at the start. What is referred to must outlive this.
    NewPartitions(std::int32_t partitions, kafka::Admin& admin, const LoopEnvironment& environment)
        : known_(partitions), admin_(admin), environment_(environment) {}

    // With the number of source partitions as last seen. Asks nothing unless some were added, and
    // then every second until all of them are somebody's.
    void look(std::int32_t partitions);

private:
    void take_out_assigned();
    void count_records();

    std::int32_t known_;
    std::set<PartitionId> unassigned_;
    kafka::Admin& admin_;
    const LoopEnvironment& environment_;
    Instant asked_;
};

}  // namespace kstream::app
