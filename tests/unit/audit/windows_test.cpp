// The audit's own windows: against bounds that were found by looking at every minute (the same as
// in tests/unit/expr/window_test.cpp), and against those of the loops, which share no code with
// them.
#include "audit/windows.hpp"

#include "kstream/expr/window.hpp"
#include "kstream/job/functions.hpp"
#include "process/zone_file.hpp"
#include "support/fakes/seeded.hpp"

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace kstream::audit {
namespace {

Windows windows(const job::Window& window) {
    auto made = Windows::make(window, process::read_zone_file);
    REQUIRE(made.has_value());
    return *std::move(made);
}

job::Window calendar(std::string_view unit, std::string_view zone) {
    job::Window window;
    window.kind = job::WindowKind::calendar;
    window.unit = unit;
    window.zone = zone;
    return window;
}

job::Window tumble(std::int64_t size, std::int64_t origin) {
    job::Window window;
    window.kind = job::WindowKind::tumble;
    window.size = size;
    window.origin = origin;
    return window;
}

std::int64_t at(std::string_view text) {
    const std::optional<std::int64_t> ms = read_instant(text);
    REQUIRE(ms.has_value());
    return *ms;
}

// Windows that follow each other, each from one bound to the next.
void check_bounds(std::string_view unit, std::string_view zone,
                  std::initializer_list<std::string_view> bounds) {
    const Windows all = windows(calendar(unit, zone));
    for (const auto* bound = bounds.begin(); bound + 1 != bounds.end(); ++bound) {
        const WindowSpan expected{at(*bound), at(*(bound + 1))};
        for (const std::int64_t time :
             {expected.start, expected.start + 1, expected.end - 1'800'000, expected.end - 1}) {
            INFO(unit << " of " << zone << " at " << instant_text(time));
            CHECK(all.at(time) == expected);
        }
    }
}

}  // namespace

TEST_CASE("golden: the audit's days begin when clocks first show them", "[audit][window][golden]") {
    check_bounds("day", "America/Sao_Paulo",
                 {"2017-10-14T03:00:00Z", "2017-10-15T03:00:00Z", "2017-10-16T02:00:00Z",
                  "2017-10-17T02:00:00Z"});
    check_bounds("day", "America/Sao_Paulo",
                 {"2018-02-16T02:00:00Z", "2018-02-17T02:00:00Z", "2018-02-18T03:00:00Z",
                  "2018-02-19T03:00:00Z"});
    check_bounds("day", "Africa/Cairo",
                 {"2023-04-26T22:00:00Z", "2023-04-27T22:00:00Z", "2023-04-28T21:00:00Z"});
    check_bounds("day", "America/Havana",
                 {"2024-11-02T04:00:00Z", "2024-11-03T04:00:00Z", "2024-11-04T05:00:00Z"});
    // At 00:01 of the 7th clocks go back to 23:01 of the 6th: that hour is of the 7th.
    check_bounds("day", "America/St_Johns",
                 {"2010-11-05T02:30:00Z", "2010-11-06T02:30:00Z", "2010-11-07T02:30:00Z",
                  "2010-11-08T03:30:00Z", "2010-11-09T03:30:00Z"});
    // The 30th of December 2011 is left out.
    check_bounds("day", "Pacific/Apia",
                 {"2011-12-28T10:00:00Z", "2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z",
                  "2011-12-31T10:00:00Z"});
}

TEST_CASE("golden: the audit's weeks, months, quarters and years", "[audit][window][golden]") {
    check_bounds("week", "America/Sao_Paulo", {"2018-10-29T03:00:00Z", "2018-11-05T02:00:00Z"});
    check_bounds("month", "America/Sao_Paulo", {"2018-11-01T03:00:00Z", "2018-12-01T02:00:00Z"});
    check_bounds("quarter", "America/Sao_Paulo", {"2018-10-01T03:00:00Z", "2019-01-01T02:00:00Z"});
    check_bounds("year", "America/Sao_Paulo", {"2018-01-01T02:00:00Z", "2019-01-01T02:00:00Z"});
    check_bounds("week", "Pacific/Apia", {"2011-12-26T10:00:00Z", "2012-01-01T10:00:00Z"});
    check_bounds("year", "Pacific/Apia", {"2011-01-01T10:00:00Z", "2011-12-31T10:00:00Z"});
    check_bounds("week", "UTC", {"1969-12-29T00:00:00Z", "1970-01-05T00:00:00Z"});
}

TEST_CASE("the audit's windows are those of the loops", "[audit][window]") {
    testing::Seeded random{57};
    const auto check = [&random](const job::Window& window, int times) {
        const Windows ours = windows(window);
        const auto theirs = expr::Windows::make(window, process::read_zone_file);
        REQUIRE(theirs.has_value());
        for (int i = 0; i < times; ++i) {
            // Up to 2100, or at a bound.
            std::int64_t time =
                static_cast<std::int64_t>(random.below(std::size_t{4'102'444'800})) * 1'000;
            if (i % 3 == 0) {
                time = theirs->pane(time).start - (i % 2);
            }
            INFO(window.unit << ' ' << window.zone << ' ' << window.size << ": " << time);
            const expr::TimeSpan pane = theirs->pane(time);
            REQUIRE(ours.at(time) == WindowSpan{pane.start, pane.end});
        }
    };
    for (const std::string_view zone :
         {"UTC", "America/Sao_Paulo", "Africa/Cairo", "America/Havana", "America/St_Johns",
          "Pacific/Apia", "Australia/Lord_Howe", "Europe/Dublin", "Asia/Kolkata"}) {
        for (const std::string_view unit : job::kCalendarUnits) {
            check(calendar(unit, zone), 200);
        }
    }
    for (int i = 0; i < 50; ++i) {
        const auto size = static_cast<std::int64_t>(1 + random.below(std::size_t{100'000'000}));
        check(tumble(size, static_cast<std::int64_t>(random.below(static_cast<std::size_t>(size)))),
              20);
    }
}

TEST_CASE("the audit's hopping windows are those of the loops", "[audit][window]") {
    testing::Seeded random{58};
    for (int i = 0; i < 200; ++i) {
        const auto pane = static_cast<std::int64_t>(1 + random.below(100'000));
        const auto slide = static_cast<std::int64_t>(1 + random.below(7));
        job::Window window;
        window.kind = job::WindowKind::hop;
        window.slide = pane * slide;
        window.size = window.slide + pane * static_cast<std::int64_t>(random.below(9));
        window.origin =
            static_cast<std::int64_t>(random.below(static_cast<std::size_t>(window.slide)));
        const Windows ours = windows(window);
        const auto theirs = expr::Windows::make(window, process::read_zone_file);
        REQUIRE(theirs.has_value());
        for (int k = 0; k < 50; ++k) {
            // From before the first origin on.
            std::int64_t time = static_cast<std::int64_t>(random.below(10'000'000)) - 10'000;
            if (k % 3 == 0) {
                time = theirs->pane(time).start - (k % 2);
            }
            INFO(window.size << ' ' << window.slide << ' ' << window.origin << ": " << time);
            const expr::TimeSpan whole = theirs->pane(time);
            REQUIRE(ours.at(time) == WindowSpan{whole.start, whole.end});
            const auto over = ours.over(time);
            REQUIRE(over.front().start == theirs->over(whole).first);
            REQUIRE(over.back().start == theirs->over(whole).last);
            REQUIRE(static_cast<std::int64_t>(over.size()) ==
                    (over.back().start - over.front().start) / window.slide + 1);
            for (const WindowSpan& one : over) {
                REQUIRE(one.has(time));
                REQUIRE(ours.from(one.start) == one);
            }
            REQUIRE(ours.from(time).has_value() == (over.back().start == time));
        }
    }
}

TEST_CASE("an audit of windows of a zone that there is not is refused", "[audit][window]") {
    const auto made = Windows::make(calendar("day", "America/Nowhere"), process::read_zone_file);
    REQUIRE_FALSE(made.has_value());
    CHECK(made.error().message.contains("'America/Nowhere', which this machine does not know"));
}

}  // namespace kstream::audit
