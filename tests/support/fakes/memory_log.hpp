// Topics in memory, as a read_committed reader sees them: records, entries that are never handed
// out (control records, aborted records), and a last stable offset that an open transaction holds
// back.
#pragma once

#include "kstream/model/ids.hpp"
#include "kstream/model/output_batch.hpp"
#include "kstream/model/record.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kstream::testing {

class MemoryLog {
public:
    struct Entry {
        std::optional<std::string> key;
        std::optional<std::string> value;
        std::int64_t timestamp_ms = -1;
        bool visible = true;
        OutputBatch::Headers headers;
    };

    // The record's offset.
    Offset append(TopicRole topic, std::int32_t partition, std::optional<std::string_view> key,
                  std::optional<std::string_view> value, std::int64_t timestamp_ms = 1000) {
        Entry entry;
        entry.key = key;
        entry.value = value;
        entry.timestamp_ms = timestamp_ms;
        return add(topic, PartitionId{partition}, std::move(entry));
    }

    // A control record, or an aborted one: takes an offset and is never handed out.
    void append_invisible(TopicRole topic, std::int32_t partition) {
        Entry entry;
        entry.visible = false;
        add(topic, PartitionId{partition}, std::move(entry));
    }

    // A transaction: its records and, after them, one marker in each partition it wrote to.
    void append_transaction(const OutputBatch& batch, bool committed,
                            std::int64_t timestamp_ms = 1000) {
        std::vector<std::pair<TopicRole, PartitionId>> touched;
        for (const OutputBatch::Record& record : batch.records()) {
            Entry entry;
            entry.key = batch.key(record);
            entry.value = batch.value(record);
            entry.timestamp_ms = timestamp_ms;
            entry.visible = committed;
            if (record.headers != OutputBatch::kNoHeaders) {
                entry.headers = batch.header_sets()[record.headers];
            }
            add(record.topic, record.partition, std::move(entry));
            const std::pair at{record.topic, record.partition};
            if (std::ranges::find(touched, at) == touched.end()) {
                touched.push_back(at);
            }
        }
        for (const auto& [topic, partition] : touched) {
            append_invisible(topic, partition.value);
        }
    }

    [[nodiscard]] Offset start(TopicRole topic, PartitionId partition) const {
        return at(topic, partition).start;
    }
    [[nodiscard]] Offset end(TopicRole topic, PartitionId partition) const {
        return Offset{static_cast<std::int64_t>(at(topic, partition).entries.size())};
    }
    // The last stable offset.
    [[nodiscard]] Offset stable_end(TopicRole topic, PartitionId partition) const {
        return at(topic, partition).stable.value_or(end(topic, partition));
    }

    // Retention, or DeleteRecords.
    void delete_below(TopicRole topic, std::int32_t partition, std::int64_t offset) {
        logs_[{topic, PartitionId{partition}}].start = Offset{offset};
    }
    // An open transaction from this offset on; nullopt: it has ended.
    void hold(TopicRole topic, std::int32_t partition, std::optional<std::int64_t> from) {
        auto& log = logs_[{topic, PartitionId{partition}}];
        log.stable = from ? std::optional{Offset{*from}} : std::nullopt;
    }

    // Valid as long as the log: entries never move.
    [[nodiscard]] const Entry& entry(TopicRole topic, PartitionId partition, Offset offset) const {
        return at(topic, partition).entries.at(static_cast<std::size_t>(offset.value));
    }
    [[nodiscard]] RecordView view(TopicRole topic, PartitionId partition, Offset offset) const {
        const Entry& from = entry(topic, partition, offset);
        RecordView record;
        record.partition = partition;
        record.record_offset = offset;
        record.timestamp_ms = from.timestamp_ms;
        if (from.key) {
            record.key_data = from.key->data();
            record.key_size = static_cast<std::uint32_t>(from.key->size());
        }
        if (from.value) {
            record.value_data = from.value->data();
            record.value_size = static_cast<std::uint32_t>(from.value->size());
        }
        return record;
    }

    // Appends the records of [position, last stable offset) to `out`, `most` of them at most;
    // returns the position after what was read.
    [[nodiscard]] Offset read(TopicRole topic, PartitionId partition, Offset position,
                              std::size_t most, std::vector<RecordView>& out) const {
        const Offset stop = stable_end(topic, partition);
        REQUIRE(position >= start(topic, partition));
        while (position < stop) {
            if (entry(topic, partition, position).visible) {
                if (most-- == 0) {
                    break;
                }
                out.push_back(view(topic, partition, position));
            }
            position = position.next();
        }
        return position;
    }

private:
    struct Log {
        std::deque<Entry> entries;
        Offset start;
        std::optional<Offset> stable;
    };

    Offset add(TopicRole topic, PartitionId partition, Entry entry) {
        auto& log = logs_[{topic, partition}];
        log.entries.push_back(std::move(entry));
        return Offset{static_cast<std::int64_t>(log.entries.size()) - 1};
    }
    [[nodiscard]] const Log& at(TopicRole topic, PartitionId partition) const {
        static const Log kEmpty;
        const auto found = logs_.find({topic, partition});
        return found == logs_.end() ? kEmpty : found->second;
    }

    std::map<std::pair<TopicRole, PartitionId>, Log> logs_;
};

}  // namespace kstream::testing
