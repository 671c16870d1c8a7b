// The records of a step: null is not empty, and headers stay with their records.
#include "kstream/model/output_batch.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kstream {

TEST_CASE("keys and values come back, null distinguished from empty") {
    OutputBatch batch;
    batch.append(TopicRole::results, PartitionId{1}, "key", "value");
    batch.append(TopicRole::repartition, PartitionId{2}, std::nullopt, "");
    batch.append(TopicRole::changelog, PartitionId{3}, "", std::nullopt);
    REQUIRE(batch.records().size() == 3);
    const auto& records = batch.records();
    CHECK(batch.key(records[0]) == "key");
    CHECK(batch.value(records[0]) == "value");
    CHECK_FALSE(batch.key(records[1]).has_value());
    CHECK(batch.value(records[1]) == "");
    CHECK(batch.key(records[2]) == "");
    CHECK_FALSE(batch.value(records[2]).has_value());
    CHECK(batch.memory_bytes() == 8 + 3 * sizeof(OutputBatch::Record));
}

TEST_CASE("a batch that is put after another keeps its records and their headers") {
    OutputBatch first;
    first.append(TopicRole::results, PartitionId{0}, "a", "1", first.add_headers({{"n", "one"}}));
    OutputBatch second;
    second.append(TopicRole::dead_letters, PartitionId{4}, std::nullopt, "2",
                  second.add_headers({{"n", "two"}}));
    second.append(TopicRole::dead_letters, PartitionId{5}, "c", std::nullopt);
    first.append_all(second);
    REQUIRE(first.records().size() == 3);
    CHECK(first.header_sets().at(first.records()[0].headers)[0].second == "one");
    CHECK(first.header_sets().at(first.records()[1].headers)[0].second == "two");
    CHECK(first.records()[2].headers == OutputBatch::kNoHeaders);
    CHECK_FALSE(first.key(first.records()[1]).has_value());
    CHECK(first.value(first.records()[1]) == "2");
    CHECK(first.key(first.records()[2]) == "c");
    CHECK_FALSE(first.value(first.records()[2]).has_value());
    CHECK(first.records()[2].partition == PartitionId{5});
}

TEST_CASE("a cleared batch is empty") {
    OutputBatch batch;
    batch.append(TopicRole::results, PartitionId{1}, "key", "value", batch.add_headers({}));
    batch.clear();
    CHECK(batch.empty());
    CHECK(batch.memory_bytes() == 0);
    CHECK(batch.header_sets().empty());
}

TEST_CASE("headers are part of what a batch holds") {
    const OutputBatch::Headers headers{{"a name that is no short string", "v"}, {"n", "v"}};
    OutputBatch batch;
    batch.append(TopicRole::dead_letters, PartitionId{0}, std::nullopt, "",
                 batch.add_headers(headers));
    const std::size_t one = batch.memory_bytes();
    CHECK(one >= sizeof(OutputBatch::Record) + sizeof headers + 2 * sizeof headers[0] + 30);
    batch.append(TopicRole::dead_letters, PartitionId{0}, std::nullopt, "",
                 batch.add_headers(headers));
    CHECK(batch.memory_bytes() == 2 * one);
    OutputBatch other;
    other.append_all(batch);
    CHECK(other.memory_bytes() == 2 * one);
}

TEST_CASE("a batch knows how much goes to each topic") {
    OutputBatch one;
    one.append(TopicRole::results, PartitionId{0}, "key", "value");
    one.append(TopicRole::results, PartitionId{1}, "k", std::nullopt);
    OutputBatch two;
    two.append(TopicRole::dead_letters, PartitionId{0}, std::nullopt, "1234");
    two.append_all(one);
    const auto of = [](const OutputBatch& batch, TopicRole role) {
        return batch.volumes()[static_cast<std::size_t>(role)];
    };
    CHECK(of(two, TopicRole::results) == OutputBatch::Volume{2, 9});
    CHECK(of(two, TopicRole::dead_letters) == OutputBatch::Volume{1, 4});
    CHECK(of(two, TopicRole::changelog) == OutputBatch::Volume{});
    two.clear();
    CHECK(two.volumes() == OutputBatch::Volumes{});
}

TEST_CASE("a large batch goes on in parts, in order, and with the headers of all") {
    OutputBatch batch;
    std::vector<OutputBatch> parts;
    const std::uint32_t headers = batch.add_headers({{"h", "1"}});
    batch.append(TopicRole::results, PartitionId{0}, "key0", "value", headers);
    batch.hand_over(20, [&parts](OutputBatch part) { parts.push_back(std::move(part)); });
    for (const std::string_view key : {"key1", "key2", "key3", "key4"}) {
        batch.append(TopicRole::results, PartitionId{0}, key, "value", headers);
    }
    batch.keep_rest();
    for (const std::string_view key : {"key5", "key6", "key7"}) {
        batch.append(TopicRole::results, PartitionId{0}, key, "value", headers);
    }
    CHECK(batch.volumes()[static_cast<std::size_t>(TopicRole::results)] ==
          OutputBatch::Volume{8, 8 * 9});
    REQUIRE(parts.size() == 1);
    OutputBatch whole;
    whole.append_all(parts[0]);
    CHECK(whole.records().size() == 3);
    whole.append_all(batch);
    REQUIRE(whole.records().size() == 8);
    for (std::size_t i = 0; i < 8; ++i) {
        const OutputBatch::Record& record = whole.records()[i];
        CHECK(whole.key(record) == "key" + std::to_string(i));
        CHECK(whole.value(record) == "value");
        CHECK(whole.header_sets().at(record.headers)[0].first == "h");
    }
}

}  // namespace kstream
