#include "kstream/codec/changelog.hpp"

#include "kstream/codec/element.hpp"
#include "kstream/codec/wire.hpp"
#include "kstream/core/side_aggregates.hpp"
#include "kstream/core/stable_hash.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <tuple>

namespace kstream {

namespace {

constexpr char kMetaKeyByte = 0;
constexpr std::uint8_t kAdvanceFormat = 1;

// Of a total of a job with HAVING.
void write_published(ByteWriter& writer, bool published) {
    writer.u8(published ? 1 : 0);
}

[[nodiscard]] bool read_published(ByteReader& reader, bool& published) {
    const std::uint8_t byte = reader.u8();
    published = byte == 1;
    return byte <= 1;
}

void write_hash(ByteWriter& writer, UInt128 hash) {
    writer.u64(static_cast<std::uint64_t>(hash >> 64));
    writer.u64(static_cast<std::uint64_t>(hash));
}

[[nodiscard]] UInt128 read_hash(ByteReader& reader) {
    const UInt128 high = reader.u64();
    return high << 64 | reader.u64();
}

std::unexpected<Error> bad_record(std::string_view what) {
    return fail(
        ExitCode::integrity, fmt::format("changelog record: {}", what),
        "another writer used this topic, or it was damaged: run `kstream audit`, then reset "
        "the application");
}

bool read_sources(ByteReader& reader, std::uint8_t format, const StoredForm& form,
                  std::vector<SourceProgress>& sources) {
    const std::uint64_t count = reader.varint();
    for (std::uint64_t i = 0; i < count && !reader.failed(); ++i) {
        SourceProgress source;
        source.partition = PartitionId{static_cast<std::int32_t>(reader.varint())};
        source.base = Offset{static_cast<std::int64_t>(reader.varint())};
        source.applied = Offset{static_cast<std::int64_t>(reader.varint())};
        source.counts = read_counts(reader, form);
        source.watermark = read_time(reader);
        source.horizon = form.unique ? read_horizon(reader) : Horizon{};
        if (!read_slots(reader, format, form.kinds, source.slots)) {
            return false;
        }
        sources.push_back(std::move(source));
    }
    return !reader.failed();
}

bool is_format_of_meta(std::uint8_t format) {
    return format >= kFormat && format <= kEventTimeFormat;
}

// What writers keep to: each source partition once, in order, with nothing unaccounted for.
bool plausible(const std::vector<SourceProgress>& sources, const StoredForm& form) {
    PartitionId before;
    for (const SourceProgress& source : sources) {
        if (source.partition <= before || source.base.value < 0 || source.applied < source.base ||
            !source.counts.balanced() || (form.event_time && source.watermark < kNoTime) ||
            (form.unique && !is_plausible(source.horizon, source.applied, source.watermark))) {
            return false;
        }
        before = source.partition;
    }
    return true;
}

}  // namespace

void append_total_key(std::string& out, std::string_view state_key) {
    out.push_back(static_cast<char>(ChangelogKeyKind::total));
    out.append(state_key);
}

std::string_view meta_key() {
    return {&kMetaKeyByte, 1};
}

Result<ChangelogKeyKind> changelog_key_kind(std::string_view key) {
    if (key == meta_key()) {
        return ChangelogKeyKind::meta;
    }
    if (key.size() > 1 && key.front() == static_cast<char>(ChangelogKeyKind::total)) {
        return ChangelogKeyKind::total;
    }
    if (key.size() > 1 && key.front() == kElementKeyByte) {
        return ChangelogKeyKind::element;
    }
    if (key.size() > 1 && key.front() == static_cast<char>(ChangelogKeyKind::advance)) {
        return ChangelogKeyKind::advance;
    }
    return bad_record("its key is of no kind that this version knows");
}

void append_total_value(std::string& out, std::uint64_t transaction,
                        std::span<const AggregateKind> kinds, std::span<const Slot> slots,
                        const TextStore* texts, std::optional<bool> published,
                        std::optional<std::uint64_t> number) {
    const std::size_t begin = out.size();
    ByteWriter writer{out};
    writer.u8(kFormat);
    writer.varint(transaction);
    std::uint8_t format = write_slots(writer, kinds, slots, texts);
    if (published) {
        write_published(writer, *published);
        format = kStatementFormat;
    }
    if (number) {
        writer.varint(*number);
        format = kStatementFormat;
    }
    out[begin] = static_cast<char>(format);
    writer.crc_since(begin);
}

Result<std::uint64_t> decode_total_value(std::string_view value,
                                         std::span<const AggregateKind> kinds,
                                         std::vector<Slot>& slots, TextStore* texts,
                                         bool* published, std::uint64_t* number) {
    std::string_view body;
    if (!strip_crc(value, body)) {
        return bad_record("the checksum of a total does not match");
    }
    ByteReader reader{body};
    const std::uint8_t format = reader.u8();
    const bool has_more = published != nullptr || number != nullptr;
    if (has_more ? format != kStatementFormat : !is_known_format(format, kinds)) {
        return bad_record("the format of a total is not one of this job, or of a later version");
    }
    const std::uint64_t transaction = reader.varint();
    if (!read_slots(reader, format, kinds, slots, texts) ||
        (published != nullptr && !read_published(reader, *published))) {
        return bad_record("a total does not have the job's aggregates");
    }
    if (number != nullptr) {
        *number = reader.varint();
    }
    if (!reader.at_end()) {
        return bad_record("a total does not have the job's aggregates");
    }
    return transaction;
}

UInt128 state_entry_hash(std::string_view state_key, std::span<const AggregateKind> kinds,
                         std::span<const Slot> slots, const TextStore* texts,
                         std::optional<bool> published, std::optional<std::uint64_t> number) {
    // The encoded form is the canonical one; the key's length is in front, so no two entries share
    // one text.
    std::string text;
    ByteWriter writer{text};
    writer.text(state_key);
    std::ignore = write_slots(writer, kinds, slots, texts);
    if (published) {
        write_published(writer, *published);
    }
    if (number) {
        writer.varint(*number);
    }
    return stable_hash(text);
}

PartitionId keeper_of_advances(PartitionId source, std::uint32_t state_partitions) {
    return PartitionId{source.value % static_cast<std::int32_t>(state_partitions)};
}

void append_advance_key(std::string& out, const Advance& advance) {
    ByteWriter writer{out};
    writer.u8(static_cast<std::uint8_t>(ChangelogKeyKind::advance));
    writer.varint(static_cast<std::uint64_t>(advance.partition.value));
    writer.varint(static_cast<std::uint64_t>(advance.position.value));
}

void append_advance_value(std::string& out, std::uint64_t transaction, const Advance& advance) {
    const std::size_t begin = out.size();
    ByteWriter writer{out};
    writer.u8(kAdvanceFormat);
    writer.varint(transaction);
    write_time(writer, advance.watermark);
    writer.crc_since(begin);
}

Result<Advance> decode_advance(std::string_view key, std::string_view value) {
    std::string_view body;
    if (!strip_crc(value, body)) {
        return bad_record("the checksum of an advance does not match");
    }
    std::optional<Advance> advance = decode_advance_key(key);
    ByteReader of_value{body};
    const bool known = of_value.u8() == kAdvanceFormat;
    std::ignore = of_value.varint();  // the transaction
    const std::int64_t watermark = read_time(of_value);
    if (!advance || !known || !of_value.at_end() || watermark < 0) {
        return bad_record("an advance does not parse");
    }
    advance->watermark = watermark;
    return *advance;
}

std::optional<Advance> decode_advance_key(std::string_view key) {
    if (changelog_key_kind(key) != ChangelogKeyKind::advance) {
        return std::nullopt;
    }
    ByteReader reader{key.substr(1)};
    const std::uint64_t partition = reader.varint();
    const Offset position{static_cast<std::int64_t>(reader.varint())};
    if (!reader.at_end() || partition > std::numeric_limits<std::int32_t>::max() ||
        position.value < 0) {
        return std::nullopt;
    }
    return Advance{PartitionId{static_cast<std::int32_t>(partition)}, position, kNoTime};
}

UInt128 advance_hash(const Advance& advance) {
    std::string text;
    append_advance_key(text, advance);
    ByteWriter writer{text};
    write_time(writer, advance.watermark);
    return stable_hash(text);
}

void append_meta_value(std::string& out, const StoredForm& form, const Meta& meta) {
    const std::size_t begin = out.size();
    ByteWriter writer{out};
    writer.u8(kFormat);
    write_identity(writer, meta.identity);
    writer.text(meta.spec_text);
    writer.u64(meta.run_id);
    writer.varint(meta.transaction);
    writer.varint(static_cast<std::uint64_t>(meta.repartition_position.value));
    writer.varint(meta.sources.size());
    std::uint8_t format = form.event_time ? kEventTimeFormat : kFormat;
    for (const SourceProgress& source : meta.sources) {
        writer.varint(static_cast<std::uint64_t>(source.partition.value));
        writer.varint(static_cast<std::uint64_t>(source.base.value));
        writer.varint(static_cast<std::uint64_t>(source.applied.value));
        write_counts(writer, form, source.counts);
        write_time(writer, source.watermark);
        if (form.unique) {
            write_horizon(writer, source.horizon);
        }
        format = std::max(format, write_slots(writer, form.kinds, source.slots));
    }
    writer.varint(meta.keys);
    format = std::max(format, write_slots(writer, form.kinds, meta.slots));
    write_hash(writer, meta.state_hash);
    if (has_elements(form.kinds)) {
        writer.varint(meta.last_number);
        format = std::max(format, kStatementFormat);
    }
    if (form.windows) {
        write_time(writer, meta.clock);
        writer.varint(meta.to_close);
        std::ignore = write_slots(writer, form.kinds, meta.retired);
        if (has_elements(form.kinds)) {
            writer.varint(meta.to_sweep);
        }
        writer.varint(meta.advances);
        write_hash(writer, meta.advances_hash);
    }
    if (form.hop) {
        write_time(writer, meta.cursor.end);
        writer.u64(static_cast<std::uint64_t>(meta.cursor.hash >> 64));
        writer.u64(static_cast<std::uint64_t>(meta.cursor.hash));
    }
    out[begin] = static_cast<char>(format);
    writer.crc_since(begin);
}

Result<MetaHead> decode_meta_head(std::string_view value) {
    std::string_view body;
    if (!strip_crc(value, body)) {
        return bad_record("the checksum of meta does not match");
    }
    ByteReader reader{body};
    if (!is_format_of_meta(reader.u8())) {
        return bad_record("the format of meta is not known to this version");
    }
    MetaHead owner;
    const bool has_identity = read_identity(reader, owner.identity);
    owner.spec_text = reader.text();
    if (!has_identity || reader.failed()) {
        return bad_record("meta does not parse");
    }
    return owner;
}

Result<Meta> decode_meta_value(std::string_view value, const StoredForm& form) {
    std::string_view body;
    if (!strip_crc(value, body)) {
        return bad_record("the checksum of meta does not match");
    }
    ByteReader reader{body};
    const std::uint8_t format = reader.u8();
    if (!is_format_of_meta(format)) {
        return bad_record("the format of meta is not known to this version");
    }
    Meta meta;
    if (!read_identity(reader, meta.identity)) {
        return bad_record("meta does not parse");
    }
    meta.spec_text = reader.text();
    meta.run_id = reader.u64();
    meta.transaction = reader.varint();
    meta.repartition_position = Offset{static_cast<std::int64_t>(reader.varint())};
    if (form.event_time != (format == kEventTimeFormat) ||
        !read_sources(reader, format, form, meta.sources)) {
        return fail(ExitCode::identity,
                    fmt::format("the stored totals belong to another job: {}", meta.spec_text),
                    "choose another --application-id and another --output-topic, or run `kstream "
                    "reset`");
    }
    meta.keys = reader.varint();
    const bool slots_ok = read_slots(reader, format, form.kinds, meta.slots);
    meta.state_hash = read_hash(reader);
    const bool numbered = has_elements(form.kinds);
    if (numbered) {
        meta.last_number = reader.varint();
    }
    bool retired_ok = true;
    if (form.windows) {
        meta.clock = read_time(reader);
        meta.to_close = reader.varint();
        retired_ok = read_slots(reader, format, form.kinds, meta.retired) && meta.clock >= kNoTime;
        if (numbered) {
            meta.to_sweep = reader.varint();
        }
        meta.advances = reader.varint();
        meta.advances_hash = read_hash(reader);
    }
    bool cursor_ok = true;
    if (form.hop) {
        meta.cursor.end = read_time(reader);
        meta.cursor.hash = UInt128{reader.u64()} << 64;
        meta.cursor.hash |= reader.u64();
        cursor_ok = meta.cursor.end >= kNoTime;
    }
    if (!slots_ok || !retired_ok || !cursor_ok ||
        (!form.event_time && numbered != (format == kStatementFormat)) || !reader.at_end() ||
        !plausible(meta.sources, form)) {
        return bad_record("meta does not parse");
    }
    return meta;
}

}  // namespace kstream
