#include "kstream/pipeline/step_loop.hpp"

#include "kstream/planted_bug.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace kstream {

using std::chrono::milliseconds;

StepLoop::StepLoop(StepLoopConfig config, StepLoopPorts ports, Fold& fold, Takeover& takeover)
    : config_(std::move(config)),
      ports_(ports),
      fold_(fold),
      takeover_(takeover),
      positions_(config_.event_time),
      filling_(config_.commit_interval),
      revocation_(config_.revoke_deadline),
      report_(config_.stage, config_.worker, ports.clock, ports.log, ports.status),
      sealing_(config_.identity, config_.commit_tail_at_once,
               {ports.source, ports.sink, ports.clock, fold, positions_, step_, filling_, report_}),
      intake_(config_.folded_together, fold, positions_, filling_, ports.clock) {}

Result<bool> StepLoop::run_once() {
    for (const auto part :
         {&StepLoop::settle, &StepLoop::advance_recovery, &StepLoop::advance_takeover,
          &StepLoop::advance_revocation, &StepLoop::submit_if_due, &StepLoop::read}) {
        if (Result<void> done = (this->*part)(); !done) {
            return std::unexpected(std::move(done.error()));
        }
    }
    if (ports_.sink.state() == TransactionSink::State::failed) {
        return std::unexpected(ports_.sink.error());
    }
    report_.publish(positions_, ports_.source, fold_, takeover_);
    return stopping() ? finish_stop() : Result<bool>{true};
}

// ---- outcomes -----------------------------------------------------------------------------------

Result<void> StepLoop::settle() {
    std::optional<StepResult> result = ports_.sink.poll();
    // A step that was given up (P1) may still get its outcome; nothing depends on it any more.
    if (!result || !step_.held() || result->number != step_.number()) {
        return {};
    }
    ++report_.steps().transactions[static_cast<std::size_t>(result->outcome)];
    report_.hurry();
    if (result->outcome == TransactionResult::committed) {
        step_committed(StepEvent::outcome);
        return {};
    }
    return step_failed(*result);
}

// The step ends with `event`.
void StepLoop::step_committed(StepEvent event) {
    const Duration took = ports_.clock.now() - step_.submitted();
    filling_.commit_took(took);
    report_.committed(step_, took);
    recovery_.committed();
    fold_.committed(ports_.clock.wall_ms());
    const Positions::Opened opened = positions_.commit(step_.ranges(), step_.opens());
    step_.on(event);
    if (!opened.flowing.empty()) {
        ports_.source.start(opened.flowing);
    }
    if (!opened.to_join.empty()) {
        fold_.drop(opened.to_join);
        takeover_.begin(opened.to_join);
    }
}

Result<void> StepLoop::step_failed(const StepResult& result) {
    report_.say(LogLevel::warn, "transaction not committed",
                LogField{"reason", result.error.message});
    if (planted(PlantedBug::uncertain_as_committed) &&
        result.outcome == TransactionResult::uncertain) {
        step_committed(StepEvent::outcome);
        return {};
    }
    if (result.outcome == TransactionResult::aborted || planted(PlantedBug::uncertain_as_aborted)) {
        if (result.error.disposition == Disposition::stop) {
            return std::unexpected(result.error);
        }
        // Nothing of the step is visible, and the committed positions are known here.
        recovery_.aborted(ports_.clock.now());
        if (result.gap_in_log) {
            take_over_anew();
            step_.on(StepEvent::outcome);
            return {};
        }
        take_back();
        step_.on(StepEvent::outcome);
        if (!planted(PlantedBug::no_rewind_after_abort)) {
            rewind_active();
        }
        return {};
    }
    if (result.outcome == TransactionResult::fenced && config_.stable_instance) {
        return fail(ExitCode::kafka_fatal,
                    fmt::format("another producer took over this instance's transactional id: {}",
                                result.error.message),
                    "two processes run with one --instance-id, or this one was paused for longer "
                    "than the transaction timeout");
    }
    gap_in_log_ = result.gap_in_log;
    step_.on(StepEvent::outcome_lost);
    return note_rebuild(result.error);
}

Result<void> StepLoop::note_rebuild(const Error& cause) {
    ++report_.steps().producer_rebuilds;
    return recovery_.producer_lost(ports_.clock.now(), cause);
}

// Both steps are dropped; what is committed stands. What becomes of the step in flight, if there is
// one, the caller says.
void StepLoop::take_back() {
    const bool in_flight = step_.held();
    const bool wrong_order = planted(PlantedBug::undo_in_wrong_order);
    if (!planted(PlantedBug::no_undo_after_abort)) {
        if (in_flight && wrong_order) {
            fold_.undo_in_flight();
        }
        fold_.undo_filling();
        if (in_flight && !wrong_order) {
            fold_.undo_in_flight();
        }
    }
    filling_.emptied();
    positions_.take_back();
}

// But for those whose position is not in the log: the source has stopped them, until they have been
// taken over anew.
void StepLoop::rewind_active() {
    auto positions = positions_.flowing();
    std::erase_if(positions, [this](const PartitionPosition& at) {
        return std::ranges::find(out_of_range_, at.partition) != out_of_range_.end();
    });
    if (!positions.empty()) {
        ports_.source.rewind(positions);
    }
}

Result<void> StepLoop::advance_recovery() {
    const StepPhase before = step_.phase();
    const Result<Recovery::Finding> found =
        recovery_.advance(step_, positions_, ports_.sink.state(), ports_.queries);
    if (!found) {
        return std::unexpected(found.error());
    }
    switch (before) {
        case StepPhase::judging:
            settle_uncertain(*found);
            break;
        case StepPhase::comparing:
            settle_comparison(*found);
            break;
        case StepPhase::settled:
        case StepPhase::given_up:
            look_into_doubts();
            break;
        case StepPhase::in_flight:
        case StepPhase::uncertain:
        case StepPhase::suspected:
            break;
    }
    return {};
}

void StepLoop::settle_uncertain(Recovery::Finding found) {
    if (found == Recovery::Finding::none) {
        return;
    }
    // What a committed step has lost, a takeover finds missing (ADR 0050).
    if (found == Recovery::Finding::unknown || gap_in_log_) {
        gap_in_log_ = false;
        take_over_anew();
        step_.on(StepEvent::answered);
        return;
    }
    const bool committed = found == Recovery::Finding::committed;
    const bool superseded = found == Recovery::Finding::superseded;
    ports_.log.write(LogLevel::info, "outcome of the uncertain transaction is known",
                     {{"outcome", committed    ? "committed"
                                  : superseded ? "superseded"
                                               : "not committed"}});
    if (committed) {
        step_committed(StepEvent::answered);
        return;
    }
    if (superseded) {
        take_over_anew();
    } else {
        take_back();
        rewind_active();
    }
    step_.on(StepEvent::answered);
}

void StepLoop::settle_comparison(Recovery::Finding found) {
    if (found == Recovery::Finding::none) {
        return;
    }
    step_.on(StepEvent::answered);
    if (found == Recovery::Finding::superseded) {
        report_.say(LogLevel::warn, "another member has gone on from here: taking over again");
        take_over_anew();
    }
}

// While no step is in flight.
void StepLoop::look_into_doubts() {
    if (!std::exchange(out_of_range_, {}).empty()) {
        take_over_anew();
    }
    if (!std::exchange(generation_missed_, false)) {
        return;
    }
    // A takeover may have asked before, and read after it.
    if (const auto taking = positions_.in(PartitionPhase::taking); !taking.empty()) {
        takeover_.cancel(taking);
        takeover_.begin(taking);
    }
    if (positions_.in(PartitionPhase::active).empty() &&
        positions_.in(PartitionPhase::opening).empty()) {
        return;
    }
    if (fold_.offsets_tell() || planted(PlantedBug::republish_unseen)) {
        step_.on(StepEvent::generation_missed);
    } else {
        // The state may be behind the changelog although the offset is the same: another member may
        // have published again and read nothing.
        take_over_anew();
    }
}

// What is committed is not what this loop believed: forget it all and begin as a new owner would.
void StepLoop::take_over_anew() {
    take_back();
    if (const std::vector<PartitionId> again = positions_.forget(); !again.empty()) {
        fold_.drop(again);
        takeover_.begin(again);
    }
}

// ---- partitions come and go ---------------------------------------------------------------------

void StepLoop::on_assigned(std::span<const PartitionId> partitions) {
    report_.member().joined = true;
    if (partitions.empty()) {
        return;  // a rebalance of the group that gave this member nothing new
    }
    report_.say(LogLevel::info, "partitions assigned", partitions);
    ++report_.member().rebalances;
    positions_.assign(partitions);
    takeover_.begin(partitions);
    report_.hurry();
}

Result<void> StepLoop::advance_takeover() {
    if (takeover_.idle() || step_.recovering()) {
        return {};
    }
    if (step_.phase() == StepPhase::given_up) {
        // The producer that was given up may still commit its step: what is committed is known only
        // once the new one's epoch stands (P6).
        if (ports_.sink.state() == TransactionSink::State::starting &&
            !planted(PlantedBug::takeover_too_early)) {
            return {};
        }
        step_.on(StepEvent::fenced_off);
    }
    report_.enter(LoopPhase::restore);
    ready_.clear();
    if (Result<void> done = takeover_.advance(ready_); !done) {
        return done;
    }
    std::vector<PartitionPosition> start;
    for (ReadyPartition& ready : ready_) {
        ready.open = ready.open && !planted(PlantedBug::open_step_left_out);
        fold_.resume(ready.partition, ready.mark);
        if (ready.say) {
            fold_.say(ready.partition, *ready.say);
        }
        if (positions_.take_over(ready)) {
            start.push_back({ready.partition, ready.position});
        }
    }
    if (!start.empty()) {
        ports_.source.start(start);
    }
    report_.enter(LoopPhase::other);
    return {};
}

// Another member has gone on from here, and what it had committed was deleted, while this one was
// paused and does not know yet that it has lost the partition. Or records were deleted that nobody
// has read. Which of the two, the takeover finds out: it asks for what is committed.
void StepLoop::on_out_of_range(std::span<const PartitionId> partitions) {
    report_.say(LogLevel::warn, "the position is not in the log any more", partitions);
    out_of_range_.insert(out_of_range_.end(), partitions.begin(), partitions.end());
}

// The group has had a generation for which this member did not say what it owns (GenerationWatch).
// Another one may have had a partition of it, may have moved it on, and may have lost it again:
// what is committed tells, or a takeover (Fold::offsets_tell).
void StepLoop::on_generation_missed() {
    report_.say(LogLevel::warn,
                fold_.offsets_tell()
                    ? "a generation of the group has passed without this member: comparing its "
                      "positions with what is committed"
                    : "a generation of the group has passed without this member: taking over "
                      "again");
    generation_missed_ = true;
}

void StepLoop::on_revoking(std::span<const PartitionId> partitions, bool lost) {
    report_.say(lost ? LogLevel::warn : LogLevel::info,
                lost ? "partitions lost" : "partitions revoked", partitions);
    positions_.revoke(partitions);
    revocation_.begin(lost, ports_.clock.now());
    if (lost) {
        report_.member().partitions_lost += partitions.size();
        report_.member().joined = false;
    }
}

// P1. A revoked partition's last records are committed before it is given up; a lost one's cannot
// be.
Result<void> StepLoop::advance_revocation() {
    if (!revocation_.under_way()) {
        return {};
    }
    const bool suspicious = generation_missed_ || step_.suspicious();
    if (!step_.held() && revocation_.takes_back(suspicious, fold_.can_seal())) {
        take_back();
        if (!planted(PlantedBug::drop_on_rebalance)) {
            rewind_active();
        }
    }
    if (!positions_.step_holds_revoked(step_.ranges())) {
        release_revoked();
        return {};
    }
    if (!revocation_.gives_up(step_.recovering(), ports_.clock.now())) {
        return {};
    }
    if (step_.phase() == StepPhase::in_flight) {
        // Whatever the broker still does with the old producer's transaction, its offsets carry a
        // generation that ends with this revocation, and the new producer's epoch fences the rest.
        ports_.log.write(LogLevel::warn, "commit did not end before the revocation: giving it up");
        ports_.sink.rebuild();
        const Error cause = Error::stop(ExitCode::kafka_fatal, "a commit blocked a revocation");
        if (Result<void> noted = note_rebuild(cause); !noted) {
            return noted;
        }
    }
    take_over_anew();
    step_.on(StepEvent::detached);
    release_revoked();
    return {};
}

void StepLoop::release_revoked() {
    const std::vector<PartitionId> released = positions_.release_revoked();
    takeover_.cancel(released);
    fold_.drop(released);
    ports_.source.release(released);
    revocation_.released();
    report_.hurry();
}

// ---- sealing ------------------------------------------------------------------------------------

bool StepLoop::may_submit() const {
    return step_.idle() && !revocation_.lost() && out_of_range_.empty() && !generation_missed_ &&
           ports_.sink.state() == TransactionSink::State::ready &&
           !recovery_.backs_off(ports_.clock.now());
}

Result<void> StepLoop::submit_if_due() {
    return may_submit()
               ? sealing_.submit_if_due({.all = stopping(), .some = revocation_.under_way()})
               : Result<void>{};
}

// ---- reading ------------------------------------------------------------------------------------

Result<void> StepLoop::read() {
    intake_.steer(stopping() || step_.recovering() || fold_.full(), ports_.source);
    const bool busy = !step_.idle() || revocation_.under_way() || stopping() || !takeover_.idle() ||
                      ports_.sink.state() != TransactionSink::State::ready;
    report_.enter(LoopPhase::poll);
    Result<SourceEvent> event = ports_.source.poll(intake_.wait(busy, sealing_.idle_wait()));
    report_.enter(LoopPhase::other);
    if (!event) {
        if (event.error().disposition == Disposition::stop) {
            return std::unexpected(std::move(event.error()));
        }
        ports_.log.write(LogLevel::warn, "reading failed for now",
                         {{"reason", event.error().message}});
        return {};
    }
    switch (event->kind) {
        case SourceEvent::Kind::none:
            return {};
        case SourceEvent::Kind::records:
            return fold_records(event->records);
        case SourceEvent::Kind::assigned:
            on_assigned(event->partitions);
            return {};
        case SourceEvent::Kind::revoking:
            on_revoking(event->partitions, event->lost);
            return {};
        case SourceEvent::Kind::out_of_range:
            on_out_of_range(event->partitions);
            return {};
        case SourceEvent::Kind::generation_missed:
            on_generation_missed();
            return {};
    }
    return {};
}

Result<void> StepLoop::fold_records(RecordBatch records) {
    report_.enter(LoopPhase::fold);
    const Result<bool> taken = intake_.take(records);
    if (taken && !*taken) {
        rewind_active();
    }
    report_.enter(LoopPhase::other);
    return taken ? Result<void>{} : std::unexpected(taken.error());
}

// ---- stopping -----------------------------------------------------------------------------------

void StepLoop::request_stop() {
    if (!stopping()) {
        stop_since_ = ports_.clock.now();
        recovery_.hurry(stop_since_);
    }
    enter_phase(life_, LifeEvent::stop, kLifeTransitions);
}

std::vector<PartitionPosition> StepLoop::committed_positions() const {
    return positions_.committed();
}

Result<bool> StepLoop::finish_stop() {
    if (!step_.held() && !fold_.can_seal()) {
        take_back();  // half a map step: the next owner reads it again
    }
    if (step_.idle() && !positions_.anything_unsealed()) {
        enter_phase(life_, LifeEvent::drained, kLifeTransitions);
        ports_.sink.close(milliseconds{500});
        ports_.source.close(milliseconds{500});
        return false;
    }
    if (ports_.clock.now() - stop_since_ > config_.stop_deadline) {
        return fail(ExitCode::incomplete,
                    "stopped before the last transaction could be committed; nothing is lost: the "
                    "next start reads the same records again",
                    "the brokers did not answer in time");
    }
    return true;
}

}  // namespace kstream
