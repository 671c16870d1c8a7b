#include "kstream/codec/element.hpp"

#include "kstream/codec/sha256.hpp"
#include "kstream/codec/wire.hpp"
#include "kstream/core/stable_hash.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>

namespace kstream {

namespace {

constexpr std::uint8_t kElementFormat = 1;
constexpr std::size_t kBytes = 16;
constexpr std::size_t kShort = kBytes - 1;  // after its length
constexpr std::uint8_t kHashed = 0x80;

using Bytes = std::array<char, kBytes>;

std::unexpected<Error> bad_element(std::string_view what) {
    return fail(ExitCode::integrity, fmt::format("changelog record of an element: {}", what),
                "another writer used this topic, or it was damaged: run `kstream audit`, then "
                "reset the application");
}

// Between a word and its 8 bytes, big endian. For each input of a set of each record.
std::uint64_t turned(std::uint64_t word) {
    return std::endian::native == std::endian::little ? std::byteswap(word) : word;
}

Element packed(const Bytes& bytes) {
    const auto words = std::bit_cast<std::array<std::uint64_t, 2>>(bytes);
    return {turned(words[0]), turned(words[1])};
}

// Type and text of a short one, else the bytes of its hash.
std::string_view stored(const Element& element, Bytes& buffer) {
    buffer = std::bit_cast<Bytes>(std::array{turned(element.high), turned(element.low)});
    const auto size = static_cast<std::uint8_t>(buffer[0]);
    const std::string_view all{buffer.data(), buffer.size()};
    return (size & kHashed) != 0 ? all : all.substr(1, size);
}

bool is_stored(std::string_view bytes) {
    if (bytes.size() == kBytes) {
        return (static_cast<std::uint8_t>(bytes.front()) & kHashed) != 0;
    }
    return !bytes.empty() && bytes.size() <= kShort &&
           (bytes.front() == 's' || bytes.front() == 'n' || bytes.front() == 'b');
}

// Precondition: is_stored(bytes).
Element element_from(std::string_view bytes) {
    Bytes buffer{};
    auto at = buffer.begin();
    if (bytes.size() < kBytes) {
        *at++ = static_cast<char>(bytes.size());
    }
    std::ranges::copy(bytes, at);
    return packed(buffer);
}

void write_owner(ByteWriter& writer, ElementOwner owner) {
    writer.u8(static_cast<std::uint8_t>(kElementKeyByte));
    writer.varint(owner.number());
    writer.u8(owner.accumulator());
}

bool read_owner(ByteReader& reader, ElementOwner& owner) {
    const std::uint8_t kind = reader.u8();
    const std::uint64_t number = reader.varint();
    owner = ElementOwner{number, reader.u8()};
    return !reader.failed() && kind == static_cast<std::uint8_t>(kElementKeyByte) &&
           number <= ElementOwner::kMaxNumber;
}

}  // namespace

Element element_of(const GroupValue& value) {
    if (value.text.size() < kShort) {
        Bytes bytes{static_cast<char>(1 + value.text.size()), static_cast<char>(value.type)};
        std::ranges::copy(value.text, bytes.begin() + 2);
        return packed(bytes);
    }
    std::string whole(1, static_cast<char>(value.type));
    whole += value.text;
    const std::array<std::uint8_t, 32> digest = sha256(whole);
    Bytes bytes;
    std::copy_n(digest.begin(), kBytes, bytes.begin());
    bytes[0] = static_cast<char>(digest[0] | kHashed);
    return packed(bytes);
}

void append_element_key(std::string& out, const OwnedElement& element) {
    ByteWriter writer{out};
    write_owner(writer, element.owner);
    Bytes buffer;
    writer.raw(stored(element.element, buffer));
}

Result<OwnedElement> decode_element_key(std::string_view key) {
    ByteReader reader{key};
    OwnedElement element;
    if (!read_owner(reader, element.owner)) {
        return bad_element("its key does not say whose it is");
    }
    const std::string_view bytes = reader.raw(reader.left());
    if (!is_stored(bytes)) {
        return bad_element("its key has no value that this version knows");
    }
    element.element = element_from(bytes);
    return element;
}

Result<ElementOwner> decode_element_owner(std::string_view key) {
    ByteReader reader{key};
    ElementOwner owner;
    if (!read_owner(reader, owner)) {
        return bad_element("its key does not say whose it is");
    }
    return owner;
}

void append_value_key(std::string& out, ElementOwner owner, Int128 value) {
    ByteWriter writer{out};
    write_owner(writer, owner);
    writer.zigzag128(value);
}

Result<OwnedValue> decode_value_key(std::string_view key) {
    ByteReader reader{key};
    OwnedValue value;
    if (!read_owner(reader, value.owner)) {
        return bad_element("its key does not say whose it is");
    }
    value.value = reader.zigzag128();
    if (!reader.at_end()) {
        return bad_element("its key has no value that this version knows");
    }
    return value;
}

void append_element_value(std::string& out, std::uint64_t transaction, std::uint64_t count) {
    const std::size_t begin = out.size();
    ByteWriter writer{out};
    writer.u8(kElementFormat);
    writer.varint(transaction);
    writer.varint(count);
    writer.crc_since(begin);
}

Result<ElementCount> decode_element_value(std::string_view value) {
    std::string_view body;
    if (!strip_crc(value, body)) {
        return bad_element("its checksum does not match");
    }
    ByteReader reader{body};
    if (reader.u8() != kElementFormat) {
        return bad_element("its format is not known to this version");
    }
    ElementCount found;
    found.transaction = reader.varint();
    found.count = reader.varint();
    if (!reader.at_end() || found.count == 0) {
        return bad_element("it does not parse");
    }
    return found;
}

UInt128 element_hash(std::string_view changelog_key, std::uint64_t count) {
    std::string text;
    ByteWriter writer{text};
    writer.text(changelog_key);
    writer.varint(count);
    return stable_hash(text);
}

void write_elements(ByteWriter& writer, const std::vector<Element>& elements) {
    writer.varint(elements.size());
    Bytes buffer;
    for (const Element& element : elements) {
        writer.text(stored(element, buffer));
    }
}

bool read_elements(ByteReader& reader, std::vector<Element>& elements) {
    for (std::uint64_t left = reader.varint(); left > 0 && !reader.failed(); --left) {
        const std::string_view bytes = reader.text();
        if (!is_stored(bytes)) {
            return false;
        }
        elements.push_back(element_from(bytes));
    }
    return !reader.failed();
}

void write_values(ByteWriter& writer, const std::vector<CountedValue>& values) {
    writer.varint(values.size());
    for (const CountedValue& value : values) {
        writer.zigzag128(value.value);
        writer.varint(value.count);
    }
}

bool read_values(ByteReader& reader, std::vector<CountedValue>& values) {
    for (std::uint64_t left = reader.varint(); left > 0 && !reader.failed(); --left) {
        const Int128 value = reader.zigzag128();
        const std::uint64_t count = reader.varint();
        if (count == 0) {
            return false;
        }
        values.push_back({value, count});
    }
    return !reader.failed();
}

}  // namespace kstream
