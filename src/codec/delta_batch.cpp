#include "kstream/codec/delta_batch.hpp"

#include "kstream/check.hpp"
#include "kstream/codec/wire.hpp"

#include <fmt/format.h>

namespace kstream {

namespace {

constexpr std::uint8_t kFormat = 1;
// A slot's tag byte is its kind; this bit says that nothing was added to it yet.
constexpr std::uint8_t kAbsent = 0x80;
// Bounds that no honest batch comes near, so that a damaged count cannot ask for gigabytes.
constexpr std::uint64_t kMaxRanges = 1U << 20;

std::unexpected<Error> bad_batch(std::string_view what) {
    return fail(
        ExitCode::integrity, fmt::format("repartition batch: {}", what),
        "another writer used this topic, or it was damaged: run `kstream audit`, then reset "
        "the application");
}

bool read_range(ByteReader& reader, std::span<const AggregateKind> kinds, SourceRange& range) {
    range.partition = PartitionId{static_cast<std::int32_t>(reader.varint())};
    range.from = Offset{static_cast<std::int64_t>(reader.varint())};
    range.to = Offset{static_cast<std::int64_t>(reader.varint())};
    range.counts = read_counts(reader);
    range.max_event_time_ms = read_time(reader);
    range.slots.clear();
    return read_slots(reader, kinds, range.slots) && range.partition.value >= 0 &&
           range.from.value >= 0 && range.from <= range.to && range.counts.balanced();
}

bool read_header(ByteReader& reader, std::span<const AggregateKind> kinds, BatchHeader& header) {
    const std::uint8_t kind = reader.u8();
    header.kind = static_cast<BatchKind>(kind);
    header.run_id = reader.u64();
    header.step = reader.varint();
    header.chunk = static_cast<std::uint32_t>(reader.varint());
    header.chunks = static_cast<std::uint32_t>(reader.varint());
    header.oldest_timestamp_ms = read_time(reader);
    if (kind > 1 || !read_identity(reader, header.identity) || header.chunk >= header.chunks) {
        return false;
    }
    const std::uint64_t ranges = reader.varint();
    // A batch without ranges would have no place in the chain: it could be applied twice.
    if (reader.failed() || ranges == 0 || ranges > kMaxRanges) {
        return false;
    }
    header.ranges.resize(static_cast<std::size_t>(ranges));
    for (std::size_t i = 0; i < header.ranges.size(); ++i) {
        const SourceRange& range = header.ranges[i];
        if (!read_range(reader, kinds, header.ranges[i]) ||
            (i > 0 && range.partition <= header.ranges[i - 1].partition) ||
            (header.kind == BatchKind::open && range.from != range.to)) {
            return false;
        }
    }
    return !reader.failed();
}

}  // namespace

RecordCounts& RecordCounts::operator+=(const RecordCounts& other) {
    read += other.read;
    aggregated += other.aggregated;
    filtered += other.filtered;
    late += other.late;
    dead_lettered += other.dead_lettered;
    skipped += other.skipped;
    tombstones += other.tombstones;
    return *this;
}

void write_slots(ByteWriter& writer, std::span<const AggregateKind> kinds,
                 std::span<const Slot> slots) {
    KSTREAM_CHECK(kinds.size() == slots.size(), "one slot for each aggregate");
    for (std::size_t i = 0; i < slots.size(); ++i) {
        const auto tag = static_cast<std::uint8_t>(kinds[i]);
        if (slots[i].present) {
            writer.u8(tag);
            writer.zigzag128(slots[i].value);
        } else {
            writer.u8(tag | kAbsent);
        }
    }
}

bool read_slots(ByteReader& reader, std::span<const AggregateKind> kinds,
                std::vector<Slot>& slots) {
    for (const AggregateKind kind : kinds) {
        const std::uint8_t tag = reader.u8();
        if ((tag & 0x7fU) != static_cast<std::uint8_t>(kind)) {
            return false;
        }
        slots.push_back((tag & kAbsent) != 0 ? Slot{} : Slot{reader.zigzag128(), true});
    }
    return !reader.failed();
}

// One more than the time, which is -1 where there is none. Unsigned, so that no time overflows:
// producers may write any.
void write_time(ByteWriter& writer, std::int64_t ms) {
    writer.varint(static_cast<std::uint64_t>(ms) + 1);
}

std::int64_t read_time(ByteReader& reader) {
    return static_cast<std::int64_t>(reader.varint() - 1);
}

void write_counts(ByteWriter& writer, const RecordCounts& counts) {
    for (const std::uint64_t count : {counts.read, counts.aggregated, counts.filtered, counts.late,
                                      counts.dead_lettered, counts.skipped, counts.tombstones}) {
        writer.varint(count);
    }
}

RecordCounts read_counts(ByteReader& reader) {
    RecordCounts counts;
    for (std::uint64_t* count : {&counts.read, &counts.aggregated, &counts.filtered, &counts.late,
                                 &counts.dead_lettered, &counts.skipped, &counts.tombstones}) {
        *count = reader.varint();
    }
    return counts;
}

void write_identity(ByteWriter& writer, const Identity& identity) {
    writer.u64(identity.spec_hash);
    writer.u8(identity.scale);
    writer.u8(static_cast<std::uint8_t>(identity.partitioner));
    writer.varint(identity.state_partitions);
    writer.varint(identity.results_partitions);
    writer.varint(identity.initial_source_partitions);
    writer.topic_id(identity.source_id);
    writer.topic_id(identity.repartition_id);
    writer.topic_id(identity.changelog_id);
}

bool read_identity(ByteReader& reader, Identity& identity) {
    identity.spec_hash = reader.u64();
    identity.scale = reader.u8();
    const std::uint8_t partitioner = reader.u8();
    identity.partitioner = static_cast<Partitioner>(partitioner);
    identity.state_partitions = static_cast<std::uint32_t>(reader.varint());
    identity.results_partitions = static_cast<std::uint32_t>(reader.varint());
    identity.initial_source_partitions = static_cast<std::uint32_t>(reader.varint());
    identity.source_id = reader.topic_id();
    identity.repartition_id = reader.topic_id();
    identity.changelog_id = reader.topic_id();
    return !reader.failed() && partitioner == static_cast<std::uint8_t>(Partitioner::murmur2);
}

std::string_view DeltaBatchWriter::finish(const BatchHeader& header) {
    bytes_.clear();
    ByteWriter writer{bytes_};
    writer.u8(kFormat);
    writer.u8(static_cast<std::uint8_t>(header.kind));
    writer.u64(header.run_id);
    writer.varint(header.step);
    writer.varint(header.chunk);
    writer.varint(header.chunks);
    write_time(writer, header.oldest_timestamp_ms);
    write_identity(writer, header.identity);
    writer.varint(header.ranges.size());
    for (const SourceRange& range : header.ranges) {
        writer.varint(static_cast<std::uint64_t>(range.partition.value));
        writer.varint(static_cast<std::uint64_t>(range.from.value));
        writer.varint(static_cast<std::uint64_t>(range.to.value));
        write_counts(writer, range.counts);
        write_time(writer, range.max_event_time_ms);
        write_slots(writer, kinds_, range.slots);
    }
    writer.varint(count_);
    writer.raw(deltas_);
    writer.crc_since(0);
    deltas_.clear();
    count_ = 0;
    return bytes_;
}

void DeltaBatchWriter::add_delta(std::string_view state_key, std::span<const Slot> slots) {
    ByteWriter writer{deltas_};
    writer.text(state_key);
    write_slots(writer, kinds_, slots);
    ++count_;
}

Result<void> decode_delta_batch(std::string_view value, std::span<const AggregateKind> kinds,
                                DeltaBatch& out) {
    std::string_view body;
    if (!strip_crc(value, body)) {
        return bad_batch("its checksum does not match");
    }
    ByteReader reader{body};
    const std::uint8_t format = reader.u8();
    if (format != kFormat) {
        return bad_batch(fmt::format("format {} is not known to this version", format));
    }
    if (!read_header(reader, kinds, out.header)) {
        return bad_batch("its header does not parse");
    }
    const std::uint64_t count = reader.varint();
    out.deltas.clear();
    out.slots.clear();
    for (std::uint64_t i = 0; i < count && !reader.failed(); ++i) {
        const auto first = static_cast<std::uint32_t>(out.slots.size());
        out.deltas.push_back({reader.text(), first});
        if (!read_slots(reader, kinds, out.slots)) {
            return bad_batch("a delta does not have the job's aggregates");
        }
    }
    if (!reader.at_end()) {
        return bad_batch("its length does not match its contents");
    }
    return {};
}

}  // namespace kstream
