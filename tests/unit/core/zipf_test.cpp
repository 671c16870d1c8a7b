#include "kstream/core/zipf.hpp"

#include "kstream/core/prng.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cmath>
#include <vector>

namespace kstream {
namespace {

TEST_CASE("Zipf ranks have the shares that the law gives them", "[zipf]") {
    // 11 ends in the middle of an octave.
    for (const std::uint32_t ranks : {1U, 2U, 7U, 8U, 11U}) {
        const ZipfRanks zipf(ranks);
        const SplitMix64 words(ranks);
        constexpr int kDraws = 400'000;
        std::vector<int> drawn(ranks + 1);
        for (std::uint64_t i = 0; i < kDraws; ++i) {
            const std::uint32_t rank = zipf.rank(words.at(i));
            REQUIRE(rank >= 1);
            REQUIRE(rank <= ranks);
            ++drawn[rank];
        }
        double weight = 0;
        for (std::uint32_t rank = 1; rank <= ranks; ++rank) {
            weight += 1.0 / rank;
        }
        for (std::uint32_t rank = 1; rank <= ranks; ++rank) {
            const double share = 1.0 / rank / weight;
            // Five standard deviations.
            const double bound = 5 * std::sqrt(kDraws * share * (1 - share)) + 1e-9;
            INFO("rank " << rank << " of " << ranks);
            CHECK(std::abs(drawn[rank] - kDraws * share) <= bound);
        }
    }
}

TEST_CASE("Zipf ranks are the same on every machine", "[zipf]") {
    const ZipfRanks zipf(1'000'000);
    const SplitMix64 words(1);
    std::vector<std::uint32_t> found;
    for (std::uint64_t i = 0; i < 8; ++i) {
        found.push_back(zipf.rank(words.at(i)));
    }
    // As a program in another language, with integers of any size, computes them.
    CHECK(found == std::vector<std::uint32_t>{1070, 24034, 834203, 318, 320, 65336, 256578, 1966});
}

TEST_CASE("Zipf ranks go up to the largest number of ranks", "[zipf]") {
    const ZipfRanks zipf(100'000'000);
    std::uint32_t largest = 0;
    const SplitMix64 words(2);
    for (std::uint64_t i = 0; i < 10'000; ++i) {
        largest = std::max(largest, zipf.rank(words.at(i)));
    }
    // One of 10,000 is in the last tenth of the ranks but for a chance of 10^-23.
    CHECK(largest > 90'000'000);
    CHECK(largest <= 100'000'000);
}

}  // namespace
}  // namespace kstream
