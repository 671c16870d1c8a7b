// Adding up what the totals loops have published again. See republish_watch.hpp.

#include "app/republish_watch.hpp"

#include "telemetry/snapshot_store.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string>

namespace kstream::app {
namespace {

constexpr Duration kBetweenQuestions = std::chrono::seconds{1};

}  // namespace

bool RepublishWatch::look() {
    if (partitions_ == 0 || said_all_) {
        return true;
    }
    std::set<PartitionId> done;
    std::int64_t keys = 0;
    for (const auto& loop : environment_.snapshots.read().loops) {
        done.insert(loop.status->fold.written_again.begin(), loop.status->fold.written_again.end());
        keys += static_cast<std::int64_t>(loop.status->fold.keys_written_again);
    }
    if (done.size() == partitions_) {
        said_all_ = true;
        environment_.log.write(LogLevel::info, "all results are published again",
                               {{"keys", keys}, {"partitions", std::int64_t{partitions_}}});
        return true;
    }
    return said_left_ || only_others_are_left(done, keys);
}

bool RepublishWatch::only_others_are_left(const std::set<PartitionId>& done, std::int64_t keys) {
    const Instant now = environment_.clock.now();
    if (now - asked_ < kBetweenQuestions) {
        return false;
    }
    asked_ = now;
    const std::set<PartitionId> others = of_others();
    std::vector<std::int32_t> left;
    for (std::int32_t q = 0; q < static_cast<std::int32_t>(partitions_); ++q) {
        if (done.contains(PartitionId{q})) {
            continue;
        }
        if (!others.contains(PartitionId{q})) {
            return false;
        }
        left.push_back(q);
    }
    said_left_ = true;
    environment_.log.write(
        LogLevel::warn,
        "the results of these state partitions are another process's to publish again: start "
        "that one with --republish as well",
        {{"partitions", fmt::format("{}", fmt::join(left, ","))}, {"keys", keys}});
    return true;
}

// Of the state partitions, those that members of other processes have. None while that is not
// settled: a rebalance, brokers that do not answer, or a group that knows nothing of this process
// yet. Such a one may be of members that died a moment ago, whose partitions come to this one.
std::set<PartitionId> RepublishWatch::of_others() {
    std::set<std::string> own;
    for (const auto& loop : loops_) {
        if (loop->stage() == Stage::totals) {
            own.insert(loop->member_id());
        }
    }
    std::set<PartitionId> others;
    const auto groups = admin_.describe_groups({environment_.names.totals_group});
    if (!groups || groups->front().error || groups->front().state != "Stable") {
        return others;
    }
    for (const kafka::GroupMember& member : groups->front().members) {
        if (own.erase(member.member_id) == 0) {
            for (const kafka::TopicPartition& partition : member.assignment) {
                others.insert(partition.partition);
            }
        }
    }
    return own.empty() ? others : std::set<PartitionId>{};
}

}  // namespace kstream::app
