// The life cycle of steps, used by both loops (design decision 8):
//
//            records            due or full              outcome
//   [filling] ------> [filling] ------------> [in flight] -----> committed: changes are permanent
//       ^                                          |
//       |     rewind to the committed positions    | aborted: both steps are taken back
//       +------------------------------------------+ uncertain: a new producer stands, then the
//                                                    committed offsets decide: before the step ->
//                                                    taken back, behind it -> kept, neither ->
//                                                    every partition is taken over anew (P6)
//
// One step is in flight, one is filling (P7). A partition is released only when no step holds
// anything of it (P1). No thread, no clock, no I/O here: run_once() is one iteration, and a test or
// a simulator steps it.
#pragma once

#include "kstream/core/commit_rhythm.hpp"
#include "kstream/error.hpp"
#include "kstream/pipeline/fold.hpp"
#include "kstream/pipeline/takeover.hpp"
#include "kstream/ports/clock.hpp"
#include "kstream/ports/cluster_queries.hpp"
#include "kstream/ports/log.hpp"
#include "kstream/ports/record_source.hpp"
#include "kstream/ports/status_sink.hpp"
#include "kstream/ports/transaction_sink.hpp"

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <vector>

namespace kstream {

struct StepLoopConfig {
    Stage stage = Stage::map;
    int worker = 0;
    Duration commit_interval = std::chrono::milliseconds{100};
    std::string offset_metadata;   // identity of the committed offsets (P4)
    bool stable_instance = false;  // the transactional id outlives the process (P5)
    // --until end: positions behind the source's control records matter (P11), so a map loop does
    // not wait to commit them. Each costs a transaction.
    bool commit_tail_at_once = false;
    std::size_t folded_together = 1024;  // records between two looks at how full the step is
    Duration revoke_deadline = std::chrono::seconds{5};        // then the producer is given up (P1)
    Duration stop_deadline = std::chrono::milliseconds{3500};  // for the last commit after a stop
};

// Everything a loop touches outside itself. All must outlive the loop.
struct StepLoopPorts {
    RecordSource& source;
    TransactionSink& sink;
    ClusterQueries& queries;  // for the committed offsets after an uncertain outcome
    StatusSink& status;
    const Clock& clock;
    Log& log;
};

class StepLoop {
public:
    StepLoop(StepLoopConfig config, StepLoopPorts ports, Fold& fold, Takeover& takeover);

    // One iteration:
    //   1 take the outcome of the step in flight
    //   2 go on with recovery, if the last outcome was not `committed`
    //   3 go on with takeovers, start what is ready
    //   4 answer a revocation whose partitions no step holds any more
    //   5 seal and submit, when due
    //   6 serve the group, fold what was read
    //   7 publish a snapshot after each step and once a second
    // true: call again. false: drained after request_stop(); the group has been left and everything
    // that was read is committed. An error: the loop is over, with the reason and the exit code.
    [[nodiscard]] Result<bool> run_once();

    // Commit what was read, leave the group. From the loop's own thread.
    void request_stop();

    // Of the partitions whose records flow.
    [[nodiscard]] std::vector<PartitionPosition> committed_positions() const;

private:
    enum class PartitionState : std::uint8_t {
        absent,   // not ours
        taking,   // takeover under way
        opening,  // ready, its open step is not committed yet
        active,   // records flow
    };
    // Positions of one partition: committed <= sealed <= next.
    struct Track {
        PartitionState state = PartitionState::absent;
        bool revoking = false;
        Offset committed;
        Offset sealed;  // end of the step in flight; equals committed when none holds the partition
        Offset next;    // behind all that was folded
        std::int64_t newest_ms = -1;  // timestamp of the newest folded record, for lag in seconds
    };
    enum class Recovery : std::uint8_t { none, wait_producer, wait_offsets };

    Track& track(PartitionId partition);

    Result<void> settle();
    Result<void> step_failed(const StepResult& result);
    void step_committed();
    void take_back();
    void rewind_active();
    Result<void> advance_recovery();
    Result<void> judge_uncertain(const QueryAnswer& answer);
    void take_over_anew();
    Result<void> note_rebuild(const Error& cause);

    Result<void> advance_takeover();
    void on_assigned(std::span<const PartitionId> partitions);
    void on_revoking(std::span<const PartitionId> partitions, bool lost);
    void on_out_of_range(std::span<const PartitionId> partitions);
    void advance_out_of_range();
    void on_generation_missed();
    void advance_generation_missed();
    void compare_with_committed(const QueryAnswer& answer);
    [[nodiscard]] std::vector<PartitionId> in_state(PartitionState state) const;
    Result<void> advance_revocation();
    [[nodiscard]] bool held_by_a_step(PartitionId partition) const;
    void release_revoked();

    [[nodiscard]] bool due(Instant now);
    [[nodiscard]] bool may_submit() const;
    void look_for_control_records(Instant now);
    Result<void> submit_if_due();
    Result<void> submit_open_step();
    Result<void> submit_step();
    void submit(Step step, bool opens);

    Result<void> read();
    Result<void> fold_records(RecordBatch records);
    Result<void> fold_slice(RecordBatch records);
    void steer_flow();
    [[nodiscard]] Duration poll_wait(Instant now) const;
    [[nodiscard]] bool behind() const;

    [[nodiscard]] bool nothing_open() const;
    Result<bool> finish_stop();
    void publish(Instant now);
    void enter(LoopPhase phase);

    StepLoopConfig config_;
    StepLoopPorts ports_;
    Fold& fold_;
    Takeover& takeover_;
    CommitRhythm rhythm_;

    std::vector<Track> tracks_;          // by partition number
    std::vector<ReadyPartition> ready_;  // scratch

    std::uint64_t step_number_ = 0;
    bool in_flight_ = false;
    std::vector<StepRange> flight_ranges_;
    OutputBatch::Volumes flight_volumes_{};
    bool flight_opens_ = false;  // the step in flight is an open step
    Instant submitted_;
    Instant filling_since_;       // first record of the filling step
    bool filling_ = false;        // something was folded since the last seal
    bool takes_backlog_ = false;  // the filling step goes on beyond its usual time
    Instant tail_checked_;
    Instant not_before_;  // back-off after aborted steps
    std::uint32_t aborts_in_a_row_ = 0;

    Recovery recovery_ = Recovery::none;
    std::deque<Instant> rebuilds_;
    bool fence_pending_ = false;  // a producer was given up without waiting for its successor

    bool out_of_range_ = false;  // a position is not in the log any more
    bool generation_missed_ = false;
    bool comparing_ = false;  // this recovery is of no step: are positions what is committed?

    bool revoking_ = false;
    bool revoking_lost_ = false;
    Instant revoke_since_;

    bool stopping_ = false;
    Instant stop_since_;

    RecordSource::Flow flow_ = RecordSource::Flow::open;
    bool publish_due_ = false;
    LoopStatus status_;
    LoopPhase phase_ = LoopPhase::other;
    Instant phase_since_;
    Instant published_;
};

}  // namespace kstream
