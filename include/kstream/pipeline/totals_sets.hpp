// The sets and multisets of a state partition: what count(DISTINCT x) and percentile_disc keep of
// each key beside its slots (docs/adr/0053-what-a-key-keeps.md). Here are the numbers of the keys,
// the elements and values under them, what a layer has to take back of these, and the checks of a
// restore that no element is missing. The keys, their slots and the layers themselves are
// TotalsState's, which hands in what is needed of them; nobody else calls this.
//
// Elements that nothing needs any more, for their set is over or the window of their key is closed,
// are swept: they go step by step, some with each, so that no step has the tombstones of all.
//
// Of hopping windows the keys are panes, and what is under their numbers is theirs; how many values
// a window has is counted beside that (WindowSizes). Of sessions, which become one another, what is
// under one number has to be found without looking through all: there sets are kept in order, as
// multisets are, each value once.
//
// A job without sets and multisets has nothing here and pays a comparison where something could be.
#pragma once

#include "kstream/codec/element.hpp"
#include "kstream/core/element_set.hpp"
#include "kstream/core/key_table.hpp"
#include "kstream/core/make_room.hpp"
#include "kstream/core/side_aggregates.hpp"
#include "kstream/core/slot.hpp"
#include "kstream/core/value_sets.hpp"
#include "kstream/error.hpp"
#include "kstream/model/output_batch.hpp"
#include "kstream/pipeline/job.hpp"
#include "kstream/pipeline/result_values.hpp"
#include "kstream/pipeline/totals_panes.hpp"
#include "kstream/pipeline/window_sizes.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace kstream {

class TotalsSets {
public:
    // A set or multiset that has had more different values than it may have.
    struct WentOver {
        std::uint32_t key = 0;  // its index
        std::uint8_t accumulator = 0;
        // ElementOwner::packed, of its elements; 0: not the key's own, but a window's over it.
        std::uint64_t owner = 0;
        std::string state_key{};  // of one that is committed: indexes may be others by then
    };

    // One of a key whose window is closed.
    struct ClosedSet {
        ElementOwner owner;
        std::uint64_t elements = 0;  // records of the changelog
    };

    // What a layer of TotalsState has to put back of these when it is taken back.
    struct Layer {
        std::vector<std::uint64_t> numbers_before;  // per touched key
        ElementSet::Changes elements;
        ValueSets::Changes values;
        std::vector<WentOver> went_over;
        std::vector<ClosedSet> closed;
        std::vector<ElementOwner> left;   // of sessions that became one with one that is over
        std::vector<ElementOwner> swept;  // from which the layer's sweep has taken: in values_
        WindowSizes::Layer sizes;
        std::uint64_t sets_over_before = 0;
        std::uint64_t to_sweep_before = 0;
        std::uint64_t last_number_before = 0;
        std::size_t sweep_from_before = 0;

        [[nodiscard]] std::size_t memory_bytes() const {
            return values.capacity() * sizeof(ValueSets::Change) +
                   elements.capacity() * sizeof(ElementSet::Change) + sizes.memory_bytes();
        }
    };

    // A key, its slots, and the sums of the slots over all keys.
    struct Row {
        std::uint32_t key = 0;
        std::span<Slot> slots;
        std::span<Slot> merged;
        // Of a job with hopping windows: all panes, and the key as it is, which is one.
        const TotalsPanes* panes = nullptr;
        std::string_view state_key{};
    };

    // Nothing in them yet. `job` must outlive this.
    TotalsSets(const Job& job, PartitionId partition);

    // Whether the job has sets or multisets, and so its keys numbers.
    [[nodiscard]] bool any() const { return any_; }

    // --- keys, by their index ---

    // The next one, which was just put in.
    void add_key() {
        if (any_) {
            make_room(numbers_, 1);
            numbers_.push_back(0);
        }
    }
    // Its number, 0 before its first element. Nothing of a job without sets.
    [[nodiscard]] std::optional<std::uint64_t> number(std::uint32_t key) const {
        return any_ ? std::optional{numbers_[key]} : std::nullopt;
    }
    // As its total says it.
    void restore_number(std::uint32_t key, std::uint64_t number) {
        if (any_) {
            numbers_[key] = number;
        }
    }
    // Its multisets, as they are in memory.
    [[nodiscard]] KeyValues values_of(std::uint32_t key) const {
        return multisets_.empty() ? KeyValues{} : KeyValues{&values_, {&numbers_[key], 1}};
    }
    // The same of all keys with these numbers, which the caller keeps: of the panes of a window.
    [[nodiscard]] KeyValues values_of(std::span<const std::uint64_t> numbers) const {
        return multisets_.empty() ? KeyValues{} : KeyValues{&values_, numbers};
    }
    // Keys that stay move together (TotalsState::compact): `place` says for each where to, and for
    // one more than all how many they are. `filling` is the layer that fills.
    void keep(const std::vector<bool>& stays, std::span<const std::uint32_t> place, Layer& filling);

    // --- restoring ---

    // A changelog record of an element.
    [[nodiscard]] Result<void> restore(std::string_view key, std::string_view value);
    // The same without a value: what has been taken out of a set.
    void restore_tombstone(std::string_view key);
    // After the last record: each number belongs to one key, is no more than the last one, and
    // under it are as many elements as its slots say. `slots` has those of all keys. `to_sweep`
    // says how many elements are of sets that are over or of a number that no key has: of a job
    // with windows; without it there are none of the latter. What the elements are in the state
    // hash.
    [[nodiscard]] Result<UInt128> finish_restore(std::uint64_t last_number,
                                                 std::optional<std::uint64_t> to_sweep,
                                                 std::span<const Slot> slots);
    // After that, of a job with hopping windows: counts what each window has. `keys` are those of
    // the panes, none of them gone.
    void count_windows(const TotalsPanes& panes, const KeyTable& keys);

    // --- changing ---

    // What a delta has for each set and each multiset of the job. Returns what a step is charged
    // with for it.
    [[nodiscard]] std::size_t add(const Row& row, std::span<const Slot> delta,
                                  std::span<const std::span<const Element>> sets,
                                  std::span<const std::span<const CountedValue>> multisets,
                                  Layer& layer);
    // The session of `other`, whose slots these are, becomes part of that of the row: what both
    // have is under one number then, and of a set what both had stands once. Those of the two that
    // have fewer values are written anew, under the number of those that have more. Returns what a
    // step is charged with for it.
    [[nodiscard]] std::size_t join(const Row& row, std::uint32_t other, std::span<const Slot> slots,
                                   Layer& layer);
    // The window of a key with these slots is closed: nothing is added to what it has, and once the
    // layer is committed that is swept. Not before, for until then the key may be asked for.
    void close(std::uint32_t key, std::span<const Slot> slots, Layer& layer);

    // --- windows that are made of panes ---

    // Puts the sizes of the window into its slots, which are those of its panes, added up.
    // `without`: open steps whose values do not count.
    void put_sizes(std::string_view group, std::int64_t start, std::span<Slot> slots,
                   std::span<const Layer* const> without = {}) const;
    // A window is closed, and committed so.
    void forget_window(std::string_view group, std::int64_t start) { sizes_.forget(group, start); }

    // --- layers ---

    void begin(Layer& layer) const;
    // Before the layer's first change of the key.
    void remember(std::uint32_t key, Layer& layer) const {
        if (any_) {
            layer.numbers_before.push_back(numbers_[key]);
        }
    }
    // The number that the layer's `touched`-th key had before.
    [[nodiscard]] std::optional<std::uint64_t> number_before(const Layer& layer,
                                                             std::size_t touched) const {
        return any_ ? std::optional{layer.numbers_before[touched]} : std::nullopt;
    }
    // Writes a record for each element that has come or gone, and tombstones of some of those that
    // are to be swept. Returns by how much the state hash changes.
    [[nodiscard]] UInt128 seal(std::uint64_t transaction, Layer& layer, OutputBatch& out);
    void committed(Layer& layer);
    // `touched` has the layer's keys; the first `keys` of all were there before it.
    void undo(Layer& layer, std::span<const std::uint32_t> touched, std::uint32_t keys);

    // --- for those who look ---

    [[nodiscard]] std::uint64_t last_number() const { return last_number_; }
    // Elements that are in the changelog, as of the last seal, and that nothing needs any more; and
    // those of sets that have gone over since.
    [[nodiscard]] std::uint64_t to_sweep() const { return to_sweep_; }
    [[nodiscard]] std::uint64_t sets_over() const { return sets_over_ + sizes_.over(); }
    // Which have come to it in committed steps since this was asked last.
    [[nodiscard]] std::vector<WentOver> take_went_over() { return std::exchange(went_over_, {}); }
    [[nodiscard]] std::size_t memory_bytes() const {
        constexpr std::size_t kOfSwept = 48;  // a node, its place in the buckets
        return numbers_.capacity() * sizeof(std::uint64_t) + elements_.memory_bytes() +
               values_.memory_bytes() + sizes_.memory_bytes() +
               (swept_.size() + swept_values_.size()) * kOfSwept;
    }

private:
    [[nodiscard]] std::uint64_t number_for(std::uint32_t key);
    [[nodiscard]] std::size_t add_elements(const Row& row, std::span<const Slot> delta,
                                           std::span<const std::span<const Element>> sets,
                                           Layer& layer);
    [[nodiscard]] std::size_t add_values(const Row& row, std::span<const Slot> delta,
                                         std::span<const std::span<const CountedValue>> multisets,
                                         Layer& layer);
    void go_over(const Row& row, std::uint8_t set, Layer& layer);
    [[nodiscard]] bool is_multiset(ElementOwner owner) const {
        return job_.kinds[owner.accumulator()] == kMultiset;
    }
    // Whether its values are in values_.
    [[nodiscard]] bool has_order(ElementOwner owner) const {
        return sessions_ || is_multiset(owner);
    }
    bool insert(const OwnedElement& element, Layer& layer);
    void append_key(std::string& out, ElementOwner owner, Int128 value) const;
    template <typename Has>
    void count_in_windows(const Row& row, std::uint8_t accumulator, Has has, Layer& layer);
    [[nodiscard]] std::uint64_t elements_of(std::uint64_t number,
                                            std::span<const Slot> slots) const;
    [[nodiscard]] std::size_t join_set(const Row& row, ElementOwner from, const Slot& theirs,
                                       Layer& layer);
    void leave(const Row& row, ElementOwner owner, const Slot& slot, Layer& layer);
    [[nodiscard]] std::uint64_t elements_under(ElementOwner owner, const Slot& slot) const;
    void sweep_from_now_on(ElementOwner owner, std::uint64_t elements);
    void sweep_restored(ElementOwner owner, std::uint64_t is_there);
    [[nodiscard]] Result<void> sweep_the_rest(
        const std::unordered_map<std::uint64_t, std::uint64_t>& counts, std::uint64_t last_number);
    [[nodiscard]] UInt128 seal_elements(std::uint64_t transaction, Layer& layer, OutputBatch& out);
    [[nodiscard]] UInt128 sweep_elements(Layer& layer, OutputBatch& out);
    [[nodiscard]] UInt128 sweep_piece(Layer& layer, OutputBatch& out);
    [[nodiscard]] UInt128 seal_values(std::uint64_t transaction, Layer& layer, OutputBatch& out);
    void sweep_values(Layer& layer);

    const Job& job_;
    PartitionId partition_;
    bool any_ = false;
    bool windows_ = false;                 // keys end
    bool sessions_ = false;                // and become one another
    std::vector<std::uint8_t> sets_;       // which accumulators they are
    std::vector<std::uint8_t> multisets_;  // the same of these
    // Per key; 0: it has none yet. A key gets its number with its first element, one more than the
    // last one, and keeps it.
    std::vector<std::uint64_t> numbers_;
    std::uint64_t last_number_ = 0;
    ElementSet elements_;
    // Sets that are over, or whose key is gone, and have elements in the table all the same, and
    // how many.
    std::unordered_map<std::uint64_t, std::uint64_t> swept_;  // by ElementOwner::packed
    std::size_t sweep_from_ = 0;
    ValueSets values_;                      // multisets, and all that has_order()
    std::set<std::uint64_t> swept_values_;  // as swept_, of these
    WindowSizes sizes_;                     // of hopping windows
    // Of both, and of those that an open layer closes.
    std::uint64_t to_sweep_ = 0;
    std::uint64_t sets_over_ = 0;
    std::vector<WentOver> went_over_;
    std::string key_;  // these of the record that is being made
    std::string value_;
};

}  // namespace kstream
