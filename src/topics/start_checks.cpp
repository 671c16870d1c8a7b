// Gathers the facts for the rules of check_rules.hpp.

#include "topics/start_checks.hpp"

#include "kafka/client_config.hpp"
#include "kafka/error_map.hpp"
#include "kstream/check.hpp"
#include "kstream/codec/spec_difference.hpp"
#include "kstream/codec/spec_hash.hpp"
#include "kstream/pipeline/job.hpp"
#include "topics/facts.hpp"
#include "topics/record_sizes.hpp"
#include "topics/results_owner.hpp"
#include "topics/topic_tails.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <span>
#include <thread>
#include <utility>

namespace kstream::topics {
namespace {

constexpr int kLooksForNewTopics = 100;
// Before it is believed that a topic does not exist: brokers learn of one that was made a moment
// ago one after the other.
constexpr int kLooksForMissingTopics = 20;
constexpr std::chrono::milliseconds kBetweenLooks{100};

Findings library_findings() {
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
        return fmt::format("Apache Kafka {} or newer, before 4.0", old->second);
    }
    return broker.contains("group.coordinator.append.linger.ms") ? "Apache Kafka 4.0 or newer"
                                                                 : "an unknown release";
}

class Gathering {
public:
    Gathering(kafka::Admin& admin, const cli::AggregateConfig& config,
              const StartCheckOptions& options, Log& log)
        : admin_(admin), config_(config), options_(options), log_(log) {}

    StartReport run() {
        note(library_findings());
        Result<Names> names =
            make_names(config_.application_id, config_.spec.source_topic, config_.results_topic,
                       late_topic_if(has_windows(config_.spec)));
        if (!names) {
            note({Finding::from(names.error())});
            return std::move(report_);
        }
        report_.names = std::move(*names);
        roles_ = report_.names.roles();
        if (!check_cluster() || !look_at_topics()) {
            return std::move(report_);
        }
        Findings cluster = cluster_findings(facts_);
        const bool possible = exit_code_of(cluster) == ExitCode::ok;
        note(std::move(cluster));
        // Where the cluster cannot commit, its groups do not answer either: each question would
        // take its whole time, and the cause would come last and late.
        if (possible) {
            check_group(report_.names.map_group, report_.stored.map_group);
            check_group(report_.names.totals_group, report_.stored.totals_group);
            check_missing();
        }
        check_topics();
        if (possible) {
            check_results();
        }
        return std::move(report_);
    }

private:
    void note(Findings findings) { add_findings(report_.findings, std::move(findings)); }

    // False when there is no cluster to ask on.
    bool check_cluster() {
        const Result<kafka::ClusterInfo> cluster = admin_.wait_for_cluster(1, kClusterWait);
        if (!cluster) {
            Finding finding = Finding::from(cluster.error());
            finding.text = "the cluster cannot be reached: " + finding.text;
            note({std::move(finding)});
            return false;
        }
        report_.cluster_id = cluster->cluster_id;
        report_.brokers = static_cast<int>(cluster->brokers.size());
        facts_ = ask_cluster(admin_, *cluster);
        std::string release = "release unknown";
        if (facts_.config) {
            release = release_text(*facts_.config);
            note(session_findings(*facts_.config, config_.session_timeout));
        }
        note({Finding::ok(fmt::format("cluster {} with {} broker(s), {}", report_.cluster_id,
                                      report_.brokers, release))});
        return true;
    }

    // False when nothing can be asked of topics.
    bool look_at_topics() {
        names_.clear();
        for (const TopicRole role : roles_) {
            names_.push_back(report_.names.topic(role));
        }
        names_.emplace_back(kTransactionLog);
        names_.emplace_back(kOffsetsLog);
        auto found = admin_.describe_topics(names_);
        for (int looks = 0; looks < kLooksForNewTopics && options_.all_topics_were_made && found &&
                            std::ranges::any_of(own(*found), &is_missing);
             ++looks) {
            std::this_thread::sleep_for(kBetweenLooks);
            found = admin_.describe_topics(names_);
        }
        if (!found) {
            note({Finding::from(found.error())});
            return false;
        }
        found_ = std::move(*found);
        facts_.transaction_log = found_[roles_.size()];
        facts_.offsets_log = found_[roles_.size() + 1];
        return true;
    }

    static bool is_missing(const kafka::TopicInfo& topic) { return !topic.exists && !topic.error; }
    [[nodiscard]] std::span<const kafka::TopicInfo> own(
        const std::vector<kafka::TopicInfo>& found) const {
        return std::span{found}.first(roles_.size());
    }
    [[nodiscard]] const kafka::TopicInfo& found(TopicRole role) const {
        const auto at = std::ranges::find(roles_, role);
        KSTREAM_CHECK(at != roles_.end(), "only topics that the job has are asked for");
        return found_[static_cast<std::size_t>(at - roles_.begin())];
    }

    void check_missing() {
        for (int looks = 0; true; ++looks) {
            judge_missing();
            if (exit_code_of(report_.missing_findings) == ExitCode::ok ||
                looks == kLooksForMissingTopics) {
                return;
            }
            std::this_thread::sleep_for(kBetweenLooks);
            if (auto again = admin_.describe_topics(names_)) {
                found_ = std::move(*again);
            }
        }
    }

    void judge_missing() {
        report_.missing.clear();
        report_.missing_findings.clear();
        look_at_state();
        for (const TopicRole role : roles_) {
            if (!is_missing(found(role))) {
                continue;
            }
            if (options_.all_topics_were_made) {
                report_.missing_findings.push_back(
                    Finding::error(ExitCode::unavailable,
                                   fmt::format("{} topic {} was created and does not exist",
                                               role_name(role), report_.names.topic(role)),
                                   "a broker may be slow to hear of it: start again"));
                continue;
            }
            MissingContext context{.application_id = config_.application_id,
                                   .stored = report_.stored,
                                   .job = &config_.spec,
                                   .near = {}};
            if (role == TopicRole::source) {
                if (auto names = admin_.topic_names()) {
                    context.near = names_to_suggest(std::move(*names));
                }
            } else {
                report_.missing.push_back(role);
            }
            report_.missing_findings.push_back(
                missing_topic_finding({role, report_.names.topic(role)}, context));
        }
    }

    // Nobody means a topic that this application makes for itself.
    [[nodiscard]] std::vector<std::string> names_to_suggest(std::vector<std::string> names) const {
        std::erase_if(names, [this](const std::string& name) {
            return std::ranges::any_of(roles_, [&](TopicRole role) {
                return role != TopicRole::source && name == report_.names.topic(role);
            });
        });
        return names;
    }

    // What the application's own logs say of earlier starts. Asked only where the committed offsets
    // do not say enough: when they are lost, another job's, or about a topic that is gone.
    void look_at_state() {
        StoredJob& stored = report_.stored;
        if (std::exchange(looked_at_state_, true)) {
            return;
        }
        for (const TopicRole role : {TopicRole::repartition, TopicRole::changelog}) {
            if (!stored.exists() && found(role).exists) {
                stored.has_records = has_records(admin_, found(role));
            }
        }
        const auto identity = stored.identity();
        const bool another = identity && identity->spec_hash != spec_hash(config_.spec);
        const bool lost = !stored.map_group.has_offsets() && !stored.totals_group.has_offsets();
        if (stored.exists() && !stored.meta && found(TopicRole::changelog).exists &&
            (another || lost || is_missing(found(TopicRole::source)))) {
            read_meta();
        }
    }

    // The newest meta record of a partition is enough to know the job. What cannot be read or
    // understood is for the takeover to say, which reads all of it.
    void read_meta() {
        const kafka::ClientConfig client = client_config();
        std::map<PartitionId, std::uint64_t> keys;
        static_cast<void>(read_tails(
            {admin_, client, report_.names}, TopicRole::changelog, found(TopicRole::changelog),
            [&](const kafka::TopicReader&, const RecordView& record) {
                if (record.key() != meta_key()) {
                    return false;
                }
                if (Result<MetaHead> head = decode_meta_head(record.value())) {
                    report_.stored.meta = std::move(*head);
                }
                keys[record.partition] = keys_of(record.value());
                return true;
            }));
        for (const auto& [partition, count] : keys) {
            report_.stored.keys += count;
        }
    }

    [[nodiscard]] std::uint64_t keys_of(std::string_view meta_value) const {
        if (!report_.stored.meta) {
            return 0;
        }
        // What is stored of a statement can be read by who has that statement.
        const std::string& text = report_.stored.meta->spec_text;
        const auto job = text == canonical_text(config_.spec) ? std::optional{config_.spec}
                                                              : parse_canonical_text(text);
        if (!job) {
            return 0;
        }
        const Result<Meta> meta = decode_meta_value(meta_value, Job::kinds_of(*job));
        return meta ? meta->keys : 0;
    }

    [[nodiscard]] kafka::ClientConfig client_config() const {
        return {config_.common.brokers, config_.application_id, config_.common.client_properties,
                &log_};
    }

    // An output topic belongs to one application.
    void check_results() {
        const kafka::TopicInfo& topic = found(TopicRole::results);
        if (!topic.exists) {
            return;
        }
        if (topic.rights.known() && !topic.rights.allows(kafka::Operation::read)) {
            note({Finding::warn(
                fmt::format("it was not looked whose totals {} holds", topic.name),
                fmt::format("grant Read on topic {} to this principal", topic.name))});
            return;
        }
        const kafka::ClientConfig client = client_config();
        const TailSources from{admin_, client, report_.names};
        Result<std::vector<LastResult>> last = last_results(from, topic);
        if (!last) {
            note({Finding::warn(fmt::format("it was not looked whose totals {} holds: {}",
                                            topic.name, last.error().message))});
            return;
        }
        const bool has_rows =
            std::ranges::any_of(*last, [](const LastResult& one) { return !one.is_tombstone; });
        if (!has_rows && report_.stored.exists() && !report_.stored.meta &&
            found(TopicRole::changelog).exists) {
            read_meta();
        }
        note(results_owner_findings({.topic = topic.name,
                                     .application_id = config_.application_id,
                                     .last = std::move(*last),
                                     .totals = report_.stored.keys,
                                     .republish = config_.republish}));
    }

    void check_topics() {
        const std::vector<TopicUnderTest> topics = with_configs();
        for (const TopicUnderTest& topic : topics) {
            check_topic(topic);
        }
        note(combination_findings(topics, config_.workers));
        note(size_findings(topics, config_.spec));
        note(event_time_findings(topics, config_.spec));
    }

    std::vector<TopicUnderTest> with_configs() {
        std::vector<TopicUnderTest> topics;
        std::vector<std::string> there;
        for (const TopicRole role : roles_) {
            topics.push_back({role, found(role), std::nullopt});
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
            note(topic_findings(topic, config_.on_bad_record));
            note(rights_findings(topic, config_.on_bad_record));
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
        if (const Result<void> asked = ask_committed(admin_, facts); !asked) {
            note({Finding::from(asked.error())});
        }
    }

    kafka::Admin& admin_;
    const cli::AggregateConfig& config_;
    const StartCheckOptions& options_;
    Log& log_;
    std::vector<TopicRole> roles_;         // that the job has
    std::vector<std::string> names_;       // of their topics, and of the two logs of Kafka's
    std::vector<kafka::TopicInfo> found_;  // of names_
    bool looked_at_state_ = false;
    StartReport report_;
    ClusterFacts facts_;
};

void identify(StartReport& report, const AggregationSpec& spec) {
    Identity& identity = report.identity;
    const auto count = [&report](TopicRole role) {
        return static_cast<std::uint32_t>(report.topic(role).partitions);
    };
    identity.spec_hash = spec_hash(spec);
    identity.scale = static_cast<std::uint8_t>(spec.scale);
    identity.state_partitions = count(TopicRole::repartition);
    identity.results_partitions = count(TopicRole::results);
    identity.initial_source_partitions = count(TopicRole::source);
    identity.source_id = report.topic(TopicRole::source).id;
    identity.repartition_id = report.topic(TopicRole::repartition).id;
    identity.changelog_id = report.topic(TopicRole::changelog).id;
    if (!std::ranges::all_of(report.names.roles(),
                             [&report](TopicRole role) { return report.topic(role).exists; })) {
        return;
    }
    if (const Result<void> same =
            check_stored_identity(report.stored, report.names, spec, identity);
        !same) {
        report.findings.push_back(Finding::from(same.error()));
    }
}

}  // namespace

StartReport check_start(kafka::Admin& admin, const cli::AggregateConfig& config,
                        const StartCheckOptions& options, Log& log) {
    StartReport report = Gathering(admin, config, options, log).run();
    identify(report, config.spec);
    return report;
}

Findings StartReport::all() const {
    Findings all = findings;
    add_findings(all, missing_findings);
    return all;
}

std::optional<Finding> StartReport::waits_for() const {
    std::optional<Finding> first;
    for (const Finding& finding : all()) {
        if (finding.severity != Severity::error) {
            continue;
        }
        if (!finding.may_pass) {
            return std::nullopt;
        }
        if (!first) {
            first = finding;
        }
    }
    return first;
}

Findings in_order_of_gravity(Findings findings) {
    const ExitCode code = exit_code_of(findings);
    std::ranges::stable_sort(findings, {}, [code](const Finding& finding) {
        const bool cause = finding.severity == Severity::error && finding.exit_code == code;
        return static_cast<int>(finding.severity) + (cause ? 1 : 0);
    });
    return findings;
}

std::string findings_text(const Findings& findings) {
    std::string text;
    for (const Finding& finding : in_order_of_gravity(findings)) {
        text += fmt::format("{:<5}  {}\n", severity_name(finding.severity), finding.text);
        if (!finding.hint.empty()) {
            text += fmt::format("       {}\n", finding.hint);
        }
    }
    return text;
}

void log_findings(const Findings& findings, Log& log) {
    for (const Finding& finding : in_order_of_gravity(findings)) {
        if (finding.severity != Severity::ok) {
            log.write(finding.severity == Severity::error ? LogLevel::error : LogLevel::warn,
                      "start check", {{"finding", finding.text}, {"hint", finding.hint}});
        }
    }
}

}  // namespace kstream::topics
