#include "kstream/expr/number.hpp"

#include "kstream/check.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

namespace kstream::expr {
namespace {

// Nine digits each, the least first.
using Limb = std::uint32_t;
constexpr Limb kBase = 1'000'000'000;
constexpr int kLimbDigits = 9;
constexpr std::size_t kFractionLimbs = kMaxFraction / kLimbDigits;
constexpr std::size_t kLimbs = kFractionLimbs + kMaxWhole / kLimbDigits;
static_assert(kMaxWhole % kLimbDigits == 0 && kMaxFraction % kLimbDigits == 0);
// 10^38 < 2^127: powers that a small number can be brought to another scale with.
constexpr int kMaxSmallScale = 38;
// Beyond every bound, and far from the limits of 64 bits whatever a token's length adds to it.
constexpr std::int64_t kExponentCap = 1'000'000'000'000'000;

constexpr auto kPowers = [] {
    std::array<Int128, kMaxSmallScale + 1> powers{};
    Int128 power = 1;
    for (std::size_t i = 0; i < powers.size(); ++i) {
        powers[i] = power;
        power = i + 1 < powers.size() ? power * 10 : power;
    }
    return powers;
}();

constexpr Int128 power_of_ten(int exponent) {
    return kPowers[static_cast<std::size_t>(exponent)];
}

constexpr bool is_digit(char c) {
    return static_cast<unsigned char>(c - '0') <= 9;
}

UInt128 magnitude(Int128 value) {
    return value < 0 ? UInt128{0} - static_cast<UInt128>(value) : static_cast<UInt128>(value);
}

// A natural number of up to so many limbs: what a division of two wide numbers goes through.
struct Natural {
    static constexpr std::size_t kRoom = 2 * kLimbs + 8;
    std::array<Limb, kRoom> limbs{};
    std::size_t size = 0;  // without zeros at the top

    void trim() {
        while (size > 0 && limbs[size - 1] == 0) {
            --size;
        }
    }
    // Precondition: there is room.
    void multiply_by_power(int exponent) {
        const auto shift = static_cast<std::size_t>(exponent / kLimbDigits);
        const auto factor = static_cast<std::uint64_t>(power_of_ten(exponent % kLimbDigits));
        KSTREAM_CHECK(size + shift + 1 <= kRoom, "bounds of numbers leave room");
        std::uint64_t carry = 0;
        for (std::size_t i = 0; i < size; ++i) {
            carry += limbs[i] * factor;
            limbs[i] = static_cast<Limb>(carry % kBase);
            carry /= kBase;
        }
        limbs[size++] = static_cast<Limb>(carry);
        std::copy_backward(limbs.begin(), limbs.begin() + static_cast<std::ptrdiff_t>(size),
                           limbs.begin() + static_cast<std::ptrdiff_t>(size + shift));
        std::fill_n(limbs.begin(), shift, 0);
        size += shift;
        trim();
    }
    // The remainder.
    std::uint64_t divide_by(Limb by) {
        std::uint64_t rest = 0;
        for (std::size_t i = size; i-- > 0;) {
            rest = rest * kBase + limbs[i];
            limbs[i] = static_cast<Limb>(rest / by);
            rest %= by;
        }
        trim();
        return rest;
    }
    void multiply_by(Limb by) {
        std::uint64_t carry = 0;
        for (std::size_t i = 0; i < size; ++i) {
            carry += std::uint64_t{limbs[i]} * by;
            limbs[i] = static_cast<Limb>(carry % kBase);
            carry /= kBase;
        }
        limbs[size++] = static_cast<Limb>(carry);
        trim();
    }
    void increment() {
        std::size_t i = 0;
        while (i < size && limbs[i] == kBase - 1) {
            limbs[i++] = 0;
        }
        if (i == size) {
            limbs[size++] = 0;
        }
        ++limbs[i];
    }
};

std::strong_ordering compare_naturals(const Natural& a, const Natural& b) {
    if (a.size != b.size) {
        return a.size <=> b.size;
    }
    for (std::size_t i = a.size; i-- > 0;) {
        if (a.limbs[i] != b.limbs[i]) {
            return a.limbs[i] <=> b.limbs[i];
        }
    }
    return std::strong_ordering::equal;
}

// The quotient; `top` becomes the remainder. Knuth's algorithm D (The Art of Computer Programming,
// volume 2, 4.3.1), in base 10^9.
Natural divide_naturals(Natural& top, Natural bottom) {
    Natural quotient;
    if (bottom.size == 1) {
        quotient = top;
        const std::uint64_t rest = quotient.divide_by(bottom.limbs[0]);
        top = {};
        top.limbs[0] = static_cast<Limb>(rest);
        top.size = rest != 0 ? 1 : 0;
        return quotient;
    }
    if (compare_naturals(top, bottom) < 0) {
        return quotient;
    }
    const std::size_t n = bottom.size;
    const Limb norm = kBase / (bottom.limbs[n - 1] + 1);
    const std::size_t m = top.size - n;
    top.multiply_by(norm);
    bottom.multiply_by(norm);
    const std::uint64_t first = bottom.limbs[n - 1];
    const std::uint64_t second = bottom.limbs[n - 2];
    quotient.size = m + 1;
    for (std::size_t j = m + 1; j-- > 0;) {
        // Zeros stand above top.size, so these reads are of the number.
        const std::uint64_t two = std::uint64_t{top.limbs[j + n]} * kBase + top.limbs[j + n - 1];
        std::uint64_t guess = two / first;
        std::uint64_t rest = two % first;
        while (guess >= kBase || guess * second > rest * kBase + top.limbs[j + n - 2]) {
            --guess;
            rest += first;
            if (rest >= kBase) {
                break;
            }
        }
        std::int64_t borrow = 0;
        std::uint64_t carry = 0;
        for (std::size_t i = 0; i < n; ++i) {
            carry += guess * bottom.limbs[i];
            std::int64_t left =
                std::int64_t{top.limbs[i + j]} - static_cast<std::int64_t>(carry % kBase) + borrow;
            carry /= kBase;
            borrow = left < 0 ? -1 : 0;
            left += left < 0 ? std::int64_t{kBase} : 0;
            top.limbs[i + j] = static_cast<Limb>(left);
        }
        std::int64_t left =
            std::int64_t{top.limbs[j + n]} - static_cast<std::int64_t>(carry) + borrow;
        if (left < 0) {  // one too many
            --guess;
            std::uint64_t sum = 0;
            for (std::size_t i = 0; i < n; ++i) {
                sum += std::uint64_t{top.limbs[i + j]} + bottom.limbs[i];
                top.limbs[i + j] = static_cast<Limb>(sum % kBase);
                sum /= kBase;
            }
            left += static_cast<std::int64_t>(sum);
        }
        top.limbs[j + n] = static_cast<Limb>(left);
        quotient.limbs[j] = static_cast<Limb>(guess);
    }
    quotient.trim();
    top.size = n;
    top.trim();
    top.divide_by(norm);
    return quotient;
}

}  // namespace

struct Wide {
    bool negative = false;
    std::array<Limb, kLimbs> limbs{};  // the value times 10^kMaxFraction
};

struct Ratio {
    Number top;
    Number bottom;  // not zero
};

namespace {

Wide widened(Number a) {
    if (a.form == Number::Form::wide) {
        return *a.wide;
    }
    Natural all;
    for (UInt128 rest = magnitude(a.units); rest != 0; rest /= kBase) {
        all.limbs[all.size++] = static_cast<Limb>(rest % kBase);
    }
    all.multiply_by_power(kMaxFraction - a.scale);
    Wide wide;
    wide.negative = a.units < 0;
    std::copy_n(all.limbs.begin(), kLimbs, wide.limbs.begin());
    return wide;
}

Natural natural(const Wide& wide) {
    Natural all;
    std::ranges::copy(wide.limbs, all.limbs.begin());
    all.size = kLimbs;
    all.trim();
    return all;
}

// What stands at 10^power.
int digit_at(const Wide& wide, int power) {
    const int place = power + kMaxFraction;
    const Limb limb = wide.limbs[static_cast<std::size_t>(place / kLimbDigits)];
    return static_cast<int>(limb / static_cast<Limb>(power_of_ten(place % kLimbDigits)) % 10);
}

Digits digits_of(const Wide& wide) {
    Digits found;
    int highest = kMaxWhole - 1;
    while (highest >= -kMaxFraction && digit_at(wide, highest) == 0) {
        --highest;
    }
    if (highest < -kMaxFraction) {
        return found;
    }
    int lowest = -kMaxFraction;
    while (digit_at(wide, lowest) == 0) {
        ++lowest;
    }
    return {.whole = std::max(highest + 1, 0), .fraction = std::max(-lowest, 0)};
}

// Small again where it can be: most of what was made by way of a wide number is.
Number narrowed(const Wide& wide, Arena& arena) {
    const Digits needed = digits_of(wide);
    if (needed.whole + needed.fraction <= kMaxSmallScale) {
        Int128 units = 0;
        for (int power = needed.whole - 1; power >= -needed.fraction; --power) {
            units = units * 10 + digit_at(wide, power);
        }
        return {wide.negative ? -units : units, needed.fraction};
    }
    Number number;
    number.form = Number::Form::wide;
    number.wide = arena.keep(wide);
    return number;
}

std::strong_ordering compare_limbs(const Wide& a, const Wide& b) {
    for (std::size_t i = kLimbs; i-- > 0;) {
        if (a.limbs[i] != b.limbs[i]) {
            return a.limbs[i] <=> b.limbs[i];
        }
    }
    return std::strong_ordering::equal;
}

bool is_zero(const Wide& a) {
    return std::ranges::all_of(a.limbs, [](Limb limb) { return limb == 0; });
}

MaybeNumber add_wide(const Wide& a, const Wide& b, Arena& arena) {
    Wide sum;
    if (a.negative == b.negative) {
        std::uint64_t carry = 0;
        for (std::size_t i = 0; i < kLimbs; ++i) {
            carry += std::uint64_t{a.limbs[i]} + b.limbs[i];
            sum.limbs[i] = static_cast<Limb>(carry % kBase);
            carry /= kBase;
        }
        sum.negative = a.negative;
        return carry == 0 ? MaybeNumber{narrowed(sum, arena)} : std::nullopt;
    }
    const bool a_larger = compare_limbs(a, b) >= 0;
    const Wide& larger = a_larger ? a : b;
    const Wide& smaller = a_larger ? b : a;
    std::int64_t borrow = 0;
    for (std::size_t i = 0; i < kLimbs; ++i) {
        std::int64_t left = std::int64_t{larger.limbs[i]} - smaller.limbs[i] + borrow;
        borrow = left < 0 ? -1 : 0;
        left += left < 0 ? std::int64_t{kBase} : 0;
        sum.limbs[i] = static_cast<Limb>(left);
    }
    sum.negative = larger.negative;
    return narrowed(sum, arena);
}

MaybeNumber multiply_wide(const Wide& a, const Wide& b, Arena& arena) {
    std::array<Limb, 2 * kLimbs> product{};
    for (std::size_t i = 0; i < kLimbs; ++i) {
        if (a.limbs[i] == 0) {
            continue;
        }
        std::uint64_t carry = 0;
        for (std::size_t j = 0; j < kLimbs; ++j) {
            carry += std::uint64_t{a.limbs[i]} * b.limbs[j] + product[i + j];
            product[i + j] = static_cast<Limb>(carry % kBase);
            carry /= kBase;
        }
        product[i + kLimbs] = static_cast<Limb>(carry);
    }
    const auto zero = [](Limb limb) { return limb == 0; };
    const std::span all{product};
    if (!std::ranges::all_of(all.first(kFractionLimbs), zero) ||
        !std::ranges::all_of(all.subspan(kFractionLimbs + kLimbs), zero)) {
        return std::nullopt;
    }
    Wide made;
    made.negative = a.negative != b.negative;
    std::copy_n(product.begin() + kFractionLimbs, kLimbs, made.limbs.begin());
    return narrowed(made, arena);
}

// Both at the larger scale of the two; false where that needs more than 128 bits.
bool align(Number& a, Number& b) {
    if (a.scale == b.scale) {
        return true;
    }
    Number& low = a.scale < b.scale ? a : b;
    const Number& high = a.scale < b.scale ? b : a;
    Int128 units = 0;
    if (__builtin_mul_overflow(low.units, power_of_ten(high.scale - low.scale), &units)) {
        return false;
    }
    low.units = units;
    low.scale = high.scale;
    return true;
}

bool both_small(const Number& a, const Number& b) {
    return a.form == Number::Form::small && b.form == Number::Form::small;
}

Number top_of(const Number& a) {
    return a.form == Number::Form::ratio ? a.ratio->top : a;
}
Number bottom_of(const Number& a) {
    return a.form == Number::Form::ratio ? a.ratio->bottom : Number{1, 0};
}

MaybeNumber ratio_of(const MaybeNumber& top, const MaybeNumber& bottom, Arena& arena) {
    if (!top || !bottom) {
        return std::nullopt;
    }
    Number number;
    number.form = Number::Form::ratio;
    number.ratio = arena.keep(Ratio{*top, *bottom});
    return number;
}

bool any_ratio(const Number& a, const Number& b) {
    return a.form == Number::Form::ratio || b.form == Number::Form::ratio;
}

MaybeNumber add_ratios(Number a, Number b, Arena& arena) {
    const MaybeNumber left = multiply(top_of(a), bottom_of(b), arena);
    const MaybeNumber right = multiply(top_of(b), bottom_of(a), arena);
    if (!left || !right) {
        return std::nullopt;
    }
    return ratio_of(add(*left, *right, arena), multiply(bottom_of(a), bottom_of(b), arena), arena);
}

// Whether a quotient whose remainder is not zero goes one further from zero.
bool goes_up(Rounding how, bool negative, bool half_or_more) {
    switch (how) {
        case Rounding::half_away:
            return half_or_more;
        case Rounding::truncate:
            return false;
        case Rounding::floor:
            return negative;
        case Rounding::ceil:
            return !negative;
    }
    return false;
}

// top / bottom, both of them small, at `digits`; false where it needs more than 128 bits on the
// way.
bool round_small(Number top, Number bottom, int digits, Rounding how, Number& out) {
    const int power = digits + bottom.scale - top.scale;
    Int128& scaled = power >= 0 ? top.units : bottom.units;
    const int exponent = power >= 0 ? power : -power;
    if (exponent > kMaxSmallScale ||
        __builtin_mul_overflow(scaled, power_of_ten(exponent), &scaled)) {
        return false;
    }
    const UInt128 a = magnitude(top.units);
    const UInt128 b = magnitude(bottom.units);
    const bool negative = (top.units < 0) != (bottom.units < 0);
    const UInt128 rest = a % b;
    UInt128 quotient = a / b;
    if (rest != 0 && goes_up(how, negative, rest >= b - rest)) {
        ++quotient;
    }
    if (quotient > ~UInt128{0} >> 1) {
        return false;
    }
    const auto units = static_cast<Int128>(quotient);
    out = {negative ? -units : units, digits};
    return true;
}

MaybeNumber round_wide(const Wide& top, const Wide& bottom, int digits, Rounding how,
                       Arena& arena) {
    Natural rest = natural(top);
    const Natural by = natural(bottom);
    rest.multiply_by_power(digits);
    Natural quotient = divide_naturals(rest, by);
    const bool negative = top.negative != bottom.negative;
    if (rest.size != 0) {
        rest.multiply_by(2);
        if (goes_up(how, negative, compare_naturals(rest, by) >= 0)) {
            quotient.increment();
        }
    }
    quotient.multiply_by_power(kMaxFraction - digits);
    if (quotient.size > kLimbs) {
        return std::nullopt;
    }
    Wide made;
    made.negative = negative;
    std::copy_n(quotient.limbs.begin(), kLimbs, made.limbs.begin());
    return narrowed(made, arena);
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

std::string_view take_digits(std::string_view& rest) {
    std::size_t count = 0;
    while (count < rest.size() && is_digit(rest[count])) {
        ++count;
    }
    const std::string_view digits = rest.substr(0, count);
    rest.remove_prefix(count);
    return digits;
}

MaybeNumber read_long(std::string_view rest, Arena& arena) {
    const bool negative = rest.starts_with('-');
    rest.remove_prefix(negative ? 1 : 0);
    DigitRow row{take_digits(rest), {}};
    if (rest.starts_with('.')) {
        rest.remove_prefix(1);
        row.fraction = take_digits(rest);
    }
    std::int64_t exponent = 0;
    if (!rest.empty()) {
        rest.remove_prefix(1);
        const bool below = rest.starts_with('-');
        rest.remove_prefix(below || rest.starts_with('+') ? 1 : 0);
        for (const char digit : rest) {
            exponent = std::min(exponent * 10 + (digit - '0'), kExponentCap);
        }
        exponent = below ? -exponent : exponent;
    }
    std::size_t begin = 0;
    std::size_t end = row.size();
    while (begin < end && row[begin] == '0') {
        ++begin;
    }
    while (end > begin && row[end - 1] == '0') {
        --end;
    }
    if (begin == end) {
        return Number{0, 0};
    }
    // row[i] stands at 10^(highest - (i - begin)).
    const std::int64_t highest = exponent + static_cast<std::int64_t>(row.whole.size()) - 1 -
                                 static_cast<std::int64_t>(begin);
    const std::int64_t lowest = highest - static_cast<std::int64_t>(end - begin) + 1;
    if (highest >= kMaxWhole || lowest < -kMaxFraction) {
        return std::nullopt;
    }
    Wide wide;
    wide.negative = negative;
    for (std::size_t i = begin; i < end; ++i) {
        const auto place =
            static_cast<int>(highest - static_cast<std::int64_t>(i - begin)) + kMaxFraction;
        wide.limbs[static_cast<std::size_t>(place / kLimbDigits)] +=
            static_cast<Limb>(row[i] - '0') * static_cast<Limb>(power_of_ten(place % kLimbDigits));
    }
    return narrowed(wide, arena);
}

}  // namespace

MaybeNumber read_number(std::string_view token, Arena& arena) {
    if (const std::optional<ShortNumber> number = read_short_number(token)) [[likely]] {
        return Number{number->units, number->scale};
    }
    return read_long(token, arena);
}

MaybeNumber add(Number a, Number b, Arena& arena) {
    if (both_small(a, b)) [[likely]] {
        Number left = a;
        Number right = b;
        Int128 sum = 0;
        if (align(left, right) && !__builtin_add_overflow(left.units, right.units, &sum)) {
            return Number{sum, left.scale};
        }
    }
    return any_ratio(a, b) ? add_ratios(a, b, arena) : add_wide(widened(a), widened(b), arena);
}

MaybeNumber subtract(Number a, Number b, Arena& arena) {
    const MaybeNumber negative = negate(b, arena);
    return negative ? add(a, *negative, arena) : std::nullopt;
}

MaybeNumber multiply(Number a, Number b, Arena& arena) {
    if (both_small(a, b)) [[likely]] {
        Int128 product = 0;
        if (a.scale + b.scale <= kMaxSmallScale &&
            !__builtin_mul_overflow(a.units, b.units, &product)) {
            return Number{product, a.scale + b.scale};
        }
    }
    if (any_ratio(a, b)) {
        return ratio_of(multiply(top_of(a), top_of(b), arena),
                        multiply(bottom_of(a), bottom_of(b), arena), arena);
    }
    return multiply_wide(widened(a), widened(b), arena);
}

MaybeNumber negate(Number a, Arena& arena) {
    switch (a.form) {
        case Number::Form::small: {
            Int128 units = 0;
            if (!__builtin_sub_overflow(Int128{0}, a.units, &units)) {
                return Number{units, a.scale};
            }
            break;
        }
        case Number::Form::wide:
            break;
        case Number::Form::ratio:
            return ratio_of(negate(a.ratio->top, arena), a.ratio->bottom, arena);
    }
    Wide wide = widened(a);
    wide.negative = !wide.negative;
    return narrowed(wide, arena);
}

MaybeNumber divide(Number a, Number b, Arena& arena) {
    if (any_ratio(a, b)) {
        return ratio_of(multiply(top_of(a), bottom_of(b), arena),
                        multiply(bottom_of(a), top_of(b), arena), arena);
    }
    return ratio_of(a, b, arena);
}

MaybeNumber modulo(Number a, Number b, Arena& arena) {
    KSTREAM_CHECK(!any_ratio(a, b), "a quotient is rounded before it is divided with a rest");
    if (both_small(a, b)) {
        Number left = a;
        Number right = b;
        if (align(left, right)) {
            // The one quotient that 128 bits do not have.
            return Number{right.units == -1 ? Int128{0} : left.units % right.units, left.scale};
        }
    }
    Natural rest = natural(widened(a));
    divide_naturals(rest, natural(widened(b)));
    Wide made;
    made.negative = sign(a) < 0;
    std::copy_n(rest.limbs.begin(), kLimbs, made.limbs.begin());
    return narrowed(made, arena);
}

MaybeNumber round(Number a, int digits, Rounding how, Arena& arena) {
    KSTREAM_CHECK(digits >= 0 && digits <= kMaxRounded, "digits are checked with the statement");
    if (a.form == Number::Form::small && a.scale <= digits) {
        return a;
    }
    const Number top = top_of(a);
    const Number bottom = bottom_of(a);
    Number rounded;
    if (both_small(top, bottom) && round_small(top, bottom, digits, how, rounded)) {
        return rounded;
    }
    return round_wide(widened(top), widened(bottom), digits, how, arena);
}

std::strong_ordering compare(Number a, Number b) {
    if (both_small(a, b)) [[likely]] {
        if (a.scale == b.scale) [[likely]] {
            return a.units <=> b.units;
        }
        if ((a.units < 0) != (b.units < 0)) {
            return a.units <=> b.units;
        }
        Number left = a;
        Number right = b;
        if (align(left, right)) {
            return left.units <=> right.units;
        }
    }
    KSTREAM_CHECK(!any_ratio(a, b), "a quotient is rounded before it is compared");
    const Wide left = widened(a);
    const Wide right = widened(b);
    if (left.negative != right.negative) {
        return left.negative ? std::strong_ordering::less : std::strong_ordering::greater;
    }
    return left.negative ? compare_limbs(right, left) : compare_limbs(left, right);
}

int sign(Number a) {
    switch (a.form) {
        case Number::Form::small:
            return a.units < 0 ? -1 : a.units > 0 ? 1 : 0;
        case Number::Form::wide:
            return is_zero(*a.wide) ? 0 : a.wide->negative ? -1 : 1;
        case Number::Form::ratio:
            return sign(a.ratio->top) * sign(a.ratio->bottom);
    }
    return 0;
}

Digits digits(Number a) {
    return digits_of(widened(a));
}

DecimalError to_units(Number a, int scale, Int128& out) {
    KSTREAM_CHECK(a.form != Number::Form::ratio, "a quotient is rounded before it is kept");
    if (a.form == Number::Form::small) [[likely]] {
        if (a.scale == scale) {
            out = a.units;
            return DecimalError::none;
        }
        if (a.scale < scale) [[likely]] {
            return __builtin_mul_overflow(a.units, power_of_ten(scale - a.scale), &out)
                       ? DecimalError::range
                       : DecimalError::none;
        }
        const Int128 by = power_of_ten(a.scale - scale);
        out = a.units / by;
        return a.units % by == 0 ? DecimalError::none : DecimalError::scale;
    }
    const Digits needed = digits_of(*a.wide);
    if (needed.fraction > scale) {
        return DecimalError::scale;
    }
    Int128 units = 0;
    bool fits = true;
    for (int power = needed.whole - 1; power >= -scale; --power) {
        const int digit = a.wide->negative ? -digit_at(*a.wide, power) : digit_at(*a.wide, power);
        fits = fits && !__builtin_mul_overflow(units, Int128{10}, &units) &&
               !__builtin_add_overflow(units, Int128{digit}, &units);
    }
    out = units;
    return fits ? DecimalError::none : DecimalError::range;
}

std::string_view to_text(Number a, Arena& arena) {
    KSTREAM_CHECK(a.form != Number::Form::ratio, "a quotient is rounded before it is shown");
    // From the last digit on; the sign, the point and a zero in front of it are the three more.
    constexpr std::size_t kRoom = kMaxWhole + kMaxFraction + 3;
    std::array<char, kRoom> room{};
    std::size_t at = kRoom;
    if (a.form == Number::Form::small) {
        UInt128 rest = magnitude(a.units);
        int scale = a.scale;
        while (scale > 0 && rest % 10 == 0) {
            rest /= 10;
            --scale;
        }
        for (int written = 0; rest != 0 || written <= scale; ++written) {
            if (written == scale && scale > 0) {
                room[--at] = '.';
            }
            room[--at] = static_cast<char>('0' + static_cast<int>(rest % 10));
            rest /= 10;
        }
    } else {
        const Digits needed = digits_of(*a.wide);
        for (int power = -needed.fraction; power < std::max(needed.whole, 1); ++power) {
            if (power == 0 && needed.fraction > 0) {
                room[--at] = '.';
            }
            room[--at] = static_cast<char>('0' + digit_at(*a.wide, power));
        }
    }
    if (sign(a) < 0) {
        room[--at] = '-';
    }
    const std::size_t size = kRoom - at;
    char* const text = arena.take(size);
    std::copy_n(room.begin() + static_cast<std::ptrdiff_t>(at), size, text);
    return {text, size};
}

}  // namespace kstream::expr
