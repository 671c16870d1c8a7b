// Lengths of time as statements have them.
#pragma once

#include <cstdint>
#include <string>

namespace kstream::job {

// "15 minutes": in the largest unit of which it is a whole number; of 0 or more milliseconds.
[[nodiscard]] std::string interval_text(std::int64_t milliseconds);

// "1 hour 30 seconds", as INTERVAL takes it too; of 0 or more milliseconds.
[[nodiscard]] std::string length_text(std::int64_t milliseconds);

}  // namespace kstream::job
