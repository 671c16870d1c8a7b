// The texts of min and max in the totals of a partition: layers that can be taken back, garbage
// that goes, and a restore to the same bytes.
#include "kstream/codec/state_key.hpp"
#include "kstream/codec/wire.hpp"
#include "kstream/core/text_store.hpp"
#include "kstream/pipeline/totals_state.hpp"
#include "support/fakes/seeded.hpp"
#include "support/fakes/test_job.hpp"
#include "support/fakes/writes.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace kstream {
namespace {

using testing::meta_of;
using testing::restore_all;
using testing::Seeded;
using testing::Writes;
using testing::writes_to;

constexpr PartitionId kHere{1};

Job text_job() {
    Job job = testing::make_job();
    job.spec.aggregates = {
        {aggregate_named("count"), "", "n"}, {kMinText, "x", "least"}, {kMaxText, "x", "most"}};
    job.kinds = Job::kinds_of(job.spec);
    return job;
}

const Job kJob = text_job();

struct Row {
    std::int64_t count = 0;
    std::string least;
    std::string most;
    friend bool operator==(const Row&, const Row&) = default;
};
using Model = std::map<std::string, Row>;

std::string key_of(std::uint64_t number) {
    std::string text = std::to_string(number);
    std::string key;
    encode_state_key({{{GroupValueType::string, text}}}, key);
    return key;
}

void apply(TotalsState& state, Model& model, const std::string& key, const std::string& text) {
    TextStore texts;
    std::vector<Slot> delta(3);
    delta[0] = Slot{1, true};
    texts.merge(kMinText, delta[1], text);
    texts.merge(kMaxText, delta[2], text);
    REQUIRE(state.apply_delta(key, delta, &texts));
    Row& row = model.try_emplace(key, Row{0, text, text}).first->second;
    ++row.count;
    row.least = std::min(row.least, text);
    row.most = std::max(row.most, text);
}

UInt128 hash_of(const Model& model) {
    UInt128 hash = 0;
    for (const auto& [key, row] : model) {
        TextStore texts;
        std::vector<Slot> slots(3);
        slots[0] = Slot{row.count, true};
        texts.merge(kMinText, slots[1], row.least);
        texts.merge(kMaxText, slots[2], row.most);
        hash += state_entry_hash(key, kJob.kinds, slots, &texts);
    }
    return hash;
}

// What is filling included: the hash covers every entry.
void check_equal(const TotalsState& state, const Model& model) {
    TotalsState copy{state};
    OutputBatch out;
    copy.seal(Offset{0}, out);
    const Meta meta = meta_of(out, kJob.kinds);
    REQUIRE(meta.keys == model.size());
    REQUIRE(meta.state_hash == hash_of(model));
    // No text of a job stands in meta.
    REQUIRE_FALSE(meta.slots[1].present());
}

void check_shown(const TotalsState& state, const Model& committed) {
    REQUIRE(state.committed_keys() == committed.size());
    for (std::uint32_t index = 0; index < state.committed_keys(); ++index) {
        const auto row = state.committed_slots(std::span{&index, 1}).front();
        const Row shown{static_cast<std::int64_t>(row[0].value().low),
                        std::string{state.text(row[1])}, std::string{state.text(row[2])}};
        REQUIRE(shown == committed.at(std::string{state.state_key(index)}));
    }
}

TotalsState restored(const Writes& records) {
    TotalsState state{kJob, kHere};
    REQUIRE(restore_all(state, records));
    return state;
}

void run(Seeded& random, int steps, std::size_t text_bytes) {
    TotalsState state{kJob, kHere};
    Model committed;
    Model sealed;
    Model filling;
    Writes log;
    Writes in_flight;
    bool flies = false;
    for (int step = 0; step < steps; ++step) {
        switch (random.below(6)) {
            case 0:
                if (!flies) {
                    OutputBatch out;
                    state.seal(Offset{step}, out);
                    in_flight = writes_to(TopicRole::changelog, out);
                    sealed = filling;
                    flies = true;
                }
                break;
            case 1:
                if (flies) {
                    state.committed();
                    log.insert(log.end(), in_flight.begin(), in_flight.end());
                    committed = sealed;
                    flies = false;
                }
                break;
            case 2:
                if (random.chance(30)) {
                    state.undo_filling();
                    filling = flies ? sealed : committed;
                    if (flies && random.chance(50)) {
                        state.undo_in_flight();
                        filling = committed;
                        flies = false;
                    }
                }
                break;
            default:
                for (std::uint64_t i = random.below(12); i > 0; --i) {
                    std::string text = random.text(1 + random.below(3), 8);
                    text.resize(text_bytes == 0 ? text.size() : text_bytes, '.');
                    apply(state, filling, key_of(random.below(9)), text);
                }
        }
        check_equal(state, filling);
        check_shown(state, committed);
    }
    if (!log.empty()) {
        const TotalsState again = restored(log);
        check_equal(again, committed);
        check_shown(again, committed);
    }
}

}  // namespace

TEST_CASE("texts of two layers are taken back, committed, shown and restored") {
    Seeded random{89};
    for (int round = 0; round < 60; ++round) {
        run(random, 60, 0);
    }
}

TEST_CASE("texts that were replaced do not stay, whatever is in flight") {
    Seeded random{97};
    for (int round = 0; round < 3; ++round) {
        TotalsState state{kJob, kHere};
        Model model;
        Model committed;
        std::size_t most = 0;
        for (int step = 0; step < 60; ++step) {
            // Ever smaller ones: each replaces the one before.
            for (int i = 0; i < 100; ++i) {
                std::string text(kMaxTextBytes, 'z');
                const std::string order = std::to_string(1'000'000 - step * 100 - i);
                std::ranges::copy(order, text.begin());
                apply(state, model, key_of(random.below(50)), text);
            }
            OutputBatch out;
            state.seal(Offset{step}, out);
            most = std::max(most, state.memory_bytes());
            check_equal(state, model);
            if (random.chance(40)) {
                apply(state, model, key_of(0), std::string(kMaxTextBytes, '!'));
                state.undo_filling();
                state.undo_in_flight();
                model = committed;
            } else {
                state.committed();
                committed = model;
            }
            check_equal(state, model);
            check_shown(state, committed);
        }
        // 50 keys of 2 KiB, and what garbage is worth a copy: of 6 MB that were put in.
        CHECK(most < 3'500'000);
    }
}

TEST_CASE("a restore of many replaced texts holds what is worth it, and no more") {
    TotalsState state{kJob, kHere};
    Model model;
    Writes log;
    for (int step = 0; step < 4000; ++step) {
        std::string text(kMaxTextBytes, 'z');
        std::ranges::copy(std::to_string(1'000'000 - step), text.begin());
        apply(state, model, key_of(0), text);
        OutputBatch out;
        state.seal(Offset{step}, out);
        state.committed();
        const Writes records = writes_to(TopicRole::changelog, out);
        log.insert(log.end(), records.begin(), records.end());
    }
    TotalsState again{kJob, kHere};
    std::size_t most = 0;
    for (const auto& [key, value] : log) {
        REQUIRE(again.restore(key, value.value()));
        most = std::max(most, again.memory_bytes());
    }
    REQUIRE(again.finish_restore());
    check_equal(again, model);
    CHECK(most < 2'500'000);  // of 8 MB that were read
}

TEST_CASE("golden: a total with texts", "[golden]") {
    TextStore texts;
    std::vector<Slot> slots(3);
    slots[0] = Slot{2, true};
    texts.merge(kMinText, slots[1], "a\xc3\xa3");
    std::string bytes;
    append_total_value(bytes, 1, kJob.kinds, slots, &texts);
    // Format 3, transaction 1, count 2, the text of three bytes after tag 7, no text of tag 8.
    CHECK(bytes.substr(0, bytes.size() - 4) == std::string{"\x03\x01\x01\x04\x07\x03"
                                                           "a\xc3\xa3\x88",
                                                           10});
    std::vector<Slot> read;
    TextStore other;
    REQUIRE(decode_total_value(bytes, kJob.kinds, read, &other) == 1U);
    CHECK(read[0] == slots[0]);
    CHECK(other.text(read[1]) == "a\xc3\xa3");
    CHECK_FALSE(read[2].present());
    // Who has no place for texts, or another job, refuses it.
    read.clear();
    CHECK_FALSE(decode_total_value(bytes, kJob.kinds, read));
    read.clear();
    CHECK_FALSE(decode_total_value(bytes, testing::make_job().kinds, read, &other));
}

TEST_CASE("a text beyond the bound is refused, and so is one in a format without texts") {
    const std::vector<AggregateKind> kinds{kMaxText};
    const auto total = [](std::uint8_t format, std::size_t size) {
        std::string bytes;
        ByteWriter writer{bytes};
        writer.u8(format);
        writer.varint(1);
        writer.u8(8);
        writer.text(std::string(size, 'x'));
        writer.crc_since(0);
        return bytes;
    };
    std::vector<Slot> slots;
    TextStore texts;
    CHECK(decode_total_value(total(kStatementFormat, kMaxTextBytes), kinds, slots, &texts));
    CHECK_FALSE(
        decode_total_value(total(kStatementFormat, kMaxTextBytes + 1), kinds, slots, &texts));
    CHECK_FALSE(decode_total_value(total(kFormat, 1), kinds, slots, &texts));
    CHECK_FALSE(decode_total_value(total(kWideFormat, 1), kinds, slots, &texts));
}

TEST_CASE("a batch carries texts in its deltas and none in its ranges") {
    TextStore texts;
    std::vector<Slot> slots(3);
    slots[0] = Slot{1, true};
    texts.merge(kMinText, slots[1], "abacate");
    texts.merge(kMaxText, slots[2], "");
    BatchHeader header;
    header.identity = kJob.identity;
    SourceRange& range = header.ranges.emplace_back();
    range.partition = PartitionId{0};
    range.from = Offset{0};
    range.to = Offset{1};
    range.counts.read = range.counts.aggregated = 1;
    range.slots = {Slot{1, true}, {}, {}};
    DeltaBatchWriter writer{kJob.kinds};
    writer.add_delta(key_of(1), slots, &texts);
    const std::string bytes{writer.finish(header)};
    CHECK(bytes.front() == static_cast<char>(kStatementFormat));
    DeltaBatch batch;
    for (int again = 0; again < 2; ++again) {  // it is used for the next one
        REQUIRE(decode_delta_batch(bytes, kJob.kinds, batch));
        CHECK(batch.header == header);
        CHECK(batch.texts.text(batch.slots[1]) == "abacate");
        CHECK(batch.texts.text(batch.slots[2]).empty());
        CHECK(batch.texts.size() == 7);
    }
    // The next batch has no text, and is of the first format.
    CHECK(writer.finish(header).front() == static_cast<char>(kFormat));
}

}  // namespace kstream
