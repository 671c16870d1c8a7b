// Rules over topics and rights. See check_rules.hpp.

#include "kafka/error_map.hpp"
#include "topics/check_rules.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

namespace kstream::topics {
namespace {

bool has_policy(const kafka::ConfigMap& configs, std::string_view policy) {
    return text_of(configs, "cleanup.policy").find(policy) != std::string_view::npos;
}

std::string_view copies_of(TopicRole role) {
    return role == TopicRole::late ? "late records" : "dead letters";
}

Findings policy_findings(const TopicUnderTest& topic, const kafka::ConfigMap& configs) {
    const std::string& name = topic.info.name;
    const bool compacted = has_policy(configs, "compact");
    const bool deleted = has_policy(configs, "delete");
    const std::string policy(text_of(configs, "cleanup.policy"));
    Findings all;
    switch (topic.role) {
        case TopicRole::source:
            if (compacted) {
                all.push_back(
                    Finding::warn(fmt::format("{} is compacted: a record that is replaced before "
                                              "it was read is not counted",
                                              name)));
            }
            break;
        case TopicRole::repartition: {
            if (compacted) {
                all.push_back(Finding::error(
                    ExitCode::differs, fmt::format("{} is compacted, deltas have no key", name),
                    "set cleanup.policy=delete on it"));
            }
            const std::int64_t ms = number_of(configs, "retention.ms").value_or(-1);
            const std::int64_t bytes = number_of(configs, "retention.bytes").value_or(-1);
            if (deleted && (ms != -1 || bytes != -1)) {
                all.push_back(
                    Finding::error(ExitCode::differs,
                                   fmt::format("{} forgets deltas that may not have been applied: "
                                               "retention.ms {}, retention.bytes {}",
                                               name, ms, bytes),
                                   "set both to -1: kstream purges what has been applied"));
            }
            break;
        }
        case TopicRole::changelog:
            if (!compacted || deleted) {
                all.push_back(Finding::error(
                    ExitCode::differs,
                    fmt::format("{} has cleanup.policy={}: totals would be lost", name, policy),
                    "set cleanup.policy=compact on it"));
            }
            break;
        case TopicRole::results:
            if (deleted) {
                all.push_back(
                    Finding::warn(fmt::format("{} has cleanup.policy={}: results that do not "
                                              "change are forgotten",
                                              name, policy),
                                  "set cleanup.policy=compact on it"));
            }
            break;
        case TopicRole::dead_letters:
        case TopicRole::late:
            if (compacted) {
                const bool late = topic.role == TopicRole::late;
                all.push_back(Finding::error(
                    ExitCode::differs,
                    fmt::format("{} has cleanup.policy={}: a {} record without a key would be "
                                "refused and the job would stop, {} with equal keys "
                                "replace each other",
                                name, policy, late ? "late" : "bad", copies_of(topic.role)),
                    "set cleanup.policy=delete on it"));
            }
            break;
    }
    return all;
}

std::vector<kafka::Operation> operations_of(TopicRole role, cli::OnBadRecord on_bad_record) {
    using enum kafka::Operation;
    switch (role) {
        case TopicRole::source:
            return {read};
        case TopicRole::repartition:
        case TopicRole::changelog:
            return {read, write};
        case TopicRole::results:
        case TopicRole::late:
            return {write};
        case TopicRole::dead_letters:
            return on_bad_record == cli::OnBadRecord::dead_letter ? std::vector{write}
                                                                  : std::vector<kafka::Operation>{};
    }
    return {};
}

// Whether aggregate writes to it: then it has to be able to.
bool is_written(TopicRole role, cli::OnBadRecord on_bad_record) {
    return role != TopicRole::source &&
           (role != TopicRole::dead_letters || on_bad_record == cli::OnBadRecord::dead_letter);
}

// What would keep every write waiting for ever, or for now.
Findings writable_findings(const TopicUnderTest& topic, std::int64_t in_sync) {
    const kafka::TopicInfo& info = topic.info;
    if (in_sync > info.replication_factor()) {
        return {Finding::error(
            ExitCode::differs,
            fmt::format("{} cannot be written: min.insync.replicas is {}, and it has {} replica(s)",
                        info.name, in_sync, info.replication_factor()),
            fmt::format("set min.insync.replicas={} on it, or give it more replicas",
                        std::max(1, info.replication_factor() - 1)))};
    }
    const auto below =
        std::ranges::count_if(info.partitions, [in_sync](const kafka::PartitionInfo& partition) {
            return partition.leader != -1 && std::cmp_less(partition.in_sync.size(), in_sync);
        });
    if (below > 0) {
        return {Finding::until_brokers_are_up(
            fmt::format("{} cannot be written now: {} partition(s) have fewer replicas in sync "
                        "than min.insync.replicas, {}",
                        info.name, below, in_sync),
            "are all brokers up")};
    }
    return {};
}

// A batch of deltas has up to 512 KiB, and what Kafka puts around it.
Findings size_findings(const TopicUnderTest& topic, const kafka::ConfigMap& configs) {
    constexpr std::int64_t kMin = 512 * 1024 + 64 * 1024;
    const auto most = number_of(configs, "max.message.bytes");
    if (topic.role != TopicRole::repartition || !most || *most >= kMin) {
        return {};
    }
    return {Finding::error(ExitCode::differs,
                           fmt::format("{} takes records of up to {} bytes, batches of deltas have "
                                       "up to {}",
                                       topic.info.name, *most, kMin),
                           fmt::format("set max.message.bytes={} or more on it", kMin))};
}

const TopicUnderTest* find_role(const std::vector<TopicUnderTest>& topics, TopicRole role) {
    const auto found = std::ranges::find(topics, role, &TopicUnderTest::role);
    return found == topics.end() || !found->info.exists ? nullptr : &*found;
}

}  // namespace

Findings topic_findings(const TopicUnderTest& topic, cli::OnBadRecord on_bad_record) {
    Findings all;
    const kafka::TopicInfo& info = topic.info;
    if (!info.exists) {
        return all;
    }
    if (info.id == TopicId{}) {
        all.push_back(Finding::error(
            ExitCode::kafka_fatal,
            fmt::format("the brokers are too old: they gave {} no topic id", info.name),
            "kstream needs Apache Kafka 3.0 or newer"));
    }
    if (info.without_leader() > 0) {
        all.push_back(Finding::until_brokers_are_up(
            fmt::format("{} partition(s) of {} have no leader", info.without_leader(), info.name),
            "are all brokers up"));
    } else if (info.under_replicated() > 0) {
        all.push_back(
            Finding::warn(fmt::format("{} partition(s) of {} have replicas that are not in sync",
                                      info.under_replicated(), info.name)));
    }
    if (!topic.configs) {
        all.push_back(
            Finding::warn(fmt::format("the configuration of {} was not checked", info.name),
                          fmt::format("grant DescribeConfigs on topic {} to check it", info.name)));
        return all;
    }
    if (topic.role != TopicRole::dead_letters || on_bad_record == cli::OnBadRecord::dead_letter) {
        add_findings(all, policy_findings(topic, *topic.configs));
    }
    add_findings(all, size_findings(topic, *topic.configs));
    const std::int64_t in_sync = number_of(*topic.configs, "min.insync.replicas").value_or(1);
    Findings unwritable =
        is_written(topic.role, on_bad_record) ? writable_findings(topic, in_sync) : Findings{};
    if (unwritable.empty()) {
        unwritable = durability_findings(info.name, info.replication_factor(), in_sync);
    }
    add_findings(all, std::move(unwritable));
    if (text_of(*topic.configs, "unclean.leader.election.enable") == "true") {
        all.push_back(
            Finding::warn(fmt::format("{} has unclean.leader.election.enable=true: acknowledged "
                                      "records can be lost",
                                      info.name)));
    }
    return all;
}

Findings event_time_findings(const std::vector<TopicUnderTest>& topics,
                             const AggregationSpec& spec) {
    const TopicUnderTest* const source = find_role(topics, TopicRole::source);
    const std::optional<std::int64_t> within =
        spec.statement ? spec.statement->within : std::nullopt;
    if ((!has_windows(spec) && !within) || source == nullptr || !source->configs) {
        return {};
    }
    if (has_policy(*source->configs, "compact")) {
        return {Finding::error(
            ExitCode::differs,
            fmt::format("{} is compacted: which records are {} would depend on those that are gone",
                        source->info.name, has_windows(spec) ? "late" : "duplicates"),
            has_windows(spec) ? "windows need a source with cleanup.policy=delete"
                              : "unique_by needs a source with cleanup.policy=delete")};
    }
    const std::int64_t kept = number_of(*source->configs, "retention.ms").value_or(-1);
    if (within && kept >= 0 && kept < *within) {
        return {Finding::warn(
            fmt::format("{} keeps records for {} ms, and duplicates are looked for within {} ms of "
                        "event time: whoever takes a partition over may find too few records",
                        source->info.name, kept, *within),
            "raise its retention.ms, or choose a shorter within: what is missing stops the job")};
    }
    return {};
}

Findings combination_findings(const std::vector<TopicUnderTest>& topics, int workers) {
    Findings all;
    const TopicUnderTest* const source = find_role(topics, TopicRole::source);
    const TopicUnderTest* const repartition = find_role(topics, TopicRole::repartition);
    const TopicUnderTest* const changelog = find_role(topics, TopicRole::changelog);
    if (repartition != nullptr && changelog != nullptr &&
        repartition->info.partitions.size() != changelog->info.partitions.size()) {
        all.push_back(
            Finding::error(ExitCode::differs,
                           fmt::format("{} has {} partitions and {} has {}: they must be equal",
                                       repartition->info.name, repartition->info.partitions.size(),
                                       changelog->info.name, changelog->info.partitions.size()),
                           "re-create both with 'kstream reset' and 'kstream create-topics'"));
    }
    for (const TopicRole role : {TopicRole::dead_letters, TopicRole::late}) {
        const TopicUnderTest* const copies = find_role(topics, role);
        if (source == nullptr || copies == nullptr || !source->configs || !copies->configs) {
            continue;
        }
        const auto needed = number_of(*source->configs, "max.message.bytes");
        const auto has = number_of(*copies->configs, "max.message.bytes");
        if (needed && has && *has < *needed + kCopyHeadroom) {
            all.push_back(Finding::warn(
                fmt::format("{} near the source's limit become stubs: max.message.bytes of {} is "
                            "{}, below {}",
                            copies_of(role), copies->info.name, *has, *needed + kCopyHeadroom)));
        }
    }
    if (source != nullptr && repartition != nullptr) {
        const std::size_t most =
            std::max(source->info.partitions.size(), repartition->info.partitions.size());
        if (workers > 0 && static_cast<std::size_t>(workers) > most) {
            all.push_back(
                Finding::warn(fmt::format("{} workers for {} partitions: some will have nothing to "
                                          "do",
                                          workers, most)));
        }
    }
    return all;
}

std::string_view needed_on(TopicRole role) {
    switch (role) {
        case TopicRole::source:
            return "Read";
        case TopicRole::results:
            return "Write";
        case TopicRole::repartition:
        case TopicRole::changelog:
            return "Read and Write";
        case TopicRole::dead_letters:
        case TopicRole::late:
            return "Write";
    }
    return {};
}

Findings rights_findings(const TopicUnderTest& topic, cli::OnBadRecord on_bad_record) {
    Findings all;
    if (!topic.info.exists || !topic.info.rights.known()) {
        return all;
    }
    for (const kafka::Operation operation : operations_of(topic.role, on_bad_record)) {
        if (!topic.info.rights.allows(operation)) {
            all.push_back(
                Finding::error(ExitCode::kafka_fatal,
                               fmt::format("not authorized to {} topic {}",
                                           kafka::operation_name(operation), topic.info.name),
                               fmt::format("grant {} on topic {} to this principal",
                                           kafka::operation_name(operation), topic.info.name)));
        }
    }
    if (topic.role == TopicRole::repartition &&
        !topic.info.rights.allows(kafka::Operation::remove)) {
        all.push_back(Finding::warn(
            fmt::format("not authorized to purge topic {}: it will only grow", topic.info.name),
            fmt::format("grant Delete on topic {} to this principal", topic.info.name)));
    }
    return all;
}

Findings rights_findings(const kafka::GroupInfo& group) {
    if (group.error) {
        return {Finding::from(kafka::with_right(*group.error, "Read on group " + group.name))};
    }
    if (group.rights.known() && !group.rights.allows(kafka::Operation::read)) {
        return {Finding::error(
            ExitCode::kafka_fatal, fmt::format("not authorized to join group {}", group.name),
            fmt::format("grant Read on group {} to this principal", group.name))};
    }
    return {};
}

}  // namespace kstream::topics
