#include "kstream/core/shuffle.hpp"

namespace kstream {

namespace {

// Words of letters for each record, and their sequence, beyond all others.
constexpr std::uint64_t kShuffleLetterWords = 128;
constexpr std::uint64_t kShuffleLetterStream = 8;
static_assert(RandomText::words_of(kShuffleLettersMost) <= kShuffleLetterWords);

}  // namespace

ShuffleGenerator::ShuffleGenerator(const ShuffleOptions& options)
    : start_time_ms_(options.start_time_s * 1000),
      disorder_(options.seed, options.disorder),
      streams_{sequence_of(options.seed, 0), sequence_of(options.seed, 1),
               sequence_of(options.seed, 2)},
      letters_(sequence_of(options.seed, kShuffleLetterStream)) {}

ShuffleRecord ShuffleGenerator::record(std::uint64_t index) const {
    ShuffleRecord made{.text = RandomText(letters_, index * kShuffleLetterWords)};
    made.time_ms = start_time_ms_ + static_cast<std::int64_t>(index / kShuffleRecordsPerMs) -
                   disorder_.back_ms(index);
    made.id = to_range(streams_[0].at(index), kShuffleIds);
    made.selector = to_range(streams_[1].at(index), kShuffleSelectors);
    made.value = to_range(streams_[2].at(index), kShuffleValues);
    return made;
}

}  // namespace kstream
