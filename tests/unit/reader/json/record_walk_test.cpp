// Wanted paths: what a record has at them, whether it is walked or recognized by its form.
#include "reader/json/record_walk.hpp"

#include "kstream/core/prng.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kstream {
namespace {

using Path = std::vector<job::PathStep>;

job::PathStep member(std::string_view name) {
    return {.name = std::string{name}, .index = {}};
}
job::PathStep element(std::int32_t index) {
    return {.name = {}, .index = index};
}

// "a.b", "a.0.b", "a.-1": digits are elements.
Path path_of(std::string_view text) {
    Path path;
    while (!text.empty()) {
        const std::size_t end = text.find('.');
        const std::string_view step = text.substr(0, end);
        const bool digits = step.find_first_not_of("-0123456789") == std::string_view::npos;
        path.push_back(digits ? element(std::stoi(std::string{step})) : member(step));
        text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    }
    return path;
}

std::string show(const FieldValue& value) {
    const std::string raw{value.raw};
    switch (value.kind) {
        case FieldKind::absent:
            return "absent";
        case FieldKind::null:
            return "null";
        case FieldKind::string:
            return (value.escaped ? "escaped:" : "string:") + raw;
        case FieldKind::number:
            return "number:" + raw;
        case FieldKind::boolean:
            return "boolean:" + raw;
        case FieldKind::object:
            return "object";
        case FieldKind::array:
            return "array";
        case FieldKind::repeated:
            return "repeated";
        case FieldKind::nul_text:
            return "nul_text";
    }
    return "?";
}

// What the walk says of `record`: the values joined by blanks, or "invalid".
class Paths {
public:
    Paths(std::initializer_list<std::string_view> texts) {
        for (const std::string_view text : texts) {
            CHECK(walk_.want(path_of(text)) == count_++);
        }
    }
    std::string of(std::string_view record) {
        if (!walk_.run(record)) {
            return "invalid";
        }
        std::string all;
        for (const FieldValue& value : walk_.fields()) {
            all += (all.empty() ? "" : " ") + show(value);
        }
        return all;
    }
    // A form that was learnt from the same record decides as the walk did.
    std::string twice(std::string_view record) {
        const std::string first = of(record);
        const std::string copy{record};  // other addresses
        CHECK(of(copy) == first);
        return first;
    }

private:
    RecordWalk walk_;
    std::size_t count_ = 0;
};

}  // namespace

TEST_CASE("paths go through objects and arrays", "[reader][paths]") {
    Paths paths{"a.b.c", "list.1", "list.-1", "list.0.x", "top"};
    CHECK(paths.twice(R"({"a":{"b":{"c":1}},"list":[{"x":"y"},2,true],"top":"t"})") ==
          "number:1 number:2 boolean:true string:y string:t");
    CHECK(paths.twice(R"({ "top" : null , "list" : [ [ ] ] , "a" : { "b" : { "c" : { } } } })") ==
          "object absent array absent null");
    CHECK(paths.twice(R"({"a":{"b":1},"list":{"1":2,"x":3}})") ==
          "absent absent absent absent absent");
    CHECK(paths.twice(R"({"a":[{"b":{"c":1}}],"list":[],"top":"\u0041\\"})") ==
          R"(absent absent absent absent escaped:\u0041\\)");
    CHECK(paths.twice(R"({"\u0061":{"b":{"\u0063":-1e5}},"list":["z"]})") ==
          "number:-1e5 absent string:z absent absent");
    CHECK(paths.twice("{}") == "absent absent absent absent absent");
}

TEST_CASE("a path may end within another one", "[reader][paths]") {
    Paths paths{"a", "a.b", "a.0"};
    CHECK(paths.twice(R"({"a":{"b":1}})") == "object number:1 absent");
    CHECK(paths.twice(R"({"a":[7]})") == "array absent number:7");
    CHECK(paths.twice(R"({"a":"s"})") == "string:s absent absent");
    CHECK(paths.twice(R"({"a":null})") == "null absent absent");
    CHECK(paths.twice(R"({"b":1})") == "absent absent absent");
}

TEST_CASE("one element may be wanted from both ends", "[reader][paths]") {
    Paths paths{"a.0", "a.-1", "a.-2"};
    CHECK(paths.twice(R"({"a":["x\n"]})") == R"(escaped:x\n escaped:x\n absent)");
    CHECK(paths.of(R"({"a":["y"]})") == "string:y string:y absent");
    CHECK(paths.twice(R"({"a":["x\n","\\"]})") == R"(escaped:x\n escaped:\\ escaped:x\n)");
    CHECK(paths.twice(R"({"a":["\\x"]})") == R"(escaped:\\x escaped:\\x absent)");
    CHECK(paths.of(R"({"a":["\x"]})") == "invalid");
    CHECK(paths.of(R"({"a":["a","\x"]})") == "invalid");
}

TEST_CASE("what a form does not have is not left over from another form", "[reader][paths]") {
    Paths paths{"a.b", "c"};
    const std::string_view full = R"({"a":{"b":1},"c":2})";
    const std::string_view other = R"({"a":{"x":1},"d":2})";
    for (int i = 0; i < 3; ++i) {
        CHECK(paths.of(full) == "number:1 number:2");
        CHECK(paths.of(other) == "absent absent");
        CHECK(paths.of(R"({"a":{"b":{}},"c":[1]})") == "object array");
    }
}

TEST_CASE("what stands twice is an error of its paths alone", "[reader][paths]") {
    Paths paths{"a.b", "a.c", "d", "e.0.f"};
    CHECK(paths.twice(R"({"a":{"b":1,"b":1,"c":2},"d":3})") == "repeated number:2 number:3 absent");
    CHECK(paths.twice(R"({"a":{"b":1},"a":{"c":2},"d":3})") == "repeated repeated number:3 absent");
    CHECK(paths.twice(R"({"a":1,"\u0061":2,"d":3})") == "repeated repeated number:3 absent");
    CHECK(paths.twice(R"({"d":3,"d":{},"x":1,"x":1})") == "absent absent repeated absent");
    CHECK(paths.twice(R"({"e":[{"f":1,"f":2},{"f":1,"f":1}]})") == "absent absent absent repeated");
    CHECK(paths.twice(R"({"e":[{"f":1},{"f":1,"f":1}],"d":1})") ==
          "absent absent number:1 number:1");
}

TEST_CASE("depth counts along wanted paths as anywhere", "[reader][paths]") {
    std::string deep;
    Path path;
    for (int i = 0; i < 63; ++i) {
        deep += R"({"a":)";
        path.push_back(member("a"));
    }
    RecordWalk walk;
    CHECK(walk.want(path) == 0);
    const auto closed = [&](std::string_view inner, int more) {
        return deep + std::string{inner} + std::string(static_cast<std::size_t>(63 + more), '}');
    };
    const std::string number = closed("1", 0);  // what the walk gives lies in it
    CHECK(walk.run(number));
    CHECK(show(walk.fields()[0]) == "number:1");
    CHECK(walk.run(closed("{}", 0)));
    CHECK(show(walk.fields()[0]) == "object");
    CHECK_FALSE(walk.run(closed("{\"a\":{}}", 0)));
    CHECK_FALSE(walk.run(closed("{\"b\":[]}", 0)));
    CHECK_FALSE(walk.run(closed("1", 1)));
    CHECK_FALSE(walk.run(closed("1", -1)));
}

// Every change of one byte, cut and doubled byte of a record: with paths and without, the text is
// valid or not alike, whatever was recognized before.
TEST_CASE("paths change no verdict on the text", "[reader][paths]") {
    const std::string record =
        R"({"a":{"b":[1,{"c":"x\n"}],"d":null},"e":[[],"s",-1.5],"f":true,"g":{"h":{}}})";
    Paths paths{"a.b.1.c", "a.b.-1", "e.-1", "e.0.0", "g.h", "f", "a"};
    RecordWalk plain;
    REQUIRE(plain.run(record));
    REQUIRE(paths.of(record) ==
            R"(escaped:x\n object number:-1.5 absent object boolean:true object)");
    const std::string_view bytes = "{}[]:,\"\\ 0-.ean\x01\xff";
    std::vector<std::string> differences;
    const auto compare = [&](const std::string& text) {
        if (plain.run(text) != (paths.of(text) != "invalid")) {
            differences.push_back(text);
        }
    };
    for (std::size_t at = 0; at < record.size(); ++at) {
        compare(record.substr(0, at));
        compare(record.substr(0, at) + record.substr(at + 1));
        for (const char byte : bytes) {
            std::string changed = record;
            changed[at] = byte;
            compare(changed);
            compare(record.substr(0, at) + byte + record.substr(at));
        }
    }
    CHECK(differences == std::vector<std::string>{});
}

}  // namespace kstream
