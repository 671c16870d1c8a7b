#include "kstream/pipeline/step_loop.hpp"

#include "kstream/check.hpp"
#include "kstream/planted_bug.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace kstream {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// P6: a loop that cannot keep a producer alive must not spin; its supervisor restarts it.
constexpr std::size_t kMostRebuildsAMinute = 5;
constexpr Duration kTailInterval = seconds{1};
constexpr Duration kPromptTailInterval = milliseconds{20};
constexpr Duration kPublishInterval = seconds{1};
constexpr Duration kIdlePoll = milliseconds{50};
// While an outcome or an answer is awaited, the loop looks for it this often.
constexpr Duration kBusyPoll = milliseconds{1};
constexpr Duration kFirstBackOff = milliseconds{20};
constexpr Duration kMostBackOff = seconds{2};

// Backlog: more than comes in while a fetch is under way (control records count as well here), and
// enough to make another step worth its transaction.
constexpr std::int64_t kLeastBacklog = 10'000;
constexpr std::int64_t kBacklogPart = 4;

double to_seconds(Duration duration) {
    return std::chrono::duration<double>(duration).count();
}

std::string list_partitions(std::span<const PartitionId> partitions) {
    std::string text;
    for (const PartitionId partition : partitions) {
        text += fmt::format("{}{}", text.empty() ? "" : ",", partition.value);
    }
    return text;
}

}  // namespace

StepLoop::StepLoop(StepLoopConfig config, StepLoopPorts ports, Fold& fold, Takeover& takeover)
    : config_(std::move(config)),
      ports_(ports),
      fold_(fold),
      takeover_(takeover),
      rhythm_(config_.commit_interval),
      phase_since_(ports.clock.now()) {
    status_.stage = config_.stage;
    status_.worker = config_.worker;
    published_ = phase_since_;
    tail_checked_ = phase_since_;
}

StepLoop::Track& StepLoop::track(PartitionId partition) {
    KSTREAM_CHECK(partition.value >= 0, "a partition number is not negative");
    const auto index = static_cast<std::size_t>(partition.value);
    if (index >= tracks_.size()) {
        tracks_.resize(index + 1);
    }
    return tracks_[index];
}

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
    publish(ports_.clock.now());
    return stopping_ ? finish_stop() : Result<bool>{true};
}

// ---- outcomes -----------------------------------------------------------------------------------

Result<void> StepLoop::settle() {
    std::optional<StepResult> result = ports_.sink.poll();
    // A step that was given up (P1) may still get its outcome; nothing depends on it any more.
    if (!result || !in_flight_ || result->number != step_number_) {
        return {};
    }
    ++status_.transactions[static_cast<std::size_t>(result->outcome)];
    publish_due_ = true;
    if (result->outcome == TransactionResult::committed) {
        step_committed();
        return {};
    }
    return step_failed(*result);
}

void StepLoop::step_committed() {
    const Duration took = ports_.clock.now() - submitted_;
    rhythm_.commit_took(took);
    status_.commit_seconds.record(to_seconds(took));
    status_.last_commit_wall_seconds = static_cast<double>(ports_.clock.wall_ms()) / 1000.0;
    aborts_in_a_row_ = 0;
    in_flight_ = false;
    for (std::size_t role = 0; role < kTopicRoleCount; ++role) {
        status_.written[role].records += flight_volumes_[role].records;
        status_.written[role].bytes += flight_volumes_[role].bytes;
    }
    fold_.committed(ports_.clock.wall_ms());
    std::vector<PartitionPosition> opened;
    for (const StepRange& range : flight_ranges_) {
        Track& t = track(range.partition);
        t.committed = range.to;
        if (flight_opens_ && t.state == PartitionState::opening) {
            t.state = PartitionState::active;
            if (!t.revoking) {
                opened.push_back({range.partition, range.to});
            }
        }
    }
    flight_ranges_.clear();
    if (!opened.empty()) {
        ports_.source.start(opened);
    }
}

Result<void> StepLoop::step_failed(const StepResult& result) {
    ports_.log.write(LogLevel::warn, "transaction not committed",
                     {{"stage", config_.stage == Stage::map ? "map" : "totals"},
                      {"worker", std::int64_t{config_.worker}},
                      {"reason", result.error.message}});
    if (planted(PlantedBug::uncertain_as_committed) &&
        result.outcome == TransactionResult::uncertain) {
        step_committed();
        return {};
    }
    if (result.outcome == TransactionResult::aborted || planted(PlantedBug::uncertain_as_aborted)) {
        if (result.error.disposition == Disposition::stop) {
            return std::unexpected(result.error);
        }
        // Nothing of the step is visible, and the committed positions are known here.
        const auto doublings = std::min<std::uint32_t>(aborts_in_a_row_++, 7);
        not_before_ = ports_.clock.now() + std::min(kMostBackOff, kFirstBackOff * (1 << doublings));
        take_back();
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
    recovery_ = Recovery::wait_producer;
    return note_rebuild(result.error);
}

Result<void> StepLoop::note_rebuild(const Error& cause) {
    const Instant now = ports_.clock.now();
    ++status_.producer_rebuilds;
    rebuilds_.push_back(now);
    while (now - rebuilds_.front() > seconds{60}) {
        rebuilds_.pop_front();
    }
    if (rebuilds_.size() > kMostRebuildsAMinute) {
        return fail(ExitCode::kafka_fatal,
                    fmt::format("the producer had to be rebuilt {} times within a minute: {}",
                                rebuilds_.size(), cause.message),
                    "look at the brokers' logs and at the network between here and them");
    }
    return {};
}

// Both steps are dropped; what is committed stands.
void StepLoop::take_back() {
    if (in_flight_ && planted(PlantedBug::undo_in_wrong_order)) {
        fold_.undo_in_flight();
        in_flight_ = false;
    }
    if (planted(PlantedBug::no_undo_after_abort)) {
        in_flight_ = false;
    } else {
        fold_.undo_filling();
    }
    if (in_flight_) {
        fold_.undo_in_flight();
    }
    in_flight_ = false;
    filling_ = false;
    flight_ranges_.clear();
    for (Track& t : tracks_) {
        t.sealed = t.committed;
        t.next = t.committed;
    }
}

void StepLoop::rewind_active() {
    std::vector<PartitionPosition> positions;
    for (std::size_t i = 0; i < tracks_.size(); ++i) {
        if (tracks_[i].state == PartitionState::active && !tracks_[i].revoking) {
            positions.push_back({PartitionId{static_cast<std::int32_t>(i)}, tracks_[i].next});
        }
    }
    if (!positions.empty()) {
        ports_.source.rewind(positions);
    }
}

Result<void> StepLoop::advance_recovery() {
    if (recovery_ != Recovery::wait_offsets) {
        // The answer to a recovery that a revocation ended: nobody waits for it any more.
        (void)ports_.queries.take();
    }
    if (recovery_ == Recovery::wait_producer) {
        // The new producer's epoch must stand before the offsets are read: only then can nothing of
        // the old one be committed behind our back (P6).
        const bool ready = ports_.sink.state() == TransactionSink::State::ready ||
                           planted(PlantedBug::recovery_too_early);
        if (!ready || ports_.queries.busy()) {
            return {};
        }
        Query query;
        query.kind = Query::Kind::committed;
        if (comparing_) {
            query.partitions = in_state(PartitionState::active);
            const std::vector<PartitionId> opening = in_state(PartitionState::opening);
            query.partitions.insert(query.partitions.end(), opening.begin(), opening.end());
        } else {
            for (const StepRange& range : flight_ranges_) {
                query.partitions.push_back(range.partition);
            }
        }
        ports_.queries.ask(std::move(query));
        recovery_ = Recovery::wait_offsets;
        return {};
    }
    if (recovery_ == Recovery::none) {
        advance_out_of_range();
        advance_generation_missed();
        return {};
    }
    std::optional<Result<QueryAnswer>> answer = ports_.queries.take();
    if (!answer) {
        return {};
    }
    if (*answer && comparing_) {
        compare_with_committed(**answer);
        return {};
    }
    if (*answer) {
        return judge_uncertain(**answer);
    }
    if (answer->error().disposition == Disposition::stop) {
        return std::unexpected(answer->error());
    }
    recovery_ = Recovery::wait_producer;
    return {};
}

Result<void> StepLoop::judge_uncertain(const QueryAnswer& answer) {
    bool all_before = true;
    bool all_behind = true;
    for (std::size_t i = 0; i < flight_ranges_.size(); ++i) {
        const std::optional<Offset>& offset = answer.offsets[i].offset;
        const bool before = flight_opens_ ? !offset : offset == flight_ranges_[i].from;
        all_before = all_before && before;
        all_behind = all_behind && offset == flight_ranges_[i].to;
    }
    recovery_ = Recovery::none;
    ports_.log.write(LogLevel::info, "outcome of the uncertain transaction is known",
                     {{"outcome", all_behind   ? "committed"
                                  : all_before ? "not committed"
                                               : "superseded"}});
    if (all_behind) {
        step_committed();
    } else if (all_before) {
        take_back();
        rewind_active();
    } else {
        take_over_anew();
    }
    return {};
}

// What is committed is not what this loop believed: forget it all and begin as a new owner would.
void StepLoop::take_over_anew() {
    take_back();
    std::vector<PartitionId> again;
    for (std::size_t i = 0; i < tracks_.size(); ++i) {
        Track& t = tracks_[i];
        if (!t.revoking &&
            (t.state == PartitionState::active || t.state == PartitionState::opening)) {
            t = Track{};
            t.state = PartitionState::taking;
            again.push_back(PartitionId{static_cast<std::int32_t>(i)});
        }
    }
    if (!again.empty()) {
        fold_.drop(again);
        takeover_.begin(again);
    }
}

// ---- partitions come and go ---------------------------------------------------------------------

void StepLoop::on_assigned(std::span<const PartitionId> partitions) {
    status_.joined = true;
    if (partitions.empty()) {
        return;  // a rebalance of the group that gave this member nothing new
    }
    ports_.log.write(LogLevel::info, "partitions assigned",
                     {{"stage", config_.stage == Stage::map ? "map" : "totals"},
                      {"worker", std::int64_t{config_.worker}},
                      {"partitions", list_partitions(partitions)}});
    ++status_.rebalances;
    for (const PartitionId partition : partitions) {
        track(partition) = Track{};
        track(partition).state = PartitionState::taking;
    }
    takeover_.begin(partitions);
    publish_due_ = true;
}

Result<void> StepLoop::advance_takeover() {
    if (takeover_.idle() || recovery_ != Recovery::none) {
        return {};
    }
    if (fence_pending_ && !planted(PlantedBug::takeover_too_early)) {
        // The producer that was given up may still commit its step: what is committed is known only
        // once the new one's epoch stands (P6).
        if (ports_.sink.state() == TransactionSink::State::starting) {
            return {};
        }
        fence_pending_ = false;
    }
    enter(LoopPhase::restore);
    ready_.clear();
    if (Result<void> done = takeover_.advance(ready_); !done) {
        return done;
    }
    std::vector<PartitionPosition> start;
    for (const ReadyPartition& ready : ready_) {
        Track& t = track(ready.partition);
        if (t.state != PartitionState::taking || t.revoking) {
            continue;
        }
        t.committed = t.sealed = t.next = ready.position;
        const bool opens = ready.open && !planted(PlantedBug::open_step_left_out);
        t.state = opens ? PartitionState::opening : PartitionState::active;
        if (!opens) {
            start.push_back({ready.partition, ready.position});
        }
    }
    if (!start.empty()) {
        ports_.source.start(start);
    }
    enter(LoopPhase::other);
    return {};
}

// Another member has gone on from here, and what it had committed was deleted, while this one was
// paused and does not know yet that it has lost the partition. Or records were deleted that nobody
// has read. Which of the two, the takeover finds out: it asks for what is committed.
void StepLoop::on_out_of_range(std::span<const PartitionId> partitions) {
    ports_.log.write(LogLevel::warn, "the position is not in the log any more",
                     {{"stage", config_.stage == Stage::map ? "map" : "totals"},
                      {"worker", std::int64_t{config_.worker}},
                      {"partitions", list_partitions(partitions)}});
    out_of_range_ = true;
}

void StepLoop::advance_out_of_range() {
    if (out_of_range_ && !in_flight_ && recovery_ == Recovery::none) {
        out_of_range_ = false;
        take_over_anew();
    }
}

// The group has had a generation for which this member did not say what it owns (GenerationWatch).
// Another one may have had a partition of it, may have moved it on, and may have lost it again:
// what is committed tells.
void StepLoop::on_generation_missed() {
    ports_.log.write(LogLevel::warn,
                     "a generation of the group has passed without this member: comparing its "
                     "positions with what is committed",
                     {{"stage", config_.stage == Stage::map ? "map" : "totals"},
                      {"worker", std::int64_t{config_.worker}}});
    generation_missed_ = true;
}

std::vector<PartitionId> StepLoop::in_state(PartitionState state) const {
    std::vector<PartitionId> partitions;
    for (std::size_t i = 0; i < tracks_.size(); ++i) {
        if (tracks_[i].state == state && !tracks_[i].revoking) {
            partitions.push_back(PartitionId{static_cast<std::int32_t>(i)});
        }
    }
    return partitions;
}

void StepLoop::advance_generation_missed() {
    if (!generation_missed_ || in_flight_) {
        return;
    }
    generation_missed_ = false;
    // A takeover may have asked before, and read after it.
    if (const auto taking = in_state(PartitionState::taking); !taking.empty()) {
        takeover_.cancel(taking);
        takeover_.begin(taking);
    }
    if (!in_state(PartitionState::active).empty() || !in_state(PartitionState::opening).empty()) {
        comparing_ = true;
        recovery_ = Recovery::wait_producer;
    }
}

void StepLoop::compare_with_committed(const QueryAnswer& answer) {
    recovery_ = Recovery::none;
    comparing_ = false;
    bool same = true;
    for (const OffsetAnswer& of : answer.offsets) {
        const Track& t = track(of.partition);
        if (t.revoking) {
            continue;
        }
        if (t.state == PartitionState::opening) {
            same = same && !of.offset;
        } else if (t.state == PartitionState::active) {
            same = same && of.offset == t.committed;
        }
    }
    if (!same) {
        ports_.log.write(LogLevel::warn, "another member has gone on from here: taking over again",
                         {{"stage", config_.stage == Stage::map ? "map" : "totals"},
                          {"worker", std::int64_t{config_.worker}}});
        take_over_anew();
    }
}

void StepLoop::on_revoking(std::span<const PartitionId> partitions, bool lost) {
    ports_.log.write(lost ? LogLevel::warn : LogLevel::info,
                     lost ? "partitions lost" : "partitions revoked",
                     {{"stage", config_.stage == Stage::map ? "map" : "totals"},
                      {"worker", std::int64_t{config_.worker}},
                      {"partitions", list_partitions(partitions)}});
    for (const PartitionId partition : partitions) {
        track(partition).revoking = true;
    }
    if (!revoking_) {
        revoke_since_ = ports_.clock.now();
    }
    revoking_ = true;
    revoking_lost_ = revoking_lost_ || lost;
    if (lost) {
        status_.partitions_lost += partitions.size();
        status_.joined = false;
    }
}

bool StepLoop::held_by_a_step(PartitionId partition) const {
    if (planted(PlantedBug::release_at_revoke)) {
        return false;
    }
    const Track& t = tracks_[static_cast<std::size_t>(partition.value)];
    return t.next > t.sealed ||
           (in_flight_ && std::ranges::any_of(flight_ranges_, [partition](const StepRange& range) {
                return range.partition == partition;
            }));
}

// P1. A revoked partition's last records are committed before it is given up; a lost one's cannot
// be.
Result<void> StepLoop::advance_revocation() {
    if (!revoking_) {
        return {};
    }
    // What is lost cannot be committed; half a map step cannot be sealed, and where its other
    // chunks lie in a partition that is going, they will not come. What was read of a partition may
    // have been another's while it is not known whether this member missed that: the comparison
    // leaves out what is being given up (simulator, seed 4062362).
    if (!in_flight_ && (revoking_lost_ || generation_missed_ || comparing_ || !fold_.can_seal() ||
                        planted(PlantedBug::drop_on_rebalance))) {
        take_back();
        if (!planted(PlantedBug::drop_on_rebalance)) {
            rewind_active();
        }
    }
    bool held = false;
    for (std::size_t i = 0; i < tracks_.size(); ++i) {
        held = held ||
               (tracks_[i].revoking && held_by_a_step(PartitionId{static_cast<std::int32_t>(i)}));
    }
    if (!held) {
        release_revoked();
        return {};
    }
    const bool producer_gone = recovery_ != Recovery::none;
    const bool overdue = ports_.clock.now() - revoke_since_ > config_.revoke_deadline;
    if (!overdue && !(revoking_lost_ && producer_gone)) {
        return {};
    }
    if (!producer_gone && in_flight_) {
        // Whatever the broker still does with the old producer's transaction, its offsets carry a
        // generation that ends with this revocation, and the new producer's epoch fences the rest.
        ports_.log.write(LogLevel::warn, "commit did not end before the revocation: giving it up");
        ports_.sink.rebuild();
        const Error cause = Error::stop(ExitCode::kafka_fatal, "a commit blocked a revocation");
        if (Result<void> noted = note_rebuild(cause); !noted) {
            return noted;
        }
    }
    recovery_ = Recovery::none;
    comparing_ = false;
    fence_pending_ = true;
    take_over_anew();
    release_revoked();
    return {};
}

void StepLoop::release_revoked() {
    std::vector<PartitionId> released;
    for (std::size_t i = 0; i < tracks_.size(); ++i) {
        if (tracks_[i].revoking) {
            released.push_back(PartitionId{static_cast<std::int32_t>(i)});
            tracks_[i] = Track{};
        }
    }
    takeover_.cancel(released);
    fold_.drop(released);
    ports_.source.release(released);
    revoking_ = false;
    revoking_lost_ = false;
    publish_due_ = true;
}

// ---- sealing ------------------------------------------------------------------------------------

bool StepLoop::may_submit() const {
    return !in_flight_ && recovery_ == Recovery::none && !revoking_lost_ && !out_of_range_ &&
           !generation_missed_ && ports_.sink.state() == TransactionSink::State::ready;
}

bool StepLoop::due(Instant now) {
    if (now < not_before_) {
        return false;
    }
    if (stopping_ || revoking_ || fold_.full() || !filling_) {
        return true;
    }
    const Duration filled = now - filling_since_;
    if (filled >= rhythm_.wait(false)) {
        takes_backlog_ = behind();
    }
    return filled >= rhythm_.wait(takes_backlog_);
}

// What waits in the logs is a backlog. A step begins to take it along when it is a fair part of
// what the step holds; then it takes the rest along, too: to read that costs less than the step of
// its own that it would otherwise become. The ends are some moments old, which can make this false
// too early, never true too long.
bool StepLoop::behind() const {
    std::int64_t waiting = 0;
    std::int64_t taken = 0;
    for (std::size_t i = 0; i < tracks_.size(); ++i) {
        const Track& t = tracks_[i];
        if (t.state == PartitionState::active) {
            const auto end = ports_.source.log_end(PartitionId{static_cast<std::int32_t>(i)});
            waiting += std::max<std::int64_t>(0, end.last_stable - t.next.value);
            taken += t.next.value - t.sealed.value;
        }
    }
    return waiting >
           (takes_backlog_ ? kLeastBacklog : std::max(kLeastBacklog, taken / kBacklogPart));
}

// Control records and aborted records move a position without a record to fold: without this, the
// committed position would stay behind the end of the log for ever (P11).
void StepLoop::look_for_control_records(Instant now) {
    const Duration interval = config_.commit_tail_at_once ? kPromptTailInterval : kTailInterval;
    if ((!filling_ && !stopping_ && now - tail_checked_ < interval) ||
        planted(PlantedBug::tail_markers_ignored)) {
        return;
    }
    tail_checked_ = now;
    for (std::size_t i = 0; i < tracks_.size(); ++i) {
        Track& t = tracks_[i];
        if (t.state == PartitionState::active && !t.revoking) {
            const PartitionId partition{static_cast<std::int32_t>(i)};
            t.next = std::max(t.next, ports_.source.position(partition, t.next));
        }
    }
}

Result<void> StepLoop::submit_if_due() {
    const Instant now = ports_.clock.now();
    if (!may_submit() || !due(now)) {
        return {};
    }
    if (std::ranges::any_of(tracks_, [](const Track& t) {
            return t.state == PartitionState::opening && !t.revoking;
        })) {
        return submit_open_step();
    }
    if (!fold_.can_seal()) {
        return {};
    }
    look_for_control_records(now);
    return submit_step();
}

Result<void> StepLoop::submit_open_step() {
    Step step;
    for (std::size_t i = 0; i < tracks_.size(); ++i) {
        if (tracks_[i].state == PartitionState::opening && !tracks_[i].revoking) {
            step.ranges.push_back({PartitionId{static_cast<std::int32_t>(i)}, tracks_[i].committed,
                                   tracks_[i].committed});
        }
    }
    step.membership = ports_.source.membership(step.ranges);
    if (step.membership == nullptr) {
        return {};
    }
    if (Result<void> sealed = fold_.seal_open(step); !sealed) {
        return sealed;
    }
    submit(std::move(step), true);
    return {};
}

Result<void> StepLoop::submit_step() {
    Step step;
    for (std::size_t i = 0; i < tracks_.size(); ++i) {
        const Track& t = tracks_[i];
        KSTREAM_CHECK(t.sealed == t.committed, "no step is in flight, so all sealed is committed");
        if (t.next > t.sealed) {
            step.ranges.push_back({PartitionId{static_cast<std::int32_t>(i)}, t.sealed, t.next});
        }
    }
    if (step.ranges.empty()) {
        return {};
    }
    // P1, P5: read under the barrier; without a valid generation nothing may be committed.
    step.membership = ports_.source.membership(step.ranges);
    if (step.membership == nullptr) {
        return {};
    }
    enter(LoopPhase::seal);
    if (Result<void> sealed = fold_.seal(step); !sealed) {
        return sealed;
    }
    for (const StepRange& range : step.ranges) {
        track(range.partition).sealed = range.to;
    }
    filling_ = false;
    submit(std::move(step), false);
    enter(LoopPhase::other);
    return {};
}

void StepLoop::submit(Step step, bool opens) {
    step.number = ++step_number_;
    step.offset_metadata = config_.offset_metadata;
    flight_ranges_ = step.ranges;
    flight_volumes_ = step.outputs.volumes();
    flight_opens_ = opens;
    in_flight_ = true;
    submitted_ = ports_.clock.now();
    for (StepRange& range : step.ranges) {
        if (!opens && planted(PlantedBug::committed_one_too_high)) {
            ++range.to.value;
        }
        if (!opens && planted(PlantedBug::committed_one_too_low)) {
            --range.to.value;
        }
    }
    ports_.sink.submit(std::move(step));
}

// ---- reading ------------------------------------------------------------------------------------

void StepLoop::steer_flow() {
    const bool closed = stopping_ || recovery_ != Recovery::none || fold_.full();
    const auto wanted = closed ? RecordSource::Flow::closed : RecordSource::Flow::open;
    if (wanted != flow_ && (closed || !planted(PlantedBug::flow_stays_closed))) {
        flow_ = wanted;
        ports_.source.set_flow(wanted);
    }
}

Duration StepLoop::poll_wait(Instant now) const {
    if (in_flight_ || recovery_ != Recovery::none || revoking_ || stopping_ || !takeover_.idle() ||
        ports_.sink.state() != TransactionSink::State::ready) {
        return kBusyPoll;
    }
    if (filling_) {
        // Due, but not to be sealed now (back-off, no membership, half a map step): looked at
        // often, without spinning.
        const Duration left = rhythm_.wait(takes_backlog_) - (now - filling_since_);
        return left > Duration::zero() ? std::min(left, kIdlePoll) : kBusyPoll;
    }
    return config_.commit_tail_at_once ? kPromptTailInterval : kIdlePoll;
}

Result<void> StepLoop::read() {
    steer_flow();
    enter(LoopPhase::poll);
    Result<SourceEvent> event = ports_.source.poll(poll_wait(ports_.clock.now()));
    enter(LoopPhase::other);
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

// In slices, so that a batch of a million empty bad records, which is a few kilobytes in the log,
// does not become a step that no memory holds and no transaction carries: what would come on top of
// a step that is overfull is forgotten, and read again when the step is on its way.
Result<void> StepLoop::fold_records(RecordBatch records) {
    enter(LoopPhase::fold);
    Result<void> done;
    while (!records.empty() && done) {
        if (fold_.overfull()) {
            rewind_active();
            break;
        }
        const std::size_t size = std::min(config_.folded_together, records.size());
        done = fold_slice(records.first(size));
        records = records.subspan(size);
    }
    enter(LoopPhase::other);
    return done;
}

// Folds what is new. A record below the expected position was fetched before a rewind, or by a
// stale fetch (librdkafka #4636): it is dropped, or it would be counted twice.
Result<void> StepLoop::fold_slice(RecordBatch records) {
    std::size_t begin = 0;
    for (std::size_t i = 0; i < records.size(); ++i) {
        Track& t = track(records[i].partition);
        if (t.state != PartitionState::active ||
            (records[i].record_offset < t.next && !planted(PlantedBug::old_records_folded))) {
            if (Result<void> done = fold_.fold(records.subspan(begin, i - begin)); !done) {
                return done;
            }
            begin = i + 1;
            continue;
        }
        t.next = records[i].record_offset.next();
        t.newest_ms = records[i].timestamp_ms;
        if (!filling_) {
            filling_ = true;
            takes_backlog_ = false;
            filling_since_ = ports_.clock.now();
        }
    }
    if (planted(PlantedBug::last_record_skipped) && begin < records.size()) {
        records = records.first(records.size() - 1);
    }
    return fold_.fold(records.subspan(begin));
}

// ---- stopping and reporting ---------------------------------------------------------------------

void StepLoop::request_stop() {
    if (!stopping_) {
        stopping_ = true;
        stop_since_ = ports_.clock.now();
        not_before_ = stop_since_;
    }
}

std::vector<PartitionPosition> StepLoop::committed_positions() const {
    std::vector<PartitionPosition> positions;
    for (std::size_t i = 0; i < tracks_.size(); ++i) {
        if (tracks_[i].state == PartitionState::active) {
            positions.push_back({PartitionId{static_cast<std::int32_t>(i)}, tracks_[i].committed});
        }
    }
    return positions;
}

bool StepLoop::nothing_open() const {
    return !in_flight_ && recovery_ == Recovery::none &&
           std::ranges::none_of(tracks_, [](const Track& t) { return t.next > t.sealed; });
}

Result<bool> StepLoop::finish_stop() {
    if (!in_flight_ && !fold_.can_seal()) {
        take_back();  // half a map step: the next owner reads it again
    }
    if (nothing_open()) {
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

void StepLoop::enter(LoopPhase phase) {
    const Instant now = ports_.clock.now();
    status_.phase_seconds[static_cast<std::size_t>(phase_)] += to_seconds(now - phase_since_);
    phase_ = phase;
    phase_since_ = now;
}

void StepLoop::publish(Instant now) {
    if (!publish_due_ && now - published_ < kPublishInterval) {
        return;
    }
    publish_due_ = false;
    published_ = now;
    status_.partitions.clear();
    status_.caught_up = status_.joined;
    for (std::size_t i = 0; i < tracks_.size(); ++i) {
        const Track& t = tracks_[i];
        if (t.state == PartitionState::absent) {
            continue;
        }
        const PartitionId partition{static_cast<std::int32_t>(i)};
        const RecordSource::LogEnd end = ports_.source.log_end(partition);
        PartitionStatus status;
        status.partition = partition;
        status.restoring = t.state != PartitionState::active;
        status.log_end = end.last_stable;
        if (end.high_watermark >= 0 && end.last_stable >= 0) {
            status.open_transaction_records = end.high_watermark - end.last_stable;
        }
        if (!status.restoring) {
            status.position = t.next.value;
            status.committed = t.committed.value;
            const bool behind = end.last_stable > t.next.value;
            if (end.last_stable >= 0 && !behind) {
                status.lag_seconds = 0;
            } else if (behind && t.newest_ms >= 0) {
                const std::int64_t age_ms = ports_.clock.wall_ms() - t.newest_ms;
                status.lag_seconds = std::max(0.0, static_cast<double>(age_ms) / 1000.0);
            }
            status_.caught_up = status_.caught_up && !behind;
        } else {
            status_.caught_up = false;
        }
        status_.partitions.push_back(status);
    }
    fold_.report(status_);
    takeover_.report(status_);
    ports_.status.publish(status_);
}

}  // namespace kstream
