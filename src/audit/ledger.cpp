#include "kstream/audit/ledger.hpp"

#include "kstream/codec/result_record.hpp"
#include "kstream/codec/state_key.hpp"
#include "kstream/core/murmur2.hpp"
#include "kstream/core/side_aggregates.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>

namespace kstream::audit {

Ledger::Ledger(const AuditedJob& job, std::size_t q, Offset log_start, Findings& findings)
    : job_(job),
      q_(q),
      log_start_(log_start),
      findings_(findings),
      deltas_(job.has_windows() ? no_sums(job.kinds) : std::vector<Slot>(job.kinds.size())) {}

std::string Ledger::where(PartitionId p, Offset record_offset) const {
    return fmt::format("state partition {}, source partition {}, repartition offset {}", q_,
                       p.value, record_offset.value);
}

void Ledger::take(const RecordView& record) {
    if (const Result<void> read = decode_delta_batch(record.value(), job_.form(), batch_); !read) {
        findings_.add(
            FindingKind::damaged,
            fmt::format("repartition partition {}, offset {}", q_, record.record_offset.value),
            "a batch of deltas", read.error().message);
        return;
    }
    if (record.has_key()) {
        findings_.add(
            FindingKind::foreign,
            fmt::format("repartition partition {}, offset {}", q_, record.record_offset.value),
            "a batch without a key", shown(record.key()));
    }
    const BatchHeader& header = batch_.header;
    if (const auto differences = identity_differences(header.identity, job_.identity);
        !differences.empty()) {
        findings_.add(
            FindingKind::damaged,
            fmt::format("repartition partition {}, offset {}", q_, record.record_offset.value),
            "a batch of this job", differences.front());
        return;
    }
    const std::pair step{header.run_id, header.step};
    if (header.chunk == 0) {
        ++steps_;
        if (!take_ranges(header, record.record_offset)) {
            ++duplicates_;
            dropped_.insert(step);
        }
    }
    if (dropped_.contains(step)) {
        if (header.chunk + 1 == header.chunks) {
            dropped_.erase(step);
        }
        return;
    }
    const std::span<const Slot> slots{batch_.slots};
    const std::size_t width = job_.kinds.size();
    for (const DeltaView& delta : batch_.deltas) {
        check_place(delta.state_key, record.record_offset);
        const std::span<const Slot> row = slots.subspan(delta.first_slot, width);
        if (job_.has_windows()) {
            add_sums(job_.kinds, deltas_, row);
        } else {
            add_row(job_.kinds, deltas_, row);
        }
    }
}

// The job itself applies a delta to the totals of the partition that it stands in.
void Ledger::check_place(std::string_view state_key, Offset record_offset) {
    place_.clear();
    if (decode_state_key(state_key, job_.key_shape(), group_)) {
        append_partition_key(place_, group_);
        const PartitionId home = partition_for_key(place_, static_cast<int>(job_.state_partitions));
        if (home.value == static_cast<std::int32_t>(q_)) {
            return;
        }
        findings_.add(
            FindingKind::misplaced,
            fmt::format("repartition partition {}, offset {}", q_, record_offset.value),
            fmt::format("key {} in partition {} only", key_text(job_, state_key), home.value),
            "a delta");
        return;
    }
    findings_.add(FindingKind::damaged,
                  fmt::format("repartition partition {}, offset {}", q_, record_offset.value),
                  "keys of the job", shown(state_key));
}

// Whether the step is part of the chain: false for one that was written again, all of it behind
// the chain, which the totals loop drops.
bool Ledger::take_ranges(const BatchHeader& header, Offset record_offset) {
    const auto known_behind = [this](const SourceRange& range) {
        const auto chain = chains_.find(range.partition);
        return chain != chains_.end() && range.to <= chain->second.to &&
               range.from < chain->second.to;
    };
    // The step that a chain came to here before may have been purged.
    const auto maybe_behind = [&](const SourceRange& range) {
        return known_behind(range) ||
               (log_start_ > Offset{0} && !chains_.contains(range.partition));
    };
    if (header.kind == BatchKind::step && std::ranges::any_of(header.ranges, known_behind) &&
        std::ranges::all_of(header.ranges, maybe_behind)) {
        return false;
    }
    for (const SourceRange& range : header.ranges) {
        if (!take_range(header, range, record_offset)) {
            // Said once; the chain goes on from here, so that a second break is seen too.
            chains_[range.partition].to = range.to;
            chains_[range.partition].watermark = range.watermark;
            chains_[range.partition].horizon = range.horizon;
        }
    }
    return true;
}

bool Ledger::take_range(const BatchHeader& header, const SourceRange& range, Offset record_offset) {
    const std::string covered = fmt::format("[{}, {})", range.from.value, range.to.value);
    const auto known = chains_.find(range.partition);
    if (known == chains_.end()) {
        const bool opens = header.kind == BatchKind::open;
        if (!opens && log_start_ == Offset{0}) {
            findings_.add(FindingKind::gap, where(range.partition, record_offset),
                          "an open step first", covered);
        }
        chains_[range.partition] = {.base = range.from,
                                    .to = range.to,
                                    .counts = range.counts,
                                    .sums = range.slots,
                                    .watermark = range.watermark,
                                    .horizon = range.horizon,
                                    .from_base = opens,
                                    .may_be_behind = !opens && log_start_ > Offset{0}};
        return true;
    }
    Chain& chain = known->second;
    const std::string expected = fmt::format("[{}, ..)", chain.to.value);
    if (header.kind == BatchKind::open) {
        findings_.add(FindingKind::overlap, where(range.partition, record_offset), expected,
                      fmt::format("opened once more, at {}", range.from.value));
        return true;
    }
    chain.counts += range.counts;
    add_row(job_.kinds, chain.sums, range.slots);
    if (chain.may_be_behind && range.from > chain.to) {
        chain = {.base = range.from,
                 .to = range.to,
                 .counts = range.counts,
                 .sums = range.slots,
                 .watermark = range.watermark,
                 .horizon = range.horizon};
        return true;
    }
    if (range.from != chain.to) {
        findings_.add(range.from < chain.to ? FindingKind::overlap : FindingKind::gap,
                      where(range.partition, record_offset), expected, covered);
        return false;
    }
    if (range.watermark_before != chain.watermark) {
        findings_.add(FindingKind::late_wrong, where(range.partition, record_offset),
                      fmt::format("watermark {} at offset {}, where the range before it ends",
                                  time_text(chain.watermark), chain.to.value),
                      fmt::format("watermark {}", time_text(range.watermark_before)));
    }
    chain.to = range.to;
    chain.watermark = range.watermark;
    chain.horizon = range.horizon;
    return true;
}

void Ledger::close(const Meta& meta, LedgerReport& report) {
    report.steps += steps_;
    report.duplicates += duplicates_;
    bool whole = true;
    for (const SourceProgress& source : meta.sources) {
        const auto known = chains_.find(source.partition);
        if (known == chains_.end()) {
            whole = false;
            ++report.purged;
            if (log_start_ == Offset{0}) {
                findings_.add(FindingKind::gap,
                              fmt::format("state partition {}, source partition {}", q_,
                                          source.partition.value),
                              fmt::format("ranges up to {}", source.applied.value),
                              "no map step of it in the log");
            }
            continue;
        }
        const Chain& chain = known->second;
        const std::string what =
            fmt::format("state partition {}, source partition {}", q_, source.partition.value);
        ++report.chains;
        const bool may_be_further = chain.may_be_behind && chain.to < source.applied;
        if (chain.to != source.applied && !may_be_further) {
            findings_.add(chain.to < source.applied ? FindingKind::gap : FindingKind::overlap, what,
                          fmt::format("ranges up to {}, as meta says", source.applied.value),
                          fmt::format("ranges up to {}", chain.to.value));
        } else if (chain.to == source.applied && chain.watermark != source.watermark) {
            findings_.add(
                FindingKind::late_wrong, what,
                fmt::format("watermark {}, as the ledger says", time_text(chain.watermark)),
                fmt::format("watermark {} in meta", time_text(source.watermark)));
        } else if (chain.to == source.applied && chain.horizon != source.horizon) {
            findings_.add(FindingKind::duplicate_wrong, what,
                          horizon_text(chain.horizon) + ", as the ledger says",
                          horizon_text(source.horizon) + " in meta");
        }
        if (!chain.from_base) {
            whole = false;
            ++report.purged;
            continue;
        }
        if (chain.base != source.base) {
            findings_.add(FindingKind::gap, what,
                          fmt::format("opened at {}, as the ledger says", chain.base.value),
                          fmt::format("base {} in meta", source.base.value));
        }
        if (chain.counts != source.counts) {
            findings_.add(FindingKind::wrong_counts, what,
                          counts_text(chain.counts) + ", as the ledger says",
                          counts_text(source.counts) + " in meta");
        }
        if (chain.sums != source.slots) {
            findings_.add(FindingKind::wrong_counts, what,
                          row_text(job_, chain.sums) + ", as the ledger says",
                          row_text(job_, source.slots) + " in meta");
        }
    }
    if (const std::vector<Slot> totals = expected_deltas(meta); whole && deltas_ != totals) {
        findings_.add(FindingKind::broken_state, fmt::format("state partition {}", q_),
                      row_text(job_, deltas_) + ", the sum of its deltas",
                      row_text(job_, totals) + ", the sum of its totals in meta");
    }
}

// Of all keys' sets the deltas say no number: they are in the comparison of each key. With windows,
// what was closed and what is open; of extremes meta has neither.
std::vector<Slot> Ledger::expected_deltas(const Meta& meta) const {
    std::vector<Slot> totals = meta.slots;
    if (job_.has_windows()) {
        add_sums(job_.kinds, totals, meta.retired);
    }
    for (std::size_t i = 0; i < totals.size(); ++i) {
        if (keeps_elements(job_.kinds[i])) {
            totals[i] = Slot{};
        }
    }
    return totals;
}

}  // namespace kstream::audit
