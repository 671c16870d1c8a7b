#include "kstream/codec/delta_batch.hpp"

#include "kstream/check.hpp"
#include "kstream/codec/element.hpp"
#include "kstream/codec/wire.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace kstream {

namespace {

// A slot's tag byte is its kind; these bits say that nothing was added to it yet, and that its
// value is beyond 128 bits.
constexpr std::uint8_t kAbsent = 0x80;
constexpr std::uint8_t kWide = 0x40;
// Bounds that no honest batch comes near, so that a damaged count cannot ask for gigabytes.
constexpr std::uint64_t kMaxRanges = 1U << 20;

std::unexpected<Error> bad_batch(std::string_view what) {
    return fail(
        ExitCode::integrity, fmt::format("repartition batch: {}", what),
        "another writer used this topic, or it was damaged: run `kstream audit`, then reset "
        "the application");
}

bool read_range(ByteReader& reader, std::uint8_t format, const StoredForm& form,
                SourceRange& range) {
    range.partition = PartitionId{static_cast<std::int32_t>(reader.varint())};
    range.from = Offset{static_cast<std::int64_t>(reader.varint())};
    range.to = Offset{static_cast<std::int64_t>(reader.varint())};
    range.counts = read_counts(reader, form);
    range.watermark_before = form.event_time ? read_time(reader) : kNoTime;
    range.watermark = read_time(reader);
    range.horizon = form.unique ? read_horizon(reader) : Horizon{};
    range.slots.clear();
    return read_slots(reader, format, form.kinds, range.slots) && range.partition.value >= 0 &&
           range.from.value >= 0 && range.from <= range.to &&
           (!form.unique || is_plausible(range.horizon, range.to, range.watermark)) &&
           (!form.event_time ||
            (range.watermark_before >= kNoTime && range.watermark_before <= range.watermark)) &&
           range.counts.balanced();
}

bool read_header(ByteReader& reader, std::uint8_t format, const StoredForm& form,
                 BatchHeader& header) {
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
        if (!read_range(reader, format, form, header.ranges[i]) ||
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
    duplicates += other.duplicates;
    return *this;
}

bool is_known_format(std::uint8_t format, std::span<const AggregateKind> kinds) {
    return format == kFormat || format == kWideFormat ||
           (format == kStatementFormat && std::ranges::any_of(kinds, [](AggregateKind kind) {
                return keeps_text(kind) || keeps_elements(kind);
            }));
}

std::uint8_t write_slots(ByteWriter& writer, std::span<const AggregateKind> kinds,
                         std::span<const Slot> slots, const TextStore* texts) {
    KSTREAM_CHECK(kinds.size() == slots.size(), "one slot for each aggregate");
    std::uint8_t format = kFormat;
    for (std::size_t i = 0; i < slots.size(); ++i) {
        const auto tag = static_cast<std::uint8_t>(kinds[i]);
        const Int192 value = slots[i].value();
        if (!slots[i].present()) {
            writer.u8(tag | kAbsent);
        } else if (texts != nullptr && keeps_text(kinds[i])) {
            writer.u8(tag);
            writer.text(texts->text(slots[i]));
            format = kStatementFormat;
        } else if (value.fits_128()) [[likely]] {
            writer.u8(tag);
            writer.zigzag128(value.low_128());
        } else {
            writer.u8(tag | kWide);
            writer.i192(value);
            format = std::max(format, kWideFormat);
        }
    }
    return format;
}

bool read_slots(ByteReader& reader, std::uint8_t format, std::span<const AggregateKind> kinds,
                std::vector<Slot>& slots, TextStore* texts) {
    for (const AggregateKind kind : kinds) {
        const std::uint8_t tag = reader.u8();
        const auto narrow = static_cast<std::uint8_t>(kind);
        if (tag == narrow && !keeps_text(kind)) [[likely]] {
            slots.emplace_back(reader.zigzag128(), true);
        } else if (tag == narrow) {
            const std::string_view text = reader.text();
            if (texts == nullptr || format < kStatementFormat || text.size() > kMaxTextBytes) {
                return false;
            }
            texts->merge(kind, slots.emplace_back(), text);
        } else if (tag == (narrow | kAbsent)) {
            slots.emplace_back();
        } else if (tag == (narrow | kWide) && format >= kWideFormat && !keeps_text(kind)) {
            const Int192 value = reader.i192();
            // A value has one form, and more than a slot holds no records can have made.
            if (value.fits_128() || !Slot::fits(value)) {
                return false;
            }
            slots.emplace_back(value, true);
        } else {
            return false;
        }
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

void write_counts(ByteWriter& writer, const StoredForm& form, const RecordCounts& counts) {
    for (const std::uint64_t count : {counts.read, counts.aggregated, counts.filtered, counts.late,
                                      counts.dead_lettered, counts.skipped, counts.tombstones}) {
        writer.varint(count);
    }
    if (form.event_time) {
        writer.varint(counts.duplicates);
    }
}

RecordCounts read_counts(ByteReader& reader, const StoredForm& form) {
    RecordCounts counts;
    for (std::uint64_t* count : {&counts.read, &counts.aggregated, &counts.filtered, &counts.late,
                                 &counts.dead_lettered, &counts.skipped, &counts.tombstones}) {
        *count = reader.varint();
    }
    if (form.event_time) {
        counts.duplicates = reader.varint();
    }
    return counts;
}

void write_horizon(ByteWriter& writer, const Horizon& horizon) {
    writer.varint(static_cast<std::uint64_t>(horizon.offset.value));
    write_time(writer, horizon.seen);
}

Horizon read_horizon(ByteReader& reader) {
    Horizon horizon;
    horizon.offset = Offset{static_cast<std::int64_t>(reader.varint())};
    horizon.seen = read_time(reader);
    return horizon;
}

bool is_plausible(const Horizon& horizon, Offset to, std::int64_t watermark) {
    return horizon.offset.value >= 0 && horizon.offset <= to && horizon.seen >= kNoTime &&
           horizon.seen <= watermark;
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
    if (partitioner != static_cast<std::uint8_t>(Partitioner::murmur2)) {
        return false;
    }
    identity.partitioner = Partitioner::murmur2;
    identity.state_partitions = static_cast<std::uint32_t>(reader.varint());
    identity.results_partitions = static_cast<std::uint32_t>(reader.varint());
    identity.initial_source_partitions = static_cast<std::uint32_t>(reader.varint());
    identity.source_id = reader.topic_id();
    identity.repartition_id = reader.topic_id();
    identity.changelog_id = reader.topic_id();
    return !reader.failed();
}

std::string_view DeltaBatchWriter::finish(const BatchHeader& header) {
    bytes_.clear();
    ByteWriter writer{bytes_};
    writer.u8(kFormat);
    std::uint8_t format = form_.event_time ? kEventTimeFormat : format_;
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
        write_counts(writer, form_, range.counts);
        if (form_.event_time) {
            write_time(writer, range.watermark_before);
        }
        write_time(writer, range.watermark);
        if (form_.unique) {
            write_horizon(writer, range.horizon);
        }
        format = std::max(format, write_slots(writer, form_.kinds, range.slots));
    }
    writer.varint(count_);
    writer.raw(deltas_);
    bytes_.front() = static_cast<char>(format);
    writer.crc_since(0);
    deltas_.clear();
    count_ = 0;
    format_ = kFormat;
    return bytes_;
}

void DeltaBatchWriter::add_delta(std::string_view state_key, std::span<const Slot> slots,
                                 const TextStore* texts, std::span<const std::vector<Element>> sets,
                                 std::span<const std::vector<CountedValue>> multisets) {
    ByteWriter writer{deltas_};
    writer.text(state_key);
    format_ = std::max(format_, write_slots(writer, form_.kinds, slots, texts));
    for (const std::vector<Element>& elements : sets) {
        write_elements(writer, elements);
        format_ = kStatementFormat;
    }
    for (const std::vector<CountedValue>& values : multisets) {
        write_values(writer, values);
        format_ = kStatementFormat;
    }
    ++count_;
}

Result<void> decode_delta_batch(std::string_view value, const StoredForm& form, DeltaBatch& out) {
    const std::span<const AggregateKind> kinds = form.kinds;
    std::string_view body;
    if (!strip_crc(value, body)) {
        return bad_batch("its checksum does not match");
    }
    ByteReader reader{body};
    const std::uint8_t format = reader.u8();
    if (form.event_time ? format != kEventTimeFormat : !is_known_format(format, kinds)) {
        return bad_batch(fmt::format("format {} is not known to this version", format));
    }
    if (!read_header(reader, format, form, out.header)) {
        return bad_batch("its header does not parse");
    }
    const std::uint64_t count = reader.varint();
    out.deltas.clear();
    out.slots.clear();
    out.texts.clear();
    out.elements.clear();
    out.list_ends.clear();
    out.values.clear();
    out.value_ends.clear();
    const auto sets = static_cast<std::size_t>(std::ranges::count(kinds, kDistinct));
    const auto multisets = static_cast<std::size_t>(std::ranges::count(kinds, kMultiset));
    if (sets + multisets > 0 && count > 0 && format < kStatementFormat) {
        return bad_batch("its deltas have no lists of elements");
    }
    for (std::uint64_t i = 0; i < count && !reader.failed(); ++i) {
        const auto first = static_cast<std::uint32_t>(out.slots.size());
        out.deltas.push_back({reader.text(), first});
        if (!read_slots(reader, format, kinds, out.slots, &out.texts)) {
            return bad_batch("a delta does not have the job's aggregates");
        }
        for (std::size_t set = 0; set < sets; ++set) {
            if (!read_elements(reader, out.elements)) {
                return bad_batch("a list of elements does not parse");
            }
            out.list_ends.push_back(static_cast<std::uint32_t>(out.elements.size()));
        }
        for (std::size_t set = 0; set < multisets; ++set) {
            if (!read_values(reader, out.values)) {
                return bad_batch("a list of values does not parse");
            }
            out.value_ends.push_back(static_cast<std::uint32_t>(out.values.size()));
        }
    }
    if (!reader.at_end()) {
        return bad_batch("its length does not match its contents");
    }
    return {};
}

}  // namespace kstream
