// Zipf's law with exponent 1: of ranks 1..n, rank k has 1/k of the share of rank 1. The usual model
// of how records spread over keys when a few have most of them (YCSB, Cooper et al., SoCC 2010,
// uses 0.99).
//
// Ranks are chosen in two steps: the octave [2^j, 2^(j+1)), whose shares are few enough to be kept,
// then a rank within it by rejection, in which at least half of all candidates are kept. So it is
// exact, needs no table of n entries, and gives the same ranks on every machine: only sums and
// quotients of doubles are involved, no logarithm of a mathematics library.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace kstream {

// Immutable once made; safe from any thread.
class ZipfRanks {
public:
    // `ranks` is at least 1. Takes a nanosecond or two for each rank, once.
    explicit ZipfRanks(std::uint32_t ranks);

    // A rank from 1 to `ranks`, as a pure function of a uniform word.
    [[nodiscard]] std::uint32_t rank(std::uint64_t word) const;

private:
    static constexpr std::size_t kOctaves = 32;

    [[nodiscard]] static std::uint64_t first_of(std::size_t octave) {
        return std::uint64_t{1} << octave;
    }
    [[nodiscard]] std::uint64_t size_of(std::size_t octave) const;  // of the last one: what is left

    std::uint64_t ranks_;
    std::size_t octaves_ = 0;
    // Words below ends_[j], and not below the one before, choose octave j; the last needs none.
    std::array<std::uint64_t, kOctaves> ends_{};
};

}  // namespace kstream
