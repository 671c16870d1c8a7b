// Records of a job with event time, judged as the map loop judges them, but for what is late: that
// is counted by the grace that would be needed. Without state, totals and a step.
#pragma once

#include "kstream/core/lateness.hpp"
#include "kstream/expr/window.hpp"
#include "kstream/pipeline/bad_record.hpp"
#include "kstream/pipeline/job.hpp"
#include "kstream/ports/header_reader.hpp"
#include "kstream/ports/record_tally.hpp"
#include "kstream/reader/record_reader.hpp"

#include <cstddef>
#include <memory>
#include <vector>

namespace kstream {

class LatenessFold {
public:
    // Of a job with windows, whose topic has that many partitions. The job and `headers` outlive
    // it.
    LatenessFold(const Job& job, expr::Windows windows, std::size_t partitions,
                 const HeaderReader* headers);

    // In log order within a partition.
    [[nodiscard]] Result<void> fold(RecordBatch records);

    // `aggregated` counts late records too: whether they are, the grace decides.
    [[nodiscard]] const RecordTally& counts() const { return counts_; }
    [[nodiscard]] const FirstsOfReasons& firsts() const { return firsts_; }
    [[nodiscard]] const Lateness& lateness() const { return lateness_; }

private:
    [[nodiscard]] Result<void> fold_one(const RecordView& record);
    void bad(const RecordView& record, const RecordVerdict& verdict);

    const Job& job_;
    expr::Windows windows_;
    const HeaderReader* headers_;
    std::unique_ptr<RecordReader> reader_;
    std::vector<HeaderView> header_views_;
    Lateness lateness_;
    RecordTally counts_;
    FirstsOfReasons firsts_;
};

}  // namespace kstream
