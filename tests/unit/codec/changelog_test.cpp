// Changelog records (P9): what a new owner restores from, and what it refuses.
#include "kstream/codec/changelog.hpp"

#include "kstream/codec/wire.hpp"
#include "support/fakes/seeded.hpp"
#include "support/fakes/test_job.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace kstream {
namespace {

using testing::Seeded;

const Job kJob = testing::make_job();

Meta sample_meta() {
    Meta meta;
    meta.identity = kJob.identity;
    meta.spec_text = kJob.spec_text;
    meta.run_id = 0xa1b2c3d4e5f60718;
    meta.transaction = 4711;
    meta.repartition_position = Offset{99'000'000'000};
    SourceProgress first;
    first.partition = PartitionId{0};
    first.base = Offset{5};
    first.applied = Offset{300};
    first.counts = {290, 280, 0, 0, 5, 3, 2};
    first.watermark = 1699999999999;
    first.slots = {{-77, true}, {280, true}};
    SourceProgress second;
    second.partition = PartitionId{11};
    second.slots.resize(2);
    meta.sources = {first, second};
    meta.keys = 3;
    meta.slots = {{Int128{1} << 100, true}, {280, true}};
    meta.state_hash = (UInt128{0x0123456789abcdef} << 64) | 0xfedcba9876543210;
    return meta;
}

std::string meta_value(const Meta& meta) {
    std::string out;
    append_meta_value(out, kJob.kinds, meta);
    return out;
}

std::string total_value(std::uint64_t transaction, const std::vector<Slot>& slots) {
    std::string out;
    append_total_value(out, transaction, kJob.kinds, slots);
    return out;
}

Result<Meta> read_meta(std::string_view value) {
    return decode_meta_value(value, kJob.kinds);
}

Result<std::uint64_t> read_total(std::string_view value) {
    std::vector<Slot> slots;
    return decode_total_value(value, kJob.kinds, slots);
}

template <typename T>
bool is_integrity(const Result<T>& result) {
    return !result && result.error().exit_code == ExitCode::integrity;
}

std::string with_new_crc(std::string_view body) {
    std::string value{body};
    ByteWriter{value}.crc_since(0);
    return value;
}

// Calls `check` with every damaged form of `value`.
template <typename Check>
void damage(const std::string& value, Check check) {
    for (std::size_t size = 0; size < value.size(); ++size) {
        check(value.substr(0, size));
    }
    for (std::size_t at = 0; at < value.size(); ++at) {
        for (int bit = 0; bit < 8; ++bit) {
            std::string damaged = value;
            damaged[at] = static_cast<char>(damaged[at] ^ (1 << bit));
            check(damaged);
        }
    }
    check(value + '\0');
}

// Which job the totals are of has to be readable by another job, to say what differs.
TEST_CASE("the head of meta reads whatever aggregates the reader has, and damage is refused") {
    const std::string value = meta_value(sample_meta());
    const Result<MetaHead> head = decode_meta_head(value);
    REQUIRE(head);
    CHECK(head->identity == sample_meta().identity);
    CHECK(head->spec_text == sample_meta().spec_text);
    // Whatever its slots have: it was refused where one was wide, and nobody could say which job it
    // was of.
    Meta wide = sample_meta();
    wide.slots[0] = Slot{Int192{0, 0, 1}, true};
    const Result<MetaHead> of_wide = decode_meta_head(meta_value(wide));
    REQUIRE(of_wide);
    CHECK(of_wide->identity == sample_meta().identity);
    for (std::size_t size = 0; size < value.size(); ++size) {
        CAPTURE(size);
        REQUIRE_FALSE(decode_meta_head(value.substr(0, size)));
    }
    for (std::size_t at = 0; at < value.size(); ++at) {
        CAPTURE(at);
        std::string damaged = value;
        damaged[at] = static_cast<char>(damaged[at] ^ 1);
        REQUIRE_FALSE(decode_meta_head(damaged));
    }
}

}  // namespace

TEST_CASE("the first byte of a changelog key says what it is") {
    CHECK(meta_key() == std::string_view{"\0", 1});
    CHECK(changelog_key_kind(meta_key()) == ChangelogKeyKind::meta);
    std::string key;
    append_total_key(key, "state");
    CHECK(key == "\x01state");
    CHECK(changelog_key_kind(key) == ChangelogKeyKind::total);
    CHECK(total_state_key(key) == "state");
}

TEST_CASE("reserved changelog keys are refused") {
    CHECK(is_integrity(changelog_key_kind("")));
    for (int first = 0; first < 256; ++first) {
        for (const char* rest : {"", "x"}) {
            const std::string key = static_cast<char>(first) + std::string{rest};
            const bool is_keyed = first >= 1 && first <= 3;  // a total, an element, an advance
            const bool known = key == meta_key() || (is_keyed && key.size() > 1);
            CHECK(changelog_key_kind(key).has_value() == known);
        }
    }
}

TEST_CASE("a total comes back with its transaction and its slots") {
    const std::vector<Slot> slots{{-5'000'000'000, true}, {}};
    std::vector<Slot> read{{1, true}};
    const Result<std::uint64_t> transaction =
        decode_total_value(total_value(300, slots), kJob.kinds, read);
    CHECK(transaction == 300);
    CHECK(read == std::vector<Slot>{{1, true}, {-5'000'000'000, true}, {}});
}

TEST_CASE("values are appended and their checksums begin with them") {
    std::string out = "before";
    append_total_value(out, 1, kJob.kinds, std::vector<Slot>(2));
    CHECK(read_total(std::string_view{out}.substr(6)));
    out = "before";
    append_meta_value(out, kJob.kinds, sample_meta());
    CHECK(read_meta(std::string_view{out}.substr(6)));
}

TEST_CASE("a damaged total is refused") {
    const std::string value = total_value(300, {{-5'000'000'000, true}, {2, true}});
    REQUIRE(read_total(value));
    damage(value, [](const std::string& damaged) { REQUIRE(is_integrity(read_total(damaged))); });
    const std::string body = value.substr(0, value.size() - 4);
    for (std::size_t size = 0; size < body.size(); ++size) {
        CHECK(is_integrity(read_total(with_new_crc(body.substr(0, size)))));
    }
    CHECK(is_integrity(read_total(with_new_crc(body + '\0'))));
}

TEST_CASE("a total of a newer format or of other aggregates is refused") {
    const std::string value = total_value(300, {{7, true}, {2, true}});
    std::string body = value.substr(0, value.size() - 4);
    for (const int format : {0, 3, 255}) {
        body[0] = static_cast<char>(format);
        const Result<std::uint64_t> read = read_total(with_new_crc(body));
        REQUIRE(is_integrity(read));
        CHECK(read.error().message.find("format") != std::string::npos);
    }
    std::vector<Slot> slots;
    const std::vector<AggregateKind> other{aggregate_named("count"), aggregate_named("sum")};
    CHECK(is_integrity(decode_total_value(value, other, slots)));
}

TEST_CASE("meta comes back as it was written") {
    CHECK(read_meta(meta_value(sample_meta())) == sample_meta());
    Meta empty;
    empty.identity = kJob.identity;
    empty.slots.resize(2);
    CHECK(read_meta(meta_value(empty)) == empty);
    Seeded random{31};
    for (int round = 0; round < 200; ++round) {
        Meta meta = sample_meta();
        meta.transaction = random.word() >> random.below(64);
        meta.state_hash = (UInt128{random.word()} << 64) | random.word();
        meta.keys = random.word() >> random.below(64);
        meta.sources[0].applied = Offset{static_cast<std::int64_t>(6 + (random.word() >> 2))};
        meta.sources[0].base = Offset{static_cast<std::int64_t>(random.below(6))};
        meta.sources[0].counts.filtered = random.below(1000);
        meta.sources[0].counts.read += meta.sources[0].counts.filtered;
        meta.sources.resize(random.below(3));
        REQUIRE(read_meta(meta_value(meta)) == meta);
    }
}

TEST_CASE("damaged meta is refused") {
    const std::string value = meta_value(sample_meta());
    damage(value, [](const std::string& damaged) { REQUIRE(is_integrity(read_meta(damaged))); });
    std::string body = value.substr(0, value.size() - 4);
    CHECK(is_integrity(read_meta(with_new_crc(body + '\0'))));
    for (std::size_t size = 0; size < body.size(); ++size) {
        CHECK_FALSE(read_meta(with_new_crc(body.substr(0, size))));
    }
    body[0] = 5;
    const Result<Meta> read = read_meta(with_new_crc(body));
    REQUIRE(is_integrity(read));
    CHECK(read.error().message.find("format") != std::string::npos);
    // Of a job with event time, which this one has not.
    body[0] = 4;
    const Result<Meta> other = read_meta(with_new_crc(body));
    REQUIRE_FALSE(other);
    CHECK(other.error().exit_code == ExitCode::identity);
}

TEST_CASE("meta that no writer makes is refused") {
    const auto refused = [](const auto& change) {
        Meta meta = sample_meta();
        change(meta.sources);
        return is_integrity(read_meta(meta_value(meta)));
    };
    using Sources = std::vector<SourceProgress>;
    CHECK_FALSE(refused([](Sources&) {}));
    CHECK(refused([](Sources& s) { std::swap(s[0], s[1]); }));
    CHECK(refused([](Sources& s) { s[1].partition = s[0].partition; }));
    CHECK(refused([](Sources& s) { s[0].partition = PartitionId{-1}; }));
    CHECK(refused([](Sources& s) { s[0].applied = Offset{4}; }));
    CHECK(refused([](Sources& s) { s[1].base = s[1].applied = Offset{-1}; }));
    CHECK(refused([](Sources& s) { ++s[0].counts.read; }));
}

TEST_CASE("hostile meta under a right checksum is refused or read, within bounds") {
    const std::string value = meta_value(sample_meta());
    const std::string body = value.substr(0, value.size() - 4);
    Seeded random{37};
    for (int round = 0; round < 20'000; ++round) {
        std::string hostile = body;
        for (std::size_t i = 0; i < 1 + random.below(3); ++i) {
            hostile[random.below(hostile.size())] = static_cast<char>(random.below(256));
        }
        const Result<Meta> read = read_meta(with_new_crc(hostile));
        if (read) {
            REQUIRE(read->slots.size() == kJob.kinds.size());
        } else {
            REQUIRE(read.error().disposition == Disposition::stop);
        }
    }
}

TEST_CASE("meta of another job is distinguished from damaged meta, and names that job") {
    const std::vector<AggregateKind> other{aggregate_named("count")};
    const Result<Meta> read = decode_meta_value(meta_value(sample_meta()), other);
    REQUIRE_FALSE(read);
    CHECK(read.error().exit_code == ExitCode::identity);
    CHECK(read.error().message.find("id_vendedor") != std::string::npos);
}

TEST_CASE("an entry's hash depends on its key, on each slot and on the boundary between them") {
    const std::vector<Slot> slots{{1, true}, {2, true}};
    const auto hash = [](std::string_view key, const std::vector<Slot>& of) {
        return state_entry_hash(key, kJob.kinds, of);
    };
    CHECK(hash("a", slots) == hash("a", slots));
    CHECK(hash("a", slots) != hash("b", slots));
    CHECK(hash("a", slots) != hash("a", {{2, true}, {2, true}}));
    CHECK(hash("a", slots) != hash("a", {{1, true}, {3, true}}));
    CHECK(hash("a", slots) != hash("a", {{1, true}, {}}));
    CHECK(hash("a", {{0, true}, {}}) != hash("a", {{}, {}}));
    // The key's end cannot be mistaken for the slots' beginning.
    std::string moved = "a";
    ByteWriter writer{moved};
    std::ignore = write_slots(writer, kJob.kinds, slots);
    CHECK(state_entry_hash(moved, {}, {}) != hash("a", slots));
}

TEST_CASE("a wide slot has one form, in a value of one format") {
    const auto value = [](std::uint8_t format, std::uint8_t tag, const Int192& sum) {
        std::string bytes;
        ByteWriter writer{bytes};
        writer.u8(format);
        writer.varint(7);
        writer.u8(tag);
        writer.i192(sum);
        writer.u8(1);
        writer.zigzag128(3);
        writer.crc_since(0);
        return bytes;
    };
    const auto accepted = [](const std::string& bytes) {
        std::vector<Slot> slots;
        return decode_total_value(bytes, kJob.kinds, slots).has_value();
    };
    const Int192 above{0, std::uint64_t{1} << 63, 0};
    CHECK(accepted(value(2, 0x42, above)));
    // Formats and tags that are not known are never guessed at.
    CHECK_FALSE(accepted(value(1, 0x42, above)));
    CHECK_FALSE(accepted(value(3, 0x42, above)));
    CHECK_FALSE(accepted(value(2, 0x41, above)));
    CHECK_FALSE(accepted(value(2, 0xc2, above)));
    CHECK_FALSE(accepted(value(2, 0x22, above)));
    // What 128 bits hold is not wide, and no records make more than a slot holds.
    CHECK_FALSE(accepted(value(2, 0x42, Int192{5})));
    CHECK_FALSE(accepted(value(2, 0x42, Int192{0, 0, std::int64_t{1} << 62})));
    CHECK(accepted(value(2, 0x42, Int192{0, 0, -(std::int64_t{1} << 62)})));
    const std::string whole = value(2, 0x42, above);
    for (std::size_t size = 0; size < whole.size(); ++size) {
        CHECK_FALSE(accepted(whole.substr(0, size)));
    }
}

}  // namespace kstream
