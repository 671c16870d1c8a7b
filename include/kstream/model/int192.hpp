// Signed integers of 192 bits, two's complement: what sums of 128-bit inputs need so that no
// sequence of records can overflow them. Only what the rest of the code needs of them.
#pragma once

#include "kstream/model/int128.hpp"

#include <cstdint>
#include <string>

namespace kstream {

struct Int192 {
    std::uint64_t low = 0;
    std::uint64_t middle = 0;
    std::int64_t high = 0;

    constexpr Int192() = default;
    // Not explicit: every Int128 is an Int192, without loss.
    constexpr Int192(Int128 value)  // NOLINT(google-explicit-constructor)
        : low(static_cast<std::uint64_t>(static_cast<UInt128>(value))),
          middle(static_cast<std::uint64_t>(static_cast<UInt128>(value) >> 64)),
          high(value < 0 ? -1 : 0) {}
    constexpr Int192(std::uint64_t low_word, std::uint64_t middle_word, std::int64_t high_word)
        : low(low_word), middle(middle_word), high(high_word) {}

    [[nodiscard]] constexpr bool negative() const { return high < 0; }
    [[nodiscard]] constexpr bool fits_128() const {
        return high == static_cast<std::int64_t>(middle) >> 63;
    }
    // The value modulo 2^128: all of it where fits_128().
    [[nodiscard]] constexpr Int128 low_128() const {
        return static_cast<Int128>((UInt128{middle} << 64) | low);
    }

    friend constexpr bool operator==(const Int192&, const Int192&) = default;

    friend constexpr bool operator<(const Int192& a, const Int192& b) {
        return a.high != b.high       ? a.high < b.high
               : a.middle != b.middle ? a.middle < b.middle
                                      : a.low < b.low;
    }

    // Modulo 2^192, as unsigned integers are.
    friend constexpr Int192 operator+(const Int192& a, const Int192& b) {
        const UInt128 low = UInt128{a.low} + b.low;
        const UInt128 middle = UInt128{a.middle} + b.middle + static_cast<std::uint64_t>(low >> 64);
        const std::uint64_t high = static_cast<std::uint64_t>(a.high) +
                                   static_cast<std::uint64_t>(b.high) +
                                   static_cast<std::uint64_t>(middle >> 64);
        return {static_cast<std::uint64_t>(low), static_cast<std::uint64_t>(middle),
                static_cast<std::int64_t>(high)};
    }
    friend constexpr Int192 operator-(const Int192& a) {
        return Int192{~a.low, ~a.middle, ~a.high} + Int192{1};
    }
};

// As append_decimal() of a Decimal, for sums.
void append_decimal(std::string& out, const Int192& units, int scale, int min_fraction);

// Rounded as doubles are.
[[nodiscard]] double to_double(const Int192& value);

}  // namespace kstream
