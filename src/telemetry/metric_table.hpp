// The one table of metrics: each stands here once, with its name, type, labels, words, and how its
// samples are read off a snapshot. /metrics, docs/METRICS.md and `kstream help metrics` are made
// from it. Names follow prometheus.io/docs/practices/naming; label values are bounded.
#pragma once

#include "kstream/client_status.hpp"
#include "kstream/produce_status.hpp"
#include "kstream/status.hpp"
#include "telemetry/process_status.hpp"
#include "telemetry/snapshot_store.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kstream::telemetry {

enum class MetricType : std::uint8_t { counter, gauge, histogram };

struct MetricSpec {
    std::string_view name;
    MetricType type = MetricType::gauge;
    std::string_view labels;  // "stage,worker"; empty: none
    std::string_view help;
};

using Labels = std::vector<std::pair<std::string_view, std::string>>;

struct Sample {
    Labels labels;
    double value = 0;
    const LatencyCounts* histogram = nullptr;  // of histograms, instead of `value`
};

// The samples of one metric, all from one snapshot: `base` is what they have in common.
class Samples {
public:
    explicit Samples(Labels base) : base_(std::move(base)) {}

    void add(double value) { samples_.push_back({base_, value, nullptr}); }
    void add(std::string_view label, std::string_view label_value, double value) {
        samples_.push_back({base_, value, nullptr});
        samples_.back().labels.emplace_back(label, std::string(label_value));
    }
    void add(const Labels& labels, double value) {
        samples_.push_back({base_, value, nullptr});
        samples_.back().labels.insert(samples_.back().labels.end(), labels.begin(), labels.end());
    }
    void add(const LatencyCounts& histogram) { samples_.push_back({base_, 0, &histogram}); }

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

// The topics that a loop of this stage writes to, as labels and fields name them.
struct WrittenRole {
    TopicRole role;
    std::string_view name;
};
[[nodiscard]] std::span<const WrittenRole> written_roles(Stage stage);

[[nodiscard]] std::span<const MetricOf<Seen<LoopStatus>>> loop_metrics();  // base: stage, worker
[[nodiscard]] std::span<const MetricOf<Snapshots>> source_metrics();       // base: none
[[nodiscard]] std::span<const MetricOf<ProduceStatus>> produce_metrics();  // base: none
[[nodiscard]] std::span<const MetricOf<ClientStatus>> client_metrics();    // base: client
[[nodiscard]] std::span<const MetricOf<ProcessStatus>> process_metrics();  // base: none
[[nodiscard]] std::span<const MetricOf<BuildInfo>> build_metrics();        // base: all of it

// Metrics whose sum over all series means nothing are gauges; everything about one partition has
// the label `partition`, which is that of the loop's input topic.
struct MetricGroup {
    std::string_view title;
    std::vector<MetricSpec> metrics;
};
[[nodiscard]] std::vector<MetricGroup> metric_groups();

[[nodiscard]] std::string_view metric_type_name(MetricType type);
[[nodiscard]] std::string metrics_help();  // kstream help metrics
[[nodiscard]] std::string metrics_doc();   // docs/METRICS.md

}  // namespace kstream::telemetry
