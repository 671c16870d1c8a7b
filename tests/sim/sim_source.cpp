#include "sim/sim_source.hpp"

#include "kstream/planted_bug.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace kstream::sim {

namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr Duration kRetryPause = milliseconds{100};

std::vector<PartitionId> without(const std::vector<PartitionId>& from,
                                 std::span<const PartitionId> these) {
    std::vector<PartitionId> rest;
    for (const PartitionId partition : from) {
        if (std::ranges::find(these, partition) == these.end()) {
            rest.push_back(partition);
        }
    }
    return rest;
}

}  // namespace

SimSource::SimSource(Cluster& cluster, const Swarm& swarm, Tally& tally, Owner owner,
                     TopicRole input, std::string name, std::string instance, Waker& waker)
    : cluster_(cluster),
      swarm_(swarm),
      tally_(tally),
      owner_(owner),
      input_(input),
      base_name_(std::move(name)),
      waker_(waker),
      dice_(swarm.seed ^ (std::uint64_t{owner} << 20) ^ static_cast<std::uint64_t>(input)) {
    name_.instance = std::move(instance);
    join();
    beat();
}

SimSource::Track& SimSource::track(PartitionId partition) {
    const auto index = static_cast<std::size_t>(partition.value);
    if (index >= tracks_.size()) {
        tracks_.resize(index + 1);
    }
    return tracks_[index];
}

// ---- the group ---------------------------------------------------------------------------------

std::uint64_t SimSource::new_request() {
    const std::uint64_t request = ++request_;
    cluster_.schedule().after(swarm_.request_timeout * 2, owner_,
                              [this, request] { on_no_answer(request); });
    return request;
}

Link SimSource::to_coordinator() {
    return {owner_, cluster_.group(input_).coordinator()};
}

void SimSource::on_no_answer(std::uint64_t request) {
    if (request != request_) {
        return;
    }
    if (stage_ == Stage::joining) {
        send_join();
    } else if (stage_ == Stage::syncing) {
        send_sync();
    }
}

void SimSource::join() {
    stage_ = Stage::joining;
    if (name_.id.empty()) {
        name_.id = fmt::format("{}.{}", base_name_, ++names_);
        fresh_ = true;
    }
    send_join();
}

void SimSource::send_join() {
    const Group::Sender sender{this, to_coordinator(), new_request()};
    cluster_.network().send_late(
        sender.link, swarm_.late_joins,
        [&group = cluster_.group(input_), sender, name = std::make_unique<MemberName>(name_),
         fresh = fresh_, owned = owned_, as_of = owned_as_of_]() mutable {
            group.join(*name, fresh, {std::move(owned), as_of}, sender);
        });
}

void SimSource::on_join(std::uint64_t request, Code code, std::int32_t generation) {
    if (request != request_ || stage_ != Stage::joining) {
        return;
    }
    switch (code) {
        case Code::none:
            fresh_ = false;
            generation_ = generation;
            stage_ = Stage::syncing;
            send_sync();
            return;
        case Code::fenced_instance_id:
            failure_ = Error::stop(ExitCode::kafka_fatal, "FENCED_INSTANCE_ID");
            waker_.wake();
            return;
        case Code::unknown_member_id:
            lose_all(true);
            return;
        default:
            cluster_.schedule().after(kRetryPause, owner_,
                                      [this, request] { on_no_answer(request); });
            return;
    }
}

void SimSource::send_sync() {
    const Group::Sender sender{this, to_coordinator(), new_request()};
    cluster_.network().send(
        sender.link,
        [&group = cluster_.group(input_), sender, name = std::make_unique<MemberName>(name_),
         generation = generation_] { group.sync(*name, generation, sender); });
}

void SimSource::on_sync(std::uint64_t request, Code code,
                        const std::vector<PartitionId>& assigned) {
    if (request != request_ || stage_ != Stage::syncing) {
        return;
    }
    switch (code) {
        case Code::none:
            break;
        case Code::fenced_instance_id:
            failure_ = Error::stop(ExitCode::kafka_fatal, "FENCED_INSTANCE_ID");
            waker_.wake();
            return;
        case Code::unknown_member_id:
            lose_all(true);
            return;
        case Code::unavailable:
            cluster_.schedule().after(kRetryPause, owner_,
                                      [this, request] { on_no_answer(request); });
            return;
        default:
            join();
            return;
    }
    heard_ = cluster_.schedule().now();
    generations_.assigned(generation_);
    owned_as_of_ = generation_;  // also when it takes something away (KIP-792)
    const std::vector<PartitionId> added = without(assigned, owned_);
    std::vector<PartitionId> gone = without(owned_, assigned);
    if (gone.empty()) {
        stage_ = Stage::stable;
        give(added);
        return;
    }
    to_give_ = added;
    ask_back(std::move(gone), generations_.lost());
}

void SimSource::give(std::vector<PartitionId> partitions) {
    owned_.insert(owned_.end(), partitions.begin(), partitions.end());
    lost_ = false;
    for (const PartitionId partition : partitions) {
        track(partition) = Track{};
        tally_.event(Event::takeover);
        tally_.note("assigned", base_name_, partition.value);
    }
    SourceEvent event;
    event.kind = SourceEvent::Kind::assigned;
    event.partitions = std::move(partitions);
    events_.push_back(std::move(event));
    waker_.wake();
}

void SimSource::ask_back(std::vector<PartitionId> partitions, bool lost) {
    stage_ = Stage::asking_back;
    tally_.note(lost ? "lost" : "revoking", base_name_, partitions.front().value,
                static_cast<std::int64_t>(partitions.size()));
    asked_back_ = partitions;
    SourceEvent event;
    event.kind = SourceEvent::Kind::revoking;
    event.partitions = std::move(partitions);
    event.lost = lost;
    events_.push_back(std::move(event));
    waker_.wake();
}

void SimSource::release(std::span<const PartitionId> partitions) {
    owned_ = without(owned_, partitions);
    asked_back_ = without(asked_back_, partitions);
    for (const PartitionId partition : partitions) {
        track(partition) = Track{};
        tally_.note("released", base_name_, partition.value);
    }
    if (stage_ != Stage::asking_back || !asked_back_.empty()) {
        return;
    }
    if (lost_ && !owned_.empty()) {
        ask_back(owned_, true);
        return;
    }
    if (!lost_ && !to_give_.empty()) {
        give(std::exchange(to_give_, {}));
    }
    to_give_.clear();
    join();
}

// The group has gone on without this member. `new_member`: its id is not known any more.
void SimSource::lose_all(bool new_member) {
    lost_ = true;
    generation_ = -1;
    generations_.note(-1);
    ++request_;
    if (new_member) {
        name_.id.clear();
    }
    if (stage_ == Stage::asking_back) {
        return;  // the rest follows when those are back
    }
    if (owned_.empty()) {
        join();
    } else {
        ask_back(owned_, true);
    }
}

void SimSource::begin_rebalance() {
    if (swarm_.cooperative || owned_.empty()) {
        join();
    } else {
        ask_back(owned_, false);
    }
}

void SimSource::beat() {
    if (stage_ == Stage::closed) {
        return;
    }
    const Instant now = cluster_.schedule().now();
    if (stage_ == Stage::stable && now - heard_ > swarm_.session_timeout) {
        lose_all(true);
    } else if ((stage_ == Stage::stable || stage_ == Stage::asking_back) && !lost_) {
        const Group::Sender sender{this, to_coordinator(), ++heartbeat_};
        cluster_.network().send(
            sender.link,
            [&group = cluster_.group(input_), sender, name = std::make_unique<MemberName>(name_),
             generation = generation_] { group.heartbeat(*name, generation, sender); },
            false);
    }
    cluster_.schedule().after(swarm_.session_timeout / 5, owner_, [this] { beat(); });
}

void SimSource::on_heartbeat(std::uint64_t request, Code code) {
    if (request != heartbeat_ || (stage_ != Stage::stable && stage_ != Stage::asking_back)) {
        return;
    }
    switch (code) {
        case Code::none:
            heard_ = cluster_.schedule().now();
            return;
        case Code::rebalance_in_progress:
            heard_ = cluster_.schedule().now();
            if (stage_ == Stage::stable) {
                begin_rebalance();
            }
            return;
        case Code::illegal_generation:
        case Code::unknown_member_id:
            lose_all(code == Code::unknown_member_id);
            return;
        case Code::fenced_instance_id:
            failure_ = Error::stop(ExitCode::kafka_fatal, "FENCED_INSTANCE_ID");
            waker_.wake();
            return;
        default:
            return;
    }
}

std::unique_ptr<Membership> SimSource::membership(std::span<const StepRange>) {
    if (lost_ || generation_ < 0 || name_.id.empty() || stage_ == Stage::closed) {
        return nullptr;
    }
    if (planted(PlantedBug::generation_not_sent)) {
        return std::make_unique<SimMembership>(MemberName{}, -1);
    }
    generations_.note(generation_);
    if (generations_.pending()) {
        return nullptr;
    }
    return std::make_unique<SimMembership>(name_, generation_);
}

void SimSource::close(Duration) {
    if (stage_ == Stage::closed) {
        return;
    }
    stage_ = Stage::closed;
    ++request_;
    ++heartbeat_;
    // A static member stays in its group until its session ends (KIP-345).
    if (name_.instance.empty() && !name_.id.empty()) {
        cluster_.network().send(to_coordinator(), [&group = cluster_.group(input_), name = name_] {
            group.leave(name);
        });
    }
}

// ---- records -----------------------------------------------------------------------------------

Result<SourceEvent> SimSource::poll(Duration wait) {
    views_.clear();
    waits_.reset();
    if (failure_) {
        return std::unexpected(*failure_);
    }
    SourceEvent event;
    if (generations_.take()) {
        event.kind = SourceEvent::Kind::generation_missed;
        return event;
    }
    if (!events_.empty()) {
        event = std::move(events_.front());
        events_.pop_front();
        if (event.kind == SourceEvent::Kind::revoking) {
            for (const PartitionId partition : event.partitions) {
                track(partition).started = false;
            }
        }
        return event;
    }
    for (std::size_t i = 0; flow_ == Flow::open && i < tracks_.size(); ++i) {
        const std::size_t index = (next_partition_ + i) % tracks_.size();
        const PartitionId partition{static_cast<std::int32_t>(index)};
        Track& of = tracks_[index];
        if (!of.started || of.fetched_at > cluster_.schedule().now() || cluster_.leaders_away() ||
            cluster_.network().is_cut_off({owner_, Cluster::leader_of(input_, partition)})) {
            continue;
        }
        if (!cluster_.log(input_, partition).can_read(of.position)) {
            of.started = false;
            events_.push_back({SourceEvent::Kind::out_of_range, {}, {partition}, false});
            continue;
        }
        fetch(partition, of);
    }
    ++next_partition_;
    if (views_.empty()) {
        waits_ = events_.empty() ? wait : Duration::zero();
        return event;
    }
    event.kind = SourceEvent::Kind::records;
    event.records = views_;
    return event;
}

void SimSource::fetch(PartitionId partition, Track& of) {
    PartitionLog& log = cluster_.log(input_, partition);
    if (swarm_.stale_fetches > 0 && dice_.below(10'000) < swarm_.stale_fetches &&
        of.position > log.start()) {
        fetch_again(partition, of);
    }
    const std::size_t before = views_.size();
    const Isolation isolation = planted(PlantedBug::uncommitted_read) ? Isolation::read_uncommitted
                                                                      : Isolation::read_committed;
    of.position =
        log.read(partition, of.position, 1 + dice_.below(swarm_.most_fetched), views_, isolation);
    if (of.position >= log.last_stable()) {
        of.eof = of.position;
    }
    const std::size_t slow = views_.size() == before ? 10'000 : 2'000;
    of.fetched_at = cluster_.schedule().now() + microseconds{dice_.below(slow)};
}

// Records of before come again (librdkafka #4636).
void SimSource::fetch_again(PartitionId partition, const Track& of) {
    if (!tally_.fault(Fault::stale_fetch)) {
        return;
    }
    const PartitionLog& log = cluster_.log(input_, partition);
    const auto span = static_cast<std::size_t>(of.position.value - log.start().value);
    const Offset from{log.start().value + static_cast<std::int64_t>(dice_.below(span))};
    const auto most = static_cast<std::size_t>(of.position.value - from.value);
    const std::size_t first = views_.size();
    log.read(partition, from, std::min<std::size_t>(most, 5), views_);
    while (views_.size() > first && views_.back().record_offset >= of.position) {
        views_.pop_back();
    }
}

void SimSource::start(std::span<const PartitionPosition> positions) {
    for (const PartitionPosition& position : positions) {
        Track& of = track(position.partition);
        of = Track{};
        of.started = true;
        of.position = position.position;
        of.fetched_at = cluster_.schedule().now() + milliseconds{dice_.below(20)};
    }
}

void SimSource::rewind(std::span<const PartitionPosition> positions) {
    start(positions);
}

Offset SimSource::position(PartitionId partition, Offset last) const {
    const auto index = static_cast<std::size_t>(partition.value);
    return index < tracks_.size() && tracks_[index].started ? std::max(last, tracks_[index].eof)
                                                            : last;
}

RecordSource::LogEnd SimSource::log_end(PartitionId partition) const {
    const PartitionLog& log = cluster_.log(input_, partition);
    return {log.last_stable().value, log.end().value};
}

}  // namespace kstream::sim
