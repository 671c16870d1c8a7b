// Gathers the facts for the rules of check_rules.hpp.

#include "app/start_checks.hpp"

#include "app/ensure_topics.hpp"
#include "app/record_sizes.hpp"
#include "kafka/client_config.hpp"
#include "kafka/error_map.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <thread>

namespace kstream::app {
namespace {

constexpr std::array<TopicRole, kTopicRoleCount> kRoles{TopicRole::source, TopicRole::repartition,
                                                        TopicRole::changelog, TopicRole::results,
                                                        TopicRole::dead_letters};

constexpr int kLooksForNewTopics = 100;
constexpr std::chrono::milliseconds kBetweenLooks{100};

Findings library_findings(const cli::AggregateConfig& config) {
    if (config.group_protocol == "consumer" && !kafka::library_has_consumer_protocol()) {
        return {Finding::error(ExitCode::usage,
                               fmt::format("--group-protocol consumer needs librdkafka 2.15 or "
                                           "newer, this is {}",
                                           kafka::library_version()),
                               "leave --group-protocol out: classic is the default")};
    }
    if (!kafka::library_is_recent()) {
        return {Finding::error(ExitCode::kafka_fatal,
                               fmt::format("librdkafka {} is too old: {} or newer is needed",
                                           kafka::library_version(), kafka::kMinimumLibrary),
                               "older ones lack fixes for duplicate fetches and lost assignments")};
    }
    return {Finding::ok(fmt::format("librdkafka {}", kafka::library_version()))};
}

// How new the brokers are, as far as the names of their configuration tell: no request says it.
std::string release_text(const kafka::ConfigMap& broker) {
    if (const auto old = broker.find("inter.broker.protocol.version"); old != broker.end()) {
        return fmt::format("Apache Kafka {} or newer, before 4.0", old->second.value);
    }
    return broker.contains("group.coordinator.append.linger.ms") ? "Apache Kafka 4.0 or newer"
                                                                 : "an unknown release";
}

class Gathering {
public:
    Gathering(kafka::Admin& admin, const cli::AggregateConfig& config,
              const StartCheckOptions& options)
        : admin_(admin), config_(config), options_(options) {}

    StartReport run() {
        note(library_findings(config_));
        Result<Names> names =
            make_names(config_.application_id, config_.spec.source_topic, config_.results_topic);
        if (!names) {
            note({Finding::from(names.error())});
            return std::move(report_);
        }
        report_.names = std::move(*names);
        if (check_cluster()) {
            check_topics();
            check_group(report_.names.map_group, report_.map_group);
            check_group(report_.names.totals_group, report_.totals_group);
        }
        return std::move(report_);
    }

private:
    void note(Findings findings) { add_findings(report_.findings, std::move(findings)); }

    // False when there is no cluster to ask on.
    bool check_cluster() {
        const Result<kafka::ClusterInfo> cluster =
            admin_.wait_for_cluster(1, options_.cluster_wait);
        if (!cluster) {
            Finding finding = Finding::from(cluster.error());
            finding.text = "the cluster cannot be reached: " + finding.text;
            note({std::move(finding)});
            return false;
        }
        report_.cluster_id = cluster->cluster_id;
        report_.brokers = static_cast<int>(cluster->brokers.size());
        facts_.brokers = report_.brokers;
        facts_.transaction_timeout = kafka::kTransactionTimeout;
        std::string release = "release not told";
        if (Result<kafka::ConfigMap> broker = admin_.broker_config(cluster->brokers.front().id)) {
            release = release_text(*broker);
            note(session_findings(*broker, config_.session_timeout));
            facts_.config = std::move(*broker);
        }
        note({Finding::ok(fmt::format("cluster {} with {} broker(s), {}", report_.cluster_id,
                                      report_.brokers, release))});
        return true;
    }

    void check_topics() {
        std::vector<std::string> names;
        names.reserve(kRoles.size() + 2);
        for (const TopicRole role : kRoles) {
            names.push_back(report_.names.topic(role));
        }
        names.emplace_back(kTransactionLog);
        names.emplace_back(kOffsetsLog);
        const Result<std::vector<kafka::TopicInfo>> found = describe(names);
        if (!found) {
            note({Finding::from(found.error())});
            return;
        }
        facts_.transaction_log = (*found)[kRoles.size()];
        facts_.offsets_log = (*found)[kRoles.size() + 1];
        note(cluster_findings(facts_));
        const std::vector<TopicUnderTest> topics = with_configs(*found);
        for (const TopicUnderTest& topic : topics) {
            check_topic(topic);
        }
        note(combination_findings(topics, config_.workers));
        note(size_findings(topics, config_.spec));
    }

    // Brokers learn of a new topic one after the other, and each question asks some broker: a topic
    // that was made a moment ago is looked for again.
    Result<std::vector<kafka::TopicInfo>> describe(const std::vector<std::string>& names) {
        auto found = admin_.describe_topics(names);
        const auto is_missing = [](const kafka::TopicInfo& topic) {
            return !topic.exists && !topic.error;
        };
        for (int looks = 0;
             looks < kLooksForNewTopics && !options_.missing_topics_will_be_made && found &&
             std::ranges::any_of(found->begin(), found->begin() + kTopicRoleCount, is_missing);
             ++looks) {
            std::this_thread::sleep_for(kBetweenLooks);
            found = admin_.describe_topics(names);
        }
        return found;
    }

    std::vector<TopicUnderTest> with_configs(const std::vector<kafka::TopicInfo>& found) {
        std::vector<TopicUnderTest> topics;
        std::vector<std::string> there;
        for (const TopicRole role : kRoles) {
            topics.push_back({role, found[static_cast<std::size_t>(role)], std::nullopt});
            if (topics.back().info.exists) {
                there.push_back(topics.back().info.name);
            }
        }
        const auto configs = configs_of_existing(admin_, there);
        for (TopicUnderTest& topic : topics) {
            const auto at = std::ranges::find(there, topic.info.name);
            if (!configs || at == there.end()) {
                continue;
            }
            const auto& config = (*configs)[static_cast<std::size_t>(at - there.begin())];
            if (config) {
                topic.configs = *config;
            }
        }
        return topics;
    }

    void check_topic(const TopicUnderTest& topic) {
        TopicFacts& facts = report_.topics[static_cast<std::size_t>(topic.role)];
        facts.name = topic.info.name;
        facts.exists = topic.info.exists;
        facts.id = topic.info.id;
        facts.partitions = static_cast<int>(topic.info.partitions.size());
        if (topic.configs) {
            facts.max_message_bytes = number_of(*topic.configs, "max.message.bytes").value_or(0);
        }
        if (topic.info.error) {
            note({Finding::from(kafka::with_right(
                *topic.info.error,
                fmt::format("{} on topic {}", needed_on(topic.role), topic.info.name)))});
        } else if (topic.info.exists) {
            note(topic_findings(topic));
            note(rights_findings(topic, config_.on_bad_record));
        } else if (options_.missing_topics_will_be_made) {
            note({Finding::ok(fmt::format("{} topic {} is not there and would be made",
                                          role_name(topic.role), topic.info.name))});
        } else {
            note({Finding::error(
                ExitCode::unavailable,
                fmt::format("{} topic {} is not there", role_name(topic.role), topic.info.name),
                "make it with 'kstream create-topics'")});
        }
    }

    void check_group(const std::string& name, GroupFacts& facts) {
        facts.name = name;
        Result<std::vector<kafka::GroupInfo>> groups = admin_.describe_groups({name});
        if (!groups) {
            note({Finding::from(groups.error())});
            return;
        }
        note(rights_findings(groups->front()));
        if (groups->front().error) {
            return;  // its offsets would be refused for the same reason
        }
        facts.members = std::move(groups->front().members);
        // Only the identity strings matter here: a pending offset was committed under the same one
        // as its predecessor, so nothing has to be waited for.
        Result<std::vector<kafka::CommittedOffset>> committed =
            admin_.group_offsets(name, {}, kafka::Admin::Stability::any);
        if (committed) {
            facts.committed = std::move(*committed);
        } else {
            note({Finding::from(committed.error())});
        }
    }

    kafka::Admin& admin_;
    const cli::AggregateConfig& config_;
    const StartCheckOptions& options_;
    StartReport report_;
    ClusterFacts facts_;
};

}  // namespace

StartReport check_start(kafka::Admin& admin, const cli::AggregateConfig& config,
                        const StartCheckOptions& options) {
    return Gathering(admin, config, options).run();
}

std::string findings_text(const Findings& findings) {
    std::string text;
    for (const Severity severity : {Severity::error, Severity::warn, Severity::ok}) {
        for (const Finding& finding : findings) {
            if (finding.severity == severity) {
                text += fmt::format("{:<5}  {}\n", severity_name(severity), finding.text);
                if (!finding.hint.empty()) {
                    text += fmt::format("       {}\n", finding.hint);
                }
            }
        }
    }
    return text;
}

void log_findings(const Findings& findings, Log& log) {
    for (const Finding& finding : findings) {
        if (finding.severity != Severity::ok) {
            log.write(finding.severity == Severity::error ? LogLevel::error : LogLevel::warn,
                      "start check", {{"finding", finding.text}, {"hint", finding.hint}});
        }
    }
}

}  // namespace kstream::app
