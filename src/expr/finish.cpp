#include "kstream/expr/finish.hpp"

#include "kstream/check.hpp"
#include "kstream/core/aggregates.hpp"
#include "kstream/core/natural.hpp"
#include "kstream/core/side_aggregates.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>

namespace kstream::expr {

namespace {

using job::AggregateFunction;
using job::ValueType;

// value = (negative ? -1 : 1) * units / 10^scale, exactly. Zero is not negative.
struct Exact {
    bool negative = false;
    Natural units;
    std::int32_t scale = 0;
};

Value value_of(const Exact& exact, Arena& arena) {
    constexpr std::size_t kSmallBits = 127;
    constexpr std::int32_t kSmallScale = 38;
    if (exact.units.bits() <= kSmallBits && exact.scale <= kSmallScale) {
        const auto units = static_cast<Int128>(exact.units.low_128());
        return Value::of(Number{exact.negative ? -units : units, exact.scale});
    }
    std::string digits;
    exact.units.append_digits(digits);
    const auto scale = static_cast<std::size_t>(exact.scale);
    if (digits.size() <= scale) {
        digits.insert(0, scale + 1 - digits.size(), '0');
    }
    if (scale > 0) {
        digits.insert(digits.size() - scale, 1, '.');
    }
    if (exact.negative) {
        digits.insert(0, 1, '-');
    }
    const MaybeNumber number = read_number(digits, arena);
    // Of rows that records have made all are within bounds: sums have 58 digits.
    return number ? Value::of(*number) : Value::of_null();
}

// 0 where there is none; of a slot that no records can have made, too.
std::uint64_t count_of(const Slot& slot) {
    const Int192 value = slot.value();
    return value.high == 0 && value.middle == 0 && value.low >> 63 == 0 ? value.low : 0;
}

Exact number_of(const Slot& slot, std::int32_t scale) {
    return {slot.value().negative(), Natural::magnitude(slot.value()), scale};
}

// |sum| / (10^scale * n), rounded half away from zero to `digits`.
Exact average(const Slot& sum, std::uint64_t n, std::int32_t scale, std::int32_t digits) {
    // floor((2 * a + d) / (2 * d)) with a = |sum| * 10^up and d = n * 10^down.
    const int up = std::max(0, digits - scale);
    const int down = std::max(0, scale - digits);
    Natural rounded = Natural::magnitude(sum.value());
    rounded.times_power_of_ten(up) *= 2;
    Natural half{n};
    rounded += half.times_power_of_ten(down);
    rounded.divide(n);
    rounded.divide(2);
    rounded.over_power_of_ten(down);
    return {sum.value().negative() && !rounded.is_zero(), rounded, digits};
}

// n * (sum of squares) - sum^2, of inputs in units: n^2 times their variance, and at most 381 bits.
Natural spread_of(std::uint64_t n, const Slot& sum, std::span<const Slot, 2> squares) {
    Natural spread = Natural::magnitude(squares[1].value());
    spread.shift_left(aggregates::kSquareLowBits);
    spread += Natural::magnitude(squares[0].value());
    spread *= n;
    const Natural of_sum = Natural::magnitude(sum.value());
    const Natural square = of_sum * of_sum;
    if (spread < square) {
        return {};  // no records have made this
    }
    return spread -= square;
}

// spread / (n * over * 10^(2 * scale)), rounded half away from zero to `digits`.
Exact variance(Natural spread, std::uint64_t n, std::uint64_t over, std::int32_t scale,
               std::int32_t digits) {
    const int up = std::max(0, digits - 2 * scale);
    const int down = std::max(0, 2 * scale - digits);
    spread.times_power_of_ten(up) *= 2;
    Natural half{n};
    half *= over;
    spread += half.times_power_of_ten(down);
    spread.divide(n);
    spread.divide(over);
    spread.divide(2);
    spread.over_power_of_ten(down);
    return {false, spread, digits};
}

// The root of the same. With v its square in units of the last digit, floor(sqrt(v) + 1/2) is
// floor((floor(sqrt(4 * v)) + 1) / 2), and the root of the whole part of 4 * v does for it.
Exact deviation(Natural spread, std::uint64_t n, std::uint64_t over, std::int32_t scale,
                std::int32_t digits) {
    const int power = 2 * (digits - scale);
    spread.times_power_of_ten(std::max(0, power)) *= 4;
    spread.divide(n);
    spread.divide(over);
    spread.over_power_of_ten(std::max(0, -power));
    Natural root = spread.square_root();
    root += Natural{1};
    root.divide(2);
    return {false, root, digits};
}

}  // namespace

std::uint64_t percentile_rank(std::string_view percentile, std::uint64_t n) {
    double p = 0;
    const char* const begin = percentile.data();
    const char* const end = begin + percentile.size();
    const auto read = std::from_chars(begin, end, p);
    KSTREAM_CHECK(read.ec == std::errc{} && read.ptr == end && p >= 0 && p <= 1,
                  "checked with the statement");
    // Above 2^53 a double may be rounded past n.
    const double rank = std::ceil(p * static_cast<double>(n));
    return std::clamp<std::uint64_t>(static_cast<std::uint64_t>(rank), 1, n);
}

Value finish(const job::Statement& statement, const job::Plan& plan, std::size_t aggregate,
             std::span<const Slot> row, Arena& arena, const SideValues* side) {
    const job::Aggregate& of = statement.aggregates[aggregate];
    const job::Parts& parts = plan.aggregates[aggregate];
    const Slot& value = row[parts.value];
    const std::uint64_t n = count_of(row[parts.count]);
    bool of_sample = false;
    bool root = false;
    switch (of.function) {
        case AggregateFunction::count_all:
        case AggregateFunction::count:
            return value_of(number_of(value, 0), arena);
        case AggregateFunction::count_distinct:
            return is_over(value) ? Value::of_null() : value_of(number_of(value, 0), arena);
        case AggregateFunction::sum:
        case AggregateFunction::min:
        case AggregateFunction::max:
            if (!value.present()) {
                return Value::of_null();
            }
            if (of.type == ValueType::text) {
                KSTREAM_CHECK(side != nullptr, "a text lies beside the slots");
                return Value::of_text(side->text(parts.value));
            }
            if (of.type == ValueType::timestamp) {
                return Value::of_time(Tag::timestamp, static_cast<std::int64_t>(value.value().low));
            }
            return value_of(number_of(value, statement.scale), arena);
        case AggregateFunction::avg:
            return n == 0 ? Value::of_null()
                          : value_of(average(value, n, statement.scale, of.scale), arena);
        case AggregateFunction::bool_and:
            return n == 0 ? Value::of_null() : Value::of_truth(count_of(value) == n);
        case AggregateFunction::bool_or:
            return n == 0 ? Value::of_null() : Value::of_truth(count_of(value) > 0);
        case AggregateFunction::percentile_disc: {
            const std::uint64_t values = is_over(value) ? 0 : count_of(value);
            if (values == 0) {
                return Value::of_null();
            }
            KSTREAM_CHECK(side != nullptr, "a multiset lies beside the slots");
            const Int128 found = side->ranked(parts.value, percentile_rank(of.percentile, values));
            return of.type == ValueType::timestamp
                       ? Value::of_time(Tag::timestamp, static_cast<std::int64_t>(found))
                       : value_of(number_of(Slot{found, true}, statement.scale), arena);
        }
        case AggregateFunction::var_pop:
            break;
        case AggregateFunction::var_samp:
            of_sample = true;
            break;
        case AggregateFunction::stddev_pop:
            root = true;
            break;
        case AggregateFunction::stddev_samp:
            root = true;
            of_sample = true;
            break;
    }
    const std::uint64_t over = of_sample && n > 0 ? n - 1 : n;
    if (over == 0) {
        return Value::of_null();
    }
    const Natural spread = spread_of(n, value, row.subspan(parts.squares).first<2>());
    return value_of((root ? deviation : variance)(spread, n, over, statement.scale, of.scale),
                    arena);
}

}  // namespace kstream::expr
