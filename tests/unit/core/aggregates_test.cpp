// Add, merge and finish of every aggregate: what makes totals independent of order, and exact.
#include "kstream/core/aggregates.hpp"

#include "support/fakes/seeded.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace kstream {
namespace {

using testing::Seeded;

constexpr auto kMax = static_cast<Int128>(~UInt128{0} >> 1);  // 2^127 - 1
constexpr Int128 kMin = -kMax - 1;

std::vector<AggregateKind> every_kind() {
    std::vector<AggregateKind> kinds;
    kinds.reserve(kAggregates.size());
    for (const AggregateRow& row : kAggregates) {
        kinds.push_back(row.kind);
    }
    return kinds;
}

std::string finished(AggregateKind kind, const Slot& slot, int scale) {
    std::string text;
    append_finished(text, kind, slot, scale);
    return text;
}

Int128 random_value(Seeded& random) {
    const UInt128 bits = (UInt128{random.word()} << 64) | random.word();
    return static_cast<Int128>(bits) >> static_cast<int>(2 + random.below(120));
}

}  // namespace

TEST_CASE("count counts records and ignores their input") {
    Slot slot;
    add_input(aggregate_named("count"), slot, Decimal{999});
    add_input(aggregate_named("count"), slot, Decimal{-5});
    CHECK(slot == Slot{2, true});
}

TEST_CASE("sum adds units, and zero is not nothing") {
    Slot slot;
    CHECK_FALSE(slot.present());
    add_input(aggregate_named("sum"), slot, Decimal{0});
    CHECK(slot == Slot{0, true});
    add_input(aggregate_named("sum"), slot, Decimal{150});
    add_input(aggregate_named("sum"), slot, Decimal{-400});
    CHECK(slot == Slot{-250, true});
}

TEST_CASE("min and max keep an input as it is, at both ends of what an input can be") {
    const auto min = aggregate_named("min");
    const auto max = aggregate_named("max");
    Slot least;
    Slot most;
    const auto put = [&](Int128 value) {
        add_input(min, least, Decimal{value});
        add_input(max, most, Decimal{value});
    };
    put(5);
    CHECK(least == Slot{5, true});
    CHECK(most == Slot{5, true});
    put(-7);
    put(0);
    CHECK(least == Slot{-7, true});
    CHECK(most == Slot{5, true});
    put(kMin);
    put(kMax);
    put(kMin + 1);
    put(kMax - 1);
    CHECK(least == Slot{kMin, true});
    CHECK(most == Slot{kMax, true});
    // What is there is 0, and not nothing.
    Slot zero;
    add_input(max, zero, Decimal{0});
    merge_slot(max, zero, Slot{-1, true});
    CHECK(zero == Slot{0, true});
}

TEST_CASE("the extreme of any records is the same however they are parted and ordered") {
    Seeded random{37};
    for (int round = 0; round < 300; ++round) {
        std::vector<Int128> inputs(1 + random.below(40));
        for (Int128& input : inputs) {
            input = random.chance(10) ? (random.chance(50) ? kMin : kMax) : random_value(random);
        }
        Slot least;
        Slot most;
        std::vector<Slot> parts(1 + random.below(4));
        std::vector<Slot> other_parts(parts.size());
        for (const Int128 input : inputs) {
            add_input(aggregate_named("min"), parts[random.below(parts.size())], Decimal{input});
            add_input(aggregate_named("max"), other_parts[random.below(parts.size())],
                      Decimal{input});
        }
        for (std::size_t i = 0; i < parts.size(); ++i) {
            merge_slot(aggregate_named("min"), least, parts[i]);
            merge_slot(aggregate_named("max"), most, other_parts[i]);
        }
        REQUIRE(least == Slot{*std::ranges::min_element(inputs), true});
        REQUIRE(most == Slot{*std::ranges::max_element(inputs), true});
    }
}

TEST_CASE("a square is exact in its two halves", "[golden]") {
    struct Known {
        Int128 input;
        Int192 low;
        Int192 high;
    };
    // By Python: divmod(x * x, 2**127).
    const std::vector<Known> known{
        {0, 0, 0},
        {-3, 9, 0},
        {Int128{1} << 63, Int128{1} << 126, 0},
        {Int128{1} << 64, 0, 2},
        {kMax, 1, kMax - 1},
        // 2^127 is no Int128.
        {kMin, 0, Int192{0, std::uint64_t{1} << 63, 0}},
        {kMin + 1, 1, kMax - 1},
        {static_cast<Int128>((UInt128{0x0123456789abcdefU} << 64) | 0xfedcba9876543210U),
         Int192{0xdeec6cd7a44a4100U, 0x422871b7939f74acU, 0},
         Int192{0xbdd3ac13d7c4a74cU, 0x000296cdb867ed59U, 0}},
    };
    for (const Known& one : known) {
        Slot low;
        Slot high;
        add_input(aggregate_named("squares_low"), low, Decimal{one.input});
        add_input(aggregate_named("squares_high"), high, Decimal{one.input});
        CHECK(low == Slot{one.low, true});
        CHECK(high == Slot{one.high, true});
    }
}

TEST_CASE("the squares of as many records as a partition can hold fit their slots") {
    for (const AggregateKind kind :
         {aggregate_named("squares_low"), aggregate_named("squares_high")}) {
        // The largest that a record can add: 2^127 - 1 below, 2^127 above.
        const Int192 largest = kind == aggregate_named("squares_low")
                                   ? Int192{kMax}
                                   : Int192{0, std::uint64_t{1} << 63, 0};
        Slot sum;
        Int192 power = largest;
        for (int bit = 0; bit < 63; ++bit) {  // 2^63 - 1 of them
            REQUIRE(Slot::fits(power));
            merge_slot(kind, sum, Slot{power, true});
            power = power + power;
        }
        CHECK_FALSE(sum.value().negative());
        CHECK(sum.value() == power + -largest);
    }
}

TEST_CASE("an absent delta changes nothing, not even absence") {
    for (const AggregateKind kind : every_kind()) {
        Slot absent;
        merge_slot(kind, absent, Slot{});
        CHECK_FALSE(absent.present());
        Slot total{7, true};
        merge_slot(kind, total, Slot{});
        CHECK(total == Slot{7, true});
        merge_slot(kind, absent, total);
        CHECK(absent == total);
    }
}

TEST_CASE("any order and any grouping of merges gives one result") {
    Seeded random{1};
    for (const AggregateKind kind : every_kind()) {
        for (int round = 0; round < 200; ++round) {
            std::vector<Slot> parts(2 + random.below(8));
            for (Slot& part : parts) {
                part = random.chance(20) ? Slot{} : Slot{random_value(random), true};
            }
            Slot forward;
            for (const Slot& part : parts) {
                merge_slot(kind, forward, part);
            }
            // Merged pairwise in random order, as deltas of several workers arrive.
            while (parts.size() > 1) {
                const std::size_t from = random.below(parts.size());
                const Slot taken = parts[from];
                parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(from));
                merge_slot(kind, parts[random.below(parts.size())], taken);
            }
            REQUIRE(parts[0] == forward);
        }
    }
}

TEST_CASE("past 128 bits sums go on, both ways and back") {
    for (const AggregateKind kind : {aggregate_named("count"), aggregate_named("sum")}) {
        for (const Int128 edge : {kMax, kMin}) {
            Slot slot;
            Int192 expected;
            for (int i = 0; i < 1000; ++i) {
                merge_slot(kind, slot, Slot{edge, true});
                expected = expected + Int192{edge};
                REQUIRE(slot == Slot{expected, true});
            }
            CHECK_FALSE(slot.value().fits_128());
            for (int i = 0; i < 999; ++i) {
                merge_slot(kind, slot, Slot{-Int192{edge}, true});
            }
            CHECK(slot == Slot{edge, true});
        }
    }
    Slot sum{kMax, true};
    add_input(aggregate_named("sum"), sum, Decimal{1});
    CHECK(finished(aggregate_named("sum"), sum, 0) == "170141183460469231731687303715884105728.00");
    add_input(aggregate_named("sum"), sum, Decimal{kMin});
    CHECK(sum == Slot{0, true});
    add_input(aggregate_named("sum"), sum, Decimal{kMin});
    add_input(aggregate_named("sum"), sum, Decimal{-1});
    CHECK(finished(aggregate_named("sum"), sum, 0) ==
          "-170141183460469231731687303715884105729.00");
    Slot count{kMax, true};
    add_input(aggregate_named("count"), count, Decimal{0});
    CHECK(finished(aggregate_named("count"), count, 0) ==
          "170141183460469231731687303715884105728");
}

TEST_CASE("as many records of the largest input as a partition can hold fit a slot") {
    for (const Int128 edge : {kMax, kMin}) {
        Slot sum{edge, true};
        Int192 expected{edge};
        for (int i = 0; i < 63; ++i) {  // 2^63 of them, by doubling
            REQUIRE(Slot::fits(expected));
            REQUIRE(sum == Slot{expected, true});
            REQUIRE(sum.value() == expected);
            if (i < 62) {
                merge_slot(aggregate_named("sum"), sum, Slot{sum});
                expected = expected + expected;
            }
        }
        merge_slot(aggregate_named("sum"), sum, Slot{sum});
        CHECK(sum.value().negative() == (edge < 0));
    }
    CHECK(Slot::fits(Int192{0, 0, -(std::int64_t{1} << 62)}));
    CHECK_FALSE(Slot::fits(Int192{0, 0, std::int64_t{1} << 62}));
    CHECK_FALSE(Slot::fits(Int192{~0ULL, ~0ULL, -(std::int64_t{1} << 62) - 1}));
}

TEST_CASE("graphs get a double of any total") {
    const auto shown = [](const Int192& units, int scale) {
        return finished_for_graphs(aggregate_named("sum"), Slot{units, true}, scale);
    };
    CHECK(shown(Int128{-1250}, 2) == -12.5);
    CHECK(shown(Int192{0, 0, 3}, 0) == 3 * 0x1p128);
    CHECK(shown(Int192{0, std::uint64_t{1} << 63, -1}, 0) == -0x1p127);
    CHECK(shown(Int192{0, 0, -(std::int64_t{1} << 62)}, 0) == -0x1p190);
}

TEST_CASE("readers see counts as integers and sums with two decimals or more") {
    CHECK(finished(aggregate_named("count"), Slot{1665581, true}, 9) == "1665581");
    CHECK(finished(aggregate_named("count"), Slot{}, 9) == "0");
    CHECK(finished(aggregate_named("sum"), Slot{124919682955470000, true}, 6) == "124919682955.47");
    CHECK(finished(aggregate_named("sum"), Slot{100, true}, 2) == "1.00");
    CHECK(finished(aggregate_named("sum"), Slot{1, true}, 9) == "0.000000001");
    CHECK(finished(aggregate_named("sum"), Slot{-5, true}, 0) == "-5.00");
    CHECK(finished(aggregate_named("sum"), Slot{}, 9) == "0.00");
    CHECK(finished(aggregate_named("sum"), Slot{kMin, true}, 0) ==
          "-170141183460469231731687303715884105728.00");
}

TEST_CASE("the tags of the stored formats are those of the rows, and never change") {
    CHECK(aggregate_named("count") == AggregateKind{1});
    CHECK(aggregate_named("sum") == AggregateKind{2});
    CHECK(aggregate_named("min") == AggregateKind{3});
    CHECK(aggregate_named("max") == AggregateKind{4});
    CHECK(aggregate_named("squares_low") == AggregateKind{5});
    CHECK(aggregate_named("squares_high") == AggregateKind{6});
    for (int tag = 0; tag < 256; ++tag) {
        const AggregateKind kind{static_cast<std::uint8_t>(tag)};
        const auto rows = std::ranges::count(kAggregates, kind, &AggregateRow::kind);
        CHECK(rows == (find_aggregate(kind) == nullptr ? 0 : 1));
    }
    CHECK(find_aggregate(AggregateKind{}) == nullptr);
}

TEST_CASE("a row says all that is reported of its aggregate") {
    for (const AggregateRow& row : kAggregates) {
        CAPTURE(row.name);
        const bool has_field = row.input != AggregateInput::none;
        CHECK(std::ranges::count(kAggregates, row.name, &AggregateRow::name) == 1);
        CHECK(static_cast<int>(row.kind) < 64);  // a slot's tag has six bits for it
        CHECK(row.postgres.starts_with(row.name) != row.name.starts_with("squares_"));
        CHECK(row.postgres.contains("FIELD") == has_field);
        CHECK_FALSE(row.doc.empty());
    }
    CHECK(default_output_name(*find_aggregate(aggregate_named("sum")), "valor") == "sum_valor");
    CHECK(default_output_name(*find_aggregate(aggregate_named("count")), "") == "count");
}

TEST_CASE("a delta that is taken out again leaves what was there") {
    Seeded random{29};
    Aggregates::each([&](auto aggregate) {
        if constexpr (requires(Slot& slot) { aggregate.retract(slot, slot); }) {
            for (int i = 0; i < 1000; ++i) {
                const Slot before{random_value(random), true};
                const Slot delta{random_value(random), true};
                Slot slot = before;
                aggregate.merge(slot, delta);
                aggregate.retract(slot, delta);
                CHECK(slot == before);
            }
        }
    });
    for (const AggregateRow& row : kAggregates) {
        CAPTURE(row.name);
        CHECK(row.retracts == (row.name != "min" && row.name != "max"));
    }
}

}  // namespace kstream
