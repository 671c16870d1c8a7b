// Seed and number to record, of the shape of ShuffleBench (github.com/dynatrace-research/
// ShuffleBench): large records of very many ids, of which most are thrown away before they are
// grouped. A pure function of ShuffleOptions and the number, as a transaction is
// (core/generator.hpp).
#pragma once

#include "kstream/core/disorder.hpp"
#include "kstream/core/prng.hpp"
#include "kstream/core/random_text.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace kstream {

// Records per millisecond of event time.
inline constexpr std::uint64_t kShuffleRecordsPerMs = 10;

inline constexpr std::uint64_t kShuffleIds = 1'000'000;
inline constexpr std::uint64_t kShuffleSelectors = 100;
inline constexpr std::uint64_t kShuffleValues = 1'000'000'000;

struct ShuffleRecord {
    std::int64_t time_ms = 0;
    std::uint64_t id = 0;        // these three uniform: below kShuffleIds,
    std::uint64_t selector = 0;  // below kShuffleSelectors: a WHERE takes a share of all ids,
    std::uint64_t value = 0;     // below kShuffleValues
    RandomText text;
};

struct ShuffleOptions {
    std::uint64_t seed = 1;
    std::int64_t start_time_s = 0;  // event time of record 0, seconds since 1970 UTC
    DisorderOptions disorder{};
};

// Immutable once made; safe from any thread.
class ShuffleGenerator {
public:
    explicit ShuffleGenerator(const ShuffleOptions& options);

    // The record with this number, from 0 on. Allocates nothing.
    [[nodiscard]] ShuffleRecord record(std::uint64_t index) const;

private:
    static constexpr std::size_t kStreams = 3;

    std::int64_t start_time_ms_;
    Disorder disorder_;
    std::array<SplitMix64, kStreams> streams_;
    SplitMix64 letters_;
};

// The most letters that a record can have: all that is not its numbers.
inline constexpr std::size_t kShuffleLettersMost = 1024;

}  // namespace kstream
