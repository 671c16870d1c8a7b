#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace kstream {

// How made records spread over the sellers: the same for each, or by Zipf's law, seller 1 the most.
enum class Skew : std::uint8_t { even, zipf };

// As options and reports spell it.
inline constexpr std::array<std::string_view, 2> kSkewNames{"even", "zipf"};
[[nodiscard]] constexpr std::string_view skew_name(Skew skew) {
    return kSkewNames[static_cast<std::size_t>(skew)];
}

}  // namespace kstream
