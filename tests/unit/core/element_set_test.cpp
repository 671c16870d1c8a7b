// The table of sets against std::set, and that what a layer did is taken back whole.
#include "kstream/core/element_set.hpp"

#include "support/fakes/seeded.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <set>
#include <vector>

namespace kstream {
namespace {

using testing::Seeded;

OwnedElement random_element(Seeded& random) {
    return {{random.below(5), static_cast<std::uint8_t>(random.below(3))},
            {random.below(3), random.below(40)}};
}

std::vector<OwnedElement> all_of(const std::set<OwnedElement>& model) {
    return {model.begin(), model.end()};
}

}  // namespace

TEST_CASE("a set has what was put in and not taken out") {
    Seeded random{59};
    for (int round = 0; round < 20; ++round) {
        ElementSet set{random.word()};
        std::set<OwnedElement> model;
        for (int i = 0; i < 2000; ++i) {
            const OwnedElement one = random_element(random);
            if (random.chance(55)) {
                REQUIRE(set.insert(one) == model.insert(one).second);
            } else {
                REQUIRE(set.erase(one) == (model.erase(one) == 1));
            }
            const OwnedElement other = random_element(random);
            REQUIRE(set.contains(other) == model.contains(other));
            REQUIRE(set.size() == model.size());
        }
        CHECK(set.sorted() == all_of(model));
        set.clear();
        CHECK(set.size() == 0);
        CHECK_FALSE(set.contains(*model.begin()));
    }
}

TEST_CASE("a set that is filled again as before takes no more memory") {
    Seeded random{67};
    ElementSet set{random.word()};
    const auto fill = [&set] {
        for (std::uint64_t i = 0; i < 5000; ++i) {
            set.insert({{i % 7, 0}, {0, i}});
        }
        const std::size_t bytes = set.memory_bytes();
        set.clear();
        return bytes;
    };
    fill();
    const std::size_t again = fill();
    CHECK(fill() == again);
    CHECK(again <= 5000 * 38);
}

TEST_CASE("layers are taken back, the latest first, whatever they did") {
    Seeded random{61};
    for (int round = 0; round < 300; ++round) {
        ElementSet set{random.word()};
        std::set<OwnedElement> model;
        const auto change = [&](ElementSet::Changes* changes) {
            for (std::uint64_t i = random.below(200); i > 0; --i) {
                const OwnedElement one = random_element(random);
                if (random.chance(60)) {
                    set.insert(one, changes);
                    model.insert(one);
                } else {
                    set.erase(one, changes);
                    model.erase(one);
                }
            }
        };
        change(nullptr);
        const std::set<OwnedElement> committed = model;
        ElementSet::Changes in_flight;
        change(&in_flight);
        const std::set<OwnedElement> sealed = model;
        ElementSet::Changes filling;
        change(&filling);
        REQUIRE(set.sorted() == all_of(model));
        set.undo(filling);
        REQUIRE(set.sorted() == all_of(sealed));
        REQUIRE(filling.empty());
        set.undo(in_flight);
        REQUIRE(set.sorted() == all_of(committed));
        for (const OwnedElement& one : committed) {
            REQUIRE(set.contains(one));
        }
    }
}

TEST_CASE("a million elements have 40 bytes each at most, at whatever number") {
    ElementSet set{7};
    for (std::uint64_t i = 0; i < 1'000'000; ++i) {
        set.insert({{i % 1000, 0}, {0, i}});
        if (i > 1000) {
            REQUIRE(set.memory_bytes() <= 40 * set.size());
        }
    }
    CHECK(set.size() == 1'000'000);
}

TEST_CASE("a sweep in pieces meets every element once") {
    Seeded random{67};
    ElementSet set{random.word()};
    for (int i = 0; i < 500; ++i) {
        set.insert(random_element(random));
    }
    std::vector<OwnedElement> met;
    std::size_t from = 0;
    do {
        const std::vector<OwnedElement> piece = set.sweep(from, 7);
        met.insert(met.end(), piece.begin(), piece.end());
    } while (from != 0);
    std::ranges::sort(met);
    CHECK(met == set.sorted());
    // The table may have become smaller than where the last piece ended.
    from = 1U << 20;
    CHECK(set.sweep(from, 7).empty());
    CHECK(from == 0);
}

TEST_CASE("a number and an accumulator make an owner, and come out of it") {
    const ElementOwner owner{ElementOwner::kMaxNumber, 255};
    CHECK(owner.number() == ElementOwner::kMaxNumber);
    CHECK(owner.accumulator() == 255);
    ElementSet set{1};
    CHECK(set.insert({owner, {}}));
    CHECK_FALSE(set.insert({owner, {}}));
    CHECK(set.erase({owner, {}}));
}

}  // namespace kstream
