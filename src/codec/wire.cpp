#include "kstream/codec/wire.hpp"

namespace kstream {

namespace {

constexpr std::array<std::uint32_t, 256> make_crc_table() {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t i = 0; i < table.size(); ++i) {
        std::uint32_t crc = i;
        for (int bit = 0; bit < 8; ++bit) {
            crc = (crc >> 1) ^ ((crc & 1U) != 0 ? 0x82f63b78U : 0U);
        }
        table[i] = crc;
    }
    return table;
}

constexpr auto kCrcTable = make_crc_table();

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
    std::uint32_t crc = 0xffffffffU;
    for (const char byte : bytes) {
        crc = (crc >> 8) ^ kCrcTable[(crc ^ static_cast<unsigned char>(byte)) & 0xffU];
    }
    return crc ^ 0xffffffffU;
}

bool strip_crc(std::string_view value, std::string_view& body) {
    if (value.size() < 4) {
        return false;
    }
    body = value.substr(0, value.size() - 4);
    return ByteReader{value.substr(body.size())}.u32() == crc32c(body);
}

}  // namespace kstream
