#include "kafka/log_batch.hpp"

#include "kstream/codec/wire.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kstream::kafka {
namespace {

using Text = std::optional<std::string>;

struct Written {
    std::int64_t timestamp_delta = 0;
    std::int64_t offset_delta = 0;
    Text key;
    Text value;
    std::vector<std::pair<std::string, Text>> headers = {};
};

void zigzag(std::string& out, std::int64_t value) {
    ByteWriter{out}.zigzag128(value);
}

void sized(std::string& out, const Text& text) {
    zigzag(out, text ? static_cast<std::int64_t>(text->size()) : -1);
    out += text.value_or("");
}

std::string bytes_of(const Written& record) {
    std::string body(1, '\0');
    zigzag(body, record.timestamp_delta);
    zigzag(body, record.offset_delta);
    sized(body, record.key);
    sized(body, record.value);
    zigzag(body, static_cast<std::int64_t>(record.headers.size()));
    for (const auto& [name, value] : record.headers) {
        sized(body, name);
        sized(body, value);
    }
    std::string out;
    zigzag(out, static_cast<std::int64_t>(body.size()));
    return out + body;
}

struct Batch {
    explicit Batch(const std::vector<Written>& records) {
        for (const Written& record : records) {
            bytes += bytes_of(record);
        }
        facts.partition = PartitionId{3};
        facts.base = Offset{100};
        facts.timestamp_ms = 5000;
        facts.record_count = static_cast<std::int32_t>(records.size());
    }
    Result<void> read() {
        facts.records = bytes;
        return append_records(facts, views, &headers);
    }
    std::string error() {
        const Result<void> done = read();
        REQUIRE_FALSE(done);
        CHECK(done.error().exit_code == ExitCode::integrity);
        return done.error().message;
    }
    std::string bytes;
    LogBatch facts;
    std::vector<RecordView> views;
    std::vector<std::string_view> headers;
};

}  // namespace

TEST_CASE("a batch of the log: keys, values, offsets and timestamps of its records") {
    Batch batch{{{0, 0, "k", "v"},
                 {7, 1, std::nullopt, std::string(300, 'x')},
                 {-2, 5, "", std::nullopt},
                 {100'000, 70'000, "key", ""}}};
    REQUIRE(batch.read());
    REQUIRE(batch.views.size() == 4);
    CHECK(batch.views[0].partition == PartitionId{3});
    CHECK(batch.views[0].record_offset == Offset{100});
    CHECK(batch.views[0].timestamp_ms == 5000);
    CHECK(batch.views[0].key() == "k");
    CHECK(batch.views[0].value() == "v");
    CHECK(batch.views[1].record_offset == Offset{101});
    CHECK(batch.views[1].timestamp_ms == 5007);
    CHECK_FALSE(batch.views[1].has_key());
    CHECK(batch.views[1].value() == std::string(300, 'x'));
    CHECK(batch.views[2].record_offset == Offset{105});
    CHECK(batch.views[2].timestamp_ms == 4998);
    CHECK(batch.views[2].has_key());
    CHECK(batch.views[2].key().empty());
    CHECK(batch.views[2].is_tombstone());
    CHECK(batch.views[3].record_offset == Offset{70'100});
    CHECK(batch.views[3].timestamp_ms == 105'000);
    CHECK_FALSE(batch.views[3].is_tombstone());
    CHECK(batch.views[3].value().empty());
}

TEST_CASE("a batch of the log: under LogAppendTime all records have its timestamp") {
    Batch batch{{{0, 0, "k", "v"}, {7, 1, "k", "v"}}};
    batch.facts.log_append_time = true;
    REQUIRE(batch.read());
    CHECK(batch.views[0].timestamp_ms == 5000);
    CHECK(batch.views[1].timestamp_ms == 5000);
}

TEST_CASE("a batch of the log: records before the wanted offset are passed over") {
    Batch batch{{{0, 0, "a", "1"}, {0, 1, "b", "2"}, {0, 2, "c", "3"}}};
    batch.facts.first = Offset{102};
    REQUIRE(batch.read());
    REQUIRE(batch.views.size() == 1);
    CHECK(batch.views[0].key() == "c");
    CHECK(batch.headers.size() == 1);
}

TEST_CASE("a batch of the log: views are added to those of another one") {
    Batch first{{{0, 0, "a", "1"}}};
    REQUIRE(first.read());
    Batch second{{{0, 0, "b", "2"}}};
    second.facts.records = second.bytes;
    REQUIRE(append_records(second.facts, first.views));
    REQUIRE(first.views.size() == 2);
    CHECK(first.views[0].key() == "a");
    CHECK(first.views[1].key() == "b");
}

TEST_CASE("a batch of the log: the last header of a name counts") {
    Batch batch{{{0,
                  0,
                  "k",
                  "v",
                  {{"reason", "one"}, {"other", "x"}, {"reason", "two"}, {"null", std::nullopt}}},
                 {0, 1, "k", "v"}}};
    REQUIRE(batch.read());
    CHECK(last_header(batch.headers[0], "reason") == "two");
    CHECK(last_header(batch.headers[0], "other") == "x");
    CHECK(last_header(batch.headers[0], "null") == std::nullopt);
    CHECK(last_header(batch.headers[0], "reaso") == std::nullopt);
    CHECK(last_header(batch.headers[1], "reason") == std::nullopt);
    for (std::size_t size = 0; size < batch.headers[0].size(); ++size) {
        CHECK(last_header(batch.headers[0].substr(0, size), "null") == std::nullopt);
    }
}

TEST_CASE("a batch of the log that is cut off anywhere is refused, and adds nothing") {
    Batch whole{{{0, 0, "key", "value", {{"h", "x"}}}, {300, 1, std::nullopt, "2"}}};
    for (std::size_t size = 0; size < whole.bytes.size(); ++size) {
        INFO(size);
        Batch batch{{}};
        batch.facts.record_count = 2;
        batch.bytes = whole.bytes.substr(0, size);
        batch.views.resize(1);
        batch.headers.resize(1);
        CHECK(batch.error().find("partition 3: the record batch at offset 100 is damaged") == 0);
        CHECK(batch.views.size() == 1);
        CHECK(batch.headers.size() == 1);
    }
}

TEST_CASE("a batch of the log with more or fewer records than announced is refused") {
    Batch batch{{{0, 0, "a", "1"}, {0, 1, "b", "2"}}};
    batch.facts.record_count = 3;
    CHECK(batch.error().find("2 of 3 records") != std::string::npos);
    batch.facts.record_count = 1;
    CHECK(batch.error().find("2 of 1 records") != std::string::npos);
}

TEST_CASE("a batch of the log whose sizes lie is refused") {
    SECTION("a value longer than its record") {
        std::string body(3, '\0');
        zigzag(body, -1);
        zigzag(body, 1000);
        Batch batch{{}};
        zigzag(batch.bytes, static_cast<std::int64_t>(body.size()));
        batch.bytes += body + std::string(2000, 'x');
        batch.facts.record_count = 1;
        CHECK(batch.error().find("0 of 1 records") != std::string::npos);
    }
    SECTION("an offset before its batch") {
        Batch batch{{{0, -1, "k", "v"}}};
        CHECK(batch.error().find("0 of 1 records") != std::string::npos);
    }
    SECTION("a last record that is damaged, where one fewer is announced") {
        Batch batch{{{0, 0, "k", "v"}}};
        zigzag(batch.bytes, 3);
        batch.bytes += std::string(3, '\0');
        CHECK(batch.error().find("1 of 1 records") != std::string::npos);
    }
    SECTION("a size below -1") {
        std::string body(3, '\0');
        zigzag(body, -2);
        zigzag(body, 0);
        Batch batch{{}};
        zigzag(batch.bytes, static_cast<std::int64_t>(body.size()));
        batch.bytes += body;
        batch.facts.record_count = 1;
        CHECK(batch.error().find("0 of 1 records") != std::string::npos);
    }
    SECTION("a length that does not end") {
        Batch batch{{}};
        batch.bytes = std::string(20, '\xff');
        batch.facts.record_count = 1;
        CHECK(batch.error().find("0 of 1 records") != std::string::npos);
    }
    SECTION("a negative length") {
        Batch batch{{}};
        zigzag(batch.bytes, -5);
        batch.facts.record_count = 1;
        CHECK(batch.error().find("0 of 1 records") != std::string::npos);
    }
}

TEST_CASE("all headers of a record, found after its value, with whatever follows") {
    Batch batch{{{0, 0, "k", "v", {{"a", "1"}, {"a", std::nullopt}, {"", ""}}}, {0, 1, "k", "w"}}};
    REQUIRE(batch.read());
    const auto behind = [&](std::size_t i) {
        const char* const at = batch.views[i].value_data + batch.views[i].value_size;
        return std::string_view{
            at, static_cast<std::size_t>(batch.bytes.data() + batch.bytes.size() - at)};
    };
    CHECK(read_headers(behind(0)) ==
          std::vector<HeaderView>{{"a", "1"}, {"a", std::nullopt}, {"", ""}});
    CHECK(read_headers(behind(1)) == std::vector<HeaderView>{});
    // Cut anywhere, they are damaged.
    const std::string_view all = batch.headers[0];
    for (std::size_t size = 0; size < all.size(); ++size) {
        CHECK_FALSE(read_headers(all.substr(0, size)));
    }
    CHECK_FALSE(read_headers("\x01"));      // -1 headers
    CHECK_FALSE(read_headers("\x02\x01"));  // a name that is null
}

}  // namespace kstream::kafka
