// The life cycle of steps, used by both loops (design decision 8):
//
//            records            due or full              outcome
//   [filling] ------> [filling] ------------> [in flight] -----> committed: changes are permanent
//       ^                                          |
//       |     rewind to the committed positions    | aborted: both steps are taken back
//       +------------------------------------------+ uncertain: a new producer stands, then the
//                                                    committed offsets decide: before the step ->
//                                                    taken back, after it -> kept, neither ->
//                                                    every partition is taken over anew (P6)
//
// One step is in flight, one is filling (P7). A partition is released only when no step holds
// anything of it (P1). No thread, no clock, no I/O here: run_once() is one iteration, and a test or
// a simulator steps it.
//
// What is true lies in parts, each with its phases: Positions, StepInFlight, FillingStep,
// Revocation and Recovery; Sealing, Intake and LoopReport are the ways to the sink, from the
// source and to those outside. This class has the order in which they are asked, and tells source,
// sink, fold and takeover what follows (docs/adr/0041-phases.md).
#pragma once

#include "kstream/codec/identity.hpp"
#include "kstream/error.hpp"
#include "kstream/pipeline/filling_step.hpp"
#include "kstream/pipeline/fold.hpp"
#include "kstream/pipeline/intake.hpp"
#include "kstream/pipeline/loop_report.hpp"
#include "kstream/pipeline/positions.hpp"
#include "kstream/pipeline/recovery.hpp"
#include "kstream/pipeline/revocation.hpp"
#include "kstream/pipeline/sealing.hpp"
#include "kstream/pipeline/step_in_flight.hpp"
#include "kstream/pipeline/takeover.hpp"
#include "kstream/ports/clock.hpp"
#include "kstream/ports/cluster_queries.hpp"
#include "kstream/ports/log.hpp"
#include "kstream/ports/record_source.hpp"
#include "kstream/ports/status_sink.hpp"
#include "kstream/ports/transaction_sink.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kstream {

struct StepLoopConfig {
    Stage stage = Stage::map;
    int worker = 0;
    Duration commit_interval = std::chrono::milliseconds{100};
    Identity identity;             // of the committed offsets (P4)
    bool event_time = false;       // of the job
    bool stable_instance = false;  // the transactional id outlives the process (P5)
    // --until end: positions after the source's control records matter (P11), so a map loop does
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

enum class LoopLife : std::uint8_t {
    running,
    stopping,  // commits what was read, reads nothing more
    ended,     // has left the group
};
enum class LifeEvent : std::uint8_t { stop, drained };
inline constexpr TransitionTable<LoopLife, LifeEvent, 4> kLifeTransitions{{
    {LoopLife::running, LifeEvent::stop, LoopLife::stopping},
    {LoopLife::stopping, LifeEvent::stop, LoopLife::stopping},
    {LoopLife::stopping, LifeEvent::drained, LoopLife::ended},
    {LoopLife::ended, LifeEvent::stop, LoopLife::ended},
}};

class StepLoop {
public:
    StepLoop(StepLoopConfig config, StepLoopPorts ports, Fold& fold, Takeover& takeover);
    ~StepLoop() = default;
    StepLoop(const StepLoop&) = delete;  // its parts know each other
    StepLoop& operator=(const StepLoop&) = delete;

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
    [[nodiscard]] bool stopping() const { return life_ != LoopLife::running; }

    Result<void> settle();
    Result<void> step_failed(const StepResult& result);
    void step_committed(StepEvent event);
    void take_back();
    void rewind_active();
    void take_over_anew();
    Result<void> note_rebuild(const Error& cause);

    Result<void> advance_recovery();
    void settle_uncertain(Recovery::Finding found);
    void settle_comparison(Recovery::Finding found);
    void look_into_doubts();

    Result<void> advance_takeover();
    void on_assigned(std::span<const PartitionId> partitions);
    void on_revoking(std::span<const PartitionId> partitions, bool lost);
    void on_out_of_range(std::span<const PartitionId> partitions);
    void on_generation_missed();
    Result<void> advance_revocation();
    void release_revoked();

    [[nodiscard]] bool may_submit() const;
    Result<void> submit_if_due();

    Result<void> read();
    Result<void> fold_records(RecordBatch records);

    Result<bool> finish_stop();

    StepLoopConfig config_;
    StepLoopPorts ports_;
    Fold& fold_;
    Takeover& takeover_;

    Positions positions_;
    StepInFlight step_;
    FillingStep filling_;
    Recovery recovery_;
    Revocation revocation_;
    LoopReport report_;
    Sealing sealing_;
    Intake intake_;
    LoopLife life_ = LoopLife::running;
    Instant stop_since_;

    // Heard of, and looked into as soon as no step is in flight; nothing is submitted before that.
    std::vector<PartitionId> out_of_range_;  // their positions are not in the log any more
    bool generation_missed_ = false;         // another member may have gone on from here
    bool gap_in_log_ = false;                // of the step whose outcome is uncertain

    std::vector<ReadyPartition> ready_;  // scratch
};

}  // namespace kstream
