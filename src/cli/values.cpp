// Strict readers: all of a text must be the value, nothing is guessed, nothing wraps.
#include "cli/values.hpp"

#include "text/suggest.hpp"
#include "text/utf8.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <iterator>
#include <limits>

namespace kstream::cli {
namespace {

using std::chrono::milliseconds;

constexpr bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

// Takes one of k, M, G off the end of `text`; 1 when there is none.
std::uint64_t take_multiplier(std::string_view& text) {
    constexpr std::array<std::pair<char, std::uint64_t>, 3> kSuffixes{
        {{'k', 1'000}, {'M', 1'000'000}, {'G', 1'000'000'000}}};
    for (const auto& [suffix, factor] : kSuffixes) {
        if (text.ends_with(suffix)) {
            text.remove_suffix(1);
            return factor;
        }
    }
    return 1;
}

std::optional<std::uint64_t> digits_of(std::string_view text) {
    if (text.empty() || !is_digit(text.front()) || !is_digit(text.back())) {
        return std::nullopt;
    }
    std::uint64_t value = 0;
    char last = '0';
    for (const char c : text) {
        if (c == '_' && last != '_') {
            last = c;
            continue;
        }
        if (!is_digit(c) || __builtin_mul_overflow(value, 10U, &value) ||
            __builtin_add_overflow(value, static_cast<std::uint64_t>(c - '0'), &value)) {
            return std::nullopt;
        }
        last = c;
    }
    return value;
}

// Exactly `count` digits at `text[at]`.
std::optional<int> fixed_digits(std::string_view text, std::size_t at, std::size_t count) {
    if (text.size() < at + count) {
        return std::nullopt;
    }
    int value = 0;
    for (const char c : text.substr(at, count)) {
        if (!is_digit(c)) {
            return std::nullopt;
        }
        value = value * 10 + (c - '0');
    }
    return value;
}

// ".123456" at the front of `text`, which it takes off; whole milliseconds.
std::optional<milliseconds> take_fraction(std::string_view& text) {
    if (text.empty() || text.front() != '.') {
        return milliseconds(0);
    }
    text.remove_prefix(1);
    const std::size_t digits =
        std::min(text.size(), static_cast<std::size_t>(std::distance(
                                  text.begin(), std::ranges::find_if_not(text, is_digit))));
    if (digits == 0) {
        return std::nullopt;
    }
    std::int64_t value = 0;
    for (std::size_t i = 0; i < 3; ++i) {
        value = value * 10 + (i < digits ? text[i] - '0' : 0);
    }
    text.remove_prefix(digits);
    return milliseconds(value);
}

// "Z" or "+hh:mm": what has to be taken off the local time.
std::optional<std::chrono::minutes> read_offset(std::string_view text) {
    if (text == "Z" || text == "z") {
        return std::chrono::minutes(0);
    }
    const auto hours = fixed_digits(text, 1, 2);
    const auto minutes = fixed_digits(text, 4, 2);
    if (text.size() != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':' || !hours ||
        !minutes || *hours > 23 || *minutes > 59) {
        return std::nullopt;
    }
    const std::chrono::minutes offset(*hours * 60 + *minutes);
    return text[0] == '+' ? offset : -offset;
}

}  // namespace

Read<std::uint64_t> read_unsigned(std::string_view text) {
    std::string_view digits = text;
    const std::uint64_t factor = take_multiplier(digits);
    auto value = digits_of(digits);
    std::uint64_t product = 0;
    if (!value || __builtin_mul_overflow(*value, factor, &product)) {
        return std::unexpected(
            fmt::format("{} is not a whole number from 0", text::in_quotes(text)));
    }
    return product;
}

Read<std::int64_t> read_signed(std::string_view text) {
    const bool negative = text.starts_with('-');
    const auto magnitude = read_unsigned(text.substr(negative ? 1 : 0));
    if (!magnitude || *magnitude > std::numeric_limits<std::int64_t>::max()) {
        return std::unexpected(fmt::format("{} is not a whole number", text::in_quotes(text)));
    }
    const auto value = static_cast<std::int64_t>(*magnitude);
    return negative ? -value : value;
}

Read<double> read_real(std::string_view text) {
    std::string_view digits = text;
    const auto factor = static_cast<double>(take_multiplier(digits));
    double value = 0;
    const char* const end = std::to_address(digits.end());
    const auto [stop, error] = std::from_chars(std::to_address(digits.begin()), end, value);
    value *= factor;
    if (digits.empty() || error != std::errc() || stop != end || !std::isfinite(value)) {
        return std::unexpected(fmt::format("{} is not a number", text::in_quotes(text)));
    }
    return value;
}

Read<std::int64_t> read_share(std::string_view text) {
    constexpr std::int64_t kAll = 1'000'000;
    std::string_view digits = text;
    const bool percent = digits.ends_with('%');
    if (percent) {
        digits.remove_suffix(1);
    }
    // Digits after the point that are still whole millionths.
    const std::size_t places = percent ? 4 : 6;
    const std::size_t point = digits.find('.');
    const std::string_view whole = digits.substr(0, point);
    std::string fraction{point == std::string_view::npos ? "" : digits.substr(point + 1)};
    const bool well_formed =
        !whole.empty() && (point == std::string_view::npos || !fraction.empty()) &&
        std::ranges::all_of(whole, is_digit) && std::ranges::all_of(fraction, is_digit) &&
        fraction.size() <= places && whole.size() <= 3;
    fraction.resize(places, '0');
    const auto value = well_formed ? digits_of(std::string{whole} + fraction) : std::nullopt;
    if (!value || *value > kAll) {
        return std::unexpected(
            fmt::format("{} is no share between 0 and 1, as in 0.01 or 1%, of "
                        "at most {} decimal places",
                        text::in_quotes(text), places));
    }
    return static_cast<std::int64_t>(*value);
}

std::string print_share(std::int64_t millionths) {
    std::string text = fmt::format("{}.{:04}", millionths / 10'000, millionths % 10'000);
    text.erase(text.find_last_not_of('0') + 1);
    if (text.ends_with('.')) {
        text.pop_back();
    }
    return text + "%";
}

Read<milliseconds> read_duration(std::string_view text, bool bare_seconds) {
    struct Unit {
        std::string_view name;
        std::int64_t milliseconds;
    };
    // "ms" before "m" and "s", which it ends with or begins with.
    constexpr std::array<Unit, 4> kUnits{
        {{"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}}};
    for (const Unit& unit : kUnits) {
        if (!text.ends_with(unit.name)) {
            continue;
        }
        const auto count = digits_of(text.substr(0, text.size() - unit.name.size()));
        std::int64_t value = 0;
        if (count && !__builtin_mul_overflow(*count, unit.milliseconds, &value)) {
            return milliseconds(value);
        }
    }
    if (const auto count = digits_of(text); count && bare_seconds) {
        std::int64_t value = 0;
        if (!__builtin_mul_overflow(*count, 1'000, &value)) {
            return milliseconds(value);
        }
    } else if (count) {
        return std::unexpected(
            fmt::format("{} needs a unit: ms, s, m or h", text::in_quotes(text)));
    }
    return std::unexpected(fmt::format("{} is not a duration (a whole number with ms, s, m or h)",
                                       text::in_quotes(text)));
}

std::string print_duration(milliseconds duration) {
    const std::int64_t count = duration.count();
    if (count != 0 && count % 3'600'000 == 0) {
        return fmt::format("{}h", count / 3'600'000);
    }
    if (count != 0 && count % 60'000 == 0) {
        return fmt::format("{}m", count / 60'000);
    }
    return count % 1'000 == 0 ? fmt::format("{}s", count / 1'000) : fmt::format("{}ms", count);
}

Read<bool> read_bool(std::string_view text) {
    for (const std::string_view name : {"true", "yes", "on", "1"}) {
        if (text == name) {
            return true;
        }
    }
    for (const std::string_view name : {"false", "no", "off", "0"}) {
        if (text == name) {
            return false;
        }
    }
    return std::unexpected(fmt::format("{} is not true or false", text::in_quotes(text)));
}

std::optional<std::int64_t> read_rfc3339(std::string_view text) {
    const auto year = fixed_digits(text, 0, 4);
    const auto month = fixed_digits(text, 5, 2);
    const auto day = fixed_digits(text, 8, 2);
    const auto hour = fixed_digits(text, 11, 2);
    const auto minute = fixed_digits(text, 14, 2);
    const auto second = fixed_digits(text, 17, 2);
    if (!year || !month || !day || !hour || !minute || !second || text[4] != '-' ||
        text[7] != '-' || (text[10] != 'T' && text[10] != 't' && text[10] != ' ') ||
        text[13] != ':' || text[16] != ':' || *hour > 23 || *minute > 59 || *second > 59) {
        return std::nullopt;
    }
    const std::chrono::year_month_day date{std::chrono::year(*year),
                                           std::chrono::month(static_cast<unsigned>(*month)),
                                           std::chrono::day(static_cast<unsigned>(*day))};
    text.remove_prefix(19);
    const auto fraction = take_fraction(text);
    const auto offset = read_offset(text);
    if (!date.ok() || !fraction || !offset) {
        return std::nullopt;
    }
    const milliseconds time = std::chrono::sys_days(date).time_since_epoch() +
                              std::chrono::hours(*hour) + std::chrono::minutes(*minute) +
                              std::chrono::seconds(*second) + *fraction - *offset;
    return time.count();
}

std::string print_rfc3339(std::int64_t unix_ms) {
    const milliseconds time(unix_ms);
    const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
    const std::string text =
        fmt::format("{:%FT%T}", fmt::gmtime(static_cast<std::time_t>(seconds.count())));
    const std::int64_t fraction = (time - seconds).count();
    return fraction == 0 ? text + "Z" : fmt::format("{}.{:03}Z", text, fraction);
}

Read<std::size_t> read_choice(std::string_view text, std::span<const std::string_view> names) {
    const auto found = std::ranges::find(names, text);
    if (found != names.end()) {
        return static_cast<std::size_t>(found - names.begin());
    }
    return std::unexpected(fmt::format("{} is none of {}{}", text::in_quotes(text),
                                       fmt::join(names, ", "),
                                       text::did_you_mean(text, "", names)));
}

}  // namespace kstream::cli
