// Readers of option values: what they take, what they refuse, and that nothing wraps.
#include "cli/values.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <limits>

namespace kstream::cli {

using std::chrono::hours;
using std::chrono::milliseconds;

TEST_CASE("Whole numbers with separators and suffixes") {
    CHECK(read_unsigned("0") == 0U);
    CHECK(read_unsigned("1_000_000") == 1'000'000U);
    CHECK(read_unsigned("5k") == 5'000U);
    CHECK(read_unsigned("5M") == 5'000'000U);
    CHECK(read_unsigned("5G") == 5'000'000'000U);
    CHECK(read_unsigned("18446744073709551615") == std::numeric_limits<std::uint64_t>::max());
    CHECK(read_signed("-5k") == -5'000);
    for (const char* text : {"", "k", "_1", "1_", "1__0", "1,000", "0x10", "1.0", " 1", "1 ", "+1",
                             "-1", "18446744073709551616", "18446744073709552k"}) {
        INFO(text);
        CHECK_FALSE(read_unsigned(text));
    }
    CHECK_FALSE(read_signed("--1"));
    CHECK_FALSE(read_signed("9223372036854775808"));
}

TEST_CASE("Real numbers") {
    CHECK(read_real("2.5") == 2.5);
    CHECK(read_real("1e6") == 1e6);
    CHECK(read_real("2.5k") == 2500.0);
    for (const char* text : {"", "k", "nan", "inf", "1e999", "1.0x", " 1"}) {
        INFO(text);
        CHECK_FALSE(read_real(text));
    }
}

TEST_CASE("Shares are exact, as a fraction or in percent") {
    CHECK(read_share("0") == 0);
    CHECK(read_share("0%") == 0);
    CHECK(read_share("0.01") == 10'000);
    CHECK(read_share("1%") == 10'000);
    CHECK(read_share("0.5%") == 5'000);
    CHECK(read_share("0.000001") == 1);
    CHECK(read_share("0.0001%") == 1);
    CHECK(read_share("1") == 1'000'000);
    CHECK(read_share("100%") == 1'000'000);
    for (const char* text : {"", "%", ".", "1.", ".1", "1.1", "100.1%", "101%", "-1%", "+1", "1 %",
                             "0.0000001", "0.00001%", "1e-2", "1%%", "0_1", "1k", "a"}) {
        INFO(text);
        CHECK_FALSE(read_share(text));
    }
    for (const std::int64_t share : {0, 1, 5'000, 10'000, 123'456, 1'000'000}) {
        CHECK(read_share(print_share(share)) == share);
    }
    CHECK(print_share(10'000) == "1%");
    CHECK(print_share(5'001) == "0.5001%");
}

TEST_CASE("Durations need a unit unless seconds are what everybody expects") {
    CHECK(read_duration("250ms", false) == milliseconds(250));
    CHECK(read_duration("3s", false) == milliseconds(3000));
    CHECK(read_duration("2m", false) == milliseconds(120'000));
    CHECK(read_duration("1h", false) == hours(1));
    CHECK(read_duration("30", true) == milliseconds(30'000));
    CHECK(read_duration("30", false).error() == "'30' needs a unit: ms, s, m or h");
    for (const char* text : {"", "s", "1.5s", "-1s", "1d", "9223372036854775807h", "1 s"}) {
        INFO(text);
        CHECK_FALSE(read_duration(text, true));
    }
}

TEST_CASE("Durations are printed in the largest unit that keeps them whole") {
    CHECK(print_duration(milliseconds(0)) == "0s");
    CHECK(print_duration(milliseconds(1500)) == "1500ms");
    CHECK(print_duration(milliseconds(90'000)) == "90s");
    CHECK(print_duration(milliseconds(120'000)) == "2m");
    CHECK(print_duration(hours(24)) == "24h");
}

TEST_CASE("RFC 3339 times") {
    CHECK(read_rfc3339("1970-01-01T00:00:00Z") == 0);
    CHECK(read_rfc3339("2026-11-24T03:10:11.123Z") == 1'795'489'811'123);
    CHECK(read_rfc3339("2026-11-24T03:10:11.1239Z") == 1'795'489'811'123);
    CHECK(read_rfc3339("2026-11-24t04:10:11+01:00") == 1'795'489'811'000);
    CHECK(read_rfc3339("2026-11-23 22:10:11-05:00") == 1'795'489'811'000);
    CHECK(read_rfc3339("2024-02-29T00:00:00Z").has_value());
    for (const char* text :
         {"", "2026-11-24", "2026-11-24T03:10:11", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z",
          "2026-11-24T24:00:00Z", "2026-11-24T03:10:60Z", "2026-11-24T03:10:11.Z",
          "2026-11-24T03:10:11+1:00", "2026-11-24T03:10:11+24:00", "2026-11-24T03:10:11Zx"}) {
        INFO(text);
        CHECK_FALSE(read_rfc3339(text));
    }
    CHECK(print_rfc3339(1'795'489'811'123) == "2026-11-24T03:10:11.123Z");
    CHECK(print_rfc3339(0) == "1970-01-01T00:00:00Z");
}

}  // namespace kstream::cli
