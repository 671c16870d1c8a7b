#include "kstream/audit/base_file.hpp"

#include "kstream/codec/element.hpp"
#include "kstream/codec/wire.hpp"
#include "kstream/core/stable_hash.hpp"

#include <fmt/format.h>

#include <utility>

namespace kstream::audit {

namespace {

constexpr std::uint8_t kEnd = 0;
constexpr std::uint8_t kMeta = 1;
constexpr std::uint8_t kTotal = 2;

std::unexpected<Error> damaged(std::string what) {
    return fail(ExitCode::cannot_tell, "the base file is damaged: " + std::move(what),
                "use another file that --save-base has written, or audit without --base");
}

}  // namespace

void BaseWriter::frame(std::string& out) {
    ByteWriter{out}.u32(static_cast<std::uint32_t>(frame_.size()));
    out.append(frame_);
    ++frames_;
    sum_ += stable_hash(frame_);
}

void BaseWriter::meta(std::string& out, std::uint32_t state_partition, const Meta& meta) {
    frame_.clear();
    ByteWriter writer{frame_};
    writer.u8(kMeta);
    writer.varint(state_partition);
    append_meta_value(frame_, job_.form(), meta);
    frame(out);
}

void BaseWriter::total(std::string& out, std::string_view state_key, std::uint64_t transaction,
                       const Row& row) {
    frame_.clear();
    ByteWriter writer{frame_};
    writer.u8(kTotal);
    writer.text(state_key);
    for (const std::set<Element>& set : row.sets) {
        write_elements(writer, {set.begin(), set.end()});
    }
    for (const auto& values : row.multisets) {
        std::vector<CountedValue> list;
        for (const auto& [value, count] : values) {
            list.push_back({value, count});
        }
        write_values(writer, list);
    }
    const StoredRow stored{job_.kinds, row};
    append_total_value(frame_, transaction, job_.kinds, stored.slots, &stored.texts);
    frame(out);
}

// Not const: nothing may follow it.
// NOLINTNEXTLINE(readability-make-member-function-const)
void BaseWriter::end(std::string& out) {
    std::string last;
    ByteWriter writer{last};
    writer.u8(kEnd);
    writer.u64(frames_);
    writer.u64(static_cast<std::uint64_t>(sum_ >> 64));
    writer.u64(static_cast<std::uint64_t>(sum_));
    ByteWriter{out}.u32(static_cast<std::uint32_t>(last.size()));
    out.append(last);
}

Result<BaseReader::Frame> BaseReader::take(std::string_view frame) {
    ByteReader reader{frame};
    const std::uint8_t kind = reader.u8();
    if (kind == kEnd) {
        const std::uint64_t frames = reader.u64();
        const std::uint64_t high = reader.u64();
        const std::uint64_t low = reader.u64();
        if (!reader.at_end() || frames != frames_ || ((UInt128{high} << 64) | low) != sum_) {
            return damaged("its end does not match its content");
        }
        return Frame::end;
    }
    ++frames_;
    sum_ += stable_hash(frame);
    if (kind == kMeta) {
        const std::uint64_t q = reader.varint();
        Result<Meta> meta = decode_meta_value(reader.raw(reader.left()), job_.form());
        if (!meta && meta.error().exit_code == ExitCode::identity) {
            return std::unexpected(std::move(meta.error()));
        }
        if (!meta || reader.failed() || q >= metas_.size()) {
            return damaged(fmt::format("frame {} is no meta of this job", frames_));
        }
        metas_[q] = std::move(*meta);
        return Frame::meta;
    }
    total_.state_key = reader.text();
    std::vector<std::set<Element>> sets(Row{job_.kinds}.sets.size());
    bool sets_ok = true;
    for (std::set<Element>& set : sets) {
        std::vector<Element> elements;
        sets_ok = sets_ok && read_elements(reader, elements);
        set.insert(elements.begin(), elements.end());
    }
    std::vector<std::map<Int128, std::uint64_t>> multisets(sets.size());
    for (auto& values : multisets) {
        std::vector<CountedValue> list;
        sets_ok = sets_ok && read_values(reader, list);
        for (const CountedValue& one : list) {
            values[one.value] = one.count;
        }
    }
    std::vector<Slot> slots;
    TextStore texts;
    if (kind != kTotal || !sets_ok || reader.failed() ||
        !decode_total_value(reader.raw(reader.left()), job_.kinds, slots, &texts)) {
        return damaged(fmt::format("frame {} is no total of this job", frames_));
    }
    total_.row = Row{job_.kinds, slots, texts};
    total_.row.sets = std::move(sets);
    total_.row.multisets = std::move(multisets);
    return Frame::total;
}

}  // namespace kstream::audit
