#include "kstream/codec/state_key.hpp"

#include "kstream/codec/wire.hpp"

namespace kstream {

namespace {

constexpr std::uint8_t kNoWindow = 0;

}  // namespace

void encode_state_key(const GroupKey& group, std::string& out) {
    out.clear();
    ByteWriter writer{out};
    for (const GroupValue& value : group.values) {
        writer.u8(static_cast<std::uint8_t>(value.type));
        writer.text(value.text);
    }
    writer.u8(kNoWindow);
}

bool decode_state_key(std::string_view key, std::size_t fields, GroupKey& group) {
    group.values.clear();
    ByteReader reader{key};
    for (std::size_t i = 0; i < fields; ++i) {
        const std::uint8_t type = reader.u8();
        if (type != 's' && type != 'n' && type != 'b') {
            return false;
        }
        group.values.push_back({static_cast<GroupValueType>(type), reader.text()});
    }
    return reader.u8() == kNoWindow && reader.at_end();
}

}  // namespace kstream
