// From the metric table to prometheus-cpp's families, whose serializer writes the format. Its
// registry, counters and server are not used: our counters are the snapshots.
#include "telemetry/exposition.hpp"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <chrono>
#include <limits>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace kstream::telemetry {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;

prometheus::MetricType type_of(MetricType type) {
    switch (type) {
        case MetricType::counter:
            return prometheus::MetricType::Counter;
        case MetricType::gauge:
            return prometheus::MetricType::Gauge;
        case MetricType::histogram:
            return prometheus::MetricType::Histogram;
    }
    return prometheus::MetricType::Untyped;
}

ClientMetric::Histogram histogram_of(const HistogramView& counts) {
    ClientMetric::Histogram histogram;
    histogram.sample_count = counts.count;
    histogram.sample_sum = counts.sum_seconds;
    std::uint64_t cumulative = 0;
    for (std::size_t i = 0; i < counts.buckets.size(); ++i) {
        cumulative += counts.buckets[i];
        const double bound =
            i < counts.bounds.size() ? counts.bounds[i] : std::numeric_limits<double>::infinity();
        histogram.bucket.push_back({.cumulative_count = cumulative, .upper_bound = bound});
    }
    return histogram;
}

double number_of(const SampleValue& value) {
    return std::visit(
        []<typename T>(const T& one) {
            if constexpr (std::is_same_v<T, WallSeconds>) {
                return one.value;
            } else {
                return static_cast<double>(one);
            }
        },
        value);
}

ClientMetric metric_of(const Sample& sample, MetricType type) {
    ClientMetric metric;
    for (const auto& [name, value] : sample.labels) {
        metric.label.push_back({.name = std::string(name), .value = value});
    }
    switch (type) {
        case MetricType::counter:
            metric.counter.value = number_of(sample.value);
            break;
        case MetricType::gauge:
            metric.gauge.value = number_of(sample.value);
            break;
        case MetricType::histogram:
            metric.histogram = histogram_of(*sample.histogram);
            break;
    }
    return metric;
}

// One family per row of a table, with the samples of all statuses.
template <typename Status>
void append(std::vector<MetricFamily>& families, std::span<const MetricOf<Status>> metrics,
            const std::vector<std::pair<Labels, Status>>& statuses) {
    for (const MetricOf<Status>& row : metrics) {
        MetricFamily family{.name = std::string(row.spec.name),
                            .help = std::string(row.spec.help),
                            .type = type_of(row.spec.type),
                            .metric = {}};
        for (const auto& [base, status] : statuses) {
            Samples samples(base);
            row.sample(status, samples);
            for (const Sample& sample : samples.list()) {
                family.metric.push_back(metric_of(sample, row.spec.type));
            }
        }
        if (!family.metric.empty()) {
            families.push_back(std::move(family));
        }
    }
}

template <typename Status>
using Labeled = std::vector<std::pair<Labels, Status>>;

}  // namespace

std::string exposition(const Snapshots& snapshots, const BuildInfo& build,
                       const ProcessStatus& process) {
    Labeled<Seen<LoopStatus>> loops;
    Labeled<PartitionStatus> partitions;
    for (const auto& [status, published] : snapshots.loops) {
        const std::chrono::duration<double> age = snapshots.taken - published;
        const Labels labels{{"stage", std::string(stage_name(status->stage))},
                            {"worker", std::to_string(status->worker)}};
        loops.emplace_back(labels, Seen<LoopStatus>{*status, age.count()});
        for (const PartitionStatus& partition : status->member.partitions) {
            partitions.emplace_back(labels, partition);
            partitions.back().first.emplace_back("partition",
                                                 std::to_string(partition.partition.value));
        }
    }
    Labeled<UnassignedPartition> unassigned;
    for (const UnassignedPartition& one : snapshots.unassigned) {
        unassigned.emplace_back(Labels{{"partition", std::to_string(one.partition.value)}}, one);
    }
    Labeled<ProduceStatus> produce;
    for (const auto& snapshot : snapshots.produce) {
        produce.emplace_back(Labels(), *snapshot.status);
    }
    Labeled<BrokerStatus> brokers;
    for (const auto& snapshot : snapshots.clients) {
        for (const BrokerStatus& broker : snapshot.status->brokers) {
            brokers.emplace_back(
                Labels{{"client", snapshot.status->client}, {"broker", broker.name}}, broker);
        }
    }
    std::vector<MetricFamily> families;
    append(families, loop_metrics(), loops);
    append(families, partition_metrics(), partitions);
    append(families, unassigned_metrics(), unassigned);
    append(families, produce_metrics(), produce);
    append(families, broker_metrics(), brokers);
    append(families, build_metrics(),
           {{Labels{{"version", build.version},
                    {"revision", build.revision},
                    {"librdkafka", build.librdkafka}},
             build}});
    append(families, process_metrics(), {{Labels(), process}});
    return prometheus::TextSerializer().Serialize(families);
}

}  // namespace kstream::telemetry
