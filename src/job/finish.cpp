#include "kstream/job/finish.hpp"

#include "kstream/check.hpp"
#include "kstream/core/aggregates.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace kstream::job {

namespace {

// 0 where there is none; of a slot that no records can have made, too.
std::uint64_t count_of(const Slot& slot) {
    const Int192 value = slot.value();
    return value.high == 0 && value.middle == 0 && value.low >> 63 == 0 ? value.low : 0;
}

ExactNumber number_of(const Slot& slot, std::int32_t scale) {
    return {slot.value().negative(), Natural::magnitude(slot.value()), scale};
}

// |sum| / (10^scale * n), rounded half away from zero to `digits`.
ExactNumber average(const Slot& sum, std::uint64_t n, std::int32_t scale, std::int32_t digits) {
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
ExactNumber variance(Natural spread, std::uint64_t n, std::uint64_t over, std::int32_t scale,
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
ExactNumber deviation(Natural spread, std::uint64_t n, std::uint64_t over, std::int32_t scale,
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
    const char* const end = percentile.data() + percentile.size();
    const auto read = std::from_chars(percentile.data(), end, p);
    KSTREAM_CHECK(read.ec == std::errc{} && read.ptr == end && p >= 0 && p <= 1,
                  "checked with the statement");
    // Above 2^53 a double may be rounded past n.
    const double rank = std::ceil(p * static_cast<double>(n));
    return std::clamp<std::uint64_t>(static_cast<std::uint64_t>(rank), 1, n);
}

Value finish(const Statement& statement, const Plan& plan, std::size_t aggregate,
             std::span<const Slot> row, const SideValues* side) {
    const Aggregate& of = statement.aggregates[aggregate];
    const Parts& parts = plan.aggregates[aggregate];
    const Slot& value = row[parts.value];
    const std::uint64_t n = count_of(row[parts.count]);
    bool of_sample = false;
    bool root = false;
    switch (of.function) {
        case AggregateFunction::count_all:
        case AggregateFunction::count:
        case AggregateFunction::count_distinct:
            return number_of(value, 0);
        case AggregateFunction::sum:
        case AggregateFunction::min:
        case AggregateFunction::max:
            if (!value.present()) {
                return {};
            }
            if (of.type == ValueType::text) {
                KSTREAM_CHECK(side != nullptr, "a text lies beside the slots");
                return std::string{side->text(parts.value)};
            }
            if (of.type == ValueType::timestamp) {
                return Timestamp{static_cast<std::int64_t>(value.value().low)};
            }
            return number_of(value, statement.scale);
        case AggregateFunction::avg:
            return n == 0 ? Value{} : average(value, n, statement.scale, of.scale);
        case AggregateFunction::bool_and:
            return n == 0 ? Value{} : count_of(value) == n;
        case AggregateFunction::bool_or:
            return n == 0 ? Value{} : count_of(value) > 0;
        case AggregateFunction::percentile_disc: {
            const std::uint64_t values = count_of(value);
            if (values == 0) {
                return {};
            }
            KSTREAM_CHECK(side != nullptr, "a multiset lies beside the slots");
            return side->ranked(parts.value, percentile_rank(of.percentile, values));
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
        return {};
    }
    const Natural spread = spread_of(n, value, row.subspan(parts.squares).first<2>());
    return (root ? deviation : variance)(spread, n, over, statement.scale, of.scale);
}

}  // namespace kstream::job
