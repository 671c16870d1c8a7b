// Times and lengths of time as statements have them.
#pragma once

#include <cstdint>
#include <string>

namespace kstream::job {

// 2024-01-31T12:00:00.250Z, without the fraction where there is none.
[[nodiscard]] std::string iso_time(std::int64_t milliseconds);

// "15 minutes": in the largest unit of which it is a whole number.
[[nodiscard]] std::string interval_text(std::int64_t milliseconds);

}  // namespace kstream::job
