#include "app/loop_thread.hpp"

#include "app/advertised.hpp"
#include "kstream/pipeline/map_takeover.hpp"
#include "kstream/pipeline/totals_takeover.hpp"
#include "kstream/planted_bug.hpp"
#include "process/random_id.hpp"

#include <fmt/format.h>

#include <new>
#include <utility>

namespace kstream::app {

namespace {

constexpr Duration kPurgeInterval = std::chrono::minutes{5};
constexpr Duration kLeaveDeadline = std::chrono::milliseconds{500};

StartPolicy start_policy(const cli::AggregateConfig& config) {
    StartPolicy policy{.timestamp_ms = config.from.timestamp_ms, .closes = config.close};
    switch (config.from.kind) {
        case cli::StartAt::Kind::earliest:
            policy.kind = StartPolicy::Kind::earliest;
            break;
        case cli::StartAt::Kind::latest:
            policy.kind = StartPolicy::Kind::latest;
            break;
        case cli::StartAt::Kind::timestamp:
            policy.kind = StartPolicy::Kind::timestamp;
            break;
    }
    return policy;
}

}  // namespace

Result<std::unique_ptr<LoopThread>> LoopThread::make(const LoopEnvironment& environment,
                                                     Stage stage, int worker) {
    std::unique_ptr<LoopThread> thread{new LoopThread(environment, stage, worker)};
    if (Result<void> made = thread->make_clients(); !made) {
        return std::unexpected(std::move(made.error()));
    }
    thread->make_loop();
    return thread;
}

LoopThread::LoopThread(const LoopEnvironment& environment, Stage stage, int worker)
    : environment_(environment),
      stage_(stage),
      worker_(worker),
      name_(fmt::format("{}-{}", stage_name(stage), worker)) {
    job_.application_id = environment.config.application_id;
    job_.spec = environment.config.spec;
    if (job_.spec.statement) {
        job_.statement = environment.config.query.job;
        job_.zones = environment.zones;
    }
    job_.spec_text = canonical_text(job_.spec);
    job_.kinds = Job::kinds_of(job_.spec);
    job_.identity = environment.identity;
    job_.run_id = process::random_id();
    job_.hash_seed = environment.hash_seed;
}

Result<void> LoopThread::make_clients() {
    const cli::AggregateConfig& config = environment_.config;
    const topics::Names& names = environment_.names;
    const bool map = stage_ == Stage::map;
    const std::string& input = map ? names.source : names.repartition;

    kafka::GroupConsumerConfig consumer;
    consumer.topic = input;
    consumer.group = map ? names.map_group : names.totals_group;
    if (planted(PlantedBug::application_not_named)) {
        consumer.group = map ? "kstream-map" : "kstream-totals";
    }
    consumer.name = name_ + "-consumer";
    consumer.client_id_suffix = client_id_suffix(environment_.http);
    if (!config.group_instance_id.empty()) {
        consumer.group_instance_id = fmt::format("{}-{}", config.group_instance_id, worker_);
    }
    consumer.group_protocol = config.group_protocol;
    consumer.session_timeout_ms = static_cast<int>(config.session_timeout.count());
    consumer.status = &environment_.snapshots;

    kafka::TransactionSessionConfig session;
    session.topics = environment_.topics;
    session.input_topic = input;
    session.input_topic_id = map ? job_.identity.source_id : job_.identity.repartition_id;
    session.transactional_id = fmt::format("{}-{}-{}-{}", config.application_id, stage_name(stage_),
                                           environment_.instance, worker_);
    session.topic_ids = environment_.topic_ids;
    session.name = name_ + "-producer";
    session.most_message_bytes = environment_.producer_sizes.most_message_bytes;
    session.max_batch_bytes = environment_.producer_sizes.max_batch_bytes;
    session.status = &environment_.snapshots;

    auto made_session = kafka::TransactionSession::make(environment_.client, std::move(session));
    if (!made_session) {
        return std::unexpected(std::move(made_session.error()));
    }
    session_ = std::move(*made_session);
    auto made_consumer = kafka::GroupConsumer::make(environment_.client, consumer);
    if (!made_consumer) {
        return std::unexpected(std::move(made_consumer.error()));
    }
    consumer_ = std::move(*made_consumer);
    reader_ = std::make_unique<kafka::TopicReader>(environment_.client, environment_.topics,
                                                   name_ + "-reader");
    recovery_queries_ = environment_.queries.client(
        consumer.group, map ? TopicRole::source : TopicRole::repartition);
    takeover_queries_ = environment_.queries.client(
        consumer.group, map ? TopicRole::source : TopicRole::repartition);
    return {};
}

void LoopThread::make_loop() {
    const cli::AggregateConfig& config = environment_.config;
    const Clock& clock = environment_.clock;
    Log& log = environment_.log;
    if (stage_ == Stage::map) {
        auto fold = std::make_unique<MapFold>(
            job_, environment_.map_fold, log,
            MapFoldPorts{.headers = consumer_.get(), .tally = &environment_.tally});
        if (IdleWatch::is_asked_for(job_)) {
            idle_queries_ =
                environment_.queries.client(environment_.names.map_group, TopicRole::source);
            idle_ = std::make_unique<IdleWatch>(job_, *fold, *idle_queries_, clock, log);
        }
        takeover_ =
            std::make_unique<MapTakeover>(job_, start_policy(config), *takeover_queries_, *reader_,
                                          clock, log, config.takeover_timeout, fold->unique_ids());
        map_ = fold.get();
        fold_ = std::move(fold);
    } else {
        auto fold = std::make_unique<TotalsFold>(
            job_,
            TotalsFoldConfig{.shown_keys = static_cast<std::size_t>(config.metrics_keys),
                             .write_again = config.republish},
            log);
        takeover_ = std::make_unique<TotalsTakeover>(job_, *fold, *takeover_queries_, *reader_,
                                                     clock, log, config.takeover_timeout);
        totals_ = fold.get();
        fold_ = std::move(fold);
        if (environment_.states != nullptr) {
            desk_ = &environment_.states->add_desk();
        }
        purge_queries_ =
            environment_.queries.client(environment_.names.totals_group, TopicRole::repartition);
        purge_ = std::make_unique<DeltaPurge>(*purge_queries_, clock, log, config.keep_deltas,
                                              kPurgeInterval);
    }
    StepLoopConfig loop;
    loop.stage = stage_;
    loop.worker = worker_;
    loop.commit_interval = config.commit_interval;
    loop.identity = job_.identity;
    loop.event_time = job_.form().event_time;
    loop.stable_instance = !config.instance_id.empty();
    loop.commit_tail_at_once = config.until_end && stage_ == Stage::map;
    loop_ = std::make_unique<StepLoop>(loop,
                                       StepLoopPorts{*consumer_, *session_, *recovery_queries_,
                                                     environment_.snapshots, clock, log},
                                       *fold_, *takeover_);
}

LoopThread::~LoopThread() {
    if (thread_.joinable()) {
        environment_.stop.request();
        thread_.join();
    }
}

void LoopThread::start() {
    thread_ = std::thread([this] {
        run();
        ended_.set_value();
    });
}

bool LoopThread::wait_until(std::chrono::steady_clock::time_point deadline) const {
    return end_.wait_until(deadline) == std::future_status::ready;
}

void LoopThread::run() {
    try {
        run_loop();
    } catch (const std::bad_alloc&) {
        end_with(out_of_memory());
    }
}

// The totals are what grows. Those in memory are of no use after an exception, and what they hold
// is needed to say so and to leave in order; what is committed stands.
Error LoopThread::out_of_memory() {
    totals_ = nullptr;
    map_ = nullptr;
    idle_.reset();
    takeover_.reset();
    fold_.reset();
    std::uint64_t keys = 0;
    std::uint64_t bytes = 0;
    for (const auto& loop : environment_.snapshots.read().loops) {
        if (loop.status->stage == Stage::totals) {
            keys += loop.status->state.keys;
            bytes += loop.status->state.bytes;
        }
    }
    return Error::stop(
        ExitCode::internal,
        fmt::format("out of memory in loop {}: the totals of this process were of {} keys and took "
                    "{} MiB, as last seen",
                    name_, keys, bytes >> 20),
        "give the process more memory, or share the keys: start more processes, up to one for each "
        "partition; nothing is lost, the next start goes on from what is committed");
}

void LoopThread::end_with(Error error) {
    error_ = std::move(error);
    // The others of this process end in order; other processes take over.
    environment_.stop.request();
    session_->close(kLeaveDeadline);
    consumer_->close(kLeaveDeadline);
}

void LoopThread::run_loop() {
    for (;;) {
        if (environment_.stop.requested()) {
            loop_->request_stop();
        }
        if (map_ != nullptr && environment_.time_ends) {
            map_->end_time();
        }
        Result<bool> more = loop_->run_once();
        if (!more) {
            end_with(std::move(more.error()));
            return;
        }
        if (!*more) {
            return;
        }
        if (purge_ && purge_->due()) {
            purge_->advance(loop_->committed_positions());
        }
        if (idle_ && idle_->due()) {
            idle_->advance(loop_->committed_positions());
        }
        answer_question();
    }
}

// One of them per iteration, so that who asks a lot does not slow the loop down much.
void LoopThread::answer_question() {
    if (desk_ == nullptr) {
        return;
    }
    if (const std::optional<StateQuestion> question = desk_->take()) {
        desk_->answer(totals_->answer(*question));
    }
}

}  // namespace kstream::app
