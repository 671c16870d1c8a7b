// What a counter was some time ago: rates and recent quantiles are differences. One sample a second
// is kept, for a minute, by whoever publishes snapshots; nothing is measured twice.
#pragma once

#include "kstream/ports/clock.hpp"

#include <chrono>
#include <deque>
#include <optional>

namespace kstream::telemetry {

inline constexpr std::chrono::seconds kRateWindow{5};
inline constexpr std::chrono::seconds kQuantileWindow{60};

template <typename Counters>
struct Then {
    Instant at;
    Counters counters;
};

template <typename Counters>
class Recent {
public:
    // To be told about every snapshot; keeps one a second. About kQuantileWindow samples at most.
    void add(Instant now, const Counters& counters) {
        if (!samples_.empty() && now - samples_.back().at < kSpacing) {
            return;
        }
        while (samples_.size() > 1 && now - samples_[1].at >= kQuantileWindow) {
            samples_.pop_front();
        }
        samples_.push_back({now, counters});
    }

    // The newest sample that is at least `window` old, else the oldest one there is.
    [[nodiscard]] std::optional<Then<Counters>> before(Instant now, Duration window) const {
        std::optional<Then<Counters>> found;
        for (const Then<Counters>& sample : samples_) {
            if (found && now - sample.at < window) {
                break;
            }
            found = sample;
        }
        return found;
    }

private:
    // Snapshots come once a second when a loop idles; a little less, so that none is passed over.
    static constexpr Duration kSpacing = std::chrono::milliseconds(900);

    std::deque<Then<Counters>> samples_;
};

}  // namespace kstream::telemetry
