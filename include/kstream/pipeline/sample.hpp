// What a job makes of some records, without a cluster to write to: both folds one after the other,
// with one state partition, so that each record is judged, and each result is what it would be, by
// the code that does it in a run.
#pragma once

#include "kstream/pipeline/bad_record.hpp"
#include "kstream/pipeline/job.hpp"
#include "kstream/pipeline/map_fold.hpp"
#include "kstream/pipeline/totals_fold.hpp"
#include "kstream/ports/header_reader.hpp"
#include "kstream/ports/log.hpp"
#include "kstream/ports/record_tally.hpp"
#include "kstream/ports/step.hpp"

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace kstream {

// Records of one partition, by their offsets.
struct SampleRange {
    PartitionId partition;
    Offset from;
    Offset to;
    friend bool operator==(const SampleRange&, const SampleRange&) = default;
};

// The newest `count` offsets of a topic whose partitions begin and end there: as many of each
// partition, and of what one lacks the others have more. Not all have a record: the end of a
// transaction has an offset too. Without partitions of which nothing is to be read.
[[nodiscard]] std::vector<SampleRange> newest_offsets(const std::map<PartitionId, Offset>& begins,
                                                      const std::map<PartitionId, Offset>& ends,
                                                      std::uint64_t count);

class Sample final : private RecordTallySink {
public:
    // `job` has one state partition; all of it outlives this.
    Sample(const Job& job, Log& log, const HeaderReader* headers);

    // Once, before the first record: all partitions that have any, and where each begins. A window
    // closes when all of them have come past its end.
    [[nodiscard]] Result<void> open(std::span<const SampleRange> ranges);
    // In log order within a partition.
    [[nodiscard]] Result<void> fold(RecordBatch records);
    // After the last record; before it, it changes nothing but what results() shows meanwhile.
    [[nodiscard]] Result<void> finish() { return hand_on(); }

    [[nodiscard]] const RecordTally& counts() const { return counts_; }
    [[nodiscard]] const FirstsOfReasons& firsts() const { return firsts_; }
    // What the results topic would hold, by key.
    [[nodiscard]] const std::map<std::string, std::string>& results() const { return results_; }

private:
    void first_bad(const FirstBad& first) override;
    [[nodiscard]] Result<void> add(const RecordTally& more) override;

    [[nodiscard]] Result<void> hand_on();
    [[nodiscard]] Result<void> fold_into_totals(const OutputBatch& outputs);

    MapFold map_;
    TotalsFold totals_;
    std::map<PartitionId, StepRange> read_;  // since the last step
    Offset repartition_end_{0};
    RecordTally counts_;
    FirstsOfReasons firsts_;
    std::map<std::string, std::string> results_;
};

}  // namespace kstream
