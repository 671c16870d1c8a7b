// Both loops without the rest of a worker, for measuring: records to the deltas of map steps, these
// to totals.
#pragma once

#include "kstream/check.hpp"
#include "kstream/pipeline/map_fold.hpp"
#include "kstream/pipeline/totals_fold.hpp"
#include "kstream/pipeline/totals_state.hpp"
#include "support/encoded_records.hpp"
#include "support/fakes/recording_log.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace kstream::testing {

inline constexpr std::size_t kStepRecords = 10'000;
inline constexpr std::size_t kPollRecords = 1'000;

// What a map loop does with records: steps of kStepRecords. `sealed(Step&)` sees each step.
template <typename Sealed>
void run_map(const Job& job, const EncodedRecords& records, Sealed sealed) {
    RecordingLog log;
    MapFold fold{job, {}, log};
    const std::span<const RecordView> all{records.views};
    for (std::size_t from = 0; from < all.size(); from += kStepRecords) {
        const std::size_t to = std::min(all.size(), from + kStepRecords);
        for (std::size_t at = from; at < to; at += kPollRecords) {
            KSTREAM_CHECK(fold.fold(all.subspan(at, std::min(kPollRecords, to - at))).has_value(),
                          "the map fold takes all of these records");
        }
        Step step;
        step.ranges.push_back({PartitionId{0}, Offset{static_cast<std::int64_t>(from)},
                               Offset{static_cast<std::int64_t>(to)}});
        KSTREAM_CHECK(fold.seal(step).has_value(), "a map step can be sealed");
        sealed(step);
        fold.committed(1000);
    }
}

// The totals loop of all state partitions, which begins where the source does.
class TotalsLoop {
public:
    explicit TotalsLoop(const Job& job)
        : fold_(job, {}, log_),
          from_(job.identity.state_partitions),
          next_(job.identity.state_partitions) {
        for (std::size_t p = 0; p < next_.size(); ++p) {
            fold_.install(
                std::make_unique<TotalsState>(job, PartitionId{static_cast<std::int32_t>(p)}));
        }
        // Where the source begins is said by the first map step of all.
        MapFold opening{job, {}, log_};
        Step open;
        open.ranges.push_back({PartitionId{0}, Offset{0}, Offset{0}});
        KSTREAM_CHECK(opening.seal_open(open).has_value(), "the base of the source can be sealed");
        take(open.outputs);
    }

    // All of what a map step has written, in a step of its own: what that writes.
    OutputBatch take(const OutputBatch& deltas) {
        for (const OutputBatch::Record& record : deltas.records()) {
            const std::string_view value = *deltas.value(record);
            RecordView view;
            view.partition = record.partition;
            Offset& next = next_[static_cast<std::size_t>(record.partition.value)];
            view.record_offset = next;
            next = next.next();
            view.timestamp_ms = 1000;
            view.value_data = value.data();
            view.value_size = static_cast<std::uint32_t>(value.size());
            KSTREAM_CHECK(fold_.fold({&view, 1}).has_value(), "the totals fold takes its deltas");
        }
        Step step;
        for (std::size_t p = 0; p < next_.size(); ++p) {
            step.ranges.push_back({PartitionId{static_cast<std::int32_t>(p)}, from_[p], next_[p]});
            from_[p] = next_[p];
        }
        KSTREAM_CHECK(fold_.seal(step).has_value(), "a totals step can be sealed");
        fold_.committed(1000);
        return std::move(step.outputs);
    }

private:
    RecordingLog log_;
    TotalsFold fold_;
    std::vector<Offset> from_;
    std::vector<Offset> next_;
};

}  // namespace kstream::testing
