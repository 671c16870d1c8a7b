// The result of a benchmark: as a table for people, as JSON for machines and for --against.
#pragma once

#include "bench/figures/comparison.hpp"
#include "bench/figures/figures.hpp"
#include "bench/machine.hpp"
#include "cli/config.hpp"
#include "kstream/error.hpp"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace kstream::bench {

// Where it ran on; not there for the scenario decode alone.
struct BenchCluster {
    std::string id;
    std::size_t brokers = 0;
    int replication_factor = 0;
    int partitions = 0;
};

struct BenchReport {
    std::string kstream;     // version and revision
    std::string librdkafka;  // version
    std::string at;          // RFC 3339
    Machine machine;
    std::optional<BenchCluster> cluster;
    // What decides the figures: two results compare only when these are the same.
    std::vector<std::pair<std::string, std::string>> settings;
    std::vector<ScenarioResult> scenarios;
};

[[nodiscard]] std::vector<std::pair<std::string, std::string>> settings_of(
    const cli::BenchConfig& config);

[[nodiscard]] std::string bench_text(const BenchReport& report);

// One object, ended by a line feed. Fields are only ever added: format (1), kstream, librdkafka,
// at, machine {cpu, cores, kernel, memory, load}, cluster {id, brokers, replication_factor,
// partitions} or null, settings {name: text}, scenarios [{name, checked, figures [{name, unit,
// better, median, min, max, spread, rounds [...]}]}].
[[nodiscard]] std::string bench_json(const BenchReport& report);

// What --against needs of an earlier result. Errors: usage, for a file that cannot be read or is
// none of bench's.
struct EarlierResult {
    std::vector<std::pair<std::string, std::string>> settings;
    std::string machine;  // cpu and cores
    std::vector<ScenarioResult> scenarios;
};
[[nodiscard]] Result<EarlierResult> read_earlier(const std::string& path,
                                                 const cli::BenchConfig& config);

// What makes the two incomparable, empty when nothing does. Which scenarios ran is not asked: those
// in both are compared.
[[nodiscard]] std::string settings_difference(const EarlierResult& earlier,
                                              const BenchReport& report);

[[nodiscard]] std::string comparison_text(const EarlierResult& earlier, const BenchReport& report,
                                          const std::vector<Compared>& compared);

}  // namespace kstream::bench
