// What a job's topics have to take, against the records that the worst data makes.
#include "topics/record_sizes.hpp"

#include "kstream/codec/changelog.hpp"
#include "kstream/codec/delta_batch.hpp"
#include "kstream/codec/late_record.hpp"
#include "kstream/codec/result_record.hpp"
#include "kstream/codec/state_key.hpp"
#include "kstream/model/bad_reason.hpp"
#include "support/fakes/test_job.hpp"
#include "text/kafka_name.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

namespace kstream::topics {
namespace {

AggregationSpec spec_of(std::size_t fields, std::size_t sums) {
    AggregationSpec spec = testing::make_job().spec;
    spec.group_by.clear();
    spec.aggregates.clear();
    spec.scale = kMaxScale;
    for (std::size_t i = 0; i < fields; ++i) {
        spec.group_by.push_back("field_" + std::to_string(i));
    }
    for (std::size_t i = 0; i < sums; ++i) {
        spec.aggregates.push_back(
            {aggregate_named("sum"), "amount", "amount_" + std::to_string(i)});
    }
    return spec;
}

// Group values of the most bytes, of what takes the most as JSON; sums as large as a slot.
struct Worst {
    explicit Worst(const AggregationSpec& spec)
        : text(kMaxGroupValueBytes, '\x01'),
          values(spec.group_by.size(), GroupValue{GroupValueType::string, text}),
          kinds(spec.aggregates.size(), aggregate_named("sum")),
          slots(kinds.size(), Slot{Int192{0, 0, -(std::int64_t{1} << 62)}, true}) {
        encode_state_key({values}, key);
    }
    std::string text;
    std::vector<GroupValue> values;
    std::vector<AggregateKind> kinds;
    std::vector<Slot> slots;
    std::string key;
};

TopicUnderTest topic_of(TopicRole role, const std::string& limit, std::size_t partitions = 1) {
    TopicUnderTest topic;
    topic.role = role;
    topic.info.name = "t";
    topic.info.exists = true;
    topic.info.partitions.resize(partitions);
    topic.configs.emplace();
    (*topic.configs)["max.message.bytes"] = limit;
    return topic;
}

}  // namespace

TEST_CASE("no data makes a larger record than the job's largest") {
    for (const auto& [fields, sums] : {std::pair{1U, 2U}, {3U, 1U}, {64U, 64U}}) {
        const AggregationSpec spec = spec_of(fields, sums);
        const Worst worst{spec};
        std::string result_key;
        std::string result_value;
        append_result_key(result_key, {worst.values});
        append_result_value(result_value, spec, {worst.values}, worst.slots);
        const auto result = static_cast<std::int64_t>(result_key.size() + result_value.size());
        CHECK(result <= largest_record(TopicRole::results, spec));
        // And no less, where the key is JSON as well.
        CHECK((fields == 1 || result * 10 > largest_record(TopicRole::results, spec) * 9));

        std::string total;
        append_total_key(total, worst.key);
        append_total_value(total, ~0ULL, worst.kinds, worst.slots);
        CHECK(static_cast<std::int64_t>(total.size()) <=
              largest_record(TopicRole::changelog, spec));

        BatchHeader header;
        header.run_id = header.step = ~0ULL;
        header.ranges.resize(1);
        header.ranges[0].partition = PartitionId{1 << 20};
        header.ranges[0].from = header.ranges[0].to = Offset{std::int64_t{1} << 48};
        header.ranges[0].slots = worst.slots;
        DeltaBatchWriter writer{worst.kinds};
        writer.add_delta(worst.key, worst.slots);
        CHECK(static_cast<std::int64_t>(writer.finish(header).size()) <=
              largest_record(TopicRole::repartition, spec));
    }
}

TEST_CASE("any job fits topics as Kafka makes them") {
    const AggregationSpec spec = spec_of(64, 64);
    for (const TopicRole role : {TopicRole::source, TopicRole::repartition, TopicRole::changelog,
                                 TopicRole::results, TopicRole::dead_letters, TopicRole::late}) {
        CHECK(size_findings({topic_of(role, "1048588", 64)}, spec).empty());
    }
}

TEST_CASE("a topic that data could make refuse a record is an error before it happens") {
    const AggregationSpec spec = spec_of(1, 1);
    for (const TopicRole role : {TopicRole::repartition, TopicRole::changelog, TopicRole::results,
                                 TopicRole::dead_letters, TopicRole::late}) {
        const std::int64_t needed = largest_record(role, spec);
        CHECK(size_findings({topic_of(role, std::to_string(needed))}, spec).empty());
        const Findings findings = size_findings({topic_of(role, std::to_string(needed - 1))}, spec);
        REQUIRE(findings.size() == 1);
        CHECK(exit_code_of(findings) == ExitCode::differs);
        CHECK(findings[0].hint.find(std::to_string(needed)) != std::string::npos);
    }
    // Very many source partitions work for long: said, not refused.
    const Findings many = size_findings(
        {topic_of(TopicRole::source, "1048588", 20'000), topic_of(TopicRole::changelog, "1048588")},
        spec);
    REQUIRE(many.size() == 1);
    CHECK(many[0].severity == Severity::warn);
}

TEST_CASE("a late record fits the smallest topic that a start takes for it") {
    TopicFacts topic;
    topic.max_message_bytes = largest_record(TopicRole::late, spec_of(1, 1));
    const std::size_t most = max_copy_bytes(topic);
    const std::string topic_name(text::kMaxTopicNameBytes, 't');
    const std::vector<HeaderView> own(1000, HeaderView{"h", "h"});
    for (const std::size_t size : {most, most + 1}) {  // whole, and as a stub
        const std::string value(size, 'v');
        RecordView record;
        record.partition = PartitionId{1 << 30};
        record.record_offset = Offset{std::int64_t{1} << 62};
        record.timestamp_ms = -(std::int64_t{1} << 62);
        record.value_data = value.data();
        record.value_size = static_cast<std::uint32_t>(value.size());
        constexpr std::int64_t kFar = -62'000'000'000'001;  // a year with a sign
        OutputBatch out;
        append_late_record(out, PartitionId{0},
                           {.record = record,
                            .headers = own,
                            .source_topic = topic_name,
                            .event_time = kFar,
                            .watermark = kFar,
                            .window_start = kFar,
                            .window_end = kFar,
                            .late_by = std::int64_t{1} << 62},
                           most);
        std::size_t bytes = out.records()[0].value_size + 200;  // a batch and a record in it
        for (const auto& [name, text] : out.header_sets()[0]) {
            bytes += name.size() + text->size() + 4;
        }
        CHECK(static_cast<std::int64_t>(bytes) <= topic.max_message_bytes);
    }
}

TEST_CASE("records are cut to what their topics take") {
    const AggregationSpec spec = spec_of(1, 1);
    TopicFacts topic;
    CHECK(max_batch_bytes(topic, spec, 6) == 512U << 10);  // not known
    topic.max_message_bytes = 1'048'588;
    CHECK(max_batch_bytes(topic, spec, 6) == 512U << 10);
    topic.max_message_bytes = 20'000;
    CHECK(max_batch_bytes(topic, spec, 6) < 20'000 - 6 * 100);
    CHECK(max_batch_bytes(topic, spec, 1'000'000) == 5000);

    CHECK(max_copy_bytes(TopicFacts{}) == 1'000'000);
    topic.max_message_bytes = 1'114'124;
    CHECK(max_copy_bytes(topic) == 1'048'588);
    // A limit below the headroom counted as unknown: the first dead letter above it stopped the
    // job for ever.
    topic.max_message_bytes = 50'000;
    CHECK(max_copy_bytes(topic) == 25'000);
    // Nor is a letter larger than the producer's queue, in which it would wait for ever.
    topic.max_message_bytes = std::int64_t{1} << 30;
    CHECK(max_copy_bytes(topic) == (64U << 20) - 65'536);
}

TEST_CASE("a producer's batch is no larger than the smallest topic takes") {
    StartReport report;
    CHECK(producer_sizes(report).most_message_bytes == 1'048'588 + 65'536);
    CHECK(producer_sizes(report).max_batch_bytes == 1'000'000);
    report.topics[static_cast<std::size_t>(TopicRole::results)].max_message_bytes = 100'000;
    report.topics[static_cast<std::size_t>(TopicRole::changelog)].max_message_bytes = 5'000'000;
    report.topics[static_cast<std::size_t>(TopicRole::source)].max_message_bytes = 10;
    CHECK(producer_sizes(report).most_message_bytes == 5'000'000);
    CHECK(producer_sizes(report).max_batch_bytes == 100'000 - 512);
    report.topics[static_cast<std::size_t>(TopicRole::changelog)].max_message_bytes = 1 << 30;
    CHECK(producer_sizes(report).most_message_bytes == 64 << 20);
    report.topics[static_cast<std::size_t>(TopicRole::late)].max_message_bytes = 50'000;
    CHECK(producer_sizes(report).max_batch_bytes == 50'000 - 512);
}

}  // namespace kstream::topics
