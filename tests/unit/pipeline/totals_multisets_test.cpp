// The multisets of percentile_disc in the totals of a partition: a record for each value that has
// changed, layers that can be taken back, the cap, and a restore that misses nothing.
#include "kstream/codec/element.hpp"
#include "kstream/codec/state_key.hpp"
#include "kstream/core/side_aggregates.hpp"
#include "kstream/pipeline/totals_state.hpp"
#include "support/fakes/seeded.hpp"
#include "support/fakes/test_job.hpp"
#include "support/fakes/writes.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace kstream {
namespace {

using testing::compact;
using testing::Compacted;
using testing::restore_all;
using testing::Seeded;
using testing::Writes;
using testing::writes_to;

constexpr PartitionId kHere{1};
constexpr std::uint8_t kValues = 1;  // the accumulator

Job multiset_job(std::uint64_t max_distinct) {
    Job job = testing::make_job();
    job.spec.aggregates = {{aggregate_named("count"), "", "n"}, {kMultiset, "x", "p"}};
    job.spec.max_distinct = max_distinct;
    job.kinds = Job::kinds_of(job.spec);
    return job;
}

struct Row {
    std::int64_t count = 0;
    std::uint64_t number = 0;
    std::map<Int128, std::uint64_t> values;
    bool over = false;
};
struct Model {
    std::map<std::string, Row> rows;
    std::uint64_t last_number = 0;
};

std::string key_of(std::uint64_t number) {
    const std::string text = std::to_string(number);
    std::string key;
    encode_state_key({{{GroupValueType::string, text}}}, key);
    return key;
}

void apply(TotalsState& state, Model& model, const std::string& key,
           const std::vector<CountedValue>& values, std::uint64_t max_distinct) {
    const std::vector<Slot> delta{Slot{1, true}, {}};
    const std::vector<std::span<const CountedValue>> lists{values};
    REQUIRE(state.apply_delta(key, delta, nullptr, {}, lists));
    Row& row = model.rows[key];
    ++row.count;
    for (const CountedValue& one : values) {
        if (row.over) {
            break;
        }
        if (row.number == 0) {
            row.number = ++model.last_number;
        }
        row.values[one.value] += one.count;
        row.over = row.values.size() > max_distinct;
    }
    if (row.over) {
        row.values.clear();
    }
}

std::vector<Slot> slots_of(const Row& row) {
    std::uint64_t total = 0;
    for (const auto& [value, count] : row.values) {
        total += count;
    }
    return {Slot{row.count, true}, row.over     ? kOverSlot
                                   : total == 0 ? Slot{}
                                                : Slot{Int128{total}, true}};
}

// Of a model whose sets that are over have been swept.
UInt128 hash_of(const Job& job, const Model& model) {
    UInt128 hash = 0;
    for (const auto& [key, row] : model.rows) {
        hash += state_entry_hash(key, job.kinds, slots_of(row), nullptr, std::nullopt, row.number);
        for (const auto& [value, count] : row.values) {
            std::string changelog_key;
            append_value_key(changelog_key, {row.number, kValues}, value);
            hash += element_hash(changelog_key, count);
        }
    }
    return hash;
}

std::size_t seal_into(TotalsState& state, Compacted& log) {
    OutputBatch out;
    state.seal(Offset{1}, out);
    const Writes writes = writes_to(TopicRole::changelog, out);
    compact(log, writes);
    return static_cast<std::size_t>(std::ranges::count_if(
        writes, [](const auto& write) { return write.first.front() == kElementKeyByte; }));
}

Meta meta_of(const Compacted& log, const Job& job) {
    Result<Meta> meta = decode_meta_value(*log.at(std::string{meta_key()}), job.kinds);
    REQUIRE(meta);
    return *std::move(meta);
}

}  // namespace

TEST_CASE("multisets go through steps, aborts and restores as a plain model does", "[multisets]") {
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        CAPTURE(seed);
        const std::uint64_t most = seed % 2 == 0 ? 5 : kDefaultMaxDistinct;
        const Job job = multiset_job(most);
        Seeded dice{seed};
        TotalsState state{job, kHere};
        Model committed;
        Compacted log;
        for (int step = 0; step < 30; ++step) {
            Model model = committed;
            for (std::size_t deltas = 1 + dice.below(4); deltas > 0; --deltas) {
                std::map<Int128, std::uint64_t> some;
                for (std::size_t i = dice.below(4); i > 0; --i) {
                    some[static_cast<Int128>(dice.below(12)) - 6] += 1 + dice.below(3);
                }
                std::vector<CountedValue> values;
                for (const auto& [value, count] : some) {
                    values.push_back({value, count});
                }
                apply(state, model, key_of(dice.below(4)), values, most);
            }
            if (dice.chance(20)) {
                state.undo_filling();
                continue;
            }
            Compacted next = log;
            seal_into(state, next);
            REQUIRE(meta_of(next, job).state_hash == hash_of(job, model));
            if (dice.chance(20)) {
                state.undo_in_flight();
                continue;
            }
            state.committed();
            log = next;
            committed = model;
        }
        std::uint64_t total = 0;
        for (const auto& [key, row] : committed.rows) {
            total += row.over ? 0 : slots_of(row)[kValues].value().low;
        }
        const Meta meta = meta_of(log, job);
        REQUIRE((meta.slots[kValues].present() ? meta.slots[kValues].value().low : 0) == total);
        TotalsState restored{job, kHere};
        REQUIRE(restore_all(restored, log));
        for (const auto& [key, row] : committed.rows) {
            const std::uint32_t index = restored.find_committed(key);
            const RankedValues* const values =
                restored.values_of(index).sets->find({row.number, kValues});
            std::uint64_t rank = 0;
            for (const auto& [value, count] : row.values) {
                REQUIRE(values->ranked(rank + 1) == value);
                rank += count;
            }
            REQUIRE((values == nullptr ? 0 : values->total()) == rank);
        }
    }
}

TEST_CASE("a step writes each value that has changed once", "[multisets]") {
    const Job job = multiset_job(kDefaultMaxDistinct);
    TotalsState state{job, kHere};
    Model model;
    Compacted log;
    apply(state, model, key_of(1), {{-5, 1}, {7, 2}}, kDefaultMaxDistinct);
    apply(state, model, key_of(1), {{7, 1}}, kDefaultMaxDistinct);
    CHECK(seal_into(state, log) == 2);
    state.committed();
    apply(state, model, key_of(1), {{7, 1}}, kDefaultMaxDistinct);
    CHECK(seal_into(state, log) == 1);
    std::string key;
    append_value_key(key, {1, kValues}, 7);
    CHECK(decode_element_value(*log.at(key))->count == 4);
}

TEST_CASE("the values of a multiset that is over go step by step", "[multisets]") {
    constexpr std::uint64_t kMany = 10'000;
    const Job job = multiset_job(kMany - 1);
    TotalsState state{job, kHere};
    Model model;
    Compacted log;
    std::vector<CountedValue> values;
    for (std::uint64_t i = 0; i < kMany; ++i) {
        values.push_back({static_cast<Int128>(i), 1});
    }
    apply(state, model, key_of(1), values, kMany - 1);
    seal_into(state, log);
    state.undo_in_flight();
    CHECK(state.sets_over() == 0);
    Compacted whole;
    apply(state, model, key_of(1), values, kMany - 1);
    seal_into(state, whole);
    state.committed();
    CHECK(state.sets_over() == 1);
    TotalsState restored{job, kHere};
    REQUIRE(restore_all(restored, whole));
    const auto left = [&whole] {
        return std::ranges::count_if(whole, [](const auto& entry) {
            return entry.second && entry.first.front() == kElementKeyByte;
        });
    };
    for (int step = 0; step < 4; ++step) {
        const auto before = left();
        apply(restored, model, key_of(1), {{5, 1}}, kMany - 1);
        CHECK(seal_into(restored, whole) <= 4096);
        restored.committed();
        CHECK((before == 0 || left() < before));
    }
    CHECK(left() == 0);
    TotalsState again{job, kHere};
    REQUIRE(restore_all(again, whole));
}

TEST_CASE("a restore notices a multiset that is not whole", "[multisets]") {
    const Job job = multiset_job(kDefaultMaxDistinct);
    TotalsState state{job, kHere};
    Model model;
    Compacted log;
    apply(state, model, key_of(1), {{-5, 1}, {7, 2}}, kDefaultMaxDistinct);
    apply(state, model, key_of(2), {{-5, 4}}, kDefaultMaxDistinct);
    seal_into(state, log);
    const auto refusal = [&job](const Compacted& changed) {
        TotalsState restored{job, kHere};
        const Result<void> done = restore_all(restored, changed);
        REQUIRE_FALSE(done);
        CHECK(done.error().exit_code == ExitCode::integrity);
        return done.error().message;
    };
    std::string key;
    append_value_key(key, {1, kValues}, 7);
    Compacted missing = log;
    missing.erase(key);
    CHECK(refusal(missing).contains("number 1 has 1 elements"));
    Compacted moved = missing;
    std::string other;
    append_value_key(other, {1, kValues}, 8);
    moved[other] = log.at(key);
    CHECK(refusal(moved).contains("the hash that meta states"));
    Compacted counted = log;
    append_element_value(counted[key].emplace(), 1, 3);
    CHECK(refusal(counted).contains("number 1 has 4 elements"));
}

}  // namespace kstream
