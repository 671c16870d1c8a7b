// Constants of a statement, read at the start: nothing of them is left to go wrong with a record.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kstream::job::sql {

// A literal of SQL's (".5", "1.", "1e3", "-7") as the shortest plain decimal; none when that has
// more than kMaxNumberDigits on one side of its point.
[[nodiscard]] std::optional<std::string> canonical_digits(std::string_view literal);

// A text by the grammar that x::numeric reads at run time: JSON's numbers.
[[nodiscard]] std::optional<std::string> strict_number(std::string_view text);

// How many digits of canonical ones stand before and after the point.
struct DigitCounts {
    int before = 0;  // without a leading 0
    int behind = 0;
};
[[nodiscard]] DigitCounts count_digits(std::string_view canonical);

[[nodiscard]] std::optional<std::int32_t> to_int32(std::string_view canonical);

// Milliseconds since 1970 of an ISO 8601 time with its offset, years 1970 to 9999.
[[nodiscard]] std::optional<std::int64_t> parse_time(std::string_view text);

// Milliseconds of '15 minutes', '1 day 12 hours': units of a fixed length, 0 or more in all.
[[nodiscard]] std::optional<std::int64_t> parse_interval(std::string_view text);

// UTC or a name of the tz database with an area. (PostgreSQL takes abbreviations and offsets too,
// whose sign people read the wrong way round.)
[[nodiscard]] bool is_zone_name(std::string_view text);

}  // namespace kstream::job::sql
