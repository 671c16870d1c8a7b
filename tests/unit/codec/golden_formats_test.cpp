// Every stored format against its golden file (P12): encoding gives the file's bytes, and the file
// decodes to the value. tests/golden/README.md says why the files never change.
#include "kstream/audit/base_file.hpp"
#include "kstream/codec/changelog.hpp"
#include "kstream/codec/dead_letter.hpp"
#include "kstream/codec/delta_batch.hpp"
#include "kstream/codec/identity.hpp"
#include "kstream/codec/late_record.hpp"
#include "kstream/codec/result_record.hpp"
#include "kstream/codec/state_key.hpp"
#include "kstream/codec/wire.hpp"
#include "kstream/pipeline/totals_state.hpp"
#include "support/fakes/golden.hpp"
#include "support/fakes/test_job.hpp"

#include <catch2/catch_test_macros.hpp>

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kstream {
namespace {

using testing::golden_bytes;
using testing::golden_text;
using testing::hex;

const Job kJob = testing::make_job();
constexpr Int128 kMin = -static_cast<Int128>(~UInt128{0} >> 1) - 1;  // -2^127

std::string state_key(const std::vector<GroupValue>& values) {
    std::string key;
    encode_state_key({values}, key);
    return key;
}

const std::string kSeller = state_key({{GroupValueType::string, "vendedor_1"}});
const std::string kEmptyText = state_key({{GroupValueType::string, ""}});

BatchHeader step_header() {
    BatchHeader header;
    header.run_id = 0xfedcba9876543210;
    header.step = 300;
    header.chunk = 1;
    header.chunks = 3;
    header.oldest_timestamp_ms = 1700000000000;
    header.identity = kJob.identity;
    SourceRange first;
    first.partition = PartitionId{0};
    first.from = Offset{100};
    first.to = Offset{121};
    first.counts = {21, 1, 2, 3, 4, 5, 6};
    first.slots = {{-12345, true}, {1, true}};
    SourceRange second;
    second.partition = PartitionId{7};
    second.from = second.to = Offset{1'000'000'000'000};
    second.watermark = 1699999999999;
    second.slots.resize(2);
    header.ranges = {first, second};
    return header;
}

BatchHeader open_header() {
    BatchHeader header;
    header.kind = BatchKind::open;
    header.run_id = 1;
    header.step = 1;
    header.identity = kJob.identity;
    SourceRange range;
    range.partition = PartitionId{5};
    range.from = range.to = Offset{42};
    range.slots.resize(2);
    header.ranges = {range};
    return header;
}

Meta meta() {
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

// A record as the .txt files show it.
std::string shown(const OutputBatch& batch, const OutputBatch::Record& record) {
    std::string text = "key: " + std::string{batch.key(record).value_or("none")} + "\nvalue:";
    const std::string_view value = batch.value(record).value_or("none");
    text += (value.empty() ? "" : " ") + std::string{value} + "\n";
    if (record.headers != OutputBatch::kNoHeaders) {
        for (const auto& [name, content] : batch.header_sets()[record.headers]) {
            text += "header " + name + ": " + content.value_or("none") + "\n";
        }
    }
    return text;
}

}  // namespace

TEST_CASE("golden: state key", "[golden]") {
    const std::string bytes = golden_bytes("state_key.hex");
    const std::vector<GroupValue> values{{GroupValueType::string, "vendedor_1"},
                                         {GroupValueType::number, "-12.5"},
                                         {GroupValueType::boolean, "true"}};
    CHECK(hex(state_key(values)) == hex(bytes));
    GroupKey read;
    REQUIRE(decode_state_key(bytes, 3, read));
    for (std::size_t i = 0; i < values.size(); ++i) {
        CHECK(read.values[i].type == values[i].type);
        CHECK(read.values[i].text == values[i].text);
    }
}

TEST_CASE("golden: state key of a window", "[golden]") {
    const std::string bytes = golden_bytes("state_key_window.hex");
    const std::vector<GroupValue> values{{GroupValueType::string, "vendedor_1"},
                                         {GroupValueType::number, "-12.5"},
                                         {GroupValueType::boolean, "true"}};
    std::string key;
    encode_state_key({.values = values, .window_start = -86'400'000}, key);
    CHECK(hex(key) == hex(bytes));
    GroupKey read;
    REQUIRE(decode_state_key(bytes, {3, true}, read));
    CHECK(read.window_start == -86'400'000);
    CHECK(read.values[0].text == "vendedor_1");
}

TEST_CASE("golden: state key of a session", "[golden]") {
    const std::string bytes = golden_bytes("state_key_session.hex");
    const std::vector<GroupValue> values{{GroupValueType::string, "vendedor_1"},
                                         {GroupValueType::number, "-12.5"},
                                         {GroupValueType::boolean, "true"}};
    std::string key;
    encode_session_key({.values = values}, 1'700'000'000'123, key);
    CHECK(hex(key) == hex(bytes));
    GroupKey read;
    REQUIRE(decode_state_key(bytes, {3, true, true}, read));
    CHECK(read.window_start == 1'700'000'000'123);
    CHECK(read.values[0].text == "vendedor_1");
}

TEST_CASE("golden: a batch and meta of a job with event time", "[golden]") {
    const StoredForm form{kJob.kinds, true, true};
    {
        const std::string bytes = golden_bytes("delta_batch_step_4.hex");
        BatchHeader header = step_header();
        header.ranges[0].counts.read += 7;
        header.ranges[0].counts.duplicates = 7;
        header.ranges[0].watermark = 1699999999999;
        header.ranges[1].watermark_before = 1699999990000;
        const std::vector<Slot> seller{{Int128{1} << 126, true}, {3, true}};
        const std::vector<Slot> empty_text{{-1, true}, {}};
        DeltaBatchWriter writer{form};
        writer.add_delta(kSeller, seller);
        writer.add_delta(kEmptyText, empty_text);
        CHECK(hex(std::string{writer.finish(header)}) == hex(bytes));
        DeltaBatch batch;
        REQUIRE(decode_delta_batch(bytes, form, batch));
        CHECK(batch.header == header);
        CHECK_FALSE(decode_delta_batch(bytes, kJob.kinds, batch));
        CHECK_FALSE(decode_delta_batch(golden_bytes("delta_batch_step_1.hex"), form, batch));
    }
    {
        const std::string bytes = golden_bytes("changelog_meta_value_4.hex");
        Meta windowed = meta();
        windowed.sources[0].counts.read += 1;
        windowed.sources[0].counts.duplicates = 1;
        windowed.clock = 1699999900000;
        windowed.to_close = 300;
        windowed.retired = {{-500, true}, {20, true}};
        windowed.advances = 130;
        windowed.advances_hash = advance_hash({PartitionId{3}, Offset{300}, 1699999900000});
        std::string written;
        append_meta_value(written, form, windowed);
        CHECK(hex(written) == hex(bytes));
        CHECK(decode_meta_value(bytes, form) == windowed);
        const auto other = decode_meta_value(bytes, kJob.kinds);
        REQUIRE_FALSE(other);
        CHECK(other.error().exit_code == ExitCode::identity);
        CHECK_FALSE(decode_meta_value(golden_bytes("changelog_meta_value_1.hex"), form));
        CHECK(decode_meta_head(bytes)->identity == kJob.identity);
        // Of hopping windows: the same, and how far they are closed.
        const StoredForm hop{kJob.kinds, true, true, true};
        const std::string of_hop = golden_bytes("changelog_meta_value_4_hop.hex");
        windowed.cursor = {.end = 1699999890000, .hash = UInt128{7} << 64 | 8};
        written.clear();
        append_meta_value(written, hop, windowed);
        CHECK(hex(written) == hex(of_hop));
        CHECK(decode_meta_value(of_hop, hop) == windowed);
        CHECK_FALSE(decode_meta_value(of_hop, form));
        CHECK_FALSE(decode_meta_value(bytes, hop));
    }
}

TEST_CASE("golden: an advance", "[golden]") {
    const Advance advance{PartitionId{3}, Offset{300}, 1699999900000};
    std::string key;
    append_advance_key(key, advance);
    CHECK(hex(key) == "0303ac02");
    CHECK(changelog_key_kind(key) == ChangelogKeyKind::advance);
    std::string value;
    append_advance_value(value, 7, advance);
    const std::string bytes = golden_bytes("changelog_advance_value_1.hex");
    CHECK(hex(value) == hex(bytes));
    CHECK(decode_advance(key, bytes) == advance);
    std::string damaged = bytes;
    ++damaged[2];
    CHECK_FALSE(decode_advance(key, damaged));
    CHECK_FALSE(decode_advance(key + "x", bytes));
    CHECK_FALSE(decode_advance(key.substr(0, 2), bytes));
    // A number of a partition that there cannot be.
    CHECK_FALSE(decode_advance(std::string{"\x03\xff\xff\xff\xff\x0f\x01"}, bytes));
}

TEST_CASE("golden: a batch, meta and metadata of a job with unique_by", "[golden]") {
    const StoredForm form{kJob.kinds, true, true, false, true};
    {
        const std::string bytes = golden_bytes("delta_batch_unique_4.hex");
        BatchHeader header = step_header();
        header.ranges[0].counts.read += 7;
        header.ranges[0].counts.duplicates = 7;
        header.ranges[0].watermark = 1699999999999;
        header.ranges[0].horizon = {.offset = Offset{90}, .seen = 1699999000000};
        header.ranges[1].watermark_before = 1699999990000;
        header.ranges[1].horizon = {.offset = Offset{1}, .seen = kNoTime};
        DeltaBatchWriter writer{form};
        writer.add_delta(kSeller, std::vector<Slot>{{Int128{1} << 126, true}, {3, true}});
        writer.add_delta(kEmptyText, std::vector<Slot>{{-1, true}, {}});
        CHECK(hex(std::string{writer.finish(header)}) == hex(bytes));
        DeltaBatch batch;
        REQUIRE(decode_delta_batch(bytes, form, batch));
        CHECK(batch.header == header);
        for (const Horizon& wrong : {Horizon{.offset = Offset{122}, .seen = 1699999000000},
                                     Horizon{.offset = Offset{90}, .seen = 1700000000000}}) {
            header.ranges[0].horizon = wrong;
            const std::string damaged{writer.finish(header)};
            CHECK_FALSE(decode_delta_batch(damaged, form, batch));
        }
    }
    {
        const std::string bytes = golden_bytes("changelog_meta_unique_4.hex");
        Meta unique = meta();
        unique.sources[0].counts.read += 1;
        unique.sources[0].counts.duplicates = 1;
        unique.sources[0].horizon = {.offset = Offset{290}, .seen = 1699999990000};
        unique.clock = 1699999900000;
        unique.to_close = 300;
        unique.retired = {{-500, true}, {20, true}};
        unique.advances = 130;
        unique.advances_hash = advance_hash({PartitionId{3}, Offset{300}, 1699999900000});
        std::string written;
        append_meta_value(written, form, unique);
        CHECK(hex(written) == hex(bytes));
        CHECK(decode_meta_value(bytes, form) == unique);
        unique.sources[0].horizon.offset = Offset{301};
        written.clear();
        append_meta_value(written, form, unique);
        CHECK_FALSE(decode_meta_value(written, form));
    }
    const std::vector<OffsetMetadata> marked{
        {.identity = kJob.identity,
         .mark = OffsetMark{.step = 12,
                            .source = SourceMark{.watermark = 1764374400000,
                                                 .horizon = Horizon{Offset{8}, 1764370800000}}}},
        {.identity = kJob.identity,
         .mark = OffsetMark{
             .step = 1,
             .source = SourceMark{.idle = true, .horizon = Horizon{Offset{5}, kNoTime}}}}};
    std::string text;
    for (const OffsetMetadata& one : marked) {
        text += offset_metadata_text(one) + "\n";
        CHECK(parse_offset_metadata(offset_metadata_text(one)) == one);
    }
    CHECK(text == golden_text("offset_metadata_unique_2.txt"));
}

TEST_CASE("golden: every aggregate of one slot, in a batch and in a total", "[golden]") {
    const std::vector<AggregateKind> kinds{
        aggregate_named("count"), aggregate_named("sum"),         aggregate_named("min"),
        aggregate_named("max"),   aggregate_named("squares_low"), aggregate_named("squares_high")};
    const std::vector<Slot> none(kinds.size());
    const auto row_of = [&](const std::vector<Int128>& inputs) {
        std::vector<Slot> row = none;
        for (const Int128 input : inputs) {
            for (std::size_t i = 0; i < kinds.size(); ++i) {
                add_input(kinds[i], row[i], Decimal{input});
            }
        }
        return row;
    };
    const std::vector<Slot> row = row_of({-155, 150});
    const std::string batch_bytes = golden_bytes("delta_batch_aggregates_1.hex");
    BatchHeader header = open_header();
    header.kind = BatchKind::step;
    header.ranges[0].to = Offset{44};
    header.ranges[0].counts.read = header.ranges[0].counts.aggregated = 2;
    header.ranges[0].slots = row;
    DeltaBatchWriter writer{kinds};
    writer.add_delta(kSeller, row);
    writer.add_delta(kEmptyText, none);
    CHECK(hex(std::string{writer.finish(header)}) == hex(batch_bytes));
    DeltaBatch batch;
    REQUIRE(decode_delta_batch(batch_bytes, kinds, batch));
    CHECK(batch.header == header);
    CHECK(std::vector<Slot>{batch.slots.begin(), batch.slots.begin() + 6} == row);
    CHECK(std::vector<Slot>{batch.slots.begin() + 6, batch.slots.end()} == none);

    std::vector<Slot> wide = row_of({kMin, 150, Int128{1} << 64});
    wide[1] = Slot{};
    for (const auto& [name, slots] : {std::pair{"changelog_total_aggregates_1.hex", row},
                                      std::pair{"changelog_total_aggregates_2.hex", wide}}) {
        const std::string bytes = golden_bytes(name);
        std::string written;
        append_total_value(written, 4711, kinds, slots);
        CHECK(hex(written) == hex(bytes));
        std::vector<Slot> read;
        CHECK(decode_total_value(bytes, kinds, read) == 4711U);
        CHECK(read == slots);
    }
}

TEST_CASE("golden: batch of a step", "[golden]") {
    const std::string bytes = golden_bytes("delta_batch_step_1.hex");
    const std::vector<Slot> seller{{Int128{1} << 126, true}, {3, true}};
    const std::vector<Slot> empty_text{{-1, true}, {}};
    DeltaBatchWriter writer{kJob.kinds};
    writer.add_delta(kSeller, seller);
    writer.add_delta(kEmptyText, empty_text);
    CHECK(hex(std::string{writer.finish(step_header())}) == hex(bytes));

    DeltaBatch batch;
    REQUIRE(decode_delta_batch(bytes, kJob.kinds, batch));
    CHECK(batch.header == step_header());
    REQUIRE(batch.deltas.size() == 2);
    CHECK(batch.deltas[0].state_key == kSeller);
    CHECK(batch.deltas[1].state_key == kEmptyText);
    CHECK(batch.slots == std::vector<Slot>{seller[0], seller[1], empty_text[0], empty_text[1]});
}

TEST_CASE("golden: batch of an open step", "[golden]") {
    const std::string bytes = golden_bytes("delta_batch_open_1.hex");
    DeltaBatchWriter writer{kJob.kinds};
    CHECK(hex(std::string{writer.finish(open_header())}) == hex(bytes));
    DeltaBatch batch;
    REQUIRE(decode_delta_batch(bytes, kJob.kinds, batch));
    CHECK(batch.header == open_header());
    CHECK(batch.deltas.empty());
}

TEST_CASE("golden: a total in the changelog", "[golden]") {
    const std::string key = golden_bytes("changelog_total_key.hex");
    const std::string value = golden_bytes("changelog_total_value_1.hex");
    const std::vector<Slot> slots{{-150000000001, true}, {300, true}};
    std::string written;
    append_total_key(written, kSeller);
    CHECK(hex(written) == hex(key));
    written.clear();
    append_total_value(written, 4711, kJob.kinds, slots);
    CHECK(hex(written) == hex(value));

    CHECK(changelog_key_kind(key) == ChangelogKeyKind::total);
    CHECK(total_state_key(key) == kSeller);
    std::vector<Slot> read;
    CHECK(decode_total_value(value, kJob.kinds, read) == 4711U);
    CHECK(read == slots);
}

TEST_CASE("golden: meta in the changelog", "[golden]") {
    const std::string key = golden_bytes("changelog_meta_key.hex");
    const std::string value = golden_bytes("changelog_meta_value_1.hex");
    CHECK(hex(std::string{meta_key()}) == hex(key));
    CHECK(changelog_key_kind(key) == ChangelogKeyKind::meta);
    std::string written;
    append_meta_value(written, kJob.kinds, meta());
    CHECK(hex(written) == hex(value));
    CHECK(decode_meta_value(value, kJob.kinds) == meta());
}

TEST_CASE("golden: sums beyond 128 bits", "[golden]") {
    const Int192 above = -Int192{kMin};  // 2^127
    const Int192 below = Int192{kMin} + Int192{-1};
    const Int192 most{~0ULL, ~0ULL, (1LL << 62) - 1};  // 2^190 - 1
    {
        const std::string bytes = golden_bytes("delta_batch_step_2.hex");
        BatchHeader header = step_header();
        header.ranges[0].slots[0] = Slot{most, true};
        const std::vector<Slot> seller{{above, true}, {3, true}};
        const std::vector<Slot> empty_text{{-1, true}, {}};
        DeltaBatchWriter writer{kJob.kinds};
        writer.add_delta(kSeller, seller);
        writer.add_delta(kEmptyText, empty_text);
        CHECK(hex(std::string{writer.finish(header)}) == hex(bytes));
        // The next batch without such a sum is of format 1 again.
        CHECK(writer.finish(step_header()).front() == 1);
        DeltaBatch batch;
        REQUIRE(decode_delta_batch(bytes, kJob.kinds, batch));
        CHECK(batch.header == header);
        CHECK(batch.slots == std::vector<Slot>{seller[0], seller[1], empty_text[0], empty_text[1]});
    }
    {
        const std::string bytes = golden_bytes("changelog_total_value_2.hex");
        const std::vector<Slot> slots{{below, true}, {300, true}};
        std::string written;
        append_total_value(written, 4711, kJob.kinds, slots);
        CHECK(hex(written) == hex(bytes));
        std::vector<Slot> read;
        CHECK(decode_total_value(bytes, kJob.kinds, read) == 4711U);
        CHECK(read == slots);
        // Computed with Python's integers.
        CHECK(state_entry_hash(kSeller, kJob.kinds, slots) ==
              ((UInt128{0x97cc5048c178d947} << 64) | 0x2daa254eacedafce));
    }
    {
        const std::string bytes = golden_bytes("changelog_meta_value_2.hex");
        Meta wide = meta();
        wide.sources[0].slots[0] = Slot{-most + Int192{-1}, true};
        wide.slots[0] = Slot{above, true};
        std::string written;
        append_meta_value(written, kJob.kinds, wide);
        CHECK(hex(written) == hex(bytes));
        CHECK(decode_meta_value(bytes, kJob.kinds) == wide);
    }
}

TEST_CASE("golden: the base of an audit", "[golden]") {
    const std::string bytes = golden_bytes("audit_base_1.hex");
    const audit::AuditedJob job = audit::AuditedJob::of(kJob.spec, kJob.identity);
    const std::vector<Slot> slots{{-150000000001, true}, {300, true}};
    std::string written;
    audit::BaseWriter writer{job};
    audit::BaseWriter::begin(written);
    writer.meta(written, 1, meta());
    writer.total(written, kSeller, 4711, {job.kinds, slots, {}});
    writer.end(written);
    CHECK(hex(written) == hex(bytes));

    REQUIRE(bytes.starts_with(audit::kBaseMagic));
    ByteReader frames{std::string_view{bytes}.substr(audit::kBaseMagic.size())};
    audit::BaseReader reader{job};
    using Frame = audit::BaseReader::Frame;
    CHECK(reader.take(frames.raw(frames.u32())) == Frame::meta);
    CHECK(reader.metas()[1] == meta());
    CHECK(reader.take(frames.raw(frames.u32())) == Frame::total);
    CHECK(reader.total().state_key == kSeller);
    CHECK(reader.total().row.slots == slots);
    CHECK(reader.take(frames.raw(frames.u32())) == Frame::end);
    CHECK(frames.at_end());
}

TEST_CASE("golden: what an entry adds to the state hash", "[golden]") {
    // Computed with Python's integers.
    const std::vector<Slot> slots{{-150000000001, true}, {300, true}};
    CHECK(state_entry_hash(kSeller, kJob.kinds, slots) ==
          ((UInt128{0xe4cd329d9dc47167} << 64) | 0x722ef03530fed828));
}

TEST_CASE("golden: metadata of committed offsets", "[golden]") {
    const std::string text = golden_text("offset_metadata_1.txt");
    CHECK(identity_text(kJob.identity) + "\n" == text);
    CHECK(parse_identity_text(text.substr(0, text.size() - 1)) == kJob.identity);
}

TEST_CASE("golden: metadata of committed offsets of a job with event time", "[golden]") {
    const std::vector<OffsetMetadata> marked{
        {.identity = kJob.identity,
         .mark = OffsetMark{.step = 12, .source = SourceMark{.watermark = 1764374400000}}},
        {.identity = kJob.identity,
         .mark = OffsetMark{.step = 1, .source = SourceMark{.idle = true}}},
        {.identity = kJob.identity, .mark = OffsetMark{.step = 4711, .source = std::nullopt}}};
    std::string text;
    for (const OffsetMetadata& one : marked) {
        text += offset_metadata_text(one) + "\n";
    }
    CHECK(text == golden_text("offset_metadata_2.txt"));
}

TEST_CASE("golden: a result record", "[golden]") {
    TotalsState state{kJob, PartitionId{1}};
    std::string key;
    std::string value;
    // One transaction before the one that writes the golden record.
    Meta before;
    before.identity = kJob.identity;
    before.transaction = 4710;
    before.slots.resize(2);
    append_meta_value(value, kJob.kinds, before);
    REQUIRE(state.restore(meta_key(), value));
    REQUIRE(state.finish_restore());
    const std::vector<Slot> slots{{Int128{124919682955470} * 1'000'000, true}, {1665581, true}};
    REQUIRE(state.apply_delta(kSeller, slots));
    OutputBatch out;
    state.seal(Offset{1}, out);
    REQUIRE(out.records().size() == 3);
    CHECK(out.records()[1].topic == TopicRole::results);
    CHECK(shown(out, out.records()[1]) == golden_text("result_record.txt"));
}

TEST_CASE("golden: a dead letter and its stub", "[golden]") {
    const std::string_view key = "tx-1";
    const std::string_view value = R"({"valor":1.0000000001})";
    RecordView record;
    record.partition = PartitionId{4};
    record.record_offset = Offset{123456789012};
    record.timestamp_ms = 1700000000123;
    record.key_data = key.data();
    record.key_size = static_cast<std::uint32_t>(key.size());
    record.value_data = value.data();
    record.value_size = static_cast<std::uint32_t>(value.size());
    OutputBatch out;
    for (const std::size_t max_bytes : {100U, 10U}) {
        append_dead_letter(out, PartitionId{0},
                           {.record = record,
                            .headers = {},
                            .source_topic = kJob.spec.source_topic,
                            .reason = BadReason::scale,
                            .field = {}},
                           max_bytes);
    }
    CHECK(shown(out, out.records()[0]) == golden_text("dead_letter.txt"));
    CHECK(shown(out, out.records()[1]) == golden_text("dead_letter_stub.txt"));
    const std::vector<HeaderView> headers{{"trace", "7"}, {"kstream.reason", std::nullopt}};
    for (const std::size_t max_bytes : {100U, 10U, 30U}) {
        append_dead_letter(out, PartitionId{0},
                           {.record = record,
                            .headers = headers,
                            .source_topic = kJob.spec.source_topic,
                            .reason = BadReason::scale,
                            .field = "valor"},
                           max_bytes);
    }
    CHECK(shown(out, out.records()[2]) == golden_text("dead_letter_headers.txt"));
    CHECK(shown(out, out.records()[3]) == golden_text("dead_letter_headers_stub.txt"));
    CHECK(shown(out, out.records()[4]) == golden_text("dead_letter_headers_left_out.txt"));
}

TEST_CASE("golden: a late record, its stub, and one of a session", "[golden]") {
    const std::string_view key = "tx-1";
    const std::string_view value = R"({"valor":1.5,"hora":1700000000.123})";
    RecordView record;
    record.partition = PartitionId{4};
    record.record_offset = Offset{123456789012};
    record.timestamp_ms = 1700000400777;
    record.key_data = key.data();
    record.key_size = static_cast<std::uint32_t>(key.size());
    record.value_data = value.data();
    record.value_size = static_cast<std::uint32_t>(value.size());
    const std::vector<HeaderView> headers{{"trace", "7"}, {"kstream.reason", std::nullopt}};
    OutputBatch out;
    for (const std::size_t max_bytes : {100U, 10U}) {
        append_late_record(out, PartitionId{0},
                           {.record = record,
                            .headers = headers,
                            .source_topic = kJob.spec.source_topic,
                            .event_time = 1700000000123,
                            .watermark = 1700000400500,
                            .window_start = 1699999200000,
                            .window_end = 1700000100000,
                            .late_by = 240501},
                           max_bytes);
    }
    append_late_record(out, PartitionId{0},
                       {.record = record,
                        .headers = {},
                        .source_topic = kJob.spec.source_topic,
                        .event_time = -1,
                        .watermark = 0,
                        .window_start = std::nullopt,
                        .window_end = std::nullopt,
                        .late_by = 1},
                       100);
    CHECK(shown(out, out.records()[0]) == golden_text("late_record.txt"));
    CHECK(shown(out, out.records()[1]) == golden_text("late_record_stub.txt"));
    CHECK(shown(out, out.records()[2]) == golden_text("late_record_session.txt"));
}

}  // namespace kstream
