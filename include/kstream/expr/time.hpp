// Instants as texts, and parts of times. All in milliseconds; a local time is counted as if its
// clocks showed UTC.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kstream::expr {

// The years 1970 to 9999, in UTC.
inline constexpr std::int64_t kMinTime = 0;
inline constexpr std::int64_t kMaxTime = 253'402'300'799'999;

enum class TimeText : std::uint8_t { fine, format, range };

// YYYY-MM-DD, `T` or a blank, HH:MM[:SS[.digits]], and Z, +HH, +HH:MM or +HHMM. Digits finer than a
// millisecond are cut; no 24:00, no second 60. `range`: not within the years above.
[[nodiscard]] TimeText parse_timestamp(std::string_view text, std::int64_t& out);

// What date_trunc and extract take. Their names are those of SQL.
enum class TimeUnit : std::uint8_t {
    second,
    minute,
    hour,
    day,
    week,  // of ISO 8601: begins on Monday
    month,
    quarter,
    year,
    // extract alone:
    dow,     // 0 is Sunday
    isodow,  // 1 is Monday
    doy,
    isoyear,
    epoch,
};
[[nodiscard]] std::optional<TimeUnit> time_unit_named(std::string_view name);

// The beginning of its unit; not of those that extract alone takes.
[[nodiscard]] std::int64_t truncate_time(TimeUnit unit, std::int64_t local_ms);
// The part of it; seconds and epoch in thousandths.
[[nodiscard]] std::int64_t time_part(TimeUnit unit, std::int64_t local_ms);
[[nodiscard]] constexpr bool in_thousandths(TimeUnit unit) {
    return unit == TimeUnit::second || unit == TimeUnit::epoch;
}

}  // namespace kstream::expr
