// The examples of RFC 4648; topic ids are in tests/unit/codec/identity_test.cpp.
#include "text/base64.hpp"

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <string_view>
#include <vector>

namespace kstream::text {
namespace {

std::vector<std::uint8_t> bytes_of(std::string_view text) {
    return {text.begin(), text.end()};
}

}  // namespace

TEST_CASE("Base64 is padded, the one for URLs is not") {
    CHECK(base64({}).empty());
    CHECK(base64(bytes_of("f")) == "Zg==");
    CHECK(base64(bytes_of("fo")) == "Zm8=");
    CHECK(base64(bytes_of("foo")) == "Zm9v");
    CHECK(base64(bytes_of("foobar")) == "Zm9vYmFy");
    CHECK(base64(bytes_of("\xfb\xff")) == "+/8=");
    CHECK(base64url(bytes_of("\xfb\xff")) == "-_8");
    CHECK(base64url(bytes_of("f")) == "Zg");
}

TEST_CASE("What is read back has one spelling and one length") {
    std::array<std::uint8_t, 2> two{};
    CHECK(read_base64url("-_8", two));
    CHECK(two == std::array<std::uint8_t, 2>{0xfb, 0xff});
    for (const std::string_view bad : {"-_", "-_8A", "-_9", "+/8", "-_8="}) {
        CHECK_FALSE(read_base64url(bad, two));
    }
    std::array<std::uint8_t, 3> three{};
    CHECK(read_base64url("Zm9v", three));
    CHECK(three == std::array<std::uint8_t, 3>{'f', 'o', 'o'});
}

}  // namespace kstream::text
