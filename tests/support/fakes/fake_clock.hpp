// A clock that stands still until a test moves it.
#pragma once

#include "kstream/ports/clock.hpp"

#include <chrono>
#include <cstdint>

namespace kstream::testing {

class FakeClock final : public Clock {
public:
    [[nodiscard]] Instant now() const override { return now_; }
    [[nodiscard]] std::int64_t wall_ms() const override {
        return 1'700'000'000'000 + now_.nanoseconds / 1'000'000;
    }
    void advance(Duration by) { now_ = now_ + by; }

private:
    Instant now_{1'000'000'000};
};

}  // namespace kstream::testing
