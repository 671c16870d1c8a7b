#include "sim/history.hpp"

#include "kstream/exit_code.hpp"
#include "sim/cluster.hpp"
#include "sim/input.hpp"
#include "sim/oracle.hpp"
#include "sim/process.hpp"
#include "sim/schedule.hpp"
#include "sim/swarm.hpp"

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <memory>
#include <utility>
#include <vector>

namespace kstream::sim {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kLook = milliseconds{250};
constexpr Duration kMostToDrain = seconds{240};

class History {
public:
    History(const Swarm& swarm, const Replay& replay);
    Outcome run();

private:
    // A place for a process, which is there, or comes back.
    struct Place {
        std::unique_ptr<Process> process;
        std::uint64_t starts = 0;
        bool starting = false;
    };

    void start(std::size_t place);
    void start_after(std::size_t place, Duration delay);
    void next_fault();
    void make_fault();
    void crash(std::size_t place);
    void expire_offsets();
    void look_for_empty_groups(int left);
    void delete_from_source();
    void compact();
    void look();
    void begin_calm();
    void take_ended(std::size_t place);
    [[nodiscard]] std::optional<std::string> verdict(const Error& error) const;
    [[nodiscard]] Duration some_ms(std::size_t least, std::size_t most) {
        return milliseconds{least + dice_.below(most - least + 1)};
    }

    const Swarm swarm_;
    Schedule schedule_;
    VirtualClock clock_{schedule_};
    Tally tally_{schedule_};
    Cluster cluster_;
    Input input_;
    Surroundings world_;
    Oracle oracle_;
    testing::Seeded dice_;
    std::vector<Place> places_;
    Instant begun_;
    Instant calm_since_;
    bool all_down_ = false;
    bool done_ = false;
    std::optional<std::string> failure_;
};

History::History(const Swarm& swarm, const Replay& replay)
    : swarm_(swarm),
      cluster_(schedule_, swarm_, tally_, clock_),
      input_(cluster_, swarm_, clock_),
      world_{schedule_, clock_, swarm_, tally_, cluster_, TraceLog{tally_}, {}, 0},
      oracle_(cluster_, input_, make_job(cluster_, swarm_)),
      dice_(swarm.seed ^ 0x68697374),
      places_(static_cast<std::size_t>(swarm.processes)),
      begun_(schedule_.now()) {
    tally_.most_faults = replay.most_faults.value_or(tally_.most_faults);
    tally_.without = replay.without;
    tally_.trace = replay.trace;
}

Outcome History::run() {
    input_.begin();
    for (std::size_t place = 0; place < places_.size(); ++place) {
        start_after(place, some_ms(0, 3000));
    }
    schedule_.after(swarm_.fault_interval, kCluster, [this] { next_fault(); });
    schedule_.after(kLook, kCluster, [this] { look(); });
    while (!done_ && schedule_.run_next()) {
    }
    if (!failure_) {
        failure_ = oracle_.complaint();
    }
    Outcome outcome;
    outcome.failure = failure_;
    outcome.faults = tally_.faults;
    outcome.events = tally_.events;
    outcome.records = swarm_.records;
    outcome.total_faults = tally_.total_faults();
    outcome.actions = schedule_.happened();
    outcome.hash = tally_.hash;
    outcome.simulated_seconds = std::chrono::duration<double>(schedule_.now() - begun_).count();
    places_.clear();
    return outcome;
}

// ---- processes
// -----------------------------------------------------------------------------------

void History::start_after(std::size_t place, Duration delay) {
    if (!std::exchange(places_[place].starting, true)) {
        schedule_.after(delay, kCluster, [this, place] { start(place); });
    }
}

void History::start(std::size_t place) {
    Place& here = places_[place];
    here.starting = false;
    if (here.process != nullptr || all_down_) {
        return;
    }
    const std::uint64_t start = ++here.starts;
    if (start > 1) {
        tally_.event(Event::restart);
    }
    const std::string instance = swarm_.stable_instances || swarm_.static_members
                                     ? fmt::format("i{}", place)
                                     : fmt::format("i{}-{}", place, start);
    here.process = std::make_unique<Process>(world_, instance);
    tally_.note("start", instance);
}

void History::crash(std::size_t place) {
    places_[place].process.reset();
    tally_.note("crash", "", static_cast<std::int64_t>(place));
    start_after(place, some_ms(100, 8000));
}

// What a supervisor may start again by itself is part of the game; what tells a person to look at
// the log is a false alarm here, for nothing is wrong with the log.
std::optional<std::string> History::verdict(const Error& error) const {
    switch (error.exit_code) {
        case ExitCode::try_again:
        case ExitCode::kafka_fatal:
        case ExitCode::incomplete:
        case ExitCode::unavailable:
            return std::nullopt;
        default:
            return fmt::format("exit code {}: {}", to_int(error.exit_code), error.message);
    }
}

void History::take_ended(std::size_t place) {
    Place& here = places_[place];
    if (here.process == nullptr || !here.process->ended()) {
        return;
    }
    if (here.process->error()) {
        tally_.note("exit", here.process->error()->message, static_cast<std::int64_t>(place));
        if (auto wrong = verdict(*here.process->error())) {
            failure_ = std::move(wrong);
            done_ = true;
        }
    }
    here.process.reset();
    start_after(place, some_ms(200, 3000));
}

// ---- faults
// --------------------------------------------------------------------------------------

void History::next_fault() {
    if (tally_.calm) {
        return;
    }
    make_fault();
    schedule_.after(swarm_.fault_interval * static_cast<int>(1 + dice_.below(200)) / 100, kCluster,
                    [this] { next_fault(); });
}

void History::make_fault() {
    const std::array<std::pair<Fault, std::uint32_t>, 12> weights{
        {{Fault::crash, swarm_.crashes},
         {Fault::orderly_stop, swarm_.orderly_stops},
         {Fault::pause, swarm_.pauses},
         {Fault::transaction_coordinator_away, swarm_.transaction_coordinator_away},
         {Fault::group_coordinator_away, swarm_.group_coordinator_away},
         {Fault::leader_away, swarm_.leaders_away},
         {Fault::compaction, swarm_.compactions},
         {Fault::source_retention, swarm_.source_retentions},
         {Fault::offsets_expired, swarm_.offsets_expire},
         {Fault::partition_added, swarm_.partitions_added},
         {Fault::wall_clock_moved, swarm_.wall_clock_moves},
         {Fault::member_dropped, swarm_.members_dropped}}};
    std::uint64_t sum = 0;
    for (const auto& [fault, weight] : weights) {
        sum += weight;
    }
    const std::size_t place = dice_.below(places_.size());
    std::uint64_t at = sum == 0 ? 0 : dice_.below(sum);
    const Instant away = schedule_.now() + some_ms(100, 8000);
    Process* const process = places_[place].process.get();
    for (const auto& [fault, weight] : weights) {
        if (at >= weight) {
            at -= weight;
            continue;
        }
        const bool needs_process =
            fault == Fault::crash || fault == Fault::orderly_stop || fault == Fault::pause;
        if (weight == 0 || (needs_process && process == nullptr) || !tally_.fault(fault)) {
            return;
        }
        switch (fault) {
            case Fault::crash:
                crash(place);
                break;
            case Fault::orderly_stop:
                process->request_stop();
                break;
            case Fault::pause:
                process->pause(some_ms(100, swarm_.most_pause_ms));
                break;
            case Fault::transaction_coordinator_away:
                cluster_.transactions().away_until(away);
                break;
            case Fault::group_coordinator_away:
                cluster_.group(dice_.chance(50) ? TopicRole::source : TopicRole::repartition)
                    .away_until(away);
                break;
            case Fault::leader_away:
                cluster_.leaders_away_until(away);
                break;
            case Fault::compaction:
                compact();
                break;
            case Fault::source_retention:
                delete_from_source();
                break;
            case Fault::offsets_expired:
                expire_offsets();
                break;
            case Fault::partition_added:
                if (cluster_.partitions(TopicRole::source) < swarm_.source_partitions + 2) {
                    cluster_.add_source_partition();
                }
                break;
            case Fault::wall_clock_moved:
                clock_.move_wall(static_cast<std::int64_t>(dice_.below(7'200'000)) - 3'600'000);
                break;
            case Fault::member_dropped:
                (void)cluster_.group(dice_.chance(50) ? TopicRole::source : TopicRole::repartition)
                    .drop_member(dice_.below(places_.size()));
                break;
            default:
                break;
        }
        return;
    }
}

void History::compact() {
    for (std::int32_t q = 0; q < cluster_.partitions(TopicRole::changelog); ++q) {
        cluster_.log(TopicRole::changelog, PartitionId{q}).compact(dice_.below(20));
    }
}

// Retention takes records away, but none that was not read yet.
void History::delete_from_source() {
    for (const auto& [partition, committed] : cluster_.group(TopicRole::source).committed()) {
        PartitionLog& log = cluster_.log(TopicRole::source, partition);
        const auto kept = static_cast<std::int64_t>(dice_.below(5));
        log.delete_below(Offset{committed.offset.value - kept});
    }
}

// The job is down for so long that its offsets are forgotten.
void History::expire_offsets() {
    all_down_ = true;
    for (Place& place : places_) {
        place.process.reset();
    }
    tally_.note("all down", "");
    look_for_empty_groups(120);
}

void History::look_for_empty_groups(int left) {
    if (tally_.calm || left == 0) {
        all_down_ = false;
    } else {
        const bool first = cluster_.group(TopicRole::source).expire_offsets();
        const bool second =
            dice_.chance(50) && cluster_.group(TopicRole::repartition).expire_offsets();
        if (first || second) {
            tally_.note("offsets expired", "", first ? 1 : 0, second ? 1 : 0);
            all_down_ = false;
        }
    }
    if (all_down_) {
        schedule_.after(kLook, kCluster, [this, left] { look_for_empty_groups(left - 1); });
        return;
    }
    for (std::size_t place = 0; place < places_.size(); ++place) {
        start_after(place, some_ms(0, 2000));
    }
}

// ---- the end
// -------------------------------------------------------------------------------------

void History::begin_calm() {
    calm_since_ = schedule_.now();
    tally_.calm = true;
    cluster_.heal();
    for (std::size_t place = 0; place < places_.size(); ++place) {
        if (places_[place].process != nullptr) {
            places_[place].process->go_on();
        }
    }
    tally_.note("calm", "");
}

void History::look() {
    for (std::size_t place = 0; place < places_.size() && !done_; ++place) {
        take_ended(place);
    }
    if (!tally_.calm && input_.done() && schedule_.now() - begun_ > swarm_.produce_for) {
        begin_calm();
    }
    if (tally_.calm && !done_) {
        if (oracle_.drained()) {
            done_ = true;
        } else if (schedule_.now() - calm_since_ > kMostToDrain) {
            failure_ = "not drained:" + oracle_.progress();
            done_ = true;
        }
    }
    if (!done_) {
        schedule_.after(kLook, kCluster, [this] { look(); });
    }
}

}  // namespace

Outcome run_history(const Replay& replay) {
    Swarm swarm = Swarm::of(replay.seed);
    swarm.records = replay.records.value_or(swarm.records);
    History history{swarm, replay};
    return history.run();
}

}  // namespace kstream::sim
