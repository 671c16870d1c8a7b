// When a filling step is due. A commit that has just ended says how long the next one will take; to
// wait about as long again lets records gather into fewer transactions while the cluster is busy,
// and keeps latency near the cost of a commit while it is not. --commit-interval bounds the wait.
//
// Far behind the end of the log a short wait buys nothing: what comes next has waited there for
// longer already. Then steps are made ten times as long, because each transaction costs the brokers
// as much CPU as reading some hundred thousand records, and longer still with many keys, because
// each of them costs kstream a delta, a total and a result, and what comes in while the step fills
// joins keys that it has already (ADR 0012).
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace kstream {

class CommitInterval {
public:
    using Duration = std::chrono::nanoseconds;
    static constexpr Duration kMinWait = std::chrono::milliseconds{2};
    static constexpr int kBehindFactor = 10;
    // Beyond it longer steps of few keys save little, and a fault would cost more reading again;
    // beyond the second one, however many keys there are.
    static constexpr Duration kMaxBehind = std::chrono::seconds{1};
    static constexpr Duration kMaxBehindWithKeys = std::chrono::seconds{5};
    // Some five times of what a key costs from the map loop to the result.
    static constexpr Duration kForKey = std::chrono::microseconds{50};

    // After so many, kMaxBehindWithKeys is reached.
    static constexpr int kRisingCommits = 3;

    explicit CommitInterval(Duration max_wait) : max_wait_(max_wait) {}

    // How long the first record of a step waits before the step is sealed.
    [[nodiscard]] Duration wait() const {
        return std::min(max_wait_, std::max(kMinWait, smoothed_));
    }
    // The same where what waits in the logs is a backlog. `keys`: that the step has so far. They
    // count from the second step on, for at most two seconds, then four: a process that is killed
    // every few seconds has to get on, and the next stage has nothing to do until it has a step.
    [[nodiscard]] Duration wait_behind(std::uint64_t keys) const {
        constexpr std::uint64_t kMostKeys = kMaxBehindWithKeys / kForKey;
        const Duration most = std::min(kMaxBehind * (1 << commits_), kMaxBehindWithKeys);
        const Duration for_keys =
            kForKey * static_cast<std::int64_t>(commits_ == 0 ? 0 : std::min(keys, kMostKeys));
        return std::max(
            {max_wait_, std::min(max_wait_ * kBehindFactor, kMaxBehind), std::min(for_keys, most)});
    }

    // A commit took this long. Weighted 1/4, so that one slow commit does not set the pace.
    void commit_took(Duration duration) {
        commits_ = std::min(commits_ + 1, kRisingCommits);
        smoothed_ =
            smoothed_ == Duration::zero() ? duration : smoothed_ + (duration - smoothed_) / 4;
    }

private:
    Duration max_wait_;
    Duration smoothed_ = Duration::zero();
    int commits_ = 0;  // at most kRisingCommits
};

}  // namespace kstream
