#include "results/result_row.hpp"

#include <catch2/catch_test_macros.hpp>

namespace kstream::results {
namespace {

TEST_CASE("the cells of a row are as the log has them") {
    RowReader reader;
    const auto row = reader.read(
        R"({"a":"x\n\u00e3","b":170141183460469231731687303715884105728.10,"c":true,"d":null})");
    REQUIRE(row);
    REQUIRE(names_of(*row) == std::vector<std::string>{"a", "b", "c", "d"});
    CHECK((*row)[0].text == "x\n\xc3\xa3");
    CHECK((*row)[1].text == "170141183460469231731687303715884105728.10");
    CHECK((*row)[2].text == "true");
    CHECK((*row)[3].text.empty());
    CHECK_FALSE((*row)[0].is_number);
    CHECK((*row)[1].is_number);
    CHECK_FALSE((*row)[2].is_number);
}

TEST_CASE("blanks around values do not belong to them") {
    RowReader reader;
    const auto row = reader.read(R"( { "a" : 1.50 , "b" : false } )");
    REQUIRE(row);
    CHECK((*row)[0].text == "1.50");
    CHECK((*row)[1].text == "false");
}

TEST_CASE("what is no object of plain values is no row") {
    RowReader reader;
    for (const char* const value :
         {"", " ", "1", "[]", "\"a\"", "{", "{\"a\":1", "{\"a\":1}}", "{\"a\":1} 2", "{\"a\":[1]}",
          "{\"a\":{}}", "{\"a\":}", "garbage", "{\"a\":\"\xff\"}"}) {
        INFO(value);
        CHECK_FALSE(reader.read(value));
    }
    CHECK(reader.read("{\"a\":1}"));  // the reader itself is as good as new
}

}  // namespace
}  // namespace kstream::results
