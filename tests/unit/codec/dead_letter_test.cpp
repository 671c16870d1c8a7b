// The dead letter of a bad record: its bytes unchanged, and where it came from.
#include "kstream/codec/dead_letter.hpp"

#include <catch2/catch_test_macros.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kstream {
namespace {

RecordView record(std::optional<std::string_view> key, std::string_view value) {
    RecordView view;
    view.partition = PartitionId{4};
    view.record_offset = Offset{123456789012};
    view.timestamp_ms = 1700000000123;
    if (key) {
        view.key_data = key->data();
        view.key_size = static_cast<std::uint32_t>(key->size());
    }
    view.value_data = value.data();
    view.value_size = static_cast<std::uint32_t>(value.size());
    return view;
}

struct Letter {
    OutputBatch out;
    OutputBatch::Headers headers;
    std::optional<std::string> key;
    std::optional<std::string> value;
};

Letter letter_of(const RecordView& view, BadReason reason, std::size_t max_bytes,
                 const std::vector<HeaderView>& headers = {}, std::string_view field = {}) {
    Letter letter;
    append_dead_letter(letter.out, PartitionId{1},
                       {.record = view,
                        .headers = headers,
                        .source_topic = "in",
                        .reason = reason,
                        .field = field},
                       max_bytes);
    REQUIRE(letter.out.records().size() == 1);
    const OutputBatch::Record& written = letter.out.records()[0];
    CHECK(written.topic == TopicRole::dead_letters);
    CHECK(written.partition == PartitionId{1});
    letter.headers = letter.out.header_sets().at(written.headers);
    letter.key = letter.out.key(written);
    letter.value = letter.out.value(written);
    return letter;
}

const OutputBatch::Headers kCoordinates{
    {"kstream.reason", "scale"},
    {"kstream.source.topic", "in"},
    {"kstream.source.partition", "4"},
    {"kstream.source.offset", "123456789012"},
    {"kstream.source.timestamp", "1700000000123"},
};

}  // namespace

TEST_CASE("a dead letter has the record's bytes unchanged and its coordinates and reason") {
    const std::string value{"\xff\0{not json", 12};
    const Letter letter = letter_of(record("k\xfe", value), BadReason::scale, 1000);
    CHECK(letter.key == "k\xfe");
    CHECK(letter.value == value);
    CHECK(letter.headers == kCoordinates);
}

TEST_CASE("a null key stays null and an empty one stays empty") {
    CHECK_FALSE(letter_of(record(std::nullopt, "x"), BadReason::json, 1000).key.has_value());
    CHECK(letter_of(record("", "x"), BadReason::json, 1000).key == "");
    CHECK(letter_of(record("k", ""), BadReason::json, 1000).value == "");
}

TEST_CASE("a letter that would not fit becomes a stub with lengths and hash") {
    // sha256sum of 'abc', FIPS 180-2
    const Letter letter = letter_of(record("key", "abc"), BadReason::scale, 5);
    CHECK_FALSE(letter.key.has_value());
    CHECK(letter.value == "");
    OutputBatch::Headers expected = kCoordinates;
    expected.emplace_back("kstream.stub", "true");
    expected.emplace_back("kstream.source.key.bytes", "3");
    expected.emplace_back("kstream.source.value.bytes", "3");
    expected.emplace_back("kstream.source.value.sha256",
                          "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK(letter.headers == expected);
}

TEST_CASE("key and value count together, and the limit itself still fits") {
    CHECK(letter_of(record("key", "abc"), BadReason::scale, 6).headers.size() == 5);
    CHECK(letter_of(record("key", "abc"), BadReason::scale, 5).headers.size() == 9);
    CHECK(letter_of(record(std::nullopt, "abc"), BadReason::scale, 3).headers.size() == 5);
    CHECK(letter_of(record(std::string(4, 'k'), ""), BadReason::scale, 3).headers.size() == 9);
}

TEST_CASE("the field that a reason is about stands in the letter, also in a stub") {
    OutputBatch::Headers expected = kCoordinates;
    expected.emplace_back("kstream.field", "pre\xc3\xa7o");
    CHECK(letter_of(record("k", "v"), BadReason::scale, 100, {}, "pre\xc3\xa7o").headers ==
          expected);
    const Letter stub = letter_of(record("k", "v"), BadReason::scale, 1, {}, "valor");
    CHECK(stub.headers.at(5) == OutputBatch::Headers::value_type{"kstream.field", "valor"});
    CHECK(stub.headers.at(6).first == "kstream.stub");
}

// A dead letter that was produced to the source again has headers of ours already.
TEST_CASE("the record's own headers come first, unchanged, whatever their names are") {
    const std::string bytes{"\xff\0", 2};
    const std::vector<HeaderView> own{{"trace", bytes},
                                      {"trace", std::nullopt},
                                      {"", ""},
                                      {"kstream.reason", "json"},
                                      {"kstream.field", "x"}};
    OutputBatch::Headers expected{{"trace", bytes},
                                  {"trace", std::nullopt},
                                  {"", ""},
                                  {"kstream.reason", "json"},
                                  {"kstream.field", "x"}};
    expected.insert(expected.end(), kCoordinates.begin(), kCoordinates.end());
    CHECK(letter_of(record("k", "v"), BadReason::scale, 100, own).headers == expected);
}

TEST_CASE(
    "headers count as the log holds them, and are left out alone where only they do not fit") {
    const std::string large(100, 'h');  // its length takes two bytes in the log
    const std::vector<HeaderView> own{{"abc", large}, {"n", std::nullopt}};
    constexpr std::size_t kBytes = 6 + (1 + 3 + 2 + 100) + (1 + 1 + 1);
    CHECK(letter_of(record("key", "abc"), BadReason::scale, kBytes, own).headers.size() == 7);
    OutputBatch::Headers expected = kCoordinates;
    expected.emplace_back("kstream.source.headers", "2");
    for (const std::size_t most : {kBytes - 1, std::size_t{6}}) {
        const Letter without = letter_of(record("key", "abc"), BadReason::scale, most, own);
        CHECK(without.headers == expected);
        CHECK(without.key == "key");
        CHECK(without.value == "abc");
    }
    const Letter stub = letter_of(record("key", "abc"), BadReason::scale, 5, own);
    CHECK_FALSE(stub.key);
    CHECK(stub.value == "");
    CHECK(stub.headers.at(5) == OutputBatch::Headers::value_type{"kstream.stub", "true"});
    CHECK(stub.headers.back() == OutputBatch::Headers::value_type{"kstream.source.headers", "2"});
}

TEST_CASE("every reason stands in its letter by name") {
    for (std::size_t i = 0; i < kBadReasonCount; ++i) {
        const auto reason = static_cast<BadReason>(i);
        const Letter letter = letter_of(record("k", "v"), reason, 100);
        CHECK(letter.headers[0].second == bad_reason_name(reason));
    }
}

}  // namespace kstream
