// The rows of the table.
#include "telemetry/metric_table.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <type_traits>

namespace kstream::telemetry {
namespace {

using enum MetricType;
using Loop = Seen<LoopStatus>;
using std::string_view;

constexpr string_view kLoopLabels = "stage,worker";
constexpr string_view kPartitionLabels = "stage,worker,partition";
constexpr string_view kBrokerLabels = "client,broker";

// Of statuses that outlive the sample.
template <typename Status>
const Status& inner(const Status& status) {
    return status;  // NOLINT(bugprone-return-const-ref-from-parameter)
}
const LoopStatus& inner(const Loop& loop) {
    return loop.status;
}

// NOLINTBEGIN(readability-identifier-naming): these are called, as functions are.

// One sample: the member at the end of the path of members. What is unknown, -1 in a status, has
// none: a gap in a graph is true, a zero would not be.
template <auto... Path>
constexpr auto at = [](const auto& status, Samples& samples) {
    const auto& value = (inner(status).*....*Path);
    if constexpr (std::is_signed_v<std::remove_cvref_t<decltype(value)>>) {
        if (value < 0) {
            return;
        }
    }
    samples.add(value);
};

template <auto Member>
constexpr auto fold = at<&LoopStatus::fold, Member>;
template <auto Member>
constexpr auto state = at<&LoopStatus::state, Member>;
template <auto Member>
constexpr auto takeover = at<&LoopStatus::takeover, Member>;
template <auto Member>
constexpr auto steps = at<&LoopStatus::steps, Member>;
template <auto Member>
constexpr auto member = at<&LoopStatus::member, Member>;
// NOLINTEND(readability-identifier-naming)

void bad_records(const Loop& loop, Samples& samples) {
    if (loop.status.stage != Stage::map) {
        return;  // totals loops read what map loops have written
    }
    for (std::size_t i = 0; i < kBadReasonCount; ++i) {
        samples.add("reason", bad_reason_name(static_cast<BadReason>(i)),
                    loop.status.fold.bad_records[i]);
    }
}

// The topics that a loop of each stage writes to.
constexpr std::array<std::array<TopicRole, 2>, 2> kWrittenBy{
    {{TopicRole::repartition, TopicRole::dead_letters},
     {TopicRole::changelog, TopicRole::results}}};

template <auto Member>
void written(const Loop& loop, Samples& samples) {
    const auto& all = loop.status.steps.written;
    for (const TopicRole role : kWrittenBy[static_cast<std::size_t>(loop.status.stage)]) {
        samples.add("role", role_label(role), all[static_cast<std::size_t>(role)].*Member);
    }
    // Most jobs have no such topic.
    if (const auto& late = all[static_cast<std::size_t>(TopicRole::late)]; late.records > 0) {
        samples.add("role", role_label(TopicRole::late), late.*Member);
    }
}

void totals(const Loop& loop, Samples& samples) {
    const StateStatus& state = loop.status.state;
    for (const TotalStatus& total : state.totals) {
        for (std::size_t i = 0; i < total.values.size(); ++i) {
            if (std::isnan(total.values[i])) {
                continue;  // SQL's NULL
            }
            samples.add(total.values[i], {{"key", total.key}, {"aggregate", state.aggregates[i]}});
        }
    }
}

void transactions(const Loop& loop, Samples& samples) {
    for (std::size_t i = 0; i < kTransactionResultCount; ++i) {
        samples.add("result", kTransactionResultNames[i], loop.status.steps.transactions[i]);
    }
}

void loop_seconds(const Loop& loop, Samples& samples) {
    for (std::size_t i = 0; i < kLoopPhaseCount; ++i) {
        samples.add("phase", kLoopPhaseNames[i], loop.status.phase_seconds[i]);
    }
}

void lag_records(const PartitionStatus& partition, Samples& samples) {
    if (partition.committed >= 0 && partition.log_end >= 0) {
        // The end as last seen may be older than the position.
        samples.add(std::max<std::int64_t>(0, partition.log_end - partition.committed));
    }
}

void watermark(const PartitionStatus& partition, Samples& samples) {
    if (partition.watermark_ms != kNoTime) {
        samples.add(WallSeconds{static_cast<double>(partition.watermark_ms) / 1000.0});
    }
}

void late_by(const Loop& loop, Samples& samples) {
    if (loop.status.fold.late_by_seconds) {
        samples.add(*loop.status.fold.late_by_seconds);
    }
}

void idle(const PartitionStatus& partition, Samples& samples) {
    if (partition.idle) {
        samples.add(*partition.idle);
    }
}

const auto kLoopMetrics = std::to_array<MetricOf<Loop>>({
    {{"kstream_records_read_total", counter, kLoopLabels,
      "Records read from the input topic of the loop", "records_read"},
     fold<&FoldStatus::records_read>},
    {{"kstream_read_bytes_total", counter, kLoopLabels, "Bytes of the records read", "bytes_read"},
     fold<&FoldStatus::bytes_read>},
    {{"kstream_records_aggregated_total", counter, kLoopLabels,
      "map: source records folded into deltas; totals: deltas applied", "records_aggregated"},
     fold<&FoldStatus::records_aggregated>},
    {{"kstream_filtered_records_total", counter, kLoopLabels,
      "Records of which WHERE is not true, counted and passed over", "filtered"},
     fold<&FoldStatus::filtered>},
    {{"kstream_late_records_total", counter, kLoopLabels,
      "Records that came too late for their windows", "late"},
     fold<&FoldStatus::late>},
    {{"kstream_late_by_seconds", histogram, kLoopLabels,
      "Of a job with windows: how far the watermark was past the end of a late record's window, "
      "grace and all",
      "late_by_seconds"},
     late_by},
    {{"kstream_duplicate_records_total", counter, kLoopLabels,
      "Records whose value of unique_by had come before", "duplicates"},
     fold<&FoldStatus::duplicates>},
    {{"kstream_tombstones_total", counter, kLoopLabels, "Null values, counted and passed over",
      "tombstones"},
     fold<&FoldStatus::tombstones>},
    {{"kstream_bad_records_total", counter, "stage,worker,reason",
      "Records that break the contract, by reason: dead letters unless they are skipped",
      "bad_records.{reason}"},
     bad_records},
    {{"kstream_skipped_records_total", counter, kLoopLabels,
      "Bad records passed over under --on-bad-record skip", "skipped"},
     fold<&FoldStatus::skipped>},
    {{"kstream_duplicate_steps_total", counter, kLoopLabels,
      "Steps that the totals already held and that were dropped", "duplicate_steps"},
     fold<&FoldStatus::duplicate_steps>},
    {{"kstream_records_written_total", counter, "stage,worker,role",
      "Records of committed transactions, by the topic that they were written to",
      "written.{role}.records"},
     written<&OutputBatch::Volume::records>},
    {{"kstream_written_bytes_total", counter, "stage,worker,role",
      "Bytes of the keys and values of these records, before compression", "written.{role}.bytes"},
     written<&OutputBatch::Volume::bytes>},
    {{"kstream_result_value", gauge, "stage,worker,key,aggregate",
      "Committed totals of the first --metrics-keys keys of each worker, as doubles and so for "
      "pictures only: the exact values are in the results topic"},
     totals},
    {{"kstream_keys", gauge, kLoopLabels, "Keys held: all totals, or the open step of a map loop",
      "keys"},
     state<&StateStatus::keys>},
    {{"kstream_state_bytes", gauge, kLoopLabels, "Memory of these keys", "state_bytes"},
     state<&StateStatus::bytes>},
    {{"kstream_open_windows", gauge, kLoopLabels,
      "Of a job with windows: those that are open, each group's by itself; of hopping "
      "windows their panes",
      "open_windows"},
     state<&StateStatus::open_windows>},
    {{"kstream_closed_keys_total", counter, kLoopLabels,
      "Keys of windows that were closed, each with its final result", "keys_closed"},
     fold<&FoldStatus::keys_closed>},
    {{"kstream_idle_advances_total", counter, kLoopLabels,
      "Source partitions without records, moved on in event time", "idle_advances"},
     fold<&FoldStatus::idle_advances>},
    {{"kstream_sets_over", gauge, kLoopLabels,
      "Keys' count(DISTINCT x) and percentile_disc with more different values than "
      "--max-distinct: these are NULL",
      "sets_over"},
     state<&StateStatus::sets_over>},
    {{"kstream_transactions_total", counter, "stage,worker,result",
      "Transactions, by how they ended", "transactions.{result}"},
     transactions},
    {{"kstream_commit_duration_seconds", histogram, kLoopLabels,
      "From handing over a step to knowing its outcome", "commit_seconds"},
     steps<&StepStatus::commit_seconds>},
    {{"kstream_append_to_commit_seconds", histogram, kLoopLabels,
      "From the log timestamp of the oldest record of a step to its commit",
      "append_to_commit_seconds"},
     fold<&FoldStatus::append_to_commit_seconds>},
    {{"kstream_last_commit_timestamp_seconds", gauge, kLoopLabels,
      "Unix time of the last commit, 0 before the first", "last_commit_time"},
     [](const Loop& loop, Samples& samples) {
         samples.add(WallSeconds{loop.status.steps.last_commit_wall_seconds});
     }},
    {{"kstream_producer_rebuilds_total", counter, kLoopLabels,
      "Producers given up after an uncertain outcome", "producer_rebuilds"},
     steps<&StepStatus::producer_rebuilds>},
    {{"kstream_rebalances_total", counter, kLoopLabels, "Changes of the assignment", "rebalances"},
     member<&MemberStatus::rebalances>},
    {{"kstream_partitions_lost_total", counter, kLoopLabels,
      "Partitions that others had before this member could give them up", "partitions_lost"},
     member<&MemberStatus::partitions_lost>},
    {{"kstream_loop_seconds_total", counter, "stage,worker,phase",
      "Where the time of the loop goes; the largest phase is what bounds it"},
     loop_seconds},
    {{"kstream_restored_records_total", counter, kLoopLabels, "Changelog records read to restore",
      "restored_records"},
     takeover<&TakeoverStatus::restored_records>},
    {{"kstream_restore_seconds_total", counter, kLoopLabels, "Time spent restoring",
      "restore_seconds"},
     takeover<&TakeoverStatus::restore_seconds>},
    {{"kstream_joined", gauge, kLoopLabels, "1 when the loop is a member with an assignment",
      "joined"},
     member<&MemberStatus::joined>},
    {{"kstream_caught_up", gauge, kLoopLabels,
      "1 when the positions have reached the log ends as last seen", "caught_up"},
     member<&MemberStatus::caught_up>},
    {{"kstream_snapshot_age_seconds", gauge, kLoopLabels,
      "Since the last report of the loop; more than a few seconds: it hangs",
      "snapshot_age_seconds"},
     [](const Loop& loop, Samples& samples) { samples.add(loop.age_seconds); }},
    {{"kstream_assigned_partitions", gauge, kLoopLabels, "Partitions that the loop has"},
     [](const Loop& loop, Samples& samples) {
         samples.add(std::uint64_t{loop.status.member.partitions.size()});
     }},
});

const auto kPartitionMetrics = std::to_array<MetricOf<PartitionStatus>>({
    {{"kstream_position_offset", gauge, kPartitionLabels, "Next offset to read", "position"},
     at<&PartitionStatus::position>},
    {{"kstream_committed_offset", gauge, kPartitionLabels, "Committed position", "committed"},
     at<&PartitionStatus::committed>},
    {{"kstream_log_end_offset", gauge, kPartitionLabels,
      "End of the log for read_committed readers, as last seen", "log_end"},
     at<&PartitionStatus::log_end>},
    {{"kstream_lag_records", gauge, kPartitionLabels, "Records between committed position and end",
      "lag_records"},
     lag_records},
    {{"kstream_lag_seconds", gauge, kPartitionLabels,
      "Age of the newest record read while there are newer ones, 0 when caught up", "lag_seconds"},
     at<&PartitionStatus::lag_seconds>},
    {{"kstream_open_transaction_records", gauge, kPartitionLabels,
      "Records after the last stable offset: one that stays is a hanging transaction",
      "open_transaction_records"},
     at<&PartitionStatus::open_transaction_records>},
    {{"kstream_watermark_timestamp_seconds", gauge, kPartitionLabels,
      "Of a job with event time. map: the newest event time of the source partition; totals: "
      "windows "
      "that have ended by then, grace and all, are closed",
      "watermark_time"},
     watermark},
    {{"kstream_watermark_lag_seconds", gauge, kPartitionLabels,
      "totals, of a job with windows: from the least watermark of all source partitions to the "
      "newest one; so much longer windows wait",
      "watermark_lag_seconds"},
     at<&PartitionStatus::watermark_lag_seconds>},
    {{"kstream_watermark_held_by_partition", gauge, kPartitionLabels,
      "totals, of a job with windows: the number of the source partition that holds them back, the "
      "first without a watermark or else with the least one",
      "held_back_by"},
     at<&PartitionStatus::held_back_by>},
    {{"kstream_partition_idle", gauge, kPartitionLabels,
      "map, of a job with event time: 1 while nothing comes to the source partition, so that no "
      "window waits for it",
      "idle"},
     idle},
    {{"kstream_restoring", gauge, kPartitionLabels, "1 while the state is being restored",
      "restoring"},
     at<&PartitionStatus::restoring>},
});

const auto kUnassignedMetrics = std::to_array<MetricOf<UnassignedPartition>>({
    {{"kstream_unassigned_lag_records", gauge, "partition",
      "Records in a source partition that was added and that no member has yet; every process of "
      "the job says the same",
      "lag_records"},
     at<&UnassignedPartition::records>},
});

const auto kProduceMetrics = std::to_array<MetricOf<ProduceStatus>>({
    {{"kstream_produce_made_records_total", counter, "", "Records handed to the client", "made"},
     at<&ProduceStatus::made>},
    {{"kstream_produce_records_total", counter, "result",
      "Records by outcome; unknown: sent and never answered", "{result}"},
     [](const ProduceStatus& status, Samples& samples) {
         samples.add("result", "acknowledged", status.acknowledged);
         samples.add("result", "failed", status.failed);
         samples.add("result", "unknown", status.unknown);
     }},
    {{"kstream_produce_bytes_total", counter, "", "Bytes of keys and values acknowledged", "bytes"},
     at<&ProduceStatus::bytes>},
    {{"kstream_produce_queued_records", gauge, "", "Records queued or in flight", "queued_records"},
     at<&ProduceStatus::queued_records>},
    {{"kstream_produce_queued_bytes", gauge, "", "Bytes queued or in flight", "queued_bytes"},
     at<&ProduceStatus::queued_bytes>},
    {{"kstream_produce_delivery_seconds", histogram, "", "From handing over a record to its answer",
      "delivery_seconds"},
     at<&ProduceStatus::delivery_seconds>},
    {{"kstream_produce_waiting", gauge, "", "1 while no broker answers or the queue is full",
      "waiting"},
     at<&ProduceStatus::waiting>},
});

const auto kBrokerMetrics = std::to_array<MetricOf<BrokerStatus>>({
    {{"kstream_broker_up", gauge, kBrokerLabels,
      "1 when the connection is usable; 0 also where the client does not need the broker", "up"},
     at<&BrokerStatus::up>},
    {{"kstream_broker_rtt_mean_seconds", gauge, kBrokerLabels,
      "Round trip of requests, mean of the last interval", "rtt_mean_seconds"},
     at<&BrokerStatus::rtt_mean_seconds>},
    {{"kstream_broker_rtt_p99_seconds", gauge, kBrokerLabels,
      "Round trip of requests, 99th percentile of the last interval", "rtt_p99_seconds"},
     at<&BrokerStatus::rtt_p99_seconds>},
    {{"kstream_broker_requests_total", counter, kBrokerLabels, "Requests sent", "requests"},
     at<&BrokerStatus::requests>},
    {{"kstream_broker_errors_total", counter, kBrokerLabels,
      "Requests that could not be sent and responses that were unusable", "errors"},
     at<&BrokerStatus::errors>},
    {{"kstream_broker_timeouts_total", counter, kBrokerLabels, "Requests without an answer in time",
      "timeouts"},
     at<&BrokerStatus::timeouts>},
    {{"kstream_broker_disconnects_total", counter, kBrokerLabels, "Connections lost",
      "disconnects"},
     at<&BrokerStatus::disconnects>},
    {{"kstream_broker_throttle_seconds_total", counter, kBrokerLabels,
      "Time that quotas of the broker have made requests of this client wait", "throttle_seconds"},
     at<&BrokerStatus::throttle_seconds>},
});

const auto kProcessMetrics = std::to_array<MetricOf<ProcessStatus>>({
    {{"process_cpu_seconds_total", counter, "", "User and system CPU time", "cpu_seconds"},
     at<&ProcessStatus::cpu_seconds>},
    {{"process_resident_memory_bytes", gauge, "", "Resident memory", "resident_bytes"},
     at<&ProcessStatus::resident_bytes>},
    {{"process_virtual_memory_bytes", gauge, "", "Virtual memory"},
     at<&ProcessStatus::virtual_bytes>},
    {{"process_start_time_seconds", gauge, "", "Unix time at which the process started"},
     at<&ProcessStatus::start_time_seconds>},
    {{"process_open_fds", gauge, "", "Open file descriptors", "open_files"},
     at<&ProcessStatus::open_files>},
    {{"process_max_fds", gauge, "", "Limit of open file descriptors"},
     at<&ProcessStatus::max_files>},
});

const auto kBuildMetrics = std::to_array<MetricOf<BuildInfo>>({
    {{"kstream_build_info", gauge, "version,revision,librdkafka",
      "Always 1; the labels say what runs"},
     [](const BuildInfo& /*build*/, Samples& samples) { samples.add(std::uint64_t{1}); }},
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

std::span<const MetricOf<Seen<LoopStatus>>> loop_metrics() {
    return kLoopMetrics;
}
std::span<const MetricOf<PartitionStatus>> partition_metrics() {
    return kPartitionMetrics;
}
std::span<const MetricOf<UnassignedPartition>> unassigned_metrics() {
    return kUnassignedMetrics;
}
std::span<const MetricOf<ProduceStatus>> produce_metrics() {
    return kProduceMetrics;
}
std::span<const MetricOf<BrokerStatus>> broker_metrics() {
    return kBrokerMetrics;
}
std::span<const MetricOf<BuildInfo>> build_metrics() {
    return kBuildMetrics;
}
std::span<const MetricOf<ProcessStatus>> process_metrics() {
    return kProcessMetrics;
}

std::vector<MetricGroup> metric_groups() {
    return {{"kstream aggregate", "loops[].", specs_of(loop_metrics())},
            {"", "loops[].partitions[].", specs_of(partition_metrics())},
            {"", "unassigned[].", specs_of(unassigned_metrics())},
            {"kstream produce", "produce.", specs_of(produce_metrics())},
            {"Brokers, as each Kafka client sees them", "clients[].brokers[].",
             specs_of(broker_metrics())},
            {"Build", "", specs_of(build_metrics())},
            {"Process", "process.", specs_of(process_metrics())}};
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
