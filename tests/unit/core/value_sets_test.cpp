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

}  // namespace kstream
