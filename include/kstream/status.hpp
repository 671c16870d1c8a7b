// What a worker tells the outside: one immutable snapshot, published by each loop once per step
// (and once a second when idle). HTTP and metrics read these and nothing else, so nothing on the
// per-record path is shared between threads.
#pragma once

#include "kstream/codec/record_decoder.hpp"
#include "kstream/model/ids.hpp"
#include "kstream/model/output_batch.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace kstream {

// Which of the two loops of a worker.
enum class Stage : std::uint8_t { map, totals };

// How a transaction ended, as metrics label and in counts.
enum class TransactionResult : std::uint8_t { committed, aborted, uncertain, fenced };
inline constexpr std::size_t kTransactionResultCount = 4;

// Where a loop spends its time: the single best diagnosis of what bounds it.
enum class LoopPhase : std::uint8_t { poll, fold, seal, restore, other };
inline constexpr std::size_t kLoopPhaseCount = 5;

// Powers-of-two histogram of durations: bucket i counts values <= kLatencyBucketSeconds[i].
inline constexpr std::array<double, 14> kLatencyBucketSeconds{
    0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30};
struct LatencyCounts {
    std::array<std::uint64_t, kLatencyBucketSeconds.size() + 1> buckets{};  // last: above all
    double sum_seconds = 0;
    std::uint64_t count = 0;

    void record(double seconds) {
        std::size_t i = 0;
        while (i < kLatencyBucketSeconds.size() && seconds > kLatencyBucketSeconds[i]) {
            ++i;
        }
        ++buckets[i];
        ++count;
        sum_seconds += seconds;
    }
};

struct PartitionStatus {
    PartitionId partition;
    std::int64_t position = -1;   // next offset to read, committed or not
    std::int64_t committed = -1;  // committed position, -1 while unknown
    std::int64_t log_end = -1;    // read_committed end as last seen, -1 while unknown
    std::int64_t open_transaction_records = -1;  // high watermark - last stable offset
    double lag_seconds = -1;  // age of the newest folded record while behind the end; 0 when caught
                              // up, -1 while unknown
    bool restoring = false;
};

// The committed total of one key, for pictures: doubles. The exact value is in the results topic.
struct TotalStatus {
    std::string key;             // as the key of its result record
    std::vector<double> values;  // one for each aggregate
};

// All counters are totals since the process started.
struct LoopStatus {
    Stage stage = Stage::map;
    int worker = 0;
    bool joined = false;     // has had an assignment since the last loss
    bool caught_up = false;  // positions have reached the log ends as last seen
    std::vector<PartitionStatus> partitions;

    std::uint64_t records_read = 0;  // from the input topic of this loop
    std::uint64_t bytes_read = 0;
    std::uint64_t records_aggregated = 0;  // map: source records folded; totals: deltas applied
    std::uint64_t tombstones = 0;
    std::uint64_t skipped = 0;  // bad records under --on-bad-record skip
    std::array<std::uint64_t, kBadReasonCount> bad_records{};
    std::uint64_t duplicate_steps = 0;  // totals: steps seen again and dropped (P2)
    std::uint64_t keys = 0;             // totals: keys held; map: keys in the open step
    std::uint64_t state_bytes = 0;
    std::vector<PartitionId> written_again;  // totals: all their results were, since the start
    std::uint64_t keys_written_again = 0;
    OutputBatch::Volumes written{};       // of committed steps, by TopicRole
    std::vector<std::string> aggregates;  // totals: output names, for `totals`
    std::vector<TotalStatus> totals;      // totals: a bounded choice that changes little

    std::array<std::uint64_t, kTransactionResultCount> transactions{};
    std::uint64_t producer_rebuilds = 0;
    std::uint64_t rebalances = 0;
    std::uint64_t partitions_lost = 0;
    LatencyCounts commit_seconds;            // submit to known outcome
    LatencyCounts append_to_commit_seconds;  // oldest record of a step: log timestamp to commit
    std::array<double, kLoopPhaseCount> phase_seconds{};
    std::uint64_t restored_records = 0;
    double restore_seconds = 0;
    double last_commit_wall_seconds = 0;  // unix time, 0 before the first
};

}  // namespace kstream
