// Members of sets as they are stored: the golden files, equality, and what is refused.
#include "kstream/codec/element.hpp"

#include "kstream/codec/wire.hpp"
#include "support/fakes/golden.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kstream {
namespace {

using testing::golden_bytes;
using testing::hex;

constexpr auto kMax = static_cast<Int128>(~UInt128{0} >> 1);
constexpr Int128 kMin = -kMax - 1;
const std::string kLong = "a value that does not fit 14 bytes";

Element string(std::string_view text) {
    return element_of({GroupValueType::string, text});
}

std::string key_of(const OwnedElement& element) {
    std::string key;
    append_element_key(key, element);
    return key;
}

}  // namespace

TEST_CASE("golden: elements in the changelog", "[golden]") {
    const ElementOwner owner{300, 2};
    for (const auto& [name, element] :
         {std::pair{"changelog_element_key.hex", OwnedElement{owner, string("u-17")}},
          std::pair{"changelog_element_key_hashed.hex", OwnedElement{owner, string(kLong)}}}) {
        const std::string bytes = golden_bytes(name);
        CHECK(hex(key_of(element)) == hex(bytes));
        CHECK(decode_element_key(bytes) == element);
    }
    const std::string bytes = golden_bytes("changelog_element_value_1.hex");
    std::string value;
    append_element_value(value, 4711, 3);
    CHECK(hex(value) == hex(bytes));
    CHECK(decode_element_value(bytes) == ElementCount{4711, 3});
}

TEST_CASE("golden: lists of elements and values", "[golden]") {
    const std::vector<Element> elements{element_of({GroupValueType::number, "1"}), string("u-17"),
                                        string(kLong)};
    std::string written;
    ByteWriter writer{written};
    write_elements(writer, elements);
    CHECK(hex(written) == hex(golden_bytes("element_list.hex")));
    ByteReader reader{written};
    std::vector<Element> read;
    CHECK(read_elements(reader, read));
    CHECK(reader.at_end());
    CHECK(read == elements);

    const std::vector<CountedValue> values{{-5, 2}, {Int128{1} << 100, 1}};
    std::string counted;
    ByteWriter other{counted};
    write_values(other, values);
    CHECK(hex(counted) == hex(golden_bytes("value_list.hex")));
    ByteReader again{counted};
    std::vector<CountedValue> read_again;
    CHECK(read_values(again, read_again));
    CHECK(again.at_end());
    CHECK(read_again == values);
}

TEST_CASE("two values are one element if and only if type and text are equal") {
    std::vector<Element> all;
    for (std::size_t size = 0; size < 40; ++size) {
        all.push_back(string(std::string(size, 'x')));
        all.push_back(string(std::string(size, '\0')));
        all.push_back(element_of({GroupValueType::number, std::string(size, '1')}));
        if (size > 0) {
            all.push_back(string(std::string(size - 1, 'x') + "y"));
        }
    }
    // Of no bytes at all "x" and "\0" are the same text.
    all.erase(all.begin());
    std::ranges::sort(all);
    CHECK(std::ranges::adjacent_find(all) == all.end());
    CHECK(string("abc") == string("abc"));
    CHECK(string(kLong) == string(kLong));
}

TEST_CASE("every element comes back from its key, of short and of long ones") {
    for (std::size_t size = 0; size < 40; ++size) {
        const OwnedElement element{{ElementOwner::kMaxNumber, 63}, string(std::string(size, 'z'))};
        CHECK(decode_element_key(key_of(element)) == element);
    }
    for (const Int128 value : {kMin, Int128{0}, kMax}) {
        std::string key;
        append_value_key(key, {7, 1}, value);
        CHECK(decode_value_key(key) == OwnedValue{{7, 1}, value});
        CHECK_FALSE(decode_value_key(key + "x"));
        CHECK_FALSE(decode_value_key(std::string_view{key}.substr(0, key.size() - 1)));
    }
}

TEST_CASE("what no writer has written is refused") {
    const std::string key = key_of({{300, 2}, string("u-17")});
    for (std::size_t size = 0; size < 5; ++size) {
        CHECK_FALSE(decode_element_key(key.substr(0, size)));
    }
    CHECK_FALSE(decode_element_key(key.substr(0, 4)));            // no value
    CHECK_FALSE(decode_element_key(key.substr(0, 4) + "x12"));    // no type
    CHECK_FALSE(decode_element_key('\1' + key.substr(1)));        // a total's
    CHECK_FALSE(decode_element_key(key + std::string(20, '1')));  // longer than any
    CHECK_FALSE(decode_element_key(key.substr(0, 4) + "s" + std::string(15, '1')));  // too long

    std::string value;
    append_element_value(value, 1, 0);  // does not exist, and so has no record
    CHECK_FALSE(decode_element_value(value));
    value.clear();
    append_element_value(value, 1, std::numeric_limits<std::uint64_t>::max());
    CHECK(decode_element_value(value));
    for (std::size_t i = 0; i < value.size(); ++i) {
        std::string damaged = value;
        damaged[i] = static_cast<char>(damaged[i] ^ 1);
        CHECK_FALSE(decode_element_value(damaged));
        CHECK_FALSE(decode_element_value(value.substr(0, i)));
    }

    const std::string list = golden_bytes("element_list.hex");
    for (std::size_t size = 0; size < list.size(); ++size) {
        ByteReader reader{std::string_view{list}.substr(0, size)};
        std::vector<Element> elements;
        CHECK_FALSE(read_elements(reader, elements));
    }
    // A count alone cannot ask for memory.
    std::string huge;
    ByteWriter{huge}.varint(std::numeric_limits<std::uint64_t>::max());
    ByteReader reader{huge};
    std::vector<CountedValue> values;
    CHECK_FALSE(read_values(reader, values));
    std::string never{"\x01\x02\x00", 3};  // 0 times
    ByteReader zero{never};
    CHECK_FALSE(read_values(zero, values));
}

TEST_CASE("the hash tells apart whose, which and how often") {
    const std::string one = key_of({{300, 2}, string("u-17")});
    const std::string other = key_of({{300, 3}, string("u-17")});
    CHECK(element_hash(one, 1) == element_hash(one, 1));
    CHECK(element_hash(one, 1) != element_hash(one, 2));
    CHECK(element_hash(one, 1) != element_hash(other, 1));
}

}  // namespace kstream
