#include "job/times.hpp"

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <string_view>

namespace kstream::job {

std::string iso_time(std::int64_t milliseconds) {
    namespace chrono = std::chrono;
    const chrono::sys_time<chrono::milliseconds> time{chrono::milliseconds{milliseconds}};
    const auto day = chrono::floor<chrono::days>(time);
    const chrono::year_month_day date{day};
    const chrono::hh_mm_ss clock{time - day};
    std::string text =
        fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()),
                    static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                    clock.hours().count(), clock.minutes().count(), clock.seconds().count());
    if (clock.subseconds().count() != 0) {
        text += fmt::format(".{:03}", clock.subseconds().count());
    }
    return text + 'Z';
}

std::string interval_text(std::int64_t milliseconds) {
    struct Unit {
        std::int64_t size;
        std::string_view name;
    };
    static constexpr auto kUnits = std::to_array<Unit>({{86'400'000, "day"},
                                                        {3'600'000, "hour"},
                                                        {60'000, "minute"},
                                                        {1000, "second"},
                                                        {1, "millisecond"}});
    for (const Unit& unit : kUnits) {
        if (milliseconds % unit.size == 0) {
            const std::int64_t count = milliseconds / unit.size;
            return fmt::format("{} {}{}", count, unit.name, count == 1 ? "" : "s");
        }
    }
    return {};
}

}  // namespace kstream::job
