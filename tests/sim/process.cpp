#include "sim/process.hpp"

#include "kstream/check.hpp"
#include "kstream/codec/spec_hash.hpp"
#include "kstream/expr/zone.hpp"
#include "kstream/job/parse.hpp"
#include "kstream/pipeline/map_fold.hpp"
#include "kstream/pipeline/map_takeover.hpp"
#include "kstream/pipeline/totals_fold.hpp"
#include "kstream/pipeline/totals_takeover.hpp"
#include "process/zone_file.hpp"
#include "support/fakes/test_job.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace kstream::sim {

namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kPatience = seconds{60};
// Some records: nearly every step is handed over in parts.
constexpr std::size_t kPartBytes = 200;
constexpr Duration kTopicLook = milliseconds{200};

TopicRole input_of(Stage stage) {
    return stage == Stage::map ? TopicRole::source : TopicRole::repartition;
}

TopicWatch::Topics topics_of(const Cluster& cluster) {
    TopicWatch::Topics topics;
    for (std::size_t role = 0; role < kTopicRoleCount; ++role) {
        const auto topic = static_cast<TopicRole>(role);
        if (cluster.partitions(topic) > 0) {
            topics[role] = {fmt::format("topic-{}", role), cluster.topic_id(topic),
                            cluster.partitions(topic)};
        }
    }
    return topics;
}

const char* name_of(Stage stage) {
    return stage == Stage::map ? "map" : "totals";
}

// Read once: each state and each fold makes its windows anew.
std::optional<std::string> zone_file(std::string_view name) {
    static const std::map<std::string, std::optional<std::string>, std::less<>> kFiles = [] {
        std::map<std::string, std::optional<std::string>, std::less<>> files;
        for (const Days& days : kDays) {
            files.emplace(days.zone, process::read_zone_file(days.zone));
        }
        return files;
    }();
    const auto found = kFiles.find(name);
    return found == kFiles.end() ? std::nullopt : found->second;
}

std::optional<std::uint64_t> zone_fingerprint(std::string_view name) {
    const std::optional<std::string> file = zone_file(name);
    const std::optional<expr::Zone> zone = file ? expr::Zone::parse(*file) : std::nullopt;
    return zone ? std::optional{zone->fingerprint()} : std::nullopt;
}

// A job that a statement says. The oracle has each of them in its own words.
Job of_statement(Job job, const std::string& text) {
    auto parsed = job::parse(text, {.max_distinct = kMaxDistinct, .zones = zone_fingerprint});
    KSTREAM_CHECK(parsed.has_value(), "the statement is fixed");
    job.statement =
        std::make_shared<const job::StatementJob>(job::statement_job(*std::move(parsed), text));
    job.spec = job.statement->spec;
    job.spec_text = canonical_text(job.spec);
    job.kinds = Job::kinds_of(job.spec);
    job.identity.spec_hash = spec_hash(job.spec);
    job.zones = zone_file;
    return job;
}

constexpr const char* kSets =
    ", count(DISTINCT trunc(valor) % 10) AS valores, "
    "percentile_disc(0.5) WITHIN GROUP (ORDER BY trunc(valor) % 10) AS mediana";

// The job of the flags with more in it.
Job with_more(const Job& job, bool having, bool sets) {
    return of_statement(job,
                        fmt::format("SELECT id_vendedor, sum(valor) AS valor_total_por_vendedor, "
                                    "count(*) AS numero_transacoes{} "
                                    "FROM financial_transactions GROUP BY id_vendedor{}",
                                    sets ? kSets : "",
                                    having ? " HAVING count(*) % 4 < 2 AND sum(valor) > 0" : ""));
}

// The same of the windows of this swarm. One of the aggregates can be taken out of a sum again, one
// cannot.
std::string windowed_statement(const Swarm& swarm) {
    const bool hops = swarm.slide_ms < swarm.window_ms;
    const std::string slide =
        hops ? fmt::format("INTERVAL '{} seconds', ", swarm.slide_ms / 1000) : "";
    const std::string windows = swarm.days != nullptr ? fmt::format("'day', '{}'", swarm.days->zone)
                                                      : fmt::format("{}INTERVAL '{} seconds'",
                                                                    slide, swarm.window_ms / 1000);
    const std::string idle =
        swarm.idle_ms ? fmt::format("idle => INTERVAL '{} seconds'{}", *swarm.idle_ms / 1000,
                                    swarm.quiet_wall ? ", quiet => 'wall'" : "")
                      : "idle => 'never'";
    const std::string unique =
        swarm.within_ms ? fmt::format(", unique_by => pedido, within => INTERVAL '{} seconds'",
                                      *swarm.within_ms / 1000)
                        : "";
    return fmt::format(
        "SELECT id_vendedor, window_start AS de, window_end AS ate, "
        "sum(valor) AS valor_total_por_vendedor, count(*) AS numero_transacoes, "
        "max(valor) AS maior{} "
        "FROM {}(financial_transactions, to_timestamp(quando * 0.001), "
        "{}, grace => INTERVAL '{} seconds', emit => '{}', "
        "{}, max_ahead => 'never'{}) GROUP BY id_vendedor, window_start",
        swarm.sets ? kSets : "",
        swarm.sessions ? "session"
        : hops         ? "hop"
                       : "tumble",
        windows, swarm.grace_ms / 1000, swarm.final_only ? "final" : "updates", idle, unique);
}

// Made once each: there are few, and a parser takes longer than all the rest. Histories run on
// threads of their own.
const Job& with_windows(const Job& job, const Swarm& swarm) {
    static std::mutex busy;
    static std::map<std::string, Job> jobs;  // by statement
    const std::string text = windowed_statement(swarm);
    const std::scoped_lock lock{busy};
    const auto known = jobs.find(text);
    return known != jobs.end() ? known->second
                               : jobs.emplace(text, of_statement(job, text)).first->second;
}

}  // namespace

void TraceLog::write(LogLevel, std::string_view event, std::initializer_list<LogField> fields) {
    if (!tally_.trace) {
        return;
    }
    std::string text{event};
    for (const LogField& field : fields) {
        text += fmt::format(" {}={}", field.key, field.value);
    }
    tally_.show(text);
}

Job make_job(Cluster& cluster, const Swarm& swarm) {
    static const Job kSame = testing::make_job();  // its hash takes longer than all the rest
    static const std::array kStatements{
        with_more(kSame, true, false), with_more(kSame, false, true), with_more(kSame, true, true)};
    const std::size_t statement = (swarm.having ? 1U : 0U) + (swarm.sets ? 2U : 0U);
    Job job = swarm.windows    ? with_windows(kSame, swarm)
              : statement == 0 ? kSame
                               : kStatements[statement - 1];
    job.identity.state_partitions = static_cast<std::uint32_t>(swarm.state_partitions);
    job.identity.initial_source_partitions = static_cast<std::uint32_t>(swarm.source_partitions);
    job.identity.results_partitions = static_cast<std::uint32_t>(swarm.results_partitions);
    job.cells_in_cache = swarm.cells_in_cache;
    job.least_gone_keys = swarm.least_gone_keys;
    job.identity.source_id = cluster.topic_id(TopicRole::source);
    job.identity.repartition_id = cluster.topic_id(TopicRole::repartition);
    job.identity.changelog_id = cluster.topic_id(TopicRole::changelog);
    return job;
}

WorkerLoop::WorkerLoop(Surroundings& world, Process& process, Owner owner, Stage stage,
                       const std::string& instance)
    : world_(world),
      process_(process),
      owner_(owner),
      dice_(world.swarm.seed ^ (std::uint64_t{owner} << 28) ^ static_cast<std::uint64_t>(stage)),
      job_(make_job(world.cluster, world.swarm)),
      source_(world.cluster, world.swarm, world.tally, owner, input_of(stage),
              fmt::format("{}-{}", name_of(stage), owner),
              world.swarm.static_members ? instance : "", *this),
      sink_(world.cluster, world.swarm, world.tally, owner, input_of(stage),
            fmt::format("{}-{}-{}", world.cluster.application(), name_of(stage), instance), *this),
      recovery_queries_(world.cluster, world.swarm, owner, input_of(stage), *this),
      takeover_queries_(world.cluster, world.swarm, owner, input_of(stage), *this),
      purge_queries_(world.cluster, world.swarm, owner, input_of(stage), *this),
      idle_queries_(world.cluster, world.swarm, owner, input_of(stage), *this),
      reader_(world.cluster, world.swarm, owner) {
    const Swarm& swarm = world.swarm;
    job_.run_id = ++world.runs;
    if (stage == Stage::map) {
        MapFoldConfig config;
        config.max_batch_bytes = swarm.max_batch_bytes;
        config.max_step_bytes = config.max_letters_bytes = swarm.max_step_bytes;
        auto fold = std::make_unique<MapFold>(job_, config, world.log);
        if (IdleWatch::is_asked_for(job_)) {
            idle_ = std::make_unique<IdleWatch>(job_, *fold, idle_queries_, world.clock, world.log);
        }
        takeover_ =
            std::make_unique<MapTakeover>(job_, StartPolicy{}, takeover_queries_, reader_,
                                          world.clock, world.log, kPatience, fold->unique_ids());
        fold_ = std::move(fold);
    } else {
        auto fold =
            std::make_unique<TotalsFold>(job_,
                                         TotalsFoldConfig{.max_step_keys = swarm.max_step_keys,
                                                          .write_again = swarm.republishes,
                                                          .max_again_keys = 1 + swarm.keys / 4,
                                                          .max_closed_keys = swarm.max_closed_keys,
                                                          .part_bytes = kPartBytes},
                                         world.log);
        takeover_ = std::make_unique<TotalsTakeover>(job_, *fold, takeover_queries_, reader_,
                                                     world.clock, world.log, kPatience);
        fold_ = std::move(fold);
        purge_ = std::make_unique<DeltaPurge>(purge_queries_, world.clock, world.log,
                                              swarm.keep_deltas, swarm.purge_interval);
    }
    StepLoopConfig config;
    config.stage = stage;
    config.commit_interval = swarm.commit_interval;
    config.identity = job_.identity;
    config.event_time = job_.form().event_time;
    config.stable_instance = swarm.stable_instances;
    config.commit_tail_at_once = swarm.commit_tail_at_once;
    config.folded_together = 1 + swarm.most_fetched / 4;
    loop_ = std::make_unique<StepLoop>(
        config,
        StepLoopPorts{source_, sink_, recovery_queries_, world.status, world.clock, world.log},
        *fold_, *takeover_);
    step_after(Duration::zero());
}

void WorkerLoop::step_after(Duration delay) {
    world_.schedule.after(delay, owner_, [this, number = ++next_] {
        if (number == next_) {
            step();
        }
    });
}

void WorkerLoop::wake() {
    woken_ = true;
    if (!stepping_ && !ended_) {
        step_after(microseconds{dice_.below(200)});
    }
}

void WorkerLoop::step() {
    stepping_ = true;
    woken_ = false;
    Result<bool> more = loop_->run_once();
    stepping_ = false;
    if (!more) {
        end();
        process_.failed(std::move(more.error()));
        return;
    }
    if (!*more) {
        end();
        return;
    }
    if (purge_ && purge_->due()) {
        purge_->advance(loop_->committed_positions());
    }
    if (idle_ && idle_->due()) {
        idle_->advance(loop_->committed_positions());
    }
    step_after(pause());
}

// To the next iteration: what this one has cost, or what its poll would have waited.
Duration WorkerLoop::pause() {
    const auto most_cost = static_cast<std::size_t>(world_.swarm.loop_cost / microseconds{1});
    const Duration cost = microseconds{1 + dice_.below(most_cost)};
    const std::optional<Duration> waits = source_.waits();
    if (!waits || woken_) {
        return cost;
    }
    // Whoever waits a millisecond only looks whether something has come: it is woken for that, and
    // looks for what nobody tells it (deadlines) now and then.
    return *waits <= milliseconds{1} ? world_.swarm.quantum : *waits;
}

void WorkerLoop::end() {
    ended_ = true;
    ++next_;
    sink_.close(Duration::zero());
    source_.close(Duration::zero());
}

TopicWatcher::TopicWatcher(Surroundings& world, Process& process, Owner owner)
    : world_(world),
      process_(process),
      owner_(owner),
      queries_(world.cluster, world.swarm, owner, TopicRole::source, *this),
      watch_(topics_of(world.cluster), queries_, world.clock, world.log) {
    step_after(TopicWatch::kInterval);
}

void TopicWatcher::wake() {
    step_after(microseconds{1});
}

void TopicWatcher::step_after(Duration delay) {
    world_.schedule.after(delay, owner_, [this, number = ++next_] {
        if (number == next_) {
            step();
        }
    });
}

void TopicWatcher::step() {
    if (Result<void> same = watch_.advance(); !same) {
        process_.failed(std::move(same.error()));
        return;
    }
    if (!process_.ended()) {
        step_after(kTopicLook);
    }
}

Process::Process(Surroundings& world, const std::string& instance)
    : world_(world), owner_(world.schedule.add_owner()), topics_(world, *this, owner_) {
    for (const Stage stage : {Stage::map, Stage::totals}) {
        loops_.push_back(std::make_unique<WorkerLoop>(world, *this, owner_, stage, instance));
    }
}

void Process::request_stop() {
    for (const auto& loop : loops_) {
        loop->request_stop();
        loop->wake();
    }
}

bool Process::ended() const {
    return std::ranges::all_of(loops_, [](const auto& loop) { return loop->ended(); });
}

std::size_t Process::flowing() const {
    std::size_t sum = 0;
    for (const auto& loop : loops_) {
        sum += loop->flowing();
    }
    return sum;
}

void Process::failed(Error error) {
    if (!error_) {
        error_ = std::move(error);
    }
    request_stop();
}

EndWatcher::EndWatcher(Surroundings& world)
    : world_(world),
      owner_(world.schedule.add_owner()),
      job_(make_job(world.cluster, world.swarm)),
      queries_(world.cluster, world.swarm, owner_, TopicRole::source, *this),
      reader_(world.cluster, world.swarm, owner_),
      watch_(job_, queries_, reader_) {
    step();
}

void EndWatcher::step() {
    reached_ = watch_.advance(Duration::zero());
    if (reached_ && !*reached_) {
        world_.schedule.after(milliseconds{10}, owner_, [this] { step(); });
    }
}

}  // namespace kstream::sim
