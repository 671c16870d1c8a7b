// Which random word becomes which member. As with transactions, the assignment is what a seed means
// to its user: golden values in tests/unit/codec/nexmark_encoder_test.cpp hold it in place.
#include "kstream/core/nexmark.hpp"

#include <algorithm>

namespace kstream {

namespace {

// How Nexmark calls them: of ids, the newest so many are in use, and some more that are to come.
constexpr std::uint64_t kInFlightAuctions = 100;
constexpr std::uint64_t kActivePeople = 1000;
constexpr std::uint64_t kLead = 10;

// One in so many is not hot.
constexpr std::uint64_t kHotAuctions = 2;
constexpr std::uint64_t kHotPeople = 4;

// The hot id changes once in so many.
constexpr std::uint64_t kHotBatch = 100;

constexpr std::uint64_t kFirstCategory = 10;
constexpr std::uint64_t kCategories = 5;

// An auction is open for as long as it takes until kInFlightAuctions more are, in the mean.
constexpr std::uint64_t kMeanOpenMs =
    kInFlightAuctions * kNexmarkBlock / kNexmarkAuctions / kNexmarkEventsPerMs;

constexpr std::uint64_t kCreditCards = 10'000'000'000'000'000ULL;

// Letters of `extra`, least and number of lengths: what makes the mean sizes Nexmark's, 200, 500
// and 100 bytes by its own way of counting, give or take a fifth.
struct Lengths {
    std::uint32_t least;
    std::uint32_t count;
};
constexpr std::array<Lengths, 3> kExtra{{{106, 54}, {266, 132}, {54, 28}}};
static_assert(kExtra[1].least + kExtra[1].count - 1 == kNexmarkExtraMost);

// Words of letters for each event, and their sequence, beyond all others.
constexpr std::uint64_t kNexmarkLetterWords = 64;
constexpr std::uint64_t kNexmarkLetterStream = 8;
static_assert(RandomText::words_of(kNexmarkNameLetters) +
                  RandomText::words_of(kNexmarkDescriptionLetters) +
                  RandomText::words_of(kNexmarkExtraMost) <=
              kNexmarkLetterWords);

std::uint64_t price_of(std::uint64_t word) {
    constexpr std::array<std::uint64_t, 6> kLeast{100,     1'000,     10'000,
                                                  100'000, 1'000'000, 10'000'000};
    const std::uint64_t least = kLeast[to_range(word, kLeast.size())];
    return least + to_range(splitmix64_finish(word), 9 * least);
}

// Ids from 0 on. `hot` is the place of the hot one in its batch; `newest` the last id that exists.
std::uint64_t person_id(std::uint64_t word, std::uint64_t newest, std::uint64_t hot) {
    const std::uint64_t active = std::min(newest + 1, kActivePeople);
    const std::uint64_t choice = to_range(word, kHotPeople * (active + kLead));
    if (choice % kHotPeople != 0) {
        return newest / kHotBatch * kHotBatch + hot;
    }
    return newest + 1 - active + choice / kHotPeople;
}

std::uint64_t auction_id(std::uint64_t word, std::uint64_t newest) {
    const std::uint64_t oldest = newest - std::min(newest, kInFlightAuctions);
    const std::uint64_t choice = to_range(word, kHotAuctions * (newest - oldest + 1 + kLead));
    if (choice % kHotAuctions != 0) {
        return newest / kHotBatch * kHotBatch;
    }
    return oldest + choice / kHotAuctions;
}

std::uint32_t choice_of(std::uint64_t word, std::uint64_t count) {
    return static_cast<std::uint32_t>(to_range(word, count));
}

}  // namespace

NexmarkGenerator::NexmarkGenerator(const NexmarkOptions& options)
    : start_time_ms_(options.start_time_s * 1000),
      disorder_(options.seed, options.disorder),
      streams_{sequence_of(options.seed, 0), sequence_of(options.seed, 1),
               sequence_of(options.seed, 2), sequence_of(options.seed, 3),
               sequence_of(options.seed, 4), sequence_of(options.seed, 5)},
      letters_(sequence_of(options.seed, kNexmarkLetterStream)) {}

NexmarkEvent NexmarkGenerator::event(std::uint64_t index) const {
    NexmarkEvent made{.text = RandomText(letters_, index * kNexmarkLetterWords)};
    made.time_ms = start_time_ms_ + static_cast<std::int64_t>(index / kNexmarkEventsPerMs) -
                   disorder_.back_ms(index);
    const std::uint64_t place = index % kNexmarkBlock;
    if (place < kNexmarkPeople) {
        made.what = person(index);
    } else if (place < kNexmarkPeople + kNexmarkAuctions) {
        made.what = auction(index, made.time_ms);
    } else {
        made.what = bid(index);
    }
    const Lengths& extra = kExtra[made.what.index()];
    made.extra_letters = extra.least + choice_of(word(4, index), extra.count);
    return made;
}

NexmarkPerson NexmarkGenerator::person(std::uint64_t index) const {
    const std::uint32_t name =
        choice_of(word(0, index), std::uint64_t{kNexmarkFirstNames} * kNexmarkLastNames);
    const std::uint32_t place =
        choice_of(word(1, index), std::uint64_t{kNexmarkCities} * kNexmarkStates);
    return {.id = kFirstNexmarkId + index / kNexmarkBlock,
            .first_name = name % kNexmarkFirstNames,
            .last_name = name / kNexmarkFirstNames,
            .city = place % kNexmarkCities,
            .state = place / kNexmarkCities,
            .credit_card = to_range(word(2, index), kCreditCards)};
}

NexmarkAuction NexmarkGenerator::auction(std::uint64_t index, std::int64_t time_ms) const {
    const std::uint64_t block = index / kNexmarkBlock;
    const std::uint64_t open_ms = 1 + to_range(word(5, index), 2 * kMeanOpenMs);
    NexmarkAuction made;
    made.id = kFirstNexmarkId + block * kNexmarkAuctions + index % kNexmarkBlock - kNexmarkPeople;
    made.seller = kFirstNexmarkId + person_id(word(1, index), block, 0);
    made.initial_bid = price_of(word(0, index));
    made.reserve = made.initial_bid + price_of(word(2, index));
    made.expires_ms = time_ms + static_cast<std::int64_t>(open_ms);
    made.category = choice_of(word(3, index), kCategories) + kFirstCategory;
    return made;
}

NexmarkBid NexmarkGenerator::bid(std::uint64_t index) const {
    const std::uint64_t block = index / kNexmarkBlock;
    const std::uint64_t newest_auction = (block + 1) * kNexmarkAuctions - 1;
    const std::uint32_t channel = choice_of(word(3, index), 2 * std::uint64_t{kNexmarkChannels});
    NexmarkBid made;
    made.auction = kFirstNexmarkId + auction_id(word(0, index), newest_auction);
    // The second one of the batch: hot bidders are not the hot sellers.
    made.bidder = kFirstNexmarkId + person_id(word(1, index), block, 1);
    made.price = price_of(word(2, index));
    made.channel =
        channel % 2 != 0 ? channel / 2 % kNexmarkHotChannels : kNexmarkHotChannels + channel / 2;
    return made;
}

}  // namespace kstream
