// What exactly-once needs, as rules.

#include "topics/check_rules.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <string_view>

namespace kstream::topics {
namespace {

constexpr std::int64_t kIdentityBytes = 512;  // of a committed offset's metadata (protocol P4)

// One of the two logs that exactly-once rests on: which it is, and what its keys are called.
struct InternalLog {
    const kafka::TopicInfo& info;
    std::string_view purpose;
    std::string_view replication_key;
    std::optional<std::int64_t> min_in_sync;
};

Findings internal_log_findings(const InternalLog& log, const ClusterFacts& facts) {
    Findings all;
    if (log.info.error) {
        all.push_back(Finding::warn(fmt::format("{} was not looked at", log.info.name),
                                    fmt::format("grant Describe on topic {} to look whether {} "
                                                "survives the loss of a broker",
                                                log.info.name, log.purpose)));
    }
    const std::int64_t replicas =
        log.info.exists
            ? log.info.replication_factor()
            : number_of(facts.config.value_or(kafka::ConfigMap{}), log.replication_key).value_or(0);
    if (replicas == 0) {
        return all;  // neither there yet nor readable
    }
    if (!log.info.exists && replicas > facts.brokers) {
        all.push_back(
            Finding::error(ExitCode::unavailable,
                           fmt::format("{} is impossible: {} is {}, but {} broker(s) are up",
                                       log.purpose, log.replication_key, replicas, facts.brokers),
                           "start more brokers, or lower it in the brokers' configuration"));
    }
    if (log.info.exists && log.info.without_leader() > 0) {
        all.push_back(Finding::until_brokers_are_up(
            fmt::format("{} is not possible now: {} partition(s) of {} have no leader", log.purpose,
                        log.info.without_leader(), log.info.name),
            "are all brokers up"));
    }
    if (replicas == 1 && facts.brokers > 1) {
        all.push_back(
            Finding::warn(fmt::format("{} is fragile: one lost broker loses part of its only copy "
                                      "({} is 1)",
                                      log.purpose, log.replication_key)));
    }
    if (!log.min_in_sync) {
        return all;
    }
    const std::int64_t in_sync = *log.min_in_sync;
    if (in_sync > replicas) {
        all.push_back(
            Finding::error(ExitCode::kafka_fatal,
                           fmt::format("{} is impossible: it wants {} replicas in sync of {}",
                                       log.purpose, in_sync, replicas),
                           "lower transaction.state.log.min.isr in the brokers' configuration"));
    } else if (in_sync > facts.brokers) {
        all.push_back(Finding::until_brokers_are_up(
            fmt::format("{} is not possible now: it wants {} replicas in sync, {} broker(s) "
                        "are up",
                        log.purpose, in_sync, facts.brokers),
            "start the other brokers"));
    } else if (in_sync == replicas && replicas > 1) {
        all.push_back(
            Finding::warn(fmt::format("{} is fragile: it stops when one broker is down, because "
                                      "min ISR and replication factor are both {}",
                                      log.purpose, replicas)));
    }
    return all;
}

Findings timeout_findings(const ClusterFacts& facts, const kafka::ConfigMap& config) {
    Findings all;
    const auto most = number_of(config, "transaction.max.timeout.ms");
    if (most && *most < facts.transaction_timeout.count()) {
        all.push_back(
            Finding::error(ExitCode::kafka_fatal,
                           fmt::format("exactly-once is impossible: transaction.max.timeout.ms is "
                                       "{}, kstream's transactions have {} ms",
                                       *most, facts.transaction_timeout.count()),
                           "raise it in the brokers' configuration"));
    }
    const auto metadata = number_of(config, "offset.metadata.max.bytes");
    if (metadata && *metadata < kIdentityBytes) {
        all.push_back(
            Finding::error(ExitCode::kafka_fatal,
                           fmt::format("offset.metadata.max.bytes is {}, kstream keeps up to {} "
                                       "bytes with each committed offset",
                                       *metadata, kIdentityBytes),
                           "raise it in the brokers' configuration"));
    }
    return all;
}

}  // namespace

std::string_view text_of(const kafka::ConfigMap& configs, std::string_view key) {
    const auto found = configs.find(key);
    return found == configs.end() ? std::string_view() : std::string_view(found->second);
}

std::optional<std::int64_t> number_of(const kafka::ConfigMap& configs, std::string_view key) {
    return to_number(text_of(configs, key));
}

Findings cluster_findings(const ClusterFacts& facts) {
    const kafka::ConfigMap config = facts.config.value_or(kafka::ConfigMap{});
    Findings all;
    add_findings(all, internal_log_findings({facts.transaction_log, "exactly-once",
                                             "transaction.state.log.replication.factor",
                                             number_of(config, "transaction.state.log.min.isr")},
                                            facts));
    add_findings(all, internal_log_findings({facts.offsets_log, "committing offsets",
                                             "offsets.topic.replication.factor", std::nullopt},
                                            facts));
    add_findings(all, timeout_findings(facts, config));
    if (text_of(config, "auto.create.topics.enable") == "true") {
        all.push_back(
            Finding::warn("auto.create.topics.enable is true: a mistyped topic name of any client "
                          "makes a topic with the broker's defaults"));
    }
    if (!facts.config) {
        all.push_back(Finding::warn("the brokers' configuration was not checked",
                                    "grant DescribeConfigs on the cluster to check it"));
    }
    if (all.empty()) {
        all.push_back(Finding::ok("transactions are possible and survive the loss of one broker"));
    }
    return all;
}

// One topic's durability: what the loss of a broker does.
Findings durability_findings(std::string_view name, std::int64_t replicas, std::int64_t in_sync) {
    if (replicas == 1) {
        return {Finding::warn(
            fmt::format("one replica only, the data goes with one broker: {}", name))};
    }
    if (in_sync >= replicas) {
        return {
            Finding::warn(fmt::format("cannot be written when one broker is down, because min "
                                      "ISR and replication factor are both {}: {}",
                                      replicas, name))};
    }
    if (in_sync == 1) {
        return {Finding::warn(fmt::format(
            "min ISR 1, what only one broker has acknowledged goes with it: {}", name))};
    }
    return {};
}

Findings plan_findings(const TopicPlan& plan, int brokers) {
    // Topics with equal replication share one finding: they mostly all are.
    std::map<std::pair<std::int64_t, std::int64_t>, std::vector<std::string_view>> by_replication;
    std::vector<std::string_view> too_many;
    for (const PlannedTopic& topic : plan.topics) {
        const std::int64_t in_sync = to_number(config_of(topic, "min.insync.replicas")).value_or(1);
        by_replication[{topic.replication_factor, in_sync}].push_back(topic.name);
        if (topic.replication_factor > brokers) {
            too_many.push_back(topic.name);
        }
    }
    Findings all;
    for (const auto& [replication, names] : by_replication) {
        add_findings(all, durability_findings(fmt::format("{}", fmt::join(names, ", ")),
                                              replication.first, replication.second));
    }
    if (!too_many.empty()) {
        all.push_back(Finding::error(
            ExitCode::unavailable,
            fmt::format("replication factor {} needs more brokers than the {} that are up: {}",
                        plan.topics.front().replication_factor, brokers, fmt::join(too_many, ", ")),
            fmt::format("start more brokers, wait for them with --wait, or choose "
                        "--replication-factor {} --min-insync-replicas {}",
                        std::max(1, brokers), std::max(1, brokers - 1))));
    }
    return all;
}

Findings session_findings(const kafka::ConfigMap& broker,
                          std::chrono::milliseconds session_timeout) {
    Findings all;
    const auto least = number_of(broker, "group.min.session.timeout.ms");
    const auto most = number_of(broker, "group.max.session.timeout.ms");
    const std::int64_t ours = session_timeout.count();
    if ((least && ours < *least) || (most && ours > *most)) {
        all.push_back(
            Finding::error(ExitCode::usage,
                           fmt::format("--session-timeout of {} ms is outside what the brokers "
                                       "allow, {} to {} ms",
                                       ours, least.value_or(0), most.value_or(0)),
                           "choose another, or change group.min.session.timeout.ms or "
                           "group.max.session.timeout.ms"));
    }
    const auto delay = number_of(broker, "group.initial.rebalance.delay.ms");
    if (delay && *delay > 0) {
        all.push_back(
            Finding::ok(fmt::format("the first start waits {} ms for more members "
                                    "(group.initial.rebalance.delay.ms)",
                                    *delay)));
    }
    return all;
}

std::string_view severity_name(Severity severity) {
    switch (severity) {
        case Severity::ok:
            return "ok";
        case Severity::warn:
            return "warn";
        case Severity::error:
            return "error";
    }
    return {};
}

namespace {

// What is only not there yet says least, and a topic that differs may do so because it is another
// one: a changelog that was re-created by hand is not compacted either.
int gravity(ExitCode code) {
    return code == ExitCode::ok            ? 0
           : code == ExitCode::unavailable ? 1
           : code == ExitCode::differs     ? 2
                                           : 3;
}

}  // namespace

ExitCode exit_code_of(const Findings& findings) {
    ExitCode code = ExitCode::ok;
    for (const Finding& finding : findings) {
        if (finding.severity == Severity::error && gravity(finding.exit_code) > gravity(code)) {
            code = finding.exit_code;
        }
    }
    return code;
}

}  // namespace kstream::topics
