#pragma once

#include <cstdint>

namespace kstream {

// How made records spread over the sellers: the same for each, or by Zipf's law, seller 1 the most.
enum class Skew : std::uint8_t { even, zipf };

}  // namespace kstream
