#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace kstream {

// What made records are like: the transactions that the jobs of this project are about, or those of
// a benchmark that other systems are measured with (docs/shapes).
enum class Shape : std::uint8_t { transactions, nexmark, shuffle };

// As options and reports spell it.
inline constexpr std::array<std::string_view, 3> kShapeNames{"transactions", "nexmark", "shuffle"};
[[nodiscard]] constexpr std::string_view shape_name(Shape shape) {
    return kShapeNames[static_cast<std::size_t>(shape)];
}

}  // namespace kstream
