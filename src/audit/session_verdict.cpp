// What a session makes of what it has read: whose it is, whether the source still has it, and what
// totals, meta, ledger and source say of each other.
#include "audit/session_pass.hpp"
#include "kstream/audit/ledger.hpp"
#include "kstream/core/side_aggregates.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

namespace kstream::audit {

// ---- whose it is, and what there is of it -------------------------------------------------------

Result<void> Session::check_cut(const Metas& cut) const {
    for (std::size_t q = 0; q < cut.size(); ++q) {
        if (const auto& differences = accounts_->strangers()[q]; !differences.empty()) {
            return fail(
                ExitCode::identity,
                fmt::format("topic {} partition {} belongs to another job, or topics were "
                            "replaced: {}",
                            world_.name(TopicRole::changelog), q, fmt::join(differences, "; ")),
                "give the audit the options of the job");
        }
    }
    if (std::ranges::none_of(cut, [](const auto& meta) { return meta.has_value(); })) {
        return cannot_tell("the job has committed nothing yet",
                           "start kstream aggregate first, or name another --application-id");
    }
    for (std::size_t q = 0; q < cut.size(); ++q) {
        if (!cut[q]) {
            return cannot_tell(fmt::format("topic {} partition {} has no meta record",
                                           world_.name(TopicRole::changelog), q),
                               "the job begins just now, or the changelog was cut: try again");
        }
    }
    return {};
}

Result<void> Session::describe(const Metas& cut) {
    const Result<Positions> ends = ends_of(TopicRole::source, Isolation::read_committed);
    if (!ends) {
        return std::unexpected(ends.error());
    }
    report_.cut = cut;
    for (const auto& [partition, end] : *ends) {
        AuditedPartition audited;
        audited.partition = partition;
        audited.end = end;
        const SourceProgress* least = nullptr;
        bool everywhere = true;
        for (const auto& meta : cut) {
            const auto source =
                std::ranges::find(meta->sources, partition, &SourceProgress::partition);
            if (source == meta->sources.end()) {
                everywhere = false;
            } else if (least == nullptr || source->applied < least->applied) {
                least = &*source;
            }
        }
        if (least != nullptr) {
            audited.base = least->base;
            audited.applied = everywhere ? least->applied : least->base;
            if (everywhere) {
                report_.counts += least->counts;
            }
        }
        audited.lag = audited.applied < end
                          ? static_cast<std::uint64_t>(end.value - audited.applied.value)
                          : 0;
        report_.partitions.push_back(audited);
    }
    return {};
}

// ---- the source ---------------------------------------------------------------------------------

// Whether the source still has what the totals hold. In the first pass the answer is part of the
// report; afterwards half of a proof rests on what has gone.
Result<void> Session::check_source(const Pass& pass, const std::vector<Piece>& pieces) {
    const Result<Positions> starts = starts_of(TopicRole::source);
    const Result<Positions> ends = ends_of(TopicRole::source, Isolation::read_uncommitted);
    if (!starts || !ends) {
        return std::unexpected(starts ? ends.error() : starts.error());
    }
    for (const Piece& piece : pieces) {
        const Offset start = starts->at(piece.partition);
        const Offset end = ends->at(piece.partition);
        std::string gone;
        if (start > piece.from) {
            gone = fmt::format(
                "topic {} partition {} begins at offset {} now, and the totals hold its records "
                "from {}{} on",
                world_.name(TopicRole::source), piece.partition.value, start.value,
                piece.from.value, options_.base.empty() ? "" : ", where the base ends,");
        } else if (end < piece.to) {
            gone = fmt::format(
                "topic {} partition {} ends at offset {}, and the totals hold its records up to "
                "{}: the cluster has lost records",
                world_.name(TopicRole::source), piece.partition.value, end.value, piece.to.value);
        }
        if (gone.empty()) {
            continue;
        }
        if (!pass.first || pass.round > 1) {
            return cannot_tell(std::move(gone), "it was there when the audit began: audit again");
        }
        report_.proof = Proof::ledger_only;
        report_.why_not_full = std::move(gone);
        return {};
    }
    return {};
}

Result<void> Session::compare_source(Pass& pass) {
    const Metas& cut = accounts_->cut();
    if (!pass.first) {
        // The first pass has had its say; what another one reads otherwise has changed since.
        Findings found;
        pass.source.compare(cut, found);
        if (found.count() > 0) {
            const Finding& one = found.kept().front();
            return cannot_tell(
                fmt::format("topic {} reads otherwise than before: {}: {}, not {}",
                            world_.name(TopicRole::source), one.what, one.found, one.expected),
                "it changed during the audit, or the job has just gone wrong: audit again");
        }
        return {};
    }
    pass.source.compare(cut, report_.findings);
    pass.advances.compare(cut, report_.findings);
    if (const std::optional<std::string> fewer = pass.source.fewer_records(cut)) {
        const std::optional<bool> compacted = world_.compacted(TopicRole::source);
        if (compacted.value_or(true)) {
            report_.source_doubt = fmt::format(
                "topic {} {}: {}", world_.name(TopicRole::source),
                compacted ? "is compacted, so records of it may be gone"
                          : "may be compacted, which its settings would say and may not be read",
                *fewer);
        }
    }
    return {};
}

// ---- what totals, meta and ledger say of each other ---------------------------------------------

namespace {

// Of a job with windows, behind what is open.
std::string closed_text(const AuditedJob& job, std::uint64_t to_close, std::uint64_t to_sweep,
                        const std::optional<std::vector<Slot>>& retired) {
    if (!job.has_windows()) {
        return "";
    }
    return fmt::format(
        ", {} of them to be closed, {} closed before{}", to_close,
        retired ? row_text(job, *retired) : "whatever",
        has_elements(job.kinds) ? fmt::format(", {} elements to be swept", to_sweep) : "");
}

std::string state_text(const AuditedJob& job, const StateSum& sum, const Meta& meta) {
    return fmt::format("{} keys with {}{}{}", sum.keys, row_text(job, sum.slots),
                       closed_text(job, sum.to_close, sum.to_sweep, sum.retired),
                       sum.hash == meta.state_hash ? "" : ", another state hash") +
           (sum.cursor && *sum.cursor != meta.cursor ? ", another window closed last" : "");
}

}  // namespace

bool Session::check_states(const Pass& pass, const Comparison& found, bool is_final) {
    if (accounts_->keys().modulus > 1) {
        return true;  // add_states() and judge_added_states() see to it
    }
    bool all_fit = true;
    for (std::size_t q = 0; q < found.by_state.size(); ++q) {
        const StateSum& sum = found.by_state[q];
        const Meta& meta = *accounts_->cut()[q];
        if (sum.fits(meta) || broken_states_.contains(q)) {
            continue;
        }
        // Compaction may have taken totals of this moment away while they were read. Nothing has
        // been written since: then there is nothing that could explain it.
        const bool moved = pass.round == 1 || states_[q].hash != sum.hash;
        states_[q] = sum;
        if (moved && !is_final) {
            all_fit = false;
            continue;
        }
        broken_states_.insert(q);
        report_.findings.add(
            FindingKind::broken_state, fmt::format("state partition {}", q),
            fmt::format("{} keys with {}{}, as meta says", meta.keys, row_text(job_, meta.slots),
                        closed_text(job_, meta.to_close, meta.to_sweep, meta.retired)),
            state_text(job_, sum, meta));
    }
    return all_fit;
}

void Session::add_states(const Pass& pass, const Comparison& found) {
    if (accounts_->keys().modulus == 1) {
        return;
    }
    for (std::size_t q = 0; q < states_.size(); ++q) {
        if (!pass.first && accounts_->cut()[q]->transaction != (*first_)[q]->transaction) {
            states_add_up_ = false;
        }
        accounts_->add_sum(states_[q], found.by_state[q]);
    }
}

// Over all passes, where they had the same cut.
void Session::judge_added_states() {
    if (report_.passes < 2 || !states_add_up_) {
        return;
    }
    for (std::size_t q = 0; q < states_.size(); ++q) {
        const Meta& meta = *(*first_)[q];
        if (states_[q].fits(meta)) {
            continue;
        }
        report_.findings.add(
            FindingKind::broken_state, fmt::format("state partition {}", q),
            fmt::format("{} keys with {}{}, as meta says", meta.keys, row_text(job_, meta.slots),
                        closed_text(job_, meta.to_close, meta.to_sweep, meta.retired)),
            state_text(job_, states_[q], meta));
    }
}

// Where nobody knows what the source has had: what is open and what was closed, of all state
// partitions together, is what the ranges have carried. As far as these are equally far.
void Session::check_retired(const Metas& cut) {
    std::vector<Slot> carried = no_sums(job_.kinds);
    for (const SourceProgress& source : cut[0]->sources) {
        add_sums(job_.kinds, carried, source.slots);
    }
    std::vector<Slot> kept = no_sums(job_.kinds);
    for (const auto& meta : cut) {
        const bool as_far = std::ranges::equal(
            meta->sources, cut[0]->sources, [](const SourceProgress& a, const SourceProgress& b) {
                return a.partition == b.partition && a.applied == b.applied;
            });
        if (!as_far) {
            return;
        }
        add_sums(job_.kinds, kept, meta->slots);
        add_sums(job_.kinds, kept, meta->retired);
    }
    if (kept != carried) {
        report_.findings.add(FindingKind::broken_state, "all state partitions",
                             row_text(job_, carried) + ", as the ranges carried it",
                             row_text(job_, kept) + ", open and closed in meta");
    }
}

// ---- the ledger ---------------------------------------------------------------------------------

Result<void> Session::read_ledger(const Metas& cut) {
    const Result<Positions> starts = starts_of(TopicRole::repartition);
    if (!starts) {
        return std::unexpected(starts.error());
    }
    std::vector<Ledger> ledgers;
    Positions from;
    Positions ends;
    for (std::size_t q = 0; q < cut.size(); ++q) {
        const PartitionId partition{static_cast<std::int32_t>(q)};
        const Offset start = starts->at(partition);
        ledgers.emplace_back(job_, q, start, report_.findings);
        if (start < cut[q]->repartition_position) {
            from[partition] = start;
            ends[partition] = cut[q]->repartition_position;
        }
    }
    if (!from.empty()) {
        const std::unique_ptr<LogReader> repartition = world_.reader("repartition");
        if (Result<void> opened = open(*repartition, TopicRole::repartition, from); !opened) {
            return opened;
        }
        const auto take = [&](RecordBatch batch) -> Result<void> {
            for (const RecordView& record : batch) {
                const auto q = static_cast<std::size_t>(record.partition.value);
                if (record.record_offset < cut[q]->repartition_position) {
                    ledgers[q].take(record);
                }
            }
            return {};
        };
        if (Result<void> read = read_until(*repartition, TopicRole::repartition, ends, take);
            !read) {
            return read;
        }
    }
    for (std::size_t q = 0; q < cut.size(); ++q) {
        ledgers[q].close(*cut[q], report_.ledger);
    }
    return {};
}

}  // namespace kstream::audit
