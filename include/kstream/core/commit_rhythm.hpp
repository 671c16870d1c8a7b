// When a filling step is due. A commit that has just ended says how long the next one will take; to
// wait about as long again lets records gather into fewer transactions while the cluster is busy,
// and keeps latency near the cost of a commit while it is not. --commit-interval bounds the wait.
#pragma once

#include <algorithm>
#include <chrono>

namespace kstream {

class CommitRhythm {
public:
    using Duration = std::chrono::nanoseconds;
    static constexpr Duration kLeastWait = std::chrono::milliseconds{2};

    explicit CommitRhythm(Duration most_wait) : most_wait_(most_wait) {}

    // How long the first record of a step waits before the step is sealed.
    [[nodiscard]] Duration wait() const {
        return std::min(most_wait_, std::max(kLeastWait, smoothed_));
    }

    // A commit took this long. Weighted 1/4, so that one slow commit does not set the pace.
    void commit_took(Duration duration) {
        smoothed_ =
            smoothed_ == Duration::zero() ? duration : smoothed_ + (duration - smoothed_) / 4;
    }

private:
    Duration most_wait_;
    Duration smoothed_ = Duration::zero();
};

}  // namespace kstream
