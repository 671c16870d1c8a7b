#include "topics/create_topics.hpp"

#include "kstream/ports/explain.hpp"
#include "topics/facts.hpp"
#include "topics/start_checks.hpp"
#include "topics/stored_job.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <ranges>
#include <utility>

namespace kstream::topics {
namespace {

// Without --wait: a cluster that does not answer by then is down.
constexpr std::chrono::milliseconds kReach{5000};
// What is left of --wait when making the topics has used it up.
constexpr std::chrono::milliseconds kLastLook{1000};

// What is kept of the application: a topic of it that was deleted is not re-created as if nothing
// had been. What could not be asked becomes a warning.
Result<StoredJob> look_at_state(kafka::Admin& admin, const Names& names, const TopicPlan& plan,
                                const ClusterFacts& cluster, Findings& findings) {
    StoredJob stored;
    std::vector<std::string> asked;
    for (const PlannedTopic& topic : plan.topics) {
        asked.push_back(topic.name);
    }
    const auto found = admin.describe_topics(asked);
    if (!found) {
        return std::unexpected(found.error());
    }
    for (std::size_t i = 0; i < plan.topics.size(); ++i) {
        const TopicRole role = plan.topics[i].role;
        if ((role == TopicRole::repartition || role == TopicRole::changelog) &&
            (*found)[i].exists) {
            stored.has_records = stored.has_records || has_records(admin, (*found)[i]);
        }
    }
    // Before the first group there is no log of offsets, and to ask would have it made.
    if (!cluster.offsets_log.exists && !cluster.offsets_log.error) {
        return stored;
    }
    stored.map_group.name = names.map_group;
    stored.totals_group.name = names.totals_group;
    for (GroupFacts* const group : {&stored.map_group, &stored.totals_group}) {
        Result<void> committed = ask_committed(admin, *group);
        if (!committed && committed.error().exit_code == ExitCode::kafka_fatal) {
            findings.push_back(Finding::warn(
                fmt::format("it was not looked whether application topics were deleted: {}",
                            committed.error().message),
                fmt::format("grant Describe on group {}", group->name)));
        } else if (!committed) {
            return std::unexpected(std::move(committed.error()));
        }
    }
    return stored;
}

// Asked for each topic that does not exist. What making it again loses becomes a warning.
std::optional<Error> why_not_made(const PlannedTopic& topic, const cli::CreateTopicsConfig& config,
                                  const StoredJob& stored, Findings& findings) {
    const auto identity = stored.identity();
    if (topic.role == TopicRole::results && identity &&
        std::cmp_not_equal(identity->results_partitions, topic.partitions)) {
        return Error::stop(
            ExitCode::identity,
            fmt::format("results topic {} does not exist, and application {} has published to one "
                        "of {} partitions",
                        topic.name, config.application_id, identity->results_partitions),
            fmt::format("create it with --results-partitions {}: the application refuses another "
                        "count",
                        identity->results_partitions));
    }
    Finding finding = missing_topic_finding(
        {topic.role, topic.name},
        {.application_id = config.application_id, .stored = stored, .job = nullptr, .near = {}});
    if (finding.severity == Severity::error) {
        return Error::stop(finding.exit_code, std::move(finding.text), std::move(finding.hint));
    }
    if (finding.severity == Severity::warn) {
        findings.push_back(std::move(finding));
    }
    return std::nullopt;
}

// What is left to the brokers on the user's wish, and what that costs.
Findings left_out_findings(const TopicPlan& plan) {
    Findings all;
    for (const PlannedTopic& topic : plan.topics) {
        for (const std::string& key : topic.left_out) {
            const std::string cost = cost_of_leaving_out(topic.role, key);
            all.push_back(Finding::warn(fmt::format("{} of {} is left to the brokers{}{}", key,
                                                    topic.name, cost.empty() ? "" : ": ", cost)));
        }
    }
    return all;
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

}  // namespace

PlanInput plan_input(const cli::CreateTopicsConfig& config) {
    return {.application_id = config.application_id,
            .source = config.source_topic,
            .results = config.results_topic,
            .policy = config.policy,
            .source_partitions = config.source_partitions,
            .repartition_partitions = config.repartition_partitions,
            .results_partitions = config.results_partitions,
            .overrides = config.topic_configs,
            .late = late_topic_if(config.windows)};
}

Result<TopicReport> create_topics(const TopicPlan& plan, const cli::CreateTopicsConfig& config,
                                  kafka::Admin& admin, const process::StopSignal& stop) {
    const auto deadline = std::chrono::steady_clock::now() + config.wait;
    const bool waiting = config.wait.count() > 0;
    const int brokers_wanted = waiting ? config.policy.replication_factor : 1;
    const Result<kafka::ClusterInfo> cluster = admin.wait_for_cluster(
        brokers_wanted, waiting ? std::chrono::milliseconds(config.wait) : kReach);
    if (!cluster) {
        return std::unexpected(cluster.error());
    }
    TopicReport report;
    report.cluster_id = cluster->cluster_id;
    report.brokers = static_cast<int>(cluster->brokers.size());
    report.dry_run = config.dry_run;
    report.findings = plan_findings(plan, report.brokers);
    const bool possible = exit_code_of(report.findings) == ExitCode::ok;
    ClusterFacts facts = ask_cluster(admin, *cluster);
    if (auto logs = admin.describe_topics({kTransactionLog, kOffsetsLog})) {
        facts.transaction_log = std::move((*logs)[0]);
        facts.offsets_log = std::move((*logs)[1]);
    }
    add_findings(report.findings, left_out_findings(plan));
    add_findings(report.findings, cluster_findings(facts));
    if (!possible) {
        return report;  // the cluster would refuse each topic for the same reason
    }
    const Result<Names> names = make_names(config.application_id, config.source_topic,
                                           config.results_topic, late_topic_if(config.windows));
    if (!names) {
        return std::unexpected(names.error());
    }
    const Result<StoredJob> stored = look_at_state(admin, *names, plan, facts, report.findings);
    if (!stored) {
        return std::unexpected(stored.error());
    }
    Result<EnsureReport> topics = ensure_topics(
        admin, plan, {.dry_run = config.dry_run, .refuse = [&](const PlannedTopic& topic) {
                          return why_not_made(topic, config, *stored, report.findings);
                      }});
    if (!topics) {
        return std::unexpected(std::move(topics.error()));
    }
    report.topics = std::move(*topics);
    // Also without --wait, what was made can be used when the command has ended.
    const std::vector<std::string> made =
        waiting ? names_with(report.topics,
                             {TopicState::created, TopicState::same, TopicState::differs})
                : names_with(report.topics, {TopicState::created});
    if (made.empty() || config.dry_run) {
        return report;
    }
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    auto ready = wait_for_topics(admin, made, waiting ? Readiness::full_isr : Readiness::leaders,
                                 waiting ? std::max(left, kLastLook) : kReach, stop);
    if (!ready) {
        report.not_ready = std::move(ready.error());
    }
    return report;
}

void log_problems(const TopicReport& report, Log& log) {
    for (const TopicOutcome& topic : report.topics.topics) {
        if (!topic.error && topic.state == TopicState::differs) {
            log.write(LogLevel::error, "topic differs",
                      {{"topic", topic.planned.name},
                       {"differences", static_cast<std::int64_t>(topic.differences.size())}});
        }
    }
    if (report.not_ready) {
        explain(log, *report.not_ready, "topics are not ready");
    }
    for (const Finding& finding : in_order_of_gravity(report.findings)) {
        if (finding.severity == Severity::error) {
            log.write(LogLevel::error, finding.text, {{"hint", finding.hint}});
        }
    }
    for (const TopicOutcome& topic : report.topics.topics | std::views::reverse) {
        if (topic.error) {
            explain(log, *topic.error, "topic was not created");
        }
    }
}

}  // namespace kstream::topics
