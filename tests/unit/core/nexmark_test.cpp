// What the events of Nexmark's shape are like; which ones they are, tests of the encoder say.
#include "kstream/core/nexmark.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <variant>

namespace kstream {

namespace {

constexpr std::uint64_t kCount = 500'000;  // 10,000 blocks

const NexmarkGenerator& generator() {
    static const NexmarkGenerator one({.seed = 7, .start_time_s = 1'700'000'000});
    return one;
}

template <typename Look>
void each_bid(Look look) {
    for (std::uint64_t i = 0; i < kCount; ++i) {
        const NexmarkEvent event = generator().event(i);
        if (const auto* const bid = std::get_if<NexmarkBid>(&event.what)) {
            look(i, *bid);
        }
    }
}

// Six standard deviations of a binomial count: chance alone stays within, bias does not.
bool is_near(std::uint64_t count, std::uint64_t of, double share) {
    const double expected = static_cast<double>(of) * share;
    const double deviation = static_cast<double>(count) - expected;
    return deviation * deviation <= 36 * expected * (1 - share);
}

}  // namespace

TEST_CASE("of fifty events one is a person, three are auctions and the rest bids, in this order") {
    std::array<std::uint64_t, 3> kinds{};
    for (std::uint64_t i = 0; i < kCount; ++i) {
        const std::size_t kind = generator().event(i).what.index();
        const std::uint64_t place = i % 50;
        REQUIRE(kind == (place == 0 ? 0U : place < 4 ? 1U : 2U));
        ++kinds[kind];
    }
    CHECK(kinds == std::array<std::uint64_t, 3>{10'000, 30'000, 460'000});
}

TEST_CASE("people and auctions are numbered from 1000 on without a gap") {
    std::uint64_t person = 1000;
    std::uint64_t auction = 1000;
    for (std::uint64_t i = 0; i < kCount; ++i) {
        const NexmarkEvent event = generator().event(i);
        if (const auto* const one = std::get_if<NexmarkPerson>(&event.what)) {
            REQUIRE(one->id == person++);
            REQUIRE(one->credit_card < 10'000'000'000'000'000ULL);
        } else if (const auto* const two = std::get_if<NexmarkAuction>(&event.what)) {
            REQUIRE(two->id == auction++);
            REQUIRE(two->reserve > two->initial_bid);
            REQUIRE(two->seller < person + 10);
            REQUIRE(two->expires_ms > event.time_ms);
            REQUIRE(two->expires_ms <= event.time_ms + 332);
            REQUIRE(two->category >= 10);
            REQUIRE(two->category <= 14);
        }
    }
}

TEST_CASE("half of the bids are for the hot auction, the others for one of the newest") {
    std::uint64_t hot = 0;
    std::uint64_t bids = 0;
    each_bid([&](std::uint64_t index, const NexmarkBid& bid) {
        const std::uint64_t newest = 1000 + index / 50 * 3 + 2;
        const std::uint64_t hottest = (newest - 1000) / 100 * 100 + 1000;
        REQUIRE(bid.auction >= std::max<std::uint64_t>(newest, 1100) - 100);
        REQUIRE(bid.auction <= newest + 10);
        hot += bid.auction == hottest ? 1 : 0;
        ++bids;
    });
    // One half, and of the others one in 111 by chance.
    CHECK(is_near(hot, bids, 0.5 + 0.5 / 111));
}

TEST_CASE("three of four bids are by the hot bidder, the others by one of the newest people") {
    std::uint64_t hot = 0;
    std::uint64_t bids = 0;
    each_bid([&](std::uint64_t index, const NexmarkBid& bid) {
        const std::uint64_t newest = 1000 + index / 50;
        const std::uint64_t hottest = (newest - 1000) / 100 * 100 + 1001;
        REQUIRE(bid.bidder >= std::max<std::uint64_t>(newest, 1999) - 999);
        REQUIRE(bid.bidder <= newest + 10);
        if (index >= 50'000) {  // from the thousandth person on, as many are in use
            hot += bid.bidder == hottest ? 1 : 0;
            ++bids;
        }
    });
    CHECK(is_near(hot, bids, 0.75 + 0.25 / 1010));
}

TEST_CASE("prices are spread over six powers of ten") {
    std::map<std::uint64_t, std::uint64_t> powers;
    std::uint64_t bids = 0;
    each_bid([&](std::uint64_t /*index*/, const NexmarkBid& bid) {
        REQUIRE(bid.price >= 100);
        REQUIRE(bid.price < 100'000'000);
        std::uint64_t power = 100;
        while (bid.price >= power * 10) {
            power *= 10;
        }
        ++powers[power];
        ++bids;
    });
    CHECK(powers.size() == 6);
    for (const auto& [power, count] : powers) {
        CHECK(is_near(count, bids, 1.0 / 6));
    }
}

TEST_CASE("half of the bids come by one of four channels, the others by ten thousand") {
    std::map<std::uint32_t, std::uint64_t> hot;
    std::uint64_t bids = 0;
    std::uint32_t last = 0;
    each_bid([&](std::uint64_t /*index*/, const NexmarkBid& bid) {
        if (bid.channel < kNexmarkHotChannels) {
            ++hot[bid.channel];
        }
        last = std::max(last, bid.channel);
        ++bids;
    });
    CHECK(hot.size() == 4);
    for (const auto& [channel, count] : hot) {
        CHECK(is_near(count, bids, 1.0 / 8));
    }
    CHECK(last == kNexmarkHotChannels + kNexmarkChannels - 1);
}

TEST_CASE("other seeds give other events") {
    const NexmarkGenerator other({.seed = 8, .start_time_s = 1'700'000'000});
    int same = 0;
    for (std::uint64_t i = 4; i < 50; ++i) {
        same += other.event(i).what == generator().event(i).what ? 1 : 0;
    }
    CHECK(same == 0);
}

}  // namespace kstream
