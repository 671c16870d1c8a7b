// A clock that stands still until a test moves it.
#pragma once

#include "kstream/ports/clock.hpp"

#include <chrono>

namespace kstream {

class ManualClock final : public Clock {
public:
    [[nodiscard]] Instant now() const override { return now_; }
    [[nodiscard]] std::int64_t wall_ms() const override { return wall_ms_; }

    void advance(Duration duration) {
        now_ = now_ + duration;
        wall_ms_ += std::chrono::floor<std::chrono::milliseconds>(duration).count();
    }
    void set_wall_ms(std::int64_t wall_ms) { wall_ms_ = wall_ms; }

private:
    Instant now_{1'000'000'000};
    std::int64_t wall_ms_ = 1'795'489'811'123;  // 2026-11-24T03:10:11.123Z
};

}  // namespace kstream
