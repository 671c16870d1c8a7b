// Lengths of time as statements have them.
#pragma once

#include <cstdint>
#include <string>

namespace kstream::job {

// "15 minutes": in the largest unit of which it is a whole number.
[[nodiscard]] std::string interval_text(std::int64_t milliseconds);

}  // namespace kstream::job
