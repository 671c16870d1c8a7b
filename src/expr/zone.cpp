#include "kstream/expr/zone.hpp"

#include "kstream/core/stable_hash.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <iterator>
#include <limits>

namespace kstream::expr {
namespace {

constexpr std::size_t kHeaderBytes = 44;
constexpr std::size_t kCounts = 20;  // where the six counts stand
// The rule after the last transition is written out up to here: 16,000 transitions, once.
constexpr int kLastYear = 10'000;
// No clock is further from UTC.
constexpr std::int64_t kMaxOffsetMs = std::int64_t{26} * 3'600'000;
constexpr std::int64_t kBeforeEverything = std::numeric_limits<std::int64_t>::min() / 2'000;

template <typename T>
T big_endian(std::string_view bytes, std::size_t at) {
    T value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) {
        value = static_cast<T>(static_cast<T>(value << 8) |
                               static_cast<T>(static_cast<unsigned char>(bytes[at + i])));
    }
    return value;
}

struct Header {
    char version = '\0';
    std::uint32_t utc_flags = 0;
    std::uint32_t standard_flags = 0;
    std::uint32_t leaps = 0;
    std::uint32_t transitions = 0;
    std::uint32_t types = 0;
    std::uint32_t letters = 0;

    [[nodiscard]] std::size_t bytes(std::size_t time_bytes) const {
        return std::size_t{transitions} * (time_bytes + 1) + std::size_t{types} * 6 + letters +
               std::size_t{leaps} * (time_bytes + 4) + standard_flags + utc_flags;
    }
};

bool read_header(std::string_view file, std::size_t at, Header& out) {
    if (file.size() < at + kHeaderBytes || file.substr(at, 4) != "TZif") {
        return false;
    }
    const auto count = [&](std::size_t i) {
        return big_endian<std::uint32_t>(file, at + kCounts + 4 * i);
    };
    out = {file[at + 4], count(0), count(1), count(2), count(3), count(4), count(5)};
    return true;
}

// The rule of a footer, as POSIX has it in TZ.
struct Day {
    enum class Kind : std::uint8_t { month, julian, zero_based } kind = Kind::month;
    int month = 0;
    int week = 0;
    int day = 0;
    std::int64_t time_s = 7'200;
};

class RuleReader {
public:
    explicit RuleReader(std::string_view text) : rest_(text) {}

    bool name() {
        std::size_t size = 0;
        if (rest_.starts_with('<')) {
            size = rest_.find('>');
            size = size == std::string_view::npos ? 0 : size + 1;
        } else {
            while (size < rest_.size() &&
                   ((rest_[size] | 0x20) >= 'a' && (rest_[size] | 0x20) <= 'z')) {
                ++size;
            }
        }
        rest_.remove_prefix(size);
        return size > 0;
    }
    bool number(int& out) {
        std::size_t size = 0;
        out = 0;
        while (size < rest_.size() && size < 4 && rest_[size] >= '0' && rest_[size] <= '9') {
            out = out * 10 + (rest_[size++] - '0');
        }
        rest_.remove_prefix(size);
        return size > 0;
    }
    bool take(char c) {
        const bool there = rest_.starts_with(c);
        rest_.remove_prefix(there ? 1 : 0);
        return there;
    }
    // [+-]hh[:mm[:ss]]
    bool time(std::int64_t& out) {
        const bool negative = take('-');
        if (!negative) {
            take('+');
        }
        int part = 0;
        if (!number(part)) {
            return false;
        }
        out = std::int64_t{part} * 3'600;
        for (const int unit : {60, 1}) {
            if (!take(':')) {
                break;
            }
            if (!number(part)) {
                return false;
            }
            out += std::int64_t{part} * unit;
        }
        out = negative ? -out : out;
        return true;
    }
    bool day(Day& out) {
        bool good = false;
        if (take('M')) {
            good = number(out.month) && take('.') && number(out.week) && take('.') &&
                   number(out.day) && out.month >= 1 && out.month <= 12 && out.week >= 1 &&
                   out.week <= 5 && out.day <= 6;
        } else {
            out.kind = take('J') ? Day::Kind::julian : Day::Kind::zero_based;
            good = number(out.day) && out.day <= 366;
        }
        return good && (!take('/') || time(out.time_s));
    }
    [[nodiscard]] bool empty() const { return rest_.empty(); }

private:
    std::string_view rest_;
};

// Midnight of that day, as if clocks showed UTC, and the time on top.
std::int64_t local_second(const Day& day, int year) {
    using namespace std::chrono;
    const std::chrono::year in{year};
    sys_days date;
    switch (day.kind) {
        case Day::Kind::month: {
            const std::chrono::month month{static_cast<unsigned>(day.month)};
            const weekday wanted{static_cast<unsigned>(day.day)};
            date = day.week == 5 ? sys_days{in / month / wanted[last]}
                                 : sys_days{in / month / wanted[static_cast<unsigned>(day.week)]};
            break;
        }
        case Day::Kind::julian:  // the 29th of February is not counted
            date = sys_days{in / January / 1} +
                   days{day.day - 1 + (in.is_leap() && day.day >= 60 ? 1 : 0)};
            break;
        case Day::Kind::zero_based:
            date = sys_days{in / January / 1} + days{day.day};
            break;
    }
    return std::int64_t{date.time_since_epoch().count()} * 86'400 + day.time_s;
}

constexpr std::int64_t floor_seconds(std::int64_t ms) {
    return ms >= 0 ? ms / 1'000 : -((-ms + 999) / 1'000);
}

}  // namespace

std::optional<Zone> Zone::parse(std::string_view file) {
    Header header;
    if (!read_header(file, 0, header) || header.version < '2') {
        return std::nullopt;
    }
    const std::size_t second = kHeaderBytes + header.bytes(4);
    if (!read_header(file, second, header)) {
        return std::nullopt;
    }
    const std::size_t times = second + kHeaderBytes;
    const std::size_t footer = times + header.bytes(8);
    if (header.types == 0 || file.size() < footer + 2 || file[footer] != '\n' ||
        file.back() != '\n') {
        return std::nullopt;
    }
    const std::size_t kinds = times + std::size_t{header.transitions} * 8;
    const std::size_t types = kinds + header.transitions;
    const auto offset_of = [&](std::size_t type) {
        return std::bit_cast<std::int32_t>(big_endian<std::uint32_t>(file, types + type * 6));
    };
    Zone zone;
    zone.transitions_.push_back({kBeforeEverything, offset_of(0)});
    for (std::size_t i = 0; i < header.transitions; ++i) {
        const auto type = static_cast<unsigned char>(file[kinds + i]);
        const auto at = std::bit_cast<std::int64_t>(big_endian<std::uint64_t>(file, times + i * 8));
        if (type >= header.types || (i > 0 && at <= zone.transitions_.back().at_s)) {
            return std::nullopt;
        }
        if (at > kBeforeEverything) {
            zone.transitions_.push_back({at, offset_of(type)});
        }
    }
    const std::string_view rule = file.substr(footer + 1, file.size() - footer - 2);
    if (!rule.empty() && !zone.extend(rule)) {
        return std::nullopt;
    }
    return zone;
}

bool Zone::extend(std::string_view rule) {
    RuleReader reader{rule};
    std::int64_t standard_s = 0;
    if (!reader.name() || !reader.time(standard_s)) {
        return false;
    }
    const std::int64_t last_s = transitions_.back().at_s;
    const auto standard = static_cast<std::int32_t>(-standard_s);  // POSIX counts to the west
    const auto add = [&](std::int64_t at_s, std::int32_t offset_s) {
        if (at_s > last_s) {
            transitions_.push_back({at_s, offset_s});
        }
    };
    if (reader.empty()) {
        return true;  // as after the last transition
    }
    std::int64_t summer_s = standard_s - 3'600;
    if (!reader.name()) {
        return false;
    }
    Day begin;
    Day end;
    if (!reader.take(',') && (!reader.time(summer_s) || !reader.take(','))) {
        return false;
    }
    if (!reader.day(begin) || !reader.take(',') || !reader.day(end) || !reader.empty()) {
        return false;
    }
    const auto summer = static_cast<std::int32_t>(-summer_s);
    const auto year_of = [](std::int64_t second) {
        const std::chrono::sys_days day{
            std::chrono::floor<std::chrono::days>(std::chrono::seconds{second})};
        return static_cast<int>(std::chrono::year_month_day{day}.year());
    };
    const int first_year = transitions_.size() > 1 ? year_of(last_s) : 1'900;
    for (int year = first_year; year <= kLastYear; ++year) {
        const Transition to_summer{local_second(begin, year) - standard, summer};
        const Transition to_standard{local_second(end, year) - summer, standard};
        const bool north = to_summer.at_s < to_standard.at_s;
        for (const Transition& one :
             {north ? to_summer : to_standard, north ? to_standard : to_summer}) {
            add(one.at_s, one.offset_s);
        }
    }
    return true;
}

std::vector<Zone::Transition>::const_iterator Zone::at(std::int64_t utc_s) const {
    const auto behind = std::ranges::upper_bound(transitions_, utc_s, {}, &Transition::at_s);
    return behind == transitions_.begin() ? behind : behind - 1;
}

std::int64_t Zone::local(std::int64_t utc_ms) const {
    return utc_ms + std::int64_t{at(floor_seconds(utc_ms))->offset_s} * 1'000;
}

std::uint64_t Zone::fingerprint() const {
    using namespace std::chrono;
    // A Monday: no unit begins earlier that has an instant of 1970 in it, wherever.
    constexpr std::int64_t kFrom =
        sys_seconds{sys_days{year{1968} / December / 30}}.time_since_epoch().count();
    constexpr std::int64_t kTo =
        sys_seconds{sys_days{year{kLastYear + 1} / January / 1}}.time_since_epoch().count();
    auto one = at(kFrom);
    std::int32_t offset_s = one->offset_s;
    std::string text = fmt::format("{}\n", offset_s);
    for (++one; one != transitions_.end() && one->at_s < kTo; ++one) {
        if (one->offset_s != offset_s) {  // else only a name has changed
            offset_s = one->offset_s;
            fmt::format_to(std::back_inserter(text), "{} {}\n", one->at_s, offset_s);
        }
    }
    return static_cast<std::uint64_t>(stable_hash(text) >> 64);
}

std::int64_t Zone::first_instant(std::int64_t local_ms) const {
    auto one = at(floor_seconds(local_ms - kMaxOffsetMs));
    for (;; ++one) {
        const auto next = one + 1;
        const std::int64_t shows = local_ms - std::int64_t{one->offset_s} * 1'000;
        const std::int64_t instant = std::max(shows, one->at_s * 1'000);
        if (next == transitions_.end() || instant < next->at_s * 1'000) {
            return instant;
        }
    }
}

}  // namespace kstream::expr
