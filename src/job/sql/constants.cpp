#include "job/sql/constants.hpp"

#include "job/names.hpp"
#include "kstream/job/functions.hpp"
#include "text/json_tokens.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <system_error>
#include <utility>

namespace kstream::job::sql {
namespace {

using std::string_view;

[[nodiscard]] bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

// Takes exactly `count` digits off the front.
[[nodiscard]] std::optional<int> take_digits(string_view& text, std::size_t count) {
    int value = 0;
    if (text.size() < count || !std::ranges::all_of(text.substr(0, count), is_digit)) {
        return std::nullopt;
    }
    for (const char c : text.substr(0, count)) {
        value = value * 10 + (c - '0');
    }
    text.remove_prefix(count);
    return value;
}

[[nodiscard]] bool take(string_view& text, string_view one_of) {
    if (text.empty() || !one_of.contains(text.front())) {
        return false;
    }
    text.remove_prefix(1);
    return true;
}

[[nodiscard]] std::optional<int> take_number(string_view& text, std::size_t digits, int max) {
    const std::optional<int> value = take_digits(text, digits);
    return value && *value <= max ? value : std::nullopt;
}

// Minutes east of UTC: Z, +hh, +hhmm, +hh:mm.
[[nodiscard]] std::optional<int> take_offset(string_view& text) {
    if (take(text, "Zz")) {
        return 0;
    }
    const bool west = !text.empty() && text.front() == '-';
    if (!take(text, "+-")) {
        return std::nullopt;
    }
    const std::optional<int> hours = take_number(text, 2, 15);
    std::optional<int> minutes = 0;
    if (!text.empty()) {
        static_cast<void>(take(text, ":"));
        minutes = take_number(text, 2, 59);
    }
    if (!hours || !minutes) {
        return std::nullopt;
    }
    const int east = *hours * 60 + *minutes;
    return west ? -east : east;
}

struct Unit {
    string_view name;
    std::int64_t milliseconds;
};
constexpr auto kIntervalUnits = std::to_array<Unit>({
    {"millisecond", 1},
    {"second", 1000},
    {"minute", 60'000},
    {"hour", 3'600'000},
    {"day", 86'400'000},
    {"week", 604'800'000},
});

[[nodiscard]] const Unit* find_unit(string_view word) {
    for (const Unit& unit : kIntervalUnits) {
        if (word == unit.name ||
            (word.starts_with(unit.name) && word.substr(unit.name.size()) == "s")) {
            return &unit;
        }
    }
    return nullptr;
}

[[nodiscard]] string_view take_word(string_view& text) {
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    const string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(word.size());
    return word;
}

}  // namespace

std::optional<std::string> canonical_digits(std::string_view literal) {
    const bool negative = literal.starts_with('-');
    literal.remove_prefix(negative ? 1 : 0);
    const std::size_t e = std::min(literal.find_first_of("eE"), literal.size());
    string_view mantissa = literal.substr(0, e);
    string_view exponent_text = literal.substr(std::min(e + 1, literal.size()));
    exponent_text.remove_prefix(exponent_text.starts_with('+') ? 1 : 0);
    std::int64_t exponent = 0;
    if (!exponent_text.empty()) {
        const char* const end = exponent_text.data() + exponent_text.size();
        const auto [at, error] = std::from_chars(exponent_text.data(), end, exponent);
        if (at != end || (error != std::errc{} && error != std::errc::result_out_of_range)) {
            return std::nullopt;
        }
        if (error == std::errc::result_out_of_range) {
            exponent = exponent_text.starts_with('-') ? -1'000'000'000 : 1'000'000'000;
        }
        exponent = std::clamp<std::int64_t>(exponent, -1'000'000'000, 1'000'000'000);
    }
    const std::size_t point = std::min(mantissa.find('.'), mantissa.size());
    std::string digits{mantissa.substr(0, point)};
    if (point < mantissa.size()) {
        digits += mantissa.substr(point + 1);
    }
    // The value is digits * 10^(places - size of digits).
    std::int64_t places = static_cast<std::int64_t>(point) + exponent;
    const std::size_t leading = std::min(digits.find_first_not_of('0'), digits.size());
    digits.erase(0, leading);
    places -= static_cast<std::int64_t>(leading);
    digits.erase(digits.find_last_not_of('0') + 1);
    if (digits.empty()) {
        return "0";
    }
    const auto size = static_cast<std::int64_t>(digits.size());
    if (places > kMaxNumberDigits || size - places > kMaxNumberDigits) {
        return std::nullopt;
    }
    std::string plain = negative ? "-" : "";
    if (places <= 0) {
        plain += "0.";
        plain.append(static_cast<std::size_t>(-places), '0');
        plain += digits;
    } else if (places >= size) {
        plain += digits;
        plain.append(static_cast<std::size_t>(places - size), '0');
    } else {
        plain += digits.substr(0, static_cast<std::size_t>(places));
        plain += '.';
        plain += digits.substr(static_cast<std::size_t>(places));
    }
    return plain;
}

std::optional<std::string> strict_number(std::string_view text) {
    if (text.empty() || json::number_size(text) != text.size()) {
        return std::nullopt;
    }
    return canonical_digits(text);
}

DigitCounts count_digits(std::string_view canonical) {
    canonical.remove_prefix(canonical.starts_with('-') ? 1 : 0);
    const std::size_t point = std::min(canonical.find('.'), canonical.size());
    DigitCounts counts;
    counts.before = canonical.starts_with('0') ? 0 : static_cast<int>(point);
    counts.behind = point < canonical.size() ? static_cast<int>(canonical.size() - point - 1) : 0;
    return counts;
}

std::optional<std::int32_t> to_int32(std::string_view canonical) {
    std::int32_t value = 0;
    const char* const end = canonical.data() + canonical.size();
    const auto [at, error] = std::from_chars(canonical.data(), end, value);
    return at == end && error == std::errc{} ? std::optional{value} : std::nullopt;
}

std::optional<std::int64_t> parse_time(std::string_view text) {
    namespace chrono = std::chrono;
    const auto year = take_number(text, 4, 9999);
    const bool dash = take(text, "-");
    const auto month = take_number(text, 2, 12);
    const bool second_dash = take(text, "-");
    const auto day = take_number(text, 2, 31);
    const bool between = take(text, "T ");
    const auto hour = take_number(text, 2, 23);
    const bool colon = take(text, ":");
    const auto minute = take_number(text, 2, 59);
    if (!year || !dash || !month || !second_dash || !day || !between || !hour || !colon ||
        !minute) {
        return std::nullopt;
    }
    std::int64_t milliseconds = 0;
    if (take(text, ":")) {
        const auto second = take_number(text, 2, 59);
        if (!second) {
            return std::nullopt;
        }
        milliseconds = *second * 1000;
        if (take(text, ".")) {
            const std::size_t digits = std::min(
                text.size(),
                static_cast<std::size_t>(std::ranges::find_if_not(text, is_digit) - text.begin()));
            if (digits == 0) {
                return std::nullopt;
            }
            std::int64_t worth = 100;
            for (const char c : text.substr(0, digits)) {
                milliseconds += (c - '0') * worth;
                worth /= 10;
            }
            text.remove_prefix(digits);
        }
    }
    const std::optional<int> offset = take_offset(text);
    const chrono::year_month_day date{chrono::year{*year},
                                      chrono::month{static_cast<unsigned>(*month)},
                                      chrono::day{static_cast<unsigned>(*day)}};
    if (!offset || !text.empty() || !date.ok()) {
        return std::nullopt;
    }
    const std::int64_t days = chrono::sys_days{date}.time_since_epoch().count();
    const std::int64_t time =
        ((days * 24 + *hour) * 60 + *minute - *offset) * 60'000 + milliseconds;
    constexpr std::int64_t kEnd = 253'402'300'800'000;  // the year 10000
    return time >= 0 && time < kEnd ? std::optional{time} : std::nullopt;
}

std::optional<std::int64_t> parse_interval(std::string_view text) {
    constexpr std::int64_t kMax = 366LL * 100 * 86'400'000;
    std::int64_t total = 0;
    string_view word = take_word(text);
    if (word.empty()) {
        return std::nullopt;
    }
    for (; !word.empty(); word = take_word(text)) {
        std::int64_t count = 0;
        const char* const end = word.data() + word.size();
        const auto [at, error] = std::from_chars(word.data(), end, count);
        const Unit* const unit = find_unit(folded(take_word(text)));
        if (at != end || error != std::errc{} || count < 0 || unit == nullptr ||
            count > kMax / unit->milliseconds) {
            return std::nullopt;
        }
        total += count * unit->milliseconds;
        if (total > kMax) {
            return std::nullopt;
        }
    }
    return total;
}

bool is_zone_name(std::string_view text) {
    if (text == "UTC") {
        return true;
    }
    const auto allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) ||
               string_view{"_+-/"}.contains(c);
    };
    const bool has_area = text.find('/') != string_view::npos && text.front() >= 'A' &&
                          text.front() <= 'Z' && text.back() != '/';
    return has_area && text.size() <= 64 && std::ranges::all_of(text, allowed) &&
           text.find("//") == string_view::npos;
}

}  // namespace kstream::job::sql
