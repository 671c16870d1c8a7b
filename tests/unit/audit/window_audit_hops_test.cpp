// Jobs with hopping windows, audited: what the loops make of them and of their panes is proved
// after each step, and what is forged of it is found.
#include "kstream/audit/accounts.hpp"
#include "support/fakes/audited_statement.hpp"
#include "support/fakes/audited_windows.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace kstream::audit {
namespace {

using testing::Audited;
using testing::audited_windows::forge_meta;
using testing::audited_windows::found;
using testing::audited_windows::hopped;
using testing::audited_windows::is_of;
using testing::audited_windows::Kinds;
using testing::audited_windows::last_element;
using testing::audited_windows::last_meta;
using testing::audited_windows::last_of;
using testing::audited_windows::move;
using testing::audited_windows::proved;
using testing::audited_windows::sell;
using testing::audited_windows::windowed;
using testing::audited_windows::with_early_tombstone;
using testing::audited_windows::without_tombstone;
using testing::audited_windows::World;
using testing::audited_windows::Written;

std::string hopping(std::string_view emit, std::string_view having = "",
                    std::string_view lengths = "INTERVAL '1 minute', INTERVAL '3 minutes'") {
    return windowed(emit, having, "hop", lengths);
}

}  // namespace

TEST_CASE("hopping windows are proved after each step, however few are closed in one",
          "[audit][window]") {
    const std::string_view lengths =
        GENERATE(as<std::string_view>{}, "INTERVAL '1 minute', INTERVAL '3 minutes'",
                 "INTERVAL '40 seconds', INTERVAL '1 minute', origin => TIMESTAMPTZ "
                 "'2001-01-01T00:00:07Z'");
    const std::string_view emit = GENERATE(as<std::string_view>{}, "updates", "final");
    const std::uint64_t most = GENERATE(as<std::uint64_t>{}, 1, 3, 50'000);
    CAPTURE(lengths, emit, most);
    World world{hopping(emit, "", lengths), {}, 0, {.max_closed_keys = most}};
    bool waits = false;
    int value = 0;
    for (int second = 0; second < 400; second += 25) {
        for (const char* const key : {"a", "b", "c"}) {
            sell(world, key, second, ++value);
        }
        sell(world, "a", std::max(second - 80, 0), 1);  // late, or not
        sell(world, std::string(1, static_cast<char>('d' + second / 25)), second, 1);
        world.commit();
        proved(world);
        waits = waits || last_meta(world).to_close > 0;
    }
    while (last_meta(world).to_close > 0) {
        world.commit();
        proved(world);
    }
    CHECK(waits == (most < 50'000));
    CHECK(last_meta(world).sources.at(0).counts.late > 3);
    CHECK(std::ranges::count_if(world.results,
                                [](const Written& one) { return one.is_final.has_value(); }) > 20);
    const Audited base = proved(world);
    sell(world, "a", 500, 1);
    world.commit();
    CHECK(world.audit(base.base).kinds.empty());
}

TEST_CASE("what is forged of hopping windows is found", "[audit][window]") {
    for (const std::string_view emit : {"updates", "final"}) {
        CAPTURE(emit);
        proved(hopped(emit));
        const auto forged = [emit](const std::function<void(World&)>& forge) {
            World world = hopped(emit);
            forge(world);
            return found(world);
        };
        // One of the last results of a key.
        CHECK(forged([](World& world) {
                  std::erase_if(world.results, [](const Written& one) {
                      return is_of(one, "b") && one.is_final && one.key.contains("22:12");
                  });
              }) == Kinds{FindingKind::window_missing});
        CHECK(forged([](World& world) {
                  std::string& value = *last_of(world.results, "b").value;
                  value.replace(value.find(R"("n":2)"), 5, R"("n":3)");
              }) == Kinds{FindingKind::wrong_result});
        // A pane that stays behind its last window, and one that has gone before it.
        CHECK(forged(without_tombstone) ==
              Kinds{FindingKind::extra_total, FindingKind::broken_state});
        CHECK(forged(with_early_tombstone) ==
              Kinds{FindingKind::missing_total, FindingKind::broken_state});
        // How far windows are closed, in meta.
        CHECK(forged([](World& world) {
                  forge_meta(world, [](Meta& meta) { meta.cursor = {}; });
              }) == Kinds{FindingKind::broken_state});
        CHECK(forged([](World& world) {
                  forge_meta(world, [](Meta& meta) { ++meta.cursor.hash; });
              }) == Kinds{FindingKind::broken_state});
        // A window that begins with a pane and not where one of the job's does; a total of a key
        // that stands for a window in the audit alone.
        CHECK(forged([](World& world) {
                  Written other = last_of(world.results, "b");
                  move(world, other, "22:13:00", "22:13:30");
                  world.results.push_back(other);
              }) == Kinds{FindingKind::extra_result});
        CHECK(forged([](World& world) {
                  Written other = last_of(world.changelog, "g");
                  other.key[other.key.size() - 9] = '\x7f';
                  world.changelog.insert(world.changelog.end() - 1, other);
              }) == Kinds{FindingKind::damaged});
    }
}

TEST_CASE("HAVING says which hopping windows are published", "[audit][window]") {
    World world{hopping("final", " HAVING sum(v) > 5")};
    sell(world, "a", 10, 5);
    sell(world, "a", 70, 5);
    world.commit();
    sell(world, "x", 1'000, 1);
    world.commit();
    proved(world);
    CHECK(world.results.size() == 2);
    Written other = last_of(world.results, "a");
    move(world, other, "22:13", "22:11");
    world.results.push_back(other);
    CHECK(found(world) == Kinds{FindingKind::extra_result});
}

TEST_CASE("without the source hopping windows are what their panes are", "[audit][window]") {
    constexpr std::string_view kSets =
        ", count(DISTINCT v) AS d, percentile_disc(0.5) WITHIN GROUP (ORDER BY v) AS p";
    for (const std::string_view emit : {"updates", "final"}) {
        for (const std::string_view column : {"", R"("n":)", R"("d":)", R"("p":)"}) {
            const bool wrong = !column.empty();
            CAPTURE(emit, column);
            World world = hopped(emit, column == R"("n":)" ? "" : kSets);
            if (wrong) {
                // Of updates that of an open window, else a last one, of which nobody knows.
                std::string& value = *last_of(world.results, emit == "updates" ? "g" : "b").value;
                value.replace(value.find(column) + column.size(), 1, "7");
            }
            Findings findings;
            const AuditedJob audited =
                AuditedJob::of(world.job.spec, world.job.identity, testing::audit_of(world.job));
            Accounts accounts{audited, std::uint64_t{1} << 30, findings};
            for (const Written& one : world.changelog) {
                accounts.take_changelog(world.view(one, 0));
            }
            for (const Written& one : world.results) {
                accounts.take_result(world.view(one, 0), testing::headers_of(one));
            }
            accounts.believe_changelog();
            CHECK(accounts.compare(true).by_state[0].fits(last_meta(world)));
            CHECK(findings.count() == (wrong && emit == "updates" ? 1 : 0));
        }
    }
}

TEST_CASE(
    "what hopping windows have of their panes' sets is proved, and what is forged of it found",
    "[audit][window]") {
    constexpr std::string_view kSets =
        ", count(DISTINCT v) AS d, percentile_disc(0.5) WITHIN GROUP (ORDER BY v) AS p";
    for (const std::string_view emit : {"updates", "final"}) {
        CAPTURE(emit);
        const auto sold_once_more = [&] {
            World world = hopped(emit, kSets);
            sell(world, "g", 195, 4);  // both panes have it
            sell(world, "g", 245, 4);
            sell(world, "g", 250, 9);
            world.commit();
            world.commit();  // and what closed panes have kept has gone
            return world;
        };
        World world = sold_once_more();
        proved(world);
        CHECK(last_meta(world).to_sweep == 0);
        CHECK(last_of(world.results, emit == "updates" ? "g" : "b").value->contains(R"("d":)"));
        std::string& value = *last_of(world.results, emit == "updates" ? "g" : "b").value;
        value.replace(value.find(R"("d":)") + 4, 1, "8");
        CHECK(found(world) == Kinds{FindingKind::wrong_result});
        // An element of a pane that is open.
        World other = sold_once_more();
        other.changelog.erase(last_element(other, false));
        CHECK(found(other) == Kinds{FindingKind::wrong_total, FindingKind::broken_state});
    }
}

}  // namespace kstream::audit
