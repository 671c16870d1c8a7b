// Time as a port, so that a simulator can own it.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>

namespace kstream {

using Duration = std::chrono::nanoseconds;

// A point on the monotonic clock. Deadlines and intervals use it; it never jumps.
struct Instant {
    std::int64_t nanoseconds = 0;
    friend constexpr auto operator<=>(Instant, Instant) = default;
    friend constexpr Duration operator-(Instant a, Instant b) {
        return Duration{a.nanoseconds - b.nanoseconds};
    }
    friend constexpr Instant operator+(Instant at, Duration d) {
        return Instant{at.nanoseconds + d.count()};
    }
};

class Clock {
public:
    virtual ~Clock() = default;
    [[nodiscard]] virtual Instant now() const = 0;
    // Wall clock in milliseconds since 1970 UTC: for record timestamps and reports only, never for
    // a decision of the protocol.
    [[nodiscard]] virtual std::int64_t wall_ms() const = 0;
};

}  // namespace kstream
