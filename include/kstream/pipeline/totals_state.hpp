// The totals of one state partition, in memory: what the changelog holds, plus up to two layers of
// change above what is committed (the filling step and the step in flight), each of which can be
// taken back.
#pragma once

#include "kstream/codec/changelog.hpp"
#include "kstream/core/end_calendar.hpp"
#include "kstream/core/key_table.hpp"
#include "kstream/core/session_index.hpp"
#include "kstream/error.hpp"
#include "kstream/expr/window.hpp"
#include "kstream/model/event_time.hpp"
#include "kstream/model/group_key.hpp"
#include "kstream/model/output_batch.hpp"
#include "kstream/pipeline/job.hpp"
#include "kstream/pipeline/result_values.hpp"
#include "kstream/pipeline/step_charge.hpp"
#include "kstream/pipeline/totals_panes.hpp"
#include "kstream/pipeline/totals_sets.hpp"
#include "kstream/pipeline/totals_sources.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kstream {

class TotalsState {
public:
    // As many keys as an index can name, and no more than the table takes.
    static constexpr std::uint32_t kMaxKeys = KeyTable::kNone - 1;

    // An empty state of `partition`. `job` must outlive this.
    TotalsState(const Job& job, PartitionId partition, std::uint32_t max_keys = kMaxKeys);

    // --- restoring, before the first change ---

    // One committed changelog record; later ones of a key take the place of earlier ones (that is
    // what compaction does, so compacted or not makes no difference).
    [[nodiscard]] Result<void> restore(std::string_view key, std::string_view value);

    // The same of a record without a value: what has been taken out of a set, a key whose window
    // was closed, or an advance that was dropped.
    void restore_tombstone(std::string_view key);

    // Says what is about to be restored or applied: KeyTable::kTogether state keys at most. Only
    // for speed.
    void expect(std::span<const std::string_view> state_keys) const;

    // After the last record: whether what was restored is what meta says (P8): key count, merged
    // slots, state hash and the elements that are to be swept. integrity, naming the partition,
    // when not. `source_starts`: what advances are not needed any more by (TotalsSources::seal).
    [[nodiscard]] Result<void> finish_restore(const TotalsSources::LogStarts& source_starts = {});

    [[nodiscard]] const std::optional<Meta>& restored_meta() const { return restored_meta_; }

    // Where the changelog ended when it was restored.
    void set_changelog_end(Offset end) { changelog_end_ = end; }
    [[nodiscard]] Offset changelog_end() const { return changelog_end_; }

    // --- changing ---

    // What a map step's ranges are to this state (P2).
    using Chain = TotalsSources::Chain;
    // integrity when they are neither; `where` is the batch's place, for the message.
    [[nodiscard]] Result<Chain> check_chain(const BatchHeader& header,
                                            std::string_view where) const {
        return sources_.check_chain(header, where);
    }
    // Precondition: check_chain() said next. Once for each map step.
    void apply_ranges(const BatchHeader& header) { sources_.apply(header, filling_.sources); }
    // `of_delta` has its texts, `sets` the elements that it has for each set of the job,
    // `multisets` the values for each multiset.
    [[nodiscard]] Result<void> apply_delta(
        std::string_view state_key, std::span<const Slot> delta,
        const TextStore* of_delta = nullptr, std::span<const std::span<const Element>> sets = {},
        std::span<const std::span<const CountedValue>> multisets = {});

    // --- publishing again what stands here (ADR 0047) ---

    // Every key that is here now is to be written once more, as if it had changed. After restoring.
    void write_again() { again_end_ = keys_.size(); }
    // The next steps have some of them to write.
    [[nodiscard]] bool has_again() const { return again_next_ < again_end_; }
    // Puts the next of them into the filling step: at most `keys`, and no more once `bytes` are
    // charged.
    void fill_again(std::uint64_t keys, std::size_t bytes);
    // Of those in steps that are sealed, all are. After committed(): all are published.
    [[nodiscard]] bool again_sealed() const { return filling_.again_before == again_end_; }
    [[nodiscard]] std::uint32_t again_keys() const { return again_end_; }

    // --- windows that end ---

    // Raises the clock to the watermark, and puts keys whose windows have ended by it into the
    // filling step, the earliest first: at most `keys`, and no more once `bytes` are charged; takes
    // what it does from both. Right before seal(), which publishes them for the last time.
    void close(std::uint64_t& keys, std::size_t& bytes);
    // The next steps have some of them to close, or to say that none is left.
    [[nodiscard]] bool has_to_close() const { return to_close_ > 0; }
    // The same of elements that closed windows have left: some go with every seal. False without
    // windows, where those of sets that are over go with the steps that are made anyway.
    [[nodiscard]] bool has_to_sweep() const { return windows_ && sets_.to_sweep() > 0; }
    // The least watermark of all source partitions; kNoTime while one has none, or one that the
    // application began with was not opened yet.
    [[nodiscard]] std::int64_t watermark() const { return sources_.watermark(); }
    // Up to where windows are closed, as of the last seal; kNoTime: none can be yet.
    [[nodiscard]] std::int64_t clock() const { return clock_; }

    // --- steps ---

    // The filling layer becomes the one in flight; writes its totals, results and, last, meta.
    // `position` is the repartition position that is committed with it.
    void seal(Offset position, OutputBatch& out);
    // How many keys it has closed; of a job with hopping windows, how many windows.
    std::size_t committed();
    void undo_filling();
    void undo_in_flight();  // precondition: nothing is filling

    // --- what is committed, for those who look ---

    // Committed keys have the indexes below this, in the order in which they came; a key keeps its
    // index for as long as the state lives, in a job with windows until many of them have gone.
    [[nodiscard]] std::uint32_t committed_keys() const;
    // How many of them are not gone.
    [[nodiscard]] std::uint32_t committed_live_keys() const { return committed_keys() - gone_; }
    // Of a job with windows: clock() as it is committed, and by partition what is committed of each
    // source partition's watermark; kNoTime also of one that the application began with and that
    // was not opened yet.
    [[nodiscard]] std::int64_t committed_clock() const {
        return in_flight_.open ? in_flight_.clock_before : filling_.clock_before;
    }
    [[nodiscard]] std::vector<SourceWatermark> committed_watermarks() const {
        return sources_.watermarks_before(in_flight_.open ? in_flight_.sources : filling_.sources);
    }
    // Whether the key's window was closed, and committed so: nothing is there.
    [[nodiscard]] bool is_gone(std::uint32_t index) const { return (marks_[index] & kGone) != 0; }
    // Whether a committed key is one to be shown. Of a job with hopping windows, whose keys are
    // panes, it stands for the newest window over it: where that is open, and no earlier pane of
    // the group stands for the same one.
    [[nodiscard]] bool is_listed(std::uint32_t index) const;
    // The index of a committed key that is not gone, or KeyTable::kNone.
    [[nodiscard]] std::uint32_t find_committed(std::string_view state_key) const;
    [[nodiscard]] std::string_view state_key(std::uint32_t index) const { return keys_.key(index); }
    // The committed slots of `ascending` indexes of committed keys, in that order, width() each.
    // Costs a pass over the keys of the two open steps. Valid until the state changes.
    [[nodiscard]] std::vector<std::span<const Slot>> committed_slots(
        std::span<const std::uint32_t> ascending) const;

    // --- the same of a job with hopping windows, whose keys are panes ---

    // An open window of a group, as far as it is committed. Valid until the state changes.
    struct CommittedWindow {
        std::uint32_t index = 0;  // of one of its panes
        TotalsPanes::Place window;
        GroupKey group;
        std::vector<Slot> slots;
        std::vector<std::uint64_t> numbers;  // of a job with multisets: of its panes
    };
    // What each of these panes stands for, which are all listed.
    [[nodiscard]] std::vector<CommittedWindow> newest_windows(
        std::span<const std::uint32_t> indexes) const;
    // The one of this key; none where it is not there, or closed.
    [[nodiscard]] std::optional<CommittedWindow> find_window(std::string_view state_key) const;

    // The text of a slot of this state, which is present and keeps one.
    [[nodiscard]] std::string_view text(const Slot& slot) const { return texts_.text(slot); }
    [[nodiscard]] const TextStore& all_texts() const { return texts_; }
    // The multisets of a key, as they are in memory.
    [[nodiscard]] KeyValues values_of(std::uint32_t index) const { return sets_.values_of(index); }
    // The same of a window, which outlives what is returned.
    [[nodiscard]] KeyValues values_of(const CommittedWindow& window) const {
        return sets_.values_of(window.numbers);
    }

    [[nodiscard]] PartitionId partition() const { return partition_; }
    [[nodiscard]] std::uint64_t keys() const {
        return keys_.size() - gone_ - filling_.closing.size() - in_flight_.closing.size();
    }
    // Of a job with hopping windows: the results that they may have.
    [[nodiscard]] std::uint64_t filling_keys() const {
        return filling_.touched.size() * results_per_key_;
    }
    // What the filling step is charged with for them.
    [[nodiscard]] std::size_t filling_bytes() const { return filling_.bytes; }
    [[nodiscard]] std::size_t memory_bytes() const;

    // How many sets have had more values than they may have, those of open steps among them.
    [[nodiscard]] std::uint64_t sets_over() const { return sets_.sets_over(); }
    // Which of them have come to it in committed steps since this was asked last.
    [[nodiscard]] std::vector<TotalsSets::WentOver> take_went_over() {
        return sets_.take_went_over();
    }

private:
    // What a layer has to put back when it is taken back.
    struct Layer {
        std::vector<std::uint32_t> touched;          // keys changed in this layer, each once
        std::vector<Slot> before;                    // their slots, width() per touched key
        std::vector<std::uint8_t> published_before;  // of a job with HAVING: per touched key
        TotalsSets::Layer sets;
        std::size_t bytes = 0;  // charged for these
        std::uint32_t keys_before = 0;
        std::uint32_t again_before = 0;
        std::size_t texts_before = 0;        // size of texts_
        std::vector<std::uint32_t> closing;  // keys whose windows this layer closes, or absorbs
        std::int64_t clock_before = kNoTime;
        std::uint64_t to_close_before = 0;
        std::vector<Slot> retired_before;
        TotalsPanes::Layer panes;
        bool open = false;  // false: there is no such step
        TotalsSources::Layer sources;
        std::vector<Slot> merged_before;
        UInt128 hash_before = 0;
        std::uint64_t transaction_before = 0;
    };

    struct Headers {
        std::uint32_t of_changes = OutputBatch::kNoHeaders;
        std::uint32_t of_finals = OutputBatch::kNoHeaders;
    };

    [[nodiscard]] std::size_t width() const { return job_.kinds.size(); }
    [[nodiscard]] std::span<Slot> slots_of(std::uint32_t key);
    [[nodiscard]] const TextStore* texts() const { return has_texts_ ? &texts_ : nullptr; }
    [[nodiscard]] std::optional<bool> published(std::uint32_t key) const {
        return has_having_ ? std::optional{published_[key] != 0} : std::nullopt;
    }
    [[nodiscard]] bool mostly_garbage() const;
    void leave_garbage();
    [[nodiscard]] Result<void> check_open(std::string_view state_key, std::span<const Slot> delta);
    [[nodiscard]] bool may_be_window(std::int64_t start);
    [[nodiscard]] std::int64_t end_of(std::string_view state_key);
    // Of a key that is here: at this time, and the grace, it closes.
    [[nodiscard]] std::int64_t closes_at(std::uint32_t key) {
        return sessions_ ? session_end(slots_of(key)) : end_of(keys_.key(key));
    }
    void add_to_merged(std::span<const Slot> delta);
    void retire(std::uint32_t key);
    void index_panes();
    void close_windows(std::int64_t until, std::uint64_t& keys, std::size_t& bytes);
    void seal_windows(const Headers& headers, OutputBatch& out);
    void seal_window(const TotalsPanes::Place& window, std::uint32_t headers, OutputBatch& out);
    void merge_pane(std::vector<Slot>& into, std::span<const Slot> pane) const;
    [[nodiscard]] std::vector<std::uint64_t> numbers_of(
        std::span<const TotalsPanes::Pane> panes) const;
    [[nodiscard]] std::vector<CommittedWindow> committed_ones(
        std::vector<CommittedWindow> windows) const;
    [[nodiscard]] const ClosingCursor& committed_cursor() const {
        return in_flight_.open ? in_flight_.panes.cursor_before : filling_.panes.cursor_before;
    }
    void compact_if_worth_it();
    void compact();

    // Of a job with sessions (totals_sessions.cpp).
    // Puts the key's group into group_, as decode_state_key() does.
    [[nodiscard]] bool is_session(std::string_view state_key, std::span<const Slot> slots);
    [[nodiscard]] std::int64_t session_end(std::span<const Slot> slots) const;
    [[nodiscard]] KeyTable::Found join_sessions(std::string_view state_key,
                                                std::span<const Slot> delta);
    void absorb(std::uint32_t key, std::uint32_t into);
    void index_session(std::uint32_t key);
    void take_out_sessions(const Layer& layer);
    void put_back_sessions(const Layer& layer);

    [[nodiscard]] Result<void> check_new(std::string_view state_key);
    [[nodiscard]] KeyTable::Found touch(std::string_view state_key);
    void add_marks();
    void remember(std::uint32_t key);
    [[nodiscard]] Headers add_headers(OutputBatch& out) const;
    void seal_key(std::size_t touched, const Headers& headers, OutputBatch& out);
    void seal_total(std::uint32_t key, bool is_old, OutputBatch& out);
    void seal_absorbed(std::uint32_t key, bool is_old, const Headers& headers, OutputBatch& out);
    void publish(std::optional<std::string_view> value, std::uint32_t headers, OutputBatch& out);
    void begin_layer(Layer& layer) const;
    void undo(Layer& layer);
    [[nodiscard]] std::unexpected<Error> broken(std::string_view what) const;
    [[nodiscard]] Meta meta(Offset position) const;

    const Job& job_;
    PartitionId partition_;
    std::uint32_t max_keys_;
    KeyCharge charge_;
    std::shared_ptr<ResultValues> results_;  // keeps nothing between calls: copies share it

    KeyTable keys_;
    std::vector<Slot> slots_;  // width() per key
    // Of a job with HAVING: whether the results have each key, as of the last seal. It is what
    // was written, and not what HAVING would say of the slots once more: zones change with the
    // machine.
    bool has_having_ = false;
    std::vector<std::uint8_t> published_;
    bool has_texts_ = false;      // the job keeps any
    TextStore texts_;             // of slots_ and of what layers have saved of them
    std::size_t texts_kept_ = 0;  // size of texts_ when it was last without garbage
    TotalsSets sets_;
    TotalsSources sources_;
    // Of each key: whether the filling layer has touched it, whether an open layer closes its
    // window, whether that is committed; of one that an open layer takes out, whether that is
    // because its session has become part of another one. Bytes, not bits, for they are written for
    // each delta. (A generation's number stood here, which after 2^32 steps was 0 once more: a new
    // key then counted as touched, and was neither written nor taken back.)
    static constexpr std::uint8_t kTouched = 1;
    static constexpr std::uint8_t kClosing = 2;
    static constexpr std::uint8_t kGone = 4;
    static constexpr std::uint8_t kAbsorbed = 8;
    std::vector<std::uint8_t> marks_;

    // Of a job with windows.
    std::optional<expr::Windows> windows_;
    std::int64_t grace_ = 0;
    std::int64_t first_start_ = 0;  // of all windows: of the one in which 1970 begins
    bool final_only_ = false;       // results of closed windows alone
    std::int64_t clock_ = kNoTime;  // the largest watermark at a seal: what has ended by it closes
    EndCalendar calendar_;          // of the windows of keys that are not gone
    // What the last meta says of it. Not asked of the calendar again: what an aborted step has left
    // behind there is counted too, and whoever restores that meta has none of it, but has to write
    // one that says 0.
    std::uint64_t to_close_ = 0;
    std::vector<Slot> retired_;         // merged over all keys that were closed
    std::vector<bool> retracted_;       // by aggregate: whether merged_ has it
    std::uint32_t gone_ = 0;            // keys that have kGone
    expr::TimeSpan last_window_;        // that end_of() was asked for
    std::optional<TotalsPanes> panes_;  // of hopping windows; their keys are not in the calendar
    std::uint64_t results_per_key_ = 1;
    std::vector<Slot> window_;  // that is published
    // Of a job with sessions, those that are open: not those that a layer closes or absorbs.
    std::optional<SessionIndex> sessions_;
    std::vector<SessionIndex::Session> touched_sessions_;  // of the delta that is applied

    std::vector<Slot> merged_;       // over all keys
    UInt128 hash_ = 0;               // of all entries as of the last seal
    std::uint64_t transaction_ = 0;  // of the last seal

    // Keys to be written again: indexes up to again_next_ are in a step, those from there to
    // again_end_ are to come.
    std::uint32_t again_next_ = 0;
    std::uint32_t again_end_ = 0;

    Layer filling_;
    Layer in_flight_;
    std::optional<Meta> restored_meta_;
    Offset changelog_end_;
    std::vector<Slot> scratch_;
    std::string key_;  // these of the record that is being made
    std::string value_;
    std::string result_;
    GroupKey group_;
};

}  // namespace kstream
