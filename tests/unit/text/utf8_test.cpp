#include "text/utf8.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>

namespace kstream::text {

TEST_CASE("What is UTF-8 and what is not (The Unicode Standard, table 3-7)") {
    for (const char* good :
         {"", "a", "\x7f", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
          "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"}) {
        CHECK(is_utf8(good));
    }
    for (const char* bad :
         {"\x80", "\xc0\x80", "\xc1\xbf", "\xc3", "\xe0\x9f\xbf", "\xe2\x82", "\xed\xa0\x80",
          "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5", "\xff", "a\xc3(", "\xc3\xc3\xa3"}) {
        CHECK_FALSE(is_utf8(bad));
    }
}

TEST_CASE("In messages text is ASCII, and has an end") {
    CHECK(ascii("a b") == "a b");
    CHECK(ascii("S\xc3\xa3o\n\x7f") == R"(S\xc3\xa3o\x0a\x7f)");
    CHECK(ascii(std::string(128, 'x')) == std::string(128, 'x'));
    CHECK(ascii(std::string(129, 'x')) == std::string(128, 'x') + "...");
    CHECK(ascii("abc", 2) == "ab...");
    CHECK(in_quotes("a\x1b[31m\n\xc3\xa9") == R"('a\x1b[31m\x0a\xc3\xa9')");
}

}  // namespace kstream::text
