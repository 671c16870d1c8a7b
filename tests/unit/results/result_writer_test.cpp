#include "results/result_writer.hpp"

#include <catch2/catch_test_macros.hpp>

namespace kstream::results {
namespace {

std::string written(Format format, const std::vector<std::string>& values) {
    RowReader reader;
    ResultWriter writer{format};
    std::string out;
    for (const std::string& value : values) {
        writer.row(out, value, reader.read(value).value());
    }
    writer.finish(out);
    return out;
}

TEST_CASE("a table aligns its columns, numbers at the right") {
    CHECK(written(Format::table, {R"({"seller":"a","total":1.50,"n":2})",
                                  R"({"seller":"a longer one","total":-100.00,"n":12345})"}) ==
          "seller          total      n\n"
          "------------  -------  -----\n"
          "a                1.50      2\n"
          "a longer one  -100.00  12345\n"
          "(2 rows)\n");
    CHECK(written(Format::table, {}) == "(0 rows)\n");
}

TEST_CASE("a table counts characters, and shows what would act on a terminal") {
    CHECK(written(Format::table,
                  {"{\"s\":\"\xc3\xa3\xc3\xa9\",\"n\":1}", R"({"s":"\u001b[2J","n":2})"}) ==
          "s          n\n"
          "---------  -\n"
          "\xc3\xa3\xc3\xa9         1\n"
          "\\u001b[2J  2\n"
          "(2 rows)\n");
}

TEST_CASE("a table of many rows goes out before its end, with the widths of the first") {
    RowReader reader;
    ResultWriter writer{Format::table};
    std::string out;
    for (int i = 0; i < 1000; ++i) {
        writer.row(out, "", *reader.read(R"({"s":"a","n":1})"));
    }
    CHECK(out.starts_with("s  n\n-  -\na  1\n"));
    out.clear();
    writer.row(out, "", *reader.read(R"({"s":"abc","n":10})"));
    CHECK(out == "abc  10\n");
    out.clear();
    writer.finish(out);
    CHECK(out == "(1001 rows)\n");
}

TEST_CASE("CSV quotes what it has to") {
    CHECK(written(Format::csv, {R"({"a,b":"x","n":1.50})", R"({"a,b":"say \"hi\"\r\n","n":2})"}) ==
          "\"a,b\",n\r\n"
          "x,1.50\r\n"
          "\"say \"\"hi\"\"\r\n\",2\r\n");
    CHECK(written(Format::csv, {}).empty());
}

TEST_CASE("JSON lines are the values byte by byte") {
    CHECK(written(Format::json, {R"({"a":1.50})", R"({"a":"\u00e3"})"}) ==
          "{\"a\":1.50}\n{\"a\":\"\\u00e3\"}\n");
}

TEST_CASE("a key whose row is gone is said") {
    for (const auto& [format, text] : std::vector<std::pair<Format, std::string>>{
             {Format::json, "{\"deleted\":\"[\\\"a\\\",1]\"}\n"},
             {Format::table, "[\"a\",1]  (deleted)\n"},
             {Format::csv, ""}}) {
        ResultWriter writer{format};
        std::string out;
        writer.deleted(out, "[\"a\",1]");
        CHECK(out == text);
    }
}

}  // namespace
}  // namespace kstream::results
