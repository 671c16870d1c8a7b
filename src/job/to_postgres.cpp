// The script by which PostgreSQL judges a job: a table for each thing that becomes of a record, and
// expressions as calls of functions of oracle.sql (job/postgres_calls.hpp).
#include "job/names.hpp"
#include "job/postgres_calls.hpp"
#include "kstream/check.hpp"
#include "kstream/job/functions.hpp"
#include "kstream/job/plan.hpp"
#include "kstream/job/postgres.hpp"
#include "kstream/job/statement_text.hpp"

#include <algorithm>
#include <iterator>
#include <numeric>
#include <span>
#include <string_view>
#include <utility>

namespace kstream {

extern const std::string_view kOracleSql;  // src/job/oracle.sql

namespace job {
namespace {

using postgres::call;
using postgres::Calls;
using postgres::joined;
using postgres::numbered;
using postgres::Texts;
using std::string_view;

// Each line of it, however it ends, behind two dashes.
std::string as_comment(string_view text) {
    std::string made;
    bool begins = true;
    for (const char c : text) {
        made += begins ? "--   " : "";
        begins = c == '\n' || c == '\r';
        made += begins ? '\n' : c;
    }
    return made + (begins ? "" : "\n");
}

std::string always_quoted(string_view name) {
    std::string quoted = "\"";
    for (const char c : name) {
        quoted += c;
        if (c == '"') {
            quoted += c;
        }
    }
    return quoted + '"';
}

class Script {
public:
    explicit Script(const Statement& statement)
        : statement_(statement),
          event_time_(statement.event_time ? &*statement.event_time : nullptr),
          has_windows_(event_time_ != nullptr && event_time_->has_windows()),
          hops_(has_windows_ && event_time_->window.kind == WindowKind::hop),
          has_sessions_(event_time_ != nullptr && event_time_->has_sessions()),
          plan_(plan_of(statement)),
          calls_(statement) {
        for (std::size_t i = 0; i < statement.group_by.size(); ++i) {
            keys_.push_back(numbered('k', i));
        }
    }

    [[nodiscard]] std::string records() const {
        Texts columns;
        for (const ExportColumn& column : export_columns(statement_)) {
            columns.push_back("  " + column.name + ' ' + std::string{column.type});
        }
        std::string sql = "CREATE TABLE records (\n" + joined(columns, ",\n") + ");\n";
        for (std::size_t i = 0; i < statement_.fields.size(); ++i) {
            if (statement_.fields[i].origin == FieldOrigin::value) {
                sql += as_comment(numbered('f', i) + " is " + statement_.fields[i].spelling);
            }
        }
        return sql;
    }

    // Of a job with windows; rows of the export that are no records.
    [[nodiscard]] std::string advances() const {
        return "CREATE TABLE advances AS\n"
               "SELECT kafka_partition, kafka_offset, kafka_timestamp AS event_time\n"
               "FROM records WHERE bad_record = 'advance';\n"
               "CREATE INDEX ON advances (kafka_partition, kafka_offset);\n"
               "DELETE FROM records WHERE bad_record = 'advance';\n";
    }

    // Event time comes before all else but the record's JSON. Watermarks are over all records that
    // have one, whatever becomes of them.
    [[nodiscard]] std::string judged() const {
        Texts place{"kafka_partition", "kafka_offset"};
        Texts read = place;
        if (event_time_ != nullptr) {
            read.emplace_back("kafka_timestamp");
        }
        read.emplace_back("bad_record");
        for (std::size_t i = 0; i < statement_.fields.size(); ++i) {
            std::ranges::copy(value_of_field(i), std::back_inserter(read));
        }
        Texts computed = place;
        Texts kept = place;
        computed.insert(computed.end(), {"bad_record", "passes"});
        std::string bad;
        if (event_time_ != nullptr) {
            computed.emplace_back("event_time");
            kept.emplace_back("event_time");
        }
        if (has_windows_) {
            computed.emplace_back("watermark");
            kept.emplace_back("watermark");
        }
        if (has_bounds()) {
            computed.emplace_back("time_window");
            const std::string whole = hops_ ? "pane" : "window";
            kept.insert(kept.end(), {"time_window[1] AS " + whole + "_start",
                                     "time_window[2] AS " + whole + "_end"});
        }
        for (std::size_t i = 0; i < statement_.group_by.size(); ++i) {
            const std::string& key = keys_[i];
            const Expression& value = statement_.group_by[i].value;
            computed.push_back(kept_value(value, "passes = 'true'") + " AS " + key);
            bad.append("\n            WHEN ").append(key).append(" IS NULL OR is_bad(");
            bad.append(key).append(") THEN 'bad'");
            kept.push_back(key);
        }
        for (std::size_t i = 0; i < plan_.inputs.size(); ++i) {
            const std::string input = numbered('i', i);
            computed.push_back(input_value(plan_.inputs[i]) + " AS " + input);
            bad += "\n            WHEN is_bad(" + input + ") THEN 'bad'";
            kept.push_back(input);
        }
        if (has_unique()) {
            computed.insert(computed.end(),
                            {"seen", "CASE WHEN passes = 'true' THEN " +
                                         calls_.sql(*event_time_->unique_by) + " END AS id"});
            bad += "\n            WHEN id IS NULL OR is_bad(id) THEN 'bad'";
        }
        const std::string passes =
            statement_.where ? calls_.sql(*statement_.where) : std::string{"'true'"};
        const std::string verdict =
            std::string{"CASE WHEN bad_record IS NOT NULL THEN 'bad'\n"} +
            (event_time_ == nullptr ? "" : "            WHEN event_time IS NULL THEN 'bad'\n") +
            "            WHEN passes = err() THEN 'bad'\n"
            "            WHEN passes IS DISTINCT FROM 'true' THEN 'filtered'" +
            bad + (has_unique() ? "" : late()) + "\n            ELSE 'aggregated' END AS verdict";
        return "CREATE TABLE judged AS\n"
               "WITH read AS MATERIALIZED (\n  SELECT " +
               joined(read, ",\n         ") + "\n  FROM records),\n" + timed() +
               "passed AS MATERIALIZED (\n  SELECT *, " + passes + " AS passes\n  FROM " +
               (event_time_ == nullptr ? "read" : "timed") +
               "),\n"
               "computed AS MATERIALIZED (\n  SELECT " +
               joined(computed, ",\n         ") + "\n  FROM passed)" +
               (has_unique() ? compared(verdict, joined(kept, ",\n       "))
                             : "\nSELECT " + verdict + ",\n       " + joined(kept, ",\n       ") +
                                   "\nFROM computed;\n");
    }

    // Of windows that overlap: each record once for each of its windows.
    [[nodiscard]] std::string hopping() const {
        const Window& window = event_time_->window;
        const std::string slide = std::to_string(window.slide);
        const std::string size = std::to_string(window.size);
        return "CREATE TABLE hopping AS\n"
               "SELECT judged.*, window_start, window_start + " +
               size +
               " AS window_end\n"
               "FROM judged, generate_series((" +
               call("fixed_window",
                    {slide, std::to_string(window.origin - window.slide), "event_time"}) +
               ")[1], event_time - " + std::to_string(window.size - 1) + ", -" + slide +
               ") AS window_start\n"
               "WHERE verdict = 'aggregated';\n";
    }

    // Of windows that are published once: how far all partitions have come.
    [[nodiscard]] std::string reached() const {
        return "CREATE TABLE reached AS\n"
               "SELECT CASE WHEN count(*) = count(newest) THEN min(newest) END AS watermark\n"
               "FROM (SELECT max(event_time) AS newest\n"
               "      FROM (SELECT kafka_partition, event_time FROM judged\n"
               "            UNION ALL SELECT kafka_partition, event_time FROM advances) of_all\n"
               "      GROUP BY kafka_partition) of_partitions;\n";
    }

    // Gaps and islands: of each group in the order of time, a record further from the one before it
    // than the gap begins a session. Records of one time are of one session, whatever their order.
    [[nodiscard]] std::string in_sessions() const {
        const std::string gap = std::to_string(event_time_->window.size);
        const std::string group = keys_.empty() ? "" : "PARTITION BY " + joined(keys_, ", ") + ' ';
        const std::string session =
            "PARTITION BY " + joined(keys_, ", ") + (keys_.empty() ? "" : ", ") + "session";
        return "CREATE TABLE in_sessions AS\n"
               "WITH stepped AS (\n"
               "  SELECT *, event_time - lag(event_time) OVER (" +
               group +
               "ORDER BY event_time) AS step\n"
               "  FROM judged\n"
               "  WHERE verdict = 'aggregated'),\n"
               "numbered AS (\n"
               "  SELECT *, count(*) FILTER (WHERE step > " +
               gap + ") OVER (" + group +
               "ORDER BY event_time) AS session\n"
               "  FROM stepped)\n"
               "SELECT *, min(event_time) OVER (" +
               session +
               ") AS window_start,\n"
               "       max(event_time) OVER (" +
               session + ") + " + gap +
               " AS window_end\n"
               "FROM numbered;\n";
    }

    [[nodiscard]] std::string grouped() const {
        const Texts keys = all_keys();
        Texts columns = keys_;
        if (has_windows_) {
            columns.insert(columns.end(), {"window_start::text", "window_end::text"});
        }
        for (std::size_t i = 0; i < statement_.aggregates.size(); ++i) {
            columns.push_back(aggregate(i) + " AS " + numbered('a', i));
        }
        std::string sql = "CREATE TABLE grouped AS\nSELECT " + joined(columns, ",\n       ") +
                          "\nFROM " + windowed() + "\nWHERE verdict = 'aggregated'\n";
        if (is_final()) {
            // At its end, which is the last time and the gap, a session still takes records.
            sql += "  AND window_end + " +
                   std::to_string(event_time_->grace + (has_sessions_ ? 1 : 0)) +
                   " <= (SELECT watermark FROM reached)\n";
        }
        return sql +
               (keys.empty() ? std::string{"HAVING count(*) > 0"}
                             : "GROUP BY " + joined(keys, ", ")) +
               ";\n";
    }

    [[nodiscard]] std::string finished() const {
        Texts columns = keys_;
        if (has_windows_) {
            columns.emplace_back("window_start");
        }
        for (std::size_t i = 0; i < statement_.columns.size(); ++i) {
            columns.push_back("nullif(" + calls_.sql(statement_.columns[i].value) + ", err()) AS " +
                              numbered('c', i));
        }
        std::string sql =
            "CREATE TABLE finished AS\nSELECT " + joined(columns, ",\n       ") + "\nFROM grouped";
        if (statement_.having) {
            sql += "\nWHERE " + calls_.sql(*statement_.having) + " = 'true'";
        }
        return sql + ";\n";
    }

    [[nodiscard]] std::string results() const {
        Texts columns;
        for (std::size_t i = 0; i < statement_.columns.size(); ++i) {
            columns.push_back(shown(statement_.columns[i].value.type, numbered('c', i)) + " AS " +
                              always_quoted(statement_.columns[i].name));
        }
        std::string sql = "SELECT " + joined(columns, ",\n       ") + "\nFROM finished";
        Texts order;
        for (const std::string& key : keys_) {
            order.push_back(key + " COLLATE \"C\"");
        }
        if (has_windows_) {
            order.emplace_back("window_start::bigint");
        }
        return sql + (order.empty() ? "" : "\nORDER BY " + joined(order, ", ")) + ";\n";
    }

    [[nodiscard]] bool has_windows() const { return has_windows_; }
    [[nodiscard]] bool hops() const { return hops_; }
    [[nodiscard]] bool has_sessions() const { return has_sessions_; }
    [[nodiscard]] bool is_final() const {
        return has_windows_ && event_time_->emit == Emit::final_only;
    }

    [[nodiscard]] bool has_unique() const {
        return event_time_ != nullptr && event_time_->unique_by.has_value();
    }

private:
    // Whether a record's time alone says which window it is in.
    [[nodiscard]] bool has_bounds() const { return has_windows_ && !has_sessions_; }

    // The table of records in the windows that they count in.
    [[nodiscard]] std::string windowed() const {
        return hops_ ? "hopping" : has_sessions_ ? "in_sessions" : "judged";
    }

    // Each good record beside the copy in front of it, if there is one: a duplicate, or late, or
    // aggregated.
    [[nodiscard]] std::string compared(const std::string& verdict, const std::string& kept) const {
        return ",\nweighed AS MATERIALIZED (\n  SELECT *,\n       " + verdict +
               "\n  FROM computed),\n"
               "copied AS MATERIALIZED (\n"
               "  SELECT *, lag(greatest(seen, event_time))\n"
               "              OVER (PARTITION BY kafka_partition, verdict, id\n"
               "                    ORDER BY kafka_offset) AS seen_by_copy\n"
               "  FROM weighed)\n"
               "SELECT CASE WHEN verdict <> 'aggregated' THEN verdict\n"
               "            WHEN seen - seen_by_copy <= " +
               std::to_string(event_time_->within) + " THEN 'duplicate'" + late() +
               "\n            ELSE 'aggregated' END AS verdict,\n       " + kept +
               "\nFROM copied;\n";
    }

    [[nodiscard]] Texts all_keys() const {
        Texts keys = keys_;
        if (has_windows_) {
            keys.insert(keys.end(), {"window_start", "window_end"});
        }
        return keys;
    }

    // Each record with its event time, the newest one in front of it and its window.
    [[nodiscard]] std::string timed() const {
        if (event_time_ == nullptr) {
            return {};
        }
        const std::string max_ahead =
            event_time_->max_ahead ? std::to_string(*event_time_->max_ahead) : "NULL";
        const std::string sql =
            " AS MATERIALIZED (\n"
            "  SELECT *,\n"
            "         CASE WHEN bad_record IS NULL\n"
            "              THEN " +
            call("event_time", {calls_.sql(event_time_->time), "kafka_timestamp", max_ahead}) +
            "\n"
            "         END AS event_time\n"
            "  FROM read),\n";
        if (!has_windows_ && !has_unique()) {
            return "timed" + sql;
        }
        const std::string newest_before =
            "max(event_time) OVER (PARTITION BY kafka_partition ORDER BY kafka_offset\n"
            "                                 ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)";
        Texts more;
        if (has_unique()) {
            more.push_back("         " + newest_before + " AS seen");
        }
        if (has_windows_) {
            // Of several advances at one place the last one counts, which is the furthest.
            more.push_back("         greatest(\n           " + newest_before +
                           ",\n"
                           "           (SELECT a.event_time FROM advances a\n"
                           "            WHERE a.kafka_partition = dated.kafka_partition\n"
                           "              AND a.kafka_offset <= dated.kafka_offset\n"
                           "            ORDER BY a.kafka_offset DESC, a.event_time DESC LIMIT 1)) "
                           "AS watermark");
        }
        if (has_bounds()) {
            more.push_back(
                "         CASE WHEN event_time IS NOT NULL\n"
                "              THEN " +
                window() +
                "\n"
                "         END AS time_window");
        }
        return "dated" + sql + "timed AS MATERIALIZED (\n  SELECT *,\n" + joined(more, ",\n") +
               "\n  FROM dated),\n";
    }

    [[nodiscard]] std::string window() const {
        const Window& window = event_time_->window;
        if (window.kind == WindowKind::calendar) {
            return call("calendar_window",
                        {as_string(window.unit), as_string(window.zone), "event_time"});
        }
        // A start before 1970: no time of a record is before it. Of windows that overlap the pane,
        // of which all of them are whole numbers: by its end the grace is counted.
        const std::int64_t length = hops_ ? std::gcd(window.size, window.slide) : window.size;
        const std::int64_t origin = window.origin - (hops_ ? window.slide : window.size);
        return call("fixed_window", {std::to_string(length), std::to_string(origin), "event_time"});
    }

    [[nodiscard]] std::string late() const {
        if (!has_windows_) {
            return {};
        }
        return std::string{"\n            WHEN "} +
               (has_sessions_ ? "event_time + 1" : "time_window[2]") + " + " +
               std::to_string(event_time_->grace) + " <= watermark THEN 'late'";
    }

    [[nodiscard]] Texts value_of_field(std::size_t i) const {
        const Field& field = statement_.fields[i];
        const std::string as = " AS " + numbered('v', i);
        const std::string name = numbered('f', i);
        switch (field.origin) {
            case FieldOrigin::partition:
                return {"kafka_partition::text" + as};
            case FieldOrigin::offset:
                return {"kafka_offset::text" + as};
            case FieldOrigin::timestamp:
                return {"kafka_time(kafka_timestamp)" + as};
            default:
                return {name + "_kind",
                        call("field", {as_string(name_of_type(field.type)), name + "_kind", name}) +
                            as};
        }
    }

    [[nodiscard]] static string_view name_of_type(ValueType type) {
        return type == ValueType::timestamp ? "timestamp" : name_of(type);
    }

    [[nodiscard]] std::string kept_value(const Expression& value, string_view when) const {
        return "CASE WHEN " + std::string{when} + " THEN " +
               call("kept", {as_string(name_of_type(value.type)), std::to_string(statement_.scale),
                             calls_.sql(value)}) +
               " END";
    }

    [[nodiscard]] std::string input_value(const Input& input) const {
        std::string filter = "'true'";
        if (input.filter) {
            filter = calls_.sql(*input.filter);
        }
        std::string value = "'true'";
        if (input.value && input.strict) {
            value = call("kept", {as_string(name_of_type(input.value->type)),
                                  std::to_string(statement_.scale), calls_.sql(*input.value)});
        } else if (input.value) {
            value = call("counted", {calls_.presence(*input.value)});
        }
        const std::string when_passed = "CASE WHEN passes = 'true' THEN ";
        return when_passed + (input.filter ? call("filtered", {filter, value}) : value) + " END";
    }

    [[nodiscard]] std::string aggregate(std::size_t index) const {
        const Aggregate& one = statement_.aggregates[index];
        const std::string input =
            numbered('i', plan_.accumulators[plan_.aggregates[index].value].input);
        const ValueType type = one.input ? one.input->type : ValueType::boolean;
        const std::string typed = input + (type == ValueType::numeric     ? "::numeric"
                                           : type == ValueType::timestamp ? "::bigint"
                                           : type == ValueType::boolean   ? "::boolean"
                                                                          : " COLLATE \"C\"");
        const std::string digits = std::to_string(one.scale);
        const std::string n = "count(" + input + ")";
        const std::string values = "count(DISTINCT " + input + " COLLATE \"C\")";
        const auto number = [](const std::string& sql) { return "number_text(" + sql + ")"; };
        // n * sum(x^2) - sum(x)^2: n^2 times the variance.
        const std::string spread =
            n + " * sum(" + typed + " * " + typed + ") - sum(" + typed + ") * sum(" + typed + ")";
        const std::string of_all = n + "::numeric * " + n;
        const std::string of_sample = "nullif(" + n + "::numeric * (" + n + " - 1), 0)";
        switch (one.function) {
            case AggregateFunction::count_all:
            case AggregateFunction::count:
                return n + "::text";
            case AggregateFunction::count_distinct:
                // What is over the cap is NULL.
                return "CASE WHEN " + values + " <= " + std::to_string(statement_.max_distinct) +
                       " THEN " + values + "::text END";
            case AggregateFunction::sum:
                return number("sum(" + typed + ")");
            case AggregateFunction::avg:
                return number("round_quotient(sum(" + typed + "), " + n + ", " + digits + ")");
            case AggregateFunction::min:
            case AggregateFunction::max:
            case AggregateFunction::bool_and:
            case AggregateFunction::bool_or: {
                const std::string made = std::string{row_of(one.function).name} + '(' + typed + ')';
                return type == ValueType::numeric ? number(made) : made + "::text";
            }
            case AggregateFunction::percentile_disc: {
                const std::string made =
                    "percentile_disc(" + one.percentile + ") WITHIN GROUP (ORDER BY " + typed + ')';
                return "CASE WHEN count(DISTINCT " + typed +
                       ") <= " + std::to_string(statement_.max_distinct) + " THEN " +
                       (type == ValueType::numeric ? number(made) : '(' + made + ")::text") +
                       " END";
            }
            case AggregateFunction::var_pop:
                return number("round_quotient(" + spread + ", " + of_all + ", " + digits + ")");
            case AggregateFunction::var_samp:
                return number("round_quotient(" + spread + ", " + of_sample + ", " + digits + ")");
            case AggregateFunction::stddev_pop:
                return number("round_root(" + spread + ", nullif(" + of_all + ", 0), " + digits +
                              ")");
            case AggregateFunction::stddev_samp:
                return number("round_root(" + spread + ", " + of_sample + ", " + digits + ")");
        }
        return "NULL";
    }

    [[nodiscard]] static std::string shown(ValueType type, const std::string& column) {
        switch (type) {
            case ValueType::numeric:
                return column + "::numeric";
            case ValueType::boolean:
                return column + "::boolean";
            case ValueType::timestamp:
                return "instant(" + column + ")";
            case ValueType::scalar:
                return "scalar_json(" + column + ")";
            default:
                return column;
        }
    }

    const Statement& statement_;
    const EventTime* event_time_;
    bool has_windows_;
    bool hops_;          // and they overlap
    bool has_sessions_;  // they are sessions
    Plan plan_;
    Calls calls_;
    Texts keys_;
};

}  // namespace

std::vector<ExportColumn> export_columns(const Statement& statement) {
    std::vector<ExportColumn> columns{{"kafka_partition", "int"},
                                      {"kafka_offset", "bigint"},
                                      {"kafka_timestamp", "bigint"},
                                      {"bad_record", "text"}};
    for (std::size_t i = 0; i < statement.fields.size(); ++i) {
        switch (statement.fields[i].origin) {
            case FieldOrigin::partition:
            case FieldOrigin::offset:
            case FieldOrigin::timestamp:
                break;
            default:
                columns.push_back({numbered('f', i) + "_kind", "text"});
                columns.push_back({numbered('f', i), "text"});
                break;
        }
    }
    return columns;
}

std::string to_postgres(const Statement& statement, std::string_view export_file) {
    const Script script{statement};
    std::string sql =
        "-- What the results of a job of kstream have to be, as PostgreSQL (15 or later) computes\n"
        "-- them from an export of the job's topic. Nothing of kstream is needed to run this:\n"
        "--   psql -X -f THIS_FILE DATABASE\n"
        "-- in the folder of the export, which is written by\n"
        "--   kstream explain JOB.sql --export FILE\n"
        "-- Everything is made in the schema kstream_explain, which is dropped first. The\n"
        "-- database has to be one in UTF8. The job:\n";
    sql += as_comment(to_sql(statement));
    sql +=
        "\n\\set ON_ERROR_STOP on\n"
        "SET client_encoding = 'UTF8';\n"
        "SET standard_conforming_strings = on;\n"
        "SET client_min_messages = warning;\n"
        "SET TimeZone = 'UTC';\n"
        "SET jit = off;\n"
        "DROP SCHEMA IF EXISTS kstream_explain CASCADE;\n"
        "CREATE SCHEMA kstream_explain;\n"
        "SET search_path = kstream_explain, pg_catalog;\n"
        "\n-- ==== Functions: the same for every job ====\n";
    sql += kOracleSql;
    sql +=
        "\n-- ==== The export: one row for each record that has a value ====\n"
        "-- bad_record: why the value is no JSON object; else NULL.\n";
    sql += script.records();
    sql += "\\copy records FROM " + as_string(export_file) + "\n";
    if (script.has_windows()) {
        sql +=
            "-- Partitions in which nothing came, moved on in event time by the job: up to which\n"
            "-- position, and to when. They are part of what the log says, and of no record.\n";
        sql += script.advances();
    }
    sql +=
        "\n-- ==== What becomes of each record ====\n"
        "-- v: fields, k: keys, i: inputs of aggregates. WHERE comes first, then the keys, then\n"
        "-- FILTER and the input of each aggregate.\n";
    if (statement.event_time) {
        sql += "-- Before all of them comes event_time: a record without a good one is bad.\n";
    }
    if (script.has_windows()) {
        sql +=
            "-- watermark: the newest event_time in front of the record in its partition, of all\n"
            "-- records, filtered and bad ones too, and of advances. A record is late when its\n"
            "-- ";
        sql += script.hops() ? "pane" : "window";
        sql +=
            " had ended by then, the grace included. Times are in milliseconds since\n"
            "-- 1970.\n";
    }
    if (script.has_sessions()) {
        sql += "-- Here the window of a record is the millisecond of its time.\n";
    }
    if (script.has_unique()) {
        sql +=
            "-- seen: the same of records alone. id: the value of unique_by. A good record is a\n"
            "-- duplicate when the same id stands in front of it in its partition and seen has "
            "gone\n"
            "-- on by no more than within since then, that record included.\n";
    }
    sql += script.judged();
    if (script.hops()) {
        sql += "\n-- ==== Each record once for each window that it is in ====\n";
        sql += script.hopping();
    }
    if (script.has_sessions()) {
        sql +=
            "\n-- ==== Sessions: what is at most the gap apart is one ====\n"
            "-- session: how many of its group have begun before it.\n";
        sql += script.in_sessions();
    }
    if (script.is_final()) {
        sql +=
            "\n-- ==== How far all partitions have come: later windows are not closed yet ====\n"
            "-- Nothing is closed while a partition has no time. One that nothing ever came in "
            "has\n"
            "-- a row among the advances, without a time.\n";
        sql += script.reached();
    }
    sql += "\n-- ==== Groups, a: aggregates ====\n";
    sql += script.grouped();
    sql += "\n-- ==== Columns; one that is out of bounds is NULL ====\n";
    sql += script.finished();
    sql += "\n-- ==== How many records were used, filtered by WHERE, ";
    sql += script.has_unique() ? "duplicates, " : "";
    sql += script.has_windows() ? "late, and bad" : "and bad";
    sql +=
        " ====\n"
        "SELECT verdict, count(*) FROM judged GROUP BY verdict ORDER BY verdict;\n"
        "\n-- ==== The results ====\n";
    sql += script.results();
    return sql;
}

}  // namespace job
}  // namespace kstream
