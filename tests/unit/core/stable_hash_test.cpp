// The hash behind the state hash in meta. Its values are stored: they may never change.
#include "kstream/core/stable_hash.hpp"

#include "support/fakes/seeded.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>

namespace kstream {
namespace {

UInt128 value(std::uint64_t high, std::uint64_t low) {
    return (UInt128{high} << 64) | low;
}

}  // namespace

TEST_CASE("golden: values of the stable hash, computed with Python's integers", "[golden]") {
    CHECK(stable_hash("") == value(0xa6b71fac994cb25f, 0x7427c40e4ef65880));
    CHECK(stable_hash("a") == value(0x915ef307cac2f34e, 0x63d751ea3db73a5e));
    CHECK(stable_hash("vendedor_1") == value(0x6c3a5150713eae81, 0x64573697ae1affbd));
    CHECK(stable_hash("12345678") == value(0x981d47f51d3c9b1e, 0x99dea52811a91a90));
    CHECK(stable_hash("123456789") == value(0x396d861a49454121, 0xaf98c0a4b5571aeb));
    std::string all;
    for (int byte = 0; byte < 256; ++byte) {
        all.push_back(static_cast<char>(byte));
    }
    CHECK(stable_hash(all) == value(0x2caffa10df3d305a, 0x4b1402c821884e0a));
}

TEST_CASE("each bit of a text and its length change the hash") {
    for (const std::size_t size : {1U, 7U, 8U, 9U, 16U, 33U}) {
        const std::string text(size, 'k');
        std::set<UInt128> seen{stable_hash(text), stable_hash(text + '\0')};
        REQUIRE(seen.size() == 2);
        for (std::size_t at = 0; at < size; ++at) {
            for (int bit = 0; bit < 8; ++bit) {
                std::string other = text;
                other[at] = static_cast<char>(other[at] ^ (1 << bit));
                REQUIRE(seen.insert(stable_hash(other)).second);
            }
        }
    }
    std::set<UInt128> zeros;
    for (std::size_t size = 0; size < 40; ++size) {
        CHECK(zeros.insert(stable_hash(std::string(size, '\0'))).second);
    }
}

TEST_CASE("the hash does not depend on where in memory the text lies") {
    const std::string text = "a text of more than two words";
    const std::string buffer = std::string(16, 'x') + text;
    for (std::size_t shift = 0; shift < 8; ++shift) {
        const std::string moved = buffer.substr(16 - shift);
        CHECK(stable_hash(std::string_view{moved}.substr(shift)) == stable_hash(text));
    }
}

TEST_CASE("no two of many similar texts share either half of the hash") {
    std::set<std::uint64_t> high;
    std::set<std::uint64_t> low;
    testing::Seeded random{11};
    std::set<std::string> texts;
    for (int i = 0; i < 50'000; ++i) {
        texts.insert(random.text(random.below(24), 3));
    }
    for (const std::string& text : texts) {
        const UInt128 hash = stable_hash(text);
        high.insert(static_cast<std::uint64_t>(hash >> 64));
        low.insert(static_cast<std::uint64_t>(hash));
    }
    CHECK(high.size() == texts.size());
    CHECK(low.size() == texts.size());
}

}  // namespace kstream
