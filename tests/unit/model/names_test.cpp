#include "kstream/model/names.hpp"

#include <catch2/catch_test_macros.hpp>

namespace kstream {

TEST_CASE("Roles are read back from their names") {
    for (std::size_t i = 0; i < kTopicRoleCount; ++i) {
        CHECK(parse_role(role_name(static_cast<TopicRole>(i))) == static_cast<TopicRole>(i));
    }
    CHECK(role_name(TopicRole::dead_letters) == "dead-letters");
    CHECK(role_label(TopicRole::dead_letters) == "dead_letters");
    CHECK_FALSE(parse_role("dead_letters").has_value());
    CHECK(parse_role("late") == TopicRole::late);
    CHECK(stage_name(Stage::totals) == "totals");
}

}  // namespace kstream
