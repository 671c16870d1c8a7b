// Exact numbers of any scale, as expressions have them between a record and an accumulator. Nothing
// is ever rounded but by a function whose name says so.
//
// Every number in an expression, read or made, has at most kMaxWhole digits in front of the point
// and kMaxFraction after it that are needed; one that has more is the error `range`. PostgreSQL's
// numeric holds all of them, so the rule can be written there as well: abs(x) < 1e144 and
// x = trunc(x, 144), after each step.
//
// Nearly all are small: an integer of 128 bits and a scale. The others live in an arena.
#pragma once

#include "kstream/expr/arena.hpp"
#include "kstream/model/decimal.hpp"
#include "kstream/model/int128.hpp"

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace kstream::expr {

inline constexpr int kMaxWhole = 144;
inline constexpr int kMaxFraction = 144;
// What round() and trunc() may be asked for.
inline constexpr int kMaxRounded = kMaxScale;

struct Wide;   // more digits
struct Ratio;  // what a division is until something rounds it

struct Number {
    enum class Form : std::uint8_t { small, wide, ratio };

    constexpr Number() = default;
    constexpr Number(Int128 value, int digits)
        : units(value), scale(static_cast<std::uint8_t>(digits)) {}

    union {
        Int128 units = 0;    // of a small one: the value times 10^scale
        const Wide* wide;    //
        const Ratio* ratio;  //
    };
    Form form = Form::small;
    std::uint8_t scale = 0;
};

// None: out of bounds. Those that read a ratio take it as the exact quotient that it is.
using MaybeNumber = std::optional<Number>;

// A token as nearly all are: of up to 18 digits, without an exponent. None of another one. `token`
// matches RFC 8259, section 6.
struct ShortNumber {
    std::int64_t units = 0;  // the value times 10^scale
    int scale = 0;
};
[[nodiscard]] inline std::optional<ShortNumber> read_short_number(std::string_view token) {
    constexpr std::size_t kMostDigits = 18;  // 64 bits have nothing to fear of so many
    const char* at = token.data();
    const char* const end = at + token.size();
    const bool negative = at != end && *at == '-';
    at += negative ? 1 : 0;
    if (static_cast<std::size_t>(end - at) > kMostDigits) {
        return std::nullopt;
    }
    std::int64_t units = 0;
    const auto read_digits = [&units, &at, end] {
        for (; at != end; ++at) {
            const auto digit = static_cast<std::uint8_t>(*at - '0');
            if (digit > 9) {
                return;
            }
            units = units * 10 + digit;
        }
    };
    read_digits();
    int scale = 0;
    if (at != end && *at == '.') {
        const char* const point = at++;
        read_digits();
        scale = static_cast<int>(at - point) - 1;
    }
    return at == end ? std::optional{ShortNumber{negative ? -units : units, scale}} : std::nullopt;
}

// Of such a token with no more than `scale` digits after the point: the value times 10^scale. False
// of another one. For each record of most jobs, so nothing of 128 bits is put together on the way
// and then passed on: the next load would wait for its parts.
[[nodiscard]] inline bool read_short_units(std::string_view token, int scale, Int128& out) {
    constexpr auto kPowers = [] {
        std::array<std::int64_t, 19> powers{1};
        for (std::size_t i = 1; i < powers.size(); ++i) {
            powers[i] = powers[i - 1] * 10;
        }
        return powers;
    }();
    const std::optional<ShortNumber> number = read_short_number(token);
    if (!number || number->scale > scale ||
        static_cast<std::size_t>(scale - number->scale) >= kPowers.size()) {
        return false;
    }
    out = Int128{number->units} * kPowers[static_cast<std::size_t>(scale - number->scale)];
    return true;
}

// `token` matches RFC 8259, section 6. Constant memory, linear time, also for 1e999999999.
[[nodiscard]] MaybeNumber read_number(std::string_view token, Arena& arena);

[[nodiscard]] MaybeNumber add(Number a, Number b, Arena& arena);
[[nodiscard]] MaybeNumber subtract(Number a, Number b, Arena& arena);
[[nodiscard]] MaybeNumber multiply(Number a, Number b, Arena& arena);
[[nodiscard]] MaybeNumber negate(Number a, Arena& arena);
// Precondition: b is not zero.
[[nodiscard]] MaybeNumber divide(Number a, Number b, Arena& arena);
// With the sign of a, as SQL has it. Precondition: b is not zero, neither is a ratio.
[[nodiscard]] MaybeNumber modulo(Number a, Number b, Arena& arena);

enum class Rounding : std::uint8_t { half_away, truncate, floor, ceil };
// 0 <= digits <= kMaxRounded.
[[nodiscard]] MaybeNumber round(Number a, int digits, Rounding how, Arena& arena);

[[nodiscard]] std::strong_ordering compare(Number a, Number b);
[[nodiscard]] int sign(Number a);

// The units at a job's scale: `scale` where it has more digits, else `range` where they are more
// than 128 bits. Not of a ratio.
[[nodiscard]] DecimalError to_units(Number a, int scale, Int128& out);

// The shortest plain form: no exponent, no needless zeros, no -0. Not of a ratio.
[[nodiscard]] std::string_view to_text(Number a, Arena& arena);

// Digits that are needed in front of and after the point; 0 of a zero. Not of a ratio.
struct Digits {
    int whole = 0;
    int fraction = 0;
};
[[nodiscard]] Digits digits(Number a);

}  // namespace kstream::expr
