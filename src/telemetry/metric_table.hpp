// The one table of metrics: each stands here once, with its name, type, labels, words, its place in
// /status, and how its samples are read off a snapshot. /metrics, the members of /status that are
// metrics, docs/METRICS.md and `kstream help metrics` are made from it. Names follow
// prometheus.io/docs/practices/naming; label values are bounded.
#pragma once

#include "kstream/client_status.hpp"
#include "kstream/produce_status.hpp"
#include "kstream/status.hpp"
#include "telemetry/process_status.hpp"
#include "telemetry/snapshot_store.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace kstream::telemetry {

enum class MetricType : std::uint8_t { counter, gauge, histogram };

struct MetricSpec {
    std::string_view name;
    MetricType type = MetricType::gauge;
    std::string_view labels;  // "stage,worker"; empty: none
    std::string_view help;
    // The member of its group's object in /status, "written.{role}.records" with the value of the
    // label role for a name; empty: not there. Of a histogram the member has quantiles.
    std::string_view status = {};

    // The same from the top of /status: "loops[].records_read".
    [[nodiscard]] std::string place(std::string_view object) const {
        return status.empty() ? std::string() : std::string(object) += status;
    }
};

using Labels = std::vector<std::pair<std::string_view, std::string>>;

// Unix time; /status does not know one that is 0.
struct WallSeconds {
    double value = 0;
};

// The counts of a histogram, whatever its bounds are.
struct HistogramView {
    template <const auto& kBounds>
    // NOLINTNEXTLINE(google-explicit-constructor): as of a span, it is how they are handed on.
    HistogramView(const BucketCounts<kBounds>& counts)
        : bounds(kBounds),
          buckets(counts.buckets),
          sum_seconds(counts.sum_seconds),
          count(counts.count) {}

    std::span<const double> bounds;
    std::span<const std::uint64_t> buckets;  // of the counts, which have to outlive this
    double sum_seconds;
    std::uint64_t count;
};

using SampleValue = std::variant<bool, std::int64_t, std::uint64_t, double, WallSeconds>;

struct Sample {
    Labels labels;
    SampleValue value;
    std::optional<HistogramView> histogram;  // of histograms, instead of `value`
};

// The samples of one metric, all from one snapshot: `base` is what they have in common.
class Samples {
public:
    explicit Samples(Labels base = {}) : base_(std::move(base)) {}

    template <typename T>
    void add(const T& value, const Labels& labels = {}) {
        samples_.push_back({base_, value, std::nullopt});
        samples_.back().labels.insert(samples_.back().labels.end(), labels.begin(), labels.end());
    }
    template <typename T>
    void add(std::string_view label, std::string_view label_value, const T& value) {
        add(value, {{label, std::string(label_value)}});
    }
    template <const auto& kBounds>
    void add(const BucketCounts<kBounds>& histogram) {
        samples_.push_back({base_, {}, HistogramView(histogram)});
    }

    [[nodiscard]] const std::vector<Sample>& list() const { return samples_; }

private:
    Labels base_;
    std::vector<Sample> samples_;
};

// How the samples of a metric are read off one status.
template <typename Status>
struct MetricOf {
    MetricSpec spec;
    void (*sample)(const Status&, Samples&);
};

// A status as a scraper sees it.
template <typename Status>
struct Seen {
    const Status& status;
    double age_seconds = 0;  // since it was published
};

struct BuildInfo {
    std::string version;
    std::string revision;
    std::string librdkafka;
};

[[nodiscard]] std::span<const MetricOf<Seen<LoopStatus>>> loop_metrics();  // base: stage, worker
[[nodiscard]] std::span<const MetricOf<PartitionStatus>> partition_metrics();       // and partition
[[nodiscard]] std::span<const MetricOf<UnassignedPartition>> unassigned_metrics();  // partition
[[nodiscard]] std::span<const MetricOf<ProduceStatus>> produce_metrics();           // base: none
[[nodiscard]] std::span<const MetricOf<BrokerStatus>> broker_metrics();    // client, broker
[[nodiscard]] std::span<const MetricOf<ProcessStatus>> process_metrics();  // base: none
[[nodiscard]] std::span<const MetricOf<BuildInfo>> build_metrics();        // base: all of it

// Metrics whose sum over all series means nothing are gauges; everything about one partition has
// the label `partition`, which is that of the loop's input topic.
struct MetricGroup {
    std::string_view title;   // empty: goes on with the group before
    std::string_view object;  // where `status` begins in /status: "loops[]."
    std::vector<MetricSpec> metrics;
};
[[nodiscard]] std::vector<MetricGroup> metric_groups();

[[nodiscard]] std::string_view metric_type_name(MetricType type);
[[nodiscard]] std::string metrics_help();  // kstream help metrics
[[nodiscard]] std::string metrics_doc();   // docs/METRICS.md

}  // namespace kstream::telemetry
