// Text that means nothing and fills records up: of 64 letters, so that a compressor keeps three
// quarters of it, as of text and numbers that do mean something.
#pragma once

#include "kstream/core/prng.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace kstream {

inline constexpr std::string_view kTextLetters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

// The text of one record: pieces of it, one after the other, of a sequence of words in which it has
// a place of its own.
class RandomText {
public:
    static constexpr std::size_t kLettersPerWord = 10;

    // write() may write so many bytes more than it is asked for.
    static constexpr std::size_t kSlack = kLettersPerWord - 1;

    [[nodiscard]] static constexpr std::size_t words_of(std::size_t letters) {
        return (letters + kLettersPerWord - 1) / kLettersPerWord;
    }

    constexpr RandomText(const SplitMix64& words, std::uint64_t first)
        : words_(words), next_(first) {}

    // The next piece; it begins with a word of its own. Each word gives ten letters, from its
    // lowest bits on. Returns the end of the piece.
    char* write(char* out, std::size_t letters) {
        char* const end = out + letters;
        while (out < end) {
            std::uint64_t word = words_.at(next_++);
            for (std::size_t i = 0; i < kLettersPerWord; ++i, word >>= 6) {
                *out++ = kTextLetters[word & 63];
            }
        }
        return end;
    }

private:
    SplitMix64 words_;
    std::uint64_t next_;
};

}  // namespace kstream
