#include "kstream/codec/wire.hpp"

namespace kstream {

namespace {

// Eight bytes at a time ("slicing by 8", Kounavis and Berry, 2005): kCrcTables[i] has the effect of
// a byte with i more after it. State is read back through this, a record at a time.
constexpr std::size_t kSlices = 8;
using CrcTables = std::array<std::array<std::uint32_t, 256>, kSlices>;

constexpr CrcTables make_crc_tables() {
    CrcTables tables{};
    for (std::uint32_t i = 0; i < 256; ++i) {
        std::uint32_t crc = i;
        for (int bit = 0; bit < 8; ++bit) {
            crc = (crc >> 1) ^ ((crc & 1U) != 0 ? 0x82f63b78U : 0U);
        }
        tables[0][i] = crc;
    }
    for (std::size_t slice = 1; slice < kSlices; ++slice) {
        for (std::size_t i = 0; i < 256; ++i) {
            const std::uint32_t before = tables[slice - 1][i];
            tables[slice][i] = (before >> 8) ^ tables[0][before & 0xffU];
        }
    }
    return tables;
}

constexpr CrcTables kCrcTables = make_crc_tables();

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
    const auto byte_at = [&bytes](std::size_t i) {
        return static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[i]));
    };
    std::uint32_t crc = 0xffffffffU;
    while (bytes.size() >= kSlices) {
        std::uint32_t next = 0;
        for (std::size_t i = 0; i < kSlices; ++i) {
            const std::uint32_t of_crc = i < 4 ? crc >> (8 * i) : 0;
            next ^= kCrcTables[kSlices - 1 - i][(byte_at(i) ^ of_crc) & 0xffU];
        }
        crc = next;
        bytes.remove_prefix(kSlices);
    }
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        crc = (crc >> 8) ^ kCrcTables[0][(crc ^ byte_at(i)) & 0xffU];
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
