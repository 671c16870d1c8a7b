// kstream produce: topics, one producer per worker, then the report.
#include "app/commands.hpp"
#include "kafka/broker_clock.hpp"
#include "kafka/error_map.hpp"
#include "kafka/producer.hpp"
#include "kstream/ports/explain.hpp"
#include "produce/report.hpp"
#include "produce/run.hpp"
#include "topics/ensure_topics.hpp"
#include "topics/facts.hpp"
#include "topics/topic_plan.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>

namespace kstream::app {
namespace {

using std::chrono::milliseconds;

// How long brokers may take to come at the start; later they are waited for without a limit.
constexpr milliseconds kFirstLook{2000};
constexpr milliseconds kBrokersAtStart{60000};

std::string_view needed_on(TopicRole role) {
    return role == TopicRole::source ? "Write" : "Describe";
}

Result<void> make_topics(const cli::ProduceConfig& config, AppContext& context) {
    const auto plan = topics::make_topic_plan({.application_id = "kstream",
                                               .source = config.topic,
                                               .results = config.results_topic,
                                               .policy = {},
                                               .source_partitions = std::nullopt,
                                               .repartition_partitions = std::nullopt,
                                               .results_partitions = std::nullopt,
                                               .overrides = {}});
    if (!plan) {
        return std::unexpected(plan.error());
    }
    auto admin = topics::make_admin(config.common, context.log, context.stop);
    if (!admin) {
        return std::unexpected(std::move(admin.error()));
    }
    if (auto cluster = admin->wait_for_cluster(1, kFirstLook); !cluster) {
        if (cluster.error().disposition != Disposition::retry) {
            return std::unexpected(std::move(cluster.error()));
        }
        context.log.write(
            LogLevel::warn, "waiting for brokers",
            {{"brokers", config.common.brokers}, {"reason", cluster.error().message}});
        cluster = admin->wait_for_cluster(1, kBrokersAtStart);
        if (!cluster) {
            return std::unexpected(std::move(cluster.error()));
        }
        context.log.write(LogLevel::info, "resumed");
    }
    // Said before the first record is made, where the answer would be a report of failed records.
    const auto topic = admin->describe_topics({config.topic});
    if (!topic) {
        return std::unexpected(topic.error());
    }
    if (auto allowed = topics::require_rights(topic->front(), "topic", {kafka::Operation::write});
        !allowed) {
        return allowed;
    }
    // Nobody has a results topic by default for what other shapes are asked.
    const auto needed = config.shape == Shape::transactions
                            ? plan->only({TopicRole::source, TopicRole::results})
                            : plan->only({TopicRole::source});
    return topics::make_missing_topics(*admin, needed, topics::MissingSource::make, &needed_on,
                                       context.log, context.stop);
}

Result<produce::Producers> open_producers(const cli::ProduceConfig& config, AppContext& context) {
    kafka::ProducerOptions options;
    options.topic = config.topic;
    options.required = {{"compression.codec", config.compression}};
    produce::Producers producers;
    for (int i = 0; i < config.threads; ++i) {
        options.name = fmt::format("produce-{}", i);
        options.status = config.common.http ? &context.snapshots : nullptr;
        const kafka::ClientConfig client{config.common.brokers,
                                         fmt::format("kstream-produce-{}", i),
                                         config.common.client_properties, &context.log};
        auto producer = kafka::Producer::open(client, options, context.clock);
        if (!producer) {
            return std::unexpected(std::move(producer.error()));
        }
        producers.push_back(std::move(*producer));
    }
    return producers;
}

ExitCode produce_and_report(const cli::ProduceConfig& config, AppContext& context,
                            produce::Producers& producers) {
    const produce::ProduceReport report = produce::run(
        config, producers, {context.log, context.stop, context.clock, context.snapshots});
    const auto failed =
        std::ranges::find_if(producers, [](const auto& one) { return one->failure().has_value(); });
    std::optional<Error> cause;
    if (failed != producers.end()) {
        cause = kafka::with_clocks(*(*failed)->failure(),
                                   {config.common.brokers, "kstream-produce",
                                    config.common.client_properties, &context.log});
    }
    fmt::print("{}", config.json ? to_json(report) : to_text(report));
    ExitCode code = exit_code_of(report);
    if (code != ExitCode::ok) {
        context.log.write(LogLevel::error, "not everything was delivered",
                          {{"made", static_cast<std::int64_t>(report.made)},
                           {"acknowledged", static_cast<std::int64_t>(report.counts.acknowledged)},
                           {"failed", static_cast<std::int64_t>(report.counts.failed)},
                           {"unknown", static_cast<std::int64_t>(report.counts.unknown)}});
    }
    if (cause) {  // the last word is why
        explain(context.log, *cause);
        // Not a part is missing: no record can be delivered like this.
        if (code != ExitCode::ok && kafka::is_refused_connection(*cause)) {
            code = cause->exit_code;
        }
    }
    return code;
}

}  // namespace

ExitCode run_command(const cli::ProduceConfig& config, AppContext& context) {
    if (auto made = make_topics(config, context); !made) {
        return explain(context.log, made.error());
    }
    auto producers = open_producers(config, context);
    if (!producers) {
        return explain(context.log, producers.error());
    }
    return produce_and_report(config, context, *producers);
}

}  // namespace kstream::app
