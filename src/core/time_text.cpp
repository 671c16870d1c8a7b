#include "kstream/core/time_text.hpp"

#include <fmt/format.h>

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

}  // namespace kstream
