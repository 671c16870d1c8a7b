#include "job/times.hpp"

#include <fmt/format.h>

#include <array>
#include <string_view>

namespace kstream::job {
namespace {

struct LengthUnit {
    std::int64_t size;
    std::string_view name;
};
constexpr auto kLengthUnits = std::to_array<LengthUnit>({{86'400'000, "day"},
                                                         {3'600'000, "hour"},
                                                         {60'000, "minute"},
                                                         {1000, "second"},
                                                         {1, "millisecond"}});

std::string counted(std::int64_t count, const LengthUnit& unit) {
    return fmt::format("{} {}{}", count, unit.name, count == 1 ? "" : "s");
}

}  // namespace

std::string interval_text(std::int64_t milliseconds) {
    for (const LengthUnit& unit : kLengthUnits) {
        if (milliseconds >= unit.size && milliseconds % unit.size == 0) {
            return counted(milliseconds / unit.size, unit);
        }
    }
    return "0 seconds";
}

std::string length_text(std::int64_t milliseconds) {
    std::string text;
    for (const LengthUnit& unit : kLengthUnits) {
        if (const std::int64_t count = milliseconds / unit.size; count > 0) {
            text += (text.empty() ? "" : " ") + counted(count, unit);
        }
        milliseconds %= unit.size;
    }
    return text.empty() ? "0 seconds" : text;
}

}  // namespace kstream::job
