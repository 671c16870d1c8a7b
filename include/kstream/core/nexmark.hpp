// Seed and number to event, of the shape of Nexmark (github.com/nexmark/nexmark): people who open
// auctions and bid. Event i is a pure function of NexmarkOptions and i, as a transaction is
// (core/generator.hpp); what follows Nexmark and what does not is in docs/adr/0058-shapes.md.
//
// Of 50 events in a row the first is a person, the next three are auctions, the rest bids; so the
// newest ids at any event are known from its number, and so are the hot ones: the first auction,
// and the first and second person, of the last hundred.
#pragma once

#include "kstream/core/disorder.hpp"
#include "kstream/core/prng.hpp"
#include "kstream/core/random_text.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <variant>

namespace kstream {

// Events per millisecond of event time.
inline constexpr std::uint64_t kNexmarkEventsPerMs = 10;

// Of a block of events, in this order.
inline constexpr std::uint64_t kNexmarkPeople = 1;
inline constexpr std::uint64_t kNexmarkAuctions = 3;
inline constexpr std::uint64_t kNexmarkBids = 46;
inline constexpr std::uint64_t kNexmarkBlock = kNexmarkPeople + kNexmarkAuctions + kNexmarkBids;

inline constexpr std::uint64_t kFirstNexmarkId = 1000;  // of a person, and of an auction

struct NexmarkPerson {
    std::uint64_t id = 0;
    std::uint32_t first_name = 0;  // these four: numbers of texts (codec/nexmark_encoder.cpp)
    std::uint32_t last_name = 0;
    std::uint32_t city = 0;
    std::uint32_t state = 0;
    std::uint64_t credit_card = 0;  // 16 digits

    friend bool operator==(const NexmarkPerson&, const NexmarkPerson&) = default;
};
inline constexpr std::uint32_t kNexmarkFirstNames = 11;
inline constexpr std::uint32_t kNexmarkLastNames = 9;
inline constexpr std::uint32_t kNexmarkCities = 10;
inline constexpr std::uint32_t kNexmarkStates = 6;

// Prices are whole numbers from 100 to 99,999,999: as many in each power of ten.
struct NexmarkAuction {
    std::uint64_t id = 0;
    std::uint64_t seller = 0;  // a person
    std::uint64_t initial_bid = 0;
    std::uint64_t reserve = 0;  // above the initial bid
    std::int64_t expires_ms = 0;
    std::uint32_t category = 0;  // 10 to 14

    friend bool operator==(const NexmarkAuction&, const NexmarkAuction&) = default;
};

struct NexmarkBid {
    std::uint64_t auction = 0;
    std::uint64_t bidder = 0;  // a person
    std::uint64_t price = 0;
    std::uint32_t channel = 0;  // below kNexmarkHotChannels one with a name, else a number follows

    friend bool operator==(const NexmarkBid&, const NexmarkBid&) = default;
};
inline constexpr std::uint32_t kNexmarkHotChannels = 4;
inline constexpr std::uint32_t kNexmarkChannels = 10'000;  // beside these

struct NexmarkEvent {
    std::int64_t time_ms = 0;
    std::variant<NexmarkPerson, NexmarkAuction, NexmarkBid> what{};  // the index is event_type
    std::uint32_t extra_letters = 0;                                 // of the member extra
    RandomText text;
};

// The most letters of an event, and the most of its `extra`: an auction's.
inline constexpr std::size_t kNexmarkNameLetters = 20;
inline constexpr std::size_t kNexmarkDescriptionLetters = 100;
inline constexpr std::size_t kNexmarkExtraMost = 397;

struct NexmarkOptions {
    std::uint64_t seed = 1;
    std::int64_t start_time_s = 0;  // event time of event 0, seconds since 1970 UTC
    DisorderOptions disorder{};
};

// Immutable once made; safe from any thread.
class NexmarkGenerator {
public:
    explicit NexmarkGenerator(const NexmarkOptions& options);

    // The event with this number, from 0 on. Allocates nothing.
    [[nodiscard]] NexmarkEvent event(std::uint64_t index) const;

private:
    static constexpr std::size_t kStreams = 6;

    [[nodiscard]] std::uint64_t word(std::size_t stream, std::uint64_t index) const {
        return streams_[stream].at(index);
    }
    [[nodiscard]] NexmarkPerson person(std::uint64_t index) const;
    [[nodiscard]] NexmarkAuction auction(std::uint64_t index, std::int64_t time_ms) const;
    [[nodiscard]] NexmarkBid bid(std::uint64_t index) const;

    std::int64_t start_time_ms_;
    Disorder disorder_;
    std::array<SplitMix64, kStreams> streams_;
    SplitMix64 letters_;
};

}  // namespace kstream
