// HAVING in the totals of a partition: which keys the results have, through steps that are taken
// back, restored and published again. What a reader of the results holds is kept beside it, and is
// compared with a HAVING of its own.
#include "kstream/codec/result_record.hpp"
#include "kstream/codec/state_key.hpp"
#include "kstream/codec/wire.hpp"
#include "kstream/core/stable_hash.hpp"
#include "kstream/pipeline/totals_state.hpp"
#include "support/fakes/seeded.hpp"
#include "support/fakes/statement_job.hpp"
#include "support/fakes/writes.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kstream {
namespace {

using testing::meta_of;
using testing::restore_all;
using testing::Seeded;
using testing::Writes;
using testing::writes_to;

constexpr PartitionId kHere{0};
constexpr std::int64_t kUnit = 1'000'000'000;  // of the number 1
constexpr std::string_view kBetween =
    "SELECT k, sum(v) AS s, count(*) AS n FROM t GROUP BY k HAVING sum(v) BETWEEN 10 AND 20";

std::string key_of(std::string_view text) {
    std::string key;
    encode_state_key({{{GroupValueType::string, text}}}, key);
    return key;
}

// `sum`, and `count` of records, in the order of the statement's accumulators.
std::vector<Slot> slots_of(std::int64_t sum, std::int64_t count) {
    return {Slot{Int128{sum} * kUnit, true}, Slot{count, true}};
}

struct Row {
    std::int64_t sum = 0;
    std::int64_t count = 0;
    [[nodiscard]] bool passes() const { return sum >= 10 && sum <= 20; }
    friend bool operator==(const Row&, const Row&) = default;
};
using Model = std::map<std::string, Row>;              // by group
using Published = std::map<std::string, std::string>;  // what a reader holds

std::string result_of(const std::string& key, const Row& row) {
    return R"({"k":")" + key + R"(","s":)" + std::to_string(row.sum) + R"(,"n":)" +
           std::to_string(row.count) + "}";
}

Published results_of(const Model& model) {
    Published results;
    for (const auto& [key, row] : model) {
        if (row.passes()) {
            results[key] = result_of(key, row);
        }
    }
    return results;
}

Writes results_in(const OutputBatch& out) {
    return writes_to(TopicRole::results, out);
}

// As a reader of results takes them. No tombstone is of a key that it does not have.
void read(const Writes& writes, Published& published) {
    for (const auto& [key, value] : writes) {
        CAPTURE(key);
        if (value) {
            published[key] = *value;
        } else {
            REQUIRE(published.erase(key) == 1);
        }
    }
}

// Of a state with these rows, all of them sealed: each key is published if it passes.
UInt128 hash_of(const Job& job, const Model& model) {
    UInt128 hash = 0;
    for (const auto& [key, row] : model) {
        hash += state_entry_hash(key_of(key), job.kinds, slots_of(row.sum, row.count), nullptr,
                                 row.passes());
    }
    return hash;
}

// One key of kBetween, step by step.
struct OneKey {
    OneKey() {
        REQUIRE(job.kinds == std::vector{aggregate_named("sum"), aggregate_named("count")});
    }

    void add(std::int64_t amount) { REQUIRE(state.apply_delta(key_of("a"), slots_of(amount, 1))); }
    Writes seal() {
        OutputBatch out;
        state.seal(Offset{1}, out);
        hash = meta_of(out, job.kinds).state_hash;
        return results_in(out);
    }
    Writes step(std::int64_t amount) {
        add(amount);
        Writes writes = seal();
        state.committed();
        return writes;
    }

    Job job = testing::make_statement_job(kBetween);
    TotalsState state{job, kHere};
    UInt128 hash = 0;
};

Writes value_of(std::int64_t sum, std::int64_t count) {
    return {{"a", result_of("a", {sum, count})}};
}
const Writes kTombstone{{"a", std::nullopt}};
const Writes kNothing;

}  // namespace

TEST_CASE("a key has a result while it passes, and one tombstone when it stops", "[having]") {
    OneKey one;
    CHECK(one.step(5) == kNothing);
    CHECK(one.step(1) == kNothing);  // never passed: nothing to take back
    CHECK(one.step(4) == value_of(10, 3));
    CHECK(one.step(10) == value_of(20, 4));
    CHECK(one.step(1) == kTombstone);
    CHECK(one.step(1) == kNothing);  // once is enough
    CHECK(one.step(-10) == value_of(12, 7));
    CHECK(one.step(-10) == kTombstone);
    // In and out again within one step: nobody has seen it.
    one.add(10);
    CHECK(one.step(-10) == kNothing);
    CHECK(one.step(13) == value_of(15, 11));
    // Out and in again within one step: it has never gone.
    one.add(10);
    CHECK(one.step(-10) == value_of(15, 13));
}

TEST_CASE("what a step that is taken back has said of a key is forgotten", "[having]") {
    // From each state that a key may be in, a step to each, aborted, and then each step again.
    for (const std::int64_t before : {0, 5, 15}) {  // not there; kept alone; published
        for (const std::int64_t aborted : {3, 12, 18}) {
            for (const std::int64_t then : {2, 14}) {
                CAPTURE(before, aborted, then);
                OneKey one;
                OneKey other;  // without the step that is taken back
                if (before != 0) {
                    one.step(before);
                    other.step(before);
                }
                one.add(aborted - before);
                static_cast<void>(one.seal());
                one.add(7);  // fills on top of it
                one.state.undo_filling();
                one.state.undo_in_flight();
                const Writes wanted = other.step(then - before);
                CHECK(wanted == (then == 14     ? value_of(14, before == 0 ? 1 : 2)
                                 : before == 15 ? kTombstone
                                                : kNothing));
                CHECK(one.step(then - before) == wanted);
                CHECK(one.hash == other.hash);
            }
        }
    }
}

TEST_CASE("HAVING that is NULL or beyond the bounds of numbers does not let pass", "[having]") {
    const auto writes = [](std::string_view having, std::int64_t sum) {
        const Job job = testing::make_statement_job(
            "SELECT k, sum(v) AS s, max(v) FILTER (WHERE v > 100) AS m FROM t GROUP BY k HAVING " +
            std::string{having});
        TotalsState state{job, kHere};
        std::vector<Slot> slots(job.kinds.size());
        slots[0] = Slot{Int128{sum} * kUnit, true};
        REQUIRE(state.apply_delta(key_of("a"), slots));
        OutputBatch out;
        state.seal(Offset{1}, out);
        return results_in(out).size();
    };
    CHECK(writes("max(v) FILTER (WHERE v > 100) > 5", 1) == 0);  // NULL
    CHECK(writes("max(v) FILTER (WHERE v > 100) IS NULL", 1) == 1);
    CHECK(writes("max(v) FILTER (WHERE v > 100) > 5 OR sum(v) = 1", 1) == 1);
    // 18 digits each, 162 in all.
    constexpr std::string_view kNinth =
        "sum(v) * sum(v) * sum(v) * sum(v) * sum(v) * sum(v) * sum(v) * sum(v) * sum(v) > 0";
    CHECK(writes(kNinth, 100'000'000'000'000'000) == 0);
    CHECK(writes(kNinth, 10) == 1);
}

TEST_CASE("publishing again writes the keys that pass, and tombstones of none", "[having]") {
    const Job job = testing::make_statement_job(kBetween);
    TotalsState state{job, kHere};
    Model model;
    Writes log;
    Published published;
    for (const auto& [key, sum] : {std::pair{"never", 1}, {"passes", 15}, {"stops", 12}}) {
        REQUIRE(state.apply_delta(key_of(key), slots_of(sum, 1)));
        model[key] = {sum, 1};
    }
    const auto commit = [&] {
        OutputBatch out;
        state.seal(Offset{1}, out);
        state.committed();
        const Writes records = writes_to(TopicRole::changelog, out);
        log.insert(log.end(), records.begin(), records.end());
        read(results_in(out), published);
    };
    commit();
    REQUIRE(state.apply_delta(key_of("stops"), slots_of(50, 1)));
    model["stops"] = {62, 2};
    commit();
    CHECK(published == results_of(model));

    TotalsState restored{job, kHere};
    REQUIRE(restore_all(restored, log));
    restored.write_again();
    restored.fill_again(10, 1 << 20);
    OutputBatch out;
    restored.seal(Offset{2}, out);
    CHECK(results_in(out) == Writes{{"passes", result_of("passes", {15, 1})}});
    CHECK(writes_to(TopicRole::changelog, out).size() == 4);  // totals of all, and meta
    CHECK(meta_of(out, job.kinds).state_hash == hash_of(job, model));
}

TEST_CASE("results, hash and changelog agree with HAVING, whatever is taken back", "[having]") {
    const Job job = testing::make_statement_job(kBetween);
    Seeded random{131};
    int tombstones = 0;
    for (int round = 0; round < 150; ++round) {
        std::optional<TotalsState> state{std::in_place, job, kHere};
        Model committed;
        Model sealed;
        Model filling;
        Published published;
        Writes log;
        OutputBatch flight;
        bool flies = false;
        for (int step = 0; step < 80; ++step) {
            switch (random.below(6)) {
                case 0:
                    if (!flies) {
                        flight.clear();
                        state->seal(Offset{step}, flight);
                        REQUIRE(meta_of(flight, job.kinds).state_hash == hash_of(job, filling));
                        sealed = filling;
                        flies = true;
                    }
                    break;
                case 1:
                    if (flies) {
                        state->committed();
                        const Writes records = writes_to(TopicRole::changelog, flight);
                        log.insert(log.end(), records.begin(), records.end());
                        const Writes writes = results_in(flight);
                        tombstones += static_cast<int>(std::ranges::count_if(
                            writes, [](const auto& one) { return !one.second; }));
                        read(writes, published);
                        committed = sealed;
                        REQUIRE(published == results_of(committed));
                        flies = false;
                    }
                    break;
                case 2:
                    if (random.chance(40)) {
                        state->undo_filling();
                        filling = flies ? sealed : committed;
                        if (flies && random.chance(60)) {
                            state->undo_in_flight();
                            filling = committed;
                            flies = false;
                        }
                    }
                    break;
                case 3:
                    if (random.chance(15) && !flies && filling == committed && !log.empty()) {
                        state.emplace(job, kHere);  // another process
                        REQUIRE(restore_all(*state, log));
                    }
                    break;
                default:
                    for (std::uint64_t i = random.below(6); i > 0; --i) {
                        const std::string key = random.text(1, 5);
                        Row& row = filling[key];
                        const auto sum = static_cast<std::int64_t>(random.below(31));
                        REQUIRE(state->apply_delta(key_of(key), slots_of(sum - row.sum, 1)));
                        row.sum = sum;
                        ++row.count;
                    }
            }
        }
    }
    CHECK(tombstones > 200);
}

TEST_CASE("golden: a total of a job with HAVING, and its part of the hash", "[golden]") {
    const Job job = testing::make_statement_job(kBetween);
    for (const bool published : {false, true}) {
        std::string bytes;
        append_total_value(bytes, 1, job.kinds, slots_of(0, 3), nullptr, published);
        // Format 3, transaction 1, sum 0, count 3, whether it is published.
        CHECK(bytes.substr(0, bytes.size() - 4) ==
              std::string{"\x03\x01\x02\x00\x01\x06", 6} + (published ? '\x01' : '\x00'));
        std::vector<Slot> slots;
        bool read = !published;
        REQUIRE(decode_total_value(bytes, job.kinds, slots, nullptr, &read) == 1U);
        CHECK(slots == slots_of(0, 3));
        CHECK(read == published);
        // A job without HAVING refuses it.
        slots.clear();
        CHECK_FALSE(decode_total_value(bytes, job.kinds, slots));
    }
    CHECK(state_entry_hash("k", job.kinds, slots_of(0, 3)) ==
          stable_hash(std::string{"\x01k\x02\x00\x01\x06", 6}));
    CHECK(state_entry_hash("k", job.kinds, slots_of(0, 3), nullptr, false) ==
          stable_hash(std::string{"\x01k\x02\x00\x01\x06\x00", 7}));
    CHECK(state_entry_hash("k", job.kinds, slots_of(0, 3), nullptr, true) ==
          stable_hash(std::string{"\x01k\x02\x00\x01\x06\x01", 7}));
}

TEST_CASE("a total that does not say whether it is published is refused", "[having]") {
    const Job job = testing::make_statement_job(kBetween);
    const auto total = [&job](std::uint8_t format, std::optional<std::uint8_t> flag) {
        std::string bytes;
        ByteWriter writer{bytes};
        writer.u8(format);
        writer.varint(1);
        static_cast<void>(write_slots(writer, job.kinds, slots_of(1, 1)));
        if (flag) {
            writer.u8(*flag);
        }
        writer.crc_since(0);
        return bytes;
    };
    const auto is_taken = [&job](const std::string& bytes) {
        TotalsState state{job, kHere};
        std::string key;
        append_total_key(key, key_of("a"));
        const Result<void> done = state.restore(key, bytes);
        CHECK((done || done.error().exit_code == ExitCode::integrity));
        return done.has_value();
    };
    CHECK(is_taken(total(kStatementFormat, 0)));
    CHECK(is_taken(total(kStatementFormat, 1)));
    CHECK_FALSE(is_taken(total(kStatementFormat, 2)));
    CHECK_FALSE(is_taken(total(kStatementFormat, std::nullopt)));
    CHECK_FALSE(is_taken(total(kFormat, std::nullopt)));
    CHECK_FALSE(is_taken(total(kFormat, 1)));
}

TEST_CASE("a restore notices a key that is published and should not be", "[having]") {
    const Job job = testing::make_statement_job(kBetween);
    TotalsState state{job, kHere};
    REQUIRE(state.apply_delta(key_of("a"), slots_of(15, 1)));
    OutputBatch out;
    state.seal(Offset{1}, out);
    const Writes log = writes_to(TopicRole::changelog, out);
    REQUIRE(log.size() == 2);
    for (const bool published : {true, false}) {
        std::string total;
        append_total_value(total, 1, job.kinds, slots_of(15, 1), nullptr, published);
        TotalsState restored{job, kHere};
        REQUIRE(restored.restore(log[0].first, total));
        REQUIRE(restored.restore(log[1].first, log[1].second.value()));
        const Result<void> whole = restored.finish_restore();
        CHECK(whole.has_value() == published);
        CHECK((whole || whole.error().exit_code == ExitCode::integrity));
    }
}

}  // namespace kstream
