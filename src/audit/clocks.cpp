#include "audit/clocks.hpp"

#include "kstream/check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

namespace kstream::audit {
namespace {

constexpr std::int64_t kMinute = 60'000;
constexpr std::int64_t kHour = 60 * kMinute;
constexpr std::int64_t kDay = 24 * kHour;
constexpr std::int64_t kDaySeconds = 86'400;
// No clock is further from UTC.
constexpr std::int64_t kFurthestMs = 26 * kHour;
// PostgreSQL takes no offset of a text that is 16 hours or more.
constexpr int kLastOffsetHour = 15;

constexpr std::array kDaysOfMonths{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

std::int64_t floor_divide(std::int64_t a, std::int64_t b) {
    return a >= 0 ? a / b : -((-a + b - 1) / b);
}
std::int64_t floor_rest(std::int64_t a, std::int64_t b) {
    return a - floor_divide(a, b) * b;
}

bool is_leap(std::int64_t year) {
    return floor_rest(year, 4) == 0 && (floor_rest(year, 100) != 0 || floor_rest(year, 400) == 0);
}
int days_of(std::int64_t year, int month) {
    return kDaysOfMonths.at(static_cast<std::size_t>(month - 1)) +
           (month == 2 && is_leap(year) ? 1 : 0);
}
// From the first day of the year 1 to that of this one.
std::int64_t days_before(std::int64_t year) {
    const std::int64_t past = year - 1;
    return 365 * past + floor_divide(past, 4) - floor_divide(past, 100) + floor_divide(past, 400);
}

// 1 is Monday; the first day of 1970 was a Thursday.
int weekday_of(std::int64_t day) {
    return static_cast<int>(floor_rest(day + 3, 7)) + 1;
}
std::int64_t first_of_year(std::int64_t year) {
    return day_number({.year = year, .month = 1, .day = 1});
}
// A week of ISO 8601 belongs to the year that has its Thursday.
std::int64_t thursday_of(std::int64_t day) {
    return day - weekday_of(day) + 4;
}

class Characters {
public:
    explicit Characters(std::string_view text) : rest_(text) {}

    [[nodiscard]] bool empty() const { return rest_.empty(); }
    [[nodiscard]] bool next_is_digit() const {
        return !rest_.empty() && rest_.front() >= '0' && rest_.front() <= '9';
    }
    bool skip(char c) {
        if (!rest_.starts_with(c)) {
            return false;
        }
        rest_.remove_prefix(1);
        return true;
    }
    // So many digits; -1 where they are not there.
    int digits(int count) {
        int value = 0;
        for (int i = 0; i < count; ++i) {
            if (!next_is_digit()) {
                return -1;
            }
            value = value * 10 + (rest_.front() - '0');
            rest_.remove_prefix(1);
        }
        return value;
    }
    [[nodiscard]] std::string_view& rest() { return rest_; }

private:
    std::string_view rest_;
};

bool within(int value, int least, int most) {
    return value >= least && value <= most;
}

}  // namespace

// ---- the calendar ------------------------------------------------------------------------------

std::int64_t day_number(const Date& date) {
    std::int64_t days = days_before(date.year) - days_before(1970) + date.day - 1;
    for (int month = 1; month < date.month; ++month) {
        days += days_of(date.year, month);
    }
    return days;
}

Date date_of(std::int64_t day) {
    Date date{.year = 0, .month = 1, .day = 1};
    // 400 years have the same days again and again.
    constexpr std::int64_t kCycleDays = 146'097;
    const std::int64_t cycles = floor_divide(day, kCycleDays);
    std::int64_t rest = day - cycles * kCycleDays;
    date.year = 1970 + 400 * cycles;
    while (rest >= (is_leap(date.year) ? 366 : 365)) {
        rest -= is_leap(date.year) ? 366 : 365;
        ++date.year;
    }
    while (rest >= days_of(date.year, date.month)) {
        rest -= days_of(date.year, date.month);
        ++date.month;
    }
    date.day += static_cast<int>(rest);
    return date;
}

std::optional<std::int64_t> read_instant(std::string_view text) {
    Characters in{text};
    Date date;
    date.year = in.digits(4);
    const bool dashed = in.skip('-');
    date.month = in.digits(2);
    const bool dashed_again = in.skip('-');
    date.day = in.digits(2);
    if (date.year < 1 || !dashed || !dashed_again || !within(date.month, 1, 12) ||
        !within(date.day, 1, days_of(date.year, date.month)) || (!in.skip('T') && !in.skip(' '))) {
        return std::nullopt;
    }
    const int hour = in.digits(2);
    const bool divided = in.skip(':');
    const int minute = in.digits(2);
    int second = 0;
    std::int64_t ms = 0;
    if (in.skip(':')) {
        second = in.digits(2);
        if (in.skip('.')) {
            if (!in.next_is_digit()) {
                return std::nullopt;
            }
            for (int place = 100; in.next_is_digit(); place /= 10) {
                ms += std::int64_t{place} * in.digits(1);
            }
        }
    }
    if (!divided || !within(hour, 0, 23) || !within(minute, 0, 59) || !within(second, 0, 59)) {
        return std::nullopt;
    }
    ms += day_number(date) * kDay + hour * kHour + minute * kMinute + std::int64_t{second} * 1'000;
    if (in.skip('Z')) {
        return in.empty() ? std::optional{ms} : std::nullopt;
    }
    const bool west = in.skip('-');
    if (!west && !in.skip('+')) {
        return std::nullopt;
    }
    const int hours = in.digits(2);
    int minutes = 0;
    if (!in.empty()) {
        (void)in.skip(':');
        minutes = in.digits(2);
    }
    if (!in.empty() || !within(hours, 0, kLastOffsetHour) || !within(minutes, 0, 59)) {
        return std::nullopt;
    }
    const std::int64_t offset = hours * kHour + minutes * kMinute;
    return west ? ms + offset : ms - offset;
}

std::string instant_text(std::int64_t ms) {
    const Date date = date_of(floor_divide(ms, kDay));
    const std::int64_t clock = floor_rest(ms, kDay);
    const std::string fraction = clock % 1'000 == 0 ? "" : fmt::format(".{:03}", clock % 1'000);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}{}Z", date.year, date.month, date.day,
                       clock / kHour, clock / kMinute % 60, clock / 1'000 % 60, fraction);
}

bool within_a_day(std::string_view unit) {
    return unit == "second" || unit == "minute" || unit == "hour";
}

std::int64_t beginning_of(std::string_view unit, std::int64_t ms) {
    if (unit == "second") {
        return floor_divide(ms, 1'000) * 1'000;
    }
    if (unit == "minute") {
        return floor_divide(ms, kMinute) * kMinute;
    }
    if (unit == "hour") {
        return floor_divide(ms, kHour) * kHour;
    }
    std::int64_t day = floor_divide(ms, kDay);
    Date date = date_of(day);
    if (unit == "week") {
        day -= weekday_of(day) - 1;
    } else if (unit != "day") {
        if (unit == "quarter") {
            date.month -= (date.month - 1) % 3;
        } else if (unit == "year") {
            date.month = 1;
        } else {
            KSTREAM_CHECK(unit == "month", "units are checked with the statement");
        }
        date.day = 1;
        day = day_number(date);
    }
    return day * kDay;
}

TimePart part_of(std::string_view unit, std::int64_t ms) {
    const std::int64_t day = floor_divide(ms, kDay);
    const std::int64_t clock = floor_rest(ms, kDay);
    const Date date = date_of(day);
    if (unit == "epoch") {
        return {ms, 3};
    }
    if (unit == "second") {
        return {clock % kMinute, 3};
    }
    const auto whole = [&]() -> std::int64_t {
        if (unit == "minute") {
            return clock / kMinute % 60;
        }
        if (unit == "hour") {
            return clock / kHour;
        }
        if (unit == "day") {
            return date.day;
        }
        if (unit == "dow") {
            return weekday_of(day) % 7;
        }
        if (unit == "isodow") {
            return weekday_of(day);
        }
        if (unit == "doy") {
            return day - first_of_year(date.year) + 1;
        }
        if (unit == "month") {
            return date.month;
        }
        if (unit == "quarter") {
            return (date.month - 1) / 3 + 1;
        }
        if (unit == "year") {
            return date.year;
        }
        const std::int64_t thursday = thursday_of(day);
        const std::int64_t year = date_of(thursday).year;
        if (unit == "isoyear") {
            return year;
        }
        KSTREAM_CHECK(unit == "week", "units are checked with the statement");
        return (thursday - first_of_year(year)) / 7 + 1;
    };
    return {whole(), 0};
}

// ---- zones -------------------------------------------------------------------------------------

// The rule behind the last change, as POSIX has it in TZ: <-03>3, EST5EDT,M3.2.0,M11.1.0/2.
class ZoneClock::RuleText {
public:
    explicit RuleText(std::string_view text) : in_(text) {}

    bool read(Rule& out) {
        if (!name() || !signed_time(out.standard_s)) {
            return false;
        }
        out.standard_s = -out.standard_s;  // POSIX counts to the west
        if (in_.empty()) {
            return true;
        }
        out.has_summer = true;
        out.summer_s = out.standard_s + 3'600;
        if (!name()) {
            return false;
        }
        if (!in_.skip(',')) {
            if (!signed_time(out.summer_s) || !in_.skip(',')) {
                return false;
            }
            out.summer_s = -out.summer_s;
        }
        return day(out.begin) && in_.skip(',') && day(out.end) && in_.empty();
    }

private:
    bool name() {
        std::string_view& rest = in_.rest();
        std::size_t size = 0;
        if (rest.starts_with('<')) {
            size = rest.find('>') + 1;  // 0 where there is none
        } else {
            while (size < rest.size() && ((rest[size] >= 'a' && rest[size] <= 'z') ||
                                          (rest[size] >= 'A' && rest[size] <= 'Z'))) {
                ++size;
            }
        }
        rest.remove_prefix(size);
        return size > 0;
    }
    bool number(int& out) {
        if (!in_.next_is_digit()) {
            return false;
        }
        out = 0;
        while (in_.next_is_digit() && out < 1'000) {
            out = out * 10 + in_.digits(1);
        }
        return true;
    }
    bool signed_time(std::int64_t& out) {
        const bool negative = in_.skip('-');
        if (!negative) {
            (void)in_.skip('+');
        }
        int part = 0;
        if (!number(part)) {
            return false;
        }
        out = std::int64_t{part} * 3'600;
        for (const int seconds : {60, 1}) {
            if (!in_.skip(':')) {
                break;
            }
            if (!number(part)) {
                return false;
            }
            out += std::int64_t{part} * seconds;
        }
        out = negative ? -out : out;
        return true;
    }
    bool day(RuleDay& out) {
        if (in_.skip('M')) {
            if (!number(out.month) || !in_.skip('.') || !number(out.week) || !in_.skip('.') ||
                !number(out.day) || !within(out.month, 1, 12) || !within(out.week, 1, 5) ||
                !within(out.day, 0, 6)) {
                return false;
            }
        } else {
            out.kind = in_.skip('J') ? 'J' : '0';
            if (!number(out.day) || out.day > 366) {
                return false;
            }
        }
        return !in_.skip('/') || signed_time(out.time_s);
    }

    Characters in_;
};

std::int64_t ZoneClock::RuleDay::local_s(std::int64_t year) const {
    std::int64_t on = first_of_year(year);
    if (kind == 'J') {  // the 29th of February is not counted
        on += day - 1 + (is_leap(year) && day >= 60 ? 1 : 0);
    } else if (kind == '0') {
        on += day;
    } else {
        const std::int64_t first = day_number({.year = year, .month = month, .day = 1});
        const int wanted = day == 0 ? 7 : day;
        on = first + floor_rest(wanted - weekday_of(first), 7) + std::int64_t{7} * (week - 1);
        if (on >= first + days_of(year, month)) {  // the fifth week is the last one
            on -= 7;
        }
    }
    return on * kDaySeconds + time_s;
}

std::optional<ZoneClock> ZoneClock::parse(std::string_view file) {
    std::size_t at = 0;
    bool good = true;
    const auto take = [&](std::size_t bytes) {
        std::uint64_t value = 0;
        if (!good || bytes > file.size() - at) {
            good = false;
            return value;
        }
        for (std::size_t i = 0; i < bytes; ++i) {
            value = value << 8 | static_cast<unsigned char>(file[at++]);
        }
        return value;
    };
    const auto skip = [&](std::size_t bytes) {
        good = good && bytes <= file.size() - at;
        at += good ? bytes : 0;
    };
    struct Counts {
        std::size_t utc = 0;
        std::size_t standard = 0;
        std::size_t leaps = 0;
        std::size_t times = 0;
        std::size_t types = 0;
        std::size_t letters = 0;
    };
    const auto header = [&] {
        const bool named = file.substr(std::min(at, file.size())).starts_with("TZif");
        skip(4);
        const std::uint64_t version = take(1);
        skip(15);
        Counts counts;
        for (std::size_t* const count : {&counts.utc, &counts.standard, &counts.leaps,
                                         &counts.times, &counts.types, &counts.letters}) {
            *count = take(4);
        }
        good = good && named && version >= '2';
        return counts;
    };
    // Of the block of times of 4 bytes nothing is wanted.
    const Counts first = header();
    skip(first.times * 5 + first.types * 6 + first.letters + first.leaps * 8 + first.standard +
         first.utc);
    const Counts counts = header();
    if (!good || counts.types == 0 || counts.times > file.size() || counts.types > file.size()) {
        return std::nullopt;
    }
    ZoneClock zone;
    std::vector<std::size_t> types(counts.times);
    for (std::size_t i = 0; i < counts.times; ++i) {
        zone.changes_.push_back({static_cast<std::int64_t>(take(8)), 0});
    }
    for (std::size_t& type : types) {
        type = take(1);
    }
    std::vector<std::int64_t> offsets;
    for (std::size_t i = 0; i < counts.types; ++i) {
        offsets.push_back(static_cast<std::int32_t>(take(4)));
        skip(2);
    }
    skip(counts.letters + counts.leaps * 12 + counts.standard + counts.utc);
    if (!good || take(1) != '\n') {
        return std::nullopt;
    }
    zone.first_offset_s_ = offsets.front();
    for (std::size_t i = 0; i < types.size(); ++i) {
        if (types[i] >= offsets.size() ||
            (i > 0 && zone.changes_[i].at_s <= zone.changes_[i - 1].at_s)) {
            return std::nullopt;
        }
        zone.changes_[i].offset_s = offsets[types[i]];
    }
    const std::string_view rest = file.substr(at);
    if (!rest.ends_with('\n')) {
        return std::nullopt;
    }
    if (const std::string_view rule = rest.substr(0, rest.size() - 1); !rule.empty()) {
        ZoneClock::Rule
            found;  // not emplaced: Clang does not take a nested struct's defaults there
        if (!RuleText{rule}.read(found)) {
            return std::nullopt;
        }
        zone.rule_ = found;
    }
    return zone;
}

std::vector<std::int64_t> ZoneClock::rule_changes(std::int64_t year) const {
    if (!rule_ || !rule_->has_summer) {
        return {};
    }
    return {rule_->begin.local_s(year) - rule_->standard_s,
            rule_->end.local_s(year) - rule_->summer_s};
}

std::int64_t ZoneClock::offset_s(std::int64_t utc_s) const {
    const auto behind = std::ranges::upper_bound(changes_, utc_s, {}, &Change::at_s);
    const std::int64_t known =
        behind == changes_.begin() ? first_offset_s_ : (behind - 1)->offset_s;
    if (behind != changes_.end() || !rule_ || !rule_->has_summer) {
        return known;
    }
    // The last change of the rule before this instant; what came of a rule in front of the last
    // written change does not count.
    const std::int64_t year = date_of(floor_divide(utc_s, kDaySeconds)).year;
    std::optional<Change> last;
    for (std::int64_t of = year - 1; of <= year + 1; ++of) {
        const std::vector<std::int64_t> at = rule_changes(of);
        for (std::size_t i = 0; i < at.size(); ++i) {
            const bool counts =
                at[i] <= utc_s && (changes_.empty() || at[i] > changes_.back().at_s);
            if (counts && (!last || at[i] > last->at_s)) {
                last = Change{at[i], i == 0 ? rule_->summer_s : rule_->standard_s};
            }
        }
    }
    return last ? last->offset_s : known;
}

std::int64_t ZoneClock::local(std::int64_t utc_ms) const {
    return utc_ms + offset_s(floor_divide(utc_ms, 1'000)) * 1'000;
}

// It is reached by the clocks' own going, with one of the offsets, or by their being changed: so it
// is the earliest of those few instants at which they show as much.
std::int64_t ZoneClock::first_instant(std::int64_t local_ms) const {
    const std::int64_t from = floor_divide(local_ms - kFurthestMs, 1'000);
    const std::int64_t to = floor_divide(local_ms + kFurthestMs, 1'000) + 1;
    std::vector<std::int64_t> changed;
    for (const Change& change : changes_) {
        if (change.at_s > from && change.at_s <= to) {
            changed.push_back(change.at_s);
        }
    }
    const std::int64_t year = date_of(floor_divide(from, kDaySeconds)).year;
    for (std::int64_t of = year; of <= year + 1; ++of) {
        for (const std::int64_t at : rule_changes(of)) {
            if (at > from && at <= to && (changes_.empty() || at > changes_.back().at_s)) {
                changed.push_back(at);
            }
        }
    }
    std::vector<std::int64_t> candidates{local_ms - offset_s(from) * 1'000};
    for (const std::int64_t at : changed) {
        candidates.push_back(at * 1'000);
        candidates.push_back(local_ms - offset_s(at) * 1'000);
    }
    std::ranges::sort(candidates);
    for (const std::int64_t candidate : candidates) {
        if (candidate >= from * 1'000 && local(candidate) >= local_ms) {
            return candidate;
        }
    }
    KSTREAM_CHECK(false, "every local time comes");
    return local_ms;
}

Result<ZoneClock> read_zone(const std::string& name, const ZoneBytes& zones) {
    const std::optional<std::string> file = zones ? zones(name) : std::nullopt;
    std::optional<ZoneClock> zone = file ? ZoneClock::parse(*file) : std::nullopt;
    if (!zone) {
        return fail(ExitCode::usage,
                    fmt::format("the statement names the time zone '{}', which {}", name,
                                file ? "has a file that the audit cannot read"
                                     : "this machine does not know"),
                    "zones are named as in America/Sao_Paulo, and come with the package "
                    "tzdata");
    }
    return *std::move(zone);
}

}  // namespace kstream::audit
