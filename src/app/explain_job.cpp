// `explain`: what a statement is as a job, from the statement alone; what would become of a sample
// of its topic; and the same job for PostgreSQL, to be judged by it.
#include "app/bad_rows.hpp"
#include "app/commands.hpp"
#include "app/explain_event_time.hpp"
#include "app/explain_sample.hpp"
#include "app/export_topic.hpp"
#include "app/page.hpp"
#include "app/statement_zones.hpp"
#include "kstream/check.hpp"
#include "kstream/codec/result_record.hpp"
#include "kstream/codec/spec_hash.hpp"
#include "kstream/core/aggregates.hpp"
#include "kstream/core/side_aggregates.hpp"
#include "kstream/core/time_text.hpp"
#include "kstream/job/functions.hpp"
#include "kstream/job/postgres.hpp"
#include "kstream/job/statement_text.hpp"
#include "kstream/pipeline/result_values.hpp"
#include "kstream/ports/explain.hpp"
#include "process/standard_output.hpp"
#include "text/json_writer.hpp"
#include "topics/topic_plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

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

std::string_view aggregate_name(AggregateKind kind) {
    if (const AggregateRow* const row = find_aggregate(kind)) {
        return row->name;
    }
    if (keeps_text(kind)) {
        return kind == kMinText ? "min" : "max";
    }
    const auto* const beside = std::ranges::find(kSideAggregates, kind, &SideAggregateRow::kind);
    return beside == kSideAggregates.end() ? std::string_view{} : beside->name;
}

// A result, as it is published.
struct Row {
    std::string key;
    std::string value;
};

constexpr std::int64_t kExampleTime = 1'769'860'800'000;
constexpr std::string_view kExampleTimeText = "2026-01-31T12:00:00Z";

// What a number, a truth or a time of the example is in a slot.
Decimal example_input(const job::Input& input, int scale) {
    if (input.value && input.value->type == job::ValueType::timestamp) {
        return {kExampleTime};
    }
    Int128 one = 1;
    for (int digit = 0; digit < scale; ++digit) {
        one *= 10;
    }
    return {one};
}

// Of a group of one record in which every number is 1 and every text is a.
Row example_of(const cli::ExplainConfig& config, const expr::ZoneFiles& zones,
               const std::optional<expr::TimeSpan>& window) {
    const job::StatementJob& statement = *config.query.job;
    Job job;
    job.spec = config.spec;
    if (job.spec.statement) {
        // One record may be too few for HAVING: what a result looks like is asked here.
        auto without_having = std::make_shared<job::StatementJob>(statement);
        without_having->statement.having.reset();
        job.statement = std::move(without_having);
        job.zones = zones;
    }
    job.kinds = Job::kinds_of(job.spec);
    GroupKey group;
    for (const job::GroupColumn& column : statement.statement.group_by) {
        switch (column.value.type) {
            case job::ValueType::numeric:
                group.values.push_back({GroupValueType::number, "1"});
                break;
            case job::ValueType::boolean:
                group.values.push_back({GroupValueType::boolean, "true"});
                break;
            case job::ValueType::timestamp:
                group.values.push_back({GroupValueType::string, kExampleTimeText});
                break;
            case job::ValueType::text:
            case job::ValueType::scalar:
            case job::ValueType::local:
                group.values.push_back({GroupValueType::string, "a"});
                break;
        }
    }
    if (window) {
        group.window_start = window->start;
        group.is_session = statement.statement.event_time->has_sessions();
    }
    TextStore texts;
    ValueSets values;
    constexpr std::uint64_t kNumber = 1;  // of the group
    std::vector<Slot> slots(job.kinds.size());
    for (std::size_t i = 0; i < slots.size(); ++i) {
        if (keeps_text(job.kinds[i])) {
            texts.merge(job.kinds[i], slots[i], "a");
        } else if (keeps_elements(job.kinds[i])) {
            slots[i] = Slot{Int128{1}, true};
            if (job.kinds[i] == kMultiset) {
                const job::Input& input =
                    statement.plan.inputs[statement.plan.accumulators[i].input];
                values.set_count({kNumber, static_cast<std::uint8_t>(i)},
                                 example_input(input, job.spec.scale).units, 1);
            }
        } else if (find_aggregate(job.kinds[i]) != nullptr) {
            const job::Plan& plan = statement.plan;
            add_input(job.kinds[i], slots[i],
                      example_input(plan.inputs[plan.accumulators[i].input], job.spec.scale));
        }
    }
    Row row;
    append_result_key(row.key, group);
    KSTREAM_CHECK(
        ResultValues{job}.append(row.value, group, slots, texts, {&values, {&kNumber, 1}}),
        "without HAVING every group has a result");
    return row;
}

constexpr std::size_t kHavingBytes = 1;

std::size_t bytes_per_key(const job::StatementJob& job) {
    return job.plan.accumulators.size() * sizeof(Slot) + (job.statement.having ? kHavingBytes : 0);
}

std::string_view identity_note(const cli::ExplainConfig& config) {
    return config.spec.statement ? "a job that only a statement can express"
                                 : "the same job as with --group-by, --sum and --count";
}

// Of results that are printed as a text; all are in the JSON.
constexpr std::size_t kRowsShown = 20;

void append_sample(Page& page, const SampleReport& sample, const job::Statement& statement) {
    page.title(fmt::format("Sample of {}, its newest records", sample.topic));
    const RecordTally& counts = sample.counts;
    const bool windows = statement.event_time && statement.event_time->has_windows();
    const bool unique = statement.event_time && statement.event_time->unique_by;
    page.line("{} records at {} offsets: {} aggregated, {}{}{} filtered by WHERE, {} tombstones",
              counts.read, sample.offsets, counts.aggregated,
              unique ? fmt::format("{} duplicates, ", counts.duplicates) : std::string{},
              windows ? fmt::format("{} late, ", counts.late) : std::string{}, counts.filtered,
              counts.tombstones);
    append_bad(page, sample.bad);
    page.title("Results of the sample");
    if (windows && statement.event_time->emit == job::Emit::final_only) {
        page.line("of all windows; the job publishes those that are closed");
    }
    std::size_t left = kRowsShown;
    for (const auto& [key, value] : sample.results) {
        if (left-- == 0) {
            page.line("and {} more; --json shows all", sample.results.size() - kRowsShown);
            break;
        }
        page.line("{}: {}", shown(key), shown(value));
    }
    if (sample.results.empty()) {
        page.line("none");
    }
}

std::string text_of(const cli::ExplainConfig& config, const topics::Names& names,
                    const Row& example, const std::optional<EventTimeReport>& event_time,
                    const std::optional<SampleReport>& sample) {
    const job::StatementJob& job = *config.query.job;
    const job::Statement& statement = job.statement;
    Page page;
    page.text = job::to_sql(statement);
    page.title("Fields read");
    for (const job::Field& field : statement.fields) {
        page.line("{} ({})", field.spelling, job::name_of(field.type));
    }
    if (statement.fields.empty()) {
        page.line("none: records are only counted");
    }
    page.title("Grouped by");
    for (const job::GroupColumn& group : statement.group_by) {
        page.line("{} ({})", job::to_sql(group.value, statement), job::name_of(group.value.type));
    }
    const bool windows = event_time && event_time->event.window.kind != job::WindowKind::none;
    if (windows) {
        page.line("window_start (timestamptz)");
    } else if (statement.group_by.empty()) {
        page.line("nothing: one row for all records");
    }
    page.title("Result columns");
    for (const job::Column& column : statement.columns) {
        page.line("{} ({}) = {}", column.name, job::name_of(column.value.type),
                  job::to_sql(column.value, statement));
    }
    page.title("Example result, with every number 1 and every text a");
    page.line("key: {}", example.key);
    page.line("value: {}", example.value);
    const bool sessions = event_time && event_time->event.has_sessions();
    page.title("State for each key");
    for (const job::Accumulator& accumulator : job.plan.accumulators) {
        page.line("{} of {}: {} bytes{}", aggregate_name(accumulator.kind),
                  input_text(job, accumulator), sizeof(Slot),
                  keeps_text(accumulator.kind) ? " and the text"
                  : keeps_elements(accumulator.kind)
                      ? fmt::format(", plus {} for each distinct value, at most {} of them",
                                    accumulator.kind == kMultiset || sessions ? "40" : "30 to 38",
                                    statement.max_distinct)
                      : std::string{});
    }
    if (statement.having) {
        page.line("whether HAVING lets the row into the results: {} byte", kHavingBytes);
    }
    page.line("{} bytes in memory, plus the key itself", bytes_per_key(job));
    if (event_time) {
        page.title("Event time");
        for (const std::string& line : lines_of(*event_time)) {
            page.line("{}", line);
        }
    }
    page.title("Topics");
    for (const TopicRole role : names.roles()) {
        page.line("{}: {}", role_name(role), names.topic(role));
    }
    page.title("Identity");
    page.line("{:016x}, numbers with {} decimal places", spec_hash(config.spec), statement.scale);
    page.line("{}", identity_note(config));
    if (sample) {
        append_sample(page, *sample, statement);
    }
    return std::move(page.text);
}

void append_row(text::JsonWriter& json, std::string_view key, std::string_view value) {
    json.begin_object().field("key", key).key("value").raw(value).end_object();
}

void append_sample(text::JsonWriter& json, const SampleReport& sample,
                   const job::Statement& statement) {
    const RecordTally& counts = sample.counts;
    json.key("sample").begin_object();
    json.field("topic", sample.topic)
        .field("offsets", sample.offsets)
        .field("records", counts.read)
        .field("aggregated", counts.aggregated)
        .field("filtered", counts.filtered)
        .field("tombstones", counts.tombstones);
    if (statement.event_time && statement.event_time->has_windows()) {
        json.field("late", counts.late);
    }
    if (statement.event_time && statement.event_time->unique_by) {
        json.field("duplicates", counts.duplicates);
    }
    append_bad(json, sample.bad);
    json.array("results", sample.results,
               [&json](const auto& row) { append_row(json, row.first, row.second); });
    json.end_object();
}

std::string json_of(const cli::ExplainConfig& config, const topics::Names& names,
                    const Row& example, const std::optional<EventTimeReport>& event_time,
                    const std::optional<SampleReport>& sample) {
    const job::StatementJob& job = *config.query.job;
    const job::Statement& statement = job.statement;
    text::JsonWriter json;
    json.begin_object().field("statement", job::to_sql(statement));
    json.array("reads", statement.fields, [&json](const job::Field& field) {
        json.begin_object()
            .field("field", field.spelling)
            .field("type", job::name_of(field.type))
            .end_object();
    });
    json.array("group_by", statement.group_by, [&](const job::GroupColumn& group) {
        json.begin_object()
            .field("expression", job::to_sql(group.value, statement))
            .field("type", job::name_of(group.value.type))
            .end_object();
    });
    json.array("columns", statement.columns, [&](const job::Column& column) {
        json.begin_object()
            .field("name", column.name)
            .field("type", job::name_of(column.value.type))
            .field("expression", job::to_sql(column.value, statement))
            .end_object();
    });
    json.key("example");
    append_row(json, example.key, example.value);
    json.array("kept", job.plan.accumulators, [&](const job::Accumulator& accumulator) {
        json.begin_object()
            .field("aggregate", aggregate_name(accumulator.kind))
            .field("of", input_text(job, accumulator))
            .field("bytes", sizeof(Slot))
            .field("text", keeps_text(accumulator.kind))
            .end_object();
    });
    json.field("bytes_per_key", bytes_per_key(job));
    if (event_time) {
        json.key("event_time");
        append(json, *event_time);
    }
    json.key("topics").begin_object();
    for (const TopicRole role : names.roles()) {
        json.field(role_name(role), names.topic(role));
    }
    json.end_object();
    json.key("identity")
        .begin_object()
        .field("spec_hash", fmt::format("{:016x}", spec_hash(config.spec)))
        .field("scale", statement.scale)
        .field("only_a_statement", config.spec.statement.has_value())
        .end_object();
    if (sample) {
        append_sample(json, *sample, statement);
    }
    return json.end_object().take() + '\n';
}

}  // namespace

ExitCode run_command(const cli::ExplainConfig& config, AppContext& context) {
    const Result<topics::Names> names =
        topics::make_names(config.application_id, config.spec.source_topic, config.results_topic,
                           topics::late_topic_if(has_windows(config.spec)));
    if (!names) {
        return explain(context.log, names.error());
    }
    const auto zones = zones_of(*config.query.job);
    if (!zones) {
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
    if (for_postgres) {
        const std::string_view file = config.export_file.empty() ? kExportFile : config.export_file;
        const Result<bool> script =
            process::write_to_stdout(job::to_postgres(config.query.job->statement, file));
        return script ? ExitCode::ok : explain(context.log, script.error());
    }
    std::optional<SampleReport> sample;
    if (config.sample) {
        Result<SampleReport> taken = take_sample(config, *zones, context);
        if (!taken) {
            return explain(context.log, taken.error());
        }
        sample = std::move(*taken);
    }
    const job::StatementJob& job = *config.query.job;
    std::optional<EventTimeReport> event_time;
    std::optional<expr::TimeSpan> window;
    if (job.statement.event_time) {
        auto report = report_event_time(job.statement, names->late, bytes_per_key(job),
                                        context.clock.wall_ms(), *zones);
        if (!report) {
            return explain(context.log, report.error());
        }
        event_time = *std::move(report);
        if (event_time->event.window.kind != job::WindowKind::none) {
            const auto found = example_window(event_time->event.window, kExampleTime, *zones);
            if (!found) {
                return explain(context.log, found.error());
            }
            window = *found;
        }
    }
    const Row example = example_of(config, *zones, window);
    const Result<bool> written = process::write_to_stdout(
        config.json ? json_of(config, *names, example, event_time, sample)
                    : text_of(config, *names, example, event_time, sample));
    return written ? ExitCode::ok : explain(context.log, written.error());
}

}  // namespace kstream::app
