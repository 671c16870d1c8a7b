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
// A process that was paused can come back to a partition that another one has long taken over: what
// it asked before the pause and what it reads after it are of two moments, while the logs were
// written, purged and compacted. So what does not fit is asked for anew, and is believed when
// nothing has moved in between.
#pragma once

#include "kstream/pipeline/job.hpp"
#include "kstream/pipeline/question.hpp"
#include "kstream/pipeline/takeover.hpp"
#include "kstream/pipeline/totals_fold.hpp"
#include "kstream/pipeline/totals_state.hpp"
#include "kstream/ports/clock.hpp"
#include "kstream/ports/cluster_queries.hpp"
#include "kstream/ports/log.hpp"
#include "kstream/ports/log_reader.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <vector>

namespace kstream {

// Checks a committed offset's metadata against the job (P4). identity, naming old and new.
[[nodiscard]] Result<void> check_offset_identity(const Job& job, const OffsetAnswer& answer,
                                                 std::string_view group_suffix);

class TotalsTakeover final : public Takeover {
public:
    // `patience`: how long an open transaction of another process may hold up the restore before
    // the process exits with try_again.
    TotalsTakeover(const Job& job, TotalsFold& fold, ClusterQueries& queries, LogReader& reader,
                   const Clock& clock, Log& log, Duration patience);

    void begin(std::span<const PartitionId> partitions) override;
    void cancel(std::span<const PartitionId> partitions) override;
    Result<void> advance(std::vector<ReadyPartition>& ready) override;
    [[nodiscard]] bool idle() const override { return waiting_.empty() && active_.empty(); }
    [[nodiscard]] const TakeoverStatus& status() const override { return status_; }

private:
    enum class Stage : std::uint8_t {
        gather,
        repartition_identity,
        changelog_identity,
        committed,
        changelog_start,
        changelog_end,
        repartition_start,
        repartition_end,
        restore,
    };
    struct Restoring {
        std::unique_ptr<TotalsState> state;
        std::optional<Offset> committed;
        Offset changelog_start;
        Offset changelog_end;
        Offset repartition_start;
        Offset repartition_end;

        [[nodiscard]] bool same_moment(const Restoring& other) const {
            return committed == other.committed && changelog_start == other.changelog_start &&
                   changelog_end == other.changelog_end &&
                   repartition_start == other.repartition_start;
        }
    };
    // What did not fit, and the moment that it was restored for.
    struct Doubt {
        Error error;
        Restoring of;
        std::optional<Instant> since;  // the first time
    };

    Result<bool> ask(Query::Kind kind, TopicRole topic, QueryAnswer& answer);
    Result<void> check_topic(const QueryAnswer& answer, TopicRole topic, const TopicId& expected);
    Result<bool> gather();
    Result<bool> take_committed();
    Result<bool> take_offsets(Query::Kind kind, TopicRole topic, Offset Restoring::* into);
    Result<bool> open_readers();
    Result<bool> restore(std::vector<ReadyPartition>& ready);
    Result<void> restore_records(RecordBatch group, TotalsState& state);
    Result<void> doubt(PartitionId partition, Error error);
    Result<bool> doubt_all(const Error& error);
    Result<void> finish(PartitionId partition, Restoring& restoring,
                        std::vector<ReadyPartition>& ready);
    Result<bool> check_patience(bool progress);

    const Job& job_;
    TotalsFold& fold_;
    Question question_;
    LogReader& reader_;
    const Clock& clock_;
    Log& log_;
    Duration patience_;

    std::vector<PartitionId> waiting_;
    std::map<PartitionId, Restoring> active_;
    std::map<PartitionId, Doubt> doubts_;
    Stage stage_ = Stage::gather;
    Instant progress_;
    Instant began_;
    bool said_waiting_ = false;
    TakeoverStatus status_;  // seconds: of all takeovers, from gathering to the last partition
};

}  // namespace kstream
