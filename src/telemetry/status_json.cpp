// Field by field, in the order of docs/STATUS.md. What is unknown is null, never a made-up zero.
#include "telemetry/status_json.hpp"

#include "telemetry/health.hpp"
#include "telemetry/json_writer.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace kstream::telemetry {
namespace {

constexpr std::array<std::string_view, kTransactionResultCount> kResults{"committed", "aborted",
                                                                         "uncertain", "fenced"};
constexpr std::array<std::string_view, kLoopPhaseCount> kPhases{"poll", "fold", "seal", "restore",
                                                                "other"};
// Below this a rate would be an accident of when the snapshots came.
constexpr double kLeastSeconds = 0.5;
// Who is silent for longer has no rates: the last ones are not the present ones.
constexpr double kSilence = 3;

double seconds_of(Duration duration) {
    return std::chrono::duration<double>(duration).count();
}

// -1 stands for unknown in a status.
template <typename T>
std::optional<T> known(T value) {
    return value >= 0 ? std::optional(value) : std::nullopt;
}

// Differences between a counter then and now, by the seconds between.
class Rates {
public:
    Rates(Instant then, Instant published, Instant taken)
        : seconds_(seconds_of(published - then)),
          usable_(seconds_ >= kLeastSeconds && seconds_of(taken - published) <= kSilence) {}

    [[nodiscard]] std::optional<double> of(std::uint64_t before, std::uint64_t after) const {
        return usable_ ? std::optional(static_cast<double>(after - before) / seconds_)
                       : std::nullopt;
    }
    [[nodiscard]] bool usable() const { return usable_; }

private:
    double seconds_;
    bool usable_;
};

void write_quantiles(JsonWriter& json, std::string_view name, const LatencyCounts& before,
                     const LatencyCounts& after) {
    json.key(name).begin_object();
    json.field("p50", quantile_between(before, after, 0.5));
    json.field("p90", quantile_between(before, after, 0.9));
    json.field("p99", quantile_between(before, after, 0.99));
    json.field("count", after.count - before.count);
    json.end_object();
}

void write_partition(JsonWriter& json, const PartitionStatus& partition) {
    json.begin_object();
    json.field("partition", partition.partition.value);
    json.field("position", known(partition.position));
    json.field("committed", known(partition.committed));
    json.field("log_end", known(partition.log_end));
    std::optional<std::int64_t> lag;
    if (partition.committed >= 0 && partition.log_end >= 0) {
        // The end as last seen may be older than the position.
        lag = std::max<std::int64_t>(0, partition.log_end - partition.committed);
    }
    json.field("lag_records", lag);
    json.field("lag_seconds", known(partition.lag_seconds));
    json.field("open_transaction_records", known(partition.open_transaction_records));
    json.field("restoring", partition.restoring);
    json.end_object();
}

void write_written(JsonWriter& json, const LoopStatus& loop) {
    json.key("written").begin_object();
    for (const WrittenRole& role : written_roles(loop.stage)) {
        const OutputBatch::Volume& volume = loop.written[static_cast<std::size_t>(role.role)];
        json.key(role.name).begin_object();
        json.field("records", volume.records).field("bytes", volume.bytes).end_object();
    }
    json.end_object();
}

void write_rates(JsonWriter& json, const Rates& rates, const LoopCounters& then,
                 const LoopCounters& now) {
    json.key("rates").begin_object();
    json.field("records_read_per_second", rates.of(then.records_read, now.records_read));
    json.field("read_bytes_per_second", rates.of(then.bytes_read, now.bytes_read));
    json.field("records_written_per_second", rates.of(then.records_written, now.records_written));
    json.field("written_bytes_per_second", rates.of(then.bytes_written, now.bytes_written));
    json.field("results_written_per_second", rates.of(then.results_written, now.results_written));
    json.field("commits_per_second", rates.of(then.commits, now.commits));
    json.end_object();
}

void write_phases(JsonWriter& json, bool usable, const LoopCounters& then,
                  const LoopCounters& now) {
    double all = 0;
    for (std::size_t i = 0; i < kLoopPhaseCount; ++i) {
        all += now.phase_seconds[i] - then.phase_seconds[i];
    }
    json.key("phases");
    if (!usable || all <= 0) {
        json.null();
        return;
    }
    json.begin_object();
    for (std::size_t i = 0; i < kLoopPhaseCount; ++i) {
        json.field(kPhases[i], (now.phase_seconds[i] - then.phase_seconds[i]) / all);
    }
    json.end_object();
}

void write_counts(JsonWriter& json, const LoopStatus& loop) {
    json.field("records_read", loop.records_read).field("bytes_read", loop.bytes_read);
    json.field("records_aggregated", loop.records_aggregated);
    json.field("tombstones", loop.tombstones).field("skipped", loop.skipped);
    json.key("bad_records").begin_object();
    if (loop.stage == Stage::map) {  // totals loops read what map loops have written
        for (std::size_t i = 0; i < kBadReasonCount; ++i) {
            json.field(bad_reason_name(static_cast<BadReason>(i)), loop.bad_records[i]);
        }
    }
    json.end_object();
    json.field("duplicate_steps", loop.duplicate_steps);
    write_written(json, loop);
    json.key("transactions").begin_object();
    for (std::size_t i = 0; i < kTransactionResultCount; ++i) {
        json.field(kResults[i], loop.transactions[i]);
    }
    json.end_object();
    json.field("producer_rebuilds", loop.producer_rebuilds).field("rebalances", loop.rebalances);
    json.field("partitions_lost", loop.partitions_lost);
    json.field("keys", loop.keys).field("state_bytes", loop.state_bytes);
    json.field("restored_records", loop.restored_records);
    json.field("restore_seconds", loop.restore_seconds);
}

void write_loop(JsonWriter& json, const Snapshot<LoopStatus>& snapshot,
                const Past<LoopCounters>& past, Instant taken, double now_unix_seconds) {
    const LoopStatus& loop = *snapshot.status;
    const LoopCounters now = counters_of(loop);
    json.begin_object();
    json.field("stage", loop.stage == Stage::map ? "map" : "totals").field("worker", loop.worker);
    json.field("snapshot_age_seconds", seconds_of(taken - snapshot.published));
    json.field("joined", loop.joined).field("caught_up", loop.caught_up);
    json.key("partitions").begin_array();
    for (const PartitionStatus& partition : loop.partitions) {
        write_partition(json, partition);
    }
    json.end_array();
    const Rates rates(past.rates.at, snapshot.published, taken);
    write_rates(json, rates, past.rates.counters, now);
    write_phases(json, rates.usable(), past.rates.counters, now);
    const bool committed = loop.last_commit_wall_seconds > 0;
    json.field("last_commit_time",
               committed ? std::optional(loop.last_commit_wall_seconds) : std::nullopt);
    json.field("last_commit_age_seconds",
               committed
                   ? std::optional(std::max(0.0, now_unix_seconds - loop.last_commit_wall_seconds))
                   : std::nullopt);
    const LoopCounters& then = past.quantiles.counters;
    write_quantiles(json, "commit_seconds", then.commit_seconds, now.commit_seconds);
    write_quantiles(json, "append_to_commit_seconds", then.append_to_commit_seconds,
                    now.append_to_commit_seconds);
    write_counts(json, loop);
    json.end_object();
}

void write_produce(JsonWriter& json, const Snapshot<ProduceStatus>& snapshot,
                   const Past<ProduceCounters>& past, Instant taken) {
    const ProduceStatus& status = *snapshot.status;
    const Rates rates(past.rates.at, snapshot.published, taken);
    const ProduceCounters& then = past.rates.counters;
    json.begin_object();
    json.field("snapshot_age_seconds", seconds_of(taken - snapshot.published));
    json.field("made", status.made).field("acknowledged", status.acknowledged);
    json.field("failed", status.failed).field("unknown", status.unknown);
    json.field("bytes", status.bytes);
    json.field("queued_records", status.queued_records).field("queued_bytes", status.queued_bytes);
    json.field("waiting", status.waiting);
    json.key("rates").begin_object();
    json.field("made_per_second", rates.of(then.made, status.made));
    json.field("acknowledged_per_second", rates.of(then.acknowledged, status.acknowledged));
    json.field("bytes_per_second", rates.of(then.bytes, status.bytes));
    json.end_object();
    write_quantiles(json, "delivery_seconds", past.quantiles.counters.delivery_seconds,
                    status.delivery_seconds);
    json.end_object();
}

void write_client(JsonWriter& json, const ClientStatus& client) {
    json.begin_object().field("client", client.client).key("brokers").begin_array();
    for (const BrokerStatus& broker : client.brokers) {
        json.begin_object().field("broker", broker.name).field("up", broker.up);
        json.field("rtt_mean_seconds", known(broker.rtt_mean_seconds));
        json.field("rtt_p99_seconds", known(broker.rtt_p99_seconds));
        json.field("requests", broker.requests).field("errors", broker.errors);
        json.field("timeouts", broker.timeouts).field("disconnects", broker.disconnects);
        json.field("throttle_seconds", broker.throttle_seconds);
        json.end_object();
    }
    json.end_array().end_object();
}

void write_texts(JsonWriter& json, std::string_view name, const std::vector<std::string>& texts) {
    json.key(name).begin_array();
    for (const std::string& text : texts) {
        json.value(text);
    }
    json.end_array();
}

void write_facts(JsonWriter& json, const StatusFacts& facts) {
    json.field("version", facts.build.version).field("revision", facts.build.revision);
    json.field("librdkafka", facts.build.librdkafka);
    json.field("command", facts.command).field("application_id", facts.application_id);
    json.field("http", facts.http);
    json.key("job").begin_object();
    json.field("source_topic", facts.source_topic).field("results_topic", facts.results_topic);
    write_texts(json, "group_by", facts.group_by);
    write_texts(json, "aggregates", facts.aggregates);
    json.end_object();
}

}  // namespace

std::optional<double> quantile_between(const LatencyCounts& before, const LatencyCounts& after,
                                       double share) {
    const std::uint64_t count = after.count - before.count;
    if (count == 0) {
        return std::nullopt;
    }
    const double rank = share * static_cast<double>(count);
    double below = 0;
    for (std::size_t i = 0; i < kLatencyBucketSeconds.size(); ++i) {
        const auto here = static_cast<double>(after.buckets[i] - before.buckets[i]);
        if (here > 0 && below + here >= rank) {
            const double from = i == 0 ? 0 : kLatencyBucketSeconds[i - 1];
            const double inside = std::clamp((rank - below) / here, 0.0, 1.0);
            return from + (kLatencyBucketSeconds[i] - from) * inside;
        }
        below += here;
    }
    return kLatencyBucketSeconds.back();
}

std::string status_json(const Snapshots& snapshots, const StatusFacts& facts,
                        const ProcessStatus& process, double now_unix_seconds) {
    const Verdict alive = liveness(snapshots);
    const Verdict ready = readiness(snapshots);
    JsonWriter json;
    json.begin_object();
    write_facts(json, facts);
    json.field("time", now_unix_seconds);
    json.field("start_time", process.start_time_seconds);
    json.field("uptime_seconds", std::max(0.0, now_unix_seconds - process.start_time_seconds));
    json.field("healthy", alive.ok).field("health", alive.reason);
    json.field("ready", ready.ok).field("readiness", ready.reason);
    json.field("rate_window_seconds", kRateWindow.count());
    json.field("quantile_window_seconds", kQuantileWindow.count());
    json.key("process").begin_object();
    json.field("cpu_seconds", process.cpu_seconds);
    json.field("resident_bytes", process.resident_bytes);
    json.field("open_files", process.open_files).end_object();
    json.key("loops").begin_array();
    for (std::size_t i = 0; i < snapshots.loops.size(); ++i) {
        write_loop(json, snapshots.loops[i], snapshots.loops_past[i], snapshots.taken,
                   now_unix_seconds);
    }
    json.end_array();
    json.key("unassigned").begin_array();
    for (const UnassignedPartition& one : snapshots.unassigned) {
        json.begin_object().field("partition", one.partition.value);
        json.field("lag_records", one.records).end_object();
    }
    json.end_array();
    json.key("produce");
    if (snapshots.produce.empty()) {
        json.null();
    } else {
        write_produce(json, snapshots.produce[0], snapshots.produce_past[0], snapshots.taken);
    }
    json.key("clients").begin_array();
    for (const auto& snapshot : snapshots.clients) {
        write_client(json, *snapshot.status);
    }
    json.end_array().end_object();
    return json.take() + "\n";
}

}  // namespace kstream::telemetry
