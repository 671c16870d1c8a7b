// Windows: that they tile the line, and days of zones whose clocks jump over midnight. The bounds
// were found with Python's zoneinfo, by looking at every minute for the first one at which clocks
// show the date.
#include "kstream/expr/window.hpp"

#include "kstream/core/prng.hpp"
#include "kstream/core/time_text.hpp"
#include "kstream/job/functions.hpp"

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <cstdint>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kstream::expr {
namespace {

using job::WindowKind;

constexpr std::int64_t kSecond = 1'000;
constexpr std::int64_t kHour = 3'600 * kSecond;
constexpr std::int64_t kDay = 24 * kHour;

std::optional<std::string> zone_file(std::string_view name) {
    std::ifstream file("/usr/share/zoneinfo/" + std::string{name}, std::ios::binary);
    std::string bytes{std::istreambuf_iterator<char>{file}, {}};
    return bytes.empty() ? std::nullopt : std::optional{bytes};
}

Windows windows(const job::Window& window) {
    Result<Windows> made = Windows::make(window, zone_file);
    REQUIRE(made.has_value());
    return *std::move(made);
}

job::Window calendar(std::string_view unit, std::string_view zone) {
    job::Window window;
    window.kind = WindowKind::calendar;
    window.unit = unit;
    window.zone = zone;
    return window;
}

job::Window tumble(std::int64_t size, std::int64_t origin = 0) {
    return {.kind = WindowKind::tumble, .size = size, .origin = origin, .unit = {}, .zone = {}};
}

job::Window hop(std::int64_t size, std::int64_t slide, std::int64_t origin = 0) {
    return {.kind = WindowKind::hop,
            .size = size,
            .slide = slide,
            .origin = origin,
            .unit = {},
            .zone = {}};
}

std::int64_t at(std::string_view text) {
    std::int64_t ms = 0;
    REQUIRE(parse_timestamp(text, ms) == TimeText::fine);
    return ms;
}

std::string shown(std::int64_t ms) {
    std::string text;
    append_timestamp(text, ms);
    return text;
}

// Of windows that follow each other: each begins at one of the bounds and ends at the next, and has
// its first and last instant and some between in it.
void check_bounds(const job::Window& window, std::initializer_list<std::string_view> bounds) {
    const Windows all = windows(window);
    for (const auto* bound = bounds.begin(); bound + 1 != bounds.end(); ++bound) {
        const std::int64_t start = at(*bound);
        const std::int64_t end = at(*(bound + 1));
        for (const std::int64_t time :
             {start, start + 1, start + (end - start) / 2, end - 1800 * kSecond, end - 1}) {
            INFO(window.zone << ' ' << shown(time));
            const TimeSpan pane = all.pane(time);
            CHECK(shown(pane.start) == *bound);
            CHECK(shown(pane.end) == *(bound + 1));
        }
    }
}

// From some instant on, window after window.
void check_tiling(const Windows& all, std::int64_t time, int count) {
    TimeSpan pane = all.pane(time);
    REQUIRE((pane.start <= time && time < pane.end));
    for (int i = 0; i < count; ++i) {
        INFO(shown(pane.start) << " to " << shown(pane.end));
        REQUIRE(pane.start < pane.end);
        REQUIRE(all.pane(pane.start) == pane);
        REQUIRE(all.pane(pane.start + (pane.end - pane.start) / 2) == pane);
        REQUIRE(all.pane(pane.end - 1) == pane);
        const TimeSpan next = all.pane(pane.end);
        REQUIRE(next.start == pane.end);
        pane = next;
    }
}

constexpr auto kZones = std::to_array<std::string_view>(
    {"UTC", "America/Sao_Paulo", "Africa/Cairo", "America/Havana", "America/St_Johns",
     "Pacific/Apia", "Pacific/Kiritimati", "Australia/Lord_Howe", "Europe/Dublin", "Asia/Kolkata"});

}  // namespace

TEST_CASE("golden: days of Sao Paulo, of 23 hours and of 25", "[expr][window][golden]") {
    const job::Window day = calendar("day", "America/Sao_Paulo");
    check_bounds(day, {"2017-02-17T02:00:00Z", "2017-02-18T02:00:00Z", "2017-02-19T03:00:00Z",
                       "2017-02-20T03:00:00Z"});
    check_bounds(day, {"2017-10-14T03:00:00Z", "2017-10-15T03:00:00Z", "2017-10-16T02:00:00Z",
                       "2017-10-17T02:00:00Z"});
    check_bounds(day, {"2018-02-16T02:00:00Z", "2018-02-17T02:00:00Z", "2018-02-18T03:00:00Z",
                       "2018-02-19T03:00:00Z"});
    check_bounds(day, {"2018-11-03T03:00:00Z", "2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z",
                       "2018-11-06T02:00:00Z"});
    check_bounds(day, {"2019-02-15T02:00:00Z", "2019-02-16T02:00:00Z", "2019-02-17T03:00:00Z",
                       "2019-02-18T03:00:00Z"});
    check_bounds(day, {"2026-11-28T03:00:00Z", "2026-11-29T03:00:00Z", "2026-11-30T03:00:00Z"});
}

TEST_CASE("golden: weeks, months, quarters and years of a zone", "[expr][window][golden]") {
    check_bounds(calendar("week", "America/Sao_Paulo"),
                 {"2018-10-29T03:00:00Z", "2018-11-05T02:00:00Z"});
    check_bounds(calendar("month", "America/Sao_Paulo"),
                 {"2018-11-01T03:00:00Z", "2018-12-01T02:00:00Z"});
    check_bounds(calendar("quarter", "America/Sao_Paulo"),
                 {"2018-10-01T03:00:00Z", "2019-01-01T02:00:00Z"});
    check_bounds(calendar("year", "America/Sao_Paulo"),
                 {"2018-01-01T02:00:00Z", "2019-01-01T02:00:00Z"});
    check_bounds(calendar("week", "Pacific/Apia"),
                 {"2011-12-26T10:00:00Z", "2012-01-01T10:00:00Z"});  // of six days
    check_bounds(calendar("year", "Pacific/Apia"),
                 {"2011-01-01T10:00:00Z", "2011-12-31T10:00:00Z"});
}

TEST_CASE("golden: midnights that are left out, come twice, or lie in the day before",
          "[expr][window][golden]") {
    check_bounds(calendar("day", "Africa/Cairo"), {"2023-04-26T22:00:00Z", "2023-04-27T22:00:00Z",
                                                   "2023-04-28T21:00:00Z", "2023-04-29T21:00:00Z"});
    check_bounds(calendar("day", "Africa/Cairo"), {"2023-10-24T21:00:00Z", "2023-10-25T21:00:00Z",
                                                   "2023-10-26T22:00:00Z", "2023-10-27T22:00:00Z"});
    check_bounds(calendar("day", "America/Havana"),
                 {"2024-11-02T04:00:00Z", "2024-11-03T04:00:00Z", "2024-11-04T05:00:00Z",
                  "2024-11-05T05:00:00Z"});
    check_bounds(calendar("day", "America/Havana"),
                 {"2024-03-09T05:00:00Z", "2024-03-10T05:00:00Z", "2024-03-11T04:00:00Z",
                  "2024-03-12T04:00:00Z"});
    // At 00:01 of the 7th clocks go back to 23:01 of the 6th: that hour is of the 7th.
    check_bounds(calendar("day", "America/St_Johns"),
                 {"2010-11-05T02:30:00Z", "2010-11-06T02:30:00Z", "2010-11-07T02:30:00Z",
                  "2010-11-08T03:30:00Z", "2010-11-09T03:30:00Z"});
    const Windows johns = windows(calendar("day", "America/St_Johns"));
    CHECK(shown(johns.pane(at("2010-11-07T02:45:00Z")).start) == "2010-11-07T02:30:00Z");
    // The 30th of December 2011 is left out, and no instant is in its empty window.
    check_bounds(calendar("day", "Pacific/Apia"), {"2011-12-28T10:00:00Z", "2011-12-29T10:00:00Z",
                                                   "2011-12-30T10:00:00Z", "2011-12-31T10:00:00Z"});
}

TEST_CASE("calendar windows tile the line", "[expr][window]") {
    for (const std::string_view zone : kZones) {
        for (const std::string_view unit : job::kCalendarUnits) {
            INFO(unit << " of " << zone);
            const Windows all = windows(calendar(unit, zone));
            const int count = unit == "day" ? 25'000 : 1'000;
            check_tiling(all, kMinTime, count);
            check_tiling(all, kMaxTime - 700 * kDay, 2);
            CHECK(all.pane(kMaxTime).end > kMaxTime);
        }
    }
}

TEST_CASE("windows of one length tile the line, before their origin too", "[expr][window]") {
    SplitMix64 random{20'261'129};
    std::uint64_t next = 0;
    const auto pick = [&](std::int64_t bound) {
        return static_cast<std::int64_t>(
            to_range(random.at(next++), static_cast<std::uint64_t>(bound)));
    };
    for (int round = 0; round < 2'000; ++round) {
        const std::int64_t size = 1 + pick(round % 2 == 0 ? 100 : 40 * kDay);
        const std::int64_t origin = pick(size);
        const Windows all = windows(tumble(size, origin));
        const std::int64_t time = round % 3 == 0 ? pick(2 * size) - size : pick(kMaxTime);
        INFO(size << ' ' << origin << ' ' << time);
        check_tiling(all, time, 5);
        const TimeSpan pane = all.pane(time);
        CHECK(pane.end - pane.start == size);
        CHECK((pane.start - origin) % size == 0);
    }
    const Windows quarter_hours = windows(tumble(900 * kSecond));
    CHECK(quarter_hours.pane(-1) == TimeSpan{-900 * kSecond, 0});
    CHECK(quarter_hours.pane(0) == TimeSpan{0, 900 * kSecond});
}

TEST_CASE("a hopping window is a whole number of panes", "[expr][window]") {
    for (std::int64_t size = 1; size <= 24; ++size) {
        for (std::int64_t slide = 1; slide <= size; ++slide) {
            for (const std::int64_t origin : {std::int64_t{0}, slide - 1}) {
                const Windows all = windows(hop(size, slide, origin));
                check_tiling(all, -100, 200);
                for (std::int64_t time = -60; time < 60; ++time) {
                    INFO(size << " by " << slide << " from " << origin << " at " << time);
                    const TimeSpan pane = all.pane(time);
                    REQUIRE(pane.end - pane.start == all.pane_length());
                    // By the definition: every start, whether its window has the instant in it.
                    std::vector<std::int64_t> starts;
                    for (std::int64_t start = origin - 20 * slide - 200; start <= time; ++start) {
                        const bool begins = (start - origin) % slide == 0;
                        if (begins && time < start + size) {
                            starts.push_back(start);
                        }
                    }
                    const WindowStarts over = all.over(pane);
                    REQUIRE_FALSE(starts.empty());
                    REQUIRE(over == WindowStarts{starts.front(), starts.back()});
                    REQUIRE(over.first <= pane.start);
                    REQUIRE(pane.end <= over.first + size);
                }
            }
        }
    }
    CHECK(windows(hop(600 * kSecond, 60 * kSecond)).pane_length() == 60 * kSecond);
    CHECK(windows(hop(10 * kSecond, 4 * kSecond)).pane_length() == 2 * kSecond);
}

TEST_CASE("a session's pane is the one millisecond", "[expr][window]") {
    const Windows all =
        windows({.kind = WindowKind::session, .size = 30 * 60 * kSecond, .unit = {}, .zone = {}});
    CHECK(all.pane(0) == TimeSpan{0, 1});
    CHECK(all.pane(kMaxTime) == TimeSpan{kMaxTime, kMaxTime + 1});
}

TEST_CASE("a zone that there is not is an error", "[expr][window]") {
    const auto made = Windows::make(calendar("day", "America/Nowhere"), zone_file);
    REQUIRE_FALSE(made.has_value());
    CHECK(made.error().exit_code == ExitCode::usage);
    CHECK(made.error().message.find("America/Nowhere") != std::string::npos);
}

}  // namespace kstream::expr
