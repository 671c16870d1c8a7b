// The real clock behind the Clock port; the only place that reads the time of the machine.
#pragma once

#include "kstream/ports/clock.hpp"

namespace kstream::telemetry {

class SystemClock final : public Clock {
public:
    [[nodiscard]] Instant now() const override;
    [[nodiscard]] std::int64_t wall_ms() const override;
};

}  // namespace kstream::telemetry
