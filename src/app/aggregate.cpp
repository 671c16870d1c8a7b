// Composition root of `aggregate`: checks, topics, identity, then the loops on their threads.
// Nothing here knows the protocol; src/pipeline does.

#include "app/commands.hpp"
#include "app/loop_thread.hpp"
#include "app/new_partitions.hpp"
#include "app/peer_watch.hpp"
#include "app/republish_watch.hpp"
#include "app/run_tally.hpp"
#include "app/statement_zones.hpp"
#include "kafka/broker_clock.hpp"
#include "kafka/detached.hpp"
#include "kstream/job/where_fields.hpp"
#include "kstream/pipeline/end_watch.hpp"
#include "kstream/pipeline/time_unit.hpp"
#include "kstream/pipeline/topic_watch.hpp"
#include "kstream/ports/explain.hpp"
#include "process/process_limits.hpp"
#include "process/random_id.hpp"
#include "results/print_results.hpp"
#include "topics/ensure_topics.hpp"
#include "topics/record_sizes.hpp"
#include "topics/start_checks.hpp"
#include "topics/topic_plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace kstream::app {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kWatchInterval = milliseconds{50};
constexpr Duration kTopicLook = milliseconds{200};
constexpr const char* kNotLookedAt = "the topics have not been looked at yet";
constexpr Duration kBrokerLook = milliseconds{500};
constexpr Duration kLastLook = milliseconds{3000};
// From the stop signal to the end of the process, at most.
constexpr milliseconds kStopLimit{4800};

Result<topics::TopicPlan> plan_topics(const cli::AggregateConfig& config) {
    topics::PlanInput input;
    input.application_id = config.application_id;
    input.source = config.spec.source_topic;
    input.results = config.results_topic;
    input.late = topics::late_topic_if(has_windows(config.spec));
    return topics::make_topic_plan(input);
}

MapFoldConfig map_fold_config(const cli::AggregateConfig& config,
                              const topics::StartReport& report) {
    MapFoldConfig map_fold;
    switch (config.on_bad_record) {
        case cli::OnBadRecord::dead_letter:
            map_fold.on_bad_record = BadRecordPolicy::dead_letter;
            break;
        case cli::OnBadRecord::skip:
            map_fold.on_bad_record = BadRecordPolicy::skip;
            break;
        case cli::OnBadRecord::fail:
            map_fold.on_bad_record = BadRecordPolicy::fail;
            break;
    }
    const topics::TopicFacts& letters = report.topic(TopicRole::dead_letters);
    map_fold.dead_letter_partitions = std::max(1, letters.partitions);
    map_fold.max_dead_letter_bytes = topics::max_copy_bytes(letters);
    if (has_windows(config.spec)) {
        const topics::TopicFacts& late = report.topic(TopicRole::late);
        map_fold.late_partitions = std::max(1, late.partitions);
        map_fold.max_late_bytes = topics::max_copy_bytes(late);
    }
    map_fold.max_batch_bytes =
        topics::max_batch_bytes(report.topic(TopicRole::repartition), config.spec,
                                report.topic(TopicRole::source).partitions);
    return map_fold;
}

// Those that WHERE needs, as a person writes them.
std::map<std::uint32_t, std::string> where_fields(const cli::AggregateConfig& config) {
    std::map<std::uint32_t, std::string> fields;
    if (config.spec.statement) {
        const job::Statement& statement = config.query.job->statement;
        for (const std::uint32_t field : job::needed_by_where(statement)) {
            fields.emplace(field, statement.fields[field].spelling);
        }
    }
    return fields;
}

TimeUnitHints time_hints(const cli::AggregateConfig& config) {
    return config.query.job && config.query.job->statement.event_time
               ? time_unit_hints(*config.query.job)
               : TimeUnitHints{};
}

// A batch job that was stopped is not done, whatever it has committed.
ExitCode before_the_end(Log& log) {
    return explain(log,
                   Error::stop(ExitCode::incomplete, "stopped before the end was reached",
                               "what is committed is kept: the next start continues from there"));
}

// A stop during the start is no failure of the start.
ExitCode stopped_at_start(const cli::AggregateConfig& config, Log& log) {
    if (config.until_end) {
        return before_the_end(log);
    }
    log.write(LogLevel::info, "stopped before anything was read");
    return ExitCode::ok;
}

using Loops = std::vector<std::unique_ptr<LoopThread>>;

// Both groups are joined in parallel: all loops are made before the first one waits for anything.
Result<Loops> start_loops(const LoopEnvironment& environment) {
    Loops loops;
    for (int worker = 0; worker < environment.config.workers; ++worker) {
        for (const Stage stage : {Stage::map, Stage::totals}) {
            Result<std::unique_ptr<LoopThread>> loop = LoopThread::make(environment, stage, worker);
            if (!loop) {
                return std::unexpected(std::move(loop.error()));
            }
            loops.push_back(std::move(*loop));
        }
    }
    for (const auto& loop : loops) {
        loop->start();
    }
    return loops;
}

std::array<TopicId, kTopicRoleCount> topic_ids(const topics::StartReport& facts) {
    std::array<TopicId, kTopicRoleCount> ids;
    for (std::size_t i = 0; i < kTopicRoleCount; ++i) {
        ids[i] = facts.topics[i].id;
    }
    return ids;
}

// The topics as the start checks found them, which is what the identity is made of.
TopicWatch::Topics watched_topics(const topics::StartReport& facts) {
    TopicWatch::Topics topics;
    for (std::size_t i = 0; i < kTopicRoleCount; ++i) {
        const topics::TopicFacts& topic = facts.topics[i];
        topics[i] = {topic.name, topic.id, topic.partitions};
    }
    return topics;
}

// What the main thread looks at while the loops run.
struct Watches {
    TopicWatch topics;
    NewPartitions new_partitions;
    RepublishWatch republished;
};

// One look at the topics, for the error that ends the process and for whoever asks for readiness.
// Ready is who would notice that records of its state are deleted.
Result<void> look_at_topics(Watches& watches, const LoopEnvironment& environment) {
    Result<void> same = watches.topics.advance();
    environment.snapshots.set_topic_trouble(!same ? same.error().message
                                            : watches.topics.has_asked_for_starts()
                                                ? watches.topics.trouble()
                                                : kNotLookedAt);
    watches.new_partitions.look(watches.topics.source_partitions());
    return same;
}

Result<void> run_until_stopped(Watches& watches, const LoopEnvironment& environment,
                               RunTally& tally) {
    while (!environment.stop.wait_for(kTopicLook)) {
        if (Result<void> same = look_at_topics(watches, environment); !same) {
            return same;
        }
        (void)watches.republished.look();
        tally.look();
    }
    return {};
}

// A loop that has met another topic, or none, knows it by what it lacks: an offset, a partition, a
// chain. Whether that is why is asked once more, so that the last word names the topic.
std::optional<Error> trouble_with_topics(TopicWatch& topics, const LoopEnvironment& environment) {
    const Instant end = environment.clock.now() + kLastLook;
    topics.look_now();
    while (environment.clock.now() < end && !topics.has_looked()) {
        if (Result<void> same = topics.advance(); !same) {
            return std::move(same.error());
        }
        std::this_thread::sleep_for(milliseconds{20});
    }
    if (!topics.trouble().empty()) {
        return Error::stop(ExitCode::unavailable, topics.trouble(),
                           "first stop whatever deletes topics or records of this job");
    }
    return std::nullopt;
}

// P11: true when everything that was there at the start is in the totals, and published again where
// that was asked for; false when a stop was asked for before.
Result<bool> watch_end(Watches& watches, const LoopEnvironment& environment, RunTally& tally) {
    constexpr Duration kSaidAfter = std::chrono::seconds{10};
    Job job;
    job.spec = environment.config.spec;
    job.kinds = Job::kinds_of(job.spec);
    job.identity = environment.identity;
    if (job.spec.statement) {
        job.statement = environment.config.query.job;
    }
    const auto queries = environment.queries.client(environment.names.map_group, TopicRole::source);
    kafka::TopicReader reader{environment.client, environment.topics, "end-watch"};
    EndWatch watch{job, *queries, reader, environment.config.close};
    std::optional<Instant> ending;
    bool said = false;
    while (!environment.stop.wait_for(Duration::zero())) {
        if (Result<void> same = look_at_topics(watches, environment); !same) {
            return std::unexpected(std::move(same.error()));
        }
        const Result<bool> done = watch.advance(kWatchInterval);
        if (!done && done.error().disposition == Disposition::stop) {
            return std::unexpected(done.error());
        }
        if (done && *done && watches.republished.look()) {
            return true;
        }
        if (watch.wants_time_to_end() && !ending) {
            environment.log.write(LogLevel::info, "all is read: closing all windows");
            ending = environment.clock.now();
            environment.time_ends = true;
        }
        if (ending && !said && environment.clock.now() - *ending > kSaidAfter) {
            said = true;
            environment.log.write(LogLevel::warn,
                                  "windows are still to be closed: a worker without --close that "
                                  "has partitions of the source holds them open");
        }
        if (watch.looks_again()) {
            (void)environment.stop.wait_for(kWatchInterval);
        }
        tally.look();
    }
    return false;
}

struct Ended {
    ExitCode code = ExitCode::ok;  // the first error that is more than "could not commit in time"
    bool all = true;               // of the loops
};

Ended join_loops(const Loops& loops, std::chrono::steady_clock::time_point deadline,
                 const kafka::ClientConfig& client, Log& log) {
    Ended ended;
    for (const auto& loop : loops) {
        if (!loop->wait_until(deadline)) {
            ended.all = false;
        } else if (const std::optional<Error>& error = loop->outcome()) {
            const ExitCode code = explain(log, kafka::with_clocks(*error, client));
            const bool first = ended.code == ExitCode::ok || ended.code == ExitCode::incomplete;
            ended.code = first ? code : ended.code;
        }
    }
    if (!ended.all) {
        // The client library does not come back from a call. What is not committed is read again.
        const ExitCode code = explain(
            log,
            Error::stop(ExitCode::incomplete,
                        "stopped without the last commit and without leaving the group; nothing is "
                        "lost: the next start reads the same records again",
                        "the brokers did not answer in time"));
        ended.code = ended.code == ExitCode::ok ? code : ended.code;
    }
    return ended;
}

OutputBatch::Volume written_by(const AppContext& context) {
    OutputBatch::Volume written;
    for (const auto& loop : context.snapshots.read().loops) {
        for (const OutputBatch::Volume& topic : loop.status->steps.written) {
            written.records += topic.records;
            written.bytes += topic.bytes;
        }
    }
    return written;
}

// The loops have committed all that was read. Whether that is what a run was to do.
ExitCode judge_end(const Result<bool>& watched, const RunTally& tally, Log& log) {
    if (!watched) {
        return explain(log, watched.error());
    }
    if (!*watched) {
        return before_the_end(log);
    }
    if (const std::optional<Error> wrong = tally.wrong_at_end()) {
        return explain(log, *wrong);
    }
    log.write(LogLevel::info, "everything up to the end is in the totals");
    return ExitCode::ok;
}

// --print: while the loops still run, as a stop would end the reading as well.
ExitCode print_what_is_there(const cli::AggregateConfig& config, kafka::Admin& admin,
                             AppContext& context) {
    cli::ResultsConfig wanted;
    wanted.common = config.common;
    wanted.application_id = config.application_id;
    wanted.spec = config.spec;
    wanted.results_topic = config.results_topic;
    return results::print_results(wanted, admin, context.log, context.stop, context.clock);
}

ExitCode run_loops(const cli::AggregateConfig& config, const topics::StartReport& facts,
                   const expr::ZoneFiles& zones, kafka::Admin& admin, AppContext& context) {
    const kafka::ClientConfig client{config.common.brokers, config.application_id,
                                     config.common.client_properties, &context.log};
    auto queries = kafka::QueryService::make(client, topics::topic_names(facts.names));
    if (!queries) {
        return explain(context.log, queries.error());
    }
    RunTally tally{{.source_topic = facts.names.source,
                    .max_bad = config.max_bad,
                    .where_fields = where_fields(config),
                    .is_new = !facts.stored.exists(),
                    .time_hints = time_hints(config)},
                   context.clock,
                   context.log};
    std::atomic<bool> time_ends{false};
    LoopEnvironment environment{
        .config = config,
        .names = facts.names,
        .client = client,
        .topics = topics::topic_names(facts.names),
        .instance = config.instance_id.empty() ? fmt::format("{:016x}", process::random_id())
                                               : config.instance_id,
        .identity = facts.identity,
        .zones = zones,
        .topic_ids = topic_ids(facts),
        .map_fold = map_fold_config(config, facts),
        .producer_sizes = topics::producer_sizes(facts),
        .hash_seed = process::random_id(),
        .queries = **queries,
        .snapshots = context.snapshots,
        .states = context.monitoring.serves() ? &context.states : nullptr,
        .http = context.monitoring.address(),
        .tally = tally,
        .clock = context.clock,
        .log = context.log,
        .stop = context.stop,
        .time_ends = time_ends,
    };
    context.snapshots.expect_loops(static_cast<std::size_t>(config.workers) * 2);
    context.snapshots.set_topic_trouble(kNotLookedAt);
    context.states.set_state_partitions(facts.identity.state_partitions);
    std::optional<PeerWatch> peers;
    if (context.monitoring.serves()) {
        peers.emplace(PeerWatch::Settings{.common = config.common,
                                          .application_id = config.application_id,
                                          .totals_group = facts.names.totals_group,
                                          .own = context.monitoring.address()},
                      context.states.peers(), context.clock, context.log);
    }
    Result<Loops> loops = start_loops(environment);
    if (!loops) {
        return explain(context.log, loops.error());
    }
    const auto topic_queries = (*queries)->client(facts.names.map_group, TopicRole::source);
    Watches watches{
        .topics = {watched_topics(facts), *topic_queries, environment.clock, environment.log},
        .new_partitions = {facts.topic(TopicRole::source).partitions, admin, environment},
        .republished = {config.republish ? facts.identity.state_partitions : 0, *loops, admin,
                        environment}};
    watches.topics.look_now();  // later looks are compared with where the logs begin now
    Result<bool> watched = true;
    ExitCode printed = ExitCode::ok;
    if (config.until_end) {
        watched = watch_end(watches, environment, tally);
        if (watched && *watched && config.print_results) {
            printed = print_what_is_there(config, admin, context);
        }
    } else if (Result<void> same = run_until_stopped(watches, environment, tally); !same) {
        watched = std::unexpected(std::move(same.error()));
    }
    context.stop.request();
    const auto deadline = std::chrono::steady_clock::now() + kStopLimit;
    const Ended ended = join_loops(*loops, deadline, client, context.log);
    ExitCode code = ended.code;
    if (watched && code != ExitCode::ok && code != ExitCode::incomplete) {
        if (const std::optional<Error> why = trouble_with_topics(watches.topics, environment)) {
            const ExitCode cause = explain(context.log, *why);
            code = cause == ExitCode::unavailable ? code : cause;
        }
    }
    if (!watched || (code == ExitCode::ok && config.until_end)) {
        const ExitCode judged = judge_end(watched, tally, context.log);
        code = code == ExitCode::ok || code == ExitCode::incomplete ? judged : code;
    }
    code = code == ExitCode::ok ? printed : code;
    const bool left = ended.all && kafka::wait_for_detached(deadline);
    if (ended.all && !left) {
        context.log.write(LogLevel::info, "left the groups without waiting for their answer");
    }
    tally.say_last(ended.code == ExitCode::ok, written_by(context));
    if (!left) {
        // Threads of the client library do not come back: they must not be waited for, so neither
        // may the destructors run. Nothing is lost by leaving.
        std::_Exit(to_int(code));
    }
    return code;
}

// A cluster that is being started answers before all of its brokers are up, and partitions have no
// leader for a moment when one goes. That is waited for as long as for a cluster that does not
// answer.
topics::StartReport check_when_brokers_are_up(kafka::Admin& admin,
                                              const cli::AggregateConfig& config,
                                              AppContext& context) {
    const auto deadline = std::chrono::steady_clock::now() + topics::kClusterWait;
    for (bool said = false;; said = true) {
        topics::StartReport checked = topics::check_start(admin, config, {}, context.log);
        const std::optional<topics::Finding> waits_for = checked.waits_for();
        if (!waits_for || std::chrono::steady_clock::now() >= deadline) {
            return checked;
        }
        if (!said) {
            context.log.write(LogLevel::warn, "waiting for brokers",
                              {{"reason", waits_for->text}, {"hint", waits_for->hint}});
        }
        if (context.stop.wait_for(kBrokerLook)) {
            return checked;
        }
    }
}

}  // namespace

ExitCode run_command(const cli::AggregateConfig& config, AppContext& context) {
    Log& log = context.log;
    const Result<expr::ZoneFiles> zones =
        config.query.job ? zones_of(*config.query.job) : Result<expr::ZoneFiles>{};
    if (!zones) {
        return explain(log, zones.error());
    }
    Result<topics::TopicPlan> plan = plan_topics(config);
    if (!plan) {
        return explain(log, plan.error());
    }
    Result<kafka::Admin> admin = topics::make_admin(config.common, log, context.stop);
    if (!admin) {
        return explain(log, admin.error());
    }
    const auto failed = [&](const Error& error) {
        return context.stop.requested() ? stopped_at_start(config, log) : explain(log, error);
    };
    if (!config.dry_run) {
        if (const auto reached = admin->wait_for_cluster(1, topics::kClusterWait); !reached) {
            return failed(reached.error());
        }
    }
    topics::StartReport checked = config.dry_run
                                      ? topics::check_start(*admin, config, {}, log)
                                      : check_when_brokers_are_up(*admin, config, context);
    if (config.dry_run) {
        topics::Findings findings = checked.all();
        fmt::print("{}", topics::findings_text(findings));
        return exit_code_of(findings);
    }
    if (context.stop.requested()) {
        return stopped_at_start(config, log);
    }
    if (checked.ok() && !checked.missing.empty()) {
        topics::log_findings(checked.missing_findings, log);
        if (const auto made =
                topics::make_missing_topics(*admin, *plan, topics::MissingSource::refuse,
                                            &topics::needed_on, log, context.stop);
            !made) {
            return failed(made.error());
        }
        checked = topics::check_start(*admin, config, {.all_topics_were_made = true}, log);
        if (context.stop.requested()) {
            return stopped_at_start(config, log);
        }
    }
    const topics::Findings findings = checked.all();
    topics::log_findings(findings, log);
    if (!checked.ok()) {
        return exit_code_of(findings);
    }
    if (config.from.kind != cli::StartAt::Kind::earliest && checked.stored.exists()) {
        log.write(LogLevel::info, "--from is for the first start: going on from what is committed");
    }
    if (const Result<void> fits =
            process::check_limits(process::needs_of_aggregate(config.workers, checked.brokers),
                                  process::read_process_limits(), config.workers, checked.brokers);
        !fits) {
        return explain(log, fits.error());
    }
    return run_loops(config, checked, *zones, *admin, context);
}

}  // namespace kstream::app
