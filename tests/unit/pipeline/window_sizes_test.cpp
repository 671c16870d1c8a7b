// How many different values windows have that share their panes.
#include "kstream/pipeline/window_sizes.hpp"

#include <catch2/catch_test_macros.hpp>

namespace kstream {

TEST_CASE("a value counts in the windows to which it is new", "[sets][window]") {
    WindowSizes sizes{2, 10, 2};
    CHECK_FALSE(sizes.add("a", 0, {0, 20}, nullptr));
    CHECK_FALSE(sizes.add("a", 0, {20, 30}, nullptr));
    CHECK_FALSE(sizes.add("a", 0, {30, 20}, nullptr));  // none
    CHECK_FALSE(sizes.add("a", 1, {20, 20}, nullptr));
    CHECK_FALSE(sizes.add("b", 0, {-10, 0}, nullptr));
    CHECK(sizes.size("a", 0, -10) == 0);
    CHECK(sizes.size("a", 0, 0) == 1);
    CHECK(sizes.size("a", 0, 10) == 1);
    CHECK(sizes.size("a", 0, 20) == 2);
    CHECK(sizes.size("a", 0, 30) == 1);
    CHECK(sizes.size("a", 1, 20) == 1);
    CHECK(sizes.size("b", 0, -10) == 1);
    CHECK(sizes.size("c", 0, 0) == 0);
}

TEST_CASE("what a step has added can be looked past, and taken out", "[sets][window]") {
    WindowSizes sizes{1, 10, 2};
    sizes.add("a", 0, {0, 10}, nullptr);
    const std::size_t memory = sizes.memory_bytes();
    WindowSizes::Layer in_flight;
    WindowSizes::Layer filling;
    CHECK_FALSE(sizes.add("a", 0, {10, 20}, &in_flight));
    CHECK_FALSE(sizes.add("b", 0, {0, 0}, &in_flight));
    CHECK(sizes.add("a", 0, {0, 10}, &filling));  // the second one has three now
    CHECK(sizes.over() == 1);
    CHECK_FALSE(sizes.add("a", 0, {10, 10}, &filling));  // it was over before
    CHECK(sizes.over() == 1);
    CHECK(sizes.size("a", 0, 10) == 4);
    CHECK(WindowSizes::added(filling, "a", 0, 10) == 2);
    CHECK(WindowSizes::added(in_flight, "a", 0, 10) == 1);
    CHECK(WindowSizes::added(in_flight, "b", 0, 10) == 0);
    sizes.undo(filling);
    CHECK(sizes.over() == 0);
    CHECK(sizes.size("a", 0, 0) == 1);
    CHECK(sizes.size("a", 0, 10) == 2);
    sizes.undo(in_flight);
    CHECK(sizes.size("a", 0, 10) == 1);
    CHECK(sizes.size("a", 0, 20) == 0);
    CHECK(sizes.size("b", 0, 0) == 0);
    CHECK(sizes.memory_bytes() == memory);
}

TEST_CASE("of a window that is closed nothing is left", "[sets][window]") {
    WindowSizes sizes{1, 10, 1};
    const std::size_t nothing = sizes.memory_bytes();
    sizes.add("a", 0, {0, 10}, nullptr);
    CHECK(sizes.add("a", 0, {0, 0}, nullptr));
    CHECK(sizes.over() == 1);
    sizes.forget("a", 20);
    sizes.forget("b", 0);
    CHECK(sizes.over() == 1);
    sizes.forget("a", 0);
    CHECK(sizes.over() == 0);
    CHECK(sizes.size("a", 0, 0) == 0);
    CHECK(sizes.size("a", 0, 10) == 1);
    sizes.forget("a", 10);
    CHECK(sizes.memory_bytes() == nothing);
}

}  // namespace kstream
