#include "kstream/core/zipf.hpp"

#include "kstream/check.hpp"
#include "kstream/core/prng.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace kstream {

ZipfRanks::ZipfRanks(std::uint32_t ranks) : ranks_(ranks) {
    KSTREAM_CHECK(ranks >= 1, "there is at least one rank");
    // Additions and divisions of IEEE 754 in this order are the same everywhere.
    std::array<double, kOctaves> weight_up_to{};
    double weight = 0;
    octaves_ = static_cast<std::size_t>(std::bit_width(ranks));
    std::uint64_t rank = 1;
    for (std::size_t octave = 0; octave < octaves_; ++octave) {
        for (const std::uint64_t end = first_of(octave) + size_of(octave); rank < end; ++rank) {
            weight += 1.0 / static_cast<double>(rank);
        }
        weight_up_to[octave] = weight;
    }
    for (std::size_t octave = 0; octave + 1 < octaves_; ++octave) {
        ends_[octave] = static_cast<std::uint64_t>(std::ldexp(weight_up_to[octave] / weight, 64));
    }
}

std::uint64_t ZipfRanks::size_of(std::size_t octave) const {
    return std::min(first_of(octave), ranks_ - first_of(octave) + 1);
}

std::uint32_t ZipfRanks::rank(std::uint64_t word) const {
    std::size_t octave = 0;
    while (octave + 1 < octaves_ && word >= ends_[octave]) {
        ++octave;
    }
    // Which octave it is has used the word up; what follows needs words that know nothing of that.
    const SplitMix64 more(word);
    const std::uint64_t first = first_of(octave);
    const std::uint64_t size = size_of(octave);
    for (std::uint64_t i = 0;; i += 2) {
        const std::uint64_t candidate = first + to_range(more.at(i), size);
        // Kept with probability first / candidate.
        if (to_range(more.at(i + 1), candidate) < first) {
            return static_cast<std::uint32_t>(candidate);
        }
    }
}

}  // namespace kstream
