// Jobs with sessions, audited: what the loops make of them is proved, and what is forged of it is
// found.
#include "support/fakes/audited_windows.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kstream::audit {
namespace {

using testing::audited_windows::found;
using testing::audited_windows::is_of;
using testing::audited_windows::Kinds;
using testing::audited_windows::last_meta;
using testing::audited_windows::last_of;
using testing::audited_windows::proved;
using testing::audited_windows::sell;
using testing::audited_windows::World;
using testing::audited_windows::Written;

// Of three keys, at a gap of 10 seconds: two of a, which a record of the second step makes one; one
// of b, which begins earlier then; and one of c. The clock closes that of b.
World in_sessions(std::string_view emit, std::string_view more = "") {
    World world{
        "SELECT k, window_start AS b, window_end AS e, count(*) AS n, sum(v) AS s, max(v) AS m" +
        std::string{more} +
        " FROM session(t, to_timestamp(nullif(ts, 0)), INTERVAL '10 seconds', grace => INTERVAL "
        "'80 seconds', idle => 'never', emit => '" +
        std::string{emit} + "') WHERE v >= 0 GROUP BY k, window_start"};
    sell(world, "b", 50, 4);
    sell(world, "c", 90, 8);
    sell(world, "a", 100, 1);
    sell(world, "a", 120, 2);
    world.commit();
    sell(world, "a", 110, 16);
    sell(world, "b", 45, 32);
    sell(world, "b", 55, 64);
    world.commit();
    sell(world, "c", 150, 128);
    sell(world, "c", 69, 256);  // late, though a session of its own would still be open
    world.commit();
    return world;
}

}  // namespace

TEST_CASE("what the loops make of sessions is proved", "[audit][window]") {
    for (const auto& [emit, more] : std::vector<std::pair<std::string_view, std::string_view>>{
             {"updates", ""},
             {"final", ""},
             {"updates", ", count(DISTINCT v) AS d"},
             {"final", ", percentile_disc(0.5) WITHIN GROUP (ORDER BY v) AS p"}}) {
        CAPTURE(emit, more);
        const World world = in_sessions(emit, more);
        proved(world);
        const Meta meta = last_meta(world);
        CHECK(meta.keys == 3);
        CHECK(meta.sources.at(0).counts.late == 1);
        CHECK(std::ranges::count_if(world.results, [](const Written& one) {
                  return !one.value.has_value();
              }) == (emit == "updates" ? 2 : 0));
    }
}

TEST_CASE("what is forged of sessions is found", "[audit][window]") {
    const auto forged = [](std::string_view emit, const std::function<void(World&)>& forge) {
        World world = in_sessions(emit);
        forge(world);
        return found(world);
    };
    const auto without_tombstones_of = [](std::vector<Written>& all, std::string_view key) {
        return std::erase_if(all,
                             [key](const Written& one) { return is_of(one, key) && !one.value; });
    };
    // A result, or a total, of what has become part of another session.
    CHECK(forged("updates", [&](World& world) {
              CHECK(without_tombstones_of(world.results, "a") == 1);
          }) == Kinds{FindingKind::extra_result});
    for (const std::string_view emit : {"updates", "final"}) {
        CAPTURE(emit);
        CHECK(forged(emit, [&](World& world) {
                  CHECK(without_tombstones_of(world.changelog, "a") == 1);
              }) == Kinds{FindingKind::extra_total, FindingKind::broken_state});
        // A key that is none, and shorter than any.
        CHECK(forged(emit, [](World& world) {
                  Written odd = last_of(world.changelog, "c");
                  odd.key = "\1z";
                  world.changelog.insert(world.changelog.end() - 1, odd);
              }) == Kinds{FindingKind::damaged});
        // A session that ends elsewhere.
        CHECK(forged(emit, [](World& world) {
                  std::string& value = *last_of(world.results, "b").value;
                  const std::size_t at = value.find(R"(:05Z","n":)") + 2;
                  value[at] = '6';
              }) == Kinds{FindingKind::wrong_result});
    }
}

}  // namespace kstream::audit
