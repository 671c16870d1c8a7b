// When a filling step is due. A commit that has just ended says how long the next one will take; to
// wait about as long again lets records gather into fewer transactions while the cluster is busy,
// and keeps latency near the cost of a commit while it is not. --commit-interval bounds the wait.
//
// Far behind the end of the log a short wait buys nothing: what comes next has waited there for
// longer already. Then steps are made ten times as long, because each transaction costs the brokers
// as much CPU as reading some hundred thousand records (ADR 0012).
#pragma once

#include <algorithm>
#include <chrono>

namespace kstream {

class CommitInterval {
public:
    using Duration = std::chrono::nanoseconds;
    static constexpr Duration kMinWait = std::chrono::milliseconds{2};
    static constexpr int kBehindFactor = 10;
    // Beyond it longer steps save little, and a fault would cost more reading again.
    static constexpr Duration kMaxBehind = std::chrono::seconds{1};

    explicit CommitInterval(Duration max_wait) : max_wait_(max_wait) {}

    // How long the first record of a step waits before the step is sealed. `behind`: what waits in
    // the logs is a backlog.
    [[nodiscard]] Duration wait(bool behind) const {
        if (behind) {
            return std::max(max_wait_, std::min(max_wait_ * kBehindFactor, kMaxBehind));
        }
        return std::min(max_wait_, std::max(kMinWait, smoothed_));
    }

    // A commit took this long. Weighted 1/4, so that one slow commit does not set the pace.
    void commit_took(Duration duration) {
        smoothed_ =
            smoothed_ == Duration::zero() ? duration : smoothed_ + (duration - smoothed_) / 4;
    }

private:
    Duration max_wait_;
    Duration smoothed_ = Duration::zero();
};

}  // namespace kstream
