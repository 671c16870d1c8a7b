// What a value that is no JSON is said to look like.
#include "reader/json/looks_like.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string_view>

namespace kstream {
namespace {

using namespace std::string_view_literals;

bool says(std::string_view value, std::string_view word) {
    return looks_like(value).contains(word);
}

}  // namespace

TEST_CASE("a value that is no JSON is known by its first bytes") {
    CHECK(says("\xef\xbb\xbf{}"sv, "byte order mark"));
    CHECK(says("\0\0\0\0\x07{}"sv, "schema registry"));
    CHECK(says("\0\x7f\xff\xff\xff\x02"sv, "schema registry"));
    CHECK(says("\x1f\x8b\x08\0"sv, "gzip"));
    CHECK(says("Obj\x01\x04"sv, "Avro"));
    CHECK(says("<a/>"sv, "XML"));
    CHECK(says("\r\n <?xml"sv, "XML"));
    CHECK(says("\xff\xfe{\0"sv, "UTF-16"));
    CHECK(says("\xfe\xff\0{"sv, "UTF-16"));
    CHECK(says("{\0\"\0"sv, "UTF-16"));
    CHECK(says("\0{\0\""sv, "UTF-16"));
    CHECK(says(""sv, "no text"));
    CHECK(says(" \n"sv, "no text"));
}

TEST_CASE("of other values nothing is said") {
    for (const std::string_view value : {"{}"sv, "not json"sv, "{\"a\":1}}"sv, "\0\0\0\0\x07"sv,
                                         "\xef\xbb"sv, "{'a':1}"sv, "Obj"sv}) {
        CAPTURE(value);
        CHECK(looks_like(value).empty());
    }
}

}  // namespace kstream
