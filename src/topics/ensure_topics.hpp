// Makes the planned topics that are missing, and says what differs. create-topics reports all of
// it; produce and aggregate use it at their start.
#pragma once

#include "cli/config.hpp"
#include "kafka/admin.hpp"
#include "kstream/error.hpp"
#include "kstream/ports/log.hpp"
#include "process/stop_signal.hpp"
#include "topics/topic_plan.hpp"

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kstream::topics {

// A client for administration whose waits end when a stop is requested. `log` and `stop` must
// outlive it.
[[nodiscard]] Result<kafka::Admin> make_admin(const cli::CommonConfig& common, Log& log,
                                              const process::StopSignal& stop);

// How long a command waits for a cluster that is coming up, before a supervisor may try again later
// (ExitCode::unavailable).
inline constexpr std::chrono::milliseconds kClusterWait{30000};

// The same, of a cluster that has answered within kClusterWait.
[[nodiscard]] Result<kafka::Admin> reach_cluster(const cli::CommonConfig& common, Log& log,
                                                 const process::StopSignal& stop);

// The configurations of topics that are known to be there, in that order. Each question asks some
// broker, and brokers learn of a new topic one after the other: one that does not know a topic yet
// is not believed at once. Errors as Admin::topic_configs().
[[nodiscard]] Result<std::vector<std::expected<kafka::ConfigMap, Error>>> configs_of_existing(
    kafka::Admin& admin, const std::vector<std::string>& names);

enum class TopicState : std::uint8_t { created, would_create, same, differs, failed };

struct TopicOutcome {
    PlannedTopic planned;  // as it was asked for in the end
    TopicState state = TopicState::same;
    std::vector<Difference> differences;  // of an existing topic
    std::optional<Error> error;           // failed
};

struct EnsureOptions {
    bool dry_run = false;  // the cluster validates, nothing is made
    // Fewer brokers than replicas: make the topics with what there is (development) instead of
    // leaving the refusal to the cluster.
    bool fit_to_brokers = false;
    // Whether topics that are there are compared with the plan: needs DescribeConfigs on each.
    bool compare = true;
    // Why a topic that does not exist must not be made; none when it may. May be empty.
    std::function<std::optional<Error>(const PlannedTopic&)> refuse = {};
    // What the caller needs on a topic that is there, for the words of a refusal to look at it.
    std::string_view (*needs)(TopicRole) = [](TopicRole) -> std::string_view { return "Describe"; };
};

struct EnsureReport {
    std::vector<TopicOutcome> topics;   // in the order of the plan
    std::vector<std::string> warnings;  // what was done otherwise than planned
};

// A topic that another process makes at the same moment is read again and compared. Returns as soon
// as the controller has answered: leaders may still be missing, see wait_for_topics(). Errors: of
// the cluster as a whole; those of one topic stand in the report.
[[nodiscard]] Result<EnsureReport> ensure_topics(kafka::Admin& admin, TopicPlan plan,
                                                 const EnsureOptions& options);

enum class Readiness : std::uint8_t {
    leaders,  // every partition has a leader: it can be read and written
    full_isr  // and all replicas are in sync
};

// Waits until all topics are visible and ready. Errors: unavailable, naming what is missing; an
// error that waiting does not cure at once.
[[nodiscard]] Result<void> wait_for_topics(kafka::Admin& admin,
                                           const std::vector<std::string>& names,
                                           Readiness readiness, std::chrono::milliseconds limit,
                                           const process::StopSignal& stop);

// Whether a command that finds no source makes it: who writes to it does, who reads it does not,
// or a misspelt name would be made and waited on.
enum class MissingSource : std::uint8_t { make, refuse };

// For produce, aggregate and bench: what ensure_topics() with fit_to_brokers made goes to the log,
// and it waits for leaders. Topics that are there are left as they are. Errors: the first topic
// that could not be made, or not be looked at (then with what the caller `needs` on it), else as
// above.
[[nodiscard]] Result<void> make_missing_topics(kafka::Admin& admin, const TopicPlan& plan,
                                               MissingSource source,
                                               std::string_view (*needs)(TopicRole), Log& log,
                                               const process::StopSignal& stop);

}  // namespace kstream::topics
