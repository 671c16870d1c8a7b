// What the command line, the environment and the configuration file come to: one plain struct per
// subcommand, already validated as far as that is possible without I/O. The option table
// (cli/option_table.cpp) is the only writer; src/app reads.
#pragma once

#include "kstream/core/aggregates.hpp"
#include "kstream/job/statement_job.hpp"
#include "kstream/model/aggregation_spec.hpp"
#include "kstream/model/shape.hpp"
#include "kstream/model/skew.hpp"
#include "kstream/model/transaction.hpp"
#include "kstream/ports/log.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace kstream::cli {

// The three brokers of scripts/cluster.sh and deploy/compose.yml.
inline constexpr const char* kDefaultBrokers = "localhost:29092,localhost:39092,localhost:49092";

struct CommonConfig {
    std::string brokers = kDefaultBrokers;
    std::vector<std::pair<std::string, std::string>> client_properties;  // -X, in order, checked
    LogLevel log_level = LogLevel::info;
    bool log_json = false;            // --log-format text|json
    std::optional<std::string> http;  // --http HOST:PORT; off when absent
    bool http_allow_remote = false;   // --http-allow-remote: a non-loopback address is meant
};

// Of records; exact, so that what it decides does not depend on rounding.
struct Share {
    std::int64_t millionths = 0;
    friend bool operator==(const Share&, const Share&) = default;
};

struct ProduceConfig {
    CommonConfig common;
    std::string topic = "financial_transactions";
    std::string results_topic = "aggregated_transactions";  // made too when missing
    std::optional<std::uint64_t> count;                     // records; no bound when absent
    std::optional<std::chrono::milliseconds> duration;
    std::optional<double> rate;  // records/s; as fast as it goes when absent
    std::uint64_t seed = 1;
    std::optional<std::int64_t> start_time;  // unix seconds of record 0; absent: now
    Shape shape = Shape::transactions;
    std::optional<Share> out_of_order;  // none: all are in order
    std::chrono::milliseconds out_of_order_by{4000};
    int threads = 1;
    std::uint32_t users = 1000;  // these five: of transactions alone
    std::uint32_t sellers = 3;
    std::uint32_t locations = 50;
    Skew skew = Skew::even;
    TransactionForm form = TransactionForm::flat;
    std::string compression = "lz4";
    bool json = false;
};

struct TopicPolicy {
    int partitions = 6;
    int replication_factor = 3;
    int min_insync_replicas = 2;
};

// A job by its statement.
struct QueryConfig {
    std::string text;                              // --query
    std::string file;                              // --query-file, or an argument FILE.sql
    std::shared_ptr<const job::StatementJob> job;  // what it says; none where none was given
};

struct CreateTopicsConfig {
    CommonConfig common;
    std::string application_id = "kstream";
    std::string source_topic = "financial_transactions";
    std::string results_topic = "aggregated_transactions";
    QueryConfig query;
    bool windows = false;  // of the statement: the job has a topic for late records
    TopicPolicy policy;
    std::optional<int> source_partitions;       // each defaults to policy.partitions
    std::optional<int> repartition_partitions;  // repartition and changelog have the same count
    std::optional<int> results_partitions;
    std::vector<std::pair<std::string, std::string>>
        topic_configs;  // --topic-config ROLE.KEY=VALUE
    bool dry_run = false;
    std::chrono::seconds wait{0};
    bool json = false;
};

enum class OnBadRecord : std::uint8_t { dead_letter, skip, fail };

struct StartAt {  // --from earliest | latest | RFC 3339 time or unix milliseconds
    enum class Kind : std::uint8_t { earliest, latest, timestamp } kind = Kind::earliest;
    std::int64_t timestamp_ms = 0;
};

// The job when no other is named: totals and counts per seller.
[[nodiscard]] inline AggregationSpec default_job() {
    return {.source_topic = "financial_transactions",
            .group_by = {"id_vendedor"},
            .aggregates = {{aggregate_named("sum"), "valor", "valor_total_por_vendedor"},
                           {aggregate_named("count"), "", "numero_transacoes"}}};
}

struct AggregateConfig {
    CommonConfig common;
    std::string application_id = "kstream";
    AggregationSpec spec = default_job();
    std::string results_topic = "aggregated_transactions";
    QueryConfig query;
    int workers = 1;
    std::chrono::milliseconds commit_interval{100};
    StartAt from;
    bool until_end = false;
    bool print_results = false;     // --print, with until_end
    bool close = false;             // all windows at the end, for good; with until_end
    bool republish = false;         // all totals go to the results topic once more
    std::string instance_id;        // empty: random per start
    std::string group_instance_id;  // empty: dynamic membership
    std::string group_protocol = "classic";
    std::chrono::milliseconds session_timeout{8000};
    OnBadRecord on_bad_record = OnBadRecord::dead_letter;
    std::optional<Share> max_bad;  // none: however many
    std::chrono::hours keep_deltas{24};
    std::string http_advertise;                 // --http-advertise HOST:PORT; empty: found out
    int metrics_keys = 20;                      // totals that /metrics shows, of each worker
    std::chrono::seconds takeover_timeout{60};  // bounded wait for another's open transaction (P8)
    bool dry_run = false;
};

enum class ResultsOnReset : std::uint8_t { keep, tombstone };

struct ResetConfig {
    CommonConfig common;
    std::string application_id;  // no default: naming the job is the point
    std::string results_topic = "aggregated_transactions";
    QueryConfig query;
    bool windows = false;  // of the statement: the job has a topic for late records
    ResultsOnReset results = ResultsOnReset::keep;
    bool yes = false;
};

struct AuditConfig {
    CommonConfig common;
    std::string application_id = "kstream";
    AggregationSpec spec = default_job();
    std::string results_topic = "aggregated_transactions";
    QueryConfig query;
    bool quick = false;                    // cut and lag only
    std::uint64_t memory = 1'000'000'000;  // bytes for the accounts of the keys
    std::string base;                      // what an earlier proved audit has saved
    std::string save_base;
    bool json = false;
};

struct ResultsConfig {
    CommonConfig common;
    std::string application_id = "kstream";
    // Without group-by and aggregates: rows of any one job are shown.
    AggregationSpec spec{
        .source_topic = "financial_transactions", .group_by = {}, .aggregates = {}};
    std::string results_topic = "aggregated_transactions";
    QueryConfig query;
    std::optional<std::string> key;        // only this key's row
    bool follow = false;                   // go on with what is committed later
    std::uint64_t memory = 1'000'000'000;  // bytes for rows
    bool csv = false;
    bool json = false;
};

enum class BenchScenario : std::uint8_t {
    all,
    decode,
    produce,
    consume,
    aggregate,
    latency,
    keys,
    restore,
    statement,
    windows
};

struct BenchConfig {
    CommonConfig common;
    BenchScenario scenario = BenchScenario::all;
    QueryConfig query;  // statement; none: two of its own
    std::uint64_t records = 30'000'000;
    int rounds = 3;
    double rate = 20'000;                       // latency, keys: records/s
    std::chrono::milliseconds duration{20000};  // latency, keys: of each round
    std::uint32_t keys = 1'000'000;             // keys, restore
    std::uint64_t seed = 1;
    std::uint32_t sellers = 3;
    int threads = 1;
    int workers = 1;
    std::string compression = "lz4";
    std::string percentiles;  // file to write
    std::string against;      // file to compare with
    bool json = false;
};

// Asks a process of this machine: common.http is the address that it listens on.
struct HealthConfig {
    CommonConfig common;
};

enum class ExplainForm : std::uint8_t { text, postgres };

// What a job is and what it keeps, from its statement alone: asks no cluster, but for `sample` and
// an export.
struct ExplainConfig {
    CommonConfig common;
    std::string application_id = "kstream";
    AggregationSpec spec = default_job();
    std::string results_topic = "aggregated_transactions";
    QueryConfig query;
    std::optional<std::uint64_t> sample;  // records of the real topic
    bool json = false;
    ExplainForm form = ExplainForm::text;
    std::string export_file;  // --export FILE
};

// What each grace would refuse of a topic's records, by one look at them.
struct LatenessConfig {
    CommonConfig common;
    std::string application_id = "kstream";
    AggregationSpec spec = default_job();
    QueryConfig query;
    bool json = false;
};

using Command =
    std::variant<ProduceConfig, CreateTopicsConfig, AggregateConfig, AuditConfig, ResultsConfig,
                 ResetConfig, BenchConfig, HealthConfig, ExplainConfig, LatenessConfig>;

}  // namespace kstream::cli
