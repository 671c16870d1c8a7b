#include "job/times.hpp"

#include <fmt/format.h>

#include <array>
#include <string_view>

namespace kstream::job {

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
        if (milliseconds >= unit.size && milliseconds % unit.size == 0) {
            const std::int64_t count = milliseconds / unit.size;
            return fmt::format("{} {}{}", count, unit.name, count == 1 ? "" : "s");
        }
    }
    return "0 seconds";
}

}  // namespace kstream::job
