// `lateness`: one look at a topic, to its present end, and what each grace would refuse of it.
#include "app/commands.hpp"
#include "app/lateness_report.hpp"
#include "app/statement_zones.hpp"
#include "app/topic_scan.hpp"
#include "kstream/expr/window.hpp"
#include "kstream/pipeline/lateness_fold.hpp"
#include "kstream/ports/explain.hpp"
#include "process/standard_output.hpp"
#include "topics/ensure_topics.hpp"

#include <cstdint>
#include <string>
#include <utility>

namespace kstream::app {
namespace {

Result<std::string> look_at(const cli::LatenessConfig& config, AppContext& context) {
    const job::Statement& statement = config.query.job->statement;
    const auto zones = zones_of(*config.query.job);
    if (!zones) {
        return std::unexpected(zones.error());
    }
    Result<expr::Windows> windows = expr::Windows::make(statement.event_time->window, *zones);
    if (!windows) {
        return std::unexpected(std::move(windows.error()));
    }
    Result<kafka::Admin> admin = topics::reach_cluster(config.common, context.log, context.stop);
    if (!admin) {
        return std::unexpected(std::move(admin.error()));
    }
    const std::string& topic = statement.source_topic;
    const Result<TopicStretch> all = committed_stretch(topic, *admin);
    if (!all) {
        return std::unexpected(all.error());
    }
    Job job;
    job.spec = config.spec;
    job.statement = config.query.job;
    job.zones = *zones;
    kafka::TopicReader reader =
        topic_reader(config.common, config.application_id, topic, "lateness", context.log);
    LatenessFold fold{job, *std::move(windows), all->to.size(), &reader};
    const Result<void> read = scan_topic(
        topic, *all, reader, context, [&fold](RecordBatch records) { return fold.fold(records); });
    if (!read) {
        return std::unexpected(read.error());
    }
    const LatenessReport report{.statement = statement,
                                .offsets = offsets_in(*all),
                                .counts = fold.counts(),
                                .firsts = fold.firsts(),
                                .lateness = fold.lateness()};
    return config.json ? lateness_json(report) : lateness_text(report);
}

}  // namespace

ExitCode run_command(const cli::LatenessConfig& config, AppContext& context) {
    const Result<std::string> report = look_at(config, context);
    if (!report) {
        return explain(context.log, report.error());
    }
    const Result<bool> written = process::write_to_stdout(*report);
    return written ? ExitCode::ok : explain(context.log, written.error());
}

}  // namespace kstream::app
