// The topics and groups of one application: names, partition counts and policies by role. The one
// place that knows them; create-topics, produce, aggregate and reset all read it.
#pragma once

#include "cli/config.hpp"
#include "kafka/admin.hpp"
#include "kafka/topic_names.hpp"
#include "kstream/error.hpp"
#include "kstream/model/ids.hpp"
#include "kstream/model/names.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kstream::topics {

// Whether records of the job can come too late, which is so with windows: then it has a topic for
// them.
enum class LateTopic : std::uint8_t { none, needed };
[[nodiscard]] constexpr LateTopic late_topic_if(bool windows) {
    return windows ? LateTopic::needed : LateTopic::none;
}

// A job has no topic of a role whose name is empty.
struct Names {
    std::string source;
    std::string repartition;  // <app>-totals-repartition
    std::string changelog;    // <app>-totals-changelog
    std::string results;
    std::string dead_letters;  // <app>-dead-letters
    std::string late;          // <app>-late, of a job with windows
    std::string map_group;     // <app>-map
    std::string totals_group;  // <app>-totals

    [[nodiscard]] const std::string& topic(TopicRole role) const;
    // Of the topics that the job has, in the order of TopicRole.
    [[nodiscard]] std::vector<TopicRole> roles() const;
};
// Errors: usage, every problem with the names in one message (also two roles with one topic).
[[nodiscard]] Result<Names> make_names(const std::string& application_id, const std::string& source,
                                       const std::string& results, LateTopic late);

// Without a source topic, which reset never touches: Names::source stays empty.
[[nodiscard]] Result<Names> make_names(const std::string& application_id,
                                       const std::string& results, LateTopic late);

// As the adapters want them.
[[nodiscard]] kafka::TopicNames topic_names(const Names& names);

// A configuration's value as a number; none when it is not one, or empty.
[[nodiscard]] std::optional<std::int64_t> to_number(std::string_view text);

using Configs = std::vector<std::pair<std::string, std::string>>;

struct PlannedTopic {
    TopicRole role = TopicRole::source;
    std::string name;
    int partitions = 1;
    int replication_factor = 1;
    Configs configs;  // what is set on the topic; all else is the broker's default
    // Set as well when the topic is made, but not expected of one that is there.
    Configs when_made = {};
    std::vector<std::string> left_out = {};  // keys that the user leaves to the broker
};

// Key and value of a planned topic's configuration; an empty view when it does not set the key.
[[nodiscard]] std::string_view config_of(const PlannedTopic& topic, std::string_view key);

struct PlanInput {
    std::string application_id;
    std::string source;
    std::string results;
    cli::TopicPolicy policy;
    std::optional<int> source_partitions;       // each defaults to policy.partitions
    std::optional<int> repartition_partitions;  // of repartition and changelog
    std::optional<int> results_partitions;
    Configs overrides;  // "ROLE.KEY" -> value, last one wins; kBrokerDefault: not set at all
    LateTopic late = LateTopic::none;
};

// Providers refuse settings that they keep for themselves: such a one can be left to the broker.
inline constexpr std::string_view kBrokerDefault = "broker-default";

// What it costs to leave a setting of a topic to the broker; empty when nothing rests on it.
[[nodiscard]] std::string cost_of_leaving_out(TopicRole role, std::string_view key);

struct TopicPlan {
    std::vector<PlannedTopic> topics;  // that the job has, in the order of TopicRole

    // The plan has the role.
    [[nodiscard]] const PlannedTopic& of(TopicRole role) const;
    // Only the topics of these roles: produce makes source and results.
    [[nodiscard]] TopicPlan only(const std::vector<TopicRole>& roles) const;
};

// Policies of protocol P10. Errors: usage, all problems in one message.
[[nodiscard]] Result<TopicPlan> make_topic_plan(const PlanInput& input);

// A copy holds the record's bytes unchanged and its coordinates in headers: its topic takes 64 KiB
// more than the source. Set once the source's limit is known (the topic's, or the broker's
// message.max.bytes), unless the user has set it.
inline constexpr std::int64_t kCopyHeadroom = 65536;
void set_copy_limits(TopicPlan& plan, std::int64_t source_max_message_bytes);

// With fewer brokers than replicas asked for: as many replicas as there are brokers, and a min ISR
// that still lets one of them be down. Returns what was changed in words, empty when nothing.
[[nodiscard]] std::vector<std::string> fit_to_brokers(TopicPlan& plan, int brokers);

struct Difference {
    std::string what;  // "partitions", "replication factor" or a configuration key
    std::string expected;
    std::string found;
};
// What an existing topic has otherwise than planned. Only planned keys are compared; the limit of
// copies may be higher than planned.
[[nodiscard]] std::vector<Difference> differences(const PlannedTopic& planned,
                                                  const kafka::TopicInfo& found,
                                                  const kafka::ConfigMap& configs);

}  // namespace kstream::topics
