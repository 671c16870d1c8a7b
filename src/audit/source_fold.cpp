#include "kstream/audit/source_fold.hpp"

#include "kstream/codec/result_record.hpp"
#include "kstream/codec/state_key.hpp"

#include <fmt/format.h>

#include <algorithm>

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
           a.late == b.late && bad(a) == bad(b) && a.tombstones == b.tombstones;
}

}  // namespace

SourceFold::SourceFold(const AuditedJob& job, Accounts& accounts)
    : job_(job),
      accounts_(accounts),
      reader_(job.statement ? nullptr : make_record_reader(job.spec)),
      fields_(job.statement ? make_record_fields(job.statement->job().statement) : nullptr) {}

SourceFold::Partition& SourceFold::partition(PartitionId p) {
    Partition& found = partitions_[p];
    if (found.windows.empty()) {
        found.windows.resize(job_.state_partitions);
        for (Window& window : found.windows) {
            window.sums.resize(job_.kinds.size());
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
            partition(source.partition).windows[q] = {.open = true,
                                                      .base = source.base,
                                                      .from = source.applied,
                                                      .to = source.applied,
                                                      .counts = source.counts,
                                                      .sums = source.slots};
        }
    }
}

std::vector<Piece> SourceFold::aim(const std::vector<std::optional<Meta>>& cut) {
    for (std::size_t q = 0; q < cut.size(); ++q) {
        if (!cut[q]) {
            continue;
        }
        for (const SourceProgress& source : cut[q]->sources) {
            Window& window = partition(source.partition).windows[q];
            if (!window.open) {
                window.open = true;
                window.base = window.from = source.base;
            }
            window.to = std::max(window.from, source.applied);
        }
    }
    std::vector<Piece> pieces;
    for (auto& [p, in] : partitions_) {
        in.edges.clear();
        for (const Window& window : in.windows) {
            if (window.open && window.from < window.to) {
                in.edges.push_back(window.from);
                in.edges.push_back(window.to);
            }
        }
        std::ranges::sort(in.edges);
        in.edges.erase(std::ranges::unique(in.edges).begin(), in.edges.end());
        in.next_edge = 1;
        if (!in.edges.empty()) {
            in.lowest = in.edges.front();
            in.highest = in.edges.back();
            pieces.push_back({p, in.lowest, in.highest});
        }
    }
    return pieces;
}

// Gives what was read between two edges to each state partition that both are inside of.
void SourceFold::end_segment(Partition& in) {
    const Offset begin = in.edges[in.next_edge - 1];
    const Offset end = in.edges[in.next_edge];
    for (Window& window : in.windows) {
        if (window.open && window.from <= begin && end <= window.to) {
            window.counts += in.segment;
            add_row(job_.kinds, window.sums, in.segment_sums);
        }
    }
    in.segment = {};
    std::ranges::fill(in.segment_sums, Slot{});
    ++in.next_edge;
}

void SourceFold::fold(RecordBatch records, const LogReader* headers) {
    Partition* in = nullptr;
    PartitionId of;
    for (const RecordView& record : records) {
        if (in == nullptr || record.partition != of) {
            of = record.partition;
            in = &partition(of);
        }
        if (in->edges.empty() || record.record_offset < in->lowest ||
            record.record_offset >= in->highest) {
            continue;
        }
        while (record.record_offset >= in->edges[in->next_edge]) {
            end_segment(*in);
        }
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

// By the statement, with the audit's own interpreter.
void SourceFold::judge_one(const RecordView& record, Partition& in, const LogReader* headers) {
    if (fields_->read(record.value())) {
        ++in.segment.dead_lettered;
        return;
    }
    const auto header = [&](const std::string& name) -> std::optional<std::string_view> {
        return headers == nullptr ? std::nullopt : headers->header(record, name.c_str());
    };
    const StatementAudit::Judgement judged =
        job_.statement->judge(fields_->values(), record, header);
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
    ++in.segment.aggregated;
    add_row(job_.kinds, in.segment_sums, judged.row.slots);
    if (Account* const account = account_of(judged.group(), record, in)) {
        accounts_.count(*account, judged.row);
    }
}

Account* SourceFold::account_of(const GroupKey& group, const RecordView& record,
                                const Partition& in) {
    encode_state_key(group, state_key_);
    Account* account = accounts_.find(state_key_);
    if (account == nullptr) {
        result_key_.clear();
        append_result_key(result_key_, group);
        account = accounts_.find_or_open(state_key_, result_key_);
    }
    if (account == nullptr) {
        return nullptr;  // its turn comes in another pass
    }
    const Window& window = in.windows[account->state_partition];
    const bool counts =
        window.open && record.record_offset >= window.from && record.record_offset < window.to;
    return counts ? account : nullptr;
}

void SourceFold::arrive() {
    for (auto& [p, in] : partitions_) {
        while (in.next_edge < in.edges.size()) {
            end_segment(in);
        }
        for (Window& window : in.windows) {
            window.from = window.to;
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
            const Window& window = partitions_.at(source.partition).windows[q];
            if (window.base != source.base) {
                findings.add(FindingKind::wrong_counts, where(q, source.partition),
                             fmt::format("read from offset {}", window.base.value),
                             fmt::format("read from offset {}", source.base.value));
            } else if (window.from != source.applied) {
                findings.add(FindingKind::wrong_counts, where(q, source.partition),
                             fmt::format("applied up to offset {} or more", window.from.value),
                             fmt::format("applied up to offset {}", source.applied.value));
            } else if (!same_counts(window.counts, source.counts)) {
                findings.add(FindingKind::wrong_counts, where(q, source.partition),
                             counts_text(window.counts), counts_text(source.counts));
            } else if (window.sums != source.slots) {
                findings.add(FindingKind::wrong_counts, where(q, source.partition),
                             row_text(job_, window.sums), row_text(job_, source.slots));
            }
        }
    }
}

std::optional<std::string> SourceFold::fewer_records(
    const std::vector<std::optional<Meta>>& cut) const {
    for (std::size_t q = 0; q < cut.size(); ++q) {
        for (const SourceProgress& source : cut[q]->sources) {
            const Window& window = partitions_.at(source.partition).windows[q];
            // More than offsets were never there: then they were counted twice.
            const auto most = static_cast<std::uint64_t>(source.applied.value - source.base.value);
            if (window.base == source.base && window.from == source.applied &&
                window.counts.read < source.counts.read && source.counts.read <= most) {
                return fmt::format("partition {} has {} records below offset {}, {} were read",
                                   source.partition.value, window.counts.read, source.applied.value,
                                   source.counts.read);
            }
        }
    }
    return std::nullopt;
}

std::vector<SourceProgress> SourceFold::progress(std::size_t q) const {
    std::vector<SourceProgress> all;
    for (const auto& [p, in] : partitions_) {
        const Window& window = in.windows[q];
        if (window.open) {
            all.push_back({.partition = p,
                           .base = window.base,
                           .applied = window.from,
                           .counts = window.counts,
                           .max_event_time_ms = -1,
                           .slots = window.sums});
        }
    }
    return all;
}

}  // namespace kstream::audit
