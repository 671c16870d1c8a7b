// The golden values were computed with a second implementation, in Python integers, from the
// description in core/generator.hpp; tests/integration/produce_test.py carries that implementation.
// A change of any of them means that every seed in every script and report means other records.
#include "kstream/core/generator.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

namespace kstream {

namespace {

constexpr std::int64_t kStart = 1'700'000'000;

TransactionGenerator with_seed(std::uint64_t seed) {
    return TransactionGenerator({.seed = seed, .start_time_s = kStart});
}

}  // namespace

TEST_CASE("SplitMix64 by position gives the reference sequence") {
    // First outputs of the reference splitmix64.c for seed 1234567.
    constexpr SplitMix64 kWords(1234567);
    CHECK(kWords.at(0) == 6457827717110365317ULL);
    CHECK(kWords.at(1) == 3203168211198807973ULL);
    CHECK(kWords.at(2) == 9817491932198370423ULL);
    CHECK(kWords.at(3) == 4593380528125082431ULL);
    CHECK(kWords.at(4) == 16408922859458223821ULL);
}

TEST_CASE("to_range maps the ends and keeps equal shares") {
    constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();
    CHECK(to_range(0, 6) == 0);
    CHECK(to_range(kMax, 6) == 5);
    CHECK(to_range(kMax / 2, 6) == 2);
    CHECK(to_range(kMax / 2 + 1, 6) == 3);
    CHECK(to_range(kMax, 1) == 0);
    CHECK(to_range(kMax, kMax) == kMax - 1);
}

TEST_CASE("records have their golden values") {
    const Transaction first = with_seed(7).record(0);
    CHECK(first == Transaction{.id_high = 0xb8b4c2977eab4e45ULL,
                               .id_low = 0x8254fd5b2111dce4ULL,
                               .time_s = kStart,
                               .user = 612,
                               .seller = 3,
                               .location = 22,
                               .value_cents = 10241451,
                               .type = TransactionType::sale,
                               .method = PaymentMethod::pix,
                               .currency = Currency::eur,
                               .international = true});
    const Transaction far = with_seed(7).record(123456789);
    CHECK(far == Transaction{.id_high = 0x337446295c774063ULL,
                             .id_low = 0xa534bcceb8230765ULL,
                             .time_s = kStart + 123456,
                             .user = 640,
                             .seller = 2,
                             .location = 7,
                             .value_cents = 3600397,
                             .type = TransactionType::sale,
                             .method = PaymentMethod::pix,
                             .currency = Currency::eur,
                             .international = true});
    const Transaction zero_seed = with_seed(0).record(0);
    CHECK(zero_seed == Transaction{.id_high = 0xa706dd2f4d194e6fULL,
                                   .id_low = 0x86b73e79f0c37c00ULL,
                                   .time_s = kStart,
                                   .user = 931,
                                   .seller = 1,
                                   .location = 4,
                                   .value_cents = 4577988,
                                   .type = TransactionType::sale,
                                   .method = PaymentMethod::transfer,
                                   .currency = Currency::eur,
                                   .international = false});
}

TEST_CASE("cardinalities, a start before 1970 and the event rate are honored") {
    const TransactionGenerator generator({.seed = 42,
                                          .start_time_s = -5,
                                          .event_rate = 1,
                                          .users = 1,
                                          .sellers = 4'294'967'295U,
                                          .locations = 7});
    const Transaction made = generator.record(5999);
    CHECK(made.time_s == 5994);
    CHECK(made.user == 1);
    CHECK(made.seller == 3'542'847'986U);
    CHECK(made.location == 7);
    CHECK(made.value_cents == 600208);
}

TEST_CASE("skewed sellers change nothing but the seller") {
    const TransactionGenerator even({.seed = 5, .start_time_s = kStart, .sellers = 1000});
    const TransactionGenerator skewed(
        {.seed = 5, .start_time_s = kStart, .sellers = 1000, .skew = Skew::zipf});
    int of_the_first = 0;
    for (std::uint64_t i = 0; i < 10'000; ++i) {
        const Transaction a = even.record(i);
        Transaction b = skewed.record(i);
        of_the_first += b.seller == 1 ? 1 : 0;
        b.seller = a.seller;
        REQUIRE(a == b);
    }
    // 1 / (1 + 1/2 + ... + 1/1000) of all, in the mean 1336; five standard deviations.
    CHECK(of_the_first > 1336 - 170);
    CHECK(of_the_first < 1336 + 170);
}

TEST_CASE("event time moves on by one second every event_rate records") {
    const TransactionGenerator generator({.seed = 1, .start_time_s = kStart, .event_rate = 250});
    CHECK(generator.record(0).time_s == kStart);
    CHECK(generator.record(249).time_s == kStart);
    CHECK(generator.record(250).time_s == kStart + 1);
    CHECK(generator.record(1'000'000).time_s == kStart + 4000);
}

TEST_CASE("the ids are distinct UUIDs of version 4") {
    const TransactionGenerator generator = with_seed(99);
    std::set<std::pair<std::uint64_t, std::uint64_t>> seen;
    std::uint64_t varying_high = 0;
    std::uint64_t varying_low = 0;
    const Transaction first = generator.record(0);
    for (std::uint64_t i = 0; i < 20'000; ++i) {
        const Transaction made = generator.record(i);
        REQUIRE(((made.id_high >> 12) & 0xf) == 4);
        REQUIRE((made.id_low >> 62) == 2);
        REQUIRE(seen.emplace(made.id_high, made.id_low).second);
        varying_high |= made.id_high ^ first.id_high;
        varying_low |= made.id_low ^ first.id_low;
    }
    CHECK(varying_high == ~0xf000ULL);
    CHECK(varying_low == ~0xc000'0000'0000'0000ULL);
}

TEST_CASE("every field is uniform over its range") {
    const TransactionGenerator generator = with_seed(3);
    constexpr std::uint64_t kCount = 200'000;
    std::map<std::uint32_t, std::uint64_t> sellers;
    std::map<std::uint32_t, std::uint64_t> locations;
    std::map<std::tuple<TransactionType, PaymentMethod, Currency, bool>, std::uint64_t> small;
    std::vector<std::uint64_t> value_deciles(10);
    std::set<std::uint32_t> users;
    for (std::uint64_t i = 0; i < kCount; ++i) {
        const Transaction made = generator.record(i);
        ++sellers[made.seller];
        ++locations[made.location];
        ++small[{made.type, made.method, made.currency, made.international}];
        users.insert(made.user);
        REQUIRE(made.value_cents >= kMinValueCents);
        REQUIRE(made.value_cents <= kMaxValueCents);
        ++value_deciles[std::uint64_t{made.value_cents - kMinValueCents} * 10 /
                        (kMaxValueCents - kMinValueCents + 1)];
    }
    // Six standard deviations of a binomial count: chance alone stays within, bias does not.
    const auto near = [](std::uint64_t count, double share) {
        const double expected = static_cast<double>(kCount) * share;
        const double deviation = static_cast<double>(count) - expected;
        return deviation * deviation <= 36 * expected * (1 - share);
    };
    const auto all_near = [&near](const auto& counts, std::size_t size) {
        return counts.size() == size && std::ranges::all_of(counts, [&](const auto& c) {
                   return near(c.second, 1.0 / static_cast<double>(size));
               });
    };
    CHECK(all_near(sellers, 3));
    CHECK(all_near(locations, 50));
    CHECK(all_near(small, 48));
    CHECK(
        std::ranges::all_of(value_deciles, [&](std::uint64_t count) { return near(count, 0.1); }));
    CHECK(users.size() == 1000);
    CHECK(*users.begin() == 1);
    CHECK(*users.rbegin() == 1000);
}

TEST_CASE("other seeds give other records") {
    // Neighboring seeds are what people use; none of their records may coincide.
    const TransactionGenerator one = with_seed(1);
    const TransactionGenerator two = with_seed(2);
    for (std::uint64_t i = 0; i < 1000; ++i) {
        REQUIRE(one.record(i).id_high != two.record(i).id_high);
        REQUIRE(one.record(i).id_high != two.record(i + 1).id_high);
        REQUIRE(one.record(i + 1).id_high != two.record(i).id_high);
    }
}

}  // namespace kstream
