// Group values to one byte string and back: equal keys if and only if equal values.
#include "kstream/codec/state_key.hpp"

#include "support/fakes/seeded.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace kstream {
namespace {

using testing::Seeded;
// Values that own their text.
using Values = std::vector<std::pair<GroupValueType, std::string>>;

std::string key_of(const Values& values) {
    GroupKey group;
    for (const auto& [type, text] : values) {
        group.values.push_back({type, text});
    }
    std::string key = "left over";
    encode_state_key(group, key);
    return key;
}

bool decode(const std::string& key, std::size_t fields, Values& values) {
    GroupKey group{.values = {{GroupValueType::string, "left over"}}};
    if (!decode_state_key(key, fields, group)) {
        return false;
    }
    values.clear();
    for (const GroupValue& view : group.values) {
        values.emplace_back(view.type, std::string{view.text});
    }
    return true;
}

Values random_values(Seeded& random, std::size_t fields) {
    const std::vector<GroupValueType> types{GroupValueType::string, GroupValueType::number,
                                            GroupValueType::boolean};
    Values values;
    for (std::size_t i = 0; i < fields; ++i) {
        values.emplace_back(random.pick(types), random.text(random.below(4), 2));
    }
    return values;
}

}  // namespace

TEST_CASE("a state key gives back its values, whatever bytes are in them") {
    const Values values{{GroupValueType::string, std::string{"a\0b", 3}},
                        {GroupValueType::number, "-12.5"},
                        {GroupValueType::boolean, "true"},
                        {GroupValueType::string, ""},
                        {GroupValueType::string, std::string(1024, '\xc3')}};
    Values read;
    REQUIRE(decode(key_of(values), values.size(), read));
    CHECK(read == values);
}

TEST_CASE("the text 1 and the number 1 are two keys") {
    CHECK(key_of({{GroupValueType::string, "1"}}) != key_of({{GroupValueType::number, "1"}}));
    CHECK(key_of({{GroupValueType::string, "true"}}) !=
          key_of({{GroupValueType::boolean, "true"}}));
}

TEST_CASE("no two lists of values share a key") {
    Seeded random{3};
    std::map<std::string, Values> seen;
    for (int i = 0; i < 20'000; ++i) {
        const Values values = random_values(random, 1 + random.below(3));
        const auto [entry, inserted] = seen.emplace(key_of(values), values);
        REQUIRE(entry->second == values);
    }
    CHECK(seen.size() > 1000);
}

TEST_CASE("a key that is cut off, goes on or has another number of fields is refused") {
    const std::string key =
        key_of({{GroupValueType::string, "abc"}, {GroupValueType::number, "7"}});
    Values values;
    REQUIRE(decode(key, 2, values));
    for (std::size_t size = 0; size < key.size(); ++size) {
        CAPTURE(size);
        CHECK_FALSE(decode(key.substr(0, size), 2, values));
    }
    CHECK_FALSE(decode(key + '\0', 2, values));
    CHECK_FALSE(decode(key, 1, values));
    CHECK_FALSE(decode(key, 3, values));
}

TEST_CASE("an unknown type or a window is refused") {
    std::string key = key_of({{GroupValueType::string, "abc"}});
    Values values;
    for (int byte = 0; byte < 256; ++byte) {
        const bool known = byte == 's' || byte == 'n' || byte == 'b';
        std::string other = key;
        other.front() = static_cast<char>(byte);
        CHECK(decode(other, 1, values) == known);
        other = key;
        other.back() = static_cast<char>(byte);
        CHECK(decode(other, 1, values) == (byte == 0));
    }
}

TEST_CASE("a length beyond the end of the key is refused") {
    std::string key = key_of({{GroupValueType::string, "abc"}});
    Values values;
    for (int length = 0; length < 256; ++length) {
        key[1] = static_cast<char>(length);
        CHECK(decode(key, 1, values) == (length == 3));
    }
}

TEST_CASE("a window is part of the key, and keys of a job with windows always have one") {
    const GroupKey group{.values = {{GroupValueType::string, "a"}}};
    std::string previous;
    for (const std::int64_t start :
         {std::numeric_limits<std::int64_t>::min(), std::int64_t{-86'400'000}, std::int64_t{-1},
          std::int64_t{0}, std::int64_t{1'700'000'000'000},
          std::numeric_limits<std::int64_t>::max()}) {
        CAPTURE(start);
        std::string key;
        encode_state_key(group, start, key);
        GroupKey same = group;
        same.window_start = start;
        std::string again;
        encode_state_key(same, again);
        CHECK(again == key);
        GroupKey read;
        REQUIRE(decode_state_key(key, {1, true}, read));
        CHECK(read.window_start == start);
        CHECK(read.values[0].text == "a");
        CHECK(window_start_of(key) == start);
        CHECK_FALSE(decode_state_key(key, 1, read));
        CHECK_FALSE(decode_state_key(key + "a", {1, true}, read));
        CHECK_FALSE(decode_state_key(key.substr(0, key.size() - 1), {1, true}, read));
        CHECK(previous < key);  // of one group, bytes are in the order of time
        previous = key;
    }
    std::string key;
    encode_state_key(group, key);
    GroupKey read;
    CHECK(decode_state_key(key, 1, read));
    CHECK_FALSE(decode_state_key(key, {1, true}, read));
}

TEST_CASE("a session is part of the key as a window is, and is none") {
    const GroupKey group{.values = {{GroupValueType::string, "a"}}};
    std::string key;
    encode_session_key(group, 1'700'000'000'000, key);
    CHECK(key == std::string{"s\1a\2\x80\0\1\x8b\xcf\xe5\x68\0", 12});
    CHECK(window_start_of(key) == 1'700'000'000'000);
    GroupKey read;
    REQUIRE(decode_state_key(key, {1, true, true}, read));
    CHECK(read.window_start == 1'700'000'000'000);
    CHECK(read.is_session);
    std::string again;
    encode_state_key(read, again);
    CHECK(again == key);
    CHECK_FALSE(decode_state_key(key, {1, true}, read));
    CHECK_FALSE(read.is_session);
    std::string window;
    encode_state_key(group, 1'700'000'000'000, window);
    CHECK_FALSE(decode_state_key(window, {1, true, true}, read));
    // What all sessions of a group have in common.
    std::string later;
    encode_session_key(group, 1'700'000'000'001, later);
    CHECK(group_part_of(later) == group_part_of(key));
    CHECK(key < later);
}

}  // namespace kstream
