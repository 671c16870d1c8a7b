// Takeover of totals partitions, in the one order that is right (protocol P8, KAFKA-10167):
//
//   topic identities (P4) -> committed offsets, stable -> end of the changelog, READ_UNCOMMITTED
//   -> changelog read_committed up to that end -> meta against what was restored and against the
//   committed offset -> records
//
// Committed offsets first: a transaction whose offsets are pending makes that answer wait, so all
// of its data lie below an end that is asked for later. The end of the log and not the last stable
// offset: a committed transaction's marker can reach __consumer_offsets before it reaches the
// changelog, and a reader that stops at the last stable offset would miss its totals.
//
// Of a job with windows it is asked before that where the source begins: advances that nobody needs
// any more are dropped by whoever takes over who keeps them.
//
// A process that was paused can come back to a partition that another one has long taken over: what
// it asked before the pause and what it reads after it are of two moments, while the logs were
// written, purged and compacted. So what does not fit is asked for anew, and is believed when
// nothing has moved in between.
#pragma once

#include "kstream/pipeline/staged_takeover.hpp"
#include "kstream/pipeline/totals_fold.hpp"
#include "kstream/pipeline/totals_state.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

namespace kstream {

class TotalsTakeover final : public StagedTakeover {
public:
    // `patience`: how long an open transaction of another process may hold up the restore before
    // the process exits with try_again.
    TotalsTakeover(const Job& job, TotalsFold& fold, ClusterQueries& queries, LogReader& reader,
                   const Clock& clock, Log& log, Duration patience);

private:
    enum class Stage : std::uint8_t {
        gather,
        repartition_identity,
        changelog_identity,
        source_count,
        source_start,
        committed,
        changelog_start,
        changelog_end,
        repartition_start,
        repartition_end,
        restore,
        end,
    };
    // What did not fit, and the moment that it was restored for.
    struct Doubt {
        Error error;
        Asked of;
        std::optional<Instant> since;  // the first time
    };

    Result<bool> run_stage(int stage, std::vector<ReadyPartition>& ready) override;
    void forget(PartitionId partition, bool active, int stage) override;

    Result<bool> check_state_topic(TopicRole topic, std::string_view called,
                                   const TopicId& expected);
    Result<bool> take_source_count();
    Result<bool> take_source_starts();
    Result<bool> take_changelog_end();
    Result<bool> open_readers();
    Result<bool> restore(std::vector<ReadyPartition>& ready);
    Result<void> restore_records(RecordBatch group, TotalsState& state);
    Result<void> doubt(PartitionId partition, Error error);
    Result<bool> doubt_all(const Error& error);
    Result<void> finish(PartitionId partition, const Asked& asked,
                        std::vector<ReadyPartition>& ready);

    TotalsFold& fold_;
    std::int32_t source_partitions_ = 0;      // these two of a job with windows, of this round
    TotalsSources::LogStarts source_starts_;  //
    std::map<PartitionId, std::unique_ptr<TotalsState>> states_;  // being restored
    std::map<PartitionId, Doubt> doubts_;
};

}  // namespace kstream
