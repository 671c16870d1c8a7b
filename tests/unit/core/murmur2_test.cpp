// Golden values from Kafka itself: clients/.../utils/UtilsTest.java testMurmur2(), and the values
// that librdkafka's rdmurmur2.c records as printed by the Java client.
#include "kstream/core/murmur2.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kstream {

TEST_CASE("murmur2 gives the values of Kafka's own test") {
    const std::vector<std::pair<std::string_view, std::int32_t>> expected{
        {"21", -973932308},
        {"foobar", -790332482},
        {"a-little-bit-long-string", -985981536},
        {"a-little-bit-longer-string", -1486304829},
        {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
        {"abc", 479470107},
    };
    for (const auto& [key, hash] : expected) {
        CAPTURE(key);
        CHECK(static_cast<std::int32_t>(murmur2(key)) == hash);
    }
}

TEST_CASE("murmur2 does not depend on the alignment of the key") {
    // Suffixes of one buffer start at every alignment; the values are the Java client's.
    const std::string_view whole = "PreAmbleWillBeRemoved,ThePrePartThatIs";
    CHECK(murmur2(whole) == 0x78424f1cU);
    CHECK(murmur2(whole.substr(1)) == 0x4a62b377U);
    CHECK(murmur2(whole.substr(2)) == 0xe0e4e09eU);
    CHECK(murmur2(whole.substr(3)) == 0x62b8b43fU);
    CHECK(murmur2("1234") == 0x9fc97b14U);
    CHECK(murmur2("234") == 0xe7c009caU);
    CHECK(murmur2("34") == 0x873930daU);
    CHECK(murmur2("4") == 0x5a4b5ca1U);
    CHECK(murmur2("kafka") == 0xd067cf64U);
    CHECK(murmur2("") == 0x106e08d9U);
}

TEST_CASE("murmur2 reads bytes above 127 as unsigned") {
    // A sign-extended tail byte is the classic porting error: Java masks with 0xff. The value was
    // computed with Python integers, where no sign can extend.
    CHECK(murmur2(std::string_view{"\x01\x02\xff", 3}) == 3984071421U);
}

TEST_CASE("the partition clears the sign bit and does not take the absolute value") {
    // murmur2("21") is -973932308: cleared 1173551340 % 7 = 3, absolute 973932308 % 7 = 6.
    CHECK(partition_for_key("21", 7) == PartitionId{1173551340 % 7});
    CHECK(partition_for_key("21", 7) != PartitionId{973932308 % 7});
    CHECK(partition_for_key("abc", 6) == PartitionId{479470107 % 6});
    CHECK(partition_for_key("abc", 1) == PartitionId{0});
}

TEST_CASE("every partition gets its share of UUID-like keys") {
    std::vector<int> hits(6);
    for (int i = 0; i < 6000; ++i) {
        const PartitionId partition = partition_for_key("key-" + std::to_string(i), 6);
        REQUIRE(partition.value >= 0);
        REQUIRE(partition.value < 6);
        ++hits[static_cast<std::size_t>(partition.value)];
    }
    for (const int count : hits) {
        CHECK(count > 850);
        CHECK(count < 1150);
    }
}

}  // namespace kstream
