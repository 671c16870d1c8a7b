// Zones: days that begin at one o'clock, midnights that come twice, days that are left out.
#include "kstream/expr/zone.hpp"

#include "kstream/core/time_text.hpp"
#include "kstream/expr/time.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>

namespace kstream::expr {
namespace {

Zone zone(std::string_view name) {
    std::ifstream file("/usr/share/zoneinfo/" + std::string{name}, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>{file}, {}};
    std::optional<Zone> parsed = Zone::parse(bytes);
    REQUIRE(parsed.has_value());
    return *std::move(parsed);
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

std::string day_of(const Zone& zone, std::string_view text) {
    return shown(zone.first_instant(truncate_time(TimeUnit::day, zone.local(at(text)))));
}

}  // namespace

TEST_CASE("a day begins at its first instant", "[expr][zone]") {
    const Zone brazil = zone("America/Sao_Paulo");
    CHECK(day_of(brazil, "2024-05-14T02:59:59Z") == "2024-05-13T03:00:00Z");
    CHECK(day_of(brazil, "2024-05-14T03:00:00Z") == "2024-05-14T03:00:00Z");
    // Clocks went from midnight to one.
    CHECK(day_of(brazil, "2018-11-04T12:00:00Z") == "2018-11-04T03:00:00Z");
    CHECK(shown(brazil.local(at("2018-11-04T03:00:00Z"))) == "2018-11-04T01:00:00Z");
    // And back from midnight to eleven.
    CHECK(day_of(brazil, "2018-02-18T02:30:00Z") == "2018-02-17T02:00:00Z");
    CHECK(day_of(brazil, "2018-02-18T03:00:00Z") == "2018-02-18T03:00:00Z");
    // Two midnights: from one back to midnight. The first one counts.
    const Zone cuba = zone("America/Havana");
    CHECK(day_of(cuba, "2023-11-05T12:00:00Z") == "2023-11-05T04:00:00Z");
    // A day that there was not.
    const Zone samoa = zone("Pacific/Apia");
    CHECK(shown(samoa.local(at("2011-12-30T09:59:59Z"))) == "2011-12-29T23:59:59Z");
    CHECK(shown(samoa.local(at("2011-12-30T10:00:00Z"))) == "2011-12-31T00:00:00Z");
    CHECK(shown(samoa.first_instant(at("2011-12-30T12:00:00Z"))) == "2011-12-30T10:00:00Z");
}

TEST_CASE("rules go on after the last transition", "[expr][zone]") {
    const Zone york = zone("America/New_York");
    CHECK(shown(york.local(at("2500-01-15T12:00:00Z"))) == "2500-01-15T07:00:00Z");
    CHECK(shown(york.local(at("2500-07-15T12:00:00Z"))) == "2500-07-15T08:00:00Z");
    const Zone dublin = zone("Europe/Dublin");  // its winter is the one that is saved
    CHECK(shown(dublin.local(at("9999-07-15T12:00:00Z"))) == "9999-07-15T13:00:00Z");
    CHECK(shown(dublin.local(at("9999-12-15T12:00:00Z"))) == "9999-12-15T12:00:00Z");
    const Zone utc = zone("UTC");
    CHECK(utc.local(0) == 0);
    CHECK(utc.first_instant(kMaxTime) == kMaxTime);
}

TEST_CASE("what is no zone's file is refused", "[expr][zone]") {
    CHECK_FALSE(Zone::parse(""));
    CHECK_FALSE(Zone::parse("TZif"));
    std::ifstream file("/usr/share/zoneinfo/America/Sao_Paulo", std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>{file}, {}};
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        CHECK_FALSE(Zone::parse(bytes.substr(0, size)));
    }
}

}  // namespace kstream::expr
