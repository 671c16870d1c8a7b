#include "kstream/pipeline/lateness_fold.hpp"

#include "kstream/check.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace kstream {

LatenessFold::LatenessFold(const Job& job, expr::Windows windows, std::size_t partitions,
                           const HeaderReader* headers)
    : job_(job),
      windows_(std::move(windows)),
      headers_(headers),
      reader_(reader_of(job)),
      lateness_(partitions, job.statement->statement.event_time->grace) {}

Result<void> LatenessFold::fold(RecordBatch records) {
    for (const RecordView& record : records) {
        if (Result<void> done = fold_one(record); !done) {
            return done;
        }
    }
    return {};
}

Result<void> LatenessFold::fold_one(const RecordView& record) {
    ++counts_.read;
    if (record.is_tombstone()) {
        ++counts_.tombstones;
        return {};
    }
    if (reader_->wants_headers() && headers_ != nullptr) {
        Result<std::vector<HeaderView>> read = headers_->headers(record);
        if (!read) {
            return std::unexpected(std::move(read.error()));
        }
        header_views_ = std::move(*read);
        reader_->set_headers(header_views_);
    }
    const RecordVerdict verdict = reader_->read(record);
    const std::optional<std::int64_t> time = reader_->event_time();
    std::optional<std::int64_t> clock;
    if (time) {
        clock = lateness_.see(record.partition, *time);
    }
    if (!verdict.ok) {
        if (verdict.filtered) {
            ++counts_.filtered;
        } else {
            bad(record, verdict);
        }
        return {};
    }
    ++counts_.aggregated;
    KSTREAM_CHECK(time.has_value(), "a good record has a time");
    // What is not behind the clock is in a window that has not ended.
    const bool behind = clock && *time < *clock;
    lateness_.judge(record.partition, record.record_offset, clock.value_or(*time),
                    behind ? grace_needed(*clock, windows_.pane(*time).end) : 0);
    return {};
}

void LatenessFold::bad(const RecordView& record, const RecordVerdict& verdict) {
    const auto reason = static_cast<std::size_t>(verdict.reason);
    if (counts_.bad[reason]++ == 0) {
        firsts_[reason] = {std::string{bad_subject(job_, *reader_, verdict)}, record.partition,
                           record.record_offset, bad_hint(job_, *reader_, record, verdict)};
    }
}

}  // namespace kstream
