// The topics and groups of one application.

#include "topics/topic_plan.hpp"

#include "kstream/check.hpp"
#include "text/kafka_name.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

namespace kstream::topics {
namespace {

constexpr std::string_view kMinInSync = "min.insync.replicas";
constexpr std::string_view kMaxMessage = "max.message.bytes";

void set_config(Configs& configs, std::string_view key, std::string value) {
    const auto found = std::ranges::find(
        configs, key, [](const auto& entry) { return std::string_view(entry.first); });
    if (found != configs.end()) {
        found->second = std::move(value);
    } else {
        configs.emplace_back(key, std::move(value));
    }
}

void remove_config(Configs& configs, std::string_view key) {
    std::erase_if(configs, [key](const auto& entry) { return entry.first == key; });
}

// What protocol P10 asks for, beside min.insync.replicas. All of it is said, also what is Kafka's
// own default: clusters have defaults of their own, and with cleanup.policy=compact,delete a bad
// record without a key was refused by the dead-letter topic, and the job stopped.
Configs policy_of(TopicRole role) {
    switch (role) {
        case TopicRole::source:
            return {};  // the user's affair
        case TopicRole::dead_letters:
        case TopicRole::late:
            return {{"cleanup.policy", "delete"}};  // how long to keep them is the user's affair
        case TopicRole::repartition:
            // A delta may go only when it has been applied: the owner purges by DeleteRecords.
            return {
                {"cleanup.policy", "delete"}, {"retention.ms", "-1"}, {"retention.bytes", "-1"}};
        case TopicRole::changelog:
            // Meta is written with every commit: without small segments and early cleaning a new
            // owner would read hours of it.
            return {{"cleanup.policy", "compact"},
                    {"segment.bytes", "67108864"},
                    {"segment.ms", "86400000"},
                    {"min.cleanable.dirty.ratio", "0.1"},
                    {"min.compaction.lag.ms", "0"}};
        case TopicRole::results:
            return {{"cleanup.policy", "compact"}};
    }
    return {};
}

// Of a topic that we make, where another value may be the user's choice on one that is there.
Configs policy_when_made(TopicRole role) {
    switch (role) {
        case TopicRole::source:
            return {{"cleanup.policy", "delete"}};  // what is compacted away is not counted
        case TopicRole::repartition:
        case TopicRole::changelog:
        case TopicRole::results:
            return {{"max.message.bytes", "1048588"}};  // a batch of deltas has up to 512 KiB
        case TopicRole::dead_letters:
        case TopicRole::late:
            return {};
    }
    return {};
}

int partitions_of(TopicRole role, const PlanInput& input) {
    switch (role) {
        case TopicRole::source:
            return input.source_partitions.value_or(input.policy.partitions);
        case TopicRole::repartition:
        case TopicRole::changelog:  // partition q of both belongs together (protocol P9)
            return input.repartition_partitions.value_or(input.policy.partitions);
        case TopicRole::results:
            return input.results_partitions.value_or(input.policy.partitions);
        case TopicRole::dead_letters:
        case TopicRole::late:
            return input.policy.partitions;
    }
    return input.policy.partitions;
}

void apply_override(TopicPlan& plan, std::string_view key, const std::string& value,
                    std::vector<std::string>& problems) {
    const std::size_t dot = key.find('.');
    const std::optional<TopicRole> role = parse_role(key.substr(0, dot));
    if (!role || dot == std::string_view::npos || dot + 1 == key.size()) {
        problems.push_back(fmt::format("--topic-config {}: not ROLE.KEY=VALUE with a role of {}",
                                       key, fmt::join(kTopicRoleNames, ", ")));
        return;
    }
    const auto topic = std::ranges::find(plan.topics, *role, &PlannedTopic::role);
    if (topic == plan.topics.end()) {
        problems.push_back(
            fmt::format("--topic-config {}: a job without windows has no such topic", key));
        return;
    }
    const std::string_view name = key.substr(dot + 1);
    remove_config(topic->when_made, name);
    std::erase(topic->left_out, name);
    if (value == kBrokerDefault) {
        remove_config(topic->configs, name);
        topic->left_out.emplace_back(name);
    } else {
        set_config(topic->configs, name, value);
    }
}

// Lists like cleanup.policy mean the same in any order, with or without spaces.
std::vector<std::string> list_items(std::string_view text) {
    std::vector<std::string> items(1);
    for (const char c : text) {
        if (c == ',') {
            items.emplace_back();
        } else if (c != ' ') {
            items.back().push_back(c);
        }
    }
    std::ranges::sort(items);
    return items;
}

Result<Names> checked_names(const std::string& application_id, const std::string& source,
                            const std::string& results, LateTopic late,
                            const std::vector<std::string>& given_topics) {
    std::vector<std::string> problems;
    if (const std::string problem =
            text::kafka_name_problem(application_id, text::kMaxApplicationIdBytes);
        !problem.empty()) {
        problems.push_back(fmt::format("application id '{}' {}", application_id, problem));
    }
    for (const std::string& topic : given_topics) {
        if (const std::string problem = text::kafka_name_problem(topic); !problem.empty()) {
            problems.push_back(fmt::format("topic name '{}' {}", topic, problem));
        }
    }
    Names names;
    names.source = source;
    names.results = results;
    names.repartition = fmt::format("{}{}", application_id, text::kRepartitionEnding);
    names.changelog = fmt::format("{}{}", application_id, text::kChangelogEnding);
    names.dead_letters = fmt::format("{}{}", application_id, text::kDeadLettersEnding);
    if (late == LateTopic::needed) {
        names.late = fmt::format("{}{}", application_id, text::kLateEnding);
    }
    names.map_group = fmt::format("{}{}", application_id, text::kMapGroupEnding);
    names.totals_group = fmt::format("{}{}", application_id, text::kTotalsGroupEnding);
    const std::vector<TopicRole> roles = names.roles();
    for (std::size_t i = 0; i < roles.size(); ++i) {
        for (std::size_t j = i + 1; j < roles.size(); ++j) {
            const std::string& topic = names.topic(roles[i]);
            if (topic == names.topic(roles[j])) {
                problems.push_back(fmt::format("topic '{}' would be both {} and {}", topic,
                                               role_name(roles[i]), role_name(roles[j])));
            }
        }
    }
    if (!problems.empty()) {
        return fail(ExitCode::usage, fmt::format("{}", fmt::join(problems, "; ")));
    }
    return names;
}

bool same_value(const PlannedTopic& planned, std::string_view key, std::string_view expected,
                std::string_view found) {
    if (holds_copies(planned.role) && key == kMaxMessage) {
        return to_number(found).value_or(0) >= to_number(expected).value_or(0);
    }
    return list_items(expected) == list_items(found);
}

}  // namespace

kafka::TopicNames topic_names(const Names& names) {
    kafka::TopicNames all;
    for (const TopicRole role : names.roles()) {
        all.set(role, names.topic(role));
    }
    return all;
}

std::optional<std::int64_t> to_number(std::string_view text) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc() && end == text.data() + text.size() ? std::optional(number)
                                                                    : std::nullopt;
}

const std::string& Names::topic(TopicRole role) const {
    switch (role) {
        case TopicRole::source:
            return source;
        case TopicRole::repartition:
            return repartition;
        case TopicRole::changelog:
            return changelog;
        case TopicRole::results:
            return results;
        case TopicRole::dead_letters:
            return dead_letters;
        case TopicRole::late:
            return late;
    }
    KSTREAM_CHECK(false, "a role of the enum");
}

std::vector<TopicRole> Names::roles() const {
    std::vector<TopicRole> all;
    for (std::size_t i = 0; i < kTopicRoleCount; ++i) {
        if (const auto role = static_cast<TopicRole>(i); !topic(role).empty()) {
            all.push_back(role);
        }
    }
    return all;
}

Result<Names> make_names(const std::string& application_id, const std::string& source,
                         const std::string& results, LateTopic late) {
    return checked_names(application_id, source, results, late, {source, results});
}

Result<Names> make_names(const std::string& application_id, const std::string& results,
                         LateTopic late) {
    return checked_names(application_id, {}, results, late, {results});
}

std::string_view config_of(const PlannedTopic& topic, std::string_view key) {
    for (const auto& [name, value] : topic.configs) {
        if (name == key) {
            return value;
        }
    }
    return {};
}

const PlannedTopic& TopicPlan::of(TopicRole role) const {
    const auto found = std::ranges::find(topics, role, &PlannedTopic::role);
    KSTREAM_CHECK(found != topics.end(), "the plan has the role");
    return *found;
}

TopicPlan TopicPlan::only(const std::vector<TopicRole>& roles) const {
    TopicPlan chosen;
    std::ranges::copy_if(topics, std::back_inserter(chosen.topics), [&](const PlannedTopic& topic) {
        return std::ranges::find(roles, topic.role) != roles.end();
    });
    return chosen;
}

Result<TopicPlan> make_topic_plan(const PlanInput& input) {
    Result<Names> names = make_names(input.application_id, input.source, input.results, input.late);
    if (!names) {
        return std::unexpected(std::move(names.error()));
    }
    std::vector<std::string> problems;
    if (input.policy.replication_factor < 1) {
        problems.emplace_back("the replication factor must be 1 or more");
    }
    if (input.policy.min_insync_replicas < 1 ||
        input.policy.min_insync_replicas > input.policy.replication_factor) {
        problems.push_back(fmt::format("min ISR {} must be between 1 and the replication factor {}",
                                       input.policy.min_insync_replicas,
                                       input.policy.replication_factor));
    }
    TopicPlan plan;
    for (const TopicRole role : names->roles()) {
        PlannedTopic topic{role,
                           names->topic(role),
                           partitions_of(role, input),
                           input.policy.replication_factor,
                           policy_of(role),
                           policy_when_made(role)};
        if (topic.partitions < 1) {
            problems.push_back(fmt::format("{} needs 1 partition or more", role_name(role)));
        }
        set_config(topic.configs, kMinInSync, std::to_string(input.policy.min_insync_replicas));
        plan.topics.push_back(std::move(topic));
    }
    for (const auto& [key, value] : input.overrides) {
        apply_override(plan, key, value, problems);
    }
    if (!problems.empty()) {
        return fail(ExitCode::usage, fmt::format("{}", fmt::join(problems, "; ")));
    }
    return plan;
}

std::string cost_of_leaving_out(TopicRole role, std::string_view key) {
    const bool is_state = role == TopicRole::changelog;
    if (key == kMinInSync) {
        return "with 1 there, what only one broker has acknowledged goes with it";
    }
    if (key == kMaxMessage) {
        return holds_copies(role)
                   ? fmt::format("a {} record that does not fit leaves a stub without its bytes",
                                 role == TopicRole::late ? "late" : "bad")
                   : "below 589824, batches of deltas may be refused and the job stops";
    }
    if (key == "cleanup.policy") {
        switch (role) {
            case TopicRole::repartition:
            case TopicRole::changelog:
                return "a start refuses another policy than the planned one, which would lose "
                       "totals";
            case TopicRole::results:
                return "where records are deleted by age, totals that do not change are forgotten";
            case TopicRole::dead_letters:
            case TopicRole::late:
                return "a start refuses a compacted topic, which takes no record without a key";
            case TopicRole::source:
                return "where it is compacted, a record that is replaced before it was read is not "
                       "counted";
        }
    }
    if (role == TopicRole::repartition && key.starts_with("retention.")) {
        return "a start refuses a topic that forgets deltas before they are applied";
    }
    if (is_state && (key.starts_with("segment.") || key.starts_with("min."))) {
        return "the changelog is compacted later: it grows, and takeovers read more of it";
    }
    return {};
}

void set_copy_limits(TopicPlan& plan, std::int64_t source_max_message_bytes) {
    for (PlannedTopic& topic : plan.topics) {
        const bool left_out =
            std::ranges::find(topic.left_out, kMaxMessage) != topic.left_out.end();
        if (holds_copies(topic.role) && config_of(topic, kMaxMessage).empty() && !left_out) {
            set_config(topic.configs, kMaxMessage,
                       std::to_string(source_max_message_bytes + kCopyHeadroom));
        }
    }
}

std::vector<std::string> fit_to_brokers(TopicPlan& plan, int brokers) {
    std::vector<std::string> changes;
    for (PlannedTopic& topic : plan.topics) {
        if (brokers < 1 || topic.replication_factor <= brokers) {
            continue;
        }
        const std::int64_t wanted_in_sync = to_number(config_of(topic, kMinInSync)).value_or(1);
        const std::int64_t in_sync =
            std::min<std::int64_t>(wanted_in_sync, std::max(1, brokers - 1));
        changes.push_back(fmt::format(
            "{}: replication factor {} instead of {} and min ISR {} instead of {}, because {} "
            "broker(s) are up",
            topic.name, brokers, topic.replication_factor, in_sync, wanted_in_sync, brokers));
        topic.replication_factor = brokers;
        if (!config_of(topic, kMinInSync).empty()) {
            set_config(topic.configs, kMinInSync, std::to_string(in_sync));
        }
    }
    return changes;
}

std::vector<Difference> differences(const PlannedTopic& planned, const kafka::TopicInfo& found,
                                    const kafka::ConfigMap& configs) {
    std::vector<Difference> all;
    if (static_cast<int>(found.partitions.size()) != planned.partitions) {
        all.push_back({"partitions", std::to_string(planned.partitions),
                       std::to_string(found.partitions.size())});
    }
    if (found.replication_factor() != planned.replication_factor) {
        all.push_back({"replication factor", std::to_string(planned.replication_factor),
                       std::to_string(found.replication_factor())});
    }
    for (const auto& [key, expected] : planned.configs) {
        const auto entry = configs.find(key);
        const std::string value = entry == configs.end() ? "" : entry->second;
        if (!same_value(planned, key, expected, value)) {
            all.push_back({key, expected, value});
        }
    }
    return all;
}

}  // namespace kstream::topics
