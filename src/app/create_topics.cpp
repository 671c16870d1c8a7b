// kstream create-topics: makes the topics of a job, or says what differs.

#include "topics/create_topics.hpp"

#include "app/commands.hpp"
#include "kstream/ports/explain.hpp"
#include "topics/ensure_topics.hpp"

#include <cstdio>
#include <string>

namespace kstream::app {

ExitCode run_command(const cli::CreateTopicsConfig& config, AppContext& context) {
    const auto failed = [&context](const Error& error) {
        return explain(context.log, error, "topics were not created");
    };
    const Result<topics::TopicPlan> plan = topics::make_topic_plan(topics::plan_input(config));
    if (!plan) {
        return failed(plan.error());
    }
    Result<kafka::Admin> admin = topics::make_admin(config.common, context.log, context.stop);
    if (!admin) {
        return failed(admin.error());
    }
    const Result<topics::TopicReport> report =
        topics::create_topics(*plan, config, *admin, context.stop);
    if (!report) {
        return failed(report.error());
    }
    const std::string text = config.json ? to_json(*report) : to_table(*report);
    std::fputs(text.c_str(), stdout);
    log_problems(*report, context.log);
    return exit_code_of(*report);
}

}  // namespace kstream::app
