// The audit's own sums against the loops' own: two codes, and every aggregate that there is.
#include "kstream/audit/audited_job.hpp"

#include "kstream/audit/row.hpp"
#include "kstream/core/aggregates.hpp"
#include "kstream/core/side_aggregates.hpp"
#include "support/fakes/seeded.hpp"

#include <catch2/catch_test_macros.hpp>

#include <vector>

namespace kstream::audit {
namespace {

TEST_CASE("the audit knows every aggregate, and counts as the loops do") {
    testing::Seeded random{31};
    for (const AggregateRow& row : kAggregates) {
        CAPTURE(row.name);
        const std::vector<AggregateKind> kinds{row.kind};
        std::vector<Slot> total(1);
        Slot expected_total;
        for (int i = 0; i < 500; ++i) {
            std::vector<Slot> part(1);
            Slot expected;
            for (std::uint64_t records = random.below(4); records > 0; --records) {
                const auto bits = (UInt128{random.word()} << 64) | random.word();
                const Decimal input{static_cast<Int128>(bits) >>
                                    static_cast<int>(random.below(127))};
                count_in(kinds, part, {&input, 1});
                add_input(row.kind, expected, input);
            }
            REQUIRE(part[0] == expected);
            add_row(kinds, total, part);
            merge_slot(row.kind, expected_total, expected);
            REQUIRE(total[0] == expected_total);
        }
    }
}

// A sum was once taken for a set that is over, and what such a multiset had before it stayed.
TEST_CASE("a row that takes in one that is over is over in its sets, and in no sum of -1") {
    const std::vector<AggregateKind> kinds{aggregate_named("sum"), kDistinct, kMultiset};
    Row row{kinds};
    row.slots = {Slot{5, true}, Slot{1, true}, Slot{1, true}};
    row.sets[1] = {Element{1, 2}};
    row.multisets[2] = {{Int128{7}, 1}};
    Row other{kinds};
    other.slots = {Slot{-1, true}, kOverSlot, kOverSlot};
    add_row(kinds, row, other, 10);
    CHECK(row.slots == std::vector{Slot{4, true}, kOverSlot, kOverSlot});
    CHECK(row.sets[1].empty());
    CHECK(row.multisets[2].empty());
    // The other way round, it stays so.
    add_row(kinds, other, row, 10);
    CHECK(other.slots == std::vector{Slot{3, true}, kOverSlot, kOverSlot});
}

}  // namespace
}  // namespace kstream::audit
