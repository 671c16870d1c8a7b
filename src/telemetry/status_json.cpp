// The members that are metrics come from the metric table, the others are written here. What is
// unknown is null, never a made-up zero.
#include "telemetry/status_json.hpp"

#include "kstream/check.hpp"
#include "telemetry/health.hpp"
#include "text/json_writer.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <ranges>
#include <span>
#include <type_traits>
#include <utility>
#include <variant>

namespace kstream::telemetry {
namespace {

using text::JsonWriter;

// Below this a rate would be an accident of when the snapshots came.
constexpr double kMinSeconds = 0.5;
// Who is silent for longer has no rates: the last ones are not the present ones.
constexpr double kSilence = 3;

double seconds_of(Duration duration) {
    return std::chrono::duration<double>(duration).count();
}

// Differences between a counter then and now, by the seconds between.
class Rates {
public:
    Rates(Instant then, Instant published, Instant taken)
        : seconds_(seconds_of(published - then)),
          usable_(seconds_ >= kMinSeconds && seconds_of(taken - published) <= kSilence) {}

    [[nodiscard]] std::optional<double> of(std::uint64_t before, std::uint64_t after) const {
        return usable_ ? std::optional(static_cast<double>(after - before) / seconds_)
                       : std::nullopt;
    }
    [[nodiscard]] bool usable() const { return usable_; }

private:
    double seconds_;
    bool usable_;
};

// An object whose members come in any order and at any depth.
class Tree {
public:
    explicit Tree(std::string name = {}) : name_(std::move(name)) {}

    // The member of this name, made when it is missing.
    Tree& member(std::string_view name) {
        const auto found = std::ranges::find(members_, name, &Tree::name_);
        return found != members_.end() ? *found : members_.emplace_back(std::string(name));
    }
    void set(std::string json) { json_ = std::move(json); }

    void write_members(JsonWriter& json) const {
        for (const Tree& member : members_) {
            json.key(member.name_);
            if (!member.json_.empty()) {
                json.raw(member.json_);
                continue;
            }
            json.begin_object();
            member.write_members(json);
            json.end_object();
        }
    }

private:
    std::string name_;
    std::string json_;  // empty: an object
    std::vector<Tree> members_;
};

std::string json_of(const HistogramView& before, const HistogramView& after) {
    JsonWriter json;
    json.begin_object();
    json.field("p50", quantile_between(before, after, 0.5));
    json.field("p90", quantile_between(before, after, 0.9));
    json.field("p99", quantile_between(before, after, 0.99));
    json.field("count", after.count - before.count);
    return json.end_object().take();
}

std::string json_of(const SampleValue& value) {
    JsonWriter json;
    std::visit(
        [&json]<typename T>(const T& one) {
            if constexpr (std::is_same_v<T, WallSeconds>) {
                json.value(one.value > 0 ? std::optional(one.value) : std::nullopt);
            } else {
                json.value(one);
            }
        },
        value);
    return json.take();
}

// Puts the samples of a metric where its row says; `then` are those of earlier, for quantiles.
void place(Tree& top, std::string_view path, const Samples& now, const Samples& then) {
    const auto at = [&](const Sample* sample) -> Tree* {
        Tree* tree = &top;
        for (const auto part : std::views::split(path, '.')) {
            std::string_view name(part);
            if (name.starts_with('{')) {
                if (sample == nullptr) {
                    return nullptr;  // an object without members
                }
                const auto label = std::ranges::find(
                    sample->labels, name.substr(1, name.size() - 2), &Labels::value_type::first);
                KSTREAM_CHECK(label != sample->labels.end(), "the row has the label of its path");
                name = label->second;
            }
            tree = &tree->member(name);
        }
        return tree;
    };
    if (now.list().empty()) {
        if (Tree* const unknown = at(nullptr)) {
            unknown->set("null");
        }
    }
    for (std::size_t i = 0; i < now.list().size(); ++i) {
        const Sample& sample = now.list()[i];
        at(&sample)->set(sample.histogram ? json_of(*then.list()[i].histogram, *sample.histogram)
                                          : json_of(sample.value));
    }
}

// The members of one object of /status that are metrics.
template <typename Status>
void write_metrics(JsonWriter& json, std::span<const MetricOf<Status>> metrics, const Status& now,
                   const Status& then) {
    Tree top;
    for (const MetricOf<Status>& metric : metrics) {
        if (!metric.spec.status.empty()) {
            Samples after;
            Samples before;
            metric.sample(now, after);
            metric.sample(then, before);
            place(top, metric.spec.status, after, before);
        }
    }
    top.write_members(json);
}

template <typename Status>
void write_metrics(JsonWriter& json, std::span<const MetricOf<Status>> metrics, const Status& now) {
    write_metrics(json, metrics, now, now);
}

template <typename Status>
struct Rate {
    std::string_view name;
    std::uint64_t (*counter)(const Status&);
};

std::uint64_t written(const LoopStatus& loop, std::uint64_t OutputBatch::Volume::* member) {
    std::uint64_t sum = 0;
    for (const OutputBatch::Volume& volume : loop.steps.written) {
        sum += volume.*member;
    }
    return sum;
}

constexpr Rate<LoopStatus> kLoopRates[] = {
    {"records_read_per_second", [](const LoopStatus& loop) { return loop.fold.records_read; }},
    {"read_bytes_per_second", [](const LoopStatus& loop) { return loop.fold.bytes_read; }},
    {"records_written_per_second",
     [](const LoopStatus& loop) { return written(loop, &OutputBatch::Volume::records); }},
    {"written_bytes_per_second",
     [](const LoopStatus& loop) { return written(loop, &OutputBatch::Volume::bytes); }},
    {"results_written_per_second",
     [](const LoopStatus& loop) {
         return loop.steps.written[static_cast<std::size_t>(TopicRole::results)].records;
     }},
    {"commits_per_second",
     [](const LoopStatus& loop) {
         return loop.steps.transactions[static_cast<std::size_t>(TransactionResult::committed)];
     }},
};
constexpr Rate<ProduceStatus> kProduceRates[] = {
    {"made_per_second", [](const ProduceStatus& status) { return status.made; }},
    {"acknowledged_per_second", [](const ProduceStatus& status) { return status.acknowledged; }},
    {"bytes_per_second", [](const ProduceStatus& status) { return status.bytes; }},
};

template <typename Status>
void write_rates(JsonWriter& json, const Rates& rates, std::span<const Rate<Status>> wanted,
                 const Status& then, const Status& now) {
    json.key("rates").begin_object();
    for (const Rate<Status>& rate : wanted) {
        json.field(rate.name, rates.of(rate.counter(then), rate.counter(now)));
    }
    json.end_object();
}

void write_phases(JsonWriter& json, bool usable, const LoopStatus& then, const LoopStatus& now) {
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
        json.field(kLoopPhaseNames[i], (now.phase_seconds[i] - then.phase_seconds[i]) / all);
    }
    json.end_object();
}

void write_loop(JsonWriter& json, const Snapshot<LoopStatus>& snapshot,
                const Past<LoopStatus>& past, Instant taken, double now_unix_seconds) {
    const LoopStatus& loop = *snapshot.status;
    json.begin_object().field("stage", stage_name(loop.stage)).field("worker", loop.worker);
    write_metrics(json, loop_metrics(),
                  Seen<LoopStatus>{loop, seconds_of(taken - snapshot.published)},
                  Seen<LoopStatus>{past.quantiles.counters});
    json.array("partitions", loop.member.partitions, [&json](const PartitionStatus& partition) {
        json.begin_object().field("partition", partition.partition.value);
        write_metrics(json, partition_metrics(), partition);
        json.end_object();
    });
    const Rates rates(past.rates.at, snapshot.published, taken);
    write_rates<LoopStatus>(json, rates, kLoopRates, past.rates.counters, loop);
    write_phases(json, rates.usable(), past.rates.counters, loop);
    const double committed = loop.steps.last_commit_wall_seconds;
    json.field(
        "last_commit_age_seconds",
        committed > 0 ? std::optional(std::max(0.0, now_unix_seconds - committed)) : std::nullopt);
    json.end_object();
}

void write_produce(JsonWriter& json, const Snapshot<ProduceStatus>& snapshot,
                   const Past<ProduceStatus>& past, Instant taken) {
    json.begin_object();
    json.field("snapshot_age_seconds", seconds_of(taken - snapshot.published));
    write_metrics(json, produce_metrics(), *snapshot.status, past.quantiles.counters);
    write_rates<ProduceStatus>(json, Rates(past.rates.at, snapshot.published, taken), kProduceRates,
                               past.rates.counters, *snapshot.status);
    json.end_object();
}

void write_client(JsonWriter& json, const ClientStatus& client) {
    json.begin_object().field("client", client.client);
    json.array("brokers", client.brokers, [&json](const BrokerStatus& broker) {
        json.begin_object().field("broker", broker.name);
        write_metrics(json, broker_metrics(), broker);
        json.end_object();
    });
    json.end_object();
}

void write_facts(JsonWriter& json, const StatusFacts& facts) {
    json.field("version", facts.build.version).field("revision", facts.build.revision);
    json.field("librdkafka", facts.build.librdkafka);
    json.field("command", facts.command).field("application_id", facts.application_id);
    json.field("http", facts.http);
    json.key("job").begin_object();
    json.field("source_topic", facts.source_topic).field("results_topic", facts.results_topic);
    json.array("group_by", facts.group_by);
    json.array("aggregates", facts.aggregates);
    json.end_object();
}

}  // namespace

std::optional<double> quantile_between(const HistogramView& before, const HistogramView& after,
                                       double share) {
    const std::uint64_t count = after.count - before.count;
    if (count == 0) {
        return std::nullopt;
    }
    const double rank = share * static_cast<double>(count);
    double below = 0;
    for (std::size_t i = 0; i < after.bounds.size(); ++i) {
        const auto here = static_cast<double>(after.buckets[i] - before.buckets[i]);
        if (here > 0 && below + here >= rank) {
            const double from = i == 0 ? 0 : after.bounds[i - 1];
            const double inside = std::clamp((rank - below) / here, 0.0, 1.0);
            return from + (after.bounds[i] - from) * inside;
        }
        below += here;
    }
    return after.bounds.back();
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
    write_metrics(json, process_metrics(), process);
    json.end_object();
    json.key("loops").begin_array();
    for (std::size_t i = 0; i < snapshots.loops.size(); ++i) {
        write_loop(json, snapshots.loops[i], snapshots.loops_past[i], snapshots.taken,
                   now_unix_seconds);
    }
    json.end_array();
    json.array("unassigned", snapshots.unassigned, [&json](const UnassignedPartition& one) {
        json.begin_object().field("partition", one.partition.value);
        write_metrics(json, unassigned_metrics(), one);
        json.end_object();
    });
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
