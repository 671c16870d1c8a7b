// What create-topics does: makes the topics of a job, or says what differs.
#pragma once

#include "cli/config.hpp"
#include "kafka/admin.hpp"
#include "kstream/error.hpp"
#include "kstream/ports/log.hpp"
#include "process/stop_signal.hpp"
#include "topics/topic_plan.hpp"
#include "topics/topic_report.hpp"

namespace kstream::topics {

[[nodiscard]] PlanInput plan_input(const cli::CreateTopicsConfig& config);

// Errors: what kept it from looking at all. Anything about a topic stands in the report.
[[nodiscard]] Result<TopicReport> create_topics(const TopicPlan& plan,
                                                const cli::CreateTopicsConfig& config,
                                                kafka::Admin& admin,
                                                const process::StopSignal& stop);

// stdout has the whole report; the log says what made the exit code, and the cause last, in the
// reverse order of exit_code_of().
void log_problems(const TopicReport& report, Log& log);

}  // namespace kstream::topics
