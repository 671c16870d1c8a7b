// Seeded numbers with a fixed algorithm: the same seed gives the same records on every compiler,
// standard library and machine. The std distributions promise no such thing and are not used.
//
// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", OOPSLA 2014,
// with the finalizer of Vigna's reference splitmix64.c) is read by position: element i costs the
// same whichever came before. Not for secrets.
#pragma once

#include "kstream/model/int128.hpp"

#include <cstdint>

namespace kstream {

// The finalizer: a bijection on 64 bits in which every input bit reaches every output bit.
[[nodiscard]] constexpr std::uint64_t splitmix64_finish(std::uint64_t state) {
    state = (state ^ (state >> 30)) * 0xbf58476d1ce4e5b9ULL;
    state = (state ^ (state >> 27)) * 0x94d049bb133111ebULL;
    return state ^ (state >> 31);
}

// One sequence of 64-bit words with random access. at(0), at(1), ... are what the reference
// splitmix64.c returns for successive calls from the same seed.
class SplitMix64 {
public:
    explicit constexpr SplitMix64(std::uint64_t seed) : seed_(seed) {}

    [[nodiscard]] constexpr std::uint64_t at(std::uint64_t index) const {
        return splitmix64_finish(seed_ + (index + 1) * 0x9e3779b97f4a7c15ULL);
    }

private:
    std::uint64_t seed_;
};

// The sequences of one seed: number k starts where SplitMix64(seed) stands at k. The recommended
// way to split, and seeds that differ by 1 share nothing.
[[nodiscard]] constexpr SplitMix64 sequence_of(std::uint64_t seed, std::uint64_t k) {
    return SplitMix64(SplitMix64(seed).at(k));
}

// A uniform 64-bit word to 0..bound-1, without a division: floor(word * bound / 2^64). Two results
// differ in probability by at most 2^-64: for a bound of 15 million one part in 10^12 of its share.
[[nodiscard]] constexpr std::uint64_t to_range(std::uint64_t word, std::uint64_t bound) {
    return static_cast<std::uint64_t>((UInt128{word} * bound) >> 64);
}

}  // namespace kstream
