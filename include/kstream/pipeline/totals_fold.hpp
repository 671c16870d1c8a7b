// The totals loop's fold: delta batches -> totals, changelog, results.
#pragma once

#include "kstream/codec/delta_batch.hpp"
#include "kstream/pipeline/fold.hpp"
#include "kstream/pipeline/job.hpp"
#include "kstream/pipeline/result_values.hpp"
#include "kstream/pipeline/totals_state.hpp"
#include "kstream/planted_bug.hpp"
#include "kstream/ports/log.hpp"
#include "kstream/ports/state_desk.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <vector>

namespace kstream {

struct TotalsFoldConfig {
    std::uint64_t max_step_keys = 200'000;       // changed keys of one step
    std::size_t max_step_bytes = kMaxStepBytes;  // charged for them
    std::size_t shown_keys = 0;                  // totals in the status: at most this many
    bool write_again = false;  // all totals that are taken over are published again (ADR 0047)
    std::uint64_t max_again_keys = 50'000;            // of one step, on top of what has changed
    std::size_t max_again_bytes = kMaxStepBytes / 4;  // charged for them
    // Of windows that end together, of one step, on top of what has changed: a commit stays short
    // when a million do.
    std::uint64_t max_closed_keys = 50'000;
    std::size_t max_closed_bytes = std::size_t{48} << 20;
    // Of what a step writes, so much goes to the sink at once: it takes milliseconds to make.
    std::size_t part_bytes = std::size_t{1} << 20;
};

class TotalsFold final : public Fold {
public:
    TotalsFold(const Job& job, TotalsFoldConfig config, Log& log);

    // A restored partition enters service.
    void install(std::unique_ptr<TotalsState> state);

    // For those who want to see totals; between two iterations of the loop. Committed values only.
    [[nodiscard]] StateAnswer answer(const StateQuestion& question) const;

    Result<void> fold(RecordBatch records) override;
    [[nodiscard]] bool can_seal() const override {
        return half_read_.empty() || planted(PlantedBug::half_map_step_sealed);
    }
    [[nodiscard]] bool full() const override;
    // What comes in is bounded by what a map step may hold.
    [[nodiscard]] bool overfull() const override { return false; }
    [[nodiscard]] std::uint64_t filling_keys() const override;
    [[nodiscard]] std::vector<PartitionId> more_to_write() const override;
    // Whatever this process was told: another one may publish again (ADR 0047). Of a job with event
    // time what is committed says so.
    [[nodiscard]] bool offsets_tell() const override { return job_.event_time() != nullptr; }
    Result<void> seal(Step& step) override;
    Result<void> seal_open(Step& step) override;
    [[nodiscard]] std::int64_t watermark(PartitionId partition) const override;
    void describe_time(PartitionStatus& status) const override;
    void committed(std::int64_t now_wall_ms) override;
    void undo_filling() override;
    void undo_in_flight() override;
    void drop(std::span<const PartitionId> partitions) override;
    [[nodiscard]] const FoldStatus& status() const override { return counters_; }
    [[nodiscard]] StateStatus state() const override;

private:
    // A map step of which not all chunks were read yet. They lie in one transaction of the map
    // loop, so the rest follows; another transaction's batches may stand between them.
    struct HalfRead {
        PartitionId partition;
        Offset first;  // of its chunks
        std::uint64_t run_id = 0;
        std::uint64_t step = 0;
        std::uint32_t next_chunk = 0;
        std::uint32_t chunks = 0;
        std::vector<PartitionId> sources;
        bool duplicate = false;
    };

    // Which keys of a state the status shows. Once shown, a key stays for as long as the state
    // does, so that the series of a graph do not come and go.
    struct Shown {
        std::vector<std::uint32_t> keys;  // ascending
        std::uint32_t looked_at = 0;      // committed keys that were shown or passed over
    };

    [[nodiscard]] Result<void> apply_deltas(TotalsState& state);
    [[nodiscard]] StateEntry entry(const TotalsState& state, std::uint32_t index,
                                   std::span<const Slot> slots) const;
    [[nodiscard]] StateEntry entry(const TotalsState& state, std::uint32_t index,
                                   const GroupKey& group, std::span<const Slot> slots,
                                   KeyValues values) const;
    [[nodiscard]] StateEntry entry(const TotalsState& state,
                                   const TotalsState::CommittedWindow& window) const;
    // Of those that are not gone; of a job with hopping windows the newest over each pane.
    [[nodiscard]] std::vector<StateEntry> entries(const TotalsState& state,
                                                  std::span<const std::uint32_t> indexes) const;
    void find_entry(const StateQuestion& question, StateAnswer& answer) const;
    void list_entries(const StateQuestion& question, StateAnswer& answer) const;
    void note_written_again(const TotalsState& state);
    void note_went_over(TotalsState& state);
    void choose_shown_keys();
    [[nodiscard]] std::vector<TotalStatus> shown_totals() const;
    Result<void> fold_batch(const RecordView& record, TotalsState& state);
    Result<bool> is_duplicate(const RecordView& record, TotalsState& state);
    Result<void> check_rest_is_there(PartitionId partition, const BatchHeader& later);
    void note_oldest(std::int64_t timestamp_ms);

    const Job& job_;
    TotalsFoldConfig config_;
    Log& log_;
    std::unique_ptr<ResultValues> results_;  // for those who look; changes nothing
    std::map<PartitionId, std::unique_ptr<TotalsState>> states_;
    std::map<PartitionId, Shown> shown_;
    std::set<PartitionId> written_again_;  // whole; not again when it is taken over once more
    std::vector<HalfRead> half_read_;
    DeltaBatch batch_;
    std::vector<std::span<const Element>> lists_;             // of the delta that is applied
    std::vector<std::span<const CountedValue>> value_lists_;  // the same

    std::vector<PartitionId> in_flight_;  // partitions of the step in flight
    std::int64_t filling_oldest_ms_ = -1;
    std::int64_t flight_oldest_ms_ = -1;
    FoldStatus counters_;
};

}  // namespace kstream
