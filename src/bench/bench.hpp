// What the scenarios of bench share: the cluster, topics that go when their user goes, the
// children, and the check of their totals.
#pragma once

#include "bench/child_process.hpp"
#include "bench/figures/expected.hpp"
#include "bench/figures/figures.hpp"
#include "bench/machine.hpp"
#include "cli/config.hpp"
#include "kafka/admin.hpp"
#include "kstream/error.hpp"
#include "kstream/latency_histogram.hpp"
#include "kstream/ports/clock.hpp"
#include "kstream/ports/log.hpp"
#include "process/stop_signal.hpp"
#include "topics/topic_plan.hpp"

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace kstream::bench {

// A round with a fiftieth of the records runs before all others and is forgotten: code, connections
// and brokers are warm when the first one counts.
inline constexpr std::uint64_t kWarmUpShare = 50;

// One environment for all scenarios; outlives them.
struct Bench {
    const cli::BenchConfig& config;
    Log& log;
    process::StopSignal& stop;
    const Clock& clock;
    kafka::Admin admin;
    kafka::Admin cleaner;  // whose calls go on when a stop is requested
    kafka::ClientConfig client;
    BrokerProcesses brokers;
    std::string run;              // what the names of all topics of this run begin with
    LatencyHistogram latency_us;  // of the scenario latency, all rounds together

    [[nodiscard]] bool stopped() const { return stop.requested(); }
    void say(std::string_view what, std::initializer_list<LogField> fields = {}) const;
};

// What all records are made from but the seed and the sellers.
[[nodiscard]] GeneratorOptions bench_generator(std::uint64_t seed, std::uint32_t sellers,
                                               Skew skew = Skew::even);

// The records of produce, consume and aggregate.
[[nodiscard]] GeneratorOptions even_records(const cli::BenchConfig& config);

// What stopped the benchmark before its end, when a signal did.
[[nodiscard]] Error interrupted_bench();

// All topics of one job; deleted with its groups at the end, whatever happened.
class BenchJob {
public:
    // Makes the topics. `source`: another job's source topic, which stays that job's.
    [[nodiscard]] static Result<std::unique_ptr<BenchJob>> make(Bench& bench,
                                                                const std::string& name,
                                                                const BenchJob* source = nullptr);
    ~BenchJob();
    BenchJob(const BenchJob&) = delete;
    BenchJob& operator=(const BenchJob&) = delete;

    [[nodiscard]] const topics::Names& names() const { return names_; }
    [[nodiscard]] int partitions(TopicRole role) const { return plan_.of(role).partitions; }
    [[nodiscard]] int replication_factor() const {
        return plan_.of(TopicRole::source).replication_factor;
    }
    [[nodiscard]] const std::string& application_id() const { return application_id_; }

private:
    BenchJob(Bench& bench, std::string application_id, topics::Names names, topics::TopicPlan plan,
             bool owns_source);

    Bench& bench_;
    std::string application_id_;
    topics::Names names_;
    topics::TopicPlan plan_;
    bool owns_source_;
};

// Where the source ends now, by partition.
[[nodiscard]] Result<std::vector<Offset>> source_ends(Bench& bench, const BenchJob& job);

// Reads the source back: every record that was made is there once and undamaged, and nothing else.
// Errors: integrity.
[[nodiscard]] Result<void> check_source(Bench& bench, const BenchJob& job,
                                        const Expected& expected);

// A child that has to end with 0 within `limit`, without a stop of ours.
[[nodiscard]] Result<ChildEnd> wait_for_child(Bench& bench, ChildProcess& child,
                                              std::string_view what);

// `produce` as a child process, from the generator's record 0 on.
struct Produced {
    ChildEnd end;
    double seconds = 0;  // first record made to last record answered, as the child reports
    double p50_ms = 0;   // delivery
    double p99_ms = 0;
    std::optional<double> broker_cpu_seconds;
};
[[nodiscard]] Result<Produced> produce_records(Bench& bench, const BenchJob& job,
                                               const GeneratorOptions& options,
                                               std::uint64_t count);

// `aggregate` as a child process: bench's own job, or a statement that reads the job's source.
[[nodiscard]] Result<std::unique_ptr<ChildProcess>> start_aggregate(
    Bench& bench, const BenchJob& job, bool until_end, const std::string& statement = {});

// Adds CPU figures of a round: of kstream, and of the brokers where they are processes here.
void add_cpu(ScenarioResult& result, double records, double cpu_seconds,
             const std::optional<double>& broker_cpu_seconds);

}  // namespace kstream::bench
