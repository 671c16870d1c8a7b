// The rows of what a statement may call, and the page that people read of them.
#include "kstream/job/functions.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

namespace kstream::job {

TEST_CASE("docs/SQL.md has every function and aggregate, and no other", "[job]") {
    std::ifstream stream{std::string{KSTREAM_TEST_DATA} + "/../../../docs/SQL.md"};
    REQUIRE(stream.is_open());
    const std::string page{std::istreambuf_iterator<char>{stream}, {}};
    std::size_t rows = 0;
    for (std::size_t at = page.find("## Functions"); at != std::string::npos;
         at = page.find("\n| `", at + 1)) {
        ++rows;
    }
    CHECK(rows - 1 == kFunctions.size() + kAggregateFunctions.size());
    for (const FunctionRow& row : kFunctions) {
        INFO(row.name);
        CHECK(page.contains(" | " + std::string{name_of(row.gives)} + " | " + std::string{row.doc} +
                            " |\n"));
    }
    for (const AggregateFunctionRow& row : kAggregateFunctions) {
        INFO(row.name);
        CHECK(page.contains("| `" + std::string{row.name} + "` | " + std::string{row.takes} +
                            " | " + std::string{row.doc} + " |\n"));
    }
}

TEST_CASE("rows of functions fit themselves", "[job]") {
    for (const FunctionRow& row : kFunctions) {
        INFO(row.name);
        CHECK(row.required >= 1);
        CHECK(row.required <= row.arguments);
        CHECK(row.arguments <= kMaxFunctionArguments);
        CHECK(std::ranges::count(kFunctions, row.op, &FunctionRow::op) == 1);
        CHECK(find_function(row.op) == &row);
    }
    for (const AggregateFunctionRow& row : kAggregateFunctions) {
        INFO(row.name);
        CHECK(&row_of(row.function) == &row);
        CHECK(std::ranges::count(kAggregateFunctions, row.function,
                                 &AggregateFunctionRow::function) == 1);
    }
}

}  // namespace kstream::job
