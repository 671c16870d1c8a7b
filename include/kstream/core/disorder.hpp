// Which made records are out of order: their event time is set back, their place in the stream is
// not. That is how disorder reaches a topic, with a delay between the event and its record, and it
// keeps record i a function of its number alone (docs/adr/0058-shapes.md).
#pragma once

#include "kstream/core/prng.hpp"

#include <cstdint>

namespace kstream {

struct DisorderOptions {
    std::uint32_t millionths = 0;  // of all records: the probability that one is set back
    std::uint32_t most_ms = 4000;  // by how much at most; at least 1
};

// Immutable; safe from any thread.
class Disorder {
public:
    constexpr Disorder(std::uint64_t seed, const DisorderOptions& options)
        : options_(options), words_(sequence_of(seed, kStream)) {}

    // By how many milliseconds the event time of this record is set back: 0 for one in order, else
    // 1 to most_ms, each as likely as any other.
    [[nodiscard]] constexpr std::int64_t back_ms(std::uint64_t index) const {
        const std::uint64_t word = words_.at(index);
        if (to_range(word, kMillion) >= options_.millionths) {
            return 0;
        }
        return static_cast<std::int64_t>(to_range(splitmix64_finish(word), options_.most_ms)) + 1;
    }

private:
    static constexpr std::uint64_t kMillion = 1'000'000;
    // The first one that transactions have no field for; of the other shapes, none has this one.
    static constexpr std::uint64_t kStream = 7;

    DisorderOptions options_;
    SplitMix64 words_;
};

}  // namespace kstream
