// What each grace refuses, beside a model that keeps all records and counts them anew.
#include "kstream/core/lateness.hpp"

#include "support/fakes/seeded.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace kstream {
namespace {

using testing::Seeded;
using Rows = std::vector<Lateness::Row>;

constexpr std::int64_t kMinute = 60'000;
constexpr std::int64_t kDay = 86'400'000;

struct Record {
    std::int32_t partition = 0;
    std::int64_t time = 0;
    bool judged = true;  // or only a time that moves the clock
};

constexpr std::int64_t end_of(std::int64_t time, std::int64_t size) {
    return time / size * size + size;
}

// In the order of the list, which is that of each partition.
Lateness look(const std::vector<Record>& records, std::int64_t size, std::int64_t own,
              std::size_t max_needs = Lateness::kMaxNeeds) {
    Lateness made{4, own, max_needs};
    std::map<std::int32_t, std::int64_t> offsets;
    for (const Record& one : records) {
        const PartitionId partition{one.partition};
        const Offset at{offsets[one.partition]++};
        const auto clock = made.see(partition, one.time);
        if (one.judged) {
            made.judge(partition, at, clock.value_or(one.time),
                       clock ? grace_needed(*clock, end_of(one.time, size)) : 0);
        }
    }
    return made;
}

// The rule as it is written: the end of the window, and grace, against the newest time before.
std::uint64_t refused(const std::vector<Record>& records, std::int64_t size, std::int64_t grace) {
    std::uint64_t late = 0;
    for (std::size_t i = 0; i < records.size(); ++i) {
        std::optional<std::int64_t> clock;
        for (std::size_t before = 0; before < i; ++before) {
            if (records[before].partition == records[i].partition) {
                clock = std::max(clock.value_or(records[before].time), records[before].time);
            }
        }
        late += records[i].judged && clock && end_of(records[i].time, size) + grace <= *clock;
    }
    return late;
}

std::vector<Record> random_records(Seeded& random) {
    std::vector<Record> records;
    const std::size_t count = random.below(150);
    const std::int64_t spread = random.chance(50) ? 20 * kMinute : 3 * kDay;
    for (std::size_t i = 0; i < count; ++i) {
        const auto late =
            random.chance(40)
                ? static_cast<std::int64_t>(random.below(static_cast<std::size_t>(spread)))
                : 0;
        records.push_back({static_cast<std::int32_t>(random.below(3)),
                           10 * kDay + static_cast<std::int64_t>(i) * kMinute - late,
                           random.chance(80)});
    }
    return records;
}

}  // namespace

TEST_CASE("a record is late when its window, and grace, has ended by the clock") {
    // Windows of a minute: that of the second record ends at 60,000.
    STATIC_REQUIRE(grace_needed(59'999, 60'000) == 0);
    STATIC_REQUIRE(grace_needed(60'000, 60'000) == 1);
    const Lateness made = look({{0, 65'000}, {0, 59'000}, {1, 1'000}}, kMinute, 5'000);
    CHECK(made.judged() == 3);
    CHECK(made.out_of_order() == 1);
    // 60,000 + 5,000 <= 65,000.
    CHECK(made.refused_by_own() == 1);
    CHECK(made.table() ==
          Rows{{0, 1, false}, {1'000, 1, false}, {5'000, 1, true}, {10'000, 0, false}});
    CHECK(made.least_grace(0) == 5'001);
    CHECK(made.least_grace(1) == 0);
    REQUIRE(made.worst());
    CHECK(made.worst()->partition == PartitionId{0});
    CHECK(made.worst()->record_offset == Offset{1});
    CHECK(made.worst()->clock == 65'000);
    CHECK(made.worst()->needed == 5'001);
}

TEST_CASE("of records in order none is late, with any grace") {
    const Lateness made = look({{0, 1}, {0, 1}, {0, 2}, {1, 0}}, 1, 0);
    CHECK(made.out_of_order() == 0);
    CHECK(made.table() == Rows{{0, 0, true}});
    CHECK(made.least_grace(0) == 0);
    CHECK_FALSE(made.worst());
}

TEST_CASE("the table ends with the first grace that refuses none, but has the own one") {
    const Lateness made = look({{0, kMinute}, {0, 0}}, kMinute, kDay);
    CHECK(made.table() == Rows{{0, 1, false}, {1'000, 0, false}, {kDay, 0, true}});
}

TEST_CASE("a record that is not judged moves the clock of its own partition") {
    const Lateness made = look({{0, 10 * kMinute, false}, {0, 0}, {1, 0}}, kMinute, 0);
    CHECK(made.judged() == 2);
    CHECK(made.refused_by_own() == 1);
    CHECK(made.partitions()[0].timed == 2);
    CHECK(made.partitions()[0].oldest == 0);
    CHECK(made.partitions()[0].newest == 10 * kMinute);
    CHECK(made.partitions()[0].most_needed == 9 * kMinute + 1);
    CHECK(made.partitions()[1].most_needed == 0);
}

TEST_CASE("a partition without a time is furthest behind, then that of the least clock") {
    Lateness made{3, 0};
    CHECK(made.furthest_behind() == PartitionId{0});
    made.see(PartitionId{0}, 5);
    made.see(PartitionId{2}, 7);
    CHECK(made.furthest_behind() == PartitionId{1});
    made.see(PartitionId{1}, 6);
    CHECK(made.furthest_behind() == PartitionId{0});
    made.see(PartitionId{0}, 6);
    CHECK(made.furthest_behind() == PartitionId{0});
    made.see(PartitionId{0}, 9);
    CHECK(made.furthest_behind() == PartitionId{1});
    CHECK_FALSE(Lateness(0, 0).furthest_behind());
}

TEST_CASE("each grace refuses what the rule says, record by record", "[property]") {
    Seeded random{3801};
    for (int round = 0; round < 60; ++round) {
        CAPTURE(round);
        const std::vector<Record> records = random_records(random);
        const std::int64_t size = random.chance(50) ? 1 : 15 * kMinute;
        const auto own = static_cast<std::int64_t>(random.below(200'000));
        // With few needs all are rounded up, which no grace of the table may show.
        const std::size_t max_needs = random.chance(50) ? Lateness::kMaxNeeds : 1 + random.below(9);
        const Lateness made = look(records, size, own, max_needs);
        for (const Lateness::Row& row : made.table()) {
            CAPTURE(row.grace);
            CHECK(row.refused == refused(records, size, row.grace));
            CHECK(row.own == (row.grace == own));
        }
        CHECK(made.refused_by_own() == refused(records, size, own));
        for (const std::uint64_t given_up : {0U, 1U, 2U, 5U, 50U}) {
            CAPTURE(given_up);
            const std::int64_t least = made.least_grace(given_up);
            CHECK(refused(records, size, least) <= given_up);
            const bool exact = made.unit() == 1 || given_up == 0;
            CHECK((least == 0 || !exact || refused(records, size, least - 1) > given_up));
            CHECK((least == 0 || least < made.unit() ||
                   refused(records, size, least - made.unit()) > given_up));
        }
    }
}

TEST_CASE("needs beyond the bound are rounded up, no further than it takes") {
    std::vector<Record> records{{0, 20'000}};
    for (std::int64_t i = 0; i < 100; ++i) {
        records.push_back({0, 10'000 + i});  // they need 10,000 down to 9,901, with panes of 1 ms
    }
    CHECK(look(records, 1, 0, 100).unit() == 1);
    CHECK(look(records, 1, 0, 100).least_grace(1) == 9'999);
    const Lateness tens = look(records, 1, 0, 99);
    CHECK(tens.unit() == 10);
    CHECK(tens.least_grace(9) == 10'000);
    CHECK(tens.least_grace(10) == 9'990);
    const Lateness one = look(records, 1, 0, 1);
    CHECK(one.unit() == 100);
    CHECK(one.least_grace(99) == 10'000);
    CHECK(one.least_grace(100) == 0);
}

}  // namespace kstream
