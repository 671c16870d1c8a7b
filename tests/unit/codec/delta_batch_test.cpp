// The repartition record (P2): what comes back is what went in, and nothing else is accepted.
#include "kstream/codec/delta_batch.hpp"

#include "kstream/codec/wire.hpp"
#include "support/fakes/seeded.hpp"
#include "support/fakes/test_job.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kstream {
namespace {

using testing::Seeded;

const Job kJob = testing::make_job();

struct Delta {
    std::string key;
    std::vector<Slot> slots;
    friend bool operator==(const Delta&, const Delta&) = default;
};

std::string encode(const BatchHeader& header, const std::vector<Delta>& deltas = {}) {
    DeltaBatchWriter writer{kJob.kinds};
    for (const Delta& delta : deltas) {
        writer.add_delta(delta.key, delta.slots);
    }
    return std::string{writer.finish(header)};
}

std::vector<Delta> deltas_of(const DeltaBatch& batch) {
    std::vector<Delta> deltas;
    for (const DeltaView& view : batch.deltas) {
        const auto slots = std::span{batch.slots}.subspan(view.first_slot, kJob.kinds.size());
        deltas.push_back({std::string{view.state_key}, {slots.begin(), slots.end()}});
    }
    return deltas;
}

SourceRange range(std::int32_t partition, std::int64_t from, std::int64_t to) {
    SourceRange range;
    range.partition = PartitionId{partition};
    range.from = Offset{from};
    range.to = Offset{to};
    range.slots.resize(kJob.kinds.size());
    return range;
}

BatchHeader sample_header() {
    BatchHeader header;
    header.run_id = 0xfedcba9876543210;
    header.step = 300;
    header.chunk = 1;
    header.chunks = 3;
    header.oldest_timestamp_ms = 1700000000000;
    header.identity = kJob.identity;
    header.ranges = {range(0, 0, 7), range(5, 1'000'000'000'000, 1'000'000'000'009)};
    header.ranges[0].counts = {7, 2, 1, 1, 1, 1, 1};
    header.ranges[0].watermark = 1699999999999;
    header.ranges[0].slots = {{-12345, true}, {2, true}};
    return header;
}

const std::vector<Delta> kDeltas{
    {"key-1", {{150, true}, {1, true}}}, {"key-2", {{}, {1, true}}}, {"", {{}, {}}}};

bool is_integrity(const Result<void>& result) {
    return !result && result.error().exit_code == ExitCode::integrity &&
           result.error().disposition == Disposition::stop;
}

// A batch whose bytes were changed by somebody who knows the checksum.
std::string with_new_crc(std::string_view body) {
    std::string value{body};
    ByteWriter{value}.crc_since(0);
    return value;
}

std::string body_of(const std::string& value) {
    return value.substr(0, value.size() - 4);
}

Int192 random_value(Seeded& random) {
    const UInt128 bits = (UInt128{random.word()} << 64) | random.word();
    if (random.chance(20)) {  // wide, nearly always
        return {random.word(), random.word(),
                static_cast<std::int64_t>(random.word()) >> (1 + random.below(63))};
    }
    return static_cast<Int128>(bits) >> static_cast<int>(random.below(128));
}

std::vector<Slot> random_slots(Seeded& random) {
    std::vector<Slot> slots(kJob.kinds.size());
    for (Slot& slot : slots) {
        slot = random.chance(20) ? Slot{} : Slot{random_value(random), true};
    }
    return slots;
}

BatchHeader random_header(Seeded& random) {
    BatchHeader header;
    header.run_id = random.word();
    header.step = random.word() >> random.below(64);
    header.chunks = static_cast<std::uint32_t>(1 + random.below(1000));
    header.chunk = static_cast<std::uint32_t>(random.below(header.chunks));
    header.oldest_timestamp_ms = static_cast<std::int64_t>(random.below(1ULL << 41)) - 1;
    header.identity = kJob.identity;
    header.identity.spec_hash = random.word();
    std::int32_t partition = -1;
    for (std::size_t i = 0; i < 1 + random.below(6); ++i) {
        partition += static_cast<std::int32_t>(1 + random.below(100));
        const auto from = static_cast<std::int64_t>(random.word() >> (2 + random.below(60)));
        SourceRange added = range(partition, from, from + static_cast<std::int64_t>(i));
        added.counts.aggregated = random.below(1000);
        added.counts.tombstones = random.below(1000);
        added.counts.skipped = random.below(10);
        added.counts.read =
            added.counts.aggregated + added.counts.tombstones + added.counts.skipped;
        added.watermark = static_cast<std::int64_t>(random.below(1ULL << 41)) - 1;
        added.slots = random_slots(random);
        header.ranges.push_back(added);
    }
    return header;
}

}  // namespace

TEST_CASE("a batch comes back as it was written") {
    const std::string value = encode(sample_header(), kDeltas);
    DeltaBatch batch;
    REQUIRE(decode_delta_batch(value, kJob.kinds, batch));
    CHECK(batch.header == sample_header());
    CHECK(deltas_of(batch) == kDeltas);
}

TEST_CASE("any batch comes back as it was written, into a reused one too") {
    Seeded random{17};
    DeltaBatch batch;
    for (int round = 0; round < 500; ++round) {
        const BatchHeader header = random_header(random);
        std::vector<Delta> deltas;
        for (std::size_t i = 0; i < random.below(20); ++i) {
            deltas.push_back({random.text(random.below(30)), random_slots(random)});
        }
        const std::string value = encode(header, deltas);
        REQUIRE(decode_delta_batch(value, kJob.kinds, batch));
        REQUIRE(batch.header == header);
        REQUIRE(deltas_of(batch) == deltas);
    }
}

TEST_CASE("any timestamp travels, also those at the limits") {
    // Producers write what they like into it.
    for (const std::int64_t ms :
         {std::int64_t{-1}, std::int64_t{0}, std::numeric_limits<std::int64_t>::max() - 1,
          std::numeric_limits<std::int64_t>::max()}) {
        BatchHeader header = sample_header();
        header.oldest_timestamp_ms = header.ranges[0].watermark = ms;
        const std::string value = encode(header);
        DeltaBatch batch;
        REQUIRE(decode_delta_batch(value, kJob.kinds, batch));
        CHECK(batch.header == header);
    }
}

TEST_CASE("one writer makes batch after batch, each with its own deltas") {
    DeltaBatchWriter writer{kJob.kinds};
    for (const Delta& delta : kDeltas) {
        writer.add_delta(delta.key, delta.slots);
        CHECK(std::string{writer.finish(sample_header())} == encode(sample_header(), {delta}));
    }
    CHECK(std::string{writer.finish(sample_header())} == encode(sample_header()));
}

TEST_CASE("a delta takes no more bytes than the bound by which batches are divided") {
    Seeded random{2};
    const std::size_t empty = encode(sample_header()).size();
    for (const std::size_t size : {0U, 1U, 127U, 128U, 1030U, 20'000U}) {
        const Delta delta{random.text(size),
                          {{Int128{1} << 126, true}, {-(Int128{1} << 126), true}}};
        const std::size_t taken = encode(sample_header(), {delta}).size() - empty;
        CHECK(taken <= DeltaBatchWriter::max_delta_bytes(delta.key, kJob.kinds.size()));
    }
}

TEST_CASE("a batch that is cut off anywhere is refused") {
    const std::string value = encode(sample_header(), kDeltas);
    DeltaBatch batch;
    for (std::size_t size = 0; size < value.size(); ++size) {
        CAPTURE(size);
        REQUIRE(is_integrity(
            decode_delta_batch(std::string_view{value}.substr(0, size), kJob.kinds, batch)));
        // Also by somebody who made the checksum right again.
        if (size < value.size() - 4) {
            const std::string resealed = with_new_crc(std::string_view{value}.substr(0, size));
            REQUIRE(is_integrity(decode_delta_batch(resealed, kJob.kinds, batch)));
        }
    }
    const std::string longer = with_new_crc(body_of(value) + '\0');
    CHECK(is_integrity(decode_delta_batch(longer, kJob.kinds, batch)));
}

TEST_CASE("a flipped bit anywhere in a batch is found") {
    const std::string value = encode(sample_header(), kDeltas);
    DeltaBatch batch;
    for (std::size_t at = 0; at < value.size(); ++at) {
        for (int bit = 0; bit < 8; ++bit) {
            std::string damaged = value;
            damaged[at] = static_cast<char>(damaged[at] ^ (1 << bit));
            REQUIRE(is_integrity(decode_delta_batch(damaged, kJob.kinds, batch)));
        }
    }
}

TEST_CASE("hostile bytes under a right checksum are refused or read, within bounds") {
    // What is read must be a batch that the rules allow; memory is the sanitizers' to watch.
    const std::string body = body_of(encode(sample_header(), kDeltas));
    Seeded random{23};
    DeltaBatch batch;
    int refused = 0;
    for (int round = 0; round < 20'000; ++round) {
        std::string hostile = body;
        for (std::size_t i = 0; i < 1 + random.below(3); ++i) {
            hostile[random.below(hostile.size())] = static_cast<char>(random.below(256));
        }
        if (random.chance(20)) {
            hostile.resize(random.below(hostile.size()));
        }
        const std::string value = with_new_crc(hostile);
        const Result<void> read = decode_delta_batch(value, kJob.kinds, batch);
        if (!read) {
            ++refused;
            REQUIRE(is_integrity(read));
            continue;
        }
        REQUIRE(batch.header.chunk < batch.header.chunks);
        REQUIRE(batch.slots.size() == batch.deltas.size() * kJob.kinds.size());
        for (const SourceRange& read_range : batch.header.ranges) {
            REQUIRE(read_range.from <= read_range.to);
            REQUIRE(read_range.counts.balanced());
            REQUIRE(read_range.slots.size() == kJob.kinds.size());
        }
    }
    CHECK(refused > 5000);
}

TEST_CASE("a batch of a newer format is refused by name") {
    for (const int format : {0, 3, 255}) {
        std::string body = body_of(encode(sample_header(), kDeltas));
        body[0] = static_cast<char>(format);
        const std::string value = with_new_crc(body);
        DeltaBatch batch;
        const Result<void> read = decode_delta_batch(value, kJob.kinds, batch);
        REQUIRE(is_integrity(read));
        CHECK(read.error().message.find("format " + std::to_string(format)) != std::string::npos);
    }
}

TEST_CASE("a batch of an unknown kind is refused") {
    std::string body = body_of(encode(sample_header(), kDeltas));
    for (const int kind : {2, 3, 128, 255}) {
        body[1] = static_cast<char>(kind);
        const std::string value = with_new_crc(body);
        DeltaBatch batch;
        CHECK(is_integrity(decode_delta_batch(value, kJob.kinds, batch)));
    }
}

TEST_CASE("headers that break the rules are refused") {
    const auto refused = [](const auto& change) {
        BatchHeader header = sample_header();
        change(header);
        const std::string value = encode(header);
        DeltaBatch batch;
        return is_integrity(decode_delta_batch(value, kJob.kinds, batch));
    };
    CHECK_FALSE(refused([](BatchHeader&) {}));
    CHECK(refused([](BatchHeader& h) { h.chunk = h.chunks; }));
    CHECK(refused([](BatchHeader& h) { h.chunk = h.chunks = 0; }));
    CHECK(refused([](BatchHeader& h) { h.ranges[0].to = Offset{-1}; }));
    CHECK(refused([](BatchHeader& h) { h.ranges[1].from = h.ranges[1].to.next(); }));
    CHECK(refused([](BatchHeader& h) { std::swap(h.ranges[0], h.ranges[1]); }));
    CHECK(refused([](BatchHeader& h) { h.ranges[1].partition = h.ranges[0].partition; }));
    CHECK(refused([](BatchHeader& h) { h.ranges[1].partition = PartitionId{-1}; }));
    CHECK(refused([](BatchHeader& h) { ++h.ranges[0].counts.read; }));
    CHECK(refused([](BatchHeader& h) { ++h.ranges[0].counts.late; }));
    CHECK(refused([](BatchHeader& h) { h.identity.partitioner = static_cast<Partitioner>(2); }));
    // Without a range there is no place in the chain, so its deltas could come again and again.
    CHECK(refused([](BatchHeader& h) { h.ranges.clear(); }));
    // An open step gives bases and nothing else.
    CHECK(refused([](BatchHeader& h) {
        h.kind = BatchKind::open;
        h.ranges = {range(0, 3, 4)};
    }));
    CHECK_FALSE(refused([](BatchHeader& h) {
        h.kind = BatchKind::open;
        h.ranges = {range(0, 3, 3)};
    }));
}

TEST_CASE("slots of other aggregates are refused") {
    const std::string value = encode(sample_header(), kDeltas);
    DeltaBatch batch;
    const auto refused = [&](const std::vector<AggregateKind>& kinds) {
        return is_integrity(decode_delta_batch(value, kinds, batch));
    };
    CHECK_FALSE(refused({aggregate_named("sum"), aggregate_named("count")}));
    CHECK(refused({aggregate_named("count"), aggregate_named("sum")}));
    CHECK(refused({aggregate_named("sum")}));
    CHECK(refused({aggregate_named("sum"), aggregate_named("count"), aggregate_named("count")}));
}

TEST_CASE("a count that promises more than there is asks for no memory") {
    // The count of deltas stands right after the ranges; here it is the last byte of the body.
    std::string body = body_of(encode(sample_header()));
    body.pop_back();
    ByteWriter{body}.varint(0xffffffffffffffffULL);
    const std::string value = with_new_crc(body);
    DeltaBatch batch;
    CHECK(is_integrity(decode_delta_batch(value, kJob.kinds, batch)));
    CHECK(batch.deltas.size() < 10);
}

TEST_CASE("counts balance if nothing vanishes, and add up field by field") {
    RecordCounts counts{21, 1, 2, 3, 4, 5, 6};
    CHECK(counts.balanced());
    counts += RecordCounts{1, 1, 0, 0, 0, 0, 0};
    CHECK(counts == RecordCounts{22, 2, 2, 3, 4, 5, 6});
    counts += RecordCounts{20, 0, 1, 2, 4, 6, 7};
    CHECK(counts == RecordCounts{42, 2, 3, 5, 8, 11, 13});
    CHECK(counts.balanced());
    for (std::uint64_t* field : {&counts.read, &counts.aggregated, &counts.filtered, &counts.late,
                                 &counts.dead_lettered, &counts.skipped, &counts.tombstones}) {
        ++*field;
        CHECK_FALSE(counts.balanced());
        --*field;
    }
}

}  // namespace kstream
