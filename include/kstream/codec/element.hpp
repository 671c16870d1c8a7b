// Members of sets and multisets as they are stored: in a changelog record each, and in lists in a
// delta. docs/adr/0053-what-a-key-keeps.md says why.
#pragma once

#include "kstream/core/element.hpp"
#include "kstream/error.hpp"
#include "kstream/model/group_key.hpp"
#include "kstream/model/int128.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace kstream {

// A value as 16 bytes: type and text where they are 15 bytes or less, after their length; else
// their SHA-256, cut to 16 bytes, with the top bit set, which no length has. So 127 bits stand
// between two values that somebody has chosen. A time is the number of its milliseconds.
[[nodiscard]] Element element_of(const GroupValue& value);

// The changelog key of an element. Its first byte is no kind of a record without elements.
inline constexpr char kElementKeyByte = 2;
void append_element_key(std::string& out, const OwnedElement& element);
[[nodiscard]] Result<OwnedElement> decode_element_key(std::string_view key);
// Whose it is, of a set or a multiset: the accumulator's kind says which of the two it is.
[[nodiscard]] Result<ElementOwner> decode_element_owner(std::string_view key);
// The same of a value of a multiset.
void append_value_key(std::string& out, ElementOwner owner, Int128 value);
struct OwnedValue {
    ElementOwner owner;
    Int128 value = 0;
    friend bool operator==(const OwnedValue&, const OwnedValue&) = default;
};
[[nodiscard]] Result<OwnedValue> decode_value_key(std::string_view key);

// What a changelog record of an element says: how often it is there, 1 in a set.
void append_element_value(std::string& out, std::uint64_t transaction, std::uint64_t count);
struct ElementCount {
    std::uint64_t transaction = 0;
    std::uint64_t count = 0;
    friend bool operator==(const ElementCount&, const ElementCount&) = default;
};
[[nodiscard]] Result<ElementCount> decode_element_value(std::string_view value);

// What a record of an element adds to the state hash.
[[nodiscard]] UInt128 element_hash(std::string_view changelog_key, std::uint64_t count);

class ByteWriter;
class ByteReader;

// The elements of one set, and the values of one multiset, in a delta.
struct CountedValue {
    Int128 value = 0;
    std::uint64_t count = 0;
    friend bool operator==(const CountedValue&, const CountedValue&) = default;
};
void write_elements(ByteWriter& writer, const std::vector<Element>& elements);
void write_values(ByteWriter& writer, const std::vector<CountedValue>& values);
// Appends. False: what stands there no writer has written.
[[nodiscard]] bool read_elements(ByteReader& reader, std::vector<Element>& elements);
[[nodiscard]] bool read_values(ByteReader& reader, std::vector<CountedValue>& values);
// The most bytes that one takes in a list.
inline constexpr std::size_t kMaxListedBytes = 19 + 10;

}  // namespace kstream
