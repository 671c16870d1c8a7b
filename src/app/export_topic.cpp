#include "app/export_topic.hpp"

#include "kafka/error_map.hpp"
#include "kafka/topic_reader.hpp"
#include "kstream/reader/record_export.hpp"
#include "process/whole_file.hpp"
#include "topics/ensure_topics.hpp"
#include "topics/stored_job.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace kstream::app {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kPollWait{100};
constexpr seconds kPatience{60};  // without a record
constexpr std::size_t kWriteBytes = 64UL << 10;

class Exporting {
public:
    Exporting(const cli::ExplainConfig& config, AppContext& context, kafka::Admin& admin)
        : config_(config),
          context_(context),
          admin_(admin),
          topic_(config.query.job->statement.source_topic),
          rows_(config.query.job->statement),
          headers_(rows_.header_names().size()) {}

    Result<void> run() {
        const Result<int> partitions = count_partitions();
        if (!partitions) {
            return std::unexpected(partitions.error());
        }
        const auto starts = admin_.offsets_of(topic_, *partitions, kafka::OffsetQuery::kEarliest,
                                              Isolation::read_committed);
        if (!starts) {
            return std::unexpected(starts.error());
        }
        auto ends = admin_.offsets_of(topic_, *partitions, kafka::OffsetQuery::kLatest,
                                      Isolation::read_committed);
        if (!ends) {
            return std::unexpected(ends.error());
        }
        auto file =
            process::write_whole_file(config_.export_file, "--export " + config_.export_file);
        if (!file) {
            return std::unexpected(std::move(file.error()));
        }
        if (Result<void> read = read_all(*starts, *std::move(ends), **file); !read) {
            return read;
        }
        if (Result<void> written = (*file)->commit(); !written) {
            return written;
        }
        context_.log.write(LogLevel::info, "records exported",
                           {{"topic", topic_},
                            {"file", config_.export_file},
                            {"records", static_cast<std::int64_t>(records_)},
                            {"no_json_object", static_cast<std::int64_t>(bad_)},
                            {"tombstones_left_out", static_cast<std::int64_t>(tombstones_)}});
        return {};
    }

private:
    Result<int> count_partitions() {
        const auto found = admin_.describe_topics({topic_});
        if (!found) {
            return std::unexpected(found.error());
        }
        const kafka::TopicInfo& info = found->front();
        if (info.error) {
            return std::unexpected(kafka::with_right(*info.error, "Read on topic " + topic_));
        }
        if (!info.exists) {
            const auto existing = admin_.topic_names();
            return fail(ExitCode::unavailable,
                        fmt::format("topic {} does not exist{}", topic_,
                                    existing ? topics::did_you_mean_topics(topic_, *existing)
                                             : std::string{}),
                        "the statement names it after FROM");
        }
        return static_cast<int>(info.partitions.size());
    }

    Result<void> read_all(const kafka::Offsets& starts, kafka::Offsets left, ByteSink& file) {
        const kafka::Offsets ends = left;
        kafka::TopicNames names;
        names.set(TopicRole::source, topic_);
        kafka::TopicReader reader{{config_.common.brokers, config_.application_id,
                                   config_.common.client_properties, &context_.log},
                                  names,
                                  "export"};
        for (const auto& [partition, start] : starts) {
            if (auto opened = reader.open(TopicRole::source, partition, start); !opened) {
                return opened;
            }
        }
        auto last_progress = context_.clock.now();
        while (true) {
            std::erase_if(left, [&](const auto& end) {
                return reader.position(TopicRole::source, end.first) >= end.second;
            });
            if (left.empty()) {
                return write_out(file, 0);
            }
            if (context_.stop.requested()) {
                return fail(ExitCode::incomplete, "stopped before all records were read");
            }
            const Result<RecordBatch> batch = reader.poll(TopicRole::source, kPollWait);
            if (!batch) {
                return std::unexpected(batch.error());
            }
            if (!batch->empty()) {
                last_progress = context_.clock.now();
            } else if (context_.clock.now() - last_progress > kPatience) {
                const auto& [partition, end] = *left.begin();
                return fail(
                    ExitCode::unavailable,
                    fmt::format("topic {} partition {} does not come to its end, offset {}: "
                                "no record for {} s",
                                topic_, partition.value, end.value, kPatience.count()),
                    "look at the leader of that partition");
            }
            for (const RecordView& record : *batch) {
                if (record.record_offset < ends.at(record.partition)) {
                    add(record, reader);
                }
            }
            if (Result<void> written = write_out(file, kWriteBytes); !written) {
                return written;
            }
        }
    }

    void add(const RecordView& record, const kafka::TopicReader& reader) {
        if (record.is_tombstone()) {
            ++tombstones_;
            return;
        }
        for (std::size_t i = 0; i < headers_.size(); ++i) {
            headers_[i] = reader.header(record, rows_.header_names()[i].c_str());
        }
        ++records_;
        bad_ += rows_.append(out_, record, headers_) ? 0U : 1U;
    }

    // Once more than `above` bytes have gathered.
    Result<void> write_out(ByteSink& file, std::size_t above) {
        if (out_.size() <= above) {
            return {};
        }
        Result<void> written = file.write(out_);
        out_.clear();
        return written;
    }

    const cli::ExplainConfig& config_;
    AppContext& context_;
    kafka::Admin& admin_;
    std::string topic_;
    RecordExport rows_;
    std::vector<RecordExport::Header> headers_;
    std::string out_;
    std::uint64_t records_ = 0;
    std::uint64_t bad_ = 0;
    std::uint64_t tombstones_ = 0;
};

}  // namespace

Result<void> export_topic(const cli::ExplainConfig& config, AppContext& context) {
    Result<kafka::Admin> admin = topics::reach_cluster(config.common, context.log, context.stop);
    if (!admin) {
        return std::unexpected(std::move(admin.error()));
    }
    return Exporting{config, context, *admin}.run();
}

}  // namespace kstream::app
