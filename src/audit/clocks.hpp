// Times as the audit reckons with them: a calendar and zones of its own, which share nothing with
// those of the loops (core, expr). Instants are milliseconds since 1970 in UTC; a local time is
// counted as if its clocks showed UTC.
#pragma once

#include "kstream/error.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kstream::audit {

// 1970-01-01T00:00:00.000Z and 9999-12-31T23:59:59.999Z.
inline constexpr std::int64_t kFirstInstant = 0;
inline constexpr std::int64_t kLastInstant = 253'402'300'799'999;

struct Date {
    std::int64_t year = 0;
    int month = 0;
    int day = 0;
};
// Days since 1970, before which they are negative.
[[nodiscard]] std::int64_t day_number(const Date& date);
[[nodiscard]] Date date_of(std::int64_t day);

// Milliseconds of a text with an offset, also outside of the years that a record may have; none
// where it is no time.
[[nodiscard]] std::optional<std::int64_t> read_instant(std::string_view text);
[[nodiscard]] std::string instant_text(std::int64_t ms);

// Of the units that date_trunc takes.
[[nodiscard]] std::int64_t beginning_of(std::string_view unit, std::int64_t local_ms);
// Whether a unit is less than a day.
[[nodiscard]] bool within_a_day(std::string_view unit);

struct TimePart {
    std::int64_t units = 0;
    int scale = 0;
};
[[nodiscard]] TimePart part_of(std::string_view unit, std::int64_t local_ms);

// A time zone, from the bytes of its file (TZif, RFC 9636).
class ZoneClock {
public:
    // None: it cannot be read.
    [[nodiscard]] static std::optional<ZoneClock> parse(std::string_view file);

    [[nodiscard]] std::int64_t local(std::int64_t utc_ms) const;
    // The first instant at which its clocks show this or later, having shown earlier.
    [[nodiscard]] std::int64_t first_instant(std::int64_t local_ms) const;

private:
    struct Change {
        std::int64_t at_s = 0;
        std::int64_t offset_s = 0;
    };
    // One of the two days of a rule on which clocks change.
    struct RuleDay {
        char kind = 'M';  // or J, or 0: as POSIX has them
        int month = 0;
        int week = 0;
        int day = 0;
        std::int64_t time_s = 7'200;
        [[nodiscard]] std::int64_t local_s(std::int64_t year) const;
    };
    struct Rule {
        std::int64_t standard_s = 0;  // east of UTC
        std::int64_t summer_s = 0;
        bool has_summer = false;
        RuleDay begin;  // of summer
        RuleDay end;
    };
    class RuleText;

    [[nodiscard]] std::int64_t offset_s(std::int64_t utc_s) const;
    // When the rule changes clocks in that year, in UTC.
    [[nodiscard]] std::vector<std::int64_t> rule_changes(std::int64_t year) const;

    std::int64_t first_offset_s_ = 0;
    std::vector<Change> changes_;
    std::optional<Rule> rule_;  // after the last change
};

// The bytes of a zone's file by its name; none where there is no such zone.
using ZoneBytes = std::function<std::optional<std::string>(std::string_view name)>;
// Of a zone that a statement names. usage where there is no such zone, or its file is none.
[[nodiscard]] Result<ZoneClock> read_zone(const std::string& name, const ZoneBytes& zones);

}  // namespace kstream::audit
