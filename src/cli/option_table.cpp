// The rows of the table. Defaults are not here: they are the member initializers of config.hpp.
#include "cli/option_table.hpp"

#include "cli/documents.hpp"
#include "cli/names.hpp"
#include "cli/option_binding.hpp"
#include "cli/option_checks.hpp"
#include "cli/values.hpp"
#include "kstream/core/aggregates.hpp"
#include "kstream/model/decimal.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <deque>
#include <iterator>
#include <limits>
#include <utility>

namespace kstream::cli {
namespace {

using binding::at;
using binding::at_as;
using binding::everywhere;
using binding::Problem;
using binding::Texts;
using std::string_view;

constexpr double kSecond = 1'000;
constexpr double kMinute = 60 * kSecond;
constexpr double kHour = 60 * kMinute;

constexpr std::array<string_view, 4> kLogLevels{"error", "warn", "info", "debug"};
constexpr std::array<string_view, 2> kLogFormats{"text", "json"};
constexpr std::array<string_view, 5> kCompressions{"none", "gzip", "snappy", "lz4", "zstd"};
constexpr std::array<string_view, 2> kGroupProtocols{"classic", "consumer"};
constexpr std::array<string_view, 3> kOnBadRecord{"dead-letter", "skip", "fail"};
constexpr std::array<string_view, 2> kExplainForms{"text", "postgres"};
constexpr std::array<string_view, 2> kResultsOnReset{"keep", "tombstone"};
constexpr std::array<string_view, 1> kUntil{"end"};
constexpr std::array<string_view, 10> kScenarios{"all",       "decode",  "produce", "consume",
                                                 "aggregate", "latency", "keys",    "restore",
                                                 "statement", "windows"};

// ---- forms of their own -------------------------------------------------------------------------

// --start-time: RFC 3339 or unix seconds.
struct StartTime {
    static Problem set(std::optional<std::int64_t>& member, const ValueRules& /*rules*/,
                       string_view text) {
        if (const auto time = read_rfc3339(text); time && *time % 1'000 == 0) {
            member = *time / 1'000;
        } else if (const auto seconds = read_signed(text)) {
            member = *seconds;
        } else {
            return fmt::format("{} is neither an RFC 3339 time in whole seconds nor unix seconds",
                               text::in_quotes(text));
        }
        return std::nullopt;
    }
    static Texts get(const std::optional<std::int64_t>& member, const ValueRules& /*rules*/) {
        return member ? Texts{fmt::format("{}", *member)} : Texts();
    }
};

struct From {
    static Problem set(StartAt& member, const ValueRules& /*rules*/, string_view text) {
        if (text == "earliest" || text == "latest") {
            member.kind = text == "latest" ? StartAt::Kind::latest : StartAt::Kind::earliest;
            return std::nullopt;
        }
        auto time = read_rfc3339(text);
        if (!time) {
            if (const auto milliseconds = read_unsigned(text);
                milliseconds && std::in_range<std::int64_t>(*milliseconds)) {
                time = static_cast<std::int64_t>(*milliseconds);
            }
        }
        if (!time || *time < 0) {
            return fmt::format(
                "{} is none of earliest, latest, an RFC 3339 time, unix milliseconds",
                text::in_quotes(text));
        }
        member = {.kind = StartAt::Kind::timestamp, .timestamp_ms = *time};
        return std::nullopt;
    }
    static Texts get(const StartAt& member, const ValueRules& /*rules*/) {
        switch (member.kind) {
            case StartAt::Kind::earliest:
                return {"earliest"};
            case StartAt::Kind::latest:
                return {"latest"};
            case StartAt::Kind::timestamp:
                return {print_rfc3339(member.timestamp_ms)};
        }
        return {};
    }
};

struct ShareForm {
    static Problem set(std::optional<Share>& member, const ValueRules& /*rules*/,
                       string_view text) {
        const auto share = read_share(text);
        if (!share) {
            return share.error();
        }
        member = Share{*share};
        return std::nullopt;
    }
    static Texts get(const std::optional<Share>& member, const ValueRules& /*rules*/) {
        return member ? Texts{print_share(member->millionths)} : Texts();
    }
};

struct Until {
    static Problem set(bool& member, const ValueRules& rules, string_view text) {
        const auto index = read_choice(text, rules.choices);
        if (!index) {
            return index.error();
        }
        member = true;
        return std::nullopt;
    }
    static Texts get(bool member, const ValueRules& rules) {
        return member ? Texts{std::string(rules.choices.front())} : Texts();
    }
};

// --group-by FIELD
struct Field {
    static Problem set(std::vector<std::string>& member, const ValueRules& rules,
                       string_view text) {
        auto name = read_name(text);
        if (!name) {
            return name.error();
        }
        if (auto problem = rules.check(*name)) {
            return problem;
        }
        member.push_back(std::move(*name));
        return std::nullopt;
    }
    static Texts get(const std::vector<std::string>& member, const ValueRules& /*rules*/) {
        Texts texts;
        std::ranges::transform(member, std::back_inserter(texts), &print_name);
        return texts;
    }
};

// FIELD[=NAME], or [NAME] where the aggregate takes no field.
Read<AggregateSpec> read_aggregate(const AggregateRow& row, string_view text) {
    AggregateSpec read{.kind = row.kind, .input_field = {}, .output_name = {}};
    if (row.input != AggregateInput::none) {
        const std::size_t equals = find_bare(text, '=');
        const bool has_name = equals != string_view::npos;
        const string_view field_text = text.substr(0, equals);
        text = has_name ? text.substr(equals + 1) : string_view();
        if (field_text.empty() || (has_name && text.empty())) {
            return std::unexpected("not of the form FIELD or FIELD=NAME");
        }
        auto field = read_name(field_text);
        if (!field) {
            return std::unexpected(field.error());
        }
        read.input_field = std::move(*field);
    }
    auto name = text.empty() ? Read<std::string>(default_output_name(row, read.input_field))
                             : read_name(text);
    if (!name) {
        return std::unexpected(name.error());
    }
    read.output_name = std::move(*name);
    return read;
}

template <typename Aggregate>
struct AggregateForm {
    static Problem set(std::vector<AggregateSpec>& member, const ValueRules& /*rules*/,
                       string_view text) {
        auto read = read_aggregate(Aggregate::kRow, text);
        if (!read) {
            return read.error();
        }
        member.push_back(std::move(*read));
        return std::nullopt;
    }
    static Texts get(const std::vector<AggregateSpec>& member, const ValueRules& /*rules*/) {
        Texts texts;
        for (const AggregateSpec& one : member) {
            if (one.kind == Aggregate::kRow.kind) {
                texts.push_back(aggregate_text(one));
            }
        }
        return texts;
    }
};

std::string environment_name_of(string_view name) {
    std::string text = "KSTREAM_";
    for (const char c : name) {
        text += c == '-' ? '_' : static_cast<char>(c - 'a' + 'A');
    }
    return text;
}

// Words that are made here, for as long as the table.
string_view kept(std::string text) {
    static std::deque<std::string> texts;
    return texts.emplace_back(std::move(text));
}

// ---- the rows -----------------------------------------------------------------------------------

using enum OptionGroup;
using enum NumberForm;

void add_cluster_options(std::vector<OptionSpec>& table) {
    table.push_back({.name = "brokers",
                     .short_name = 'b',
                     .value = "HOST:PORT,...",
                     .group = cluster,
                     .help = "bootstrap brokers",
                     .details = "A few are enough: the client learns of the others from them.",
                     .rules = {.check = check_brokers},
                     .bindings = everywhere<&CommonConfig::brokers>()});
    table.push_back({.name = "client-property",
                     .short_name = 'X',
                     .value = "KEY=VALUE",
                     .group = cluster,
                     .repeatable = true,
                     .help = "set a librdkafka property, such as those of TLS and SASL",
                     .details = "In the configuration file: lines of the section [client]. In the "
                                "environment: KSTREAM_X_<KEY> with '_' for each '.', as in "
                                "KSTREAM_X_SASL_PASSWORD. The command line overrides the "
                                "environment, which overrides the file. Secrets are refused on "
                                "the command line.",
                     .absent = "none",
                     .environment_override = "KSTREAM_X_<KEY>",
                     .rules = {.check = check_client_property},
                     .bindings = everywhere<&CommonConfig::client_properties>()});
}

void add_topic_options(std::vector<OptionSpec>& table) {
    table.push_back(
        {.name = "application-id",
         .value = "NAME",
         .help = "name of the job, and prefix of everything it owns",
         .details = "Groups, internal topics and transactional ids are <NAME>-...; two "
                    "jobs on one cluster need different names.",
         .absent = "required",
         .rules = {.check = check_application_id},
         .bindings = {at<&CreateTopicsConfig::application_id>(),
                      at<&AggregateConfig::application_id>(), at<&AuditConfig::application_id>(),
                      at<&ResultsConfig::application_id>(), at<&ResetConfig::application_id>(),
                      at<&ExplainConfig::application_id>(),
                      at<&LatenessConfig::application_id>()}});
    table.push_back(
        {.name = "topic",
         .short_name = 't',
         .value = "TOPIC",
         .help = "source topic, which holds the records",
         .rules = {.check = check_topic},
         .bindings = {at<&ProduceConfig::topic>(), at<&CreateTopicsConfig::source_topic>(),
                      at<&AggregateConfig::spec, &AggregationSpec::source_topic>(),
                      at<&AuditConfig::spec, &AggregationSpec::source_topic>(),
                      at<&ResultsConfig::spec, &AggregationSpec::source_topic>()}});
    table.push_back(
        {.name = "output-topic",
         .value = "TOPIC",
         .help = "results topic, which receives the totals",
         .rules = {.check = check_topic},
         .bindings = {at<&ProduceConfig::results_topic>(), at<&CreateTopicsConfig::results_topic>(),
                      at<&AggregateConfig::results_topic>(), at<&AuditConfig::results_topic>(),
                      at<&ResultsConfig::results_topic>(), at<&ResetConfig::results_topic>(),
                      at<&ExplainConfig::results_topic>()}});
}

void add_produce_options(std::vector<OptionSpec>& table) {
    table.push_back({.name = "count",
                     .value = "N",
                     .help = "stop after this many records",
                     .absent = "no limit",
                     .section_only = true,
                     .rules = {.min = 0, .max = 1e15},
                     .bindings = {at<&ProduceConfig::count>()}});
    table.push_back({.name = "duration",
                     .value = "DURATION",
                     .help = "stop after this time",
                     .details = "For bench: the length of each round of the scenarios latency and "
                                "keys.",
                     .absent = "no limit",
                     .rules = {.min = 1, .max = 365 * 24 * kHour, .form = duration_or_seconds},
                     .bindings = {at<&ProduceConfig::duration>(), at<&BenchConfig::duration>()}});
    table.push_back({.name = "rate",
                     .value = "N",
                     .help = "records per second, open loop",
                     .details =
                         "Latency is measured from the time when a record was due, so a slow "
                         "broker cannot improve the figures.",
                     .absent = "as fast as possible",
                     .rules = {.min = 0.001, .max = 1e9},
                     .bindings = {at<&ProduceConfig::rate>(), at<&BenchConfig::rate>()}});
    table.push_back({.name = "seed",
                     .value = "N",
                     .help = "seed of the generator",
                     .details = "The same seed, count and start time give the same records, "
                                "regardless of threads, rate and batch sizes.",
                     .bindings = {at<&ProduceConfig::seed>(), at<&BenchConfig::seed>()}});
    table.push_back({.name = "start-time",
                     .value = "TIME",
                     .help = "event time of the first record: RFC 3339 or unix seconds",
                     .details = "Record i has the event time start + i/1000 seconds; of the other "
                                "shapes start + i/10000 seconds.",
                     .absent = "now",
                     .bindings = {at_as<StartTime, &ProduceConfig::start_time>()}});
    table.push_back({.name = "shape",
                     .value = "SHAPE",
                     .help = "what the records are like",
                     .details = "transactions: financial ones; nexmark: the people, auctions and "
                                "bids of Nexmark; shuffle: the records of ShuffleBench, 1024 bytes "
                                "of 1,000,000 ids. The last two need a topic of their own.",
                     .rules = {.choices = kShapeNames},
                     .bindings = {at<&ProduceConfig::shape>()}});
    table.push_back({.name = "out-of-order",
                     .value = "SHARE",
                     .help = "share of the records whose event time is set back: 0.01 or 1%",
                     .details = "Which ones, and by how much, follows from the seed.",
                     .absent = "0",
                     .bindings = {at_as<ShareForm, &ProduceConfig::out_of_order>()}});
    table.push_back({.name = "out-of-order-by",
                     .value = "DURATION",
                     .help = "by how much event times are set back at most",
                     .rules = {.min = 1, .max = 24 * kHour, .form = duration},
                     .bindings = {at<&ProduceConfig::out_of_order_by>()}});
    table.push_back({.name = "users",
                     .value = "N",
                     .help = "number of distinct users",
                     .rules = {.min = 1, .max = 1e9},
                     .bindings = {at<&ProduceConfig::users>()}});
    table.push_back({.name = "sellers",
                     .value = "N",
                     .help = "number of distinct sellers",
                     .rules = {.min = 1, .max = 1e9},
                     .bindings = {at<&ProduceConfig::sellers>(), at<&BenchConfig::sellers>()}});
    table.push_back({.name = "skew",
                     .value = "LAW",
                     .help = "distribution of the records over the sellers",
                     .details = "even: the same number for each; zipf: seller n has 1/n of the "
                                "records of seller 1.",
                     .rules = {.choices = kSkewNames},
                     .bindings = {at<&ProduceConfig::skew>()}});
    table.push_back({.name = "form",
                     .value = "FORM",
                     .help = "how the records are written",
                     .details = "flat: one member for each value; nested: two more, an object "
                                "cliente with uf and cidade, and quantia, the amount as a text. "
                                "The values are the same.",
                     .rules = {.choices = kTransactionFormNames},
                     .bindings = {at<&ProduceConfig::form>()}});
    table.push_back({.name = "locations",
                     .value = "N",
                     .help = "number of distinct locations",
                     .rules = {.min = 1, .max = 1e9},
                     .bindings = {at<&ProduceConfig::locations>()}});
    table.push_back({.name = "threads",
                     .value = "N",
                     .group = running,
                     .help = "threads that generate records",
                     .rules = {.min = 1, .max = 64},
                     .bindings = {at<&ProduceConfig::threads>(), at<&BenchConfig::threads>()}});
    table.push_back(
        {.name = "compression",
         .value = "CODEC",
         .group = running,
         .help = "compression of record batches",
         .rules = {.choices = kCompressions},
         .bindings = {at<&ProduceConfig::compression>(), at<&BenchConfig::compression>()}});
}

void add_create_topics_options(std::vector<OptionSpec>& table) {
    const ValueRules partition_count{.min = 1, .max = 10'000};
    const ValueRules replica_count{.min = 1, .max = 100};
    table.push_back({.name = "partitions",
                     .value = "N",
                     .help = "partitions of each topic",
                     .rules = partition_count,
                     .bindings = {at<&CreateTopicsConfig::policy, &TopicPolicy::partitions>()}});
    table.push_back({.name = "source-partitions",
                     .value = "N",
                     .help = "partitions of the source topic",
                     .absent = "as --partitions",
                     .rules = partition_count,
                     .bindings = {at<&CreateTopicsConfig::source_partitions>()}});
    table.push_back({.name = "repartition-partitions",
                     .value = "N",
                     .help = "partitions of the repartition and changelog topics",
                     .details = "Both have the same number, which limits how many workers can keep "
                                "totals.",
                     .absent = "as --partitions",
                     .rules = partition_count,
                     .bindings = {at<&CreateTopicsConfig::repartition_partitions>()}});
    table.push_back({.name = "results-partitions",
                     .value = "N",
                     .help = "partitions of the results topic",
                     .absent = "as --partitions",
                     .rules = partition_count,
                     .bindings = {at<&CreateTopicsConfig::results_partitions>()}});
    table.push_back(
        {.name = "replication-factor",
         .value = "N",
         .help = "replicas of each partition",
         .rules = replica_count,
         .bindings = {at<&CreateTopicsConfig::policy, &TopicPolicy::replication_factor>()}});
    table.push_back(
        {.name = "min-insync-replicas",
         .value = "N",
         .help = "replicas that must have a record before it is acknowledged",
         .rules = replica_count,
         .bindings = {at<&CreateTopicsConfig::policy, &TopicPolicy::min_insync_replicas>()}});
    table.push_back({.name = "topic-config",
                     .value = "ROLE.KEY=VALUE",
                     .repeatable = true,
                     .list = ListForm::settings,
                     .help = "set one topic configuration",
                     .details = "ROLE is one of source, repartition, changelog, results, "
                                "dead-letters, and late of a statement with windows; KEY is a "
                                "topic configuration of Kafka, as in "
                                "source.retention.ms=86400000. The value broker-default leaves the "
                                "setting to the brokers, for providers that do not let you set it; "
                                "create-topics reports what that costs.",
                     .absent = "none",
                     .rules = {.check = check_topic_config},
                     .bindings = {at<&CreateTopicsConfig::topic_configs>()}});
    table.push_back({.name = "wait",
                     .value = "SECONDS",
                     .group = running,
                     .help = "how long to wait for brokers, leaders and in-sync replicas",
                     .rules = {.min = 0, .max = kHour, .form = duration_or_seconds},
                     .bindings = {at<&CreateTopicsConfig::wait>()}});
}

template <typename Aggregate>
void add_aggregate_option(std::vector<OptionSpec>& table) {
    const AggregateRow& row = Aggregate::kRow;
    const bool has_field = row.input != AggregateInput::none;
    // The number of records to make has the name count as well: the same word for two things.
    const bool is_taken = std::ranges::find(table, row.name, &OptionSpec::name) != table.end();
    const AggregationSpec job = default_job();
    const bool is_default =
        std::ranges::find(job.aggregates, row.kind, &AggregateSpec::kind) != job.aggregates.end();
    std::string details =
        fmt::format("NAME defaults to {}.", default_output_name(row, has_field ? "<FIELD>" : ""));
    if (row.kind == kAggregates.front().kind) {
        details +=
            " The result has the fields of the aggregates in the order in which they are given.";
    }
    table.push_back(
        {.name = row.name,
         .value = has_field ? "FIELD[=NAME],..." : "[NAME]",
         .repeatable = true,
         .list = ListForm::names,
         .optional_value = !has_field,
         .help = kept(fmt::format("{}; NAME is the result field", row.doc)),
         .details = kept(std::move(details)),
         .absent = is_default ? "rows of any job" : "none",
         .environment_override =
             is_taken ? kept(environment_name_of(fmt::format("aggregate-{}", row.name)))
                      : string_view(),
         .section_only = is_taken,
         .aggregate = find_aggregate(row.kind),
         .bindings = {
             at_as<AggregateForm<Aggregate>, &AggregateConfig::spec,
                   &AggregationSpec::aggregates>(),
             at_as<AggregateForm<Aggregate>, &AuditConfig::spec, &AggregationSpec::aggregates>(),
             at_as<AggregateForm<Aggregate>, &ResultsConfig::spec,
                   &AggregationSpec::aggregates>()}});
}

template <auto Member>
std::vector<Binding> in_all_jobs() {
    return {at<&CreateTopicsConfig::query, Member>(), at<&AggregateConfig::query, Member>(),
            at<&AuditConfig::query, Member>(),        at<&ResultsConfig::query, Member>(),
            at<&ResetConfig::query, Member>(),        at<&ExplainConfig::query, Member>(),
            at<&BenchConfig::query, Member>(),        at<&LatenessConfig::query, Member>()};
}

void add_query_options(std::vector<OptionSpec>& table) {
    table.push_back(
        {.name = "query",
         .value = "SELECT",
         .help = "the job as one SELECT, in PostgreSQL's dialect",
         .details = "It names the source topic (FROM), the groups and what is "
                    "computed; INSERT INTO TOPIC SELECT names the output topic. docs/SQL.md says "
                    "what a statement may be.",
         .absent = "the job that the other options name",
         .bindings = in_all_jobs<&QueryConfig::text>()});
    table.push_back({.name = "query-file",
                     .value = "FILE",
                     .help = "the same, from a file",
                     .details = "An argument without an option that ends in .sql is taken for one.",
                     .absent = "none",
                     .bindings = in_all_jobs<&QueryConfig::file>()});
}

void add_job_options(std::vector<OptionSpec>& table) {
    add_query_options(table);
    table.push_back(
        {.name = "group-by",
         .value = "FIELD,...",
         .repeatable = true,
         .list = ListForm::names,
         .help = "fields to group by; repeat to add more",
         .details = kept(fmt::format("Giving any of {} replaces the default job entirely.",
                                     in_words(job_options()))),
         .absent = "rows of any job",
         .rules = {.check = check_field},
         .bindings = {at_as<Field, &AggregateConfig::spec, &AggregationSpec::group_by>(),
                      at_as<Field, &AuditConfig::spec, &AggregationSpec::group_by>(),
                      at_as<Field, &ResultsConfig::spec, &AggregationSpec::group_by>()}});
    Aggregates::each([&table](auto aggregate) {
        if constexpr (aggregate.kRow.option) {
            add_aggregate_option<decltype(aggregate)>(table);
        }
    });
    table.push_back({.name = "scale",
                     .value = "DIGITS",
                     .help = "decimal places that sums keep",
                     .details = "A record with more is a bad record: nothing is rounded.",
                     .rules = {.min = 0, .max = kMaxScale},
                     .bindings = {at<&AggregateConfig::spec, &AggregationSpec::scale>(),
                                  at<&AuditConfig::spec, &AggregationSpec::scale>(),
                                  at<&ResultsConfig::spec, &AggregationSpec::scale>(),
                                  at<&ExplainConfig::spec, &AggregationSpec::scale>(),
                                  at<&LatenessConfig::spec, &AggregationSpec::scale>()}});
    table.push_back(
        {.name = "max-distinct",
         .value = "N",
         .help = "different values that count(DISTINCT x) and percentile_disc keep for a key",
         .details = "A part of the job. With more, the column of that key is NULL for "
                    "good: said once in the log, and counted in a metric.",
         .rules = {.min = 1, .max = 1'000'000'000},
         .bindings = {at<&AggregateConfig::spec, &AggregationSpec::max_distinct>(),
                      at<&AuditConfig::spec, &AggregationSpec::max_distinct>(),
                      at<&ResultsConfig::spec, &AggregationSpec::max_distinct>(),
                      at<&ExplainConfig::spec, &AggregationSpec::max_distinct>()}});
    table.push_back({.name = "from",
                     .value = "WHERE",
                     .help = "where a new job starts reading: earliest, latest, a time",
                     .details = "A time is RFC 3339 or unix milliseconds. Ignored once the "
                                "application has committed anything; partitions added later are "
                                "read from their beginning.",
                     .bindings = {at_as<From, &AggregateConfig::from>()}});
    table.push_back({.name = "until",
                     .value = "end",
                     .help = "exit when all records that exist at the start are in the totals",
                     .absent = "run until stopped",
                     .rules = {.choices = kUntil},
                     .bindings = {at_as<Until, &AggregateConfig::until_end>()}});
    table.push_back({.name = "print",
                     .help = "with --until end: print the results at the end",
                     .details = "The same table that kstream results prints.",
                     .bindings = {at<&AggregateConfig::print_results>()}});
    table.push_back({.name = "close",
                     .help = "with --until end: close all windows at the end, for good",
                     .details = "The job has ended then: later starts refuse it, for every record "
                                "would be late. Give it to all workers.",
                     .bindings = {at<&AggregateConfig::close>()}});
    table.push_back({.name = "republish",
                     .help = "publish the results of all keys again, changed or not",
                     .details = "For a results topic that was re-created or emptied. Each state "
                                "partition once, by whichever process it belongs to; with "
                                "--until end the process ends after it.",
                     .bindings = {at<&AggregateConfig::republish>()}});
    table.push_back({.name = "on-bad-record",
                     .value = "POLICY",
                     .help = "what to do with a record that breaks the contract",
                     .details = "dead-letter: write it to <application-id>-dead-letters with its "
                                "bytes unchanged; skip: count it; fail: stop the process.",
                     .rules = {.choices = kOnBadRecord},
                     .bindings = {at<&AggregateConfig::on_bad_record>()}});
    table.push_back(
        {.name = "max-bad",
         .value = "SHARE",
         .help = "stop when more than this share of records is bad: 0.01 or 1%",
         .details = "A share of the records that this process has read, checked from 1000 records "
                    "on and at the end of --until end. The batch that exceeds it is not committed, "
                    "and the process ends with exit code 5.",
         .absent = "no limit",
         .bindings = {at_as<ShareForm, &AggregateConfig::max_bad>()}});
}

void add_aggregate_options(std::vector<OptionSpec>& table) {
    table.push_back({.name = "workers",
                     .value = "N",
                     .group = running,
                     .help = "workers in this process, each a map loop and a totals loop",
                     .rules = {.min = 1, .max = 64},
                     .bindings = {at<&AggregateConfig::workers>(), at<&BenchConfig::workers>()}});
    table.push_back({.name = "commit-interval",
                     .value = "DURATION",
                     .group = running,
                     .help = "max time that a record waits for its commit to begin",
                     .details = "Ten times as long, up to a second, while reading a backlog, since "
                                "each transaction costs the brokers CPU; up to five seconds with "
                                "many keys.",
                     .rules = {.min = 1, .max = kMinute, .form = duration},
                     .bindings = {at<&AggregateConfig::commit_interval>()}});
    table.push_back({.name = "instance-id",
                     .value = "NAME",
                     .group = running,
                     .help = "name of this process in its transactional ids",
                     .details = "Must be unique among the processes of a job: a newer process "
                                "fences an older one of the same name.",
                     .absent = "random at each start",
                     .rules = {.check = check_instance_id},
                     .bindings = {at<&AggregateConfig::instance_id>()}});
    table.push_back({.name = "group-instance-id",
                     .value = "NAME",
                     .group = running,
                     .help = "name of a static member of the consumer groups",
                     .details = "A process that restarts under the same name within the session "
                                "timeout keeps its partitions without a rebalance.",
                     .absent = "dynamic membership",
                     .rules = {.check = check_instance_id},
                     .bindings = {at<&AggregateConfig::group_instance_id>()}});
    table.push_back({.name = "group-protocol",
                     .value = "PROTOCOL",
                     .group = running,
                     .help = "rebalance protocol of the consumer groups",
                     .details =
                         "With consumer (KIP-848) the brokers assign partitions and set the "
                         "session timeout: group.consumer.session.timeout.ms, 45 s by default.",
                     .rules = {.choices = kGroupProtocols},
                     .bindings = {at<&AggregateConfig::group_protocol>()}});
    table.push_back({.name = "session-timeout",
                     .value = "DURATION",
                     .group = running,
                     .help = "a member that is silent this long loses its partitions",
                     .details = "Detecting a crash takes this long, and most of a recovery is that "
                                "wait. There are five heartbeats in this time, and no work delays "
                                "them. With --group-protocol consumer the brokers' "
                                "group.consumer.session.timeout.ms applies instead.",
                     .rules = {.min = kSecond, .max = 30 * kMinute, .form = duration},
                     .bindings = {at<&AggregateConfig::session_timeout>()}});
    table.push_back({.name = "keep-deltas",
                     .value = "DURATION",
                     .group = running,
                     .help = "how long the repartition topic keeps deltas that are in the totals",
                     .details = "In whole hours.",
                     .rules = {.min = 0, .max = 10 * 365 * 24 * kHour, .form = duration},
                     .bindings = {at<&AggregateConfig::keep_deltas>()}});
    table.push_back({.name = "takeover-timeout",
                     .value = "DURATION",
                     .group = running,
                     .help = "max wait for another process's open transaction",
                     .rules = {.min = kSecond, .max = kHour, .form = duration_or_seconds},
                     .bindings = {at<&AggregateConfig::takeover_timeout>()}});
}

void add_audit_options(std::vector<OptionSpec>& table) {
    table.push_back({.name = "quick",
                     .group = running,
                     .help = "show only positions and lag of the totals; prove nothing",
                     .bindings = {at<&AuditConfig::quick>()}});
    table.push_back({.name = "memory",
                     .value = "BYTES",
                     .group = running,
                     .help = "max memory for the keys: 500M, 2G",
                     .details = "If they do not fit, the logs are read once for each part of the "
                                "keys. The buffers of the client library are extra.",
                     .rules = {.min = 1e6, .max = 1e15},
                     .bindings = {at<&AuditConfig::memory>(), at<&ResultsConfig::memory>()}});
    table.push_back({.name = "base",
                     .value = "FILE",
                     .group = running,
                     .help = "start from what an earlier audit saved",
                     .details = "Use it when the source no longer holds its first records. The "
                                "proof is then as good as that file: keep it where nobody else "
                                "can write.",
                     .absent = "start where the job started",
                     .bindings = {at<&AuditConfig::base>()}});
    table.push_back({.name = "save-base",
                     .value = "FILE",
                     .group = running,
                     .help = "save what was proved, for a later --base",
                     .details = "Written only when everything is proved. FILE is replaced "
                                "atomically, and may be the one that --base names.",
                     .absent = "not written",
                     .bindings = {at<&AuditConfig::save_base>()}});
}

void add_results_options(std::vector<OptionSpec>& table) {
    table.push_back({.name = "key",
                     .value = "KEY",
                     .help = "show only the row of this key",
                     .details = "The key of the results topic: the text of a single string field, "
                                "otherwise a JSON array of the group-by values.",
                     .absent = "all keys",
                     .bindings = {at<&ResultsConfig::key>()}});
    table.push_back({.name = "follow",
                     .group = running,
                     .help = "keep printing rows as they are committed, until stopped",
                     .bindings = {at<&ResultsConfig::follow>()}});
    table.push_back({.name = "csv",
                     .group = observing,
                     .help = "print CSV with a header (RFC 4180)",
                     .bindings = {at<&ResultsConfig::csv>()}});
}

void add_explain_options(std::vector<OptionSpec>& table) {
    table.push_back({.name = "sample",
                     .value = "N",
                     .help = "also judge the newest N records of the topic, and show the results",
                     .details = "As many of each partition, with read_committed; joins no group "
                                "and writes nothing. Told are records in a total, filtered ones, "
                                "bad ones by their reason with the place of the first, and what "
                                "the results of these records alone are.",
                     .absent = "no cluster is asked",
                     .rules = {.min = 1, .max = 1e6},
                     .bindings = {at<&ExplainConfig::sample>()}});
    table.push_back({.name = "as",
                     .value = "FORM",
                     .help = "what to print: text, or a script for PostgreSQL",
                     .details = "postgres: a script for psql, PostgreSQL 15 or later, that "
                                "computes the job's results from an export of its topic.",
                     .rules = {.choices = kExplainForms},
                     .bindings = {at<&ExplainConfig::form>()}});
    table.push_back({.name = "export",
                     .value = "FILE",
                     .help = "write the topic's records as that script reads them",
                     .details = "All that is committed now, in the text format of COPY: what the "
                                "statement wants of each record and nothing else. Without --as "
                                "postgres nothing is printed.",
                     .absent = "no export",
                     .bindings = {at<&ExplainConfig::export_file>()}});
}

void add_bench_options(std::vector<OptionSpec>& table) {
    table.push_back({.name = "scenario",
                     .value = "NAME",
                     .help = "what to measure",
                     .details =
                         "decode: generating, encoding and decoding, without Kafka; produce: "
                         "to the last acknowledgement; consume: a bare client that discards "
                         "records; aggregate: to the last visible total, alternating with "
                         "consume; latency: from the time when a record is due to its visible "
                         "total; keys: aggregate and latency with many keys; restore: reading "
                         "state back; statement, which all leaves out: aggregate of two jobs that "
                         "only a statement says, or of the one that is given, on records of the "
                         "form nested; windows, which all leaves out too: the same of windows that "
                         "tumble and hop, and of sessions.",
                     .rules = {.choices = kScenarios},
                     .bindings = {at<&BenchConfig::scenario>()}});
    table.push_back({.name = "records",
                     .value = "N",
                     .help = "records per round; with few, the start dominates",
                     .rules = {.min = 1'000, .max = 1e12},
                     .bindings = {at<&BenchConfig::records>()}});
    table.push_back({.name = "rounds",
                     .value = "N",
                     .help = "rounds; the median is reported",
                     .rules = {.min = 1, .max = 1'000},
                     .bindings = {at<&BenchConfig::rounds>()}});
    table.push_back({.name = "keys",
                     .value = "N",
                     .help = "number of keys in the scenarios keys (Zipf's law) and restore (ten "
                             "updates each)",
                     .rules = {.min = 1'000, .max = 1e8},
                     .bindings = {at<&BenchConfig::keys>()}});
    table.push_back({.name = "against",
                     .value = "FILE",
                     .group = observing,
                     .help = "compare with an earlier --json result; exit code 10 when slower",
                     .details = "Slower means: the median is worse by more than half of both "
                                "spreads and by more than 5 %.",
                     .absent = "no comparison",
                     .bindings = {at<&BenchConfig::against>()}});
    table.push_back({.name = "percentiles",
                     .value = "FILE",
                     .group = observing,
                     .help = "write the latencies in HdrHistogram's text format (.hgrm)",
                     .details = "In milliseconds, for the scenario latency.",
                     .absent = "not written",
                     .bindings = {at<&BenchConfig::percentiles>()}});
}

void add_run_options(std::vector<OptionSpec>& table) {
    table.push_back({.name = "results",
                     .value = "WHAT",
                     .help = "what to do with the results",
                     .details = "keep: leave them; tombstone: write a null value for each key, "
                                "which deletes it for every reader.",
                     .rules = {.choices = kResultsOnReset},
                     .bindings = {at<&ResetConfig::results>()}});
    table.push_back(
        {.name = "dry-run",
         .group = running,
         .help = "check and report everything, change nothing",
         .bindings = {at<&CreateTopicsConfig::dry_run>(), at<&AggregateConfig::dry_run>()}});
    table.push_back({.name = "yes",
                     .group = running,
                     .help = "carry it out; without it, reset is a dry run",
                     .bindings = {at<&ResetConfig::yes>()}});
    table.push_back({.name = "json",
                     .group = observing,
                     .help = "print the report as JSON",
                     .bindings = {at<&ProduceConfig::json>(), at<&CreateTopicsConfig::json>(),
                                  at<&AuditConfig::json>(), at<&ResultsConfig::json>(),
                                  at<&BenchConfig::json>(), at<&ExplainConfig::json>(),
                                  at<&LatenessConfig::json>()}});
}

void add_observing_options(std::vector<OptionSpec>& table) {
    table.push_back({.name = "log-level",
                     .value = "LEVEL",
                     .group = observing,
                     .help = "log level, on stderr",
                     .rules = {.choices = kLogLevels},
                     .bindings = everywhere<&CommonConfig::log_level>()});
    table.push_back({.name = "log-format",
                     .value = "FORMAT",
                     .group = observing,
                     .help = "log format",
                     .rules = {.choices = kLogFormats},
                     .bindings = everywhere<&CommonConfig::log_json>()});
    table.push_back({.name = "http",
                     .value = "HOST:PORT",
                     .group = observing,
                     .help = "address of the status page, /metrics, /healthz, /readyz",
                     .details = "HOST is a numeric address or localhost; put an IPv6 address in "
                                "brackets. Port 0 picks a free port and logs it. health asks "
                                "there, on the loopback if HOST means all addresses.",
                     .absent = "off",
                     .rules = {.check = check_http_address},
                     .bindings = {at<&ProduceConfig::common, &CommonConfig::http>(),
                                  at<&AggregateConfig::common, &CommonConfig::http>(),
                                  at<&HealthConfig::common, &CommonConfig::http>()}});
    table.push_back(
        {.name = "http-allow-remote",
         .group = observing,
         .help = "allow --http on an address that other machines can reach",
         .details = "There is no authentication: use it only in a closed network.",
         .bindings = {at<&ProduceConfig::common, &CommonConfig::http_allow_remote>(),
                      at<&AggregateConfig::common, &CommonConfig::http_allow_remote>()}});
    table.push_back({.name = "http-advertise",
                     .value = "HOST:PORT",
                     .group = observing,
                     .help = "address at which others reach --http",
                     .details = "Advertised to the other processes of the job in the client.id of "
                                "the consumers, so that each knows which one to ask for a key "
                                "(/state). Defaults to this machine's host name if --http means "
                                "all addresses.",
                     .absent = "as --http",
                     .rules = {.check = check_advertised_address},
                     .bindings = {at<&AggregateConfig::http_advertise>()}});
    table.push_back({.name = "metrics-keys",
                     .value = "N",
                     .group = observing,
                     .help = "max keys whose totals /metrics shows (kstream_result_value)",
                     .details =
                         "Per worker, first come, first served: a series stays as long as the "
                         "worker has the key's partition. 0: none. The values are doubles, "
                         "for graphs; the results topic has the exact ones.",
                     .rules = {.min = 0, .max = 1'000},
                     .bindings = {at<&AggregateConfig::metrics_keys>()}});
}

constexpr std::array<SubcommandSpec, kSubcommandCount> kSubcommands{{
    {Subcommand::produce, "produce", "generate records and write them to the source topic",
     "Generates financial transactions from a seed and writes them with acks=all and idempotence. "
     "Creates missing topics. Waits for slow or absent brokers and drops nothing. On SIGINT or "
     "SIGTERM it stops generating, delivers what is queued, and reports.",
     "kstream produce --count 1_000_000 --seed 7"},
    {Subcommand::create_topics, "create-topics", "create the topics of a job, or check them",
     "Creates the source, results, dead-letter, repartition and changelog topics, and the late "
     "topic of a statement with windows, with the configurations that exactly-once needs. Existing "
     "topics are compared, never changed.",
     "kstream create-topics --partitions 12 --wait 30"},
    {Subcommand::aggregate, "aggregate", "keep exact totals of the source topic, exactly once",
     "Joins the consumer groups of the job and keeps its totals. Any number of processes share the "
     "partitions, each with --workers. On SIGINT or SIGTERM it commits what it has read, and "
     "exits.",
     "kstream aggregate --workers 2 --http 127.0.0.1:9404"},
    {Subcommand::audit, "audit", "recompute the totals from the source and compare them",
     "Counts the records of the source again, up to the positions of the totals, with code of its "
     "own, and compares each key with the changelog and the results. Give it the options that "
     "aggregate was given. It writes nothing to the cluster, joins no group, and may run beside "
     "the workers. Exit code 0: proved; 1: totals differ, and are listed; 9: cannot tell.",
     "kstream audit --application-id kstream"},
    {Subcommand::results, "results", "print the committed totals",
     "Reads the whole results topic with read_committed and prints the latest row of each key: as "
     "a "
     "table, as JSON lines with --json, or as CSV. With the job options of aggregate it leaves out "
     "rows that have other columns, reports them and exits with 78; it does the same for records "
     "that another program wrote.",
     "kstream results --key vendedor_1"},
    {Subcommand::reset, "reset", "delete the state of a job",
     "Deletes the committed offsets and the internal topics of a job that is not running, so that "
     "it starts from scratch. A dry run unless --yes is given.",
     "kstream reset --application-id kstream"},
    {Subcommand::bench, "bench", "measure speed and latency on this cluster",
     "Creates topics of its own, measures, compares every total with the generator's, and deletes "
     "the topics. A run with wrong totals reports no figures (exit code 1). produce and aggregate "
     "run as separate processes. Keep the machine otherwise idle.",
     "kstream bench --scenario aggregate --records 10M --json"},
    {Subcommand::health, "health", "ask the process on this machine whether it is ready",
     "Asks /readyz of the process that listens at --http, for two seconds at most, and prints the "
     "answer on one line. For the health check of a container, where the options of the process "
     "are "
     "in the environment. Exit code 0 if the process is ready, 8 if it is not or does not answer.",
     "kstream health --http 127.0.0.1:9404"},
    {Subcommand::explain, "explain", "say what a statement is as a job, and what it keeps",
     "Reads the statement alone, and no cluster but for --sample and --export: the canonical "
     "SELECT, what is read of a record, the groups, the columns, a result, what is kept for each "
     "key and in how many bytes, and the topics. Everything that is wrong with a statement is told "
     "with its place (exit code 2).",
     "kstream explain totals.sql --sample 1000"},
    {Subcommand::lateness, "lateness", "say how many records each grace would refuse",
     "Reads the topic of a statement with event time once, to its present end, with "
     "read_committed; joins no group and writes nothing. Says exactly how many of its records are "
     "late with the grace of the statement and with others, the least graces that keep 99 %, "
     "99.9 %, 99.99 % and all, how far each partition has come, and what else is wrong with "
     "records. What idle partitions would add is not counted.",
     "kstream lateness totals.sql"},
}};

}  // namespace

std::span<const SubcommandSpec, kSubcommandCount> subcommands() {
    return kSubcommands;
}

const SubcommandSpec& subcommand(Subcommand id) {
    return *std::ranges::find(kSubcommands, id, &SubcommandSpec::id);
}

Command default_command(Subcommand id) {
    switch (id) {
        case Subcommand::produce:
            return ProduceConfig{};
        case Subcommand::create_topics:
            return CreateTopicsConfig{};
        case Subcommand::aggregate:
            return AggregateConfig{};
        case Subcommand::audit:
            return AuditConfig{};
        case Subcommand::results:
            return ResultsConfig{};
        case Subcommand::reset:
            return ResetConfig{};
        case Subcommand::bench:
            return BenchConfig{};
        case Subcommand::health:
            return HealthConfig{};
        case Subcommand::explain:
            return ExplainConfig{};
        case Subcommand::lateness:
            return LatenessConfig{};
    }
    return {};
}

const std::vector<OptionSpec>& option_table() {
    static const std::vector<OptionSpec> table = [] {
        std::vector<OptionSpec> rows;
        add_topic_options(rows);
        add_produce_options(rows);
        add_job_options(rows);
        add_create_topics_options(rows);
        add_aggregate_options(rows);
        add_audit_options(rows);
        add_results_options(rows);
        add_explain_options(rows);
        add_bench_options(rows);
        add_run_options(rows);
        add_cluster_options(rows);
        add_observing_options(rows);
        return rows;
    }();
    return table;
}

std::string OptionSpec::environment_name() const {
    if (!environment_override.empty()) {
        return std::string(environment_override);
    }
    return environment_name_of(name);
}

const Binding* OptionSpec::binding(Subcommand id) const {
    const auto found = std::ranges::find(bindings, id, &Binding::subcommand);
    return found == bindings.end() ? nullptr : &*found;
}

std::string range_text(const ValueRules& rules) {
    if (!rules.choices.empty()) {
        return fmt::format("{}", fmt::join(rules.choices, ", "));
    }
    if (rules.max <= rules.min) {
        return {};
    }
    const auto print = [&](double value) {
        return rules.form == NumberForm::plain
                   ? fmt::format("{}", value)
                   : print_duration(std::chrono::milliseconds(static_cast<std::int64_t>(value)));
    };
    return fmt::format("{} .. {}", print(rules.min), print(rules.max));
}

std::string aggregate_text(const AggregateSpec& aggregate) {
    const std::string name = print_name(aggregate.output_name);
    return aggregate.input_field.empty()
               ? name
               : fmt::format("{}={}", print_name(aggregate.input_field), name);
}

std::vector<std::string> job_options() {
    std::vector<std::string> names{"--group-by"};
    for (const AggregateRow& row : kAggregates) {
        if (row.option) {
            names.push_back(fmt::format("--{}", row.name));
        }
    }
    return names;
}

std::string default_text(const OptionSpec& option, Subcommand id) {
    if (option.is_flag()) {
        return {};
    }
    const auto values = option.binding(id)->get(default_command(id), option.rules);
    return values.empty() ? std::string(option.absent) : fmt::format("{}", fmt::join(values, ", "));
}

}  // namespace kstream::cli
