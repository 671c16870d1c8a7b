// What exactly-once needs of a cluster, its topics and its rights, as rules over facts that were
// gathered elsewhere (start_checks.cpp, create_topics.cpp). No input or output here.
#pragma once

#include "cli/config.hpp"
#include "kafka/admin.hpp"
#include "kstream/error.hpp"
#include "kstream/exit_code.hpp"
#include "topics/topic_plan.hpp"

#include <chrono>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kstream::topics {

enum class Severity : std::uint8_t {
    ok,
    warn,  // it works, but not through every failure
    error  // it does not work, or would lose or double records
};

[[nodiscard]] std::string_view severity_name(Severity severity);  // "warn"

struct Finding {
    Severity severity = Severity::ok;
    std::string text;
    std::string hint;                   // what a person can do, may be empty
    ExitCode exit_code = ExitCode::ok;  // of an error
    bool may_pass = false;              // an error that ends by itself where brokers are starting

    static Finding ok(std::string text) {
        return {Severity::ok, std::move(text), {}, ExitCode::ok};
    }
    static Finding warn(std::string text, std::string hint = {}) {
        return {Severity::warn, std::move(text), std::move(hint), ExitCode::ok};
    }
    static Finding error(ExitCode code, std::string text, std::string hint = {}) {
        return {Severity::error, std::move(text), std::move(hint), code};
    }
    static Finding until_brokers_are_up(std::string text, std::string hint) {
        return {Severity::error, std::move(text), std::move(hint), ExitCode::unavailable, true};
    }
    static Finding from(const Error& error) {
        return {Severity::error, error.message, error.hint, error.exit_code};
    }
};
using Findings = std::vector<Finding>;

inline void add_findings(Findings& all, Findings more) {
    all.insert(all.end(), std::make_move_iterator(more.begin()),
               std::make_move_iterator(more.end()));
}

struct ClusterFacts {
    int brokers = 0;                         // that are up
    std::optional<kafka::ConfigMap> config;  // of one broker; none without DescribeConfigs
    kafka::TopicInfo transaction_log;        // __transaction_state, made at the first transaction
    kafka::TopicInfo offsets_log;            // __consumer_offsets, made with the first group
    std::chrono::milliseconds transaction_timeout{0};  // ours
};
inline constexpr const char* kTransactionLog = "__transaction_state";
inline constexpr const char* kOffsetsLog = "__consumer_offsets";

// Whether transactions work, and what they survive.
[[nodiscard]] Findings cluster_findings(const ClusterFacts& facts);

// Whether the planned topics can be made on so many brokers, and what they survive.
[[nodiscard]] Findings plan_findings(const TopicPlan& plan, int brokers);

// --session-timeout against the broker's limits; the first join's delay.
[[nodiscard]] Findings session_findings(const kafka::ConfigMap& broker,
                                        std::chrono::milliseconds session_timeout);

struct TopicUnderTest {
    TopicRole role = TopicRole::source;
    kafka::TopicInfo info;
    std::optional<kafka::ConfigMap> configs;  // none without DescribeConfigs
};
// Existence is not among these: a topic that does not exist gives nothing.
[[nodiscard]] Findings topic_findings(
    const TopicUnderTest& topic, cli::OnBadRecord on_bad_record = cli::OnBadRecord::dead_letter);

// What a job with event time needs of its source.
[[nodiscard]] Findings event_time_findings(const std::vector<TopicUnderTest>& topics,
                                           const AggregationSpec& spec);

// Rules over several topics: equal counts (protocol P9), room for copies (P10), workers that
// would get no partition.
[[nodiscard]] Findings combination_findings(const std::vector<TopicUnderTest>& topics, int workers);

// What `aggregate` does with a topic, as Kafka names the rights for it: "Read and Write". Any of
// them allows to look at the topic as well.
[[nodiscard]] std::string_view needed_on(TopicRole role);

// The rights that `aggregate` needs on a topic and on its groups.
[[nodiscard]] Findings rights_findings(const TopicUnderTest& topic, cli::OnBadRecord on_bad_record);
[[nodiscard]] Findings rights_findings(const kafka::GroupInfo& group);

// What the loss of a broker does to one topic.
[[nodiscard]] Findings durability_findings(std::string_view name, std::int64_t replicas,
                                           std::int64_t in_sync);

// A value of a configuration, empty when it is missing.
[[nodiscard]] std::string_view text_of(const kafka::ConfigMap& configs, std::string_view key);

// A number of a configuration, none when it is missing or not a number.
[[nodiscard]] std::optional<std::int64_t> number_of(const kafka::ConfigMap& configs,
                                                    std::string_view key);

// ok without an error; otherwise that of the first error that waiting does not cure, else of the
// first.
[[nodiscard]] ExitCode exit_code_of(const Findings& findings);

}  // namespace kstream::topics
