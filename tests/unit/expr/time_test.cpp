// Times as texts, and parts of times, with PostgreSQL 15's answers.
#include "kstream/expr/time.hpp"

#include "kstream/core/time_text.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace kstream::expr {
namespace {

// What it is as canonical text, or why it is none.
std::string parsed(std::string_view text) {
    std::int64_t ms = 0;
    switch (parse_timestamp(text, ms)) {
        case TimeText::format:
            return "format";
        case TimeText::range:
            return "range";
        case TimeText::fine:
            break;
    }
    std::string shown;
    append_timestamp(shown, ms);
    return shown;
}

std::int64_t at(std::string_view text) {
    std::int64_t ms = 0;
    REQUIRE(parse_timestamp(text, ms) == TimeText::fine);
    return ms;
}

}  // namespace

TEST_CASE("a time is a date, a clock and an offset", "[expr][time]") {
    CHECK(parsed("2024-05-14T12:00:00Z") == "2024-05-14T12:00:00Z");
    CHECK(parsed("2024-05-14 12:00:00Z") == "2024-05-14T12:00:00Z");
    CHECK(parsed("2024-05-14T12:00Z") == "2024-05-14T12:00:00Z");
    CHECK(parsed("2024-05-14T12:00:00.1Z") == "2024-05-14T12:00:00.100Z");
    CHECK(parsed("2024-05-14T12:00:00.0009999999999999Z") == "2024-05-14T12:00:00Z");
    CHECK(parsed("2024-05-14T12:00:59.9999999Z") == "2024-05-14T12:00:59.999Z");
    CHECK(parsed("2024-05-14T00:30:00+03:00") == "2024-05-13T21:30:00Z");
    CHECK(parsed("2024-05-14T22:30:00-0330") == "2024-05-15T02:00:00Z");
    CHECK(parsed("2024-05-14T22:30:00-03") == "2024-05-15T01:30:00Z");
    CHECK(parsed("2024-02-29T00:00:00Z") == "2024-02-29T00:00:00Z");
    CHECK(parsed("1970-01-01T00:00:00Z") == "1970-01-01T00:00:00Z");
    CHECK(parsed("9999-12-31T23:59:59.999Z") == "9999-12-31T23:59:59.999Z");
    for (const std::string_view bad : {"",
                                       "2024-05-14",
                                       "2024-05-14T12:00:00",
                                       "2024-05-14t12:00:00Z",
                                       "2024-05-14T12:00:00z",
                                       "2024-05-14T12:00:00.Z",
                                       "2024-05-14T12Z",
                                       "2024-05-14T24:00:00Z",
                                       "2024-05-14T12:60:00Z",
                                       "2024-05-14T12:00:60Z",
                                       "2023-02-29T00:00:00Z",
                                       "2024-13-01T00:00:00Z",
                                       "2024-00-01T00:00:00Z",
                                       "2024-01-00T00:00:00Z",
                                       "0000-01-01T00:00:00Z",
                                       "24-05-14T12:00:00Z",
                                       "2024-5-14T12:00:00Z",
                                       "2024-05-14T12:00:00+16",
                                       "2024-05-14T12:00:00+03:60",
                                       "2024-05-14T12:00:00+3",
                                       "2024-05-14T12:00:00+03:",
                                       "2024-05-14T12:00:00+03:00 ",
                                       " 2024-05-14T12:00:00Z",
                                       "2024-05-14T12:00:00ZZ",
                                       "+2024-05-14T12:00:00Z"}) {
        INFO(bad);
        CHECK(parsed(bad) == "format");
    }
    CHECK(parsed("1969-12-31T23:59:59.999Z") == "range");
    CHECK(parsed("1970-01-01T00:00:00+00:01") == "range");
    CHECK(parsed("9999-12-31T23:59:59-00:01") == "range");
}

TEST_CASE("units begin and are counted as in SQL", "[expr][time]") {
    const auto begins = [](TimeUnit unit, std::string_view text) {
        std::string shown;
        append_timestamp(shown, truncate_time(unit, at(text)));
        return shown;
    };
    const std::string_view friday = "2021-01-01T13:14:15.678Z";
    CHECK(begins(TimeUnit::second, friday) == "2021-01-01T13:14:15Z");
    CHECK(begins(TimeUnit::minute, friday) == "2021-01-01T13:14:00Z");
    CHECK(begins(TimeUnit::hour, friday) == "2021-01-01T13:00:00Z");
    CHECK(begins(TimeUnit::day, friday) == "2021-01-01T00:00:00Z");
    CHECK(begins(TimeUnit::week, friday) == "2020-12-28T00:00:00Z");
    CHECK(begins(TimeUnit::month, "2021-12-31T00:00:00Z") == "2021-12-01T00:00:00Z");
    CHECK(begins(TimeUnit::quarter, "2021-06-30T23:00:00Z") == "2021-04-01T00:00:00Z");
    CHECK(begins(TimeUnit::year, "2021-12-31T00:00:00Z") == "2021-01-01T00:00:00Z");
    CHECK(begins(TimeUnit::week, "1970-01-01T00:00:00Z") == "1969-12-29T00:00:00Z");
    CHECK(time_part(TimeUnit::second, at(friday)) == 15'678);
    CHECK(time_part(TimeUnit::minute, at(friday)) == 14);
    CHECK(time_part(TimeUnit::hour, at(friday)) == 13);
    CHECK(time_part(TimeUnit::dow, at(friday)) == 5);
    CHECK(time_part(TimeUnit::isodow, at(friday)) == 5);
    CHECK(time_part(TimeUnit::dow, at("2021-01-03T00:00:00Z")) == 0);
    CHECK(time_part(TimeUnit::isodow, at("2021-01-03T00:00:00Z")) == 7);
    CHECK(time_part(TimeUnit::week, at(friday)) == 53);
    CHECK(time_part(TimeUnit::isoyear, at(friday)) == 2020);
    CHECK(time_part(TimeUnit::week, at("2019-12-30T00:00:00Z")) == 1);
    CHECK(time_part(TimeUnit::doy, at("2020-12-31T00:00:00Z")) == 366);
    CHECK(time_part(TimeUnit::quarter, at(friday)) == 1);
    CHECK(time_part(TimeUnit::epoch, at(friday)) == 1'609'506'855'678);
}

}  // namespace kstream::expr
