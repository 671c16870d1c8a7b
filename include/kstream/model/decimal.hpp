// Exact decimals: a JSON number's digits go straight to a scaled 128-bit integer, never through a
// double. value = units / 10^scale; the scale belongs to the AggregationSpec and is never stored
// beside each number.
#pragma once

#include "kstream/model/int128.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace kstream {

inline constexpr int kMaxScale = 30;

struct Decimal {
    Int128 units = 0;
    friend constexpr bool operator==(Decimal, Decimal) = default;
};

enum class DecimalError : std::uint8_t {
    none,
    grammar,  // not a number token of RFC 8259, section 6
    scale,    // more fraction digits than the scale holds, after trailing zeros are dropped
    range,    // does not fit 128 bits at this scale
};

// Reads one RFC 8259 number token (sign, digits, fraction, exponent) exactly, never rounding.
// 0 <= scale <= kMaxScale. -0 is 0. A huge exponent on a zero mantissa is 0. Constant memory and
// time linear in the token, also for 1e999999999.
[[nodiscard]] DecimalError parse_decimal(std::string_view token, int scale, Decimal& out);

// Appends the shortest plain form with at least `min_fraction` fraction digits: 5 -> "5.00" with 2,
// 0.125 -> "0.125". No exponent, no plus sign, no "-0". Valid as a JSON number.
void append_decimal(std::string& out, Decimal value, int scale, int min_fraction);

}  // namespace kstream
