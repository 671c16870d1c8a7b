#include "kstream/expr/window.hpp"

#include "kstream/check.hpp"

#include <fmt/format.h>

#include <numeric>
#include <utility>

namespace kstream::expr {
namespace {

// The last of origin + n * length at or before `time`, also where that is before the origin.
std::int64_t floor_to(std::int64_t time, std::int64_t length, std::int64_t origin) {
    const std::int64_t past = (time - origin) % length;
    return time - (past < 0 ? past + length : past);
}

// Where the unit after the one that begins at `local` begins, by the clocks of the zone: in the
// next one are all those days after the beginning of this one.
std::int64_t next_unit(TimeUnit unit, std::int64_t local) {
    constexpr std::int64_t kDayMs = 86'400'000;
    const std::int64_t days = unit == TimeUnit::day       ? 1
                              : unit == TimeUnit::week    ? 7
                              : unit == TimeUnit::month   ? 31
                              : unit == TimeUnit::quarter ? 92
                                                          : 366;
    return truncate_time(unit, local + days * kDayMs);
}

}  // namespace

Windows::Windows(const job::Window& window, TimeUnit unit, std::optional<Zone> zone)
    : kind_(window.kind),
      size_(window.size),
      slide_(window.slide),
      origin_(window.origin),
      pane_(kind_ == job::WindowKind::hop ? std::gcd(size_, slide_) : size_),
      unit_(unit),
      zone_(std::move(zone)) {}

Result<Windows> Windows::make(const job::Window& window, const ZoneFiles& zones) {
    if (window.kind != job::WindowKind::calendar) {
        KSTREAM_CHECK(window.size > 0, "lengths are checked with the statement");
        return Windows{window, {}, {}};
    }
    const std::optional<TimeUnit> unit = time_unit_named(window.unit);
    KSTREAM_CHECK(unit >= TimeUnit::day && unit <= TimeUnit::year,
                  "units are checked with the statement");
    const std::optional<std::string> file = zones(window.zone);
    std::optional<Zone> zone = file ? Zone::parse(*file) : std::nullopt;
    if (!zone) {
        return fail(ExitCode::usage,
                    fmt::format("this machine does not know the time zone '{}'", window.zone),
                    "zones come with the package tzdata");
    }
    return Windows{window, *unit, std::move(zone)};
}

std::int64_t Windows::end_from(std::int64_t start) const {
    return kind_ == job::WindowKind::calendar ? pane(start).end : start + size_;
}

TimeSpan Windows::pane(std::int64_t time) const {
    switch (kind_) {
        case job::WindowKind::tumble:
        case job::WindowKind::hop: {
            const std::int64_t start = floor_to(time, pane_, origin_);
            return {start, start + pane_};
        }
        case job::WindowKind::calendar:
            return calendar(time);
        case job::WindowKind::session:
        case job::WindowKind::none:
            break;
    }
    return {time, time + 1};
}

// A unit begins at the first instant at which clocks show its beginning or later. Those starts
// never fall behind each other, local dates do: where clocks went back over midnight, an instant
// with yesterday's date lies in today's window. Of a date that was left out both bounds are one
// instant, and nothing is in it.
TimeSpan Windows::calendar(std::int64_t time) const {
    std::int64_t local = truncate_time(unit_, zone_->local(time));
    TimeSpan found{zone_->first_instant(local), 0};
    while (true) {
        local = next_unit(unit_, local);
        found.end = zone_->first_instant(local);
        if (time < found.end) {
            return found;
        }
        found.start = found.end;
    }
}

WindowStarts Windows::over(const TimeSpan& pane) const {
    // The first one still covers the pane, the one before it ends with its start or before.
    return {floor_to(pane.end - size_ + slide_ - 1, slide_, origin_),
            floor_to(pane.start, slide_, origin_)};
}

}  // namespace kstream::expr
