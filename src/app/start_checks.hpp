// Everything that `aggregate` wants to know before it joins a group, asked once and reported
// together: what is wrong, and the facts that the composition root needs afterwards.
#pragma once

#include "app/check_rules.hpp"
#include "app/topic_plan.hpp"
#include "cli/config.hpp"
#include "kafka/admin.hpp"
#include "kstream/model/ids.hpp"
#include "kstream/ports/log.hpp"

#include <array>
#include <chrono>
#include <string>
#include <vector>

namespace kstream::app {

struct StartCheckOptions {
    // How long to wait for a cluster that is coming up; the first reason for a supervisor to try
    // again later (ExitCode::unavailable).
    std::chrono::milliseconds cluster_wait{30000};
    // A topic that is not there is an error, unless it will be made (--dry-run, before it would
    // be).
    bool missing_topics_will_be_made = false;
};

struct TopicFacts {
    std::string name;
    bool exists = false;
    TopicId id;
    int partitions = 0;
    // The topic's limit; 0 when the configuration could not be read.
    std::int64_t max_message_bytes = 0;
};

// What a group has committed, with the identity strings (protocol P4) as they were stored.
struct GroupFacts {
    std::string name;
    std::vector<kafka::GroupMember> members;
    std::vector<kafka::CommittedOffset> committed;
};

struct StartReport {
    Findings findings;
    Names names;
    std::string cluster_id;
    int brokers = 0;
    std::array<TopicFacts, kTopicRoleCount> topics;  // by TopicRole
    GroupFacts map_group;
    GroupFacts totals_group;

    [[nodiscard]] const TopicFacts& topic(TopicRole role) const {
        return topics[static_cast<std::size_t>(role)];
    }
    [[nodiscard]] bool ok() const { return exit_code() == ExitCode::ok; }
    [[nodiscard]] ExitCode exit_code() const { return exit_code_of(findings); }
};

// Never fails as a whole: what could not be asked is a finding. About ten requests, one after the
// other.
[[nodiscard]] StartReport check_start(kafka::Admin& admin, const cli::AggregateConfig& config,
                                      const StartCheckOptions& options);

// For a person: "error  text" with the hint on a line of its own, the gravest first.
[[nodiscard]] std::string findings_text(const Findings& findings);

// Warnings and errors to the log, one line each.
void log_findings(const Findings& findings, Log& log);

}  // namespace kstream::app
