// kstream audit: recomputes the totals of a job from its source and compares. It writes nothing to
// the cluster and joins no group, so it may run whenever somebody wants to know.

#include "app/audit_world.hpp"
#include "app/commands.hpp"
#include "kstream/audit/session.hpp"
#include "kstream/audit/statement_audit.hpp"
#include "kstream/ports/explain.hpp"
#include "process/zone_file.hpp"
#include "topics/ensure_topics.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <unistd.h>

namespace kstream::app {

namespace {

Result<audit::Report> audit_job(const cli::AuditConfig& config, AppContext& context) {
    std::shared_ptr<const audit::StatementAudit> statement;
    if (config.spec.statement) {
        auto made = audit::StatementAudit::make(config.query.job, process::read_zone_file);
        if (!made) {
            return std::unexpected(std::move(made.error()));
        }
        statement = *std::move(made);
    }
    Result<topics::Names> names =
        topics::make_names(config.application_id, config.spec.source_topic, config.results_topic,
                           topics::late_topic_if(has_windows(config.spec)));
    if (!names) {
        return std::unexpected(std::move(names.error()));
    }
    Result<kafka::Admin> admin = topics::reach_cluster(config.common, context.log, context.stop);
    if (!admin) {
        return std::unexpected(std::move(admin.error()));
    }
    AuditWorld world(config, std::move(*names), *admin, context);
    return audit::Session({.application_id = config.application_id,
                           .spec = config.spec,
                           .statement = std::move(statement),
                           .memory = config.memory,
                           .quick = config.quick,
                           .base = config.base,
                           .save_base = config.save_base},
                          world)
        .run();
}

// What stands in the way of files is said at once, not when the cluster has been read.
Result<void> check_files(const cli::AuditConfig& config) {
    if (!config.base.empty() && ::access(config.base.c_str(), R_OK) != 0) {
        return fail(ExitCode::usage,
                    fmt::format("--base {}: cannot be read: {}", config.base, std::strerror(errno)),
                    "name a file that --save-base has written");
    }
    if (config.save_base.empty()) {
        return {};
    }
    const std::size_t slash = config.save_base.rfind('/');
    const std::string folder = slash == std::string::npos ? "."
                               : slash == 0               ? "/"
                                                          : config.save_base.substr(0, slash);
    if (::access(folder.c_str(), W_OK | X_OK) != 0) {
        return fail(ExitCode::usage,
                    fmt::format("--save-base {}: nothing can be written in {}: {}",
                                config.save_base, folder, std::strerror(errno)),
                    "name a file in a folder that this user may write to");
    }
    return {};
}

}  // namespace

ExitCode run_command(const cli::AuditConfig& config, AppContext& context) {
    if (const Result<void> files = check_files(config); !files) {
        return explain(context.log, files.error(), "not audited");
    }
    const Result<audit::Report> report = audit_job(config, context);
    if (!report) {
        return explain(context.log, report.error(), "not audited");
    }
    const std::string text = config.json ? to_json(*report) : to_text(*report);
    std::fputs(text.c_str(), stdout);
    return report->exit_code();
}

}  // namespace kstream::app
