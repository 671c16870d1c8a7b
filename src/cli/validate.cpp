// Rules between options. Single values are checked where they are read (option_table.cpp).
#include "cli/validate.hpp"

#include "cli/listen_address.hpp"
#include "cli/names.hpp"
#include "cli/option_table.hpp"
#include "cli/values.hpp"
#include "text/utf8.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <cstdint>
#include <string_view>

namespace kstream::cli {
namespace {

using Found = std::vector<std::string>;

constexpr const char* kNoStatement = "no statement: give --query, --query-file or FILE.sql";

void check_common(const CommonConfig& config, Found& found) {
    if (!config.http) {
        return;
    }
    const auto address = read_listen_address(*config.http);
    if (address && !address->loopback && !config.http_allow_remote) {
        found.push_back(fmt::format(
            "--http {}: others can reach this address and there is no authentication; add "
            "--http-allow-remote if that is meant",
            *config.http));
    }
}

void check_topics(const std::string& source, const std::string& results, Found& found) {
    if (source == results) {
        found.push_back(fmt::format(
            "--topic and --output-topic are both {}: results would be read as records", source));
    }
}

// What only transactions have. A value that is the default is as good as none.
struct OfTransactions {
    std::string_view option;
    bool (*differs)(const ProduceConfig& config);
};

template <auto Member>
bool differs(const ProduceConfig& config) {
    return config.*Member != ProduceConfig{}.*Member;
}

constexpr std::array<OfTransactions, 6> kOfTransactions{
    {{"--output-topic", &differs<&ProduceConfig::results_topic>},
     {"--users", &differs<&ProduceConfig::users>},
     {"--sellers", &differs<&ProduceConfig::sellers>},
     {"--skew", &differs<&ProduceConfig::skew>},
     {"--form", &differs<&ProduceConfig::form>},
     {"--locations", &differs<&ProduceConfig::locations>}}};

void check_shape(const ProduceConfig& config, Found& found) {
    if (config.shape == Shape::transactions) {
        check_topics(config.topic, config.results_topic, found);
        return;
    }
    const std::string_view shape = shape_name(config.shape);
    if (config.topic == ProduceConfig{}.topic) {
        found.push_back(
            fmt::format("--topic must be given with --shape {}: {} is the topic of transactions",
                        shape, config.topic));
    }
    for (const OfTransactions& one : kOfTransactions) {
        if (one.differs(config)) {
            found.push_back(
                fmt::format("{} with --shape {}: only transactions have it", one.option, shape));
        }
    }
}

// Times that are written as texts have a year of four digits, and none that a statement reads is
// before 1970: not even one that is set back, nor the last of the most records that --count takes.
void check_event_times(const ProduceConfig& config, Found& found) {
    constexpr std::int64_t kDay = 86'400;
    constexpr std::int64_t kYear6000 = 127'174'492'800;
    const bool out_of_order = config.out_of_order && config.out_of_order->millionths > 0;
    if (config.out_of_order_by != ProduceConfig{}.out_of_order_by && !out_of_order) {
        found.emplace_back("--out-of-order-by without --out-of-order: no event time is set back");
    }
    if ((config.shape == Shape::transactions && !out_of_order) || !config.start_time) {
        return;
    }
    if (*config.start_time < kDay || *config.start_time >= kYear6000) {
        found.push_back(fmt::format(
            "--start-time {}: with {} it is within 1970-01-02 .. 5999-12-31", *config.start_time,
            out_of_order ? "--out-of-order" : fmt::format("--shape {}", shape_name(config.shape))));
    }
}

void check(const ProduceConfig& config, Found& found) {
    check_common(config.common, found);
    check_shape(config, found);
    check_event_times(config, found);
}

void check(const CreateTopicsConfig& config, Found& found) {
    check_common(config.common, found);
    check_topics(config.source_topic, config.results_topic, found);
    if (config.policy.min_insync_replicas > config.policy.replication_factor) {
        found.push_back(fmt::format(
            "--min-insync-replicas {} is more than --replication-factor {}: nothing could be "
            "written",
            config.policy.min_insync_replicas, config.policy.replication_factor));
    }
}

void check_job(const AggregationSpec& spec, Found& found) {
    for (const std::string& problem : problems(spec)) {
        found.push_back(fmt::format("{}: {}", fmt::join(job_options(), ", "), problem));
    }
}

void check(const AggregateConfig& config, Found& found) {
    check_common(config.common, found);
    check_topics(config.spec.source_topic, config.results_topic, found);
    if (config.print_results && !config.until_end) {
        found.emplace_back("--print without --until end: without an end there is no last result");
    }
    if (config.close && !config.until_end) {
        found.emplace_back("--close without --until end: only what has an end can be closed");
    }
    if (config.close && !has_windows(config.spec)) {
        found.emplace_back("--close: the job has no windows to close");
    }
    if (!config.http_advertise.empty() && !config.common.http) {
        found.emplace_back("--http-advertise without --http: there is nothing to reach");
    }
    if (config.group_protocol == "consumer" &&
        config.session_timeout != AggregateConfig{}.session_timeout) {
        found.emplace_back(
            "--session-timeout with --group-protocol consumer: there it is the brokers' "
            "group.consumer.session.timeout.ms");
    }
    check_job(config.spec, found);
}

void check(const AuditConfig& config, Found& found) {
    check_common(config.common, found);
    check_topics(config.spec.source_topic, config.results_topic, found);
    if (config.quick && !(config.base.empty() && config.save_base.empty())) {
        found.emplace_back("--quick proves nothing: it goes with neither --base nor --save-base");
    }
    check_job(config.spec, found);
}

void check(const ExplainConfig& config, Found& found) {
    if (config.query.job == nullptr) {
        found.emplace_back(kNoStatement);
        return;
    }
    const bool explains = config.form == ExplainForm::text && config.export_file.empty();
    if (!explains && (config.json || config.sample)) {
        found.emplace_back(
            "--json and --sample are about the explanation, which --as postgres and --export leave "
            "out");
    }
    check_topics(config.spec.source_topic, config.results_topic, found);
}

void check(const LatenessConfig& config, Found& found) {
    if (config.query.job == nullptr) {
        found.emplace_back(kNoStatement);
        return;
    }
    const job::Statement& statement = config.query.job->statement;
    if (!statement.event_time) {
        found.emplace_back(
            "no record of this job can be late: it has no event time; write FROM tumble(topic, "
            "time, INTERVAL '1 hour', grace => INTERVAL '5 minutes') and GROUP BY window_start");
    } else if (statement.event_time->window.kind == job::WindowKind::none) {
        found.emplace_back(
            "no record of this job can be late: events has no windows; write tumble, hop or "
            "session");
    }
}

void check(const ResultsConfig& config, Found& found) {
    check_common(config.common, found);
    if (config.json && config.csv) {
        found.emplace_back("--json and --csv: choose one");
    }
}

void check(const BenchConfig& config, Found& found) {
    if (config.query.job != nullptr && config.scenario != BenchScenario::statement) {
        found.emplace_back("a statement is what --scenario statement measures, and no other");
    }
    const bool measures_latency =
        config.scenario == BenchScenario::all || config.scenario == BenchScenario::latency;
    if (!config.percentiles.empty() && !measures_latency) {
        found.emplace_back("--percentiles: only --scenario latency and all measure latencies");
    }
}

// It only asks, so who else can reach the address does not matter.
void check(const HealthConfig& config, Found& found) {
    if (!config.common.http) {
        found.emplace_back(
            "--http must be given: the address that the process listens on, by --http, "
            "KSTREAM_HTTP or above the first section of the configuration file");
        return;
    }
    if (const auto address = read_listen_address(*config.common.http); address->port == 0) {
        found.push_back(fmt::format(
            "--http {}: with port 0 the process took a free one; give the one that it logged",
            *config.common.http));
    }
}

void check(const ResetConfig& config, Found& found) {
    check_common(config.common, found);
    if (config.application_id.empty()) {
        found.emplace_back(
            "--application-id must be given: it names the job whose state to delete");
    }
}

void warn_if_nested(std::string_view option, std::string_view field, Found& found) {
    if (looks_nested(field)) {
        found.push_back(fmt::format(
            "{} {}: nested fields are not read; this is taken for one field of that name at the "
            "top of each record",
            option, text::in_quotes(field)));
    }
}

}  // namespace

std::vector<std::string> warnings(const Command& command) {
    Found found;
    const auto look = [&found](const auto& config) {
        if constexpr (requires { config.spec; }) {
            if (config.query.job != nullptr) {
                return;  // a statement says what a path is
            }
            for (const std::string& field : config.spec.group_by) {
                warn_if_nested("--group-by", field, found);
            }
            for (const AggregateSpec& aggregate : config.spec.aggregates) {
                warn_if_nested(fmt::format("--{}", find_aggregate(aggregate.kind)->name),
                               aggregate.input_field, found);
            }
        }
    };
    std::visit(look, command);
    return found;
}

std::vector<std::string> validate(const Command& command) {
    Found found;
    std::visit([&](const auto& config) { check(config, found); }, command);
    return found;
}

}  // namespace kstream::cli
