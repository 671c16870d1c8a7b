// Instants as texts: what keys and results have.
#include "kstream/core/time_text.hpp"

#include <catch2/catch_test_macros.hpp>
#include <fmt/chrono.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <random>
#include <string>

namespace kstream {
namespace {

std::string text(std::int64_t milliseconds) {
    std::string out = "<";
    append_timestamp(out, milliseconds);
    return out + ">";
}

}  // namespace

TEST_CASE("an instant is a text in UTC, with milliseconds only where there are any", "[time]") {
    CHECK(text(0) == "<1970-01-01T00:00:00Z>");
    CHECK(text(1) == "<1970-01-01T00:00:00.001Z>");
    CHECK(text(-1) == "<1969-12-31T23:59:59.999Z>");
    CHECK(text(1'709'208'000'120) == "<2024-02-29T12:00:00.120Z>");
    CHECK(text(253'402'300'799'999) == "<9999-12-31T23:59:59.999Z>");
    // Where the last windows of the last year end, and before the years that people count.
    CHECK(text(253'402'300'800'000) == "<10000-01-01T00:00:00Z>");
    CHECK(text(-62'167'219'200'000) == "<0000-01-01T00:00:00Z>");
    CHECK(text(-62'167'219'200'001) == "<-001-12-31T23:59:59.999Z>");
}

TEST_CASE("instants are written as fmt writes them, and read back", "[time]") {
    std::mt19937_64 random{20'260'105};
    for (int i = 0; i < 20'000; ++i) {
        const auto seconds = static_cast<std::int64_t>(random() % 253'402'300'800);
        const std::string expected = fmt::format(
            "{:%Y-%m-%dT%H:%M:%S}Z", std::chrono::sys_seconds{std::chrono::seconds{seconds}});
        std::string written;
        append_timestamp(written, seconds * 1000);
        REQUIRE(written == expected);
        REQUIRE(read_timestamp(written) == std::optional{seconds * 1000});
        const auto milliseconds = seconds * 1000 + static_cast<std::int64_t>(random() % 1000);
        written.clear();
        append_timestamp(written, milliseconds);
        REQUIRE(read_timestamp(written) == std::optional{milliseconds});
    }
}

}  // namespace kstream
