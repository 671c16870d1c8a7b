#include "sim/sim_sink.hpp"

#include "kstream/check.hpp"
#include "kstream/planted_bug.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace kstream::sim {

namespace {

using std::chrono::milliseconds;

constexpr Duration kRetryPause = milliseconds{30};

Error error_of(Code code, Disposition disposition) {
    return {disposition, ExitCode::kafka_fatal, code_name(code), "", 0};
}

}  // namespace

SimSink::SimSink(Cluster& cluster, const Swarm& swarm, Tally& tally, Owner owner, TopicRole input,
                 std::string transactional_id, Waker& waker)
    : cluster_(cluster),
      swarm_(swarm),
      tally_(tally),
      owner_(owner),
      input_(input),
      id_(std::move(transactional_id)),
      waker_(waker) {
    for (std::size_t role = 0; role < kTopicRoleCount; ++role) {
        ids_[role] = cluster.topic_id(static_cast<TopicRole>(role));
    }
    start_producer();
}

// ---- the port -----------------------------------------------------------------------------------

TransactionSink::State SimSink::state() const {
    if (failure_) {
        return State::failed;
    }
    if (flight_ != nullptr || result_) {
        return State::in_flight;
    }
    return ready_ ? State::ready : State::starting;
}

// The loop makes all of a step in no simulated time, so nothing can happen in between.
void SimSink::write_ahead(StepPart part) {
    KSTREAM_CHECK(state() == State::ready, "a part is given to a ready producer");
    parts_.take(part);
}

void SimSink::submit(Step step) {
    KSTREAM_CHECK(state() == State::ready, "a step is submitted to a ready producer");
    parts_.join(step);
    auto flight = std::make_shared<Flight>();
    flight->id = id_;
    flight->input = input_;
    flight->input_id = ids_[static_cast<std::size_t>(input_)];
    flight->producer = producer_;
    const auto& membership = static_cast<const SimMembership&>(*step.membership);
    flight->member = membership.name;
    flight->generation = membership.generation;
    flight->step = std::move(step);
    const std::vector<OutputBatch::Record>& records = flight->step.outputs.records();
    std::map<TopicPartition, std::vector<std::uint32_t>> by_partition;
    for (std::uint32_t i = 0; i < records.size(); ++i) {
        by_partition[{records[i].topic, records[i].partition, cluster_.application()}].push_back(i);
    }
    for (auto& [to, indexes] : by_partition) {
        flight->targets.push_back({to, sequences_[to]++, std::move(indexes)});
    }
    for (const LogEnd& log : flight->step.log_ends) {
        Offset& end = ends_[{log.topic, log.partition, cluster_.application()}];
        end = std::max(end, log.end);
    }
    step_ = flight->step.number;
    flight_ = std::move(flight);
    deadline_ = cluster_.schedule().now() + swarm_.transaction_timeout * 8 / 10;
    // Of planted bugs: outputs and offsets are not of one transaction.
    const bool offsets_first = planted(PlantedBug::offsets_before_outputs);
    const bool outputs_first = planted(PlantedBug::outputs_before_offsets);
    other_half_ = offsets_first || outputs_first;
    begin_transaction(!offsets_first, !outputs_first && !planted(PlantedBug::offsets_not_sent));
}

void SimSink::begin_transaction(bool outputs, bool offsets) {
    calls_.assign(static_cast<std::size_t>(Kind::produce) + flight_->targets.size(), Call{});
    for (std::size_t call = 0; call < calls_.size(); ++call) {
        const bool of_offsets = call == static_cast<std::size_t>(Kind::add_offsets) ||
                                call == static_cast<std::size_t>(Kind::offsets);
        calls_[call].done = of_offsets ? !offsets : !outputs;
    }
    offsets_written_ = offsets;
    issue(static_cast<std::size_t>(Kind::proof));
    if (outputs) {
        issue(static_cast<std::size_t>(Kind::add_partitions));
    }
    if (offsets) {
        issue(static_cast<std::size_t>(Kind::add_offsets));
    }
}

std::optional<StepResult> SimSink::poll() {
    if (!result_) {
        // The watchdog over a producer that hangs.
        if (flight_ != nullptr &&
            cluster_.schedule().now() > deadline_ + swarm_.transaction_timeout * 15 / 100) {
            finish(TransactionResult::uncertain, error_of(Code::none, Disposition::stop));
        } else {
            return std::nullopt;
        }
    }
    std::optional<StepResult> result = std::exchange(result_, std::nullopt);
    if (std::exchange(give_up_after_, false)) {
        start_producer();
    }
    return result;
}

void SimSink::rebuild() {
    if (flight_ != nullptr) {
        result_ = StepResult{step_, TransactionResult::uncertain,
                             error_of(Code::none, Disposition::rebuild_producer)};
        flight_.reset();
    }
    give_up_after_ = false;
    start_producer();
}

void SimSink::close(Duration) {
    closed_ = true;
    give_up();
}

// ---- the producer -------------------------------------------------------------------------------

// What it has on its way stays on its way; nothing is waited for any more.
void SimSink::give_up() {
    ready_ = false;
    flight_.reset();
    calls_.clear();
    sequences_.clear();
}

void SimSink::start_producer() {
    give_up();
    unanswered_ = false;
    calls_.assign(1, Call{});
    issue(static_cast<std::size_t>(Kind::init));
}

// Sends a request (again), and waits for an answer as long as librdkafka would.
void SimSink::issue(std::size_t call) {
    if (closed_) {
        return;
    }
    const std::uint64_t number = ++requests_;
    calls_[call].number = number;
    cluster_.schedule().after(swarm_.request_timeout, owner_,
                              [this, call, number] { on_timeout(call, number); });
    send(call, number);
}

Brokers SimSink::asked_of(std::size_t call) const {
    if (call >= static_cast<std::size_t>(Kind::produce)) {
        const TopicPartition& to =
            flight_->targets[call - static_cast<std::size_t>(Kind::produce)].to;
        return Cluster::leader_of(to.topic, to.partition);
    }
    switch (static_cast<Kind>(call)) {
        case Kind::offsets:
            return cluster_.group(input_).coordinator();
        case Kind::proof: {
            Brokers leaders = 0;
            for (const StepRange& range : flight_->step.ranges) {
                leaders |= Cluster::leader_of(input_, range.partition);
            }
            return leaders;
        }
        case Kind::init:
        case Kind::add_partitions:
        case Kind::add_offsets:
        case Kind::end:
        case Kind::produce:
            break;
    }
    return coordinator_of(id_);
}

// What runs at the brokers must not look at this producer: it may be gone by then.
void SimSink::send(std::size_t call, std::uint64_t number) {
    Cluster* const cluster = &cluster_;
    const Link link{owner_, asked_of(call)};
    const auto answer = [this, cluster, link, call, number](
                            Code code, const ProducerId& producer = {}, Offset at = Offset{-1}) {
        cluster->network().answer(link, [this, call, number, code, producer, at] {
            on_answer(call, number, code, producer, at);
        });
    };
    Network& network = cluster_.network();
    if (call == static_cast<std::size_t>(Kind::init)) {
        network.send(link, [cluster, id = id_, answer] {
            const auto [code, producer] = cluster->transactions().init(id);
            answer(code, producer);
        });
        return;
    }
    const std::shared_ptr<const Flight> flight = flight_;
    if (call >= static_cast<std::size_t>(Kind::produce)) {
        const std::size_t target = call - static_cast<std::size_t>(Kind::produce);
        network.send(link, [cluster, flight, target, answer] {
            Offset at{-1};
            const Code code = produce(*cluster, *flight, flight->targets[target], at);
            answer(code, {}, at);
        });
        return;
    }
    switch (static_cast<Kind>(call)) {
        case Kind::add_partitions:
            network.send(link,
                         [cluster, flight, answer] { answer(add_partitions(*cluster, *flight)); });
            break;
        case Kind::add_offsets:
            network.send(link, [cluster, flight, answer] {
                answer(cluster->transactions().add_offsets(flight->id, flight->producer,
                                                           cluster->group(flight->input).name()));
            });
            break;
        case Kind::offsets:
            network.send(link,
                         [cluster, flight, answer] { answer(commit_offsets(*cluster, *flight)); });
            break;
        case Kind::proof:
            network.send(link, [cluster, flight, answer] {
                const bool same = cluster->topic_id(flight->input) == flight->input_id;
                answer(same ? Code::none : Code::inconsistent_topic_id);
            });
            break;
        case Kind::end:
            network.send_late(
                link, swarm_.late_ends, [cluster, flight, answer, commit = committing_] {
                    answer(cluster->transactions().end(flight->id, flight->producer, commit));
                });
            break;
        case Kind::init:
        case Kind::produce:
            break;
    }
}

Code SimSink::add_partitions(Cluster& cluster, const Flight& flight) {
    std::vector<TopicPartition> partitions;
    for (const Target& target : flight.targets) {
        partitions.push_back(target.to);
    }
    return cluster.transactions().add_partitions(flight.id, flight.producer, partitions);
}

Code SimSink::produce(Cluster& cluster, const Flight& flight, const Target& target, Offset& at) {
    return cluster.produce(
        flight.id, target.to,
        {flight.producer, target.sequence, &flight.step.outputs, &target.records, 0}, at);
}

// Offsets only grow, whoever else writes to the partition.
void SimSink::note_written(const Target& target, Offset at) {
    Offset& end = ends_[target.to];
    const bool same =
        cluster_.topic_id(target.to.topic) == ids_[static_cast<std::size_t>(target.to.topic)];
    if (at < end && !same) {
        // Another topic: who watches them ends the process.
        cut_off_ = error_of(Code::inconsistent_topic_id, Disposition::abort_and_rewind);
    } else if (at < end && !planted(PlantedBug::cut_log_written_on)) {
        cut_off_ = Error::stop(
            ExitCode::integrity,
            fmt::format("topic {} partition {}: records below offset {} were written, but the log "
                        "went on at {}",
                        static_cast<int>(target.to.topic), target.to.partition.value, end.value,
                        at.value));
    }
    end = std::max(end, Offset{at.value + static_cast<std::int64_t>(target.records.size())});
}

Code SimSink::commit_offsets(Cluster& cluster, const Flight& flight) {
    Group::Offsets offsets;
    for (std::size_t i = 0; i < flight.step.ranges.size(); ++i) {
        const StepRange& range = flight.step.ranges[i];
        offsets.push_back({range.partition, range.to, flight.step.offset_metadata[i]});
    }
    return cluster.commit_offsets(flight.id, flight.input, flight.producer, flight.member,
                                  flight.generation, offsets);
}

void SimSink::on_timeout(std::size_t call, std::uint64_t number) {
    if (call >= calls_.size() || calls_[call].number != number) {
        return;
    }
    // Only of transactions: what a predecessor left unanswered is fenced by the new epoch.
    unanswered_ = unanswered_ || (flight_ != nullptr && is_of_transaction(call));
    again(call);
}

void SimSink::again(std::size_t call) {
    if (flight_ != nullptr && cluster_.schedule().now() >= deadline_) {
        finish(TransactionResult::uncertain,
               error_of(Code::unavailable, Disposition::rebuild_producer));
        return;
    }
    issue(call);
}

void SimSink::on_answer(std::size_t call, std::uint64_t number, Code code,
                        const ProducerId& producer, Offset at) {
    if (call >= calls_.size() || calls_[call].number != number) {
        return;  // of a request that was given up, or of a producer that was
    }
    switch (code) {
        case Code::none:
            calls_[call].number = 0;
            calls_[call].done = true;
            if (at >= Offset{0}) {
                const std::size_t target = call - static_cast<std::size_t>(Kind::produce);
                note_written(flight_->targets[target], at);
            }
            on_success(call, producer);
            return;
        case Code::unavailable:
        case Code::concurrent_transactions: {
            const std::uint64_t pause = ++requests_;
            calls_[call].number = pause;
            cluster_.schedule().after(kRetryPause, owner_, [this, call, pause] {
                if (call < calls_.size() && calls_[call].number == pause) {
                    again(call);
                }
            });
            return;
        }
        case Code::inconsistent_topic_id:
            if (planted(PlantedBug::topic_not_proved)) {
                calls_[call].number = 0;
                calls_[call].done = true;
                on_success(call, producer);
                return;
            }
            [[fallthrough]];
        case Code::message_refused:
        case Code::illegal_generation:
        case Code::unknown_member_id:
            end(false, error_of(code, Disposition::abort_and_rewind));
            return;
        case Code::invalid_producer_epoch:
            finish(TransactionResult::fenced, error_of(code, Disposition::rebuild_producer));
            return;
        case Code::fenced_instance_id:
            end(false, error_of(code, Disposition::stop));
            return;
        case Code::invalid_txn_state:
        case Code::invalid_producer_id_mapping:
        case Code::out_of_order_sequence:
        case Code::rebalance_in_progress:
        case Code::unstable_offset_commit:
        case Code::offset_out_of_range:
            finish(TransactionResult::uncertain, error_of(code, Disposition::rebuild_producer));
            result_->gap_in_log = code == Code::out_of_order_sequence;
            return;
    }
}

void SimSink::on_success(std::size_t call, const ProducerId& producer) {
    if (call == static_cast<std::size_t>(Kind::init)) {
        if (flight_ == nullptr) {
            producer_ = producer;
            ready_ = true;
            waker_.wake();
        }
        return;
    }
    if (call == static_cast<std::size_t>(Kind::end)) {
        if (committing_ && std::exchange(other_half_, false)) {
            begin_transaction(offsets_written_, !offsets_written_);
        } else if (committing_) {
            finish(TransactionResult::committed, {});
        } else {
            finish(TransactionResult::aborted, std::move(abort_cause_));
        }
        return;
    }
    if (call == static_cast<std::size_t>(Kind::add_partitions)) {
        for (std::size_t i = 0; i < flight_->targets.size(); ++i) {
            issue(static_cast<std::size_t>(Kind::produce) + i);
        }
    } else if (call == static_cast<std::size_t>(Kind::add_offsets)) {
        issue(static_cast<std::size_t>(Kind::offsets));
    }
    if (all_written() && cut_off_) {
        end(false, *std::exchange(cut_off_, std::nullopt));
    } else if (all_written()) {
        end(true, {});
    }
}

// The others are no requests of the transaction: what becomes of them has no part in it.
bool SimSink::is_of_transaction(std::size_t call) {
    return call != static_cast<std::size_t>(Kind::proof);
}

bool SimSink::all_written() const {
    return std::ranges::all_of(calls_, [this](const Call& call) {
        const auto index = static_cast<std::size_t>(&call - calls_.data());
        return call.done || index == static_cast<std::size_t>(Kind::init) ||
               index == static_cast<std::size_t>(Kind::end);
    });
}

// Commit, or abort. What an abort leaves on its way was never answered.
void SimSink::end(bool commit, Error cause) {
    for (std::size_t call = 0; call < calls_.size(); ++call) {
        unanswered_ = unanswered_ || (calls_[call].number != 0 && is_of_transaction(call));
        calls_[call].number = 0;
    }
    committing_ = commit;
    abort_cause_ = std::move(cause);
    issue(static_cast<std::size_t>(Kind::end));
}

void SimSink::finish(TransactionResult outcome, Error error) {
    result_ = StepResult{step_, outcome, std::move(error)};
    flight_.reset();
    calls_.assign(1, Call{});
    const bool spent =
        outcome == TransactionResult::uncertain || outcome == TransactionResult::fenced;
    if (spent) {
        tally_.event(Event::uncertain);
    }
    give_up_after_ = spent || (unanswered_ && !planted(PlantedBug::producer_kept));
    if (give_up_after_) {
        ready_ = false;
    }
    tally_.note("outcome", id_, static_cast<std::int64_t>(step_),
                static_cast<std::int64_t>(outcome));
    waker_.wake();
}

}  // namespace kstream::sim
