#include "results/latest_results.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

namespace kstream::results {
namespace {

RecordView record(std::string_view key, const char* value) {
    RecordView view;
    view.key_data = key.data();
    view.key_size = static_cast<std::uint32_t>(key.size());
    view.value_data = value;
    view.value_size = value == nullptr ? 0 : static_cast<std::uint32_t>(std::string(value).size());
    return view;
}

std::string text_of(const LatestResults& results) {
    std::string text;
    for (const LatestResults::Row& row : results.rows()) {
        text += std::string(row.key) + "=" + std::string(row.value) + ";";
    }
    return text;
}

constexpr std::uint64_t kAmple = 1 << 20;

TEST_CASE("the newest record of a key counts, and a tombstone ends it") {
    LatestResults results{{}, kAmple};
    CHECK(results.take(record("b", "1")));
    CHECK(results.take(record("a", "1")));
    CHECK(results.take(record("c", "1")));
    CHECK(results.take(record("b", "2")));
    CHECK(results.take(record("c", nullptr)));
    CHECK(results.take(record("never", nullptr)));
    CHECK(text_of(results) == "a=1;b=2;");
    CHECK(results.take(record("c", "3")));
    CHECK(text_of(results) == "a=1;b=2;c=3;");
}

TEST_CASE("the two halves of a part of the keys are the part, and share none") {
    const KeyPart all;
    const auto [low, high] = all.halves();
    const auto [low_low, low_high] = low.halves();
    std::size_t in_low = 0;
    for (int i = 0; i < 1000; ++i) {
        const std::string key = "key-" + std::to_string(i);
        REQUIRE(all.has(key));
        REQUIRE(low.has(key) != high.has(key));
        REQUIRE((low_low.has(key) || low_high.has(key)) == low.has(key));
        REQUIRE_FALSE((low_low.has(key) && low_high.has(key)));
        in_low += low.has(key) ? 1U : 0U;
    }
    CHECK(in_low > 400);
    CHECK(in_low < 600);
}

TEST_CASE("the bound on memory is of what is held, not of what was read") {
    LatestResults results{{}, 4096};
    // One key again and again: never more than one row is held.
    for (int i = 0; i < 10'000; ++i) {
        REQUIRE(results.take(record("same", "a value of some length")));
    }
    int taken = 0;
    while (taken < 1000 && results.take(record("key-" + std::to_string(taken), "value"))) {
        ++taken;
    }
    CHECK(taken > 10);
    CHECK(taken < 40);
}

TEST_CASE("keys of the other part are passed over") {
    const auto [low, high] = KeyPart{}.halves();
    LatestResults of_low{low, kAmple};
    LatestResults of_high{high, kAmple};
    for (int i = 0; i < 100; ++i) {
        const std::string key = "key-" + std::to_string(i);
        CHECK(of_low.take(record(key, "v")));
        CHECK(of_high.take(record(key, "v")));
    }
    CHECK(of_low.rows().size() + of_high.rows().size() == 100);
    CHECK_FALSE(of_low.rows().empty());
    CHECK_FALSE(of_high.rows().empty());
}

}  // namespace
}  // namespace kstream::results
