#include "kstream/expr/time.hpp"

#include "kstream/check.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <utility>

namespace kstream::expr {
namespace {

using namespace std::chrono;

constexpr std::int64_t kSecond = 1'000;
constexpr std::int64_t kMinute = 60 * kSecond;
constexpr std::int64_t kHour = 60 * kMinute;
constexpr std::int64_t kDay = 24 * kHour;
// PostgreSQL takes no offset of 16 hours or more.
constexpr int kMaxOffsetHours = 15;

constexpr auto kUnits = std::to_array<std::pair<std::string_view, TimeUnit>>({
    {"second", TimeUnit::second},
    {"minute", TimeUnit::minute},
    {"hour", TimeUnit::hour},
    {"day", TimeUnit::day},
    {"week", TimeUnit::week},
    {"month", TimeUnit::month},
    {"quarter", TimeUnit::quarter},
    {"year", TimeUnit::year},
    {"dow", TimeUnit::dow},
    {"isodow", TimeUnit::isodow},
    {"doy", TimeUnit::doy},
    {"isoyear", TimeUnit::isoyear},
    {"epoch", TimeUnit::epoch},
});

// Takes exactly `count` digits.
bool take_number(std::string_view& rest, std::size_t count, int& out) {
    if (rest.size() < count) {
        return false;
    }
    out = 0;
    for (const char c : rest.substr(0, count)) {
        if (c < '0' || c > '9') {
            return false;
        }
        out = out * 10 + (c - '0');
    }
    rest.remove_prefix(count);
    return true;
}

bool take(std::string_view& rest, char c) {
    const bool there = rest.starts_with(c);
    rest.remove_prefix(there ? 1 : 0);
    return there;
}

bool take_date(std::string_view& rest, sys_days& out) {
    int y = 0;
    int m = 0;
    int d = 0;
    if (!take_number(rest, 4, y) || !take(rest, '-') || !take_number(rest, 2, m) ||
        !take(rest, '-') || !take_number(rest, 2, d)) {
        return false;
    }
    const year_month_day date{year{y}, month{static_cast<unsigned>(m)},
                              day{static_cast<unsigned>(d)}};
    out = sys_days{date};
    return date.ok() && y > 0;
}

bool take_clock(std::string_view& rest, std::int64_t& out) {
    int hour = 0;
    int minute = 0;
    int second = 0;
    int thousandths = 0;
    if (!take_number(rest, 2, hour) || !take(rest, ':') || !take_number(rest, 2, minute)) {
        return false;
    }
    if (take(rest, ':')) {
        if (!take_number(rest, 2, second)) {
            return false;
        }
        if (take(rest, '.')) {
            int digit = 0;
            int place = 100;
            if (!take_number(rest, 1, digit)) {
                return false;
            }
            do {
                thousandths += digit * place;
                place /= 10;
            } while (take_number(rest, 1, digit));
        }
    }
    out = hour * kHour + minute * kMinute + second * kSecond + thousandths;
    return hour <= 23 && minute <= 59 && second <= 59;
}

bool take_offset(std::string_view& rest, std::int64_t& out) {
    out = 0;
    if (take(rest, 'Z')) {
        return true;
    }
    const bool west = take(rest, '-');
    if (!west && !take(rest, '+')) {
        return false;
    }
    int hours = 0;
    int minutes = 0;
    if (!take_number(rest, 2, hours)) {
        return false;
    }
    if (!rest.empty()) {
        take(rest, ':');
        if (!take_number(rest, 2, minutes)) {
            return false;
        }
    }
    out = (hours * kHour + minutes * kMinute) * (west ? -1 : 1);
    return hours <= kMaxOffsetHours && minutes <= 59;
}

sys_days day_of(std::int64_t ms) {
    return floor<days>(sys_time<milliseconds>{milliseconds{ms}});
}
std::int64_t to_ms(sys_days day) {
    return std::int64_t{day.time_since_epoch().count()} * kDay;
}
std::int64_t floor_to(std::int64_t ms, std::int64_t unit) {
    const std::int64_t rest = ms % unit;
    return ms - rest - (rest < 0 ? unit : 0);
}
sys_days monday_of(sys_days day) {
    return day - days{weekday{day}.iso_encoding() - 1};
}
// The year that the week of the day belongs to: that of its Thursday.
year iso_year_of(sys_days day) {
    return year_month_day{monday_of(day) + days{3}}.year();
}

}  // namespace

TimeText parse_timestamp(std::string_view text, std::int64_t& out) {
    sys_days date;
    std::int64_t clock = 0;
    std::int64_t offset = 0;
    if (!take_date(text, date) || (!take(text, 'T') && !take(text, ' ')) ||
        !take_clock(text, clock) || !take_offset(text, offset) || !text.empty()) {
        return TimeText::format;
    }
    out = to_ms(date) + clock - offset;
    return out < kMinTime || out > kMaxTime ? TimeText::range : TimeText::fine;
}

std::optional<TimeUnit> time_unit_named(std::string_view name) {
    for (const auto& [known, unit] : kUnits) {
        if (known == name) {
            return unit;
        }
    }
    return std::nullopt;
}

std::int64_t truncate_time(TimeUnit unit, std::int64_t ms) {
    const sys_days day = day_of(ms);
    const year_month_day date{day};
    switch (unit) {
        case TimeUnit::second:
            return floor_to(ms, kSecond);
        case TimeUnit::minute:
            return floor_to(ms, kMinute);
        case TimeUnit::hour:
            return floor_to(ms, kHour);
        case TimeUnit::day:
            return to_ms(day);
        case TimeUnit::week:
            return to_ms(monday_of(day));
        case TimeUnit::month:
            return to_ms(date.year() / date.month() / 1);
        case TimeUnit::quarter: {
            const unsigned first = (static_cast<unsigned>(date.month()) - 1) / 3 * 3 + 1;
            return to_ms(date.year() / month{first} / 1);
        }
        case TimeUnit::year:
            return to_ms(date.year() / January / 1);
        default:
            break;
    }
    KSTREAM_CHECK(false, "units are checked when the expression is compiled");
    return ms;
}

std::int64_t time_part(TimeUnit unit, std::int64_t ms) {
    const sys_days day = day_of(ms);
    const year_month_day date{day};
    const std::int64_t clock = ms - to_ms(day);
    switch (unit) {
        case TimeUnit::second:
            return clock % kMinute;
        case TimeUnit::minute:
            return clock / kMinute % 60;
        case TimeUnit::hour:
            return clock / kHour;
        case TimeUnit::day:
            return static_cast<unsigned>(date.day());
        case TimeUnit::week: {
            const sys_days fourth{iso_year_of(day) / January / 4};  // always in the first week
            return (monday_of(day) - monday_of(fourth)).count() / 7 + 1;
        }
        case TimeUnit::month:
            return static_cast<unsigned>(date.month());
        case TimeUnit::quarter:
            return (static_cast<unsigned>(date.month()) + 2) / 3;
        case TimeUnit::year:
            return static_cast<int>(date.year());
        case TimeUnit::dow:
            return weekday{day}.c_encoding();
        case TimeUnit::isodow:
            return weekday{day}.iso_encoding();
        case TimeUnit::doy:
            return (day - sys_days{date.year() / January / 1}).count() + 1;
        case TimeUnit::isoyear:
            return static_cast<int>(iso_year_of(day));
        case TimeUnit::epoch:
            return ms;
    }
    return 0;
}

}  // namespace kstream::expr
