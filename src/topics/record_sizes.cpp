#include "topics/record_sizes.hpp"

#include "kstream/codec/delta_batch.hpp"
#include "kstream/model/bad_reason.hpp"
#include "kstream/pipeline/map_fold.hpp"
#include "topics/topic_plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace kstream::topics {

namespace {

// A batch and a record in it, with the headers of a result.
constexpr std::int64_t kOverhead = 512;
// Unknown limits: a copy is as long as its record.
constexpr std::size_t kFallbackRecordBytes = 1'000'000;
// The broker's default limit and a copy's headroom.
constexpr std::int64_t kMinMessageBytes = 1'048'588 + kCopyHeadroom;
// queue.buffering.max.kbytes (kafka/client_config.cpp): to librdkafka's queue a record that is
// larger than all of it is one that has to wait, for ever.
constexpr std::int64_t kProducerQueueBytes = 64 << 20;
// What librdkafka gathers unless a topic takes less.
constexpr std::int64_t kBatchBytes = 1'000'000;
constexpr std::size_t kBatchOfDeltas = MapFoldConfig{}.max_batch_bytes;

std::int64_t to_signed(std::size_t size) {
    return static_cast<std::int64_t>(size);
}

std::int64_t state_key(const AggregationSpec& spec) {
    return to_signed(spec.group_by.size() * (3 + kMaxGroupValueBytes) + 1);
}

std::int64_t slots(const AggregationSpec& spec) {
    return to_signed(spec.aggregates.size() * kMaxSlotBytes);
}

// Of the slots of a key, beside them; ranges and meta have none.
std::int64_t texts(const AggregationSpec& spec) {
    const auto kept = std::ranges::count_if(
        spec.aggregates, [](const AggregateSpec& one) { return keeps_text(one.kind); });
    return kept * to_signed(kMaxTextBytes);
}

// Of a total whose statement has HAVING: whether it is published; one that has sets: its number.
std::int64_t beside_slots(const AggregationSpec& spec) {
    return spec.statement ? 1 + 10 : 0;
}

// Everything of a batch but its deltas, and of meta but the text of the job: identity and ranges,
// of numbers up to 2^49.
std::int64_t ranges(const AggregationSpec& spec, int source_partitions) {
    constexpr std::int64_t kIdentity = 128;
    constexpr std::int64_t kRange = 3 + 2 * 7 + 7 * 7 + 7;
    return kIdentity + source_partitions * (kRange + slots(spec));
}

std::int64_t result(const AggregationSpec& spec) {
    constexpr std::int64_t kEscaped = 6;  // a control character
    constexpr std::int64_t kNumber = 64;  // 58 digits, sign and point, with zeros before them
    std::int64_t bytes = 0;
    if (spec.statement) {
        // What stands in a column is made of groups, of numbers, and of texts of the statement.
        constexpr std::int64_t kAnyNumber = 300;
        bytes += (to_signed(spec.group_by.size() + spec.statement->mentions)) *
                 (kEscaped * to_signed(kMaxGroupValueBytes) + 4);
        bytes += kEscaped * to_signed(spec.statement->text.size());
        for (const std::string& column : spec.statement->columns) {
            bytes += kEscaped * to_signed(column.size()) + 4 + kAnyNumber;
        }
        return bytes;
    }
    for (const std::string& field : spec.group_by) {
        // In the key and in the value; quotes, colon and comma.
        bytes += 2 * (kEscaped * to_signed(kMaxGroupValueBytes) + 4) +
                 kEscaped * to_signed(field.size()) + 4;
    }
    for (const AggregateSpec& aggregate : spec.aggregates) {
        bytes += kEscaped * to_signed(aggregate.output_name.size()) + 4 + kNumber;
    }
    return bytes;
}

}  // namespace

std::int64_t largest_record(TopicRole role, const AggregationSpec& spec) {
    switch (role) {
        case TopicRole::repartition:
            return progress_record(role, spec, 1);
        case TopicRole::changelog:
            return kOverhead + 2 * state_key(spec) + slots(spec) + texts(spec) + beside_slots(spec);
        case TopicRole::results:
            return kOverhead + result(spec);
        case TopicRole::dead_letters:
            return 2 * kOverhead;  // a stub
        case TopicRole::late:
            return 4 * kOverhead;  // as much for headers as max_copy_bytes() leaves key and value
        case TopicRole::source:
            return 0;
    }
    return 0;
}

std::int64_t progress_record(TopicRole role, const AggregationSpec& spec, int source_partitions) {
    switch (role) {
        case TopicRole::repartition:
            return kOverhead + ranges(spec, std::max(1, source_partitions)) + state_key(spec) +
                   slots(spec) + texts(spec);
        case TopicRole::changelog:
            return kOverhead + to_signed(canonical_text(spec).size()) +
                   ranges(spec, source_partitions) + slots(spec);
        case TopicRole::results:
        case TopicRole::dead_letters:
        case TopicRole::late:
        case TopicRole::source:
            return 0;
    }
    return 0;
}

Findings size_findings(const std::vector<TopicUnderTest>& topics, const AggregationSpec& spec) {
    const auto source = std::ranges::find(topics, TopicRole::source, &TopicUnderTest::role);
    const int source_partitions =
        source == topics.end() ? 0 : static_cast<int>(source->info.partitions.size());
    Findings all;
    for (const TopicUnderTest& topic : topics) {
        const std::optional<std::int64_t> known =
            topic.configs ? number_of(*topic.configs, "max.message.bytes") : std::nullopt;
        if (!known) {
            continue;
        }
        const std::int64_t limit = *known;
        const std::int64_t needed = largest_record(topic.role, spec);
        const std::int64_t progress = progress_record(topic.role, spec, source_partitions);
        if (limit >= needed && limit < progress) {
            all.push_back(Finding::warn(
                fmt::format(
                    "max.message.bytes of {} is {}: what the job says there about {} source "
                    "partitions may grow to {}",
                    topic.info.name, limit, source_partitions, progress),
                fmt::format("set max.message.bytes={} or more on it", progress)));
        }
        if (limit < needed) {
            all.push_back(Finding::error(
                ExitCode::differs,
                fmt::format("max.message.bytes of {} is {}, the largest record of this job has {}: "
                            "data could stop it",
                            topic.info.name, limit, needed),
                fmt::format("set max.message.bytes={} or more on it", needed)));
        }
    }
    return all;
}

std::size_t max_batch_bytes(const TopicFacts& repartition, const AggregationSpec& spec,
                            int source_partitions) {
    if (repartition.max_message_bytes <= 0) {
        return kBatchOfDeltas;
    }
    const std::int64_t limit = repartition.max_message_bytes;
    const std::int64_t left = limit - kOverhead - ranges(spec, source_partitions);
    // Ranges are in every chunk: many small chunks would be mostly these.
    return static_cast<std::size_t>(std::min(std::max(left, limit / 4), to_signed(kBatchOfDeltas)));
}

std::size_t max_copy_bytes(const TopicFacts& copies) {
    const std::int64_t limit = std::min(copies.max_message_bytes, kProducerQueueBytes);
    if (limit <= 0) {
        return kFallbackRecordBytes;
    }
    // A topic that takes little still has to take the headers.
    return static_cast<std::size_t>(limit - std::min(limit / 2, kCopyHeadroom));
}

ProducerSizes producer_sizes(const StartReport& report) {
    ProducerSizes sizes{kMinMessageBytes, kBatchBytes};
    for (const TopicRole role : {TopicRole::repartition, TopicRole::changelog, TopicRole::results,
                                 TopicRole::dead_letters, TopicRole::late}) {
        const std::int64_t limit = report.topic(role).max_message_bytes;
        if (limit > 0) {
            sizes.most_message_bytes = std::max(sizes.most_message_bytes, limit);
            sizes.max_batch_bytes = std::min(sizes.max_batch_bytes, limit - kOverhead);
        }
    }
    sizes.most_message_bytes = std::min(sizes.most_message_bytes, kProducerQueueBytes);
    sizes.max_batch_bytes = std::max<std::int64_t>(sizes.max_batch_bytes, 1);
    return sizes;
}

}  // namespace kstream::topics
