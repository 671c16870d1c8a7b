// Random choices of a test that a seed replays: same seed, same test, on every machine.
#pragma once

#include "kstream/core/prng.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace kstream::testing {

class Seeded {
public:
    explicit Seeded(std::uint64_t seed) : words_(seed) {}

    std::uint64_t word() { return words_.at(at_++); }
    // 0 .. bound-1
    std::size_t below(std::size_t bound) { return to_range(word(), bound); }
    bool chance(std::size_t percent) { return below(100) < percent; }
    // Bytes of `size` characters out of an alphabet of `letters`.
    std::string text(std::size_t size, std::size_t letters = 26) {
        std::string text;
        while (text.size() < size) {
            text.push_back(static_cast<char>('a' + static_cast<char>(below(letters))));
        }
        return text;
    }
    template <typename T>
    const T& pick(const std::vector<T>& from) {
        return from[below(from.size())];
    }

private:
    SplitMix64 words_;
    std::uint64_t at_ = 0;
};

}  // namespace kstream::testing
