#include "app/explain_sample.hpp"

#include "kafka/error_map.hpp"
#include "kafka/topic_reader.hpp"
#include "kstream/codec/spec_hash.hpp"
#include "process/random_id.hpp"
#include "topics/ensure_topics.hpp"
#include "topics/stored_job.hpp"

#include <fmt/format.h>

#include <chrono>
#include <utility>

namespace kstream::app {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kPollWait{100};
// Without progress: an open transaction does not hold the end back, which is a read_committed one.
constexpr seconds kPatience{60};

Job job_of(const cli::ExplainConfig& config, const expr::ZoneFiles& zones) {
    Job job;
    job.application_id = config.application_id;
    job.spec = config.spec;
    if (job.spec.statement) {
        job.statement = config.query.job;
        job.zones = zones;
    }
    job.spec_text = canonical_text(job.spec);
    job.kinds = Job::kinds_of(job.spec);
    job.identity.spec_hash = spec_hash(job.spec);
    job.identity.scale = static_cast<std::uint8_t>(job.spec.scale);
    job.identity.state_partitions = 1;
    job.identity.results_partitions = 1;
    job.hash_seed = process::random_id();
    return job;
}

Result<std::vector<SampleRange>> look_at(const std::string& topic, std::uint64_t records,
                                         kafka::Admin& admin) {
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
    const auto begins = admin.offsets_of(topic, partitions, kafka::OffsetQuery::kEarliest,
                                         Isolation::read_committed);
    if (!begins) {
        return std::unexpected(begins.error());
    }
    const auto ends =
        admin.offsets_of(topic, partitions, kafka::OffsetQuery::kLatest, Isolation::read_committed);
    if (!ends) {
        return std::unexpected(ends.error());
    }
    return newest_offsets(*begins, *ends, records);
}

// Those of a batch that are in the sample, in runs: headers are found by a record's place.
Result<void> fold(RecordBatch batch, const std::map<PartitionId, Offset>& ends, Sample& sample) {
    const auto belongs = [&ends](const RecordView& record) {
        return record.record_offset < ends.at(record.partition);
    };
    for (std::size_t at = 0; at < batch.size();) {
        std::size_t end = at;
        while (end < batch.size() && belongs(batch[end])) {
            ++end;
        }
        if (end > at) {
            if (Result<void> folded = sample.fold(batch.subspan(at, end - at)); !folded) {
                return folded;
            }
        }
        at = end + 1;
    }
    return {};
}

Result<void> read_all(const std::string& topic, const std::vector<SampleRange>& ranges,
                      kafka::TopicReader& reader, Sample& sample, AppContext& context) {
    std::map<PartitionId, Offset> ends;
    for (const SampleRange& range : ranges) {
        if (auto opened = reader.open(TopicRole::source, range.partition, range.from); !opened) {
            return opened;
        }
        ends[range.partition] = range.to;
    }
    std::map<PartitionId, Offset> left = ends;
    auto last_progress = context.clock.now();
    while (true) {
        std::erase_if(left, [&reader](const auto& end) {
            return reader.position(TopicRole::source, end.first) >= end.second;
        });
        if (left.empty()) {
            return {};
        }
        if (context.stop.requested()) {
            return fail(ExitCode::incomplete, "stopped before the sample was read");
        }
        const Result<RecordBatch> batch = reader.poll(TopicRole::source, kPollWait);
        if (!batch) {
            return std::unexpected(batch.error());
        }
        if (!batch->empty()) {
            last_progress = context.clock.now();
        } else if (context.clock.now() - last_progress > kPatience) {
            const auto& [partition, end] = *left.begin();
            return fail(ExitCode::unavailable,
                        fmt::format("topic {} partition {} does not come to offset {}: no record "
                                    "for {} s",
                                    topic, partition.value, end.value, kPatience.count()),
                        "look at the leader of that partition");
        }
        if (Result<void> folded = fold(*batch, ends, sample); !folded) {
            return folded;
        }
    }
}

}  // namespace

Result<SampleReport> take_sample(const cli::ExplainConfig& config, const expr::ZoneFiles& zones,
                                 AppContext& context) {
    Result<kafka::Admin> admin = topics::reach_cluster(config.common, context.log, context.stop);
    if (!admin) {
        return std::unexpected(std::move(admin.error()));
    }
    const std::string& topic = config.spec.source_topic;
    const auto ranges = look_at(topic, *config.sample, *admin);
    if (!ranges) {
        return std::unexpected(ranges.error());
    }
    const Job job = job_of(config, zones);
    kafka::TopicNames names;
    names.set(TopicRole::source, topic);
    kafka::TopicReader reader{{config.common.brokers, config.application_id,
                               config.common.client_properties, &context.log},
                              names,
                              "sample"};
    Sample sample{job, context.log, &reader};
    if (Result<void> read = read_all(topic, *ranges, reader, sample, context); !read) {
        return std::unexpected(std::move(read.error()));
    }
    if (Result<void> finished = sample.finish(); !finished) {
        return std::unexpected(std::move(finished.error()));
    }
    SampleReport report{.topic = topic,
                        .offsets = 0,
                        .counts = sample.counts(),
                        .bad = {},
                        .results = sample.results()};
    for (const SampleRange& range : *ranges) {
        report.offsets += static_cast<std::uint64_t>(range.to.value - range.from.value);
    }
    for (std::size_t i = 0; i < kBadReasonCount; ++i) {
        if (const auto& first = sample.firsts()[i]) {
            report.bad.push_back({static_cast<BadReason>(i), report.counts.bad[i], *first});
        }
    }
    return report;
}

}  // namespace kstream::app
