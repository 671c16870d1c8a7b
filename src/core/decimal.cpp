// Number tokens to scaled 128-bit integers and back, exactly. On the per-record path: a plain token
// of up to 18 digits, which is nearly all of money, costs one pass and one multiplication; anything
// else takes the general path below it. Both give the same result (decimal_test.cpp compares them).
#include "kstream/model/decimal.hpp"

#include "kstream/check.hpp"
#include "kstream/model/int192.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

namespace kstream {
namespace {

// 10^19 is the largest power of ten in 64 bits.
constexpr int kMaxPower64 = 19;
constexpr std::size_t kFastDigits = 18;
// 10^38 < 2^127 < 10^39: whatever has more digits than this cannot fit.
constexpr std::int64_t kMaxDigits = 39;
// 2^191 has 58 digits.
constexpr std::size_t kMaxWideDigits = 58;
// Exponents saturate here: far above any token length, so that no mantissa can bring a saturated
// exponent back into range, and far below the limits of 64 bits.
constexpr std::int64_t kExponentCap = 1'000'000'000'000'000;

constexpr UInt128 kMaxPositive = ~UInt128{0} >> 1;

constexpr auto kPowers64 = [] {
    std::array<std::uint64_t, kMaxPower64 + 1> powers{};
    std::uint64_t power = 1;
    for (std::uint64_t& entry : powers) {
        entry = power;
        power *= 10;
    }
    return powers;
}();

// "00" to "99".
constexpr auto kPairText = [] {
    std::array<char, 200> text{};
    for (std::size_t i = 0; i < text.size() / 2; ++i) {
        text[2 * i] = static_cast<char>('0' + i / 10);
        text[2 * i + 1] = static_cast<char>('0' + i % 10);
    }
    return text;
}();
constexpr std::string_view kPairs{kPairText.data(), kPairText.size()};

constexpr bool is_digit(char c) {
    return static_cast<unsigned char>(c - '0') <= 9;
}

// The parts of a token that matches the grammar.
struct Parts {
    bool negative = false;
    std::string_view whole;
    std::string_view fraction;
    std::int64_t exponent = 0;  // saturated at +-kExponentCap
};

std::string_view take_digits(std::string_view& rest) {
    std::size_t count = 0;
    while (count < rest.size() && is_digit(rest[count])) {
        ++count;
    }
    const std::string_view digits = rest.substr(0, count);
    rest.remove_prefix(count);
    return digits;
}

// number = [ "-" ] ( "0" / digit1-9 *DIGIT ) [ "." 1*DIGIT ] [ ("e" / "E") [ "-" / "+" ] 1*DIGIT ]
bool split(std::string_view token, Parts& parts) {
    if (token.starts_with('-')) {
        parts.negative = true;
        token.remove_prefix(1);
    }
    parts.whole = take_digits(token);
    if (parts.whole.empty() || (parts.whole.size() > 1 && parts.whole.front() == '0')) {
        return false;
    }
    if (token.starts_with('.')) {
        token.remove_prefix(1);
        parts.fraction = take_digits(token);
        if (parts.fraction.empty()) {
            return false;
        }
    }
    if (token.starts_with('e') || token.starts_with('E')) {
        token.remove_prefix(1);
        const bool negative = token.starts_with('-');
        if (negative || token.starts_with('+')) {
            token.remove_prefix(1);
        }
        const std::string_view digits = take_digits(token);
        if (digits.empty()) {
            return false;
        }
        for (const char digit : digits) {
            parts.exponent = std::min(parts.exponent * 10 + (digit - '0'), kExponentCap);
        }
        parts.exponent = negative ? -parts.exponent : parts.exponent;
    }
    return token.empty();
}

// The digits of whole and fraction read as one row.
struct DigitRow {
    std::string_view whole;
    std::string_view fraction;

    [[nodiscard]] std::size_t size() const { return whole.size() + fraction.size(); }
    [[nodiscard]] char operator[](std::size_t i) const {
        return i < whole.size() ? whole[i] : fraction[i - whole.size()];
    }
};

bool multiply_add(UInt128& value, std::uint64_t factor, std::uint64_t term) {
    UInt128 product;
    return !__builtin_mul_overflow(value, UInt128{factor}, &product) &&
           !__builtin_add_overflow(product, UInt128{term}, &value);
}

DecimalError parse_general(std::string_view token, int scale, Decimal& out) {
    Parts parts;
    if (!split(token, parts)) {
        return DecimalError::grammar;
    }
    const DigitRow row{parts.whole, parts.fraction};
    std::size_t begin = 0;
    std::size_t end = row.size();
    while (begin < end && row[begin] == '0') {
        ++begin;
    }
    while (end > begin && row[end - 1] == '0') {
        --end;
    }
    if (begin == end) {
        out.units = 0;
        return DecimalError::none;
    }
    // The value is row[begin, end) read as an integer, times 10^(power - scale).
    const std::int64_t power = parts.exponent - static_cast<std::int64_t>(parts.fraction.size()) +
                               static_cast<std::int64_t>(row.size() - end) + scale;
    if (power < 0) {
        return DecimalError::scale;
    }
    const auto digit_count = static_cast<std::int64_t>(end - begin);
    if (digit_count + power > kMaxDigits) {
        return DecimalError::range;
    }
    UInt128 magnitude = 0;
    bool fits = true;
    for (std::size_t i = begin; i < end; ++i) {
        fits = fits && multiply_add(magnitude, 10, static_cast<std::uint64_t>(row[i] - '0'));
    }
    for (std::int64_t i = 0; i < power; ++i) {
        fits = fits && multiply_add(magnitude, 10, 0);
    }
    if (!fits || magnitude > kMaxPositive + (parts.negative ? 1 : 0)) {
        return DecimalError::range;
    }
    // Negating in unsigned arithmetic is exact for -2^127 too.
    out.units = static_cast<Int128>(parts.negative ? UInt128{0} - magnitude : magnitude);
    return DecimalError::none;
}

// Plain tokens without exponent and with at most kFastDigits digits, whose fraction fits the scale.
// False: not such a token, nothing is known about it and `out` is untouched.
bool parse_short(std::string_view token, int scale, Decimal& out) {
    const char* at = token.data();
    const char* const end = at + token.size();
    const bool negative = at != end && *at == '-';
    at += negative ? 1 : 0;
    if (at == end || static_cast<std::size_t>(end - at) > kFastDigits + 1) {
        return false;
    }
    const char* const whole = at;
    std::uint64_t digits = 0;
    while (at != end && is_digit(*at)) {
        digits = digits * 10 + static_cast<std::uint64_t>(*at - '0');
        ++at;
    }
    const std::ptrdiff_t whole_size = at - whole;
    if (whole_size == 0 || (whole_size > 1 && *whole == '0')) {
        return false;
    }
    std::ptrdiff_t fraction_size = 0;
    if (at != end && *at == '.') {
        const char* const fraction = ++at;
        while (at != end && is_digit(*at)) {
            digits = digits * 10 + static_cast<std::uint64_t>(*at - '0');
            ++at;
        }
        fraction_size = at - fraction;
        if (fraction_size == 0) {
            return false;
        }
    }
    const std::ptrdiff_t power = scale - fraction_size;
    // digits < 10^18 and power <= 19 keep the product below 10^37.
    if (at != end || whole_size + fraction_size > static_cast<std::ptrdiff_t>(kFastDigits) ||
        power < 0 || power > kMaxPower64) {
        return false;
    }
    const auto units =
        static_cast<Int128>(UInt128{digits} * kPowers64[static_cast<std::size_t>(power)]);
    out.units = negative ? -units : units;
    return true;
}

// The remainder; `value` becomes the quotient. The value as an unsigned number.
std::uint64_t divide(Int192& value, std::uint64_t by) {
    UInt128 rest = (UInt128{value.middle} << 64) | value.low;
    if (value.high == 0) [[likely]] {
        const UInt128 quotient = rest / by;
        value = {static_cast<std::uint64_t>(quotient), static_cast<std::uint64_t>(quotient >> 64),
                 0};
        return static_cast<std::uint64_t>(rest % by);
    }
    // Word by word, as on paper: each remainder is the high word of the next dividend.
    const auto high = static_cast<std::uint64_t>(value.high);
    rest = (UInt128{high % by} << 64) | value.middle;
    const auto middle = static_cast<std::uint64_t>(rest / by);
    rest = (UInt128{static_cast<std::uint64_t>(rest % by)} << 64) | value.low;
    value = {static_cast<std::uint64_t>(rest / by), middle, static_cast<std::int64_t>(high / by)};
    return static_cast<std::uint64_t>(rest % by);
}

}  // namespace

DecimalError parse_decimal(std::string_view token, int scale, Decimal& out) {
    KSTREAM_CHECK(scale >= 0 && scale <= kMaxScale, "the scale comes from a checked spec");
    if (parse_short(token, scale, out)) {
        return DecimalError::none;
    }
    return parse_general(token, scale, out);
}

void append_decimal(std::string& out, Decimal value, int scale, int min_fraction) {
    append_decimal(out, Int192{value.units}, scale, min_fraction);
}

void append_decimal(std::string& out, const Int192& units, int scale, int min_fraction) {
    KSTREAM_CHECK(scale >= 0 && scale <= kMaxScale, "the scale comes from a checked spec");
    KSTREAM_CHECK(min_fraction >= 0 && min_fraction <= kMaxScale, "fraction digits asked for");
    const bool negative = units.negative();
    Int192 rest = negative ? -units : units;

    // Written from the last digit on; at least one stands in front of the point.
    std::array<char, kMaxWideDigits> digits;
    std::size_t first = digits.size();
    const auto write = [&](std::uint64_t part, int least) {
        for (; part >= 100; least -= 2, part /= 100) {
            first -= 2;
            kPairs.copy(digits.data() + first, 2, 2 * (part % 100));
        }
        for (; part != 0 || least > 0; --least, part /= 10) {
            digits[--first] = static_cast<char>('0' + part % 10);
        }
    };
    // 19 digits at a time: a 128-bit division costs some twenty times a 64-bit one. What is above
    // 64 bits has more than these.
    while (rest.middle != 0 || rest.high != 0) {
        write(divide(rest, kPowers64[kMaxPower64]), kMaxPower64);
    }
    write(rest.low, scale + 1 - static_cast<int>(digits.size() - first));
    const std::string_view all{digits.data() + first, digits.size() - first};
    const std::size_t point = all.size() - static_cast<std::size_t>(scale);
    const std::string_view whole = all.substr(0, point);
    std::string_view fraction = all.substr(point);
    while (fraction.size() > static_cast<std::size_t>(min_fraction) && fraction.ends_with('0')) {
        fraction.remove_suffix(1);
    }

    if (negative) {
        out += '-';
    }
    out += whole;
    if (!fraction.empty() || min_fraction > 0) {
        out += '.';
    }
    out += fraction;
    out.append(static_cast<std::size_t>(std::max(0, min_fraction - scale)), '0');
}

double to_double(const Int192& value) {
    // Of a value past 128 bits the low words are far below what a double holds.
    return value.fits_128() ? static_cast<double>(value.low_128())
                            : std::ldexp(static_cast<double>(value.high), 128) +
                                  static_cast<double>(static_cast<UInt128>(value.low_128()));
}

}  // namespace kstream
