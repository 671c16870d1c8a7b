// Distribution of latencies in constant memory: exact counts in buckets that are narrow for small
// values and wide for large ones (log-linear, as HdrHistogram). Recording is a few instructions, so
// every record is measured and none is sampled; histograms of several threads merge exactly.
//
// The unit is the caller's. One histogram holds 0..2^64-1 with a relative error below 1/256.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <vector>

namespace kstream {

// Not thread-safe: one per thread, merged when they are done. About 117 KB.
class LatencyHistogram {
public:
    void record(std::uint64_t value) {
        ++counts_[bucket_of(value)];
        ++count_;
        sum_ += static_cast<double>(value);
        max_ = std::max(max_, value);
        min_ = std::min(min_, value);
    }

    void merge(const LatencyHistogram& other) {
        for (std::size_t i = 0; i < counts_.size(); ++i) {
            counts_[i] += other.counts_[i];
        }
        count_ += other.count_;
        sum_ += other.sum_;
        max_ = std::max(max_, other.max_);
        min_ = std::min(min_, other.min_);
    }

    [[nodiscard]] std::uint64_t count() const { return count_; }
    [[nodiscard]] std::uint64_t max() const { return max_; }  // exact; 0 when empty
    [[nodiscard]] std::uint64_t min() const { return count_ == 0 ? 0 : min_; }

    [[nodiscard]] double sum() const { return sum_; }

    // How many values did not exceed `limit`; those less than 1/256 above it may be among them.
    [[nodiscard]] std::uint64_t count_up_to(std::uint64_t limit) const {
        const auto end = counts_.begin() + static_cast<std::ptrdiff_t>(bucket_of(limit)) + 1;
        return std::accumulate(counts_.begin(), end, std::uint64_t{0});
    }

    // The value that a share `quantile` (0..1) of all recorded values does not exceed: never below
    // the true one, less than 1/256 above it, never above max(). 0 when empty.
    [[nodiscard]] std::uint64_t value_at(double quantile) const {
        if (count_ == 0) {
            return 0;
        }
        const double wanted = std::ceil(quantile * static_cast<double>(count_));
        const std::uint64_t rank =
            std::clamp<std::uint64_t>(static_cast<std::uint64_t>(std::max(wanted, 1.0)), 1, count_);
        std::uint64_t seen = 0;
        for (std::size_t i = 0; i < counts_.size(); ++i) {
            seen += counts_[i];
            if (seen >= rank) {
                return std::min(highest_in(i), max_);
            }
        }
        return max_;
    }

private:
    // Each power of two has kHalf buckets of equal width; below 2 * kHalf every value has its own.
    static constexpr int kHalfBits = 8;
    static constexpr std::size_t kHalf = std::size_t{1} << kHalfBits;
    static constexpr std::size_t kBuckets = (64 - kHalfBits + 1) * kHalf;

    static constexpr std::size_t bucket_of(std::uint64_t value) {
        const int shift = 63 - kHalfBits - std::countl_zero(value | (2 * kHalf - 1));
        return static_cast<std::size_t>(shift) * kHalf + static_cast<std::size_t>(value >> shift);
    }

    static constexpr std::uint64_t highest_in(std::size_t bucket) {
        const std::size_t shift = bucket < 2 * kHalf ? 0 : bucket / kHalf - 1;
        const std::uint64_t mantissa = bucket - shift * kHalf;
        return ((mantissa + 1) << shift) - 1;  // the topmost wraps to 2^64-1, as it should
    }

    std::vector<std::uint64_t> counts_ = std::vector<std::uint64_t>(kBuckets);
    std::uint64_t count_ = 0;
    double sum_ = 0;  // exact up to 2^53, and it cannot overflow
    std::uint64_t max_ = 0;
    std::uint64_t min_ = ~std::uint64_t{0};
};

}  // namespace kstream
