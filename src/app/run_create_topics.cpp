// kstream create-topics: makes the topics of a job, or says what differs.

#include "app/commands.hpp"
#include "app/explain.hpp"
#include "app/topic_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

namespace kstream::app {
namespace {

// Without --wait: a cluster that does not answer by then is not there.
constexpr std::chrono::milliseconds kReach{5000};
// What is left of --wait when making the topics has used it up.
constexpr std::chrono::milliseconds kLastLook{1000};

PlanInput plan_input(const cli::CreateTopicsConfig& config) {
    return {.application_id = config.application_id,
            .source = config.source_topic,
            .results = config.results_topic,
            .policy = config.policy,
            .source_partitions = config.source_partitions,
            .repartition_partitions = config.repartition_partitions,
            .results_partitions = config.results_partitions,
            .overrides = config.topic_configs};
}

ClusterFacts cluster_facts(kafka::Admin& admin, const kafka::ClusterInfo& cluster) {
    ClusterFacts facts;
    facts.brokers = static_cast<int>(cluster.brokers.size());
    facts.transaction_timeout = kafka::kTransactionTimeout;
    if (auto config = admin.broker_config(cluster.brokers.front().id)) {
        facts.config = std::move(*config);
    }
    if (auto logs = admin.describe_topics({kTransactionLog, kOffsetsLog})) {
        facts.transaction_log = std::move((*logs)[0]);
        facts.offsets_log = std::move((*logs)[1]);
    }
    return facts;
}

std::vector<std::string> names_with(const EnsureReport& report,
                                    std::initializer_list<TopicState> states) {
    std::vector<std::string> names;
    for (const TopicOutcome& topic : report.topics) {
        if (std::ranges::find(states, topic.state) != states.end()) {
            names.push_back(topic.planned.name);
        }
    }
    return names;
}

Result<TopicReport> create_topics(const cli::CreateTopicsConfig& config, AppContext& context) {
    const auto deadline = std::chrono::steady_clock::now() + config.wait;
    const Result<TopicPlan> plan = make_topic_plan(plan_input(config));
    if (!plan) {
        return std::unexpected(plan.error());
    }
    Result<kafka::Admin> admin = make_admin(config.common, context.log, context.stop);
    if (!admin) {
        return std::unexpected(std::move(admin.error()));
    }
    const bool waiting = config.wait.count() > 0;
    const int brokers_wanted = waiting ? config.policy.replication_factor : 1;
    const Result<kafka::ClusterInfo> cluster = admin->wait_for_cluster(
        brokers_wanted, waiting ? std::chrono::milliseconds(config.wait) : kReach);
    if (!cluster) {
        return std::unexpected(cluster.error());
    }
    TopicReport report;
    report.cluster_id = cluster->cluster_id;
    report.brokers = static_cast<int>(cluster->brokers.size());
    report.dry_run = config.dry_run;
    report.findings = plan_findings(*plan, report.brokers);
    const bool possible = exit_code_of(report.findings) == ExitCode::ok;
    add_findings(report.findings, cluster_findings(cluster_facts(*admin, *cluster)));
    if (!possible) {
        return report;  // the cluster would refuse each topic for the same reason
    }
    Result<EnsureReport> topics = ensure_topics(*admin, *plan, {.dry_run = config.dry_run});
    if (!topics) {
        return std::unexpected(std::move(topics.error()));
    }
    report.topics = std::move(*topics);
    // Also without --wait, what was made can be used when the command has ended.
    const std::vector<std::string> names =
        waiting ? names_with(report.topics,
                             {TopicState::created, TopicState::same, TopicState::differs})
                : names_with(report.topics, {TopicState::created});
    if (names.empty() || config.dry_run) {
        return report;
    }
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    auto ready = wait_for_topics(*admin, names, waiting ? Readiness::full_isr : Readiness::leaders,
                                 waiting ? std::max(left, kLastLook) : kReach, context.stop);
    if (!ready) {
        report.not_ready = std::move(ready.error());
    }
    return report;
}

// stdout has the whole report; the log says what made the exit code.
void log_problems(const TopicReport& report, Log& log) {
    for (const TopicOutcome& topic : report.topics.topics) {
        if (topic.error) {
            static_cast<void>(explain(log, "topic was not made", *topic.error));
        } else if (topic.state == TopicState::differs) {
            log.write(LogLevel::error, "topic differs",
                      {{"topic", topic.planned.name},
                       {"differences", static_cast<std::int64_t>(topic.differences.size())}});
        }
    }
    for (const Finding& finding : report.findings) {
        if (finding.severity == Severity::error) {
            log.write(LogLevel::error, finding.text, {{"hint", finding.hint}});
        }
    }
    if (report.not_ready) {
        static_cast<void>(explain(log, "topics are not ready", *report.not_ready));
    }
}

}  // namespace

ExitCode run_create_topics(const cli::CreateTopicsConfig& config, AppContext& context) {
    const Result<TopicReport> report = create_topics(config, context);
    if (!report) {
        return explain(context.log, "topics were not made", report.error());
    }
    const std::string text = config.json ? to_json(*report) : to_table(*report);
    std::fputs(text.c_str(), stdout);
    log_problems(*report, context.log);
    return exit_code_of(*report);
}

}  // namespace kstream::app
