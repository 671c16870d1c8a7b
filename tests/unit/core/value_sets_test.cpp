// The multisets of many keys: what they hold, and what a layer changes and puts back. The order of
// values is RankedValues'.
#include "kstream/core/value_sets.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstddef>

namespace kstream {

// 160 GB more were said of a state with each value that was taken out.
TEST_CASE("values that are taken out are not held any more") {
    constexpr ElementOwner kOwner{1, 0};
    ValueSets sets;
    sets.set_count(kOwner, 5, 2);
    const std::size_t before = sets.memory_bytes();
    ValueSets::Changes changes;
    CHECK(sets.set_count(kOwner, 6, 1, &changes) == 0);
    CHECK(sets.set_count(kOwner, 5, 3, &changes) == 2);
    CHECK(sets.memory_bytes() > before);
    sets.undo(changes);
    CHECK(sets.memory_bytes() == before);
    CHECK(sets.count(kOwner, 5) == 2);
    CHECK(sets.count(kOwner, 6) == 0);
    sets.set_count(kOwner, 5, 0);
    CHECK(sets.memory_bytes() < before);
}

TEST_CASE("a multiset that is forgotten is there again when its values are put back") {
    constexpr ElementOwner kOwner{1, 0};
    ValueSets sets;
    const std::size_t nothing = sets.memory_bytes();
    sets.set_count(kOwner, 5, 2);
    sets.forget_if_empty(kOwner);
    CHECK(sets.count(kOwner, 5) == 2);
    ValueSets::Changes changes;
    sets.set_count(kOwner, 5, 0, &changes);
    REQUIRE(sets.find(kOwner) != nullptr);
    sets.forget_if_empty(kOwner);
    CHECK(sets.find(kOwner) == nullptr);
    CHECK(sets.memory_bytes() == nothing);
    sets.forget_if_empty(kOwner);
    sets.undo(changes);
    CHECK(sets.count(kOwner, 5) == 2);
}

TEST_CASE("changes are summed up, in order, and undone as before") {
    constexpr ElementOwner kOwner{1, 0};
    constexpr ElementOwner kOther{2, 0};
    ValueSets sets;
    sets.set_count(kOwner, 5, 2);
    ValueSets::Changes changes;
    sets.set_count(kOther, -3, 1, &changes);
    sets.set_count(kOwner, 5, 3, &changes);
    sets.set_count(kOwner, -9, 1, &changes);
    sets.set_count(kOther, -3, 4, &changes);
    sets.set_count(kOwner, 5, 0, &changes);
    sets.set_count(kOther, -3, 5, &changes);
    ValueSets::sum_up(changes);
    CHECK(changes == ValueSets::Changes{{kOwner, -9, 0, 1}, {kOwner, 5, 2, 0}, {kOther, -3, 0, 5}});
    sets.undo(changes);
    CHECK(sets.count(kOwner, 5) == 2);
    CHECK(sets.count(kOwner, -9) == 0);
    CHECK(sets.count(kOther, -3) == 0);
    changes.clear();
    ValueSets::sum_up(changes);
    CHECK(changes.empty());
}

TEST_CASE("what is added to a multiset is undone as what is set") {
    constexpr ElementOwner kOwner{1, 3};
    constexpr ElementOwner kOther{2, 3};
    ValueSets sets;
    sets.set_count(kOwner, 5, 2);
    const std::size_t before = sets.memory_bytes();
    ValueSets::Changes changes;
    ValueSets::Multiset multiset = sets.multiset(kOwner);
    sets.set_count(kOther, 5, 7);  // moves nothing that the first one has
    CHECK(multiset.add(5, 4, changes) == 2);
    CHECK(multiset.add(-1, 1, changes) == 0);
    CHECK(multiset.add(-1, 1, changes) == 1);
    CHECK(multiset.distinct() == 2);
    CHECK(sets.count(kOwner, 5) == 6);
    CHECK(sets.count(kOwner, -1) == 2);
    CHECK(sets.find(kOwner)->total() == 8);
    sets.undo(changes);
    CHECK(sets.count(kOwner, 5) == 2);
    CHECK(sets.find(kOwner)->distinct() == 1);
    sets.set_count(kOther, 5, 0);
    CHECK(sets.memory_bytes() > before);  // a multiset without values
}

}  // namespace kstream
