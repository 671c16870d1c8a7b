// kstream audit: recomputes the totals of a job from its source and compares. It writes nothing to
// the cluster and joins no group, so it may run whenever somebody wants to know.

#include "app/audit_report.hpp"
#include "app/audit_session.hpp"
#include "app/commands.hpp"
#include "app/ensure_topics.hpp"
#include "app/explain.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <unistd.h>

namespace kstream::app {

namespace {

// 1 is the audit's verdict; its own bugs must not look like one.
ExitCode not_audited(Log& log, Error error) {
    if (error.exit_code == ExitCode::internal) {
        error.exit_code = ExitCode::cannot_tell;
    }
    return explain(log, "not audited", error);
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

ExitCode run_audit(const cli::AuditConfig& config, AppContext& context) {
    if (const Result<void> files = check_files(config); !files) {
        return not_audited(context.log, files.error());
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
