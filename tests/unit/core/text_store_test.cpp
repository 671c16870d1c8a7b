// Extremes of texts: any order gives one text, and a layer is taken back with its slots.
#include "kstream/core/text_store.hpp"

#include "support/fakes/seeded.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <string>
#include <vector>

namespace kstream {
namespace {

using testing::Seeded;

std::string random_text(Seeded& random) {
    std::string text(random.below(4), ' ');
    for (char& c : text) {
        c = "ab\x80\xff"[random.below(4)];
    }
    return text;
}

}  // namespace

TEST_CASE("the extreme of any texts is the same however they are parted and ordered") {
    Seeded random{79};
    for (int round = 0; round < 500; ++round) {
        std::vector<std::string> inputs(1 + random.below(12));
        std::ranges::generate(inputs, [&] { return random_text(random); });
        for (const AggregateKind kind : {kMinText, kMaxText}) {
            TextStore deltas;
            std::vector<Slot> parts(1 + random.below(4));
            for (const std::string& input : inputs) {
                deltas.merge(kind, parts[random.below(parts.size())], input);
            }
            // Of one store: nothing is copied.
            const std::size_t size = deltas.size();
            Slot own;
            for (const Slot& part : parts) {
                deltas.merge(kind, own, part);
            }
            REQUIRE(deltas.size() == size);
            const std::string of_parts{deltas.text(own)};
            TextStore totals;
            Slot total;
            while (!parts.empty()) {
                const auto at =
                    parts.begin() + static_cast<std::ptrdiff_t>(random.below(parts.size()));
                if (at->present()) {
                    totals.merge(kind, total, deltas.text(*at));
                }
                parts.erase(at);
            }
            const std::string expected = kind == kMinText ? *std::ranges::min_element(inputs)
                                                          : *std::ranges::max_element(inputs);
            REQUIRE(totals.text(total) == expected);
            REQUIRE(of_parts == expected);
        }
    }
}

TEST_CASE("bytes are compared as bytes, and a part of a text comes before it") {
    TextStore texts;
    Slot least;
    Slot most;
    for (const std::string_view text : {"b", "a\xc3\xa3", "a", "Z", "a\x7f"}) {
        texts.merge(kMinText, least, text);
        texts.merge(kMaxText, most, text);
    }
    CHECK(texts.text(least) == "Z");
    CHECK(texts.text(most) == "b");
    texts.merge(kMinText, least, "");
    CHECK(texts.text(least).empty());
    CHECK(least.present());
    CHECK_FALSE(texts.merge(kMinText, least, ""));
}

TEST_CASE("two layers are taken back, the latest first, with slots and a truncate") {
    Seeded random{83};
    for (int round = 0; round < 200; ++round) {
        TextStore texts;
        std::vector<Slot> slots(5);
        const auto change = [&] {
            for (int i = 0; i < 20; ++i) {
                const std::size_t at = random.below(slots.size());
                texts.merge(at % 2 == 0 ? kMinText : kMaxText, slots[at], random_text(random));
            }
        };
        const auto shown = [&] {
            std::vector<std::string> all;
            for (const Slot& slot : slots) {
                all.emplace_back(slot.present() ? texts.text(slot) : "(none)");
            }
            return all;
        };
        change();
        const auto committed = shown();
        const std::vector<Slot> before_flight = slots;
        const std::size_t size_before_flight = texts.size();
        change();
        const auto sealed = shown();
        const std::vector<Slot> before_filling = slots;
        const std::size_t size_before_filling = texts.size();
        change();
        slots = before_filling;
        texts.truncate(size_before_filling);
        REQUIRE(shown() == sealed);
        slots = before_flight;
        texts.truncate(size_before_flight);
        REQUIRE(shown() == committed);
        // What is copied is all that another store has.
        TextStore other;
        for (Slot& slot : slots) {
            slot = other.copy_of(texts, slot);
        }
        CHECK(other.size() <= texts.size());
        texts = other;
        REQUIRE(shown() == committed);
    }
}

}  // namespace kstream
