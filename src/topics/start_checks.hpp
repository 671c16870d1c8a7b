// Everything that `aggregate` wants to know before it joins a group, asked once and reported
// together: what is wrong, and the facts that the composition root needs afterwards.
#pragma once

#include "cli/config.hpp"
#include "kafka/admin.hpp"
#include "kstream/codec/identity.hpp"
#include "kstream/model/ids.hpp"
#include "kstream/ports/log.hpp"
#include "topics/check_rules.hpp"
#include "topics/ensure_topics.hpp"
#include "topics/stored_job.hpp"
#include "topics/topic_plan.hpp"

#include <array>
#include <optional>
#include <string>
#include <vector>

namespace kstream::topics {

struct StartCheckOptions {
    // After missing topics were made: they are waited for, and then there are none.
    bool all_topics_were_made = false;
};

struct TopicFacts {
    std::string name;
    bool exists = false;
    TopicId id;
    int partitions = 0;
    // The topic's limit; 0 when the configuration could not be read.
    std::int64_t max_message_bytes = 0;
};

struct StartReport {
    Findings findings;
    // About topics that do not exist: what is wrong with that, or what making them again loses.
    Findings missing_findings;
    std::vector<TopicRole> missing;
    Names names;
    std::string cluster_id;
    int brokers = 0;
    // By TopicRole. Of one that the job does not have there is nothing, not even a name.
    std::array<TopicFacts, kTopicRoleCount> topics;
    StoredJob stored;
    // What this start is. Where all topics are there, it has been compared with what is stored
    // (P4); otherwise their absence would look like another difference.
    Identity identity;

    [[nodiscard]] const TopicFacts& topic(TopicRole role) const {
        return topics[static_cast<std::size_t>(role)];
    }
    // All of them.
    [[nodiscard]] Findings all() const;
    [[nodiscard]] bool ok() const { return exit_code_of(all()) == ExitCode::ok; }
    // What stands against a start, if all of it may pass.
    [[nodiscard]] std::optional<Finding> waits_for() const;
};

// Never fails as a whole: what could not be asked is a finding. About ten requests, one after the
// other. Nothing is made. What comes to the wrong conclusion for a moment, because a broker has not
// heard of a topic yet, is asked again before it is an error.
[[nodiscard]] StartReport check_start(kafka::Admin& admin, const cli::AggregateConfig& config,
                                      const StartCheckOptions& options, Log& log);

// The order in which a person reads them: what is in order, warnings, errors, and last the errors
// that exit_code_of() is of. So the last line is the cause.
[[nodiscard]] Findings in_order_of_gravity(Findings findings);

// For a person: "error  text" with the hint on a line of its own, in that order.
[[nodiscard]] std::string findings_text(const Findings& findings);

// Warnings and errors to the log, one line each, in that order.
void log_findings(const Findings& findings, Log& log);

}  // namespace kstream::topics
