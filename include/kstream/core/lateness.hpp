// How late records are, and how many of them each grace would refuse: the clocks of a topic's
// partitions, and of each record the least grace that takes it. Pure calculation; times and graces
// are in milliseconds.
#pragma once

#include "kstream/model/ids.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace kstream {

// A record is late when what it would go into has ended by the clock of its partition, grace and
// all: pane_end + grace <= clock. So this is the least grace that takes it.
[[nodiscard]] constexpr std::int64_t grace_needed(std::int64_t clock, std::int64_t pane_end) {
    return std::max<std::int64_t>(0, clock - pane_end + 1);
}

class Lateness {
public:
    struct Partition {
        std::uint64_t timed = 0;         // records with a valid time
        std::uint64_t out_of_order = 0;  // older than the newest one before them
        std::optional<std::int64_t> oldest;
        std::optional<std::int64_t> newest;  // the clock
        std::int64_t most_needed = 0;        // the largest grace that any record needs
    };

    struct Worst {
        PartitionId partition;
        Offset record_offset;
        std::int64_t clock = 0;  // of its partition, before it
        std::int64_t needed = 0;
    };

    struct Row {
        std::int64_t grace = 0;
        std::uint64_t refused = 0;
        bool own = false;  // the one that the constructor was given
        friend bool operator==(const Row&, const Row&) = default;
    };

    // How many different needs are kept as they are.
    static constexpr std::size_t kMaxNeeds = 1'000'000;

    // Of a topic with that many partitions and a job with that grace.
    Lateness(std::size_t partitions, std::int64_t own_grace, std::size_t max_needs = kMaxNeeds);

    // A record whose time is valid, whatever else is wrong with it; in the order of its partition.
    // Returns the partition's clock before it; none: it is the first one.
    std::optional<std::int64_t> see(PartitionId partition, std::int64_t time);

    // A record that is aggregated unless it is late, after see() of it. `needed` is its
    // grace_needed() by the clock that see() has returned; 0 where that was none.
    void judge(PartitionId partition, Offset record_offset, std::int64_t clock,
               std::int64_t needed);

    [[nodiscard]] std::uint64_t judged() const { return judged_; }
    [[nodiscard]] const std::vector<Partition>& partitions() const { return partitions_; }
    [[nodiscard]] std::uint64_t out_of_order() const;
    // The first one that needs the most; none where none needs any grace.
    [[nodiscard]] const std::optional<Worst>& worst() const { return worst_; }
    // That holds back the windows of all: without a record that has a time, or else with the least
    // clock; of several the first one. None: there is no partition.
    [[nodiscard]] std::optional<PartitionId> furthest_behind() const;

    // How many records are refused, exactly, by the own grace and by a ladder of others, ascending:
    // up to the first one that refuses none. The own one is always there.
    [[nodiscard]] std::vector<Row> table() const;
    [[nodiscard]] std::uint64_t refused_by_own() const;

    // The least grace that refuses at most that many records, rounded up to a multiple of unit();
    // with 0 records it is exact.
    [[nodiscard]] std::int64_t least_grace(std::uint64_t refused) const;
    // 1 while needs are kept as they are. With too many different ones they are rounded up, all of
    // them, to a unit that is coarser and coarser.
    [[nodiscard]] std::int64_t unit() const { return unit_; }

private:
    void coarsen();
    [[nodiscard]] std::int64_t rounded(std::int64_t needed) const;

    std::int64_t own_grace_;
    std::size_t max_needs_;
    std::vector<Partition> partitions_;
    std::vector<std::int64_t> rungs_;     // ascending, each once, 0 the first
    std::vector<std::uint64_t> between_;  // records that need more than the rung before, up to this
                                          // one; and at the end, those that need more than all
    std::map<std::int64_t, std::uint64_t> needs_;  // above 0, multiples of unit_, and how many
    std::int64_t unit_ = 1;
    std::uint64_t judged_ = 0;
    std::optional<Worst> worst_;
};

}  // namespace kstream
