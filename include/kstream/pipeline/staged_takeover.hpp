// What the takeovers of both loops have in common: partitions are gathered, and then one question
// after the other is asked for all of them, in an order that is protocol (P8). What comes while a
// round is under way waits for the next one. A round that makes no progress ends the loop.
//
// The stages of each loop, and what it does about answers that do not fit together, are those of
// MapTakeover and TotalsTakeover. Nothing here starts a partition or believes a position.
#pragma once

#include "kstream/pipeline/job.hpp"
#include "kstream/pipeline/question.hpp"
#include "kstream/pipeline/takeover.hpp"
#include "kstream/ports/clock.hpp"
#include "kstream/ports/cluster_queries.hpp"
#include "kstream/ports/log.hpp"
#include "kstream/ports/log_reader.hpp"

#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace kstream {

class StagedTakeover : public Takeover {
public:
    void begin(std::span<const PartitionId> partitions) final;
    void cancel(std::span<const PartitionId> partitions) final;
    Result<void> advance(std::vector<ReadyPartition>& ready) final;
    [[nodiscard]] bool idle() const final { return waiting_.empty() && active_.empty(); }
    [[nodiscard]] const TakeoverStatus& status() const final { return status_; }

protected:
    // What was asked for one partition.
    struct Asked {
        std::optional<Offset> committed;
        std::optional<OffsetMark> mark;  // that was committed with it
        Offset input_start;
        Offset input_end;
        Offset changelog_start;
        Offset changelog_end;
    };
    struct Kind {
        TopicRole input = TopicRole::source;
        std::string_view group;      // suffix of its name
        std::string_view held_back;  // what an open transaction of another process can hold back
        int stages = 0;              // from 0, which is to gather
    };

    StagedTakeover(const Job& job, Kind kind, ClusterQueries& queries, LogReader& reader,
                   const Clock& clock, Log& log, Duration patience);

    // Does what stage 1 .. stages-1 has to do; true when the next one may begin.
    [[nodiscard]] virtual Result<bool> run_stage(int stage, std::vector<ReadyPartition>& ready) = 0;
    // A partition was canceled; `active`: in this round, not waiting for the next one.
    virtual void forget(PartitionId partition, bool active, int stage) = 0;
    // The round is over.
    virtual void forget_round() {}

    // True when the answer is there.
    Result<bool> ask(Query query, QueryAnswer& answer);
    // `called`: "topic x", for the message. `partitions`: how many there must be; none: any number.
    Result<bool> check_topic(TopicRole topic, std::string_view called, const TopicId& expected,
                             std::optional<std::uint32_t> partitions);
    Result<bool> take_committed();
    // Of all partitions of the round.
    Result<bool> take_offsets(Query::Kind kind, TopicRole topic, Offset Asked::* into,
                              Isolation isolation = Isolation::read_uncommitted);
    // Always "not yet", or the end of the patience.
    Result<bool> check_patience(bool progress);

    [[nodiscard]] std::vector<PartitionId> active_partitions() const;

    const Job& job_;
    LogReader& reader_;
    const Clock& clock_;
    Log& log_;
    Duration patience_;

    std::vector<PartitionId> waiting_;
    std::map<PartitionId, Asked> active_;
    Instant began_;          // this round
    TakeoverStatus status_;  // of all rounds, from gathering to the last partition

private:
    bool gather();

    Kind kind_;
    Question question_;
    int stage_ = 0;
    Instant progress_;
    bool said_waiting_ = false;
};

}  // namespace kstream
