#include "kstream/latency_histogram.hpp"

#include "kstream/core/prng.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace kstream {

TEST_CASE("an empty histogram says nothing") {
    const LatencyHistogram histogram;
    CHECK(histogram.count() == 0);
    CHECK(histogram.value_at(0.5) == 0);
    CHECK(histogram.max() == 0);
    CHECK(histogram.min() == 0);
}

TEST_CASE("small values are exact") {
    LatencyHistogram histogram;
    for (std::uint64_t value = 1; value <= 500; ++value) {
        histogram.record(value);
    }
    CHECK(histogram.value_at(0.5) == 250);
    CHECK(histogram.value_at(0.99) == 495);
    CHECK(histogram.value_at(1.0) == 500);
    CHECK(histogram.value_at(0.0) == 1);
    CHECK(histogram.min() == 1);
    CHECK(histogram.max() == 500);
}

TEST_CASE("one value is every quantile of itself, at any size") {
    for (int bits = 0; bits <= 64; ++bits) {
        for (const std::int64_t step : {-1, 0, 1}) {
            const std::uint64_t power = bits == 64 ? 0 : std::uint64_t{1} << bits;
            const std::uint64_t value = power + static_cast<std::uint64_t>(step);
            LatencyHistogram histogram;
            histogram.record(value);
            REQUIRE(histogram.value_at(0.5) == value);
            REQUIRE(histogram.value_at(0.999) == value);
        }
    }
}

TEST_CASE("quantiles are within the promised error of the sorted values") {
    const SplitMix64 words(11);
    std::vector<std::uint64_t> values;
    LatencyHistogram histogram;
    for (std::uint64_t i = 0; i < 100'000; ++i) {
        // Spread over all magnitudes up to 2^40.
        const std::uint64_t value = words.at(2 * i) >> (24 + to_range(words.at(2 * i + 1), 40));
        values.push_back(value);
        histogram.record(value);
    }
    std::ranges::sort(values);
    for (const double quantile : {0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999}) {
        const auto rank =
            static_cast<std::size_t>(std::ceil(quantile * static_cast<double>(values.size())));
        const std::uint64_t exact = values[rank - 1];
        const std::uint64_t shown = histogram.value_at(quantile);
        CAPTURE(quantile, exact, shown);
        CHECK(shown >= exact);
        CHECK(shown <= exact + exact / 256);
    }
}

TEST_CASE("an outlier shows at its place and only there") {
    LatencyHistogram histogram;
    for (int i = 0; i < 999; ++i) {
        histogram.record(1000);
    }
    histogram.record(2'000'000);
    CHECK(histogram.value_at(0.999) <= 1003);
    CHECK(histogram.value_at(0.9991) == 2'000'000);
    CHECK(histogram.max() == 2'000'000);
}

TEST_CASE("merged histograms equal one that saw everything") {
    const SplitMix64 words(12);
    LatencyHistogram left;
    LatencyHistogram right;
    LatencyHistogram both;
    for (std::uint64_t i = 0; i < 10'000; ++i) {
        const std::uint64_t value = words.at(i) >> 30;
        (i % 3 == 0 ? left : right).record(value);
        both.record(value);
    }
    left.merge(right);
    CHECK(left.count() == both.count());
    CHECK(left.min() == both.min());
    CHECK(left.max() == both.max());
    for (const double quantile : {0.01, 0.5, 0.99, 0.999}) {
        CHECK(left.value_at(quantile) == both.value_at(quantile));
    }
    LatencyHistogram empty;
    empty.merge(left);
    CHECK(empty.min() == both.min());
}

TEST_CASE("counts up to a limit and sums are those of the values") {
    LatencyHistogram histogram;
    for (const std::uint64_t value : {5U, 10U, 10U, 11U, 400U, 100'000U}) {
        histogram.record(value);
    }
    CHECK(histogram.count_up_to(4) == 0);
    CHECK(histogram.count_up_to(5) == 1);
    CHECK(histogram.count_up_to(10) == 3);
    CHECK(histogram.count_up_to(399) == 4);
    CHECK(histogram.count_up_to(99'000) == 5);
    CHECK(histogram.count_up_to(std::numeric_limits<std::uint64_t>::max()) == 6);
    CHECK(histogram.sum() == 100'436.0);
    LatencyHistogram other;
    other.record(64);
    other.merge(histogram);
    CHECK(other.sum() == 100'500.0);
}

TEST_CASE("the largest value has a bucket") {
    LatencyHistogram histogram;
    histogram.record(std::numeric_limits<std::uint64_t>::max());
    histogram.record(0);
    CHECK(histogram.value_at(1.0) == std::numeric_limits<std::uint64_t>::max());
    CHECK(histogram.value_at(0.5) == 0);
}

}  // namespace kstream
