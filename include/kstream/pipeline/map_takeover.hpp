// Takeover of source partitions (protocol P3, P4): where to begin reading each.
//
//   committed offset    -> there, after checking that it is this job's and still in the log
//   none, but the chain -> where the chain of map steps in the repartition topic ends: the group's
//   has the partition      offsets were lost, the steps were not (docs/adr/0004)
//   none, never read    -> by --from, if the partition existed when the application first started,
//                          else at its beginning. Either way the base is committed in an open step
//                          before any record is read.
//
// Of a job with unique_by it also reads back the ids that still matter at the position
// (horizon_reader.hpp).
//
// A partition that was added to the source of a job with windows joins (docs/adr/0057): windows are
// closed without it, and by its first record time would go back. It is opened as any other; a state
// partition that has applied that holds its windows open until the partition has a watermark. When
// all of them have, and so none of their clocks goes on, its watermark is moved to the largest of
// these clocks in a step of its own, and only then is it read: what comes too late for a closed
// window is late.
#pragma once

#include "kstream/codec/delta_batch.hpp"
#include "kstream/pipeline/horizon_reader.hpp"
#include "kstream/pipeline/meta_reader.hpp"
#include "kstream/pipeline/staged_takeover.hpp"
#include "kstream/pipeline/unique_ids.hpp"

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace kstream {

struct StartPolicy {
    enum class Kind : std::uint8_t { earliest, latest, timestamp };
    Kind kind = Kind::earliest;
    std::int64_t timestamp_ms = 0;
    bool closes = false;  // the job is to end (--close): one that has ended is taken over too
};

class MapTakeover final : public StagedTakeover {
public:
    // `ids` is of a job with unique_by, and of no other; it outlives this.
    MapTakeover(const Job& job, StartPolicy from, ClusterQueries& queries, LogReader& reader,
                const Clock& clock, Log& log, Duration patience, UniqueIds* ids = nullptr);

private:
    enum class Stage : std::uint8_t {
        gather,
        source_identity,
        committed,
        log_start,
        log_end,
        same_source,   // it was not re-created since the first question
        settle_known,  // partitions with a committed offset are ready, but for their ids
        read_back,
        changelog_start,
        changelog_end,
        read_meta,  // of state partition 0: each state partition knows all source partitions
        repartition_start,
        repartition_end,
        read_chain,
        same_source_still,
        settle_chained,
        read_back_chained,
        resolve_from,
        join_start,  // of the changelog, of all state partitions
        join_end,
        join,
        end,
    };
    // A position that is not in the log, by bounds that were asked for before or after it: of a
    // process that was paused in between, the two can be of different moments. It is looked for
    // anew, and believed when it comes out the same.
    struct Doubt {
        Offset position;
        Offset bound;
        std::uint32_t times = 0;
    };
    // Of a source partition: the largest of all steps that the log and meta know. A step that moves
    // no offset may move the watermark.
    struct ChainEnd {
        Offset position;
        std::int64_t watermark = kNoTime;
        Horizon horizon;  // of a job with unique_by: the same at the same position
        friend auto operator<=>(const ChainEnd&, const ChainEnd&) = default;
    };
    // The log of one partition that is read up to an end that was asked for before.
    struct Range {
        Offset from;
        Offset end;
        bool open = false;
    };

    Result<bool> run_stage(int stage, std::vector<ReadyPartition>& ready) override;
    void forget(PartitionId partition, bool active, int stage) override;
    void forget_round() override;

    Result<bool> check_source();
    Result<bool> settle_known(std::vector<ReadyPartition>& ready);
    Result<bool> take_range(Query::Kind kind, TopicRole topic, Offset& into);
    Result<bool> take_repartition_start();
    Result<bool> read_range(TopicRole topic, Range& range);
    Result<void> note_record(TopicRole topic, const RecordView& record);
    void note_chain_end(PartitionId partition, ChainEnd end);
    Result<bool> settle_chained(std::vector<ReadyPartition>& ready);
    Result<bool> resolve_from(std::vector<ReadyPartition>& ready);
    [[nodiscard]] bool has_to_join(PartitionId partition, const SourceMark& mark) const;
    [[nodiscard]] Result<void> settle(const ReadyPartition& found,
                                      std::vector<ReadyPartition>& ready);
    void let_in(const ReadyPartition& found, std::vector<ReadyPartition>& ready);
    // It stays active, though its position is known.
    [[nodiscard]] bool is_held_back(PartitionId partition) const;
    Result<bool> take_bound(Query::Kind kind, std::vector<OffsetAnswer>& into);
    Result<bool> begin_to_join();
    Result<bool> join(std::vector<ReadyPartition>& ready);
    [[nodiscard]] std::optional<std::int64_t> largest_clock() const;
    [[nodiscard]] Result<void> check_in_log(PartitionId partition, Offset position,
                                            const Asked& asked) const;
    [[nodiscard]] Result<void> check_horizon(PartitionId partition, const Horizon& horizon,
                                             Offset position, const Asked& asked) const;
    Result<bool> believe(const ReadyPartition& found, const Asked& asked);
    Result<bool> read_back(std::vector<ReadyPartition>& ready);
    Result<void> doubt(PartitionId partition, Offset position, Offset bound, const Error& error);
    Result<bool> read_chain_anew(Offset bound, const Error& error);

    StartPolicy from_;
    std::map<PartitionId, Doubt> doubts_;

    Range changelog_;
    Range repartition_;
    std::map<PartitionId, ChainEnd> chain_end_;  // by source partition
    // Where the changelog ended, and the log that was purged began, when the chain was last in
    // doubt.
    std::optional<std::pair<Offset, Offset>> chain_doubt_;
    DeltaBatch batch_;

    std::optional<HorizonReader> horizons_;          // of a job with unique_by
    std::map<PartitionId, ReadyPartition> to_read_;  // of the round: ready, but for their ids
    std::map<PartitionId, ReadyPartition> to_join_;  // of the round
    std::optional<MetaReader> metas_;
    std::vector<OffsetAnswer> changelog_starts_;
    std::vector<OffsetAnswer> changelog_ends_;
};

}  // namespace kstream
