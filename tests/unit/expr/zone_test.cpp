// Zones: days that begin at one o'clock, midnights that come twice, days that are left out.
#include "kstream/expr/zone.hpp"

#include "kstream/core/time_text.hpp"
#include "kstream/expr/time.hpp"

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <chrono>
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

struct Change {
    std::int64_t at_s = 0;
    std::uint8_t type = 0;
};

void append_big_endian(std::string& out, std::int64_t value, int bytes) {
    for (int i = bytes - 1; i >= 0; --i) {
        out += static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * i));
    }
}

// A zone's file by RFC 9636, its first part empty.
Zone made_zone(std::initializer_list<std::int32_t> offsets, const std::vector<Change>& changes,
               std::string_view rule) {
    std::string file;
    for (const bool second : {false, true}) {
        file += "TZif2" + std::string(15, '\0');
        const auto count = [&](std::size_t n) {
            append_big_endian(file, static_cast<std::int64_t>(second ? n : 0), 4);
        };
        count(0);
        count(0);
        count(0);
        count(changes.size());
        append_big_endian(file, second ? static_cast<std::int64_t>(offsets.size()) : 1, 4);
        append_big_endian(file, 4, 4);
        if (!second) {
            file += std::string(6, '\0') + "LMT" + '\0';
        }
    }
    for (const Change& change : changes) {
        append_big_endian(file, change.at_s, 8);
    }
    for (const Change& change : changes) {
        file += static_cast<char>(change.type);
    }
    for (const std::int32_t offset : offsets) {
        append_big_endian(file, offset, 4);
        file += std::string(2, '\0');
    }
    file += std::string{"LMT"} + '\0' + '\n' + std::string{rule} + '\n';
    std::optional<Zone> parsed = Zone::parse(file);
    REQUIRE(parsed.has_value());
    return *std::move(parsed);
}

// New York's changes from 2007 on, at two o'clock of a Sunday.
std::vector<Change> written_out(int from, int to) {
    using namespace std::chrono;
    std::vector<Change> changes;
    for (int y = from; y <= to; ++y) {
        const sys_seconds summer = sys_days{year{y} / March / Sunday[2]} + hours{7};
        const sys_seconds winter = sys_days{year{y} / November / Sunday[1]} + hours{6};
        changes.push_back({summer.time_since_epoch().count(), 1});
        changes.push_back({winter.time_since_epoch().count(), 0});
    }
    return changes;
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

// Stored by running jobs. The numbers are Python's, of texts that it has written out itself.
TEST_CASE("golden: the fingerprint of a zone's clocks", "[expr][zone][golden]") {
    CHECK(made_zone({-10'800}, {}, "<-03>3").fingerprint() == 0x381266eb15d36cc8);
    CHECK(zone("America/Sao_Paulo").fingerprint() != 0x381266eb15d36cc8);
    constexpr std::uint64_t kNewYork = 0x1440cd0deb7b2bda;
    constexpr std::string_view kRule = "EST5EDT,M3.2.0,M11.1.0";
    CHECK(made_zone({-18'000, -14'400}, {written_out(2007, 2007).front()}, kRule).fingerprint() ==
          kNewYork);
    CHECK(made_zone({-18'000, -14'400}, written_out(2007, 2037), kRule).fingerprint() == kNewYork);

    // Names do not count, nor does what was before all windows.
    std::vector<Change> more = written_out(2007, 2037);
    more.insert(more.begin(), {{-2'717'650'800, 2}, {-100'000'000, 0}, {0, 3}});
    CHECK(made_zone({-18'000, -14'400, -17'762, -18'000}, more, kRule).fingerprint() == kNewYork);
    // Any offset that lasts for a second does.
    more.insert(more.begin() + 3, {{100, 2}, {101, 0}});
    CHECK(made_zone({-18'000, -14'400, -17'762, -18'000}, more, kRule).fingerprint() != kNewYork);
    CHECK(made_zone({-18'000, -14'400}, {written_out(2007, 2007).front()}, "EST5EDT,M3.2.0,M11.2.0")
              .fingerprint() != kNewYork);
    // As the year 10000 has them, and not the next.
    CHECK(made_zone({-18'000, -14'400}, written_out(2007, 9'999), "EST5").fingerprint() !=
          kNewYork);
    CHECK(made_zone({-18'000, -14'400}, written_out(2007, 10'000), "EST5").fingerprint() ==
          kNewYork);
    CHECK(made_zone({-18'000, -14'400}, written_out(2007, 10'001), "EST5").fingerprint() ==
          kNewYork);
    CHECK(zone("UTC").fingerprint() == zone("Etc/UTC").fingerprint());
}

}  // namespace kstream::expr
