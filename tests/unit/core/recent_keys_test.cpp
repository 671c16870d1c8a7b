#include "kstream/core/recent_keys.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <set>
#include <string>

namespace kstream {
namespace {

constexpr std::uint8_t kString = 's';
constexpr std::uint8_t kNumber = 'n';

TEST_CASE("what is remembered of a text is found by that text only") {
    // Runs of one letter, so that first and last bytes alone tell nothing, and the same with one
    // byte changed in each place.
    std::set<std::string> texts;
    for (std::size_t size = 0; size <= 16; ++size) {
        const std::string run(size, 'a');
        texts.insert(run);
        for (std::size_t at = 0; at < size; ++at) {
            for (const char other : {'b', '\0', '\xff'}) {
                std::string changed = run;
                changed[at] = other;
                texts.insert(changed);
            }
        }
    }
    for (const std::string& kept : texts) {
        RecentKeys recent;
        recent.remember(kString, kept, 7);
        for (const std::string& asked : texts) {
            const std::uint32_t expected = asked == kept ? 7 : KeyTable::kNone;
            if (recent.find(kString, asked) != expected) {
                FAIL("'" << kept << "' was remembered, '" << asked << "' was asked for");
            }
        }
        CHECK(recent.find(kNumber, kept) == KeyTable::kNone);
        recent.clear();
        CHECK(recent.find(kString, kept) == KeyTable::kNone);
    }
}

TEST_CASE("a long text is not kept") {
    RecentKeys recent;
    const std::string text(17, 'a');
    recent.remember(kString, text, 7);
    CHECK(recent.find(kString, text) == KeyTable::kNone);
    CHECK(recent.find(kString, text.substr(1)) == KeyTable::kNone);
}

TEST_CASE("the newest text of a place stands there") {
    RecentKeys recent;
    for (std::uint32_t i = 0; i < 2'000; ++i) {
        const std::string text = "vendedor_" + std::to_string(i);
        recent.remember(kString, text, i);
        REQUIRE(recent.find(kString, text) == i);
    }
    for (std::uint32_t i = 0; i < 2'000; ++i) {
        const std::uint32_t found = recent.find(kString, "vendedor_" + std::to_string(i));
        REQUIRE((found == i || found == KeyTable::kNone));
    }
}

}  // namespace
TEST_CASE("of a job with windows a text is found in its own window only") {
    RecentWindowKeys recent;
    for (std::int64_t window = -3; window < 200; ++window) {
        recent.remember(kString, "a", static_cast<std::uint32_t>(window + 3), window * 60'000);
        CHECK(recent.find(kString, "a", window * 60'000) == static_cast<std::uint32_t>(window + 3));
        CHECK(recent.find(kString, "a", window * 60'000 + 1) == KeyTable::kNone);
        CHECK(recent.find(kNumber, "a", window * 60'000) == KeyTable::kNone);
    }
    // Of two windows one does not push out the other at once.
    recent.remember(kString, "a", 1, 0);
    recent.remember(kString, "a", 2, 60'000);
    CHECK(recent.find(kString, "a", 0) == 1U);
    CHECK(recent.find(kString, "a", 60'000) == 2U);
}

}  // namespace kstream
