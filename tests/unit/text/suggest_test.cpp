#include "text/suggest.hpp"

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace kstream::text {

TEST_CASE("The nearest name is suggested when it is near") {
    constexpr std::array<std::string_view, 3> kNames{"brokers", "topic", "count"};
    CHECK(edit_distance("brokers", "brokres") == 1);
    CHECK(edit_distance("kitten", "sitting") == 3);
    CHECK(edit_distance("", "abc") == 3);
    CHECK(nearest("broker", kNames) == "brokers");
    CHECK(nearest("coutn", kNames) == "count");
    CHECK_FALSE(nearest("seed", kNames));
    CHECK(did_you_mean("topc", "--", kNames) == ", did you mean --topic?");
    CHECK(did_you_mean("zzz", "--", kNames).empty());
}

TEST_CASE("Names that people have given are near by distance or as a part, the nearest first") {
    const std::vector<std::string> names{"payments-eu-v2", "payments-us", "payment-eu",
                                         "orders",         "payments-eu", "a"};
    const auto near = nearest_names("payments-eu", names, 3);
    REQUIRE(near.size() == 3);
    CHECK(near[0] == "payments-eu");
    CHECK(near[1] == "payment-eu");
    CHECK(near[2] == "payments-us");
    CHECK(nearest_names("orders-of-today-and-tomorrow", names, 3) ==
          std::vector<std::string_view>{"orders"});
    CHECK(nearest_names("zzzz", names, 3).empty());
}

}  // namespace kstream::text
