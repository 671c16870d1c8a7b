#include "results/print_results.hpp"

#include "kafka/error_map.hpp"
#include "kafka/topic_reader.hpp"
#include "kstream/codec/result_record.hpp"
#include "kstream/core/murmur2.hpp"
#include "kstream/ports/explain.hpp"
#include "process/standard_output.hpp"
#include "results/latest_results.hpp"
#include "results/result_row.hpp"
#include "results/result_writer.hpp"
#include "topics/topic_plan.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace kstream::results {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kPollWait{100};
// Without progress: an open transaction does not hold the end back, which is a read_committed one.
constexpr seconds kPatience{60};
constexpr std::size_t kWriteBytes = 64UL << 10;

// Why a record of the topic is no result of this job.
enum class Foreign : std::uint8_t { null_key, wrong_partition, no_row, other_columns, not_kstream };
constexpr std::array<std::string_view, 5> kForeignTexts{
    "its key is null", "its key belongs to another partition",
    "its value is no JSON object of plain values", "its columns are those of another job",
    "kstream has not written it"};

class Printing {
public:
    Printing(const cli::ResultsConfig& config, kafka::Admin& admin, Log& log,
             const process::StopSignal& stop, const Clock& clock)
        : config_(config),
          admin_(admin),
          log_(log),
          stop_(stop),
          clock_(clock),
          writer_(format_of(config)) {
        if (config.spec.statement) {
            columns_ = config.spec.statement->columns;
            return;
        }
        for (const std::string& field : config.spec.group_by) {
            columns_.push_back(field);
        }
        for (const AggregateSpec& aggregate : config.spec.aggregates) {
            columns_.push_back(aggregate.output_name);
        }
    }

    Result<ExitCode> run() {
        if (Result<void> looked = look_at_topic(); !looked) {
            return std::unexpected(std::move(looked.error()));
        }
        std::vector<KeyPart> parts{{}};
        while (!parts.empty()) {
            const KeyPart part = parts.back();
            parts.pop_back();
            const Result<bool> fitted = print_part(part);
            if (!fitted) {
                return std::unexpected(fitted.error());
            }
            if (!*fitted) {
                const auto [low, high] = part.halves();
                parts.push_back(high);
                parts.push_back(low);
            }
            if (reader_left_) {
                return ExitCode::ok;
            }
        }
        if (config_.follow) {
            if (Result<void> followed = follow(); !followed) {
                return std::unexpected(std::move(followed.error()));
            }
        } else {
            writer_.finish(out_);
        }
        if (Result<void> written = write_out(0); !written) {
            return std::unexpected(std::move(written.error()));
        }
        return verdict();
    }

private:
    static Format format_of(const cli::ResultsConfig& config) {
        return config.json ? Format::json : config.csv ? Format::csv : Format::table;
    }

    Result<void> look_at_topic() {
        const std::string& topic = config_.results_topic;
        const auto found = admin_.describe_topics({topic});
        if (!found) {
            return std::unexpected(found.error());
        }
        const kafka::TopicInfo& info = found->front();
        if (info.error) {
            return std::unexpected(kafka::with_right(*info.error, "Read on topic " + topic));
        }
        if (!info.exists) {
            return fail(ExitCode::unavailable, fmt::format("topic {} does not exist", topic),
                        "give --output-topic as kstream aggregate has it");
        }
        partitions_ = static_cast<int>(info.partitions.size());
        std::vector<kafka::OffsetQuery> queries;
        for (const kafka::PartitionInfo& partition : info.partitions) {
            if (!config_.key || place_of(*config_.key) == partition.id) {
                queries.push_back({{topic, partition.id}, kafka::OffsetQuery::kLatest});
            }
        }
        const auto listed = admin_.list_offsets(queries, Isolation::read_committed);
        if (!listed) {
            return std::unexpected(listed.error());
        }
        for (const kafka::ListedOffset& one : *listed) {
            ends_[one.of.partition] = one.offset.value_or(Offset{0});
        }
        return {};
    }

    [[nodiscard]] kafka::TopicReader make_reader() const {
        kafka::TopicNames names;
        names.set(TopicRole::results, config_.results_topic);
        return kafka::TopicReader{{config_.common.brokers, config_.application_id,
                                   config_.common.client_properties, &log_},
                                  names,
                                  "results"};
    }

    // false: the rows of this part do not fit into memory; nothing of it was printed.
    Result<bool> print_part(KeyPart part) {
        LatestResults latest{part, config_.memory};
        kafka::TopicReader reader = make_reader();
        for (const auto& [partition, end] : ends_) {
            if (auto opened = reader.open(TopicRole::results, partition, Offset{0}); !opened) {
                return std::unexpected(std::move(opened.error()));
            }
        }
        kafka::Offsets left = ends_;
        auto last_progress = clock_.now();
        while (true) {
            std::erase_if(left, [&](const auto& end) {
                return reader.position(TopicRole::results, end.first) >= end.second;
            });
            if (left.empty()) {
                break;
            }
            if (stop_.requested()) {
                return fail(ExitCode::incomplete, "stopped before all results were read");
            }
            const Result<RecordBatch> batch = reader.poll(TopicRole::results, kPollWait);
            if (!batch) {
                return std::unexpected(batch.error());
            }
            if (!batch->empty()) {
                last_progress = clock_.now();
            } else if (clock_.now() - last_progress > kPatience) {
                const auto& [partition, end] = *left.begin();
                return fail(
                    ExitCode::unavailable,
                    fmt::format("topic {} partition {} does not come to its end, offset {}: "
                                "no record for {} s",
                                config_.results_topic, partition.value, end.value,
                                kPatience.count()),
                    "look at the leader of that partition");
            }
            for (const RecordView& record : *batch) {
                // What came after the end belongs to follow().
                if (record.record_offset < ends_.at(record.partition) && is_ours(record, reader) &&
                    !latest.take(record)) {
                    return false;
                }
            }
        }
        for (const LatestResults::Row& row : latest.rows()) {
            if (Result<void> printed = print_row(row.value); !printed) {
                return std::unexpected(std::move(printed.error()));
            }
            if (reader_left_) {
                return true;
            }
        }
        return true;
    }

    Result<void> follow() {
        writer_.flush(out_);
        kafka::TopicReader reader = make_reader();
        for (const auto& [partition, end] : ends_) {
            if (auto opened = reader.open(TopicRole::results, partition, end); !opened) {
                return opened;
            }
        }
        while (!stop_.requested()) {
            if (Result<void> written = write_out(0); !written || reader_left_) {
                return written;
            }
            const Result<RecordBatch> batch = reader.poll(TopicRole::results, kPollWait);
            if (!batch) {
                return std::unexpected(batch.error());
            }
            for (const RecordView& record : *batch) {
                if (!is_ours(record, reader)) {
                    continue;
                }
                if (record.is_tombstone()) {
                    writer_.deleted(out_, record.key());
                } else if (Result<void> printed = print_row(record.value()); !printed) {
                    return printed;
                }
            }
            writer_.flush(out_);
        }
        return {};
    }

    // None: no result of this job has such a key.
    [[nodiscard]] std::optional<PartitionId> place_of(std::string_view key) const {
        const auto of_group =
            partition_key_of(key, {config_.spec.group_by.size(), has_windows(config_.spec)});
        return of_group ? std::optional{partition_for_key(*of_group, partitions_)} : std::nullopt;
    }

    // Whether the record is a result of this job, and of the wanted key; else what it is instead is
    // said, once for each kind.
    bool is_ours(const RecordView& record, const kafka::TopicReader& reader) {
        if (!record.has_key()) {
            note(Foreign::null_key, record);
            return false;
        }
        if (place_of(record.key()) != record.partition) {
            note(Foreign::wrong_partition, record);
            return false;
        }
        if (config_.key && record.key() != *config_.key) {
            return false;
        }
        if (record.is_tombstone()) {
            return true;
        }
        const std::optional<Row> row = rows_.read(record.value());
        if (!row) {
            note(Foreign::no_row, record);
            return false;
        }
        std::vector<std::string> names = names_of(*row);
        if (columns_.empty()) {
            // Whichever partition answers first: what others wrote must not say what a result is.
            if (!reader.header(record, kTransactionHeader.data())) {
                note(Foreign::not_kstream, record);
                return false;
            }
            columns_ = std::move(names);
        } else if (names != columns_) {
            note(Foreign::other_columns, record);
            return false;
        }
        return true;
    }

    void note(Foreign why, const RecordView& record) {
        const auto index = static_cast<std::size_t>(why);
        if (foreign_[index]++ == 0) {
            log_.write(LogLevel::warn, "a record is no result of this job",
                       {{"topic", config_.results_topic},
                        {"partition", std::int64_t{record.partition.value}},
                        {"offset", record.record_offset.value},
                        {"reason", kForeignTexts[index]}});
        }
    }

    Result<void> print_row(std::string_view value) {
        std::optional<Row> row = rows_.read(value);
        ++printed_;
        writer_.row(out_, value, std::move(row).value_or(Row{}));
        return write_out(kWriteBytes);
    }

    // Once more than `above` bytes have gathered.
    Result<void> write_out(std::size_t above) {
        if (out_.size() <= above || reader_left_) {
            return {};
        }
        const Result<bool> written = process::write_to_stdout(out_);
        out_.clear();
        if (!written) {
            return std::unexpected(written.error());
        }
        reader_left_ = !*written;
        return {};
    }

    [[nodiscard]] Result<ExitCode> verdict() const {
        std::uint64_t left_out = 0;
        for (const std::uint64_t count : foreign_) {
            left_out += count;
        }
        if (left_out > 0) {
            return fail(ExitCode::identity,
                        fmt::format("{} record(s) of topic {} are no results of this job and were "
                                    "left out; its columns are {}",
                                    left_out, config_.results_topic, fmt::join(columns_, ", ")),
                        "an output topic belongs to one job: find what else writes to it");
        }
        if (config_.key && printed_ == 0 && !config_.follow) {
            return fail(ExitCode::unavailable,
                        fmt::format("topic {} has no result with the key {}", config_.results_topic,
                                    *config_.key),
                        "keys are as the topic has them: a string, or a JSON array of several "
                        "values");
        }
        return ExitCode::ok;
    }

    const cli::ResultsConfig& config_;
    kafka::Admin& admin_;
    Log& log_;
    const process::StopSignal& stop_;
    const Clock& clock_;
    ResultWriter writer_;
    RowReader rows_;
    std::vector<std::string> columns_;  // of every row; the first row's where no job was named
    int partitions_ = 0;
    kafka::Offsets ends_;  // committed ends when the reading began
    std::string out_;
    bool reader_left_ = false;  // of stdout
    std::uint64_t printed_ = 0;
    std::array<std::uint64_t, kForeignTexts.size()> foreign_{};
};

}  // namespace

ExitCode print_results(const cli::ResultsConfig& config, kafka::Admin& admin, Log& log,
                       const process::StopSignal& stop, const Clock& clock) {
    const Result<ExitCode> printed = Printing(config, admin, log, stop, clock).run();
    return printed ? *printed : explain(log, printed.error(), "results not complete");
}

}  // namespace kstream::results
