// The table of a step's multisets against std::map.
#include "kstream/core/value_counts.hpp"

#include "support/fakes/seeded.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <map>
#include <span>
#include <utility>

namespace kstream {
namespace {

using testing::Seeded;
using Counts = std::map<std::pair<ElementOwner, Int128>, std::uint64_t>;

// Of both signs, and beyond 64 bits.
Int128 random_value(Seeded& random, std::size_t spread) {
    const auto small = static_cast<Int128>(random.below(spread)) - static_cast<Int128>(spread / 2);
    return random.chance(20) ? small * (Int128{1} << 100) : small;
}

void check(std::span<const ValueCounts::Cell> sorted, const Counts& model) {
    REQUIRE(sorted.size() == model.size());
    auto at = model.begin();
    for (const ValueCounts::Cell& cell : sorted) {
        REQUIRE(cell.owner() == at->first.first);
        REQUIRE(cell.value() == at->first.second);
        REQUIRE(cell.count() == at->second);
        ++at;
    }
}

}  // namespace

TEST_CASE("a step has each value as often as it came, in order, and the next one begins anew") {
    Seeded random{79};
    for (int round = 0; round < 40; ++round) {
        ValueCounts counts{random.word()};
        const std::size_t spread = round % 2 == 0 ? 10 : 3000;
        for (int step = 0; step < 4; ++step) {
            Counts model;
            for (std::uint64_t i = random.below(2000); i > 0; --i) {
                const ElementOwner owner{random.below(4), static_cast<std::uint8_t>(i % 2)};
                const Int128 value = random_value(random, spread);
                REQUIRE(counts.add(owner, value) == (++model[{owner, value}] == 1));
                REQUIRE(counts.size() == model.size());
            }
            if (step == 1) {  // taken back
                counts.clear();
                continue;
            }
            const ElementOwner dropped{2, 0};
            std::erase_if(model, [&](const auto& one) { return one.first.first == dropped; });
            check(counts.sort([&](ElementOwner owner) { return owner != dropped; }), model);
            counts.clear();
            CHECK(counts.size() == 0);
        }
    }
}

TEST_CASE("a step like the one before takes no more memory") {
    ValueCounts counts{83};
    const auto step = [&counts] {
        for (int i = 0; i < 10'000; ++i) {
            counts.add({1, 0}, i);
        }
        const std::size_t bytes = counts.memory_bytes();
        counts.clear();
        return bytes;
    };
    const std::size_t first = step();
    CHECK(first <= 10'000 * 86);
    CHECK(step() == first);
    CHECK(step() == first);
}

}  // namespace kstream
