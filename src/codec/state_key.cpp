#include "kstream/codec/state_key.hpp"

#include "kstream/check.hpp"
#include "kstream/codec/wire.hpp"

namespace kstream {

namespace {

constexpr std::uint8_t kNoWindow = 0;
constexpr std::uint8_t kWindow = 1;
constexpr std::uint8_t kSession = 2;
constexpr std::size_t kStartBytes = sizeof(std::uint64_t);
constexpr std::uint64_t kTimeZero = std::uint64_t{1} << 63;

void write_values(ByteWriter& writer, const GroupKey& group) {
    for (const GroupValue& value : group.values) {
        writer.u8(static_cast<std::uint8_t>(value.type));
        writer.text(value.text);
    }
}

void write_key(const GroupKey& group, std::uint8_t kind, std::int64_t start, std::string& out) {
    out.clear();
    ByteWriter writer{out};
    write_values(writer, group);
    writer.u8(kind);
    writer.u64(static_cast<std::uint64_t>(start) ^ kTimeZero);
}

std::int64_t read_start(ByteReader& reader) {
    return static_cast<std::int64_t>(reader.u64() ^ kTimeZero);
}

}  // namespace

void encode_state_key(const GroupKey& group, std::string& out) {
    if (group.window_start) {
        write_key(group, group.is_session ? kSession : kWindow, *group.window_start, out);
        return;
    }
    out.clear();
    ByteWriter writer{out};
    write_values(writer, group);
    writer.u8(kNoWindow);
}

void encode_state_key(const GroupKey& group, std::int64_t window_start, std::string& out) {
    write_key(group, kWindow, window_start, out);
}

void encode_session_key(const GroupKey& group, std::int64_t first, std::string& out) {
    write_key(group, kSession, first, out);
}

bool decode_state_key(std::string_view key, const KeyShape& shape, GroupKey& group) {
    group.values.clear();
    group.window_start.reset();
    group.is_session = shape.sessions;
    ByteReader reader{key};
    for (std::size_t i = 0; i < shape.fields; ++i) {
        const std::uint8_t type = reader.u8();
        if (type != 's' && type != 'n' && type != 'b') {
            return false;
        }
        GroupValue& value = group.values.emplace_back();
        value.type = static_cast<GroupValueType>(type);
        value.text = reader.text();
    }
    if (reader.u8() != (shape.sessions ? kSession : shape.windows ? kWindow : kNoWindow)) {
        return false;
    }
    if (shape.windows) {
        group.window_start = read_start(reader);
    }
    return reader.at_end();
}

std::int64_t window_start_of(std::string_view state_key) {
    KSTREAM_CHECK(state_key.size() > kStartBytes, "a key of a job with windows");
    ByteReader reader{state_key.substr(state_key.size() - kStartBytes)};
    return read_start(reader);
}

std::string_view group_part_of(std::string_view state_key) {
    KSTREAM_CHECK(state_key.size() > kStartBytes, "a key of a job with windows");
    return state_key.substr(0, state_key.size() - kStartBytes - 1);
}

}  // namespace kstream
