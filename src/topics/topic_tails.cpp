// The last records of the partitions of a topic.

#include "topics/topic_tails.hpp"

#include "kstream/check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <set>

namespace kstream::topics {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// How far back the first look goes, and the ones after it.
constexpr std::array<std::int64_t, 3> kBack{64, 2'000, kMaxTail};
constexpr milliseconds kPollWait{100};
// Without progress; the ends are those of a read_committed reader, so no transaction is waited for.
constexpr std::chrono::seconds kPatience{5};

using kafka::Offsets;

Result<void> read_once(
    const TailSources& from, TopicRole role, const kafka::TopicInfo& topic, const Offsets& starts,
    Offsets ends, const std::function<void(const kafka::TopicReader&, const RecordView&)>& on) {
    kafka::TopicReader reader{from.client, topic_names(from.names), "tail"};
    for (const auto& [partition, start] : starts) {
        if (auto opened = reader.open(role, partition, start); !opened) {
            return opened;
        }
    }
    auto last_progress = steady_clock::now();
    while (true) {
        if (std::erase_if(ends, [&](const auto& end) {
                return reader.position(role, end.first) >= end.second;
            }) > 0) {
            last_progress = steady_clock::now();
        }
        if (ends.empty()) {
            return {};
        }
        const Result<RecordBatch> batch = reader.poll(role, kPollWait);
        if (!batch) {
            return std::unexpected(batch.error());
        }
        for (const RecordView& record : *batch) {
            on(reader, record);
        }
        if (!batch->empty()) {
            last_progress = steady_clock::now();
        } else if (steady_clock::now() - last_progress > kPatience) {
            return fail(ExitCode::unavailable,
                        fmt::format("topic {} partition {} was not read up to offset {} within "
                                    "{} s",
                                    topic.name, ends.begin()->first.value,
                                    ends.begin()->second.value, kPatience.count()),
                        "are all brokers up");
        }
    }
}

}  // namespace

Result<void> read_tails(const TailSources& from, TopicRole role, const kafka::TopicInfo& topic,
                        const TakeFromTail& take) {
    const auto partitions = static_cast<int>(topic.partitions.size());
    const Result<Offsets> begins = from.admin.offsets_of(
        topic.name, partitions, kafka::OffsetQuery::kEarliest, Isolation::read_committed);
    if (!begins) {
        return std::unexpected(begins.error());
    }
    const Result<Offsets> ends = from.admin.offsets_of(
        topic.name, partitions, kafka::OffsetQuery::kLatest, Isolation::read_committed);
    if (!ends) {
        return std::unexpected(ends.error());
    }
    std::set<PartitionId> found;
    for (const std::int64_t back : kBack) {
        Offsets starts;
        Offsets wanted;
        for (const auto& [partition, end] : *ends) {
            const Offset begin = begins->at(partition);
            if (begin < end && !found.contains(partition)) {
                starts[partition] = std::max(begin, Offset{end.value - back});
                wanted[partition] = end;
            }
        }
        if (starts.empty()) {
            return {};
        }
        if (auto read = read_once(from, role, topic, starts, wanted,
                                  [&](const kafka::TopicReader& reader, const RecordView& record) {
                                      if (take(reader, record)) {
                                          found.insert(record.partition);
                                      }
                                  });
            !read) {
            return read;
        }
        for (const auto& [partition, start] : starts) {
            if (start == begins->at(partition)) {
                found.insert(partition);  // there is nothing further back
            }
        }
    }
    return {};
}

}  // namespace kstream::topics
