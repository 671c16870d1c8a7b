#include "kstream/pipeline/set_aside.hpp"

#include "kstream/codec/dead_letter.hpp"
#include "kstream/codec/late_record.hpp"
#include "kstream/core/lateness.hpp"
#include "kstream/model/event_time.hpp"
#include "kstream/pipeline/bad_record.hpp"
#include "kstream/planted_bug.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kstream {

Result<void> SetAside::bad_record(const RecordView& record, const RecordVerdict& verdict,
                                  RecordCounts& counts, FoldStatus& status) {
    const BadReason reason = verdict.reason;
    const std::string_view field = bad_subject(job_, reader_, verdict);
    const bool first = status.bad_records[static_cast<std::size_t>(reason)]++ == 0;
    if (reason == BadReason::scale) {
        scale_needed_ = std::max(scale_needed_, reader_.scale_needed().value_or(0));
    }
    if (config_.on_bad_record == BadRecordPolicy::fail) {
        const std::string hint = bad_hint(job_, reader_, record, verdict);
        return fail(
            ExitCode::bad_record,
            fmt::format("bad record ({}{}{}): topic {} partition {} offset {}",
                        bad_reason_name(reason), field.empty() ? "" : " of field ", field,
                        job_.spec.source_topic, record.partition.value, record.record_offset.value),
            fmt::format("{}{}start with --on-bad-record dead-letter to set such records "
                        "aside",
                        hint, hint.empty() ? "" : "; "));
    }
    if (first && ports_.tally != nullptr) {
        ports_.tally->first_bad({.reason = reason,
                                 .field = field,
                                 .partition = record.partition,
                                 .record_offset = record.record_offset,
                                 .hint = bad_hint(job_, reader_, record, verdict)});
    }
    log_.write(LogLevel::debug, "bad record",
               {{"reason", bad_reason_name(reason)},
                {"field", field},
                {"partition", std::int64_t{record.partition.value}},
                {"offset", record.record_offset.value}});
    if (config_.on_bad_record == BadRecordPolicy::skip) {
        ++counts.skipped;
        ++status.skipped;
        return {};
    }
    ++counts.dead_lettered;
    return dead_letter(record, verdict);
}

Result<void> SetAside::dead_letter(const RecordView& record, const RecordVerdict& verdict) {
    const Result<std::vector<HeaderView>> headers = ports_.headers_of(record);
    if (!headers) {
        return std::unexpected(headers.error());
    }
    append_dead_letter(letters_,
                       PartitionId{record.partition.value % config_.dead_letter_partitions},
                       {.record = record,
                        .headers = *headers,
                        .source_topic = job_.spec.source_topic,
                        .reason = verdict.reason,
                        .field = bad_subject(job_, reader_, verdict)},
                       config_.max_dead_letter_bytes);
    return {};
}

Result<void> SetAside::late_record(const RecordView& record, std::int64_t watermark,
                                   expr::TimeSpan pane, RecordCounts& counts, FoldStatus& status) {
    const std::int64_t late_by = grace_needed(watermark, pane.end) - job_.event_time()->grace;
    ++counts.late;
    ++status.late;
    status.late_by_seconds->record(static_cast<double>(late_by) / 1000.0);
    const Result<std::vector<HeaderView>> headers = ports_.headers_of(record);
    if (!headers) {
        return std::unexpected(headers.error());
    }
    const bool bounded = !job_.has_sessions();  // a pane of theirs is the time itself
    if (!planted(PlantedBug::late_records_lost)) {
        append_late_record(letters_, PartitionId{record.partition.value % config_.late_partitions},
                           {.record = record,
                            .headers = *headers,
                            .source_topic = job_.spec.source_topic,
                            .event_time = reader_.event_time().value_or(kNoTime),
                            .watermark = watermark,
                            .window_start = bounded ? std::optional{pane.start} : std::nullopt,
                            .window_end = bounded ? std::optional{pane.end} : std::nullopt,
                            .late_by = late_by},
                           config_.max_late_bytes);
    }
    return {};
}

Result<void> SetAside::tell_tally(const FoldStatus& status, TimeTally& times) {
    if (ports_.tally == nullptr) {
        return {};
    }
    RecordTally more;
    more.read = status.records_read - reported_.read;
    more.aggregated = status.records_aggregated - reported_.aggregated;
    more.tombstones = status.tombstones - reported_.tombstones;
    more.filtered = status.filtered - reported_.filtered;
    more.late = status.late - reported_.late;
    more.duplicates = status.duplicates - reported_.duplicates;
    for (std::size_t i = 0; i < kBadReasonCount; ++i) {
        more.bad[i] = status.bad_records[i] - reported_.bad[i];
    }
    more.scale_needed = scale_needed_;
    WhereSearch search = reader_.take_where_search();
    more.searched = search.records;
    more.where_found = std::move(search.found);
    more.times = std::exchange(times, {});
    reported_ = {.read = status.records_read,
                 .aggregated = status.records_aggregated,
                 .filtered = status.filtered,
                 .late = status.late,
                 .duplicates = status.duplicates,
                 .tombstones = status.tombstones,
                 .bad = status.bad_records};
    return ports_.tally->add(more);
}

}  // namespace kstream
