#include "app/topic_scan.hpp"

#include "kafka/error_map.hpp"
#include "topics/stored_job.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace kstream::app {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kPollWait{100};
// Without progress: an open transaction does not hold the end back, which is a read_committed one.
constexpr seconds kPatience{60};
constexpr seconds kReportEvery{10};

// Those of a batch that are in the stretch, in runs: headers are found by a record's place.
Result<void> use_within(RecordBatch batch, const kafka::Offsets& ends,
                        const std::function<Result<void>(RecordBatch)>& use) {
    const auto belongs = [&ends](const RecordView& record) {
        return record.record_offset < ends.at(record.partition);
    };
    for (std::size_t at = 0; at < batch.size();) {
        std::size_t end = at;
        while (end < batch.size() && belongs(batch[end])) {
            ++end;
        }
        if (end > at) {
            if (Result<void> used = use(batch.subspan(at, end - at)); !used) {
                return used;
            }
        }
        at = end + 1;
    }
    return {};
}

}  // namespace

std::uint64_t offsets_in(const TopicStretch& stretch) {
    std::int64_t offsets = 0;
    for (const auto& [partition, to] : stretch.to) {
        const auto from = stretch.from.find(partition);
        offsets += from == stretch.from.end()
                       ? 0
                       : std::max(to.value - from->second.value, std::int64_t{0});
    }
    return static_cast<std::uint64_t>(offsets);
}

Result<TopicStretch> committed_stretch(const std::string& topic, kafka::Admin& admin) {
    const auto found = admin.describe_topics({topic});
    if (!found) {
        return std::unexpected(found.error());
    }
    const kafka::TopicInfo& info = found->front();
    if (info.error) {
        return std::unexpected(kafka::with_right(*info.error, "Read on topic " + topic));
    }
    if (!info.exists) {
        const auto existing = admin.topic_names();
        return fail(ExitCode::unavailable,
                    fmt::format("topic {} does not exist{}", topic,
                                existing ? topics::did_you_mean_topics(topic, *existing) : ""),
                    "FROM names the topic that is read");
    }
    const int partitions = static_cast<int>(info.partitions.size());
    // The beginning first: records may be deleted between the two.
    auto begins = admin.offsets_of(topic, partitions, kafka::OffsetQuery::kEarliest,
                                   Isolation::read_committed);
    if (!begins) {
        return std::unexpected(std::move(begins.error()));
    }
    auto ends =
        admin.offsets_of(topic, partitions, kafka::OffsetQuery::kLatest, Isolation::read_committed);
    if (!ends) {
        return std::unexpected(std::move(ends.error()));
    }
    return TopicStretch{*std::move(begins), *std::move(ends)};
}

kafka::TopicReader topic_reader(const cli::CommonConfig& common, const std::string& application_id,
                                const std::string& topic, std::string purpose, Log& log) {
    kafka::TopicNames names;
    names.set(TopicRole::source, topic);
    return kafka::TopicReader{{common.brokers, application_id, common.client_properties, &log},
                              names,
                              std::move(purpose)};
}

Result<void> scan_topic(const std::string& topic, const TopicStretch& stretch,
                        kafka::TopicReader& reader, AppContext& context,
                        const std::function<Result<void>(RecordBatch)>& use) {
    kafka::Offsets left;
    TopicStretch done;
    for (const auto& [partition, to] : stretch.to) {
        const auto from = stretch.from.find(partition);
        if (from == stretch.from.end() || from->second >= to) {
            continue;
        }
        if (auto opened = reader.open(TopicRole::source, partition, from->second); !opened) {
            return opened;
        }
        left[partition] = to;
        done.from[partition] = from->second;
    }
    auto last_progress = context.clock.now();
    auto last_report = last_progress;
    while (true) {
        std::erase_if(left, [&reader](const auto& end) {
            return reader.position(TopicRole::source, end.first) >= end.second;
        });
        if (left.empty()) {
            return {};
        }
        if (context.stop.requested()) {
            return fail(ExitCode::incomplete, "stopped before all records were read");
        }
        const Result<RecordBatch> batch = reader.poll(TopicRole::source, kPollWait);
        if (!batch) {
            return std::unexpected(batch.error());
        }
        const auto now = context.clock.now();
        if (!batch->empty()) {
            last_progress = now;
        } else if (now - last_progress > kPatience) {
            const auto& [partition, end] = *left.begin();
            return fail(ExitCode::unavailable,
                        fmt::format("topic {} partition {} does not come to its end, offset {}: no "
                                    "record for {} s",
                                    topic, partition.value, end.value, kPatience.count()),
                        "look at the leader of that partition");
        }
        if (Result<void> used = use_within(*batch, stretch.to, use); !used) {
            return used;
        }
        if (now - last_report > kReportEvery) {
            last_report = now;
            for (const auto& [partition, from] : done.from) {
                done.to[partition] = reader.position(TopicRole::source, partition);
            }
            context.log.write(LogLevel::info, "reading",
                              {{"topic", topic},
                               {"offsets_read", static_cast<std::int64_t>(offsets_in(done))},
                               {"offsets", static_cast<std::int64_t>(offsets_in(stretch))}});
        }
    }
}

}  // namespace kstream::app
