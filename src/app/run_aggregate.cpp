// Composition root of `aggregate`: checks, topics, identity, then the loops on their threads.
// Nothing here knows the protocol; src/pipeline does.

#include "app/commands.hpp"
#include "app/ensure_topics.hpp"
#include "app/loop_thread.hpp"
#include "app/peer_watch.hpp"
#include "app/start_checks.hpp"
#include "app/topic_plan.hpp"
#include "kafka/left_behind.hpp"
#include "kstream/codec/spec_hash.hpp"
#include "kstream/pipeline/end_watch.hpp"
#include "kstream/pipeline/topic_watch.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <random>
#include <thread>
#include <vector>

namespace kstream::app {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kClusterWait{30000};
constexpr Duration kWatchInterval = milliseconds{50};
constexpr Duration kTopicLook = milliseconds{200};
constexpr Duration kLastLook = milliseconds{3000};
// From the stop signal to the end of the process, at most.
constexpr milliseconds kStopLimit{4800};
// A dead letter is as long as its record, and the topic takes 64 KiB more than the source (P10).
constexpr std::size_t kFallbackRecordBytes = 1'000'000;
// The broker's default limit and a dead letter's headroom: batches and totals are far smaller.
constexpr std::int64_t kLeastMessageBytes = 1'048'588 + kDeadLetterHeadroom;

std::uint64_t random_id() {
    std::random_device device;
    return (std::uint64_t{device()} << 32) | device();
}

ExitCode report(Log& log, const Error& error) {
    log.write(LogLevel::error, error.message,
              {{"exit", std::int64_t{to_int(error.exit_code)}}, {"hint", error.hint}});
    return error.exit_code;
}

Result<TopicPlan> plan_topics(const cli::AggregateConfig& config) {
    PlanInput input;
    input.application_id = config.application_id;
    input.source = config.spec.source_topic;
    input.results = config.results_topic;
    return make_topic_plan(input);
}

Identity identity_of(const cli::AggregateConfig& config, const StartReport& report) {
    Identity identity;
    identity.spec_hash = spec_hash(config.spec);
    identity.scale = static_cast<std::uint8_t>(config.spec.scale);
    const auto count = [&report](TopicRole role) {
        return static_cast<std::uint32_t>(report.topic(role).partitions);
    };
    identity.state_partitions = count(TopicRole::repartition);
    identity.results_partitions = count(TopicRole::results);
    identity.initial_source_partitions = count(TopicRole::source);
    identity.source_id = report.topic(TopicRole::source).id;
    identity.repartition_id = report.topic(TopicRole::repartition).id;
    identity.changelog_id = report.topic(TopicRole::changelog).id;
    return identity;
}

// P4: whoever committed under this application id must have been this job, on these logs. Also
// finds how many source partitions there were at the first start, which every process must agree on
// (P3).
Result<void> check_stored_identity(const StartReport& report, Identity& identity) {
    for (const GroupFacts* group : {&report.map_group, &report.totals_group}) {
        for (const kafka::CommittedOffset& committed : group->committed) {
            if (!committed.offset) {
                continue;
            }
            const Result<Identity> stored = parse_identity_text(committed.metadata);
            if (!stored) {
                return std::unexpected(stored.error());
            }
            std::string all;
            for (const std::string& difference : identity_differences(*stored, identity)) {
                all += fmt::format("{}{}", all.empty() ? "" : "; ", difference);
            }
            if (!all.empty()) {
                return fail(ExitCode::identity,
                            fmt::format("group {} belongs to another job or to topics that were "
                                        "replaced: {}",
                                        group->name, all),
                            "choose another --application-id, or run `kstream reset` to begin "
                            "again");
            }
            identity.initial_source_partitions = stored->initial_source_partitions;
        }
    }
    return {};
}

MapFoldConfig map_fold_config(const cli::AggregateConfig& config, const StartReport& report) {
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
    const TopicFacts& letters = report.topic(TopicRole::dead_letters);
    map_fold.dead_letter_partitions = std::max(1, letters.partitions);
    map_fold.most_dead_letter_bytes =
        letters.max_message_bytes > kDeadLetterHeadroom
            ? static_cast<std::size_t>(letters.max_message_bytes - kDeadLetterHeadroom)
            : kFallbackRecordBytes;
    return map_fold;
}

kafka::TopicNames topic_names(const Names& names) {
    kafka::TopicNames topics;
    for (const TopicRole role : {TopicRole::source, TopicRole::repartition, TopicRole::changelog,
                                 TopicRole::results, TopicRole::dead_letters}) {
        topics.set(role, names.topic(role));
    }
    return topics;
}

// A batch job that was stopped is not done, whatever it has committed.
ExitCode before_the_end(Log& log) {
    return report(log, Error::stop(ExitCode::incomplete, "stopped before the end was reached",
                                   "what is committed stands: the next start goes on from there"));
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

std::array<TopicId, kTopicRoleCount> topic_ids(const StartReport& facts) {
    std::array<TopicId, kTopicRoleCount> ids;
    for (std::size_t i = 0; i < kTopicRoleCount; ++i) {
        ids[i] = facts.topics[i].id;
    }
    return ids;
}

// The topics as the start checks found them, which is what the identity is made of.
TopicWatch::Topics watched_topics(const StartReport& facts) {
    TopicWatch::Topics topics;
    for (std::size_t i = 0; i < kTopicRoleCount; ++i) {
        const TopicFacts& topic = facts.topics[i];
        topics[i] = {topic.name, topic.id, topic.partitions};
    }
    return topics;
}

// One look at the topics, for the error that ends the process and for whoever asks for readiness.
Result<void> look_at_topics(TopicWatch& topics, const LoopEnvironment& environment) {
    Result<void> same = topics.advance();
    environment.snapshots.set_topic_trouble(same ? topics.trouble() : same.error().message);
    return same;
}

Result<void> run_until_stopped(TopicWatch& topics, const LoopEnvironment& environment) {
    while (!environment.stop.wait_for(kTopicLook)) {
        if (Result<void> same = look_at_topics(topics, environment); !same) {
            return same;
        }
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
                           "whoever deletes topics or records of this job has to stop that first");
    }
    return std::nullopt;
}

// P11: true when everything that was there at the start is in the totals, false when a stop was
// asked for before.
Result<bool> watch_end(TopicWatch& topics, const LoopEnvironment& environment) {
    Job job;
    job.spec = environment.config.spec;
    job.kinds = Job::kinds_of(job.spec);
    job.identity = environment.identity;
    const auto queries = environment.queries.client(environment.names.map_group, TopicRole::source);
    kafka::TopicReader reader{environment.client, environment.topics, "end-watch"};
    EndWatch watch{job, *queries, reader};
    while (!environment.stop.wait_for(Duration::zero())) {
        if (Result<void> same = look_at_topics(topics, environment); !same) {
            return std::unexpected(std::move(same.error()));
        }
        const Result<bool> done = watch.advance(kWatchInterval);
        if (!done) {
            if (done.error().disposition == Disposition::stop) {
                return std::unexpected(done.error());
            }
            continue;
        }
        if (*done) {
            environment.log.write(LogLevel::info, "everything up to the end is in the totals");
            return true;
        }
    }
    return false;
}

// How the loops ended: the first error that is more than "could not commit in time". `cause`: why
// the process stops, where it is not the loops that know; it has the last word.
ExitCode join_loops(const Loops& loops, std::chrono::steady_clock::time_point deadline,
                    const Error* cause, Log& log) {
    ExitCode code = ExitCode::ok;
    bool all = true;
    for (const auto& loop : loops) {
        if (!loop->wait_until(deadline)) {
            all = false;
        } else if (const std::optional<Error>& error = loop->outcome()) {
            const ExitCode ended = report(log, *error);
            code = code == ExitCode::ok || code == ExitCode::incomplete ? ended : code;
        }
    }
    if (!all) {
        // The client library does not come back from a call. Nothing is lost by leaving: what is
        // not committed is read again. The threads must not be waited for, so neither may the
        // destructors run.
        const ExitCode left = report(
            log,
            Error::stop(ExitCode::incomplete,
                        "stopped without the last commit and without leaving the group; nothing is "
                        "lost: the next start reads the same records again",
                        "the brokers did not answer in time"));
        code = code == ExitCode::ok ? left : code;
    }
    if (cause != nullptr) {
        const ExitCode caused = report(log, *cause);
        code = code == ExitCode::ok || code == ExitCode::incomplete ? caused : code;
    }
    if (!all) {
        std::_Exit(to_int(code));
    }
    return code;
}

void say_stopped(const AppContext& context) {
    std::uint64_t read = 0;
    OutputBatch::Volume written;
    for (const auto& loop : context.snapshots.read().loops) {
        read += loop.status->stage == Stage::map ? loop.status->records_read : 0;
        for (const OutputBatch::Volume& topic : loop.status->written) {
            written.records += topic.records;
            written.bytes += topic.bytes;
        }
    }
    context.log.write(LogLevel::info, "stopped; everything that was read is committed",
                      {{"records", static_cast<std::int64_t>(read)},
                       {"records_written", static_cast<std::int64_t>(written.records)},
                       {"bytes_written", static_cast<std::int64_t>(written.bytes)}});
}

ExitCode run_loops(const cli::AggregateConfig& config, const StartReport& facts,
                   const Identity& identity, AppContext& context) {
    const kafka::ClientConfig client{config.common.brokers, config.application_id,
                                     config.common.client_properties, &context.log};
    auto queries = kafka::QueryService::make(client, topic_names(facts.names));
    if (!queries) {
        return report(context.log, queries.error());
    }
    LoopEnvironment environment{
        .config = config,
        .names = facts.names,
        .client = client,
        .topics = topic_names(facts.names),
        .instance =
            config.instance_id.empty() ? fmt::format("{:016x}", random_id()) : config.instance_id,
        .identity = identity,
        .topic_ids = topic_ids(facts),
        .map_fold = map_fold_config(config, facts),
        .most_message_bytes =
            std::max(kLeastMessageBytes, facts.topic(TopicRole::dead_letters).max_message_bytes),
        .hash_seed = random_id(),
        .queries = **queries,
        .snapshots = context.snapshots,
        .states = context.monitoring.serves() ? &context.states : nullptr,
        .http = context.monitoring.address(),
        .clock = context.clock,
        .log = context.log,
        .stop = context.stop,
    };
    context.snapshots.expect_loops(static_cast<std::size_t>(config.workers) * 2);
    context.states.set_state_partitions(identity.state_partitions);
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
        return report(context.log, loops.error());
    }
    // Of its own: what a lost broker holds up here must not hold up the loops' own questions, with
    // which they come back from that.
    auto topic_service = kafka::QueryService::make(client, topic_names(facts.names));
    if (!topic_service) {
        return report(context.log, topic_service.error());
    }
    const auto topic_queries = (*topic_service)->client(facts.names.map_group, TopicRole::source);
    TopicWatch topics{watched_topics(facts), *topic_queries, environment.clock, environment.log};
    Result<bool> watched = true;
    if (config.until_end) {
        watched = watch_end(topics, environment);
    } else if (Result<void> same = run_until_stopped(topics, environment); !same) {
        watched = std::unexpected(std::move(same.error()));
    }
    context.stop.request();
    const auto deadline = std::chrono::steady_clock::now() + kStopLimit;
    ExitCode code = join_loops(*loops, deadline, watched ? nullptr : &watched.error(), context.log);
    if (watched && code != ExitCode::ok && code != ExitCode::incomplete) {
        if (const std::optional<Error> why = trouble_with_topics(topics, environment)) {
            const ExitCode cause = report(context.log, *why);
            code = cause == ExitCode::unavailable ? code : cause;
        }
    }
    if (code == ExitCode::ok) {
        say_stopped(context);
        code = *watched ? code : before_the_end(context.log);
    }
    if (!kafka::wait_for_left_behind(deadline)) {
        context.log.write(LogLevel::info, "left the groups without waiting for their answer");
        std::_Exit(to_int(code));
    }
    return code;
}

}  // namespace

ExitCode run_aggregate(const cli::AggregateConfig& config, AppContext& context) {
    Log& log = context.log;
    Result<TopicPlan> plan = plan_topics(config);
    if (!plan) {
        return report(log, plan.error());
    }
    Result<kafka::Admin> admin = make_admin(config.common, log, context.stop);
    if (!admin) {
        return report(log, admin.error());
    }
    if (config.dry_run) {
        StartReport checked = check_start(
            *admin, config, {.cluster_wait = kClusterWait, .missing_topics_will_be_made = true});
        Identity identity = identity_of(config, checked);
        if (const Result<void> same = check_stored_identity(checked, identity); !same) {
            checked.findings.push_back(Finding::from(same.error()));
        }
        fmt::print("{}", findings_text(checked.findings));
        return checked.exit_code();
    }
    const auto failed = [&](const Error& error) {
        return context.stop.requested() ? stopped_at_start(config, log) : report(log, error);
    };
    if (const auto reached = admin->wait_for_cluster(1, kClusterWait); !reached) {
        return failed(reached.error());
    }
    if (const auto made = make_missing_topics(*admin, *plan, &needed_on, log, context.stop);
        !made) {
        return failed(made.error());
    }
    const StartReport checked = check_start(*admin, config, {.cluster_wait = kClusterWait});
    if (context.stop.requested()) {
        return stopped_at_start(config, log);
    }
    log_findings(checked.findings, log);
    if (!checked.ok()) {
        return checked.exit_code();
    }
    Identity identity = identity_of(config, checked);
    if (const Result<void> same = check_stored_identity(checked, identity); !same) {
        return report(log, same.error());
    }
    return run_loops(config, checked, identity, context);
}

}  // namespace kstream::app
