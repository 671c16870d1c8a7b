#include "kstream/pipeline/totals_sources.hpp"

#include "kstream/core/aggregates.hpp"
#include "kstream/planted_bug.hpp"
#include "pipeline/broken_totals.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <limits>
#include <optional>
#include <utility>

namespace kstream {

namespace {

// Tombstones in one step.
constexpr std::size_t kMaxDropped = 1000;

// Of a job with event time.
std::string at_time(std::int64_t watermark) {
    return watermark == kNoTime ? "" : fmt::format(" with watermark {}", watermark);
}

}  // namespace

TotalsSources::TotalsSources(const Job& job, PartitionId partition)
    : job_(job), partition_(partition), windows_(job.has_windows()) {}

// ---- restoring ---------------------------------------------------------------------------------

Result<void> TotalsSources::restore(std::string_view key, std::string_view value) {
    const Result<Advance> advance = decode_advance(key, value);
    if (!advance) {
        return std::unexpected(advance.error());
    }
    restored_[advance->partition][advance->position] = advance->watermark;
    return {};
}

void TotalsSources::restore_tombstone(std::string_view key) {
    if (const std::optional<Advance> dropped = decode_advance_key(key)) {
        restored_[dropped->partition].erase(dropped->position);
    }
}

Result<void> TotalsSources::finish_restore(const Meta& meta, const LogStarts& starts) {
    for (const auto& [partition, advances] : restored_) {
        for (const auto& [position, watermark] : advances) {
            note_advance({partition, position, watermark});
        }
    }
    if (advances_.count != meta.advances || advances_.hash != meta.advances_hash) {
        return broken_totals(
            partition_, fmt::format("meta counts {} advances of event time, the changelog has {}{}",
                                    meta.advances, advances_.count,
                                    advances_.count == meta.advances ? " others" : ""));
    }
    sources_ = meta.sources;
    choose_to_drop(starts);
    restored_.clear();
    return {};
}

void TotalsSources::choose_to_drop(const LogStarts& starts) {
    for (const auto& [partition, advances] : restored_) {
        const auto start = starts.find(partition);
        if (start == starts.end()) {
            continue;
        }
        // Each is beyond those before it: the last one says it all.
        auto floor = advances.upper_bound(start->second);
        if (floor != advances.begin() && !planted(PlantedBug::floor_dropped)) {
            --floor;
        }
        for (auto one = advances.begin(); one != floor; ++one) {
            to_drop_.push_back({partition, one->first, one->second});
        }
    }
    left_to_drop_ = to_drop_.size();
}

// ---- changing ----------------------------------------------------------------------------------

const SourceProgress* TotalsSources::find(PartitionId partition) const {
    const auto at = std::ranges::lower_bound(sources_, partition, {}, &SourceProgress::partition);
    return at != sources_.end() && at->partition == partition ? &*at : nullptr;
}

Result<TotalsSources::Chain> TotalsSources::check_chain(const BatchHeader& header,
                                                        std::string_view where) const {
    bool all_next = true;
    bool all_seen = true;
    std::string problem;
    for (const SourceRange& range : header.ranges) {
        const SourceProgress* source = find(range.partition);
        bool next = false;
        bool seen = false;
        if (header.kind == BatchKind::open) {
            next = source == nullptr;
            if (!next) {
                problem += fmt::format(
                    " source partition {} is opened at {} again, it is applied "
                    "up to {};",
                    range.partition.value, range.from.value, source->applied.value);
            }
        } else if (source == nullptr) {
            problem += fmt::format(" source partition {} was never opened, the batch has [{}, {});",
                                   range.partition.value, range.from.value, range.to.value);
        } else {
            next = (range.from == source->applied || planted(PlantedBug::from_not_checked)) &&
                   range.watermark_before == source->watermark;
            seen = range.to <= source->applied && range.watermark <= source->watermark;
            if (!next && !seen) {
                problem += fmt::format(
                    " source partition {} is applied up to {}{}, the batch has [{}, {}){};",
                    range.partition.value, source->applied.value, at_time(source->watermark),
                    range.from.value, range.to.value, at_time(range.watermark_before));
            }
        }
        all_next = all_next && next;
        all_seen = all_seen && seen;
    }
    if (all_next) {
        return Chain::next;
    }
    if (all_seen) {
        return Chain::duplicate;
    }
    return broken_totals(
        partition_,
        fmt::format("the chain of source ranges is broken at {}:{}", where,
                    problem.empty() ? " some ranges are new, others are not" : problem));
}

void TotalsSources::apply(const BatchHeader& header, Layer& layer) {
    for (const SourceRange& range : header.ranges) {
        auto at =
            std::ranges::lower_bound(sources_, range.partition, {}, &SourceProgress::partition);
        if (header.kind == BatchKind::open) {
            SourceProgress opened;
            opened.partition = range.partition;
            opened.base = opened.applied = range.from;
            opened.horizon = range.horizon;
            opened.slots.resize(job_.kinds.size());
            sources_.insert(at, std::move(opened));
            continue;
        }
        if (windows_ && range.from == range.to && range.watermark > range.watermark_before) {
            keep_advance(range, layer);
        }
        at->applied = range.to;
        at->counts += range.counts;
        at->watermark = range.watermark;
        at->horizon = range.horizon;
        for (std::size_t i = 0; i < job_.kinds.size(); ++i) {
            merge_slot(job_.kinds[i], at->slots[i], range.slots[i]);
        }
    }
}

// A position that is known comes last of its source partition, in the log as here.
void TotalsSources::note_advance(const Advance& advance) {
    const auto at =
        std::ranges::lower_bound(advances_.newest, advance.partition, {}, &Advance::partition);
    advances_.hash += advance_hash(advance);
    if (at == advances_.newest.end() || at->partition != advance.partition) {
        advances_.newest.insert(at, advance);
        ++advances_.count;
        return;
    }
    if (at->position == advance.position) {
        advances_.hash -= advance_hash(*at);
    } else {
        ++advances_.count;
    }
    *at = advance;
}

// One in which nothing was read, and the watermark has moved.
void TotalsSources::keep_advance(const SourceRange& range, Layer& layer) {
    if (keeper_of_advances(range.partition, job_.identity.state_partitions) != partition_ ||
        planted(PlantedBug::advance_not_logged)) {
        return;
    }
    const Advance advance{range.partition, range.from, range.watermark};
    note_advance(advance);
    const auto same = std::ranges::find_if(layer.advances, [&advance](const Advance& one) {
        return one.partition == advance.partition && one.position == advance.position;
    });
    if (same != layer.advances.end()) {
        *same = advance;
    } else {
        layer.advances.push_back(advance);
    }
}

// ---- layers ------------------------------------------------------------------------------------

void TotalsSources::begin(Layer& layer) const {
    layer.before = sources_;
    layer.advances_before = advances_;
    layer.advances.clear();
    layer.to_drop_before = left_to_drop_;
}

void TotalsSources::seal(std::uint64_t transaction, const Layer& layer, OutputBatch& out) {
    for (const Advance& advance : layer.advances) {
        key_.clear();
        append_advance_key(key_, advance);
        value_.clear();
        append_advance_value(value_, transaction, advance);
        out.append(TopicRole::changelog, partition_, key_, value_);
    }
    for (std::size_t left = std::min(left_to_drop_, kMaxDropped); left > 0; --left) {
        const Advance& dropped = to_drop_[--left_to_drop_];
        advances_.hash -= advance_hash(dropped);
        --advances_.count;
        key_.clear();
        append_advance_key(key_, dropped);
        out.append(TopicRole::changelog, partition_, key_, std::nullopt);
    }
}

void TotalsSources::committed() {
    if (left_to_drop_ == 0) {
        to_drop_ = std::vector<Advance>{};
    }
}

void TotalsSources::undo(const Layer& layer) {
    sources_ = layer.before;
    advances_ = layer.advances_before;
    left_to_drop_ = layer.to_drop_before;
}

// ---- looking -----------------------------------------------------------------------------------

std::int64_t TotalsSources::watermark() const {
    std::int64_t least = std::numeric_limits<std::int64_t>::max();
    std::uint32_t first_ones = 0;
    for (const SourceProgress& source : sources_) {
        least = std::min(least, source.watermark);
        first_ones += source.partition.value <
                              static_cast<std::int32_t>(job_.identity.initial_source_partitions)
                          ? 1U
                          : 0U;
    }
    return first_ones == job_.identity.initial_source_partitions && !sources_.empty() ? least
                                                                                      : kNoTime;
}

std::vector<SourceWatermark> TotalsSources::watermarks_before(const Layer& layer) const {
    std::vector<SourceWatermark> all(job_.identity.initial_source_partitions);
    for (std::size_t p = 0; p < all.size(); ++p) {
        all[p].partition = PartitionId{static_cast<std::int32_t>(p)};
    }
    for (const SourceProgress& source : layer.before) {
        const auto at =
            std::ranges::lower_bound(all, source.partition, {}, &SourceWatermark::partition);
        if (at != all.end() && at->partition == source.partition) {
            at->watermark = source.watermark;
        } else {
            all.insert(at, SourceWatermark{source.partition, source.watermark});
        }
    }
    return all;
}

void TotalsSources::put_into(Meta& meta) const {
    meta.sources = sources_;
    if (windows_) {
        meta.advances = advances_.count;
        meta.advances_hash = advances_.hash;
    }
}

}  // namespace kstream
