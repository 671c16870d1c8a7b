// Whatever is put in, what comes out is JSON.
#include "text/json_writer.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

namespace kstream::text {
namespace {

std::string text_of(std::string_view text) {
    std::string out;
    append_json_text(out, text);
    return out;
}

}  // namespace

TEST_CASE("Objects and arrays have their commas where they belong") {
    JsonWriter json;
    json.begin_object().field("a", 1).key("b").begin_array().value("x").null().end_array();
    json.key("c").begin_object().end_object().field("d", true).key("e").begin_array().end_array();
    json.key("f").begin_array().begin_object().field("g", 2).end_object().begin_object();
    json.end_object().end_array().end_object();
    CHECK(json.text() == R"({"a":1,"b":["x",null],"c":{},"d":true,"e":[],"f":[{"g":2},{}]})");
}

TEST_CASE("Texts are escaped: quotes, backslashes, control characters") {
    CHECK(text_of("a\"b\\c/d") == R"("a\"b\\c/d")");
    CHECK(text_of("\n\r\t") == R"("\n\r\t")");
    CHECK(text_of(std::string_view("\0\x01\x1f\x7f", 4)) == R"("\u0000\u0001\u001f\u007f")");
    CHECK(text_of("\xc2\x9b\xe2\x80\xae") == R"("\u009b\u202e")");  // what acts on a terminal
    CHECK(text_of("</script>") == R"("</script>")");
}

TEST_CASE("What is UTF-8 stays, what is not is replaced byte by byte") {
    const std::string good = "S\xc3\xa3o \xe2\x82\xac \xf0\x9f\x98\x80 \xef\xbf\xbf";
    CHECK(text_of(good) == "\"" + good + "\"");
    const std::string replacement = "\\ufffd";
    for (const std::string_view bad : {"\x80", "\xc0", "\xff", "\xc3", "\xf5"}) {
        CHECK(text_of(bad) == "\"" + replacement + "\"");
    }
    CHECK(text_of("\xc0\x80") == "\"" + replacement + replacement + "\"");  // overlong
    CHECK(text_of("\xed\xa0\x80x") == "\"" + replacement + replacement + replacement + "x\"");
    CHECK(text_of("\xe2\x82") == "\"" + replacement + replacement + "\"");    // cut
    CHECK(text_of("\xf4\x90\x80\x80").size() == 2 + 4 * replacement.size());  // beyond U+10FFFF
}

TEST_CASE("Numbers that JSON does not have are null") {
    JsonWriter json;
    json.begin_array().value(std::nan("")).value(std::numeric_limits<double>::infinity());
    json.value(0.25).value(1e300).value(-7).value(std::optional<double>()).end_array();
    CHECK(json.text() == "[null,null,0.25,1e+300,-7,null]");
}

}  // namespace kstream::text
