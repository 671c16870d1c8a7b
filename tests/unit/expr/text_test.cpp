// Functions of texts, with PostgreSQL 15's answers.
#include "kstream/expr/text.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string_view>

namespace kstream::expr {
namespace {

constexpr std::string_view kWord = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z";  // five characters

bool like(std::string_view text, std::string_view pattern, std::string_view escape = "\\") {
    return LikePattern{pattern, escape}.matches(text);
}

}  // namespace

TEST_CASE("characters are counted, not bytes", "[expr][text]") {
    CHECK(length(kWord) == 5);
    CHECK(length("") == 0);
    CHECK(length("e\xcc\x81") == 2);
    CHECK(left(kWord, 2) == "a\xc3\xa9");
    CHECK(left(kWord, -2) == "a\xc3\xa9\xe2\x82\xac");
    CHECK(left(kWord, -5).empty());
    CHECK(left(kWord, 9) == kWord);
    CHECK(right(kWord, 2) == "\xf0\x9f\x98\x80z");
    CHECK(right(kWord, -4) == "z");
    CHECK(right(kWord, -9).empty());
    CHECK(right(kWord, 0).empty());
}

TEST_CASE("a substring may begin before the text", "[expr][text]") {
    CHECK(substring("abcdef", 2, 3) == "bcd");
    CHECK(substring("abcdef", 0, 3) == "ab");
    CHECK(substring("abcdef", -1, 3) == "a");
    CHECK(substring("abcdef", -5, 3).empty());
    CHECK(substring("abcdef", 5, 9) == "ef");
    CHECK(substring("abcdef", 7, 1).empty());
    CHECK(substring("abcdef", 2, 0).empty());
    CHECK(substring("abcdef", -2147483647, 2147483647).empty());
    CHECK(substring(kWord, 3, 2) == "\xe2\x82\xac\xf0\x9f\x98\x80");
}

TEST_CASE("parts are counted from either end", "[expr][text]") {
    CHECK(split_part("a,b,c", ",", 2) == "b");
    CHECK(split_part("a,b,c", ",", 4).empty());
    CHECK(split_part("a,b,c", ",", -1) == "c");
    CHECK(split_part("a,b,c", ",", -3) == "a");
    CHECK(split_part("a,b,c", ",", -4).empty());
    CHECK(split_part("abc", ",", 1) == "abc");
    CHECK(split_part("abc", ",", 2).empty());
    CHECK(split_part("abc", "", 1) == "abc");
    CHECK(split_part("abc", "", -1) == "abc");
    CHECK(split_part("abc", "", 2).empty());
    // Delimiters that overlap are found from the front.
    CHECK(split_part("XXX", "XX", 2) == "X");
    CHECK(split_part("XXX", "XX", -1) == "X");
    CHECK(split_part("XXX", "XX", -2).empty());
}

TEST_CASE("case is that of ASCII", "[expr][text]") {
    Arena arena;
    CHECK(upper("az\xc3\xa9", arena) == "AZ\xc3\xa9");
    CHECK(lower("AZ\xc3\x89", arena) == "az\xc3\x89");
    CHECK(concat("a", "", arena) == "a");
}

TEST_CASE("LIKE matches all of a text", "[expr][text]") {
    CHECK(like("", ""));
    CHECK(like("", "%"));
    CHECK(like("", "%%"));
    CHECK_FALSE(like("", "_"));
    CHECK(like("abc", "a%"));
    CHECK(like("abc", "%c"));
    CHECK(like("abc", "%b%"));
    CHECK(like("abc", "a_c"));
    CHECK_FALSE(like("abc", "a_"));
    CHECK_FALSE(like("abc", "b"));
    CHECK(like("a\xe2\x82\xac", "a_"));
    CHECK_FALSE(like("a\xe2\x82\xac", "a__"));
    CHECK(like("\xe2\x82\xac\xe2\x82\xac", "%_"));
    CHECK_FALSE(like("\xe2\x82\xac", "%__"));
    CHECK(like("a%b", "a\\%b"));
    CHECK_FALSE(like("axb", "a\\%b"));
    CHECK(like("a%b", "a!%b", "!"));
    CHECK(like("a\\b", "a\\b", ""));
    CHECK_FALSE(like("ab", "a\\b", ""));
    CHECK(like("ab", "a\\b"));
    CHECK(like("a\\b", "a\\\\b"));
    CHECK(like("aab", "%ab"));
    CHECK(like("aaaaaaaaaaaaaaaaaaaaaaaaaab", "%a%a%a%a%a%b"));
    CHECK_FALSE(like("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "%a%a%a%a%a%a%b"));
    CHECK(like("a\nb", "a_b"));
}

}  // namespace kstream::expr
