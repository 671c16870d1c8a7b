// What a worker tells the outside: one immutable snapshot, published by each loop once per step
// (and once a second when idle). HTTP and metrics read these and nothing else, so nothing on the
// per-record path is shared between threads.
#pragma once

#include "kstream/model/bad_reason.hpp"
#include "kstream/model/event_time.hpp"
#include "kstream/model/ids.hpp"
#include "kstream/model/names.hpp"
#include "kstream/model/output_batch.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kstream {

// How a transaction ended.
enum class TransactionResult : std::uint8_t { committed, aborted, uncertain, fenced };
inline constexpr std::size_t kTransactionResultCount = 4;
inline constexpr std::array<std::string_view, kTransactionResultCount> kTransactionResultNames{
    "committed", "aborted", "uncertain", "fenced"};

// Where a loop spends its time: the single best diagnosis of what bounds it.
enum class LoopPhase : std::uint8_t { poll, fold, seal, restore, other };
inline constexpr std::size_t kLoopPhaseCount = 5;
inline constexpr std::array<std::string_view, kLoopPhaseCount> kLoopPhaseNames{
    "poll", "fold", "seal", "restore", "other"};

// Histogram over ascending bounds in seconds: bucket i counts what is above bound i - 1 and up to
// bound i.
template <const auto& kBounds>
struct BucketCounts {
    std::array<std::uint64_t, kBounds.size() + 1> buckets{};  // last: above all
    double sum_seconds = 0;
    std::uint64_t count = 0;

    void record(double seconds) {
        std::size_t i = 0;
        while (i < kBounds.size() && seconds > kBounds[i]) {
            ++i;
        }
        ++buckets[i];
        ++count;
        sum_seconds += seconds;
    }
};

// Durations, in steps of 1, 2, 5.
inline constexpr std::array<double, 14> kLatencyBucketSeconds{
    0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30};
using LatencyCounts = BucketCounts<kLatencyBucketSeconds>;

// By how much records are late: 1 s, 10 s, 1 min, 10 min, 1 h, 1 d.
inline constexpr std::array<double, 6> kLatenessBucketSeconds{1, 10, 60, 600, 3600, 86400};
using LatenessCounts = BucketCounts<kLatenessBucketSeconds>;

struct PartitionStatus {
    PartitionId partition;
    std::int64_t position = -1;   // next offset to read, committed or not
    std::int64_t committed = -1;  // committed position, -1 while unknown
    std::int64_t log_end = -1;    // read_committed end as last seen, -1 while unknown
    std::int64_t open_transaction_records = -1;  // high watermark - last stable offset
    double lag_seconds = -1;  // age of the newest folded record while behind the end; 0 when caught
                              // up, -1 while unknown
    bool restoring = false;
    std::int64_t watermark_ms = kNoTime;  // of a job with event time
    std::optional<bool> idle{};           // the same, map: nothing comes, and no window waits
    // Totals, of a job with windows: the source partition that holds them back, the first without a
    // watermark or else with the least one, and how far that is behind the newest one. -1 while
    // unknown.
    std::int64_t held_back_by = -1;
    double watermark_lag_seconds = -1;
};

// The committed total of one key, for pictures: doubles. The exact value is in the results topic.
struct TotalStatus {
    std::string key;             // as the key of its result record
    std::vector<double> values;  // one for each aggregate
};

// The parts of a loop, each with the status that it keeps of itself and that the loop publishes
// whole: a new figure is a member here, where it is counted, and a row in
// telemetry/metric_table.cpp. All counters are totals since the process started.

struct FoldStatus {
    std::uint64_t records_read = 0;  // from the input topic of this loop
    std::uint64_t bytes_read = 0;
    std::uint64_t records_aggregated = 0;  // map: source records folded; totals: deltas applied
    std::uint64_t filtered = 0;            // of a statement: WHERE is not true of them
    std::uint64_t late = 0;                // of a job with windows
    std::uint64_t duplicates = 0;          // of a job with unique_by
    std::uint64_t tombstones = 0;
    std::uint64_t skipped = 0;  // bad records under --on-bad-record skip
    std::array<std::uint64_t, kBadReasonCount> bad_records{};
    std::uint64_t duplicate_steps = 0;       // totals: steps seen again and dropped (P2)
    LatencyCounts append_to_commit_seconds;  // oldest record of a step: log timestamp to commit
    std::vector<PartitionId> written_again;  // totals: all their results were, since the start
    std::uint64_t keys_written_again = 0;
    std::uint64_t keys_closed = 0;    // totals: with their windows
    std::uint64_t idle_advances = 0;  // map: of event time, where nothing came
    // Map, of a job with windows: by how much more grace late records would have been in time.
    std::optional<LatenessCounts> late_by_seconds;
};

// What the fold holds now.
struct StateStatus {
    std::uint64_t keys = 0;  // totals: keys held; map: keys in the open step
    std::uint64_t bytes = 0;
    // Totals, of a job with windows: those that are open, each group's by itself; of hopping ones
    // their panes. -1 of others.
    std::int64_t open_windows = -1;
    std::uint64_t sets_over = 0;          // totals: sets with more values than --max-distinct
    std::vector<std::string> aggregates;  // totals: output names, for `totals`
    std::vector<TotalStatus> totals;      // totals: a bounded choice that changes little
};

struct TakeoverStatus {
    std::uint64_t restored_records = 0;
    double restore_seconds = 0;
};

// Steps, and what the sink made of them.
struct StepStatus {
    OutputBatch::Volumes written{};  // of committed steps, by TopicRole
    std::array<std::uint64_t, kTransactionResultCount> transactions{};
    std::uint64_t producer_rebuilds = 0;
    LatencyCounts commit_seconds;         // submit to known outcome
    double last_commit_wall_seconds = 0;  // unix time, 0 before the first
};

// The assignment, and how far the source has brought it.
struct MemberStatus {
    bool joined = false;     // has had an assignment since the last loss
    bool caught_up = false;  // positions have reached the log ends as last seen
    std::uint64_t rebalances = 0;
    std::uint64_t partitions_lost = 0;
    std::vector<PartitionStatus> partitions;
};

struct LoopStatus {
    Stage stage = Stage::map;
    int worker = 0;
    FoldStatus fold;
    StateStatus state;
    TakeoverStatus takeover;
    StepStatus steps;
    MemberStatus member;
    std::array<double, kLoopPhaseCount> phase_seconds{};
};

}  // namespace kstream
