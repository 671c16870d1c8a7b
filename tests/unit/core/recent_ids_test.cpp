// Ids that came lately, beside a list of all that ever came.
#include "kstream/core/recent_ids.hpp"

#include "kstream/core/stable_hash.hpp"
#include "support/fakes/seeded.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace kstream {
namespace {

using testing::Seeded;

constexpr std::uint64_t kSeed = 0x5eed;

// Every record that was put in, and what a look over all of them says.
struct Plain {
    struct Entry {
        Offset at;
        std::int64_t seen_before = kNoTime;
        std::int64_t seen = kNoTime;
        UInt128 id = 0;
    };
    struct Layer {
        std::size_t entries = 0;
        std::int64_t seen = kNoTime;
    };

    void pass(std::int64_t time) { seen = std::max(seen, time); }
    bool add(Offset at, std::int64_t time, UInt128 id) {
        const std::int64_t before = seen;
        const bool duplicate = std::ranges::any_of(
            entries, [&](const Entry& one) { return one.id == id && before - one.seen <= within; });
        pass(time);
        entries.push_back({at, before, seen, id});
        return duplicate;
    }
    [[nodiscard]] Horizon horizon(Offset position) const {
        for (const Entry& one : entries) {
            if (seen - one.seen <= within) {
                return {one.at, one.seen_before};
            }
        }
        return {position, seen};
    }
    void undo_to(const Layer& layer) {
        entries.resize(layer.entries);
        seen = layer.seen;
    }

    std::int64_t within = 0;
    std::vector<Entry> entries;
    std::int64_t seen = kNoTime;
    Layer sealed;
    Layer committed;
};

void run(std::uint64_t seed, std::size_t& duplicates, std::size_t& undone) {
    CAPTURE(seed);
    Seeded dice{seed};
    Plain plain;
    plain.within = static_cast<std::int64_t>(dice.below(3) == 0 ? 0 : dice.below(200));
    const std::size_t different = 1 + dice.below(60);
    RecentIds ids{plain.within, seed};
    Offset next{static_cast<std::int64_t>(dice.below(1000))};
    std::int64_t now = static_cast<std::int64_t>(dice.below(100));
    bool in_flight = false;
    for (int step = 0; step < 400; ++step) {
        const std::size_t kind = dice.below(100);
        if (kind < 70) {
            now += dice.chance(30) ? 0 : static_cast<std::int64_t>(dice.below(20));
            const std::int64_t time =
                std::max<std::int64_t>(0, now - static_cast<std::int64_t>(dice.below(40)));
            next = Offset{next.value + (dice.chance(10) ? 200 : 1)};
            if (dice.chance(15)) {
                plain.pass(time);
                ids.pass(time);
                continue;
            }
            const UInt128 id = stable_hash(std::to_string(dice.below(different)));
            const bool duplicate = plain.add(next, time, id);
            REQUIRE(ids.add(next, time, id) == duplicate);
            duplicates += duplicate ? 1 : 0;
        } else if (kind < 80 && !in_flight) {
            in_flight = true;
            REQUIRE(ids.horizon(next.next()) == plain.horizon(next.next()));
            ids.seal();
            plain.sealed = {plain.entries.size(), plain.seen};
        } else if (kind < 92 && in_flight) {
            in_flight = false;
            ids.committed();
            plain.committed = plain.sealed;
        } else if (kind >= 92) {
            undone += plain.entries.size() - plain.sealed.entries;
            plain.undo_to(plain.sealed);
            ids.undo_filling();
            if (in_flight && dice.chance(50)) {
                in_flight = false;
                undone += plain.entries.size() - plain.committed.entries;
                plain.undo_to(plain.committed);
                plain.sealed = plain.committed;
                ids.undo_in_flight();
            }
        }
    }
    // What no record after the committed position can be a duplicate of is gone.
    const auto kept = std::ranges::count_if(plain.entries, [&](const Plain::Entry& one) {
        return plain.committed.seen - one.seen <= plain.within;
    });
    REQUIRE(ids.size() == static_cast<std::size_t>(kept));
}

UInt128 id_of(std::uint64_t number) {
    return stable_hash({reinterpret_cast<const char*>(&number), sizeof number});
}

}  // namespace

TEST_CASE("ids are remembered as a look at all that came says, whatever is taken back") {
    std::size_t duplicates = 0;
    std::size_t undone = 0;
    for (std::uint64_t seed = 1; seed <= 400; ++seed) {
        run(seed, duplicates, undone);
    }
    CHECK(duplicates > 5'000);
    CHECK(undone > 5'000);
}

TEST_CASE("an id is a copy within the length in event time, both ends included") {
    RecentIds ids{100, kSeed};
    CHECK_FALSE(ids.add(Offset{5}, 1000, 7));
    ids.pass(1100);
    CHECK(ids.add(Offset{7}, 0, 7));
    ids.pass(1201);
    // That copy stood where time was at 1100: a millisecond too long ago.
    CHECK_FALSE(ids.add(Offset{9}, 0, 7));
    // The own time of a record moves only what comes after it.
    CHECK(ids.add(Offset{10}, 99'999, 7));
}

TEST_CASE("whoever begins at the horizon remembers what whoever was there before does") {
    constexpr std::int64_t kWithin = 50;
    Seeded dice{3};
    struct One {
        std::int64_t time = 0;
        UInt128 id = 0;
    };
    std::vector<One> log;
    RecentIds first{kWithin, kSeed};
    std::size_t duplicates = 0;
    std::size_t short_ones = 0;
    for (std::int64_t at = 0; at < 3'000; ++at) {
        const Offset position{at};
        const Horizon horizon = first.horizon(position);
        RecentIds second{kWithin, kSeed, horizon.seen};
        for (std::int64_t again = horizon.offset.value; again < at; ++again) {
            const One& one = log[static_cast<std::size_t>(again)];
            (void)second.add(Offset{again}, one.time, one.id);
        }
        short_ones += at - horizon.offset.value < 100 ? 1 : 0;
        REQUIRE(second.horizon(position) == horizon);
        const One one{at + static_cast<std::int64_t>(dice.below(40)), id_of(dice.below(40))};
        const bool duplicate = first.add(position, one.time, one.id);
        REQUIRE(second.add(position, one.time, one.id) == duplicate);
        log.push_back(one);
        duplicates += duplicate ? 1 : 0;
    }
    CHECK(duplicates > 1'000);
    CHECK(duplicates < 2'900);
    CHECK(short_ones > 2'900);
}

TEST_CASE("ids take the memory that people are told, and give it back with time") {
    constexpr std::int64_t kDay = 86'400'000;
    constexpr std::int64_t kIds = 300'000;
    RecentIds ids{kDay, kSeed};
    for (std::int64_t at = 0; at < kIds; ++at) {
        REQUIRE_FALSE(ids.add(Offset{at}, at * 200, id_of(static_cast<std::uint64_t>(at))));
        const auto size = static_cast<std::size_t>(at + 1);
        // A small index has its least size.
        if (size > 1'000) {
            REQUIRE(ids.memory_bytes() <= size * RecentIds::kBytesPerId + 8'192);
        }
    }
    ids.seal();
    ids.committed();
    CHECK(ids.size() == static_cast<std::size_t>(kIds));
    ids.pass(3 * kDay);
    ids.seal();
    ids.committed();
    CHECK(ids.size() == 0);
    CHECK(ids.memory_bytes() < 16'384);
}

TEST_CASE("one id again and again takes one place in the index") {
    RecentIds ids{0, kSeed};
    for (std::int64_t at = 0; at < 10'000; ++at) {
        CHECK(ids.add(Offset{at}, at, 1) == (at > 0));
    }
    CHECK(ids.memory_bytes() < 10'000 * 2 * RecentIds::kBytesPerId);
    ids.undo_filling();
    CHECK_FALSE(ids.add(Offset{0}, 0, 1));
}

}  // namespace kstream
