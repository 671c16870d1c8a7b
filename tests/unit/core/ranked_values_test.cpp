// A multiset in order, against a sorted vector.
#include "kstream/core/ranked_values.hpp"

#include "support/fakes/seeded.hpp"

#include <catch2/catch_test_macros.hpp>

#include <map>
#include <utility>
#include <vector>

namespace kstream {
namespace {

using testing::Seeded;

constexpr auto kMax = static_cast<Int128>(~UInt128{0} >> 1);
constexpr Int128 kMin = -kMax - 1;

}  // namespace

TEST_CASE("what has a rank is what stands there in order, whatever changed before") {
    Seeded random{71};
    for (int round = 0; round < 12; ++round) {
        RankedValues values;
        std::map<Int128, std::uint64_t> model;
        std::vector<std::pair<Int128, std::uint64_t>> undo;
        const std::uint64_t spread = round % 2 == 0 ? 50 : 5000;
        const auto set = [&](Int128 value, std::uint64_t count) {
            const std::uint64_t was = model.contains(value) ? model[value] : 0;
            const std::uint64_t before = count >= was && random.chance(50)
                                             ? values.add(value, count - was)
                                             : values.set_count(value, count);
            REQUIRE(before == was);
            if (count == 0) {
                model.erase(value);
            } else {
                model[value] = count;
            }
            return before;
        };
        const auto check = [&] {
            std::uint64_t rank = 0;
            for (const auto& [value, count] : model) {
                REQUIRE(values.count(value) == count);
                REQUIRE(values.ranked(rank + 1) == value);
                rank += count;
                REQUIRE(values.ranked(rank) == value);
            }
            REQUIRE(values.total() == rank);
            REQUIRE(values.distinct() == model.size());
        };
        for (int i = 0; i < 4000; ++i) {
            const auto value = static_cast<Int128>(random.below(spread)) - 25;
            set(value, random.chance(40) ? 0 : 1 + random.below(3));
        }
        set(kMin, 2);
        set(kMax, 1);
        check();
        CHECK(values.ranked(1) == kMin);
        CHECK(values.ranked(values.total()) == kMax);
        const auto committed = model;
        for (int i = 0; i < 2000; ++i) {
            const auto value = static_cast<Int128>(random.below(spread)) - 25;
            undo.emplace_back(value, set(value, random.below(3)));
        }
        for (std::size_t i = undo.size(); i-- > 0;) {
            set(undo[i].first, undo[i].second);
        }
        REQUIRE(model == committed);
        check();
    }
}

TEST_CASE("what has a rank in several is what would have it in one") {
    Seeded random{72};
    for (int round = 0; round < 60; ++round) {
        std::vector<RankedValues> parts(1 + random.below(5));
        RankedValues whole;
        const std::uint64_t spread = round % 3 == 0 ? 4 : 3000;
        const auto add = [&](Int128 value, std::uint64_t count) {
            parts[random.below(parts.size())].add(value, count);
            whole.add(value, count);
        };
        for (std::uint64_t i = 0; i <= random.below(900); ++i) {
            add(static_cast<Int128>(random.below(spread)) - 25, 1 + random.below(3));
        }
        if (round % 4 == 0) {
            add(kMin, 1);
            add(kMax, 2);
        }
        std::vector<const RankedValues*> all;
        for (const RankedValues& part : parts) {
            all.push_back(&part);
        }
        for (std::uint64_t rank = 1; rank <= whole.total(); rank += 1 + random.below(7)) {
            const Int128 value = whole.ranked(rank);
            REQUIRE(ranked_in_all(all, rank) == value);
            REQUIRE(whole.up_to(value) >= rank);
            REQUIRE((value == kMin || whole.up_to(value - 1) < rank));
        }
        CHECK(ranked_in_all(all, whole.total()) == whole.ranked(whole.total()));
    }
    CHECK(RankedValues{}.up_to(kMax) == 0);
}

TEST_CASE("nothing is there, and nothing is left") {
    RankedValues values;
    CHECK(values.count(0) == 0);
    CHECK(values.set_count(5, 0) == 0);
    CHECK(values.distinct() == 0);
    values.set_count(5, 3);
    CHECK(values.set_count(5, 0) == 3);
    CHECK(values.total() == 0);
    CHECK(values.count(5) == 0);
}

TEST_CASE("a million different values have 40 bytes each at most, in whatever order they come") {
    Seeded random{73};
    RankedValues rising;
    RankedValues mixed;
    for (int i = 0; i < 1'000'000; ++i) {
        rising.set_count(i, 1);
    }
    while (mixed.distinct() < 1'000'000) {
        mixed.set_count(static_cast<Int128>(random.word()), 1);
    }
    CHECK(mixed.memory_bytes() <= 40 * mixed.distinct());
    CHECK(rising.memory_bytes() <= 40 * rising.distinct());
}

}  // namespace kstream
