#include "audit/windows.hpp"

#include "kstream/check.hpp"

#include <string_view>
#include <utility>

namespace kstream::audit {
namespace {

constexpr std::int64_t kDay = 86'400'000;

// Where the unit after the one that begins there begins: in months, as a calendar counts them.
std::int64_t next_beginning(std::string_view unit, std::int64_t local_ms) {
    if (unit == "day" || unit == "week") {
        return local_ms + (unit == "day" ? kDay : 7 * kDay);
    }
    Date date = date_of(local_ms / kDay);
    date.month += unit == "month" ? 1 : unit == "quarter" ? 3 : 12;
    if (date.month > 12) {
        date.month -= 12;
        ++date.year;
    }
    return day_number(date) * kDay;
}

}  // namespace

Result<Windows> Windows::make(const job::Window& window, const ZoneBytes& zones) {
    Windows made{window};
    if (window.kind == job::WindowKind::calendar) {
        Result<ZoneClock> zone = read_zone(window.zone, zones);
        if (!zone) {
            return std::unexpected(std::move(zone.error()));
        }
        made.zone_ = std::move(*zone);
        return made;
    }
    KSTREAM_CHECK(window.size > 0, "lengths are checked with the statement");
    if (window.kind == job::WindowKind::hop) {
        // The longest length that divides both, as Euclid found it.
        for (std::int64_t rest = window.slide; rest > 0;) {
            const std::int64_t left = made.pane_ % rest;
            made.pane_ = rest;
            rest = left;
        }
    } else {
        KSTREAM_CHECK(
            window.kind == job::WindowKind::tumble || window.kind == job::WindowKind::session,
            "the audit knows these windows alone");
    }
    return made;
}

std::vector<WindowSpan> Windows::over(std::int64_t time) const {
    if (window_.kind != job::WindowKind::hop) {
        return {at(time)};
    }
    std::vector<WindowSpan> spans;
    // The first one that reaches to the instant.
    std::int64_t start = time - window_.size + 1;
    const std::int64_t past = (start - window_.origin) % window_.slide;
    start += past > 0 ? window_.slide - past : -past;
    for (; start <= time; start += window_.slide) {
        spans.push_back({start, start + window_.size});
    }
    return spans;
}

std::optional<WindowSpan> Windows::from(std::int64_t start) const {
    const bool hop = window_.kind == job::WindowKind::hop;
    const WindowSpan window = hop ? over(start).back() : at(start);
    return window.start == start ? std::optional{window} : std::nullopt;
}

WindowSpan Windows::at(std::int64_t time) const {
    if (window_.kind == job::WindowKind::session) {
        return {time, time + 1};
    }
    if (!zone_) {
        std::int64_t past = (time - window_.origin) % pane_;
        past += past < 0 ? pane_ : 0;
        return {time - past, time - past + pane_};
    }
    // The unit that the clocks show has begun. So may have the next one, where they went back over
    // its beginning since; one that was left out begins with the next one, and is none.
    std::int64_t local = beginning_of(window_.unit, zone_->local(time));
    WindowSpan span{zone_->first_instant(local), 0};
    KSTREAM_CHECK(span.start <= time, "what clocks show has begun");
    while (true) {
        local = next_beginning(window_.unit, local);
        const std::int64_t begins = zone_->first_instant(local);
        if (begins > time) {
            return {span.start, begins};
        }
        span.start = begins;
    }
}

}  // namespace kstream::audit
