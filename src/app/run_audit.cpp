// kstream audit: recomputes the totals of a job from its source and compares. It writes nothing to
// the cluster and joins no group, so it may run whenever somebody wants to know.

#include "app/audit_report.hpp"
#include "app/audit_session.hpp"
#include "app/commands.hpp"
#include "app/ensure_topics.hpp"
#include "app/explain.hpp"

#include <cstdio>

namespace kstream::app {

namespace {

// 1 is the audit's verdict; its own bugs must not look like one.
ExitCode not_audited(Log& log, Error error) {
    if (error.exit_code == ExitCode::internal) {
        error.exit_code = ExitCode::cannot_tell;
    }
    return explain(log, "not audited", error);
}

}  // namespace

ExitCode run_audit(const cli::AuditConfig& config, AppContext& context) {
    // Before anything is waited for: a topic with two roles is a mistake of the options.
    if (const auto names =
            make_names(config.application_id, config.spec.source_topic, config.results_topic);
        !names) {
        return not_audited(context.log, names.error());
    }
    Result<kafka::Admin> admin = make_admin(config.common, context.log, context.stop);
    if (!admin) {
        return not_audited(context.log, std::move(admin.error()));
    }
    const Result<AuditReport> report = AuditSession(config, context, std::move(*admin)).run();
    if (!report) {
        return not_audited(context.log, report.error());
    }
    const std::string text = config.json ? audit_json(*report) : audit_text(*report);
    std::fputs(text.c_str(), stdout);
    return report->exit_code();
}

}  // namespace kstream::app
