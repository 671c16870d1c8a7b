// What people read: keys that no two groups share, values that are JSON.
#include "kstream/codec/result_record.hpp"

#include "kstream/codec/state_key.hpp"
#include "support/fakes/test_job.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace kstream {
namespace {

std::string key_of(const std::vector<GroupValue>& values) {
    std::string key;
    append_result_key(key, {values});
    return key;
}

std::string json_string(std::string_view text) {
    std::string out;
    append_json_string(out, text);
    return out;
}

}  // namespace

TEST_CASE("the record of the seed's job has the seed's form") {
    const std::vector<GroupValue> group{{GroupValueType::string, "vendedor_1"}};
    const std::vector<Slot> slots{{Int128{124919682955470} * 1'000'000, true}, {1665581, true}};
    std::string value;
    append_result_value(value, testing::seed_spec(), {group}, slots);
    CHECK(value == R"({"id_vendedor":"vendedor_1","valor_total_por_vendedor":124919682955.47,)"
                   R"("numero_transacoes":1665581})");
    CHECK(key_of(group) == "vendedor_1");
}

TEST_CASE("a single text is its own key") {
    CHECK(key_of({{GroupValueType::string, ""}}).empty());
    CHECK(key_of({{GroupValueType::string, "a\"b\n"}}) == "a\"b\n");
    CHECK(key_of({{GroupValueType::string, "{\"x\":1}"}}) == "{\"x\":1}");
}

TEST_CASE("everything else is an array that tells types and boundaries apart") {
    CHECK(key_of({{GroupValueType::number, "1"}}) == "[1]");
    CHECK(key_of({{GroupValueType::boolean, "true"}}) == "[true]");
    CHECK(key_of({{GroupValueType::string, "[1]"}}) == R"(["[1]"])");
    CHECK(key_of({{GroupValueType::string, "a"}, {GroupValueType::number, "1"}}) == R"(["a",1])");
    CHECK(key_of({{GroupValueType::string, "a"}, {GroupValueType::string, "1"}}) == R"(["a","1"])");
    CHECK(key_of({{GroupValueType::string, R"(a","b)"}, {GroupValueType::string, ""}}) ==
          R"(["a\",\"b",""])");
}

TEST_CASE("texts are escaped as JSON demands, and not further") {
    CHECK(json_string("plain") == R"("plain")");
    CHECK(json_string("\"\\\n\r\t\b\f/") == R"("\"\\\n\r\t\b\f/")");
    CHECK(json_string(std::string_view{"\0\x01\x1f\x7f", 4}) == "\"\\u0000\\u0001\\u001f\x7f\"");
    CHECK(json_string("caf\xc3\xa9 \xf0\x9f\x98\x80") == "\"caf\xc3\xa9 \xf0\x9f\x98\x80\"");
    // Every control character below 0x20 is escaped: a reader's parser refuses raw ones.
    for (char c = 0; c < 0x20; ++c) {
        const std::string out = json_string({&c, 1});
        CHECK(out.find(c) == std::string::npos);
        CHECK(out[1] == '\\');
    }
}

TEST_CASE("several fields stand in the job's order, with any names") {
    AggregationSpec spec = testing::seed_spec();
    spec.group_by = {"b\"1", "a"};
    spec.aggregates = {{aggregate_named("count"), "", "n"}};
    const std::vector<GroupValue> group{{GroupValueType::number, "-0.5"},
                                        {GroupValueType::boolean, "false"}};
    std::string value = "kept ";
    append_result_value(value, spec, {group}, std::vector<Slot>{{3, true}});
    CHECK(value == R"(kept {"b\"1":-0.5,"a":false,"n":3})");
}

TEST_CASE("a result key leads back to its state key, and only in the one form that it has") {
    using enum GroupValueType;
    const std::vector<std::vector<GroupValue>> groups{
        {{string, "vendedor_1"}},
        {{string, ""}},
        {{string, "[odd"}},
        {{string, "[]"}},
        {{number, "7.5"}},
        {{boolean, "true"}},
        {{string, "a,b"}, {string, "quote\" \\ \n [ ]"}},
        {{string, "S\xc3\xa3o"}, {number, "-1"}, {boolean, "false"}}};
    for (const auto& group : groups) {
        std::string result_key;
        append_result_key(result_key, {group});
        CAPTURE(result_key);
        std::string state_key;
        encode_state_key({group}, state_key);
        CHECK(state_key_of(result_key, group.size()) == state_key);
        CHECK_FALSE(state_key_of(result_key, group.size() + 1));
    }
    for (const char* other :
         {"[", "[]", "[1", "[1 ]", "[\"a\"]", "[\"a]", "[\"\\u0061\",1]", "[1,]", "[,1]", "[null]",
          "[{}]", "[\"a\\", "[01]", "[\"\\x\"]", "[true,1"}) {
        CAPTURE(other);
        CHECK_FALSE(state_key_of(other, 1));
        CHECK_FALSE(state_key_of(other, 2));
    }
}

TEST_CASE("the key of a window's result is an array that ends with its start") {
    GroupKey group{.values = {{GroupValueType::string, "a"}, {GroupValueType::number, "1.5"}},
                   .window_start = 1'700'000'000'000};
    const auto key_of = [](const GroupKey& of) {
        std::string key;
        append_result_key(key, of);
        return key;
    };
    CHECK(key_of(group) == R"(["a",1.5,"2023-11-14T22:13:20Z"])");
    std::string partition_key;
    append_partition_key(partition_key, group);
    CHECK(partition_key == R"(["a",1.5])");
    group.values.pop_back();
    CHECK(key_of(group) == R"(["a","2023-11-14T22:13:20Z"])");
    partition_key.clear();
    append_partition_key(partition_key, group);
    CHECK(partition_key == "a");
    group.values.clear();
    group.window_start = -1;
    CHECK(key_of(group) == R"(["1969-12-31T23:59:59.999Z"])");
}

TEST_CASE("the key of a window's result gives back the state key, in one spelling only") {
    const KeyShape shape{1, true};
    for (const std::int64_t start :
         {std::int64_t{-94'694'400'000}, std::int64_t{0}, std::int64_t{1'709'164'800'000},
          std::int64_t{1'709'164'800'001}, std::int64_t{253'402'300'799'999}}) {
        CAPTURE(start);
        const GroupKey group{.values = {{GroupValueType::string, "a"}}, .window_start = start};
        std::string result_key;
        append_result_key(result_key, group);
        std::string state_key;
        encode_state_key(group, state_key);
        CHECK(state_key_of(result_key, shape) == state_key);
        CHECK_FALSE(state_key_of(result_key, 1));
        CHECK_FALSE(state_key_of(result_key, {2, true}));
        CHECK(partition_key_of(result_key, shape) == "a");
        CHECK(partition_key_of(result_key, 2) == result_key);
    }
    for (const char* other :
         {"a", R"(["a"])", "[]", R"(["2024-01-01T00:00:00Z"])", R"(["a","2024-01-01"])",
          R"(["a","2024-01-01T00:00:00.000Z"])", R"(["a","2024-01-01T00:00:00+00:00"])",
          R"(["a","2024-02-30T00:00:00Z"])", R"(["a","2024-01-01T24:00:00Z"])",
          R"(["a","2024-01-01T00:00:00.5Z"])", R"(["a",1704067200000])",
          R"(["a", "2024-01-01T00:00:00Z"])"}) {
        CAPTURE(other);
        CHECK_FALSE(state_key_of(other, shape));
        CHECK_FALSE(partition_key_of(other, shape));
    }
}

}  // namespace kstream
