// The record that came too late for its window: its bytes unchanged, where it came from, and how
// late it was. What does not fit is cut as dead letters are (dead_letter_test.cpp).
#include "kstream/codec/late_record.hpp"

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
    view.timestamp_ms = -1;
    if (key) {
        view.key_data = key->data();
        view.key_size = static_cast<std::uint32_t>(key->size());
    }
    view.value_data = value.data();
    view.value_size = static_cast<std::uint32_t>(value.size());
    return view;
}

struct Late {
    OutputBatch out;
    OutputBatch::Headers headers;
    std::optional<std::string> key;
    std::optional<std::string> value;
};

Late late_of(const RecordView& view, std::optional<std::int64_t> window_end, std::size_t max_bytes,
             const std::vector<HeaderView>& headers = {}) {
    Late late;
    append_late_record(late.out, PartitionId{1},
                       {.record = view,
                        .headers = headers,
                        .source_topic = "in",
                        .event_time = 1,
                        .watermark = 61000,
                        .window_start = window_end ? std::optional{0} : std::nullopt,
                        .window_end = window_end,
                        .late_by = 1001},
                       max_bytes);
    REQUIRE(late.out.records().size() == 1);
    const OutputBatch::Record& written = late.out.records()[0];
    CHECK(written.topic == TopicRole::late);
    CHECK(written.partition == PartitionId{1});
    late.headers = late.out.header_sets().at(written.headers);
    late.key = late.out.key(written);
    late.value = late.out.value(written);
    return late;
}

const OutputBatch::Headers kOurs{
    {"kstream.reason", "late"},
    {"kstream.source.topic", "in"},
    {"kstream.source.partition", "4"},
    {"kstream.source.offset", "123456789012"},
    {"kstream.source.timestamp", "-1"},
    {"kstream.event.time", "1970-01-01T00:00:00.001Z"},
    {"kstream.watermark", "1970-01-01T00:01:01Z"},
    {"kstream.window.start", "1970-01-01T00:00:00Z"},
    {"kstream.window.end", "1970-01-01T00:01:00Z"},
    {"kstream.late.by.ms", "1001"},
};
constexpr std::int64_t kWindowEnd = 60000;

}  // namespace

TEST_CASE("a late record has the record's bytes unchanged, its coordinates and its times") {
    const std::string value{"\xff\0{\"v\":1}", 9};
    const Late late = late_of(record("k\xfe", value), kWindowEnd, 1000);
    CHECK(late.key == "k\xfe");
    CHECK(late.value == value);
    CHECK(late.headers == kOurs);
}

TEST_CASE("a null key stays null, and a session has no bounds") {
    const Late late = late_of(record(std::nullopt, ""), std::nullopt, 1000);
    CHECK_FALSE(late.key.has_value());
    CHECK(late.value == "");
    OutputBatch::Headers expected = kOurs;
    std::erase_if(expected,
                  [](const auto& one) { return one.first.starts_with("kstream.window."); });
    CHECK(late.headers == expected);
}

TEST_CASE("the late record's own headers come first, null values and names of ours too") {
    const std::vector<HeaderView> own{{"trace", std::nullopt}, {"kstream.reason", "late"}};
    OutputBatch::Headers expected{{"trace", std::nullopt}, {"kstream.reason", "late"}};
    expected.insert(expected.end(), kOurs.begin(), kOurs.end());
    CHECK(late_of(record("k", "v"), kWindowEnd, 100, own).headers == expected);
}

TEST_CASE("a late record that does not fit loses its own headers, then becomes a stub") {
    const std::vector<HeaderView> own{{"n", std::nullopt}};
    constexpr std::size_t kBytes = 6 + 3;
    CHECK(late_of(record("key", "abc"), kWindowEnd, kBytes, own).headers.size() == 11);
    for (const std::size_t most : {kBytes - 1, std::size_t{6}}) {
        const Late without = late_of(record("key", "abc"), kWindowEnd, most, own);
        OutputBatch::Headers expected = kOurs;
        expected.emplace_back("kstream.source.headers", "1");
        CHECK(without.headers == expected);
        CHECK(without.key == "key");
        CHECK(without.value == "abc");
    }
    const Late stub = late_of(record("key", "abc"), kWindowEnd, 5, own);
    CHECK_FALSE(stub.key);
    CHECK(stub.value == "");
    OutputBatch::Headers expected = kOurs;
    expected.emplace_back("kstream.stub", "true");
    expected.emplace_back("kstream.source.key.bytes", "3");
    expected.emplace_back("kstream.source.value.bytes", "3");
    // sha256sum of 'abc', FIPS 180-2
    expected.emplace_back("kstream.source.value.sha256",
                          "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    expected.emplace_back("kstream.source.headers", "1");
    CHECK(stub.headers == expected);
}

}  // namespace kstream
