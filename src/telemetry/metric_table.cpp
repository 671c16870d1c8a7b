// The rows of the table. What is unknown (-1 in a status) has no sample: a gap in a graph is true,
// a zero would not be.
#include "telemetry/metric_table.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <iterator>
#include <utility>

namespace kstream::telemetry {
namespace {

using enum MetricType;
using Loop = Seen<LoopStatus>;
using std::string_view;

constexpr string_view kLoopLabels = "stage,worker";
constexpr string_view kPartitionLabels = "stage,worker,partition";
constexpr string_view kBrokerLabels = "client,broker";

constexpr std::array<string_view, kTransactionResultCount> kResults{"committed", "aborted",
                                                                    "uncertain", "fenced"};
constexpr std::array<string_view, kLoopPhaseCount> kPhases{"poll", "fold", "seal", "restore",
                                                           "other"};

// One sample, from a member of the status that is a number or a bool.
template <auto Member>
void member(const Loop& loop, Samples& samples) {
    samples.add(static_cast<double>(loop.status.*Member));
}

template <auto Member>
void histogram_member(const Loop& loop, Samples& samples) {
    samples.add(loop.status.*Member);
}

// One sample for each partition of which the number is known.
template <auto Member>
void partition_member(const Loop& loop, Samples& samples) {
    for (const PartitionStatus& partition : loop.status.partitions) {
        if (const auto value = static_cast<double>(partition.*Member); value >= 0) {
            samples.add("partition", std::to_string(partition.partition.value), value);
        }
    }
}

void lag_records(const Loop& loop, Samples& samples) {
    for (const PartitionStatus& partition : loop.status.partitions) {
        if (partition.committed >= 0 && partition.log_end >= 0) {
            // The end as last seen may be older than the position.
            const std::int64_t lag =
                std::max<std::int64_t>(0, partition.log_end - partition.committed);
            samples.add("partition", std::to_string(partition.partition.value),
                        static_cast<double>(lag));
        }
    }
}

void bad_records(const Loop& loop, Samples& samples) {
    if (loop.status.stage != Stage::map) {
        return;  // totals loops read what map loops have written
    }
    for (std::size_t i = 0; i < kBadReasonCount; ++i) {
        samples.add("reason", bad_reason_name(static_cast<BadReason>(i)),
                    static_cast<double>(loop.status.bad_records[i]));
    }
}

constexpr std::array<WrittenRole, 2> kWrittenByMap{
    {{TopicRole::repartition, "repartition"}, {TopicRole::dead_letters, "dead_letters"}}};
constexpr std::array<WrittenRole, 2> kWrittenByTotals{
    {{TopicRole::changelog, "changelog"}, {TopicRole::results, "results"}}};

template <auto Member>
void written(const Loop& loop, Samples& samples) {
    for (const WrittenRole& written : written_roles(loop.status.stage)) {
        const auto& volume = loop.status.written[static_cast<std::size_t>(written.role)];
        samples.add("role", written.name, static_cast<double>(volume.*Member));
    }
}

void totals(const Loop& loop, Samples& samples) {
    for (const TotalStatus& total : loop.status.totals) {
        for (std::size_t i = 0; i < total.values.size(); ++i) {
            samples.add({{"key", total.key}, {"aggregate", loop.status.aggregates[i]}},
                        total.values[i]);
        }
    }
}

void transactions(const Loop& loop, Samples& samples) {
    for (std::size_t i = 0; i < kTransactionResultCount; ++i) {
        samples.add("result", kResults[i], static_cast<double>(loop.status.transactions[i]));
    }
}

void loop_seconds(const Loop& loop, Samples& samples) {
    for (std::size_t i = 0; i < kLoopPhaseCount; ++i) {
        samples.add("phase", kPhases[i], loop.status.phase_seconds[i]);
    }
}

const auto kLoopMetrics = std::to_array<MetricOf<Loop>>({
    {{"kstream_records_read_total", counter, kLoopLabels,
      "Records read from the input topic of the loop"},
     member<&LoopStatus::records_read>},
    {{"kstream_read_bytes_total", counter, kLoopLabels, "Bytes of the records read"},
     member<&LoopStatus::bytes_read>},
    {{"kstream_records_aggregated_total", counter, kLoopLabels,
      "map: source records folded into deltas; totals: deltas applied"},
     member<&LoopStatus::records_aggregated>},
    {{"kstream_tombstones_total", counter, kLoopLabels, "Null values, counted and passed over"},
     member<&LoopStatus::tombstones>},
    {{"kstream_bad_records_total", counter, "stage,worker,reason",
      "Records that break the contract, by reason: dead letters unless they are skipped"},
     bad_records},
    {{"kstream_skipped_records_total", counter, kLoopLabels,
      "Bad records passed over under --on-bad-record skip"},
     member<&LoopStatus::skipped>},
    {{"kstream_duplicate_steps_total", counter, kLoopLabels,
      "Steps that the totals already held and that were dropped"},
     member<&LoopStatus::duplicate_steps>},
    {{"kstream_records_written_total", counter, "stage,worker,role",
      "Records of committed transactions, by the topic that they were written to"},
     written<&OutputBatch::Volume::records>},
    {{"kstream_written_bytes_total", counter, "stage,worker,role",
      "Bytes of the keys and values of these records, before compression"},
     written<&OutputBatch::Volume::bytes>},
    {{"kstream_result_value", gauge, "stage,worker,key,aggregate",
      "Committed totals of the first --metrics-keys keys of each worker, as doubles and so for "
      "pictures only: the exact values are in the results topic"},
     totals},
    {{"kstream_keys", gauge, kLoopLabels, "Keys held: all totals, or the open step of a map loop"},
     member<&LoopStatus::keys>},
    {{"kstream_state_bytes", gauge, kLoopLabels, "Memory of these keys"},
     member<&LoopStatus::state_bytes>},
    {{"kstream_transactions_total", counter, "stage,worker,result",
      "Transactions, by how they ended"},
     transactions},
    {{"kstream_commit_duration_seconds", histogram, kLoopLabels,
      "From handing over a step to knowing its outcome"},
     histogram_member<&LoopStatus::commit_seconds>},
    {{"kstream_append_to_commit_seconds", histogram, kLoopLabels,
      "From the log timestamp of the oldest record of a step to its commit"},
     histogram_member<&LoopStatus::append_to_commit_seconds>},
    {{"kstream_last_commit_timestamp_seconds", gauge, kLoopLabels,
      "Unix time of the last commit, 0 before the first"},
     member<&LoopStatus::last_commit_wall_seconds>},
    {{"kstream_producer_rebuilds_total", counter, kLoopLabels,
      "Producers given up after an uncertain outcome"},
     member<&LoopStatus::producer_rebuilds>},
    {{"kstream_rebalances_total", counter, kLoopLabels, "Changes of the assignment"},
     member<&LoopStatus::rebalances>},
    {{"kstream_partitions_lost_total", counter, kLoopLabels,
      "Partitions that others had before this member could give them up"},
     member<&LoopStatus::partitions_lost>},
    {{"kstream_loop_seconds_total", counter, "stage,worker,phase",
      "Where the time of the loop goes; the largest phase is what bounds it"},
     loop_seconds},
    {{"kstream_restored_records_total", counter, kLoopLabels, "Changelog records read to restore"},
     member<&LoopStatus::restored_records>},
    {{"kstream_restore_seconds_total", counter, kLoopLabels, "Time spent restoring"},
     member<&LoopStatus::restore_seconds>},
    {{"kstream_joined", gauge, kLoopLabels, "1 when the loop is a member with an assignment"},
     member<&LoopStatus::joined>},
    {{"kstream_caught_up", gauge, kLoopLabels,
      "1 when the positions have reached the log ends as last seen"},
     member<&LoopStatus::caught_up>},
    {{"kstream_snapshot_age_seconds", gauge, kLoopLabels,
      "Since the loop has last told about itself; more than a few seconds: it hangs"},
     [](const Loop& loop, Samples& samples) { samples.add(loop.age_seconds); }},
    {{"kstream_assigned_partitions", gauge, kLoopLabels, "Partitions that the loop has"},
     [](const Loop& loop, Samples& samples) {
         samples.add(static_cast<double>(loop.status.partitions.size()));
     }},
    {{"kstream_position_offset", gauge, kPartitionLabels, "Next offset to read"},
     partition_member<&PartitionStatus::position>},
    {{"kstream_committed_offset", gauge, kPartitionLabels, "Committed position"},
     partition_member<&PartitionStatus::committed>},
    {{"kstream_log_end_offset", gauge, kPartitionLabels,
      "End of the log for read_committed readers, as last seen"},
     partition_member<&PartitionStatus::log_end>},
    {{"kstream_lag_records", gauge, kPartitionLabels, "Records between committed position and end"},
     lag_records},
    {{"kstream_lag_seconds", gauge, kPartitionLabels,
      "Age of the newest record read while behind the end, 0 when caught up"},
     partition_member<&PartitionStatus::lag_seconds>},
    {{"kstream_open_transaction_records", gauge, kPartitionLabels,
      "Records behind the last stable offset: one that stays is a hanging transaction"},
     partition_member<&PartitionStatus::open_transaction_records>},
    {{"kstream_restoring", gauge, kPartitionLabels, "1 while the state is being restored"},
     partition_member<&PartitionStatus::restoring>},
});

const auto kSourceMetrics = std::to_array<MetricOf<Snapshots>>({
    {{"kstream_unassigned_lag_records", gauge, "partition",
      "Records in a source partition that was added and that no member has yet; every process of "
      "the job says the same"},
     [](const Snapshots& snapshots, Samples& samples) {
         for (const UnassignedPartition& one : snapshots.unassigned) {
             samples.add("partition", std::to_string(one.partition.value),
                         static_cast<double>(one.records));
         }
     }},
});

template <auto Member>
void produce_member(const ProduceStatus& status, Samples& samples) {
    samples.add(static_cast<double>(status.*Member));
}

const auto kProduceMetrics = std::to_array<MetricOf<ProduceStatus>>({
    {{"kstream_produce_made_records_total", counter, "", "Records handed to the client"},
     produce_member<&ProduceStatus::made>},
    {{"kstream_produce_records_total", counter, "result",
      "Records by outcome; unknown: sent and never answered"},
     [](const ProduceStatus& status, Samples& samples) {
         samples.add("result", "acknowledged", static_cast<double>(status.acknowledged));
         samples.add("result", "failed", static_cast<double>(status.failed));
         samples.add("result", "unknown", static_cast<double>(status.unknown));
     }},
    {{"kstream_produce_bytes_total", counter, "", "Bytes of keys and values acknowledged"},
     produce_member<&ProduceStatus::bytes>},
    {{"kstream_produce_queued_records", gauge, "", "Records queued or in flight"},
     produce_member<&ProduceStatus::queued_records>},
    {{"kstream_produce_queued_bytes", gauge, "", "Bytes queued or in flight"},
     produce_member<&ProduceStatus::queued_bytes>},
    {{"kstream_produce_delivery_seconds", histogram, "",
      "From handing over a record to its answer"},
     [](const ProduceStatus& status, Samples& samples) { samples.add(status.delivery_seconds); }},
    {{"kstream_produce_waiting", gauge, "", "1 while no broker answers or the queue is full"},
     produce_member<&ProduceStatus::waiting>},
});

template <auto Member>
void broker_member(const ClientStatus& status, Samples& samples) {
    for (const BrokerStatus& broker : status.brokers) {
        if (const auto value = static_cast<double>(broker.*Member); value >= 0) {
            samples.add("broker", broker.name, value);
        }
    }
}

const auto kClientMetrics = std::to_array<MetricOf<ClientStatus>>({
    {{"kstream_broker_up", gauge, kBrokerLabels,
      "1 when the connection is usable; 0 also where the client does not need the broker"},
     broker_member<&BrokerStatus::up>},
    {{"kstream_broker_rtt_mean_seconds", gauge, kBrokerLabels,
      "Round trip of requests, mean of the last interval"},
     broker_member<&BrokerStatus::rtt_mean_seconds>},
    {{"kstream_broker_rtt_p99_seconds", gauge, kBrokerLabels,
      "Round trip of requests, 99th percentile of the last interval"},
     broker_member<&BrokerStatus::rtt_p99_seconds>},
    {{"kstream_broker_requests_total", counter, kBrokerLabels, "Requests sent"},
     broker_member<&BrokerStatus::requests>},
    {{"kstream_broker_errors_total", counter, kBrokerLabels,
      "Requests that could not be sent and responses that were unusable"},
     broker_member<&BrokerStatus::errors>},
    {{"kstream_broker_timeouts_total", counter, kBrokerLabels,
      "Requests without an answer in time"},
     broker_member<&BrokerStatus::timeouts>},
    {{"kstream_broker_disconnects_total", counter, kBrokerLabels, "Connections lost"},
     broker_member<&BrokerStatus::disconnects>},
    {{"kstream_broker_throttle_seconds_total", counter, kBrokerLabels,
      "Time that quotas of the broker have made requests of this client wait"},
     broker_member<&BrokerStatus::throttle_seconds>},
});

template <auto Member>
void process_member(const ProcessStatus& status, Samples& samples) {
    samples.add(static_cast<double>(status.*Member));
}

const auto kProcessMetrics = std::to_array<MetricOf<ProcessStatus>>({
    {{"process_cpu_seconds_total", counter, "", "User and system CPU time"},
     process_member<&ProcessStatus::cpu_seconds>},
    {{"process_resident_memory_bytes", gauge, "", "Resident memory"},
     process_member<&ProcessStatus::resident_bytes>},
    {{"process_virtual_memory_bytes", gauge, "", "Virtual memory"},
     process_member<&ProcessStatus::virtual_bytes>},
    {{"process_start_time_seconds", gauge, "", "Unix time at which the process started"},
     process_member<&ProcessStatus::start_time_seconds>},
    {{"process_open_fds", gauge, "", "Open file descriptors"},
     process_member<&ProcessStatus::open_files>},
    {{"process_max_fds", gauge, "", "Limit of open file descriptors"},
     process_member<&ProcessStatus::max_files>},
});

const auto kBuildMetrics = std::to_array<MetricOf<BuildInfo>>({
    {{"kstream_build_info", gauge, "version,revision,librdkafka",
      "Always 1; the labels say what runs"},
     [](const BuildInfo& /*build*/, Samples& samples) { samples.add(1); }},
});

template <typename Status>
std::vector<MetricSpec> specs_of(std::span<const MetricOf<Status>> metrics) {
    std::vector<MetricSpec> specs;
    for (const auto& metric : metrics) {
        specs.push_back(metric.spec);
    }
    return specs;
}

}  // namespace

std::span<const WrittenRole> written_roles(Stage stage) {
    return stage == Stage::map ? kWrittenByMap : kWrittenByTotals;
}

std::span<const MetricOf<Seen<LoopStatus>>> loop_metrics() {
    return kLoopMetrics;
}
std::span<const MetricOf<Snapshots>> source_metrics() {
    return kSourceMetrics;
}
std::span<const MetricOf<ProduceStatus>> produce_metrics() {
    return kProduceMetrics;
}
std::span<const MetricOf<ClientStatus>> client_metrics() {
    return kClientMetrics;
}
std::span<const MetricOf<BuildInfo>> build_metrics() {
    return kBuildMetrics;
}
std::span<const MetricOf<ProcessStatus>> process_metrics() {
    return kProcessMetrics;
}

std::vector<MetricGroup> metric_groups() {
    std::vector<MetricSpec> aggregate = specs_of(loop_metrics());
    std::ranges::copy(specs_of(source_metrics()), std::back_inserter(aggregate));
    return {{"kstream aggregate", std::move(aggregate)},
            {"kstream produce", specs_of(produce_metrics())},
            {"Brokers, as each Kafka client sees them", specs_of(client_metrics())},
            {"Build", specs_of(build_metrics())},
            {"Process", specs_of(process_metrics())}};
}

std::string_view metric_type_name(MetricType type) {
    switch (type) {
        case counter:
            return "counter";
        case gauge:
            return "gauge";
        case histogram:
            return "histogram";
    }
    return "untyped";
}

}  // namespace kstream::telemetry
