// steady_clock for intervals, system_clock for what people read.
#include "telemetry/system_clock.hpp"

#include <chrono>

namespace kstream::telemetry {

using std::chrono::duration_cast;

Instant SystemClock::now() const {
    const auto since_start = std::chrono::steady_clock::now().time_since_epoch();
    return Instant{duration_cast<std::chrono::nanoseconds>(since_start).count()};
}

std::int64_t SystemClock::wall_ms() const {
    const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
    return duration_cast<std::chrono::milliseconds>(since_1970).count();
}

}  // namespace kstream::telemetry
