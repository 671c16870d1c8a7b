#include "kstream/core/shuffle.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstdint>
#include <set>

namespace kstream {

TEST_CASE("a fifth of the records of the shuffle has a selector below 20") {
    const ShuffleGenerator generator({.seed = 7});
    std::uint64_t passed = 0;
    for (std::uint64_t i = 0; i < 100'000; ++i) {
        const ShuffleRecord record = generator.record(i);
        REQUIRE(record.selector < 100);
        passed += record.selector < 20 ? 1 : 0;
    }
    CHECK(passed == 19'837);  // of seed 7, as tests/integration/harness/shapes.py counts them
}

TEST_CASE("the ids of the shuffle are spread over a million") {
    const ShuffleGenerator generator({.seed = 7});
    std::set<std::uint64_t> ids;
    std::uint64_t least = kShuffleIds;
    std::uint64_t most = 0;
    for (std::uint64_t i = 0; i < 100'000; ++i) {
        const ShuffleRecord record = generator.record(i);
        ids.insert(record.id);
        least = std::min(least, record.id);
        most = std::max(most, record.id);
        REQUIRE(record.value < 1'000'000'000);
    }
    CHECK(least < 1000);
    CHECK(most >= kShuffleIds - 1000);
    CHECK(most < kShuffleIds);
    // 10^6 * (1 - (1 - 10^-6)^10^5) are different in the mean, with a standard deviation of 66.
    CHECK(ids.size() > 95'163 - 400);
    CHECK(ids.size() < 95'163 + 400);
}

}  // namespace kstream
