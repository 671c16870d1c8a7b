#include "kstream/pipeline/sample.hpp"

#include <algorithm>
#include <memory>
#include <utility>

namespace kstream {

namespace {

constexpr PartitionId kStatePartition{0};

}  // namespace

std::vector<SampleRange> newest_offsets(const std::map<PartitionId, Offset>& begins,
                                        const std::map<PartitionId, Offset>& ends,
                                        std::uint64_t count) {
    std::vector<SampleRange> ranges;
    for (const auto& [partition, end] : ends) {
        if (const auto begin = begins.find(partition); begin != begins.end()) {
            ranges.push_back({partition, std::min(begin->second, end), end});
        }
    }
    // The shortest ones first, so that what they lack is known when the others get their part.
    const auto size = [](const SampleRange& range) {
        return static_cast<std::uint64_t>(range.to.value - range.from.value);
    };
    std::ranges::stable_sort(ranges, {}, size);
    std::uint64_t parts = ranges.size();
    for (SampleRange& range : ranges) {
        const std::uint64_t taken = std::min(size(range), (count + parts - 1) / parts);
        range.from = Offset{range.to.value - static_cast<std::int64_t>(taken)};
        count -= taken;
        --parts;
    }
    std::erase_if(ranges, [&](const SampleRange& range) { return size(range) == 0; });
    std::ranges::sort(ranges, {}, &SampleRange::partition);
    return ranges;
}

Sample::Sample(const Job& job, Log& log, const HeaderReader* headers)
    : map_(job, {.on_bad_record = BadRecordPolicy::skip}, log, {.headers = headers, .tally = this}),
      totals_(job, {}, log) {
    totals_.install(std::make_unique<TotalsState>(job, kStatePartition));
}

Result<void> Sample::fold(RecordBatch records) {
    for (const RecordView& record : records) {
        read_.at(record.partition).to = Offset{record.record_offset.value + 1};
    }
    if (Result<void> folded = map_.fold(records); !folded) {
        return folded;
    }
    return map_.full() ? hand_on() : Result<void>{};
}

// P3: the base of a partition is known before its first record.
Result<void> Sample::open(std::span<const SampleRange> ranges) {
    if (ranges.empty()) {
        return {};  // and nothing comes
    }
    Step step;
    for (const SampleRange& range : ranges) {
        const StepRange base{range.partition, range.from, range.from};
        read_[range.partition] = base;
        step.ranges.push_back(base);
    }
    if (Result<void> sealed = map_.seal_open(step); !sealed) {
        return sealed;
    }
    return fold_into_totals(step.outputs);
}

Result<void> Sample::hand_on() {
    if (read_.empty()) {
        return {};  // of an empty topic; a step is of some partition
    }
    Step step;
    for (auto& [partition, range] : read_) {
        step.ranges.push_back(range);
        range.from = range.to;
    }
    if (Result<void> sealed = map_.seal(step); !sealed) {
        return sealed;
    }
    map_.committed(0);
    if (Result<void> folded = fold_into_totals(step.outputs); !folded) {
        return folded;
    }
    Step totals;
    totals.ranges.push_back({kStatePartition, Offset{0}, repartition_end_});
    if (Result<void> sealed = totals_.seal(totals); !sealed) {
        return sealed;
    }
    totals_.committed(0);
    for (const OutputBatch::Record& record : totals.outputs.records()) {
        if (record.topic != TopicRole::results) {
            continue;
        }
        std::string key{totals.outputs.key(record).value_or("")};
        if (const auto value = totals.outputs.value(record)) {
            results_.insert_or_assign(std::move(key), std::string{*value});
        } else {
            results_.erase(key);
        }
    }
    return {};
}

Result<void> Sample::fold_into_totals(const OutputBatch& outputs) {
    for (const OutputBatch::Record& record : outputs.records()) {
        if (record.topic != TopicRole::repartition) {
            continue;
        }
        const std::string_view value = outputs.value(record).value_or("");
        RecordView view;
        view.partition = kStatePartition;
        view.record_offset = repartition_end_;
        view.value_data = value.data();
        view.value_size = static_cast<std::uint32_t>(value.size());
        repartition_end_ = Offset{repartition_end_.value + 1};
        if (Result<void> folded = totals_.fold({&view, 1}); !folded) {
            return folded;
        }
    }
    return {};
}

void Sample::first_bad(const FirstBad& first) {
    firsts_[static_cast<std::size_t>(first.reason)] = {std::string{first.field}, first.partition,
                                                       first.record_offset, first.hint};
}

Result<void> Sample::add(const RecordTally& more) {
    counts_.read += more.read;
    counts_.aggregated += more.aggregated;
    counts_.filtered += more.filtered;
    counts_.late += more.late;
    counts_.duplicates += more.duplicates;
    counts_.tombstones += more.tombstones;
    for (std::size_t i = 0; i < kBadReasonCount; ++i) {
        counts_.bad[i] += more.bad[i];
    }
    counts_.scale_needed = std::max(counts_.scale_needed, more.scale_needed);
    return {};
}

}  // namespace kstream
