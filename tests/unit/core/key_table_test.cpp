// The table under every delta and total, against a std::unordered_map.
#include "kstream/core/key_table.hpp"

#include "kstream/core/stable_hash.hpp"
#include "support/fakes/seeded.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace kstream {
namespace {

using testing::Seeded;

// What a KeyTable promises, in the plainest form.
class Model {
public:
    KeyTable::Found find_or_insert(const std::string& key) {
        const auto [entry, inserted] =
            indexes_.try_emplace(key, static_cast<std::uint32_t>(keys_.size()));
        if (inserted) {
            keys_.push_back(key);
        }
        return {entry->second, inserted};
    }
    void truncate(std::uint32_t size) {
        while (keys_.size() > size) {
            indexes_.erase(keys_.back());
            keys_.pop_back();
        }
    }
    [[nodiscard]] std::uint32_t find(const std::string& key) const {
        const auto entry = indexes_.find(key);
        return entry == indexes_.end() ? KeyTable::kNone : entry->second;
    }
    [[nodiscard]] const std::vector<std::string>& keys() const { return keys_; }

private:
    std::unordered_map<std::string, std::uint32_t> indexes_;
    std::vector<std::string> keys_;
};

void check_equal(const KeyTable& table, const Model& model) {
    REQUIRE(table.size() == model.keys().size());
    std::size_t bytes = 0;
    for (std::uint32_t i = 0; i < table.size(); ++i) {
        REQUIRE(table.key(i) == model.keys()[i]);
        REQUIRE(table.find(model.keys()[i]) == i);
        bytes += model.keys()[i].size();
    }
    REQUIRE(table.key_bytes() == bytes);
}

// Keys of 16 bytes with one and the same 64-bit hash under `seed`: the second half is chosen such
// that what is hashed last is `state` for all of them. Mirrors KeyTable::hash() on purpose; should
// that change, these are just keys, and the tests below still hold.
class Collider {
public:
    explicit Collider(std::uint64_t seed) : seed_(detail::mix64(seed | 1)) {}

    [[nodiscard]] std::string key(std::uint64_t first, std::uint64_t state) const {
        const std::uint64_t start = seed_ ^ (16 * 0x9e3779b97f4a7c15ULL);
        const std::uint64_t second = fold(start ^ first, seed_ ^ 0xa0761d6478bd642fULL) ^ state;
        std::string key(16, '\0');
        std::memcpy(key.data(), &first, 8);
        for (std::size_t i = 0; i < 8; ++i) {
            key[8 + i] = static_cast<char>(second >> (8 * i));
        }
        return key;
    }
    [[nodiscard]] std::uint64_t hash(std::uint64_t state) const {
        return detail::mix64(fold(state, seed_ ^ 0xe7037ed1a0b428dbULL));
    }

private:
    static std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
        const UInt128 product = UInt128{a} * b;
        return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
    }
    std::uint64_t seed_;
};

}  // namespace

TEST_CASE("a key table behaves as a map under random insertions, look-ups and truncations") {
    for (std::uint64_t seed = 0; seed < 30; ++seed) {
        CAPTURE(seed);
        Seeded random{seed};
        KeyTable table{seed};
        Model model;
        for (int operation = 0; operation < 4000; ++operation) {
            // Two letters and few lengths: most keys come again, the empty one too.
            const std::string key = random.text(random.below(14), 2);
            if (random.chance(1)) {
                const auto size = static_cast<std::uint32_t>(random.below(table.size() + 1));
                table.truncate(size);
                model.truncate(size);
                check_equal(table, model);
            } else if (random.chance(30)) {
                REQUIRE(table.find(key) == model.find(key));
            } else {
                const KeyTable::Found found = table.find_or_insert(key);
                const KeyTable::Found expected = model.find_or_insert(key);
                REQUIRE(found.index == expected.index);
                REQUIRE(found.inserted == expected.inserted);
            }
        }
        check_equal(table, model);
    }
}

TEST_CASE("indexes stay what they are while the table grows") {
    KeyTable table{7};
    for (std::uint32_t i = 0; i < 100'000; ++i) {
        const KeyTable::Found found = table.find_or_insert("vendedor_" + std::to_string(i));
        REQUIRE(found.inserted);
        REQUIRE(found.index == i);
    }
    for (std::uint32_t i = 0; i < 100'000; ++i) {
        const std::string key = "vendedor_" + std::to_string(i);
        REQUIRE(table.find(key) == i);
        REQUIRE(table.key(i) == key);
        REQUIRE_FALSE(table.find_or_insert(key).inserted);
    }
    CHECK(table.find("vendedor_100000") == KeyTable::kNone);
}

TEST_CASE("keys with equal hashes are distinguished by their bytes") {
    const std::uint64_t seed = 42;
    const Collider collider{seed};
    KeyTable table{seed};
    Model model;
    for (std::uint64_t i = 0; i < 300; ++i) {
        const std::string key = collider.key(i, 12345);
        REQUIRE(table.find(key) == KeyTable::kNone);
        REQUIRE(table.find_or_insert(key).inserted);
        model.find_or_insert(key);
    }
    check_equal(table, model);
}

TEST_CASE("taking back keys out of the middle of long probe chains leaves the others findable") {
    // Two families of colliding keys, neighbors at the end of the smallest table, so that their
    // chains run into each other and around its edge.
    const std::uint64_t seed = 3;
    const Collider collider{seed};
    std::vector<std::uint64_t> states;
    for (const std::uint64_t cell : {62U, 63U}) {
        std::uint64_t state = 0;
        while ((collider.hash(state) & 63U) != cell) {
            ++state;
        }
        states.push_back(state);
    }
    for (std::uint64_t round = 0; round < 200; ++round) {
        CAPTURE(round);
        Seeded random{round};
        KeyTable table{seed};
        Model model;
        for (int operation = 0; operation < 60; ++operation) {
            if (table.size() > 35 || random.chance(15)) {
                const auto size = static_cast<std::uint32_t>(random.below(table.size() + 1));
                table.truncate(size);
                model.truncate(size);
            } else {
                const std::string key = random.chance(70)
                                            ? collider.key(random.below(40), random.pick(states))
                                            : random.text(5);
                REQUIRE(table.find_or_insert(key).index == model.find_or_insert(key).index);
            }
            check_equal(table, model);
        }
    }
}

TEST_CASE("what is said to be likely changes nothing of what is found") {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        Seeded random{seed};
        KeyTable table{seed};
        Model model;
        for (int operation = 0; operation < 500; ++operation) {
            const std::string key = random.text(2);
            // The right one, another one, one that there is not, or none.
            const std::uint32_t likely =
                random.chance(40)   ? model.find(key)
                : random.chance(80) ? static_cast<std::uint32_t>(random.below(table.size() + 2))
                                    : KeyTable::kNone;
            const KeyTable::Found found = table.find_or_insert(key, likely);
            const KeyTable::Found expected = model.find_or_insert(key);
            REQUIRE(found.index == expected.index);
            REQUIRE(found.inserted == expected.inserted);
        }
        check_equal(table, model);
    }
}

TEST_CASE("the empty key is a key like any other") {
    KeyTable table{1};
    CHECK(table.find("") == KeyTable::kNone);
    CHECK(table.find_or_insert("a").index == 0);
    CHECK(table.find_or_insert("").index == 1);
    CHECK(table.find_or_insert("").inserted == false);
    CHECK(table.find_or_insert(std::string_view{"\0", 1}).index == 2);
    CHECK(table.key(1).empty());
    CHECK(table.find("a") == 0);
    CHECK(table.find("") == 1);
    table.truncate(1);
    CHECK(table.find("") == KeyTable::kNone);
    CHECK(table.find("a") == 0);
}

TEST_CASE("keys that differ only far behind their beginning are different keys") {
    KeyTable table{9};
    std::string key(1 << 20, 'x');
    CHECK(table.find_or_insert(key).index == 0);
    for (const std::size_t at : {std::size_t{0}, key.size() / 2, key.size() - 1}) {
        std::string other = key;
        other[at] = 'y';
        CHECK(table.find(other) == KeyTable::kNone);
        CHECK(table.find_or_insert(other).inserted);
    }
    CHECK(table.find_or_insert(key.substr(1)).inserted);
    CHECK(table.find(key) == 0);
    CHECK(table.key_bytes() == 5 * key.size() - 1);
}

TEST_CASE("every length up to beyond two words is hashed whole") {
    // The hash reads eight bytes at a time: the tail is where a byte is forgotten.
    KeyTable table{5};
    std::uint32_t keys = 0;
    for (std::size_t size = 1; size <= 20; ++size) {
        for (std::size_t at = 0; at < size; ++at) {
            std::string key(size, 'a');
            key[at] = 'b';
            REQUIRE(table.find_or_insert(key).index == keys++);
        }
    }
    CHECK(table.size() == keys);
}

TEST_CASE("a cleared table is empty, keeps its memory and counts from zero again") {
    KeyTable table{2};
    for (int i = 0; i < 1000; ++i) {
        (void)table.find_or_insert(std::to_string(i));
    }
    const std::size_t held = table.memory_bytes();
    CHECK(held >= 1000 * 8);
    table.clear();
    CHECK(table.size() == 0);
    CHECK(table.key_bytes() == 0);
    CHECK(table.memory_bytes() == held);
    for (int i = 0; i < 1000; ++i) {
        REQUIRE(table.find(std::to_string(i)) == KeyTable::kNone);
    }
    CHECK(table.find_or_insert("999").index == 0);
    table.truncate(1);
    CHECK(table.find("999") == 0);
}

TEST_CASE("a table may take itself for larger than a cache") {
    KeyTable table{3, 0};
    CHECK(table.outgrows_caches());
    (void)table.find_or_insert("a");
    const std::array<std::string_view, 2> asked{"a", "b"};
    std::array<std::uint32_t, 2> likely{};
    table.prefetch(asked, likely);
    CHECK(likely == std::array<std::uint32_t, 2>{0, KeyTable::kNone});
    CHECK_FALSE(KeyTable{3}.outgrows_caches());
}

TEST_CASE("what is loaded ahead of a lookup is what the lookup finds") {
    constexpr std::uint32_t kKeys = 50'000;
    KeyTable table{3};
    std::array<std::uint32_t, KeyTable::kTogether> likely{};
    for (std::uint32_t i = 0; i < kKeys; ++i) {
        const std::string key = std::to_string(i);
        const std::string_view asked = key;
        (void)table.find_or_insert(key);
        table.prefetch({&asked, 1}, std::span{likely}.first(1));
        REQUIRE(likely[0] == (table.outgrows_caches() ? i : KeyTable::kNone));
    }
    REQUIRE(table.outgrows_caches());
    std::vector<std::string> texts;
    std::vector<std::string_view> keys;
    for (std::uint32_t i = 0; i < KeyTable::kTogether; ++i) {
        texts.push_back(std::to_string(i % 2 == 0 ? i * 1000 : kKeys + i));  // there or not
    }
    keys.assign(texts.begin(), texts.end());
    table.prefetch(keys, likely);
    for (std::uint32_t i = 0; i < KeyTable::kTogether; ++i) {
        CHECK(likely[i] == table.find(keys[i]));
    }
    table.prefetch({}, {});
}

TEST_CASE("keys that are kept keep their order, and everything else goes on as before") {
    testing::Seeded random{91};
    for (int round = 0; round < 30; ++round) {
        KeyTable table{random.word()};
        std::vector<std::string> model;
        for (int change = 0; change < 12; ++change) {
            const std::size_t more = random.below(300);
            for (std::size_t i = 0; i < more; ++i) {
                const std::string key = random.text(random.below(6), 6);
                const auto [index, inserted] = table.find_or_insert(key);
                const auto known = std::ranges::find(model, key);
                REQUIRE(inserted == (known == model.end()));
                REQUIRE(index == static_cast<std::uint32_t>(known - model.begin()));
                if (inserted) {
                    model.push_back(key);
                }
            }
            // Those that came last are taken back: that has to work after every kept() as well.
            const std::size_t left = model.size() - random.below(model.size() + 1) / 4;
            table.truncate(static_cast<std::uint32_t>(left));
            std::vector<std::string> gone(model.begin() + static_cast<std::ptrdiff_t>(left),
                                          model.end());
            model.resize(left);
            std::vector<bool> wanted;
            std::vector<std::string> kept;
            const std::size_t share = random.below(101);
            for (const std::string& key : model) {
                wanted.push_back(random.chance(share));
                (wanted.back() ? kept : gone).push_back(key);
            }
            table.keep(wanted);
            model = std::move(kept);
            REQUIRE(table.size() == model.size());
            for (std::uint32_t i = 0; i < model.size(); ++i) {
                REQUIRE(table.key(i) == model[i]);
                REQUIRE(table.find(model[i]) == i);
            }
            for (const std::string& key : gone) {
                REQUIRE(table.find(key) == KeyTable::kNone);
            }
        }
    }
}

TEST_CASE("what is not kept is memory that others can have") {
    KeyTable table{2};
    for (int i = 0; i < 100'000; ++i) {
        (void)table.find_or_insert(std::to_string(i));
    }
    const std::size_t held = table.memory_bytes();
    std::vector<bool> wanted(table.size());
    wanted.back() = true;
    table.keep(wanted);
    CHECK(table.key(0) == "99999");
    CHECK(table.memory_bytes() < held / 100);
}

}  // namespace kstream
