// The first reason that is found is the answer.
#include "telemetry/health.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace kstream::telemetry {
namespace {

std::string name_of(const LoopStatus& loop) {
    return fmt::format("the {} loop of worker {}", stage_name(loop.stage), loop.worker);
}

std::int64_t whole_seconds(Duration duration) {
    return std::chrono::floor<std::chrono::seconds>(duration).count();
}

Verdict not_ok(std::string reason) {
    return {.ok = false, .reason = std::move(reason)};
}

}  // namespace

Verdict liveness(const Snapshots& snapshots) {
    for (const auto& [status, published] : snapshots.loops) {
        if (const Duration age = snapshots.taken - published; age > kSilenceLimit) {
            return not_ok(
                fmt::format("{} has said nothing for {} s", name_of(*status), whole_seconds(age)));
        }
    }
    for (const auto& [status, published] : snapshots.produce) {
        if (const Duration age = snapshots.taken - published; age > kSilenceLimit) {
            return not_ok(
                fmt::format("the producer has said nothing for {} s", whole_seconds(age)));
        }
    }
    const Duration expected_for = snapshots.taken - snapshots.expected_since;
    if (snapshots.loops.size() < snapshots.expected_loops && expected_for > kSilenceLimit) {
        return not_ok(fmt::format("only {} of {} loops have started after {} s",
                                  snapshots.loops.size(), snapshots.expected_loops,
                                  whole_seconds(expected_for)));
    }
    return {.ok = true, .reason = "ok"};
}

Verdict readiness(const Snapshots& snapshots) {
    if (Verdict verdict = liveness(snapshots); !verdict.ok) {
        return verdict;
    }
    if (snapshots.produce.empty() &&
        (snapshots.expected_loops == 0 || snapshots.loops.size() < snapshots.expected_loops)) {
        return not_ok("starting");
    }
    if (!snapshots.topic_trouble.empty()) {
        return not_ok(snapshots.topic_trouble);
    }
    for (const auto& [status, published] : snapshots.produce) {
        if (status->waiting) {
            return not_ok("the producer waits for the brokers");
        }
    }
    for (const auto& [status, published] : snapshots.loops) {
        if (!status->member.joined) {
            return not_ok(fmt::format("{} has no assignment", name_of(*status)));
        }
        if (const auto restoring =
                std::ranges::count_if(status->member.partitions, &PartitionStatus::restoring)) {
            return not_ok(fmt::format("{} restores {} partitions", name_of(*status), restoring));
        }
    }
    return {.ok = true, .reason = "ok"};
}

}  // namespace kstream::telemetry
