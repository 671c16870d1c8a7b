// `explain`: what a statement is as a job, from the statement alone; and the same for PostgreSQL,
// to be judged by it. Asks no cluster, but for an export of its topic.
#include "app/commands.hpp"
#include "app/export_topic.hpp"
#include "app/statement_zones.hpp"
#include "kstream/codec/spec_hash.hpp"
#include "kstream/core/aggregates.hpp"
#include "kstream/core/side_aggregates.hpp"
#include "kstream/job/functions.hpp"
#include "kstream/job/postgres.hpp"
#include "kstream/job/statement_text.hpp"
#include "kstream/ports/explain.hpp"
#include "process/standard_output.hpp"
#include "topics/topic_plan.hpp"

#include <fmt/format.h>

#include <iterator>
#include <string>
#include <string_view>

namespace kstream::app {
namespace {

// Where a printed script looks for the export when none was made with it.
constexpr std::string_view kExportFile = "records.tsv";

std::string input_text(const job::StatementJob& job, const job::Accumulator& accumulator) {
    const job::Input& input = job.plan.inputs[accumulator.input];
    std::string text;
    switch (accumulator.takes) {
        case job::Takes::every:
            text = "records";
            break;
        case job::Takes::not_null:
            text = "values of " + job::to_sql(*input.value, job.statement);
            break;
        case job::Takes::when_true:
            text = "records with " + job::to_sql(*input.value, job.statement);
            break;
        case job::Takes::value:
            text = job::to_sql(*input.value, job.statement);
            break;
    }
    if (input.filter) {
        text += " where " + job::to_sql(*input.filter, job.statement);
    }
    return text;
}

class Page {
public:
    void title(std::string_view text) { fmt::format_to(end(), "\n{}:\n", text); }
    template <typename... Args>
    void line(fmt::format_string<Args...> format, Args&&... args) {
        out_ += "  ";
        fmt::format_to(end(), format, std::forward<Args>(args)...);
        out_ += '\n';
    }
    std::string out_;

private:
    std::back_insert_iterator<std::string> end() { return std::back_inserter(out_); }
};

std::string text_of(const cli::ExplainConfig& config, const topics::Names& names) {
    const job::StatementJob& job = *config.query.job;
    const job::Statement& statement = job.statement;
    Page page;
    page.out_ = job::to_sql(statement);
    page.title("Read of each record");
    for (const job::Field& field : statement.fields) {
        page.line("{} ({})", field.spelling, job::name_of(field.type));
    }
    if (statement.fields.empty()) {
        page.line("nothing but that it is there");
    }
    page.title("Grouped by");
    for (const job::GroupColumn& group : statement.group_by) {
        page.line("{} ({})", job::to_sql(group.value, statement), job::name_of(group.value.type));
    }
    if (statement.group_by.empty()) {
        page.line("nothing: one row of all records");
    }
    page.title("Columns of the results");
    for (const job::Column& column : statement.columns) {
        page.line("{} ({}) = {}", column.name, job::name_of(column.value.type),
                  job::to_sql(column.value, statement));
    }
    page.title("Kept for each key");
    for (const job::Accumulator& accumulator : job.plan.accumulators) {
        const AggregateRow* const row = find_aggregate(accumulator.kind);
        const bool text = keeps_text(accumulator.kind);
        page.line("{} of {}: {} bytes{}",
                  row != nullptr                 ? row->name
                  : accumulator.kind == kMinText ? "min"
                                                 : "max",
                  input_text(job, accumulator), sizeof(Slot), text ? " and the text" : "");
    }
    page.line("{} bytes in memory, and the key", job.plan.accumulators.size() * sizeof(Slot));
    page.title("Topics");
    for (const TopicRole role : topics::kTopicRoles) {
        page.line("{}: {}", role_name(role), names.topic(role));
    }
    page.title("Identity");
    page.line("{:016x}, numbers of {} digits behind the point", spec_hash(config.spec),
              statement.scale);
    page.line("{}", config.spec.statement
                        ? "a job that only a statement says; kstream audit cannot prove it yet"
                        : "the same job as by --group-by, --sum and --count");
    return std::move(page.out_);
}

}  // namespace

ExitCode run_command(const cli::ExplainConfig& config, AppContext& context) {
    const Result<topics::Names> names =
        topics::make_names(config.application_id, config.spec.source_topic, config.results_topic);
    if (!names) {
        return explain(context.log, names.error());
    }
    if (const auto zones = zones_of(*config.query.job); !zones) {
        return explain(context.log, zones.error());
    }
    const bool for_postgres = config.form == cli::ExplainForm::postgres;
    if (!config.export_file.empty()) {
        if (const Result<void> done = export_topic(config, context); !done) {
            return explain(context.log, done.error(), "no export");
        }
        if (!for_postgres) {
            return ExitCode::ok;
        }
    }
    const std::string_view file = config.export_file.empty() ? kExportFile : config.export_file;
    const Result<bool> written =
        process::write_to_stdout(for_postgres ? job::to_postgres(config.query.job->statement, file)
                                              : text_of(config, *names));
    return written ? ExitCode::ok : explain(context.log, written.error());
}

}  // namespace kstream::app
