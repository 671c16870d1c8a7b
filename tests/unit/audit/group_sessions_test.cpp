#include "kstream/audit/group_sessions.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <string_view>
#include <vector>

namespace kstream::audit {
namespace {

using Starts = std::vector<std::int64_t>;

}  // namespace

TEST_CASE("spans of a group that are at most the gap apart become one", "[audit][window]") {
    GroupSessions sessions{10};
    CHECK(sessions.add("a", 100, 100).first == 100);
    CHECK(sessions.add("a", 121, 121).first == 121);
    // Of another group nothing is touched, and at the end of the gap it is.
    CHECK(sessions.add("b", 110, 110).first == 110);
    const auto later = sessions.add("a", 110, 110);
    CHECK(later.first == 100);
    CHECK(later.others.empty());
    // It reaches 110 now: 11 more are too much, 10 are not.
    const auto one = sessions.add("a", 120, 120);
    CHECK(one.first == 100);
    CHECK(one.others == Starts{121});
    const auto earlier = sessions.add("a", 90, 90);
    CHECK(earlier.first == 90);
    CHECK(earlier.others == Starts{100});
    CHECK(sessions.add("a", 79, 79).first == 79);
    // What is kept goes on, what is not begins anew.
    sessions.keep([](std::string_view group) { return group == "b"; });
    CHECK(sessions.add("b", 120, 120).first == 110);
    CHECK(sessions.add("a", 95, 95).others.empty());
}

}  // namespace kstream::audit
