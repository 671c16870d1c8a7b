// The ledger of a state partition is what its repartition log still holds: each map step's ranges
// of the source, and its deltas. They have to follow one another without gap or overlap up to what
// meta says, and to add up to it.
#pragma once

#include "kstream/audit/audited_job.hpp"
#include "kstream/audit/finding.hpp"
#include "kstream/codec/changelog.hpp"
#include "kstream/codec/delta_batch.hpp"
#include "kstream/codec/state_key.hpp"
#include "kstream/model/event_time.hpp"
#include "kstream/model/group_key.hpp"
#include "kstream/model/ids.hpp"
#include "kstream/model/record.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kstream::audit {

struct LedgerReport {
    std::uint64_t steps = 0;       // map steps in the log, counted once per state partition
    std::uint64_t duplicates = 0;  // steps that were behind the chain: dropped by the job as well
    std::uint64_t purged = 0;      // pairs of state and source partition whose oldest ranges are
                                   // gone: applied, and older than --keep-deltas
    std::uint64_t chains = 0;      // pairs whose retained ranges were checked
};

class Ledger {
public:
    // Of state partition `q`, whose log begins at `log_start`.
    Ledger(const AuditedJob& job, std::size_t q, Offset log_start, Findings& findings);

    // In the order of the log, up to the repartition position of meta.
    void take(const RecordView& record);
    // All that lies below meta's repartition position has been taken.
    void close(const Meta& meta, LedgerReport& report);

private:
    struct Chain {
        Offset base;
        Offset to;
        RecordCounts counts;
        std::vector<Slot> sums;
        std::int64_t watermark = kNoTime;  // at `to`
        Horizon horizon;                   // the same
        bool from_base = false;            // its open step was seen
        // What it has begun with may be a step that was written again, of which the first time has
        // been purged: nothing in the log says so. Then the chain is further on.
        bool may_be_behind = false;
    };

    [[nodiscard]] std::string where(PartitionId p, Offset record_offset) const;
    [[nodiscard]] bool take_ranges(const BatchHeader& header, Offset record_offset);
    [[nodiscard]] bool take_range(const BatchHeader& header, const SourceRange& range,
                                  Offset record_offset);
    void check_place(std::string_view state_key, Offset record_offset);
    // What the deltas have to come to, as meta has it.
    [[nodiscard]] std::vector<Slot> expected_deltas(const Meta& meta) const;

    const AuditedJob& job_;
    std::size_t q_;
    Offset log_start_;
    Findings& findings_;
    std::map<PartitionId, Chain> chains_;
    // Steps behind the chain of which more chunks may come.
    std::set<std::pair<std::uint64_t, std::uint64_t>> dropped_;
    std::vector<Slot> deltas_;  // merged over all keys
    std::uint64_t steps_ = 0;
    std::uint64_t duplicates_ = 0;
    DeltaBatch batch_;
    GroupKey group_;
    std::string place_;  // of a key: what finds its partition
};

}  // namespace kstream::audit
