#include "kstream/core/session_index.hpp"

#include "support/fakes/seeded.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>
#include <string>
#include <vector>

namespace kstream {
namespace {

using Session = SessionIndex::Session;

std::vector<Session> list(std::span<const Session> sessions) {
    return {sessions.begin(), sessions.end()};
}

}  // namespace

TEST_CASE("a session is touched up to its gap, on both sides, and not a millisecond further") {
    SessionIndex index{1, 10};
    index.put("a", {100, 120, 7});
    CHECK(index.touched("a", 89, 89).empty());
    CHECK(list(index.touched("a", 90, 90)) == std::vector<Session>{{100, 120, 7}});
    CHECK(list(index.touched("a", 110, 110)) == std::vector<Session>{{100, 120, 7}});
    CHECK(list(index.touched("a", 130, 140)) == std::vector<Session>{{100, 120, 7}});
    CHECK(index.touched("a", 131, 140).empty());
    CHECK(index.touched("b", 110, 110).empty());
}

TEST_CASE("a session stands in the place of all that it touches") {
    SessionIndex index{1, 10};
    index.put("a", {100, 100, 1});
    index.put("a", {140, 140, 3});
    index.put("a", {120, 120, 2});
    index.put("b", {110, 110, 4});
    CHECK(index.size() == 4);
    CHECK(list(index.touched("a", 110, 110)) == std::vector<Session>{{100, 100, 1}, {120, 120, 2}});
    index.put("a", {100, 120, 1});
    CHECK(list(index.touched("a", 0, 1'000)) == std::vector<Session>{{100, 120, 1}, {140, 140, 3}});
    index.put("a", {95, 145, 5});
    CHECK(list(index.touched("a", 0, 1'000)) == std::vector<Session>{{95, 145, 5}});
    CHECK(index.size() == 2);
    index.take("a", 96);
    index.take("c", 95);
    CHECK(index.size() == 2);
    index.take("a", 95);
    CHECK(index.touched("a", 0, 1'000).empty());
    CHECK(index.size() == 1);
    index.clear();
    CHECK(index.size() == 0);
    CHECK(index.touched("b", 110, 110).empty());
}

TEST_CASE("keys that move are found at their new place") {
    SessionIndex index{1, 10};
    index.put("a", {100, 100, 1});
    index.put("b", {100, 100, 3});
    index.renumber(std::vector<std::uint32_t>{0, 0, 1, 1});
    CHECK(index.touched("a", 100, 100).front().key == 0);
    CHECK(index.touched("b", 100, 100).front().key == 1);
}

TEST_CASE("groups whose sessions have gone leave their memory") {
    SessionIndex index{1, 10};
    std::size_t most = 0;
    for (std::int64_t day = 0; day < 20; ++day) {
        for (int i = 0; i < 3'000; ++i) {
            index.put(std::to_string(day) + "-" + std::to_string(i), {day, day, 0});
        }
        most = std::max(most, index.memory_bytes());
        for (int i = 0; i < 3'000; ++i) {
            index.take(std::to_string(day) + "-" + std::to_string(i), day);
        }
    }
    CHECK(index.size() == 0);
    // Of 60,000 groups there were at most 3,000 at a time, and those not worth a pass.
    SessionIndex all{1, 10};
    for (int i = 0; i < 15'000; ++i) {
        all.put("day-" + std::to_string(i), {0, 0, 0});
    }
    CHECK(most < all.memory_bytes());
    index.put("a", {1, 1, 9});
    CHECK(index.touched("a", 1, 1).front().key == 9);
}

TEST_CASE("whatever comes and goes, what is touched is what a look at all sessions says") {
    constexpr std::int64_t kGap = 5;
    SessionIndex index{3, kGap};
    std::map<std::string, std::vector<Session>> all;
    testing::Seeded random{1};
    for (std::uint32_t i = 0; i < 20'000; ++i) {
        const std::string group = random.text(1, 3);
        std::vector<Session>& sessions = all[group];
        const auto first = static_cast<std::int64_t>(random.below(200));
        const auto last = first + static_cast<std::int64_t>(random.below(4));
        if (random.chance(30) && !sessions.empty()) {
            const std::size_t at = random.below(sessions.size());
            index.take(group, sessions[at].first);
            sessions.erase(sessions.begin() + static_cast<std::ptrdiff_t>(at));
            continue;
        }
        std::vector<Session> touched;
        std::ranges::copy_if(sessions, std::back_inserter(touched), [&](const Session& one) {
            return first - one.last <= kGap && one.first - last <= kGap;
        });
        REQUIRE(list(index.touched(group, first, last)) == touched);
        Session merged{first, last, i};
        for (const Session& one : touched) {
            merged.first = std::min(merged.first, one.first);
            merged.last = std::max(merged.last, one.last);
            std::erase(sessions, one);
        }
        sessions.push_back(merged);
        std::ranges::sort(sessions, {}, &Session::first);
        index.put(group, merged);
    }
    std::size_t count = 0;
    for (const auto& [group, sessions] : all) {
        REQUIRE(list(index.touched(group, 0, 1'000)) == sessions);
        count += sessions.size();
    }
    CHECK(index.size() == count);
    CHECK(count > 10);
}

}  // namespace kstream
