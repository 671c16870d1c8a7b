// Makes the planned topics that are missing.

#include "topics/ensure_topics.hpp"

#include "kafka/error_map.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <thread>
#include <utility>

namespace kstream::topics {
namespace {

// Kafka's default of message.max.bytes, for clusters that do not let us read theirs.
constexpr std::int64_t kDefaultMaxMessageBytes = 1048588;
constexpr std::chrono::milliseconds kBetweenLooks{50};
// Each look asks some broker, and they learn of a new topic one after the other.
constexpr int kLooksInARow = 3;
constexpr int kLooksForAnother = 200;
constexpr std::chrono::milliseconds kLeadersAfterCreation{15000};
constexpr const char* kMaxMessage = "max.message.bytes";

std::vector<std::string> names_of(const TopicPlan& plan) {
    std::vector<std::string> names;
    names.reserve(plan.topics.size());
    for (const PlannedTopic& topic : plan.topics) {
        names.push_back(topic.name);
    }
    return names;
}

// How large a record of the source may be: what its topic says, else what it will say, else the
// broker's default for topics.
std::int64_t source_limit(kafka::Admin& admin, const TopicPlan& plan, std::int32_t broker) {
    const auto source = std::ranges::find(plan.topics, TopicRole::source, &PlannedTopic::role);
    if (source == plan.topics.end()) {
        return kDefaultMaxMessageBytes;
    }
    if (const auto configs = admin.topic_configs({source->name}); configs && configs->front()) {
        const auto found = configs->front()->find(kMaxMessage);
        if (found != configs->front()->end()) {
            return to_number(found->second).value_or(kDefaultMaxMessageBytes);
        }
    }
    if (const std::string_view planned = config_of(*source, kMaxMessage); !planned.empty()) {
        return to_number(planned).value_or(kDefaultMaxMessageBytes);
    }
    if (const auto configs = admin.broker_config(broker)) {
        const auto found = configs->find("message.max.bytes");
        if (found != configs->end()) {
            return to_number(found->second).value_or(kDefaultMaxMessageBytes);
        }
    }
    return kDefaultMaxMessageBytes;
}

// same | differs | failed for the topics that are there.
Result<void> compare_existing(kafka::Admin& admin, const std::vector<kafka::TopicInfo>& found,
                              std::vector<TopicOutcome>& outcomes) {
    std::vector<std::string> names;
    for (const kafka::TopicInfo& info : found) {
        if (info.exists) {
            names.push_back(info.name);
        }
    }
    const auto configs = configs_of_existing(admin, names);
    if (!configs) {
        return std::unexpected(configs.error());
    }
    for (TopicOutcome& outcome : outcomes) {
        const auto info = std::ranges::find(found, outcome.planned.name, &kafka::TopicInfo::name);
        if (info == found.end() || !info->exists) {
            continue;
        }
        const auto at = std::ranges::find(names, outcome.planned.name) - names.begin();
        const auto& config = (*configs)[static_cast<std::size_t>(at)];
        if (!config) {
            outcome.state = TopicState::failed;
            outcome.error = config.error();
            continue;
        }
        outcome.error.reset();
        outcome.differences = differences(outcome.planned, *info, *config);
        outcome.state = outcome.differences.empty() ? TopicState::same : TopicState::differs;
    }
    return {};
}

// The same without comparing: what is there is good enough.
Result<void> take_existing(const std::vector<kafka::TopicInfo>& found,
                           std::vector<TopicOutcome>& outcomes) {
    for (TopicOutcome& outcome : outcomes) {
        const auto info = std::ranges::find(found, outcome.planned.name, &kafka::TopicInfo::name);
        if (info != found.end() && info->exists) {
            outcome.state = TopicState::same;
            outcome.error.reset();
        }
    }
    return {};
}

kafka::NewTopic to_new_topic(const PlannedTopic& planned) {
    kafka::NewTopic topic{planned.name, planned.partitions, planned.replication_factor,
                          planned.configs};
    topic.configs.insert(topic.configs.end(), planned.when_made.begin(), planned.when_made.end());
    return topic;
}

// A cluster that refuses a setting mostly says which one; which ones there were, nobody else can.
Error with_settings(Error error, const kafka::NewTopic& topic) {
    if (!kafka::is_refused_setting(error)) {
        return error;
    }
    std::vector<std::string> settings;
    for (const auto& [key, value] : topic.configs) {
        settings.push_back(fmt::format("{}={}", key, value));
    }
    error.hint = fmt::format(
        "if it keeps a setting for itself: 'kstream create-topics --topic-config ROLE.KEY={}' "
        "leaves it out and says what that costs; asked for: {} replicas, {}",
        kBrokerDefault, topic.replication_factor, fmt::join(settings, " "));
    return error;
}

// Makes those of `outcomes` that are `missing`. What somebody else has made at the same moment is
// read again and compared.
Result<void> create_missing(kafka::Admin& admin, const EnsureOptions& options,
                            const std::vector<TopicOutcome*>& missing,
                            std::vector<TopicOutcome>& outcomes) {
    std::vector<kafka::NewTopic> topics;
    topics.reserve(missing.size());
    for (const TopicOutcome* outcome : missing) {
        topics.push_back(to_new_topic(outcome->planned));
    }
    const auto created = admin.create_topics(
        topics, options.dry_run ? kafka::Admin::Apply::validate_only : kafka::Admin::Apply::really);
    if (!created) {
        return std::unexpected(created.error());
    }
    std::vector<std::string> made_by_another;
    for (std::size_t i = 0; i < missing.size(); ++i) {
        const kafka::Outcome& outcome = (*created)[i];
        if (outcome.is_there_already()) {
            made_by_another.push_back(outcome.name);
        }
        missing[i]->error = outcome.error;
        if (outcome.error) {
            missing[i]->error = with_settings(*outcome.error, topics[i]);
        }
        missing[i]->state = outcome.error     ? TopicState::failed
                            : options.dry_run ? TopicState::would_create
                                              : TopicState::created;
    }
    if (made_by_another.empty()) {
        return {};
    }
    // The brokers learn of a new topic a little after the controller that refused ours.
    for (int looks = 0; true; ++looks) {
        const auto again = admin.describe_topics(made_by_another);
        if (!again) {
            return std::unexpected(again.error());
        }
        if (std::ranges::all_of(*again, &kafka::TopicInfo::exists) || looks == kLooksForAnother) {
            return options.compare ? compare_existing(admin, *again, outcomes)
                                   : take_existing(*again, outcomes);
        }
        std::this_thread::sleep_for(kBetweenLooks);
    }
}

// What keeps a topic from being ready, empty when it is.
std::string unready(const kafka::TopicInfo& topic, Readiness readiness) {
    if (!topic.exists) {
        return fmt::format("{} does not exist", topic.name);
    }
    if (topic.partitions.empty() || topic.without_leader() > 0) {
        return fmt::format("{} has {} partition(s) without a leader", topic.name,
                           topic.without_leader());
    }
    if (readiness == Readiness::full_isr && topic.under_replicated() > 0) {
        return fmt::format("{} has {} partition(s) with replicas out of sync", topic.name,
                           topic.under_replicated());
    }
    return {};
}

}  // namespace

Result<kafka::Admin> make_admin(const cli::CommonConfig& common, Log& log,
                                const process::StopSignal& stop) {
    const kafka::ClientConfig config{common.brokers, "kstream-admin", common.client_properties,
                                     &log};
    return kafka::Admin::make(config, {.timeout = std::chrono::milliseconds(15000),
                                       .canceled = [&stop] { return stop.requested(); }});
}

Result<kafka::Admin> reach_cluster(const cli::CommonConfig& common, Log& log,
                                   const process::StopSignal& stop) {
    Result<kafka::Admin> admin = make_admin(common, log, stop);
    if (!admin) {
        return admin;
    }
    if (auto reached = admin->wait_for_cluster(1, kClusterWait); !reached) {
        return std::unexpected(std::move(reached.error()));
    }
    return admin;
}

Result<std::vector<std::expected<kafka::ConfigMap, Error>>> configs_of_existing(
    kafka::Admin& admin, const std::vector<std::string>& names) {
    const auto is_unknown = [](const std::expected<kafka::ConfigMap, Error>& config) {
        return !config && kafka::is_unknown_topic(config.error());
    };
    auto configs = admin.topic_configs(names);
    for (int looks = 0;
         looks < kLooksForAnother && configs && std::ranges::any_of(*configs, is_unknown);
         ++looks) {
        std::this_thread::sleep_for(kBetweenLooks);
        configs = admin.topic_configs(names);
    }
    return configs;
}

Result<EnsureReport> ensure_topics(kafka::Admin& admin, TopicPlan plan,
                                   const EnsureOptions& options) {
    const Result<kafka::ClusterInfo> cluster = admin.describe_cluster();
    if (!cluster) {
        return std::unexpected(cluster.error());
    }
    if (cluster->brokers.empty()) {
        return fail(ExitCode::unavailable, "no broker is up");
    }
    set_copy_limits(plan, source_limit(admin, plan, cluster->brokers.front().id));
    const auto found = admin.describe_topics(names_of(plan));
    if (!found) {
        return std::unexpected(found.error());
    }
    TopicPlan missing;
    std::vector<std::optional<Error>> refused(plan.topics.size());
    for (std::size_t i = 0; i < plan.topics.size(); ++i) {
        if ((*found)[i].exists || (*found)[i].error) {
            continue;
        }
        if (options.refuse) {
            refused[i] = options.refuse(plan.topics[i]);
        }
        if (!refused[i]) {
            missing.topics.push_back(plan.topics[i]);
        }
    }
    EnsureReport report;
    if (options.fit_to_brokers) {
        report.warnings = fit_to_brokers(missing, static_cast<int>(cluster->brokers.size()));
    }
    std::vector<TopicOutcome*> to_make;
    report.topics.reserve(plan.topics.size());  // to_make points into it
    for (std::size_t i = 0, next = 0; i < plan.topics.size(); ++i) {
        const bool make =
            next < missing.topics.size() && missing.topics[next].role == plan.topics[i].role;
        std::optional<Error> error = refused[i] ? refused[i] : (*found)[i].error;
        if ((*found)[i].error) {
            error = kafka::with_right(
                std::move(*error), fmt::format("{} on topic {}", options.needs(plan.topics[i].role),
                                               plan.topics[i].name));
        }
        report.topics.push_back({make ? missing.topics[next++] : plan.topics[i],
                                 error ? TopicState::failed : TopicState::same,
                                 {},
                                 error});
        if (make) {
            to_make.push_back(&report.topics.back());
        }
    }
    if (auto done =
            options.compare ? compare_existing(admin, *found, report.topics) : Result<void>{};
        !done) {
        return std::unexpected(std::move(done.error()));
    }
    if (auto done = create_missing(admin, options, to_make, report.topics); !done) {
        return std::unexpected(std::move(done.error()));
    }
    return report;
}

Result<void> wait_for_topics(kafka::Admin& admin, const std::vector<std::string>& names,
                             Readiness readiness, std::chrono::milliseconds limit,
                             const process::StopSignal& stop) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    for (int good_looks = 0; true;) {
        const auto topics = admin.describe_topics(names);
        std::vector<std::string> missing;
        if (topics) {
            for (const kafka::TopicInfo& topic : *topics) {
                if (topic.error && topic.error->disposition == Disposition::stop) {
                    return std::unexpected(*topic.error);
                }
                if (std::string what = unready(topic, readiness); !what.empty()) {
                    missing.push_back(std::move(what));
                }
            }
            good_looks = missing.empty() ? good_looks + 1 : 0;
            if (good_looks == kLooksInARow) {
                return {};
            }
        } else if (topics.error().disposition != Disposition::retry) {
            return std::unexpected(topics.error());
        }
        if (std::chrono::steady_clock::now() >= deadline || stop.wait_for(kBetweenLooks)) {
            return topics ? fail(ExitCode::unavailable, fmt::format("{}", fmt::join(missing, "; ")),
                                 "are all brokers up")
                          : Result<void>(std::unexpected(topics.error()));
        }
    }
}

Result<void> make_missing_topics(kafka::Admin& admin, const TopicPlan& plan, MissingSource source,
                                 std::string_view (*needs)(TopicRole), Log& log,
                                 const process::StopSignal& stop) {
    const auto refuse = [source](const PlannedTopic& topic) -> std::optional<Error> {
        if (topic.role != TopicRole::source || source == MissingSource::make) {
            return std::nullopt;
        }
        return Error::stop(ExitCode::unavailable,
                           fmt::format("source topic {} does not exist", topic.name),
                           "it was deleted a moment ago");
    };
    auto report = ensure_topics(admin, plan,
                                {.dry_run = false,
                                 .fit_to_brokers = true,
                                 .compare = false,
                                 .refuse = refuse,
                                 .needs = needs});
    if (!report) {
        return std::unexpected(std::move(report.error()));
    }
    for (const std::string& warning : report->warnings) {
        log.write(LogLevel::warn, "topic created with less than planned", {{"what", warning}});
    }
    std::vector<std::string> created;
    for (TopicOutcome& topic : report->topics) {
        if (topic.state == TopicState::failed) {
            return std::unexpected(std::move(*topic.error));
        }
        if (topic.state == TopicState::created) {
            created.push_back(topic.planned.name);
            log.write(LogLevel::info, "topic created",
                      {{"topic", topic.planned.name},
                       {"partitions", std::int64_t{topic.planned.partitions}},
                       {"replication_factor", std::int64_t{topic.planned.replication_factor}}});
        }
    }
    return created.empty()
               ? Result<void>{}
               : wait_for_topics(admin, created, Readiness::leaders, kLeadersAfterCreation, stop);
}

}  // namespace kstream::topics
