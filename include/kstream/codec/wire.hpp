// Bytes in and out, for all of kstream's own formats: fixed-width integers big endian, varints
// little-endian base 128 as protobuf has them, signed ones zigzag, strings length-prefixed.
// docs/PROTOCOL.md describes every format byte by byte in these terms.
#pragma once

#include "kstream/model/ids.hpp"
#include "kstream/model/int128.hpp"
#include "kstream/model/int192.hpp"

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace kstream {

// CRC-32C (Castagnoli), as RFC 3720 and Kafka's own record batches use it.
[[nodiscard]] std::uint32_t crc32c(std::string_view bytes);

class ByteWriter {
public:
    explicit ByteWriter(std::string& out) : out_(out) {}

    void u8(std::uint8_t v) { out_.push_back(static_cast<char>(v)); }
    void u32(std::uint32_t v) { fixed(v, 4); }
    void u64(std::uint64_t v) { fixed(v, 8); }
    void varint(std::uint64_t v) { varint128(v); }
    // Written in a place of its own first: a million keys are written byte by byte otherwise, with
    // a look at the string's capacity for each.
    void varint128(UInt128 v) {
        std::array<char, 19> bytes;
        std::size_t size = 0;
        while (v >= 0x80) {
            bytes[size++] = static_cast<char>(static_cast<std::uint8_t>(v) | 0x80U);
            v >>= 7;
        }
        bytes[size++] = static_cast<char>(static_cast<std::uint8_t>(v));
        out_.append(bytes.data(), size);
    }
    void zigzag128(Int128 v) {
        varint128((static_cast<UInt128>(v) << 1) ^ static_cast<UInt128>(v >> 127));
    }
    void i192(const Int192& v) {
        u64(static_cast<std::uint64_t>(v.high));
        u64(v.middle);
        u64(v.low);
    }
    void raw(std::string_view bytes) { out_.append(bytes); }
    void text(std::string_view bytes) {
        varint(bytes.size());
        raw(bytes);
    }
    void topic_id(const TopicId& id) {
        out_.append(reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size());
    }
    // Ends a value: the CRC of everything that was written since `begin`.
    void crc_since(std::size_t begin) { u32(crc32c(std::string_view{out_}.substr(begin))); }

private:
    void fixed(std::uint64_t v, int width) {
        for (int shift = 8 * (width - 1); shift >= 0; shift -= 8) {
            u8(static_cast<std::uint8_t>(v >> shift));
        }
    }
    std::string& out_;
};

// Reads what ByteWriter wrote. After the first read past the end, or a malformed varint, failed()
// is true, every read gives zero, and nothing is read out of bounds; so a decoder checks once.
class ByteReader {
public:
    explicit ByteReader(std::string_view bytes) : bytes_(bytes) {}

    [[nodiscard]] bool failed() const { return failed_; }
    [[nodiscard]] bool at_end() const { return !failed_ && at_ == bytes_.size(); }
    [[nodiscard]] std::size_t left() const { return failed_ ? 0 : bytes_.size() - at_; }
    void fail() { failed_ = true; }

    std::uint8_t u8() {
        if (left() == 0) {
            failed_ = true;
            return 0;
        }
        return static_cast<std::uint8_t>(bytes_[at_++]);
    }
    std::uint32_t u32() { return static_cast<std::uint32_t>(fixed(4)); }
    std::uint64_t u64() { return fixed(8); }
    std::uint64_t varint() {
        const UInt128 v = varint128();
        if (v > 0xffffffffffffffffULL) {
            failed_ = true;
            return 0;
        }
        return static_cast<std::uint64_t>(v);
    }
    UInt128 varint128() {
        // Nine bytes are 63 bits, which nearly all numbers have: without arithmetic of 128 bits.
        std::uint64_t low = 0;
        int shift = 0;
        for (; shift < 63; shift += 7) {
            const std::uint8_t byte = u8();
            low |= static_cast<std::uint64_t>(byte & 0x7fU) << shift;
            if ((byte & 0x80U) == 0) {
                return failed_ ? 0 : low;
            }
        }
        UInt128 v = low;
        for (; shift < 133; shift += 7) {
            const std::uint8_t byte = u8();
            if (shift == 126 && byte > 0x03) {
                break;  // would not fit 128 bits
            }
            v |= static_cast<UInt128>(byte & 0x7fU) << shift;
            if ((byte & 0x80U) == 0) {
                return failed_ ? 0 : v;
            }
        }
        failed_ = true;
        return 0;
    }
    Int128 zigzag128() {
        const UInt128 v = varint128();
        return static_cast<Int128>(v >> 1) ^ -static_cast<Int128>(v & 1);
    }
    Int192 i192() {
        const auto high = static_cast<std::int64_t>(u64());
        const std::uint64_t middle = u64();
        const std::uint64_t low = u64();
        return failed_ ? Int192{} : Int192{low, middle, high};
    }
    std::string_view raw(std::size_t size) {
        if (left() < size) {
            failed_ = true;
            return {};
        }
        const std::string_view view = bytes_.substr(at_, size);
        at_ += size;
        return view;
    }
    std::string_view text() {
        const std::uint64_t size = varint();
        return raw(failed_ ? 0 : static_cast<std::size_t>(size));
    }
    TopicId topic_id() {
        TopicId id;
        const std::string_view view = raw(id.bytes.size());
        if (!failed_) {
            std::memcpy(id.bytes.data(), view.data(), id.bytes.size());
        }
        return id;
    }

private:
    std::uint64_t fixed(int width) {
        std::uint64_t v = 0;
        for (int i = 0; i < width; ++i) {
            v = (v << 8) | u8();
        }
        return failed_ ? 0 : v;
    }
    std::string_view bytes_;
    std::size_t at_ = 0;
    bool failed_ = false;
};

// Splits a value that ends with its CRC into the bytes before it; failed when too short or wrong.
[[nodiscard]] bool strip_crc(std::string_view value, std::string_view& body);

}  // namespace kstream
