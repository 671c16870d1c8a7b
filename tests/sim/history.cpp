#include "sim/history.hpp"

#include "kstream/codec/identity.hpp"
#include "kstream/exit_code.hpp"
#include "sim/cluster.hpp"
#include "sim/group.hpp"
#include "sim/input.hpp"
#include "sim/oracle.hpp"
#include "sim/process.hpp"
#include "sim/schedule.hpp"
#include "sim/swarm.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace kstream::sim {

namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kLook = milliseconds{250};
constexpr Duration kOnlook = seconds{3};
constexpr Duration kMaxToDrain = seconds{240};
// From a topic that was re-created to the end of the last process: a few rounds of questions, some
// of whose answers are lost, and a stop in order.
constexpr Duration kMaxToRefuse = seconds{30};
constexpr std::uint64_t kMaxActions = 2'000'000;  // some hundred times what a history needs

// When a log that was cut is written on to: what it has lost shows in what comes after it. The last
// time is for a log that had grown past a position of before when its reader was started again.
constexpr std::array<Duration, 3> kAfterTheCut{seconds{3}, seconds{12}, seconds{60}};
constexpr Duration kCutSettles = seconds{15};

// From the moment at which a partition is idle, and another one has passed the end of a window with
// its grace, to the commit that begins to close it (docs/adr/0057, rule 6); and what is asked, said
// and committed in between, which here may take longer than on a network.
constexpr Duration kMaxAfterIdle = seconds{2};
constexpr int kJourneys = 20;
constexpr int kCommits = 2;

class History {
public:
    History(const Swarm& swarm, const Replay& replay);
    Outcome run(Onlooker* onlooker);

private:
    // A place for a process, which is there, or comes back.
    struct Place {
        std::size_t application = 0;
        std::string instance;
        std::unique_ptr<Process> process;
        std::unique_ptr<Process> second;  // of the same instance id, by mistake
        std::uint64_t starts = 0;
        bool starting = false;
        bool refused = false;  // it has said that somebody has to look at the log
        // Whoever is started here is cut off as well.
        Brokers cut_off = 0;
        Instant cut_off_until;
        bool answers_only = false;
    };
    struct Application {
        Application(History& history, Cluster& of)
            : world{history.schedule_,
                    history.clock_,
                    history.swarm_,
                    history.tally_,
                    of,
                    TraceLog{history.tally_},
                    {},
                    0},
              oracle(of, history.input_, history.swarm_, make_job(of, history.swarm_)) {}

        Surroundings world;
        Oracle oracle;
        std::optional<EndWatcher> end_watcher;  // from the calm on
    };

    void start(std::size_t place);
    void start_after(std::size_t place, Duration delay);
    void launch(Place& place, std::unique_ptr<Process>& as);
    void reach_no_further(Place& place, const Process& process);
    void gone(std::size_t place, Duration until_next);
    void next_fault();
    [[nodiscard]] std::optional<Fault> draw_fault();
    void make_fault();
    void crash(std::size_t place);
    void cut_off(std::size_t place);
    void start_second(Place& place);
    void expire_offsets();
    void look_for_empty_groups(int left);
    [[nodiscard]] Offset needed_at(const Group::Committed& committed) const;
    void delete_from_source();
    void compact();
    void make_topic_again();
    void look_for_refusals();
    void cut_a_log();
    void look_behind_the_cut();
    void go_calm();
    void look();
    void look_for_the_end();
    void begin_silence();
    void look_at_the_silence();
    [[nodiscard]] bool all_flow();
    [[nodiscard]] std::int64_t rebalances();
    void begin_calm();
    void take_ended(std::size_t place);
    void judge(const Process& ended, std::size_t place);
    [[nodiscard]] std::optional<std::string> verdict(const Error& error);
    [[nodiscard]] bool all_refuse() const;
    [[nodiscard]] bool shows_elsewhere();
    [[nodiscard]] bool all_drained();
    [[nodiscard]] bool one_of_each_instance() const;
    [[nodiscard]] bool counts_what_is_gone();
    [[nodiscard]] std::string progress();
    [[nodiscard]] std::optional<std::string> complaint();
    [[nodiscard]] Duration some_ms(std::size_t least, std::size_t most) {
        return milliseconds{least + dice_.below(most - least + 1)};
    }

    const Swarm swarm_;
    Schedule schedule_;
    VirtualClock clock_{schedule_};
    Tally tally_{schedule_};
    Cluster cluster_;
    std::unique_ptr<Cluster> second_cluster_;  // what the second application has of its own
    Input input_;
    std::vector<std::unique_ptr<Application>> applications_;
    testing::Seeded dice_;
    std::vector<Place> places_;
    Instant begun_;
    Instant calm_since_;
    bool all_down_ = false;
    std::optional<TopicRole> made_again_;  // it is another log: everybody has to stop
    std::optional<PartitionId> cut_;       // of some topic; who misses what was there has to stop
    // After all is drained: records come to one source partition only, and their time is past all
    // windows of before. The others must not hold these open.
    struct Silence {
        PartitionId active;
        std::int64_t time = 0;  // of its first record
        std::int64_t written = 0;
        Instant since;  // the others have been silent, and nobody's partitions have changed
        std::int64_t rebalances = 0;
        bool over = false;
    };
    std::optional<Silence> silence_;
    bool done_ = false;
    std::optional<std::string> failure_;
};

History::History(const Swarm& swarm, const Replay& replay)
    : swarm_(swarm),
      cluster_(schedule_, swarm_, tally_, clock_),
      second_cluster_(swarm.two_applications
                          ? std::make_unique<Cluster>(schedule_, swarm_, tally_, clock_, &cluster_)
                          : nullptr),
      input_(cluster_, swarm_, clock_),
      dice_(swarm.seed ^ 0x68697374),
      begun_(schedule_.now()) {
    applications_.push_back(std::make_unique<Application>(*this, cluster_));
    if (second_cluster_) {
        applications_.push_back(std::make_unique<Application>(*this, *second_cluster_));
    }
    places_.resize(static_cast<std::size_t>(swarm.processes) * applications_.size());
    for (std::size_t place = 0; place < places_.size(); ++place) {
        places_[place].application = place % applications_.size();
    }
    tally_.most_faults = replay.most_faults.value_or(tally_.most_faults);
    tally_.without = replay.without;
    tally_.trace = replay.trace;
}

Outcome History::run(Onlooker* onlooker) {
    input_.begin();
    for (std::size_t place = 0; place < places_.size(); ++place) {
        start_after(place, some_ms(0, 3000));
    }
    schedule_.after(swarm_.fault_interval, kCluster, [this] { next_fault(); });
    schedule_.after(kLook, kCluster, [this] { look(); });
    Outcome outcome;
    Instant next_look = schedule_.now() + kOnlook;
    while (!done_ && schedule_.run_next()) {
        if (onlooker != nullptr && schedule_.now() >= next_look) {
            onlooker->in_between(applications_[0]->world);
            next_look = schedule_.now() + kOnlook;
        }
        if (schedule_.happened() > kMaxActions) {
            failure_ = "does not come to rest:" + progress();
            break;
        }
    }
    if (!failure_) {
        failure_ = complaint();
    }
    const bool stopped = made_again_ || all_refuse();
    if (onlooker != nullptr && !failure_ && !stopped) {
        onlooker->at_end(applications_[0]->world);
    }
    outcome.drained = !stopped;
    if (swarm_.windows && outcome.drained) {
        outcome.closed_windows = applications_[0]->oracle.closed_windows();
    }
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

// ---- processes ----------------------------------------------------------------------------------

void History::start_after(std::size_t place, Duration delay) {
    if (!std::exchange(places_[place].starting, true)) {
        schedule_.after(delay, kCluster, [this, place] { start(place); });
    }
}

void History::start(std::size_t place) {
    Place& here = places_[place];
    here.starting = false;
    if (here.process != nullptr || all_down_ || made_again_.has_value() || here.refused) {
        return;
    }
    const std::uint64_t start = ++here.starts;
    if (start > 1) {
        tally_.event(Event::restart);
    }
    // Of two applications on one machine, say: both have the same.
    const std::size_t number = place / applications_.size();
    const std::string instance = swarm_.stable_instances || swarm_.static_members
                                     ? fmt::format("i{}", number)
                                     : fmt::format("i{}-{}", number, start);
    here.instance = instance;
    launch(here, here.process);
}

void History::launch(Place& place, std::unique_ptr<Process>& as) {
    as = std::make_unique<Process>(applications_[place.application]->world, place.instance);
    reach_no_further(place, *as);
    tally_.note("start", place.instance);
}

void History::reach_no_further(Place& place, const Process& process) {
    if (place.cut_off_until > schedule_.now()) {
        applications_[place.application]->world.cluster.network().cut_off(
            {process.owner(), place.cut_off}, place.cut_off_until, place.answers_only);
    }
}

void History::crash(std::size_t place) {
    tally_.note("crash", "", static_cast<std::int64_t>(place));
    gone(place, some_ms(100, 8000));
}

// Of two with one instance id the other one stays, and nobody is started in their place.
void History::gone(std::size_t place, Duration until_next) {
    Place& here = places_[place];
    here.process = std::exchange(here.second, nullptr);
    if (here.process == nullptr) {
        start_after(place, until_next);
    } else {
        here.refused = false;
    }
}

// The network between a machine and some of the brokers is down, for longer than anything waits.
void History::cut_off(std::size_t place) {
    Place& here = places_[place];
    here.cut_off = 1 + static_cast<Brokers>(dice_.below(kAllBrokers - 1));
    here.cut_off_until = schedule_.now() + some_ms(1000, swarm_.most_cut_off_ms);
    here.answers_only = dice_.chance(30);
    tally_.note("cut off", here.answers_only ? "answers" : "", static_cast<std::int64_t>(place),
                here.cut_off);
    for (const Process* const process : {here.process.get(), here.second.get()}) {
        if (process != nullptr) {
            reach_no_further(here, *process);
        }
    }
}

// Somebody starts the process that runs here once more.
void History::start_second(Place& place) {
    if (place.second == nullptr) {
        launch(place, place.second);
    }
}

// What a supervisor may start again by itself is part of the game; what tells a person to look at
// the log is a false alarm here, for nothing is wrong with the log.
std::optional<std::string> History::verdict(const Error& error) {
    const bool refuses =
        error.exit_code == ExitCode::identity || error.exit_code == ExitCode::integrity;
    if (cut_ && refuses &&
        (error.message.find(fmt::format("partition {}", cut_->value)) != std::string::npos ||
         shows_elsewhere())) {
        return std::nullopt;
    }
    switch (error.exit_code) {
        case ExitCode::try_again:
        case ExitCode::kafka_fatal:
        case ExitCode::incomplete:
        case ExitCode::unavailable:
            return std::nullopt;
        case ExitCode::identity:
            if (made_again_) {
                return std::nullopt;
            }
            break;
        case ExitCode::integrity:
            // Whoever reads a state topic that is another one may see first what it lacks.
            if (made_again_ == TopicRole::repartition || made_again_ == TopicRole::changelog) {
                return std::nullopt;
            }
            break;
        default:
            break;
    }
    return fmt::format("exit code {}: {}", to_int(error.exit_code), error.message);
}

// Without committed offsets the log of one state partition says where the map steps ended (P3).
// What it has lost is missed by the others, which have all of it.
bool History::shows_elsewhere() {
    return cluster_.before(TopicRole::repartition, *cut_) != nullptr &&
           cluster_.group(TopicRole::source).has_forgotten();
}

void History::take_ended(std::size_t place) {
    Place& here = places_[place];
    if (here.second != nullptr && here.second->ended()) {
        judge(*here.second, place);
        here.second.reset();
    }
    if (here.process == nullptr || !here.process->ended()) {
        return;
    }
    if (const auto& error = here.process->error()) {
        here.refused =
            error->exit_code == ExitCode::integrity || error->exit_code == ExitCode::identity;
    }
    judge(*here.process, place);
    gone(place, some_ms(200, 3000));
}

void History::judge(const Process& ended, std::size_t place) {
    if (!ended.error()) {
        return;
    }
    tally_.note("exit", ended.error()->message, static_cast<std::int64_t>(place));
    if (auto wrong = verdict(*ended.error())) {
        failure_ = std::move(wrong);
        done_ = true;
    }
}

// ---- faults -------------------------------------------------------------------------------------

void History::next_fault() {
    if (tally_.calm) {
        return;
    }
    make_fault();
    schedule_.after(swarm_.fault_interval * static_cast<int>(1 + dice_.below(200)) / 100, kCluster,
                    [this] { next_fault(); });
}

// Which of the faults that this seed has, by their weights.
std::optional<Fault> History::draw_fault() {
    const std::array<std::pair<Fault, std::uint32_t>, 17> weights{
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
         {Fault::member_dropped, swarm_.members_dropped},
         {Fault::step_doubled, swarm_.steps_doubled},
         {Fault::topic_made_again, swarm_.topic_made_again},
         {Fault::log_cut, swarm_.logs_cut},
         {Fault::client_cut_off, swarm_.clients_cut_off},
         {Fault::instance_doubled, swarm_.instances_doubled}}};
    std::uint64_t sum = 0;
    for (const auto& [fault, weight] : weights) {
        sum += weight;
    }
    std::uint64_t at = dice_.below(std::max<std::uint64_t>(1, sum));
    for (const auto& [fault, weight] : weights) {
        if (at < weight) {
            return fault;
        }
        at -= weight;
    }
    return std::nullopt;
}

void History::make_fault() {
    const std::optional<Fault> fault = draw_fault();
    const std::size_t place = dice_.below(places_.size());
    const Instant away = schedule_.now() + some_ms(100, 8000);
    Process* const process = places_[place].process.get();
    Cluster& cluster = applications_[dice_.below(applications_.size())]->world.cluster;
    Group& group = cluster.group(dice_.chance(50) ? TopicRole::source : TopicRole::repartition);
    const bool needs_process = fault == Fault::crash || fault == Fault::orderly_stop ||
                               fault == Fault::pause || fault == Fault::instance_doubled;
    if (!fault || (needs_process && process == nullptr) || !tally_.fault(*fault)) {
        return;
    }
    switch (*fault) {
        case Fault::crash:
            return crash(place);
        case Fault::orderly_stop:
            return process->request_stop();
        case Fault::pause:
            return process->pause(some_ms(100, swarm_.most_pause_ms));
        case Fault::transaction_coordinator_away:
            return cluster_.transactions().away_until(away);
        case Fault::group_coordinator_away:
            return group.away_until(away);
        case Fault::leader_away:
            return cluster_.leaders_away_until(away);
        case Fault::compaction:
            return compact();
        case Fault::source_retention:
            return delete_from_source();
        case Fault::offsets_expired:
            return expire_offsets();
        case Fault::partition_added:
            return cluster_.add_source_partition();
        case Fault::wall_clock_moved:
            return clock_.move_wall(static_cast<std::int64_t>(dice_.below(7'200'000)) - 3'600'000);
        case Fault::member_dropped:
            return group.drop_member(dice_.below(places_.size()));
        case Fault::step_doubled:
            return cluster.double_step(dice_, make_job(cluster, swarm_).form());
        case Fault::topic_made_again:
            return make_topic_again();
        case Fault::log_cut:
            return cut_a_log();
        case Fault::client_cut_off:
            return cut_off(place);
        case Fault::instance_doubled:
            return start_second(places_[place]);
        default:
            return;  // of chance, where it happens
    }
}

void History::compact() {
    for (const auto& application : applications_) {
        Cluster& cluster = application->world.cluster;
        for (const TopicRole topic : {TopicRole::changelog, TopicRole::results}) {
            for (std::int32_t q = 0; q < cluster.partitions(topic); ++q) {
                cluster.log(topic, PartitionId{q}).compact(dice_.below(20));
            }
        }
    }
}

// From where on a new owner reads the source who begins at that offset.
Offset History::needed_at(const Group::Committed& committed) const {
    const Result<OffsetMetadata> metadata = parse_offset_metadata(committed.metadata);
    const bool unique = swarm_.within_ms && metadata && metadata->mark;
    return unique ? metadata->mark->source->horizon->offset : committed.offset;
}

// Retention takes records away, but none that somebody has yet to read, or to read again.
void History::delete_from_source() {
    for (const auto& [partition, committed] : cluster_.group(TopicRole::source).committed()) {
        Offset read = committed.offset;
        for (const auto& application : applications_) {
            const auto& offsets = application->world.cluster.group(TopicRole::source).committed();
            const auto found = offsets.find(partition);
            read = std::min(read, found == offsets.end() ? Offset{0} : needed_at(found->second));
        }
        PartitionLog& log = cluster_.log(TopicRole::source, partition);
        const auto kept = static_cast<std::int64_t>(dice_.below(5));
        log.delete_below(Offset{read.value - kept});
    }
}

// Deleted and re-created, under the same name, with other records: nobody may go on. No process is
// started any more, so that all that is to be done about it is done by those that run.
void History::make_topic_again() {
    constexpr std::array kRoles{TopicRole::source,      TopicRole::source,    TopicRole::source,
                                TopicRole::repartition, TopicRole::changelog, TopicRole::results,
                                TopicRole::dead_letters};
    made_again_ = kRoles[dice_.below(kRoles.size())];
    tally_.note("made again", "", static_cast<std::int64_t>(*made_again_));
    input_.end();
    cluster_.make_again(*made_again_, 1 + dice_.below(600));
    go_calm();
}

// No faults from here on.
void History::go_calm() {
    tally_.calm = true;
    calm_since_ = schedule_.now();
    for (const auto& application : applications_) {
        application->world.cluster.heal();
    }
    for (Place& place : places_) {
        place.cut_off_until = Instant{};
        for (Process* const process : {place.process.get(), place.second.get()}) {
            if (process != nullptr) {
                process->go_on();
            }
        }
    }
}

// A log loses its last records, read and applied or not, and goes on from there. Those that run do
// so, or all of them are started again: a changelog is only missed by whoever restores it.
void History::cut_a_log() {
    constexpr std::array kRoles{TopicRole::source, TopicRole::repartition, TopicRole::changelog};
    const TopicRole topic = kRoles[dice_.below(kRoles.size())];
    const PartitionId partition{static_cast<std::int32_t>(
        dice_.below(static_cast<std::size_t>(cluster_.partitions(topic))))};
    const PartitionLog& log = cluster_.log(topic, partition);
    const auto lost = static_cast<std::int64_t>(1 + dice_.below(dice_.chance(50) ? 4 : 40));
    if (!cluster_.cut(topic, partition, Offset{log.end().value - lost})) {
        return;
    }
    cut_ = partition;
    if (topic == TopicRole::source) {
        input_.leave(partition);
    }
    go_calm();
    for (const Duration later : kAfterTheCut) {
        schedule_.after(later, kCluster, [this] { input_.write_to_each(); });
    }
    if (dice_.chance(50)) {
        schedule_.after(some_ms(0, 10'000), kCluster, [this] {
            for (std::size_t place = 0; place < places_.size(); ++place) {
                crash(place);
            }
        });
    }
}

void History::look_behind_the_cut() {
    const Duration since = schedule_.now() - calm_since_;
    done_ = all_refuse() ||
            (since > kCutSettles && input_.done() && all_drained() && !counts_what_is_gone());
    if (!done_ && since > kMaxToDrain) {
        failure_ = "neither stops nor goes on after a log was cut:" + progress();
        done_ = true;
    }
}

// Of the source: whoever gets the partition next has to stop.
bool History::counts_what_is_gone() {
    return std::ranges::any_of(
        cluster_.group(TopicRole::source).committed(), [this](const auto& entry) {
            return entry.second.offset > cluster_.log(TopicRole::source, entry.first).end();
        });
}

bool History::all_refuse() const {
    return std::ranges::all_of(places_, &Place::refused);
}

// A static member is told that another one has its name, and stops. Without that only its
// transactions tell, which one of the two may have none of.
bool History::one_of_each_instance() const {
    return !swarm_.static_members ||
           std::ranges::all_of(places_, [](const Place& place) { return place.second == nullptr; });
}

bool History::all_drained() {
    return std::ranges::all_of(applications_, [](auto& each) { return each->oracle.drained(); });
}

std::string History::progress() {
    std::string text;
    for (const auto& application : applications_) {
        text += application->oracle.progress();
    }
    return text;
}

std::optional<std::string> History::complaint() {
    Oracle& first = applications_[0]->oracle;
    if (made_again_) {
        return first.complaint_of(*made_again_);
    }
    if (all_refuse()) {
        return first.counted_too_much();
    }
    for (const auto& application : applications_) {
        if (auto wrong = application->oracle.complaint()) {
            return wrong;
        }
    }
    return std::nullopt;
}

void History::look_for_refusals() {
    const bool gone =
        std::ranges::none_of(places_, [](const Place& place) { return place.process != nullptr; });
    if (!gone && schedule_.now() - calm_since_ > kMaxToRefuse) {
        failure_ = "a process goes on although one of its topics was made again";
    }
    done_ = done_ || gone || failure_;
}

// The job is down for so long that its offsets are forgotten.
void History::expire_offsets() {
    all_down_ = true;
    for (Place& place : places_) {
        place.process.reset();
        place.second.reset();
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

// ---- the end ------------------------------------------------------------------------------------

void History::begin_calm() {
    go_calm();
    for (const auto& application : applications_) {
        application->end_watcher.emplace(application->world);
    }
    tally_.note("calm", "");
}

void History::look() {
    for (std::size_t place = 0; place < places_.size() && !done_; ++place) {
        take_ended(place);
    }
    if (done_) {
        return;
    }
    if (made_again_) {
        look_for_refusals();
    } else if (cut_) {
        look_behind_the_cut();
    } else if (silence_ && !silence_->over) {
        look_at_the_silence();
    } else if (tally_.calm) {
        look_for_the_end();
    } else if (input_.done() && schedule_.now() - begun_ > swarm_.produce_for) {
        begin_calm();
    }
    schedule_.after(kLook, kCluster, [this] { look(); });
}

void History::look_for_the_end() {
    bool all_reached = true;
    for (const auto& application : applications_) {
        const Result<bool>& reached = application->end_watcher->reached();
        if (!reached) {
            failure_ = "the watch for the end failed: " + reached.error().message;
        } else if (*reached && !silence_ && !application->oracle.applied()) {
            failure_ = "the watch for the end does not see what is missing:" + progress();
        }
        all_reached = all_reached && reached && *reached;
    }
    if (!failure_ && schedule_.now() - calm_since_ > kMaxToDrain) {
        failure_ = one_of_each_instance() ? "not drained:" + progress()
                                          : "two processes of one instance id go on";
    }
    const bool rests = all_reached && all_drained() && one_of_each_instance();
    if (rests && !failure_ && swarm_.idle_ms && !silence_ && !all_refuse()) {
        begin_silence();
    } else {
        done_ = failure_ || rests;
    }
}

void History::begin_silence() {
    std::int64_t newest = -1;
    for (const auto& application : applications_) {
        newest = std::max(newest, application->oracle.newest_time());
    }
    silence_ = Silence{.active = PartitionId{static_cast<std::int32_t>(dice_.below(
                           static_cast<std::size_t>(cluster_.partitions(TopicRole::source))))},
                       .time = newest + 2 * swarm_.window_ms + swarm_.grace_ms,
                       .since = schedule_.now(),
                       .rebalances = rebalances()};
    calm_since_ = schedule_.now();
    tally_.note("silence", "", silence_->active.value, silence_->time);
    look_at_the_silence();
}

// Whoever gets a partition knows nothing of how long it has been silent.
void History::look_at_the_silence() {
    Silence& silence = *silence_;
    if (!all_flow() || rebalances() != silence.rebalances) {
        silence.since = schedule_.now();
        silence.rebalances = rebalances();
    }
    input_.write_at(silence.active, silence.time + silence.written++);
    silence.over = std::ranges::all_of(applications_, [&silence](const auto& application) {
        return application->oracle.closes_up_to(silence.time);
    });
    const Duration bound = milliseconds{*swarm_.idle_ms} + kMaxAfterIdle +
                           microseconds{swarm_.usual_delay_us} * kJourneys +
                           swarm_.commit_interval * kCommits;
    if (!silence.over && schedule_.now() - silence.since > bound) {
        failure_ =
            "windows that are over stay open though all that have less time are idle:" + progress();
    } else if (!silence.over && schedule_.now() - calm_since_ > kMaxToDrain) {
        failure_ = "partitions do not come to rest:" + progress();
    }
    done_ = failure_.has_value();
}

// Of all topics, in all applications.
bool History::all_flow() {
    std::size_t flowing = 0;
    for (const Place& place : places_) {
        flowing += place.process != nullptr ? place.process->flowing() : 0;
    }
    std::size_t wanted = 0;
    for (const auto& application : applications_) {
        const Cluster& cluster = application->world.cluster;
        wanted += static_cast<std::size_t>(cluster.partitions(TopicRole::source) +
                                           cluster.partitions(TopicRole::repartition));
    }
    return flowing == wanted;
}

// Changes whenever partitions may have changed hands.
std::int64_t History::rebalances() {
    std::int64_t sum = 0;
    for (const auto& application : applications_) {
        Cluster& cluster = application->world.cluster;
        sum += cluster.group(TopicRole::source).generation() +
               cluster.group(TopicRole::repartition).generation();
    }
    return sum;
}

}  // namespace

Outcome run_history(const Replay& replay, Onlooker* onlooker) {
    Swarm swarm = Swarm::of(replay.seed);
    swarm.records = replay.records.value_or(swarm.records);
    History history{swarm, replay};
    return history.run(onlooker);
}

}  // namespace kstream::sim
