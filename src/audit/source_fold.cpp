#include "kstream/audit/source_fold.hpp"

#include "audit/advances.hpp"
#include "audit/window_keys.hpp"
#include "kstream/codec/result_record.hpp"
#include "kstream/codec/state_key.hpp"
#include "kstream/core/murmur2.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace kstream::audit {

namespace {

std::string where(std::size_t q, PartitionId p) {
    return fmt::format("state partition {}, source partition {}", q, p.value);
}

// Whether a bad record became a dead letter or was skipped is decided by an option that may have
// changed between two starts: both are records that no total holds.
std::uint64_t bad(const RecordCounts& counts) {
    return counts.dead_lettered + counts.skipped;
}

bool same_counts(const RecordCounts& a, const RecordCounts& b) {
    return a.read == b.read && a.aggregated == b.aggregated && a.filtered == b.filtered &&
           a.late == b.late && bad(a) == bad(b) && a.tombstones == b.tombstones &&
           a.duplicates == b.duplicates;
}

}  // namespace

SourceFold::SourceFold(const AuditedJob& job, Accounts& accounts, const Advances* advances)
    : job_(job),
      accounts_(accounts),
      advances_(advances),
      reader_(job.statement ? nullptr : make_record_reader(job.spec)),
      fields_(job.statement ? make_record_fields(job.statement->job().statement) : nullptr) {}

SourceFold::Partition& SourceFold::partition(PartitionId p) {
    Partition& found = partitions_[p];
    if (found.parts.empty()) {
        found.parts.resize(job_.state_partitions);
        for (Part& part : found.parts) {
            part.sums.resize(job_.kinds.size());
        }
        found.segment_sums.resize(job_.kinds.size());
    }
    return found;
}

void SourceFold::begin_at(const std::vector<std::optional<Meta>>& base) {
    for (std::size_t q = 0; q < base.size() && q < job_.state_partitions; ++q) {
        if (!base[q]) {
            continue;
        }
        for (const SourceProgress& source : base[q]->sources) {
            partition(source.partition).parts[q] = {.open = true,
                                                    .base = source.base,
                                                    .from = source.applied,
                                                    .to = source.applied,
                                                    .counts = source.counts,
                                                    .sums = source.slots,
                                                    .watermark = source.watermark,
                                                    .horizon = source.horizon};
        }
    }
}

std::vector<Piece> SourceFold::aim(const std::vector<std::optional<Meta>>& cut) {
    for (std::size_t q = 0; q < cut.size(); ++q) {
        if (!cut[q]) {
            continue;
        }
        for (const SourceProgress& source : cut[q]->sources) {
            Part& part = partition(source.partition).parts[q];
            if (!part.open) {
                part.open = true;
                part.base = part.from = source.base;
                part.horizon.offset = source.base;
            }
            part.to = std::max(part.from, source.applied);
        }
    }
    std::vector<Piece> pieces;
    for (auto& [p, in] : partitions_) {
        in.edges.clear();
        for (const Part& part : in.parts) {
            if (part.open && part.from < part.to) {
                in.edges.push_back(part.from);
                in.edges.push_back(part.to);
            }
        }
        std::ranges::sort(in.edges);
        in.edges.erase(std::ranges::unique(in.edges).begin(), in.edges.end());
        in.next_edge = 1;
        if (!in.edges.empty()) {
            in.lowest = in.edges.front();
            in.highest = in.edges.back();
            in.watermark = kNoTime;
            for (const Part& part : in.parts) {
                if (part.open && part.from == in.lowest) {
                    in.watermark = std::max(in.watermark, part.watermark);
                }
            }
            begin_ids(in);
            if (advances_ != nullptr) {
                in.next_advance = advances_->next_after(p, Offset{in.lowest.value - 1});
            }
            pieces.push_back({p, in.ids_from, in.highest});
        }
    }
    return pieces;
}

// Each time anew: those that matter where the first part goes on are read back.
void SourceFold::begin_ids(Partition& in) const {
    in.ids_from = in.lowest;
    for (const Part& part : in.parts) {
        if (job_.has_unique() && part.open && part.from == in.lowest) {
            in.ids_from = part.horizon.offset;
            in.ids = Ids{job_.event_time()->within, part.horizon.seen};
        }
    }
}

// Gives what was read between two edges to each state partition that both are inside of.
void SourceFold::end_segment(PartitionId p, Partition& in) {
    const Offset begin = in.edges[in.next_edge - 1];
    const Offset end = in.edges[in.next_edge];
    advance(p, in, Offset{end.value - 1});
    const Horizon horizon = job_.has_unique() ? in.ids.horizon(end) : Horizon{};
    for (Part& part : in.parts) {
        if (part.open && part.from <= begin && end <= part.to) {
            part.counts += in.segment;
            add_row(job_.kinds, part.sums, in.segment_sums);
            part.watermark = in.watermark;
            part.horizon = horizon;
        }
    }
    in.segment = {};
    std::ranges::fill(in.segment_sums, Slot{});
    ++in.next_edge;
}

// A record sees the advances at its own offset: they were made before it came.
void SourceFold::advance(PartitionId p, Partition& in, Offset up_to) const {
    if (in.next_advance && *in.next_advance <= up_to) {
        in.watermark = std::max(in.watermark, advances_->up_to(p, up_to));
        in.next_advance = advances_->next_after(p, up_to);
    }
}

// Advances at the very position may be in it or not; of those that another one there has taken the
// place of, only the largest is known.
bool SourceFold::has_watermark(const Part& part, const SourceProgress& source) const {
    if (part.watermark == source.watermark) {
        return true;
    }
    const std::optional<std::int64_t> last =
        advances_ == nullptr ? std::nullopt : advances_->at(source.partition, source.applied);
    return last && part.watermark < source.watermark && source.watermark <= *last;
}

void SourceFold::fold(RecordBatch records, const LogReader* headers) {
    Partition* in = nullptr;
    PartitionId of;
    for (const RecordView& record : records) {
        if (in == nullptr || record.partition != of) {
            of = record.partition;
            in = &partition(of);
        }
        if (in->edges.empty() || record.record_offset >= in->highest) {
            continue;
        }
        if (record.record_offset < in->lowest) {
            if (record.record_offset >= in->ids_from && !record.is_tombstone()) {
                if (const auto judged = judgement(record, headers)) {
                    (void)is_duplicate(*judged, record, *in);
                }
            }
            continue;
        }
        while (record.record_offset >= in->edges[in->next_edge]) {
            end_segment(of, *in);
        }
        advance(of, *in, record.record_offset);
        fold_one(record, *in, headers);
    }
}

void SourceFold::fold_one(const RecordView& record, Partition& in, const LogReader* headers) {
    ++records_;
    ++in.segment.read;
    if (record.is_tombstone()) {
        ++in.segment.tombstones;
        return;
    }
    if (job_.statement != nullptr) {
        judge_one(record, in, headers);
        return;
    }
    if (!reader_->read(record.value()).ok) {
        ++in.segment.dead_lettered;
        return;
    }
    ++in.segment.aggregated;
    count_in(job_.kinds, in.segment_sums, reader_->inputs());
    if (Account* const account = account_of(reader_->group(), record, in)) {
        accounts_.count(*account, reader_->inputs());
    }
}

// By the statement, with the audit's own interpreter; none where the record is no JSON object.
std::optional<StatementAudit::Judgement> SourceFold::judgement(const RecordView& record,
                                                               const LogReader* headers) {
    if (fields_->read(record.value())) {
        return std::nullopt;
    }
    const auto header = [&](const std::string& name) -> std::optional<std::string_view> {
        return headers == nullptr ? std::nullopt : headers->header(record, name.c_str());
    };
    return job_.statement->judge(fields_->values(), record, header);
}

// Of a record whatever has become of it: its time counts.
bool SourceFold::is_duplicate(const StatementAudit::Judgement& judged, const RecordView& record,
                              Partition& in) {
    if (judged.fate == StatementAudit::Fate::aggregated) {
        return in.ids.take(judged.id, record.record_offset, *judged.time);
    }
    in.ids.pass(judged.time.value_or(kNoTime));
    return false;
}

void SourceFold::judge_one(const RecordView& record, Partition& in, const LogReader* headers) {
    const std::optional<StatementAudit::Judgement> found = judgement(record, headers);
    if (!found) {
        ++in.segment.dead_lettered;
        return;
    }
    const StatementAudit::Judgement& judged = *found;
    if (job_.has_unique() && is_duplicate(judged, record, in)) {
        in.watermark = std::max(in.watermark, *judged.time);
        ++in.segment.duplicates;
        return;
    }
    // By its own time no record would ever be in time.
    const std::int64_t watermark = in.watermark;
    in.watermark = std::max(watermark, judged.time.value_or(kNoTime));
    switch (judged.fate) {
        case StatementAudit::Fate::filtered:
            ++in.segment.filtered;
            return;
        case StatementAudit::Fate::bad:
            ++in.segment.dead_lettered;
            return;
        case StatementAudit::Fate::aggregated:
            break;
    }
    GroupKey group = judged.group();
    if (job_.has_windows()) {
        const WindowSpan& window = window_of(*judged.time);
        if (job_.is_closed(window.end, watermark)) {
            ++in.segment.late;
            return;
        }
        group.window_start = window.start;
        group.is_session = job_.has_sessions();
    }
    ++in.segment.aggregated;
    add_row(job_.kinds, in.segment_sums, judged.row.slots);
    if (group.is_session) {
        count_in_session(group, judged.row, record, in);
        return;
    }
    if (Account* const account = account_of(group, record, in)) {
        accounts_.count(*account, judged.row);
    }
    if (job_.hops()) {
        count_windows(judged, group, record, in);
    }
}

void SourceFold::count_windows(const StatementAudit::Judgement& judged, GroupKey& group,
                               const RecordView& record, const Partition& in) {
    for (const WindowSpan& window : job_.statement->windows_over(*judged.time)) {
        group.window_start = window.start;
        encode_state_key(group, state_key_);
        make_window_key(state_key_);
        if (Account* const account = account_of_key(group, record, in)) {
            accounts_.count(*account, judged.row);
        }
    }
}

const WindowSpan& SourceFold::window_of(std::int64_t time) {
    if (!window_.has(time)) {
        window_ = job_.statement->window_at(time);
    }
    return window_;
}

Account* SourceFold::account_of(const GroupKey& group, const RecordView& record,
                                const Partition& in) {
    encode_state_key(group, state_key_);
    return account_of_key(group, record, in);
}

Account* SourceFold::account_of_key(const GroupKey& group, const RecordView& record,
                                    const Partition& in) {
    Account* account = accounts_.find(state_key_);
    if (account == nullptr) {
        place_.clear();
        append_partition_key(place_, group);
        account = accounts_.find_or_open(state_key_, place_);
    }
    if (account == nullptr) {
        return nullptr;  // its turn comes in another pass
    }
    return in.parts[account->state_partition].takes(record.record_offset) ? account : nullptr;
}

// Asked before the record is one of a session: what it joins stays joined.
void SourceFold::count_in_session(const GroupKey& group, const Row& row, const RecordView& record,
                                  const Partition& in) {
    place_.clear();
    append_partition_key(place_, group);
    const PartitionId q = partition_for_key(place_, static_cast<int>(job_.state_partitions));
    if (in.parts[static_cast<std::size_t>(q.value)].takes(record.record_offset)) {
        accounts_.count_session(group, place_, row);
    }
}

void SourceFold::arrive() {
    for (auto& [p, in] : partitions_) {
        while (in.next_edge < in.edges.size()) {
            end_segment(p, in);
        }
        for (Part& part : in.parts) {
            part.from = part.to;
        }
        in.edges.clear();
    }
}

void SourceFold::compare(const std::vector<std::optional<Meta>>& cut, Findings& findings) const {
    for (std::size_t q = 0; q < cut.size(); ++q) {
        if (!cut[q]) {
            continue;
        }
        for (const SourceProgress& source : cut[q]->sources) {
            if (!source.counts.balanced()) {
                findings.add(FindingKind::unbalanced, where(q, source.partition),
                             "read is the sum of all others", counts_text(source.counts));
            }
            const Part& part = partitions_.at(source.partition).parts[q];
            if (part.base != source.base) {
                findings.add(FindingKind::wrong_counts, where(q, source.partition),
                             fmt::format("read from offset {}", part.base.value),
                             fmt::format("read from offset {}", source.base.value));
            } else if (part.from != source.applied) {
                findings.add(FindingKind::wrong_counts, where(q, source.partition),
                             fmt::format("applied up to offset {} or more", part.from.value),
                             fmt::format("applied up to offset {}", source.applied.value));
            } else if (job_.event_time() != nullptr && !has_watermark(part, source)) {
                findings.add(FindingKind::late_wrong, where(q, source.partition),
                             fmt::format("watermark {}", time_text(part.watermark)),
                             fmt::format("watermark {}", time_text(source.watermark)));
            } else if (part.counts.duplicates != source.counts.duplicates) {
                findings.add(FindingKind::duplicate_wrong, where(q, source.partition),
                             counts_text(part.counts), counts_text(source.counts));
            } else if (job_.has_unique() && part.horizon != source.horizon) {
                findings.add(FindingKind::duplicate_wrong, where(q, source.partition),
                             horizon_text(part.horizon), horizon_text(source.horizon));
            } else if (part.counts.late != source.counts.late) {
                findings.add(FindingKind::late_wrong, where(q, source.partition),
                             counts_text(part.counts), counts_text(source.counts));
            } else if (!same_counts(part.counts, source.counts)) {
                findings.add(FindingKind::wrong_counts, where(q, source.partition),
                             counts_text(part.counts), counts_text(source.counts));
            } else if (part.sums != source.slots) {
                findings.add(FindingKind::wrong_counts, where(q, source.partition),
                             row_text(job_, part.sums), row_text(job_, source.slots));
            }
        }
        if (job_.has_windows()) {
            compare_clock(q, *cut[q], findings);
        }
    }
}

// The least watermark of all source partitions; none while one has none, or was not opened yet. A
// partition that was added begins without one and does not take back what the others had come to.
void SourceFold::compare_clock(std::size_t q, const Meta& meta, Findings& findings) const {
    const auto first_ones = static_cast<std::int32_t>(meta.identity.initial_source_partitions);
    std::int32_t opened = 0;
    std::int64_t of_first = std::numeric_limits<std::int64_t>::max();
    std::int64_t of_all = of_first;
    for (const SourceProgress& source : meta.sources) {
        const Part& part = partitions_.at(source.partition).parts[q];
        if (part.base != source.base || part.from != source.applied) {
            return;  // that was said, and there is no watermark to compare with
        }
        const std::int64_t watermark =
            has_watermark(part, source) ? source.watermark : part.watermark;
        of_all = std::min(of_all, watermark);
        if (source.partition.value < first_ones) {
            ++opened;
            of_first = std::min(of_first, watermark);
        }
    }
    if (opened < first_ones) {
        of_all = of_first = kNoTime;
    }
    if (meta.clock < of_all || meta.clock > of_first) {
        findings.add(FindingKind::late_wrong, fmt::format("state partition {}", q),
                     fmt::format("clock {}", time_text(of_all)),
                     fmt::format("clock {}", time_text(meta.clock)));
    }
}

std::optional<std::string> SourceFold::fewer_records(
    const std::vector<std::optional<Meta>>& cut) const {
    for (std::size_t q = 0; q < cut.size(); ++q) {
        for (const SourceProgress& source : cut[q]->sources) {
            const Part& part = partitions_.at(source.partition).parts[q];
            // More than offsets were never there: then they were counted twice.
            const auto most = static_cast<std::uint64_t>(source.applied.value - source.base.value);
            if (part.base == source.base && part.from == source.applied &&
                part.counts.read < source.counts.read && source.counts.read <= most) {
                return fmt::format("partition {} has {} records below offset {}, {} were read",
                                   source.partition.value, part.counts.read, source.applied.value,
                                   source.counts.read);
            }
        }
    }
    return std::nullopt;
}

std::vector<SourceProgress> SourceFold::progress(std::size_t q) const {
    std::vector<SourceProgress> all;
    for (const auto& [p, in] : partitions_) {
        const Part& part = in.parts[q];
        if (part.open) {
            all.push_back({.partition = p,
                           .base = part.base,
                           .applied = part.from,
                           .counts = part.counts,
                           .watermark = part.watermark,
                           .horizon = part.horizon,
                           .slots = part.sums});
        }
    }
    return all;
}

}  // namespace kstream::audit
