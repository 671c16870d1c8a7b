#include "kstream/core/time_text.hpp"

#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <iterator>

namespace kstream {

void append_timestamp(std::string& out, std::int64_t milliseconds) {
    namespace chrono = std::chrono;
    const chrono::sys_time<chrono::milliseconds> time{chrono::milliseconds{milliseconds}};
    const auto day = chrono::floor<chrono::days>(time);
    const chrono::year_month_day date{day};
    const chrono::hh_mm_ss clock{time - day};
    const auto write = std::back_inserter(out);
    fmt::format_to(write, "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()),
                   static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                   clock.hours().count(), clock.minutes().count(), clock.seconds().count());
    if (clock.subseconds().count() != 0) {
        fmt::format_to(write, ".{:03}", clock.subseconds().count());
    }
    out += 'Z';
}

std::optional<std::int64_t> read_timestamp(std::string_view text) {
    namespace chrono = std::chrono;
    constexpr std::string_view kForm = "0000-00-00T00:00:00";
    const auto number = [text](std::size_t at, std::size_t digits) {
        int value = 0;
        std::from_chars(text.data() + at, text.data() + at + digits, value);
        return value;
    };
    if (text.size() < kForm.size()) {
        return std::nullopt;
    }
    const chrono::year_month_day date{chrono::year{number(0, 4)},
                                      chrono::month{static_cast<unsigned>(number(5, 2))},
                                      chrono::day{static_cast<unsigned>(number(8, 2))}};
    const bool has_milliseconds = text.size() == kForm.size() + std::string_view{".000Z"}.size();
    if (!date.ok()) {
        return std::nullopt;
    }
    const chrono::milliseconds time =
        chrono::sys_days{date}.time_since_epoch() + chrono::hours{number(11, 2)} +
        chrono::minutes{number(14, 2)} + chrono::seconds{number(17, 2)} +
        chrono::milliseconds{has_milliseconds ? number(kForm.size() + 1, 3) : 0};
    // One instant has one text.
    std::string again;
    append_timestamp(again, time.count());
    return again == text ? std::optional{time.count()} : std::nullopt;
}

}  // namespace kstream
