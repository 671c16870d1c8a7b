// Bytes in and out: the ground under every stored format.
#include "kstream/codec/wire.hpp"

#include "support/fakes/seeded.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace kstream {
namespace {

constexpr auto kMax = static_cast<Int128>(~UInt128{0} >> 1);  // 2^127 - 1
constexpr Int128 kMin = -kMax - 1;

std::string bytes(std::initializer_list<int> list) {
    std::string text;
    for (const int byte : list) {
        text.push_back(static_cast<char>(byte));
    }
    return text;
}

template <typename Write>
std::string written(Write write) {
    std::string out;
    ByteWriter writer{out};
    write(writer);
    return out;
}

std::string varint(UInt128 v) {
    return written([v](ByteWriter& w) { w.varint128(v); });
}

std::string zigzag(Int128 v) {
    return written([v](ByteWriter& w) { w.zigzag128(v); });
}

}  // namespace

TEST_CASE("CRC-32C gives the values of RFC 3720") {
    std::string rising;
    std::string falling;
    for (int i = 0; i < 32; ++i) {
        rising.push_back(static_cast<char>(i));
        falling.push_back(static_cast<char>(31 - i));
    }
    CHECK(crc32c(std::string(32, '\0')) == 0x8a9136aaU);
    CHECK(crc32c(std::string(32, '\xff')) == 0x62a8ab43U);
    CHECK(crc32c(rising) == 0x46dd794eU);
    CHECK(crc32c(falling) == 0x113fdb5cU);
    CHECK(crc32c("123456789") == 0xe3069283U);
    CHECK(crc32c("") == 0U);
}

TEST_CASE("CRC-32C of any length is that of the definition, a bit at a time") {
    std::string text;
    for (int size = 0; size < 70; ++size) {
        std::uint32_t crc = 0xffffffffU;
        for (const char byte : text) {
            crc ^= static_cast<unsigned char>(byte);
            for (int bit = 0; bit < 8; ++bit) {
                crc = (crc >> 1) ^ ((crc & 1U) != 0 ? 0x82f63b78U : 0U);
            }
        }
        CHECK(crc32c(text) == (crc ^ 0xffffffffU));
        text.push_back(static_cast<char>(size * 37 + 11));
    }
}

TEST_CASE("fixed-width integers are big endian") {
    CHECK(written([](ByteWriter& w) { w.u32(0x01020304U); }) == bytes({1, 2, 3, 4}));
    CHECK(written([](ByteWriter& w) { w.u64(0x0102030405060708U); }) ==
          bytes({1, 2, 3, 4, 5, 6, 7, 8}));
    const std::string text = bytes({0xff, 0xfe, 0xfd, 0xfc, 0, 0, 0, 0, 0, 0, 0, 0x80});
    ByteReader reader{text};
    CHECK(reader.u32() == 0xfffefdfcU);
    CHECK(reader.u64() == 0x80U);
    CHECK(reader.at_end());
}

TEST_CASE("varints and zigzags have protobuf's bytes") {
    CHECK(varint(0) == bytes({0}));
    CHECK(varint(127) == bytes({0x7f}));
    CHECK(varint(128) == bytes({0x80, 1}));
    CHECK(varint(300) == bytes({0xac, 2}));
    CHECK(varint(0xffffffffffffffffU).size() == 10);
    CHECK(varint(~UInt128{0}).size() == 19);
    CHECK(zigzag(0) == bytes({0}));
    CHECK(zigzag(-1) == bytes({1}));
    CHECK(zigzag(1) == bytes({2}));
    CHECK(zigzag(-2) == bytes({3}));
    CHECK(zigzag(kMax).size() == 19);
    CHECK(zigzag(kMin).size() == 19);
}

TEST_CASE("every number comes back as it went in") {
    std::vector<UInt128> numbers{~UInt128{0}, UInt128{1} << 127, UInt128{1} << 64};
    for (int bit = 0; bit < 128; ++bit) {
        numbers.push_back(UInt128{1} << bit);
        numbers.push_back((UInt128{1} << bit) - 1);
    }
    testing::Seeded random{5};
    for (int i = 0; i < 1000; ++i) {
        const auto shift = static_cast<int>(random.below(128));
        numbers.push_back(((UInt128{random.word()} << 64) | random.word()) >> shift);
    }
    for (const UInt128 number : numbers) {
        const std::string plain = varint(number);
        ByteReader reader{plain};
        REQUIRE(reader.varint128() == number);
        REQUIRE(reader.at_end());
        const auto value = static_cast<Int128>(number);
        for (const Int128 signed_value : {value, ~value}) {
            const std::string zigzagged = zigzag(signed_value);
            ByteReader signed_reader{zigzagged};
            REQUIRE(signed_reader.zigzag128() == signed_value);
            REQUIRE(signed_reader.at_end());
        }
        if (number >> 64 == 0) {
            ByteReader narrow{plain};
            REQUIRE(narrow.varint() == static_cast<std::uint64_t>(number));
        }
    }
}

TEST_CASE("a varint that does not fit its type is malformed") {
    const std::string too_wide = varint(UInt128{1} << 64);
    ByteReader narrow{too_wide};
    CHECK(narrow.varint() == 0);
    CHECK(narrow.failed());

    // 19 bytes hold 133 bits: the last may only be 3.
    std::string past = varint(~UInt128{0});
    REQUIRE(past.back() == 3);
    past.back() = 4;
    ByteReader wide{past};
    CHECK(wide.varint128() == 0);
    CHECK(wide.failed());

    const std::string endless(40, '\x80');
    ByteReader never{endless};
    CHECK(never.varint128() == 0);
    CHECK(never.failed());
}

TEST_CASE("texts carry their length") {
    const std::string out = written([](ByteWriter& w) {
        w.text("abc");
        w.text("");
        w.raw("x");
    });
    CHECK(out == "\x03" + std::string{"abc"} + '\0' + "x");
    ByteReader reader{out};
    CHECK(reader.text() == "abc");
    CHECK(reader.text().empty());
    CHECK(reader.left() == 1);
    CHECK_FALSE(reader.at_end());
    CHECK(reader.raw(1) == "x");
    CHECK(reader.at_end());
}

TEST_CASE("a length beyond the end fails, also the largest") {
    for (const UInt128 length :
         {UInt128{4}, UInt128{1} << 32, (UInt128{1} << 63) + 3, (UInt128{1} << 64) - 1}) {
        const std::string text = varint(length) + "abc";
        ByteReader reader{text};
        CHECK(reader.text().empty());
        CHECK(reader.failed());
    }
}

TEST_CASE("after a failed read everything is zero and nothing succeeds any more") {
    const std::string text = bytes({1, 2, 3});
    ByteReader reader{text};
    CHECK(reader.u32() == 0);
    CHECK(reader.failed());
    CHECK(reader.left() == 0);
    CHECK_FALSE(reader.at_end());
    CHECK(reader.u8() == 0);
    CHECK(reader.u64() == 0);
    CHECK(reader.varint() == 0);
    CHECK(reader.zigzag128() == 0);
    CHECK(reader.text().empty());
    CHECK(reader.raw(0).empty());
    CHECK(reader.topic_id() == TopicId{});
    CHECK(reader.failed());
}

TEST_CASE("reads at the very end fail for every kind of value") {
    const auto fails = [](auto read) {
        ByteReader reader{std::string_view{}};
        read(reader);
        return reader.failed();
    };
    CHECK(fails([](ByteReader& r) { (void)r.u8(); }));
    CHECK(fails([](ByteReader& r) { (void)r.u32(); }));
    CHECK(fails([](ByteReader& r) { (void)r.u64(); }));
    CHECK(fails([](ByteReader& r) { (void)r.varint(); }));
    CHECK(fails([](ByteReader& r) { (void)r.zigzag128(); }));
    CHECK(fails([](ByteReader& r) { (void)r.text(); }));
    CHECK(fails([](ByteReader& r) { (void)r.raw(1); }));
    CHECK(fails([](ByteReader& r) { (void)r.topic_id(); }));
    CHECK_FALSE(fails([](ByteReader& r) { (void)r.raw(0); }));
}

TEST_CASE("topic ids are sixteen bytes as they are") {
    TopicId id;
    for (std::size_t i = 0; i < id.bytes.size(); ++i) {
        id.bytes[i] = static_cast<std::uint8_t>(0xf0 + i);
    }
    const std::string out = written([&id](ByteWriter& w) { w.topic_id(id); });
    CHECK(out.size() == 16);
    ByteReader reader{out};
    CHECK(reader.topic_id() == id);
    CHECK(reader.at_end());
}

TEST_CASE("a checksum covers what was written since its beginning and nothing before") {
    std::string out = "before";
    ByteWriter writer{out};
    const std::size_t begin = out.size();
    writer.raw("body");
    writer.crc_since(begin);
    std::string_view body;
    REQUIRE(strip_crc(std::string_view{out}.substr(begin), body));
    CHECK(body == "body");
    CHECK_FALSE(strip_crc(out, body));
}

TEST_CASE("every flipped bit and every missing byte breaks a checksum") {
    std::string value;
    ByteWriter writer{value};
    writer.raw("some bytes that matter");
    writer.crc_since(0);
    std::string_view body;
    REQUIRE(strip_crc(value, body));
    for (std::size_t size = 0; size < value.size(); ++size) {
        CHECK_FALSE(strip_crc(std::string_view{value}.substr(0, size), body));
    }
    for (std::size_t at = 0; at < value.size(); ++at) {
        for (int bit = 0; bit < 8; ++bit) {
            std::string damaged = value;
            damaged[at] = static_cast<char>(damaged[at] ^ (1 << bit));
            CHECK_FALSE(strip_crc(damaged, body));
        }
    }
}

TEST_CASE("an empty body with its checksum is whole") {
    std::string value;
    ByteWriter{value}.crc_since(0);
    std::string_view body = "x";
    CHECK(strip_crc(value, body));
    CHECK(body.empty());
}

}  // namespace kstream
