#include "kstream/core/disorder.hpp"

#include "kstream/core/generator.hpp"
#include "kstream/core/nexmark.hpp"
#include "kstream/core/shuffle.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <map>
#include <variant>

namespace kstream {

namespace {

constexpr std::int64_t kStart = 1'700'000'000;
constexpr std::uint64_t kCount = 100'000;

}  // namespace

TEST_CASE("the share that is out of order is the one that was asked for") {
    const Disorder disorder(7, {.millionths = 10'000, .most_ms = 4000});
    std::uint64_t found = 0;
    for (std::uint64_t i = 0; i < kCount; ++i) {
        const std::int64_t back = disorder.back_ms(i);
        REQUIRE(back >= 0);
        REQUIRE(back <= 4000);
        found += back > 0 ? 1 : 0;
    }
    CHECK(found == 993);  // of seed 7, as tests/integration/harness/shapes.py counts them
}

TEST_CASE("none and all of the records can be out of order") {
    const Disorder none(7, {.millionths = 0});
    const Disorder all(7, {.millionths = 1'000'000});
    for (std::uint64_t i = 0; i < kCount; ++i) {
        REQUIRE(none.back_ms(i) == 0);
        REQUIRE(all.back_ms(i) > 0);
    }
}

TEST_CASE("every delay up to the longest is as likely as any other") {
    const Disorder disorder(7, {.millionths = 1'000'000, .most_ms = 5});
    std::map<std::int64_t, std::int64_t> found;
    for (std::uint64_t i = 0; i < kCount; ++i) {
        ++found[disorder.back_ms(i)];
    }
    CHECK(found.size() == 5);
    CHECK(found.begin()->first == 1);
    for (const auto& [delay, count] : found) {
        CHECK(count > 20'000 - 6 * 127);  // six standard deviations
        CHECK(count < 20'000 + 6 * 127);
    }
}

TEST_CASE("disorder sets event times back and changes nothing else") {
    const DisorderOptions options{.millionths = 500'000, .most_ms = 2500};
    const Disorder disorder(7, options);
    const NexmarkGenerator events({.seed = 7, .start_time_s = kStart});
    const NexmarkGenerator events_late({.seed = 7, .start_time_s = kStart, .disorder = options});
    const ShuffleGenerator records({.seed = 7, .start_time_s = kStart});
    const ShuffleGenerator records_late({.seed = 7, .start_time_s = kStart, .disorder = options});
    for (std::uint64_t i = 0; i < 10'000; ++i) {
        NexmarkEvent event = events.event(i);
        REQUIRE(event.time_ms == kStart * 1000 + static_cast<std::int64_t>(i / 10));
        NexmarkEvent late = events_late.event(i);
        REQUIRE(late.time_ms == event.time_ms - disorder.back_ms(i));
        if (auto* const auction = std::get_if<NexmarkAuction>(&late.what)) {
            auction->expires_ms += disorder.back_ms(i);
        }
        REQUIRE(late.what == event.what);
        const ShuffleRecord record = records.record(i);
        REQUIRE(record.time_ms == kStart * 1000 + static_cast<std::int64_t>(i / 10));
        const ShuffleRecord late_record = records_late.record(i);
        REQUIRE(late_record.time_ms == record.time_ms - disorder.back_ms(i));
        REQUIRE(late_record.id == record.id);
    }
}

TEST_CASE("a transaction that is out of order happened in the second that its delay leads to") {
    const Disorder disorder(7, {.millionths = 500'000, .most_ms = 2500});
    // At 300 records a second the milliseconds do not come out even.
    const TransactionGenerator generator({.seed = 7, .start_time_s = -3, .event_rate = 300});
    std::map<std::int64_t, int> delays;
    for (std::uint64_t i = 0; i < 10'000; ++i) {
        const Transaction a = generator.record(i);
        Transaction b = generator.record_set_back(i, disorder.back_ms(i));
        // From 1970 on, so that the division rounds down.
        const std::int64_t shifted =
            10'000 + static_cast<std::int64_t>(i * 1000 / 300) - disorder.back_ms(i);
        REQUIRE(b.time_s == -3 - 10 + shifted / 1000);
        ++delays[a.time_s - b.time_s];
        b.time_s = a.time_s;
        REQUIRE(a == b);
    }
    CHECK(delays.size() == 4);  // 0 to 3 seconds
}

}  // namespace kstream
