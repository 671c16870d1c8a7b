#include "app/export_topic.hpp"

#include "app/topic_scan.hpp"
#include "kstream/codec/changelog.hpp"
#include "kstream/reader/record_export.hpp"
#include "process/whole_file.hpp"
#include "topics/ensure_topics.hpp"
#include "topics/topic_plan.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace kstream::app {
namespace {

constexpr std::size_t kWriteBytes = 64UL << 10;

class Exporting {
public:
    Exporting(const cli::ExplainConfig& config, AppContext& context, kafka::Admin& admin)
        : config_(config),
          context_(context),
          admin_(admin),
          statement_(config.query.job->statement),
          topic_(statement_.source_topic),
          rows_(statement_),
          headers_(rows_.header_names().size()) {}

    Result<void> run() {
        const Result<TopicStretch> all = committed_stretch(topic_, admin_);
        if (!all) {
            return std::unexpected(all.error());
        }
        auto file =
            process::write_whole_file(config_.export_file, "--export " + config_.export_file);
        if (!file) {
            return std::unexpected(std::move(file.error()));
        }
        if (Result<void> read = read_all(*all, **file); !read) {
            return read;
        }
        if (statement_.event_time && statement_.event_time->has_windows()) {
            if (Result<void> read = read_advances(**file); !read) {
                return read;
            }
            if (Result<void> named = name_empty_partitions(*all, **file); !named) {
                return named;
            }
        }
        if (Result<void> written = (*file)->commit(); !written) {
            return written;
        }
        context_.log.write(LogLevel::info, "records exported",
                           {{"topic", topic_},
                            {"file", config_.export_file},
                            {"records", static_cast<std::int64_t>(records_)},
                            {"no_json_object", static_cast<std::int64_t>(bad_)},
                            {"tombstones_left_out", static_cast<std::int64_t>(tombstones_)},
                            {"advances", static_cast<std::int64_t>(advances_)}});
        return {};
    }

private:
    Result<void> read_all(const TopicStretch& all, ByteSink& file) {
        kafka::TopicReader reader =
            topic_reader(config_.common, config_.application_id, topic_, "export", context_.log);
        Result<void> read =
            scan_topic(topic_, all, reader, context_, [&](RecordBatch records) -> Result<void> {
                for (const RecordView& record : records) {
                    add(record, reader);
                }
                return write_out(file, kWriteBytes);
            });
        return read ? write_out(file, 0) : read;
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
        told_of_.insert(record.partition);
        bad_ += rows_.append(out_, record, headers_) ? 0U : 1U;
    }

    // Of the application, which may never have run.
    Result<void> read_advances(ByteSink& file) {
        const Result<topics::Names> names = topics::make_names(
            config_.application_id, topic_, config_.results_topic, topics::late_topic_if(true));
        if (!names) {
            return std::unexpected(names.error());
        }
        const Result<TopicStretch> all = committed_stretch(names->changelog, admin_);
        if (!all && all.error().exit_code == ExitCode::unavailable) {
            context_.log.write(LogLevel::info, "no changelog: no advance of event time is known",
                               {{"topic", names->changelog}});
            return {};
        }
        if (!all) {
            return std::unexpected(all.error());
        }
        kafka::TopicReader reader = topic_reader(config_.common, config_.application_id,
                                                 names->changelog, "export", context_.log);
        Result<void> read = scan_topic(
            names->changelog, *all, reader, context_, [&](RecordBatch records) -> Result<void> {
                for (const RecordView& record : records) {
                    if (changelog_key_kind(record.key()) != ChangelogKeyKind::advance ||
                        record.is_tombstone()) {
                        continue;
                    }
                    const Result<Advance> advance = decode_advance(record.key(), record.value());
                    if (!advance) {
                        return std::unexpected(advance.error());
                    }
                    rows_.append_advance(out_, advance->partition, advance->position,
                                         advance->watermark);
                    told_of_.insert(advance->partition);
                    ++advances_;
                }
                return write_out(file, kWriteBytes);
            });
        return read ? write_out(file, 0) : read;
    }

    // Those in which nothing has ever come, and which nothing has moved on: without a time, they
    // hold up all windows. Of one whose records retention has deleted nobody knows.
    Result<void> name_empty_partitions(const TopicStretch& all, ByteSink& file) {
        for (const auto& [partition, from] : all.from) {
            if (from == Offset{0} && !told_of_.contains(partition)) {
                rows_.append_advance(out_, partition, from, std::nullopt);
            }
        }
        return write_out(file, 0);
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
    const job::Statement& statement_;
    std::string topic_;
    RecordExport rows_;
    std::vector<RecordExport::Header> headers_;
    std::string out_;
    std::set<PartitionId> told_of_;  // that a row is of
    std::uint64_t records_ = 0;
    std::uint64_t bad_ = 0;
    std::uint64_t tombstones_ = 0;
    std::uint64_t advances_ = 0;
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
