// The map loop's fold: source records -> one delta per key and step, to each repartition partition
// (protocol P2). This is where hundreds of thousands of records become a few.
#pragma once

#include "kstream/codec/delta_batch.hpp"
#include "kstream/core/element_set.hpp"
#include "kstream/core/key_table.hpp"
#include "kstream/core/recent_keys.hpp"
#include "kstream/core/text_store.hpp"
#include "kstream/core/value_counts.hpp"
#include "kstream/expr/arena.hpp"
#include "kstream/expr/window.hpp"
#include "kstream/pipeline/fold.hpp"
#include "kstream/pipeline/job.hpp"
#include "kstream/pipeline/map_fold_config.hpp"
#include "kstream/pipeline/set_aside.hpp"
#include "kstream/pipeline/source_clocks.hpp"
#include "kstream/pipeline/step_charge.hpp"
#include "kstream/pipeline/step_sessions.hpp"
#include "kstream/pipeline/unique_ids.hpp"
#include "kstream/ports/log.hpp"
#include "kstream/ports/record_tally.hpp"
#include "kstream/reader/record_reader.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace kstream {

class MapFold final : public Fold {
public:
    MapFold(const Job& job, MapFoldConfig config, Log& log, MapFoldPorts ports = {});

    Result<void> fold(RecordBatch records) override;
    [[nodiscard]] bool can_seal() const override { return true; }
    [[nodiscard]] bool full() const override { return clocks_.ends() || fills(1); }
    [[nodiscard]] bool overfull() const override { return fills(2); }
    [[nodiscard]] std::uint64_t filling_keys() const override { return keys_.size(); }
    Result<void> seal(Step& step) override;
    Result<void> seal_open(Step& step) override;
    void committed(std::int64_t now_wall_ms) override;
    [[nodiscard]] std::vector<PartitionId> more_to_write() const override {
        return clocks_.more_to_write();
    }
    void undo_filling() override;
    void undo_in_flight() override;
    void resume(PartitionId partition, const SourceMark& mark) override {
        clocks_.resume(partition, mark);
    }
    void say(PartitionId partition, const SourceMark& mark) override {
        clocks_.say(partition, mark);
    }
    [[nodiscard]] std::optional<SourceMark> sealed_mark(PartitionId partition) const override {
        return clocks_.sealed_mark(partition);
    }
    [[nodiscard]] std::int64_t watermark(PartitionId partition) const override {
        return clocks_.watermark(partition);
    }
    void describe_time(PartitionStatus& status) const override { clocks_.describe_time(status); }
    void drop(std::span<const PartitionId> partitions) override;
    [[nodiscard]] const FoldStatus& status() const override { return counters_; }
    [[nodiscard]] StateStatus state() const override;
    // Of a job with unique_by, else null: where a takeover puts what it has read back.
    [[nodiscard]] UniqueIds* unique_ids() { return unique_ids_ ? &*unique_ids_ : nullptr; }

    // Of a job with event time, for those who watch whether a source partition is idle.
    [[nodiscard]] SourceClocks::Activity activity(PartitionId partition) const {
        return clocks_.activity(partition);
    }
    // From now on nothing more is read, and each partition that is in service, or comes into it, is
    // moved to the end of time: all its windows close. Of a job with windows.
    void end_time() { clocks_.end_time(); }

private:
    // What the filling step holds of one source partition.
    struct Filling {
        RecordCounts counts;
        std::int64_t oldest_ms = -1;
        std::vector<Slot> slots;
    };

    // What a job asks for each record: those of the flags and statements without event time pay for
    // nothing more.
    enum class Kind : std::uint8_t { flags, statement, event_time };

    // A decoded record whose key is looked up together with others; none is left waiting when
    // fold() returns.
    struct Waiting {
        PartitionId partition;
        std::uint32_t key_at = 0;  // in waiting_keys_
        std::uint32_t key_size = 0;
    };

    [[nodiscard]] bool fills(std::size_t times) const;
    Filling& filling(PartitionId partition);
    template <Kind kKind>
    Result<void> fold_all(RecordBatch records);
    template <Kind kKind>
    Result<void> fold_one(const RecordView& record, Filling& into);
    Result<void> read_headers(const RecordView& record);
    void look_at_unit(const RecordView& record, const RecordVerdict& verdict);
    [[nodiscard]] bool is_duplicate(const RecordView& record, const RecordVerdict& verdict,
                                    std::int64_t watermark);
    Result<void> fold_windowed(const RecordView& record, std::int64_t watermark, Filling& into);
    template <Kind kKind>
    void add_encoded(const RecordView& record, Filling& into);
    template <Kind kKind>
    void let_wait(const RecordView& record);
    void add_waiting();
    Result<void> fold_session(const RecordView& record, std::int64_t time, Filling& into);
    std::uint32_t row_of(std::string_view state_key, std::uint32_t likely);
    std::uint32_t session_row(std::string_view state_key, std::uint32_t likely_group);
    std::uint32_t key_of(std::string_view state_key, std::uint32_t likely);
    [[nodiscard]] bool looks_up_together() const;
    void prefetch_waiting(std::span<const std::string_view> keys,
                          std::span<std::uint32_t> likely) const;
    template <Kind kKind>
    void add_read(std::uint32_t key, Filling& into);
    void add(std::uint32_t key, std::span<const Decimal> inputs, Filling& into);
    void add(std::uint32_t key, std::span<const StatementInput> inputs, Filling& into);
    void add_beside(std::uint32_t key, std::size_t accumulator, const StatementInput& input);
    [[nodiscard]] const Element& element_of_input(const StatementInput& input);
    void insert_elements();
    [[nodiscard]] Slot one_more(const Slot& slot) const;
    void clear_filling();
    [[nodiscard]] std::size_t max_delta_bytes(std::uint32_t key) const;
    [[nodiscard]] BatchHeader header(BatchKind kind, const Step& step) const;
    // What of a key goes into one entry of a batch: all of it, unless it has more elements than a
    // batch takes. Its slots are in the first entry.
    struct Entry {
        std::uint32_t key = 0;
        std::span<const OwnedElement> elements;
        std::span<const ValueCounts::Cell> values;
        bool has_slots = true;
    };
    template <typename Use>
    void each_entry(std::span<const std::uint32_t> keys, Use use) const;
    [[nodiscard]] std::size_t max_entry_bytes(const Entry& entry) const;
    void add_entry(const Entry& entry);
    void write_batches(BatchHeader header, PartitionId to, std::span<const std::uint32_t> keys,
                       OutputBatch& out);

    const Job& job_;
    MapFoldConfig config_;
    MapFoldPorts ports_;
    std::unique_ptr<RecordReader> reader_;
    DeltaBatchWriter writer_;

    KeyCharge charge_;
    KeyShape shape_;
    std::size_t step_bytes_ = 0;  // charged for the keys of the filling step
    KeyTable keys_;
    RecentKeys recent_;
    std::optional<expr::Windows> windows_;  // of a job that has any
    std::int64_t grace_ = 0;
    expr::TimeSpan pane_;  // of the last record
    RecentWindowKeys recent_windows_;
    std::optional<StepSessions> step_sessions_;  // of a job with sessions
    std::optional<UniqueIds> unique_ids_;        // of a job with unique_by
    std::vector<Slot> slots_;                    // kinds.size() per key
    bool has_texts_ = false;                     // the job keeps any
    TextStore texts_;                            // of slots_
    std::vector<std::uint8_t> sets_;             // which accumulators are sets
    std::vector<std::uint8_t> multisets_;        // which are multisets
    ElementSet elements_;               // their owners have the index of a key as its number
    ValueCounts values_;                // the same
    std::vector<OwnedElement> sorted_;  // of a step that is sealed
    std::span<const ValueCounts::Cell> sorted_values_;
    std::vector<std::vector<Element>> lists_;             // of an entry, for each set
    std::vector<std::vector<CountedValue>> value_lists_;  // for each multiset
    std::string element_text_;
    StatementInput element_input_;               // the last one of a set
    Element element_;                            // which that is
    std::vector<OwnedElement> record_elements_;  // of the record that is added
    std::vector<Slot> no_slots_;
    std::vector<Slot> row_;            // of an entry
    std::vector<PartitionId> key_to_;  // repartition partition of each key
    std::vector<Filling> filling_;     // by source partition
    SourceClocks clocks_;              // of a job with event time
    SetAside set_aside_;
    std::vector<Waiting> waiting_;                          // at most KeyTable::kTogether
    std::string waiting_keys_;                              // their state keys, one after the other
    std::vector<Decimal> waiting_inputs_;                   // their inputs, kinds.size() each
    expr::Arena waiting_texts_;                             // of inputs that wait
    std::vector<StatementInput> waiting_statement_inputs_;  // of a statement: as its plan has them
    std::vector<HeaderView> header_views_;  // of the record that is read, where it wants them
    GroupKey group_;
    std::string key_buffer_;
    std::string result_key_;

    std::uint64_t step_ = 0;
    std::int64_t flight_oldest_ms_ = -1;
    FoldStatus counters_;
    TimeTally times_;  // what of these the tally does not know
};

}  // namespace kstream
