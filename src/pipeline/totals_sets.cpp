#include "kstream/pipeline/totals_sets.hpp"

#include "kstream/pipeline/step_charge.hpp"
#include "kstream/planted_bug.hpp"
#include "pipeline/broken_totals.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace kstream {

namespace {

// Of windows a step sweeps so much at least, and of elements a piece of their table more: steps are
// made for nothing else, and each still is a short one.
constexpr std::size_t kSweptOfWindows = 16'384;

}  // namespace

TotalsSets::TotalsSets(const Job& job, PartitionId partition)
    : job_(job),
      partition_(partition),
      any_(has_elements(job.kinds)),
      windows_(job.has_windows()),
      sets_(sets_of(job.kinds)),
      multisets_(multisets_of(job.kinds)),
      elements_(job.hash_seed) {}

// ---- restoring ---------------------------------------------------------------------------------

// Most come before the total that has their number, which is written again with every change: so
// they are put under their number at once, and whether each has a total is asked at the end.
Result<void> TotalsSets::restore(std::string_view key, std::string_view value) {
    const Result<ElementOwner> owner = decode_element_owner(key);
    if (!owner) {
        return std::unexpected(owner.error());
    }
    const Result<ElementCount> count = decode_element_value(value);
    if (!count) {
        return std::unexpected(count.error());
    }
    const bool of_set = std::ranges::find(sets_, owner->accumulator()) != sets_.end();
    const bool of_multiset =
        std::ranges::find(multisets_, owner->accumulator()) != multisets_.end();
    if (owner->number() == 0 || (!of_set && !of_multiset) || (of_set && count->count != 1)) {
        return broken_totals(partition_, "an element of a set that this job does not have");
    }
    if (of_multiset) {
        const Result<OwnedValue> one = decode_value_key(key);
        if (!one) {
            return std::unexpected(one.error());
        }
        values_.set_count(one->owner, one->value, count->count);
        return {};
    }
    const Result<OwnedElement> element = decode_element_key(key);
    if (!element) {
        return std::unexpected(element.error());
    }
    elements_.insert(*element);
    return {};
}

void TotalsSets::restore_tombstone(std::string_view key) {
    const Result<ElementOwner> owner = decode_element_owner(key);
    if (!owner) {
        return;
    }
    if (std::ranges::find(multisets_, owner->accumulator()) != multisets_.end()) {
        if (const Result<OwnedValue> one = decode_value_key(key); one) {
            values_.set_count(one->owner, one->value, 0);
            values_.forget_if_empty(one->owner);
        }
    } else if (const Result<OwnedElement> element = decode_element_key(key); element) {
        elements_.erase(*element);
    }
}

Result<UInt128> TotalsSets::finish_restore(std::uint64_t last_number,
                                           std::optional<std::uint64_t> to_sweep,
                                           std::span<const Slot> slots) {
    constexpr std::size_t kAtOnce = 4096;
    std::unordered_map<std::uint64_t, std::uint64_t> counts;  // by ElementOwner::packed
    std::string changelog_key;
    UInt128 hash = 0;
    std::size_t from = 0;
    do {
        for (const OwnedElement& element : elements_.sweep(from, kAtOnce)) {
            ++counts[element.owner.packed];
            changelog_key.clear();
            append_element_key(changelog_key, element);
            hash += element_hash(changelog_key, 1);
        }
    } while (from != 0);
    values_.each([&](ElementOwner owner, const RankedValues& values) {
        if (values.total() != 0) {
            counts[owner.packed] = values.total();
        }
        values.each([&](Int128 value, std::uint64_t count) {
            changelog_key.clear();
            append_value_key(changelog_key, owner, value);
            hash += element_hash(changelog_key, count);
        });
    });
    std::vector<std::uint8_t> all = sets_;
    all.insert(all.end(), multisets_.begin(), multisets_.end());
    std::unordered_map<std::uint64_t, std::size_t> keys_of_numbers;
    for (std::size_t key = 0; key < numbers_.size(); ++key) {
        const std::uint64_t of_key = numbers_[key];
        if (of_key > last_number || (of_key != 0 && !keys_of_numbers.emplace(of_key, key).second)) {
            return broken_totals(
                partition_, fmt::format("two keys have the number {}, or nobody gave it", of_key));
        }
        for (const std::uint8_t set : all) {
            const auto found = counts.find(ElementOwner{of_key, set}.packed);
            const std::uint64_t is_there = found == counts.end() ? 0 : found->second;
            const Slot& slot = slots[key * job_.kinds.size() + set];
            if (is_over(slot)) {
                ++sets_over_;
                if (is_there > 0) {
                    sweep_restored({of_key, set}, is_there);
                    counts.erase(found);
                }
                continue;
            }
            if (slot.present() ? slot.value() != Int192{Int128{is_there}} || is_there == 0
                               : is_there != 0) {
                return broken_totals(
                    partition_,
                    fmt::format("the set of the key with the number {} has {} elements, its total "
                                "says another number",
                                of_key, is_there));
            }
            if (found != counts.end()) {
                counts.erase(found);
            }
        }
    }
    if (!to_sweep && !counts.empty()) {
        return broken_totals(partition_,
                             fmt::format("elements of the number {}, which no total has",
                                         counts.begin()->first >> 8));
    }
    if (Result<void> all_are_known = sweep_the_rest(counts, last_number); !all_are_known) {
        return std::unexpected(std::move(all_are_known.error()));
    }
    if (to_sweep && to_sweep_ != *to_sweep) {
        return broken_totals(
            partition_, fmt::format("meta counts {} elements that are to be swept, the changelog "
                                    "has {}",
                                    *to_sweep, to_sweep_));
    }
    last_number_ = last_number;
    return hash;
}

// Of keys whose windows were closed: their totals have gone first.
Result<void> TotalsSets::sweep_the_rest(
    const std::unordered_map<std::uint64_t, std::uint64_t>& counts, std::uint64_t last_number) {
    for (const auto& [packed, is_there] : counts) {
        ElementOwner owner;
        owner.packed = packed;
        if (owner.number() > last_number) {
            return broken_totals(partition_, fmt::format("elements of the number {}, which nobody "
                                                         "gave",
                                                         owner.number()));
        }
        sweep_restored(owner, is_there);
    }
    return {};
}

// `is_there` is what its slot would say.
void TotalsSets::sweep_restored(ElementOwner owner, std::uint64_t is_there) {
    const std::uint64_t elements = elements_under(owner, Slot{Int128{is_there}, true});
    sweep_from_now_on(owner, elements);
    to_sweep_ += elements;
}

// ---- changing ----------------------------------------------------------------------------------

std::size_t TotalsSets::add(const Row& row, std::span<const Slot> delta,
                            std::span<const std::span<const Element>> sets,
                            std::span<const std::span<const CountedValue>> multisets,
                            Layer& layer) {
    const std::size_t charged = add_elements(row, delta, sets, layer);
    return charged + add_values(row, delta, multisets, layer);
}

std::size_t TotalsSets::add_elements(const Row& row, std::span<const Slot> delta,
                                     std::span<const std::span<const Element>> sets, Layer& layer) {
    std::size_t charged = 0;
    for (std::size_t i = 0; i < sets.size(); ++i) {
        Slot& slot = row.slots[sets_[i]];
        Slot& merged = row.merged[sets_[i]];
        if (is_over(delta[sets_[i]]) && !is_over(slot)) {
            go_over(row, sets_[i], layer);
        }
        for (const Element& element : sets[i]) {
            if (is_over(slot)) {
                if (!planted(PlantedBug::over_forgotten)) {
                    break;
                }
                slot = Slot{};
            }
            const ElementOwner owner{number_for(row.key), sets_[i]};
            if (elements_.insert({owner, element}, &layer.elements)) {
                slot = Slot{slot.value() + Int192{1}, true};
                merged = Slot{merged.value() + Int192{1}, true};
                charged += KeyCharge::kElementBytes;
                if (slot.value().low > job_.spec.max_distinct) {
                    go_over(row, sets_[i], layer);
                }
            }
        }
    }
    return charged;
}

std::size_t TotalsSets::add_values(const Row& row, std::span<const Slot> delta,
                                   std::span<const std::span<const CountedValue>> multisets,
                                   Layer& layer) {
    std::size_t charged = 0;
    for (std::size_t i = 0; i < multisets.size(); ++i) {
        const std::uint8_t set = multisets_[i];
        Slot& slot = row.slots[set];
        Slot& merged = row.merged[set];
        if (is_over(delta[set]) && !is_over(slot)) {
            go_over(row, set, layer);
        }
        if (is_over(slot) || multisets[i].empty()) {
            continue;
        }
        ValueSets::Multiset values = values_.multiset({number_for(row.key), set});
        for (const CountedValue& one : multisets[i]) {
            const std::uint64_t before = values.add(one.value, one.count, layer.values);
            const Int192 more{Int128{one.count}};
            slot = Slot{slot.value() + more, true};
            merged = Slot{merged.value() + more, true};
            charged += KeyCharge::kElementBytes;
            if (before == 0 && values.distinct() > job_.spec.max_distinct) {
                go_over(row, set, layer);
                break;
            }
        }
    }
    return charged;
}

std::uint64_t TotalsSets::number_for(std::uint32_t key) {
    if (numbers_[key] == 0) {
        numbers_[key] = ++last_number_;
    }
    return numbers_[key];
}

// For good: what comes later changes nothing, so which records came first does not matter. Its
// elements go with the next steps' sweeps, some with each, and so no step has all of their
// tombstones.
void TotalsSets::go_over(const Row& row, std::uint8_t set, Layer& layer) {
    Slot& slot = row.slots[set];
    const ElementOwner owner{numbers_[row.key], set};
    layer.went_over.push_back({row.key, set, owner.packed});
    if (slot.present()) {
        const std::uint64_t elements = elements_under(owner, slot);
        sweep_from_now_on(owner, elements);
        to_sweep_ += elements;
        // With windows the sums are there whatever they are of.
        const Int192 left = row.merged[set].value() + -slot.value();
        row.merged[set] = left == Int192{} && !windows_ ? Slot{} : Slot{left, true};
    }
    slot = kOverSlot;
    ++sets_over_;
}

void TotalsSets::close(std::uint32_t key, std::span<const Slot> slots, Layer& layer) {
    for (const std::vector<std::uint8_t>* const all : {&sets_, &multisets_}) {
        for (const std::uint8_t set : *all) {
            const Slot& slot = slots[set];
            if (is_over(slot)) {
                --sets_over_;  // and what it has left is swept already
            } else if (slot.present() && !planted(PlantedBug::closed_elements_stay)) {
                const ElementOwner owner{numbers_[key], set};
                layer.closed.push_back({owner, elements_under(owner, slot)});
                to_sweep_ += layer.closed.back().elements;
            }
        }
    }
}

// How many records of the changelog a set with that slot is: of a multiset one for each different
// value.
std::uint64_t TotalsSets::elements_under(ElementOwner owner, const Slot& slot) const {
    if (!is_multiset(owner)) {
        return slot.value().low;
    }
    const RankedValues* const values = values_.find(owner);
    return values == nullptr ? 0 : values->distinct();
}

// Of a set or multiset to which nothing is added any more.
void TotalsSets::sweep_from_now_on(ElementOwner owner, std::uint64_t elements) {
    if (is_multiset(owner)) {
        swept_values_.insert(owner.packed);
    } else {
        swept_[owner.packed] = elements;
    }
}

void TotalsSets::keep(const std::vector<bool>& stays, std::span<const std::uint32_t> place,
                      Layer& filling) {
    if (!any_) {
        return;
    }
    for (std::size_t key = 0; key < stays.size(); ++key) {
        if (stays[key] && !planted(PlantedBug::numbers_not_moved)) {
            numbers_[place[key]] = numbers_[key];
        }
    }
    numbers_.resize(place.back());
    numbers_.shrink_to_fit();
    for (WentOver& set : filling.went_over) {
        set.key = place[set.key];
    }
}

// ---- layers ------------------------------------------------------------------------------------

void TotalsSets::begin(Layer& layer) const {
    layer.numbers_before.clear();
    layer.elements.clear();
    layer.values.clear();
    layer.went_over.clear();
    layer.closed.clear();
    layer.sets_over_before = sets_over_;
    layer.to_sweep_before = to_sweep_;
    layer.last_number_before = last_number_;
    layer.sweep_from_before = sweep_from_;
}

UInt128 TotalsSets::seal(std::uint64_t transaction, Layer& layer, OutputBatch& out) {
    const UInt128 of_elements = seal_elements(transaction, layer, out);
    return of_elements + seal_values(transaction, layer, out);
}

// A record for each that has come: what a step writes does not grow with the sets.
UInt128 TotalsSets::seal_elements(std::uint64_t transaction, Layer& layer, OutputBatch& out) {
    UInt128 hash = 0;
    value_.clear();
    append_element_value(value_, transaction, 1);
    for (const ElementSet::Change& change : layer.elements) {
        key_.clear();
        append_element_key(key_, change.what);
        hash += element_hash(key_, 1);
        out.append(TopicRole::changelog, partition_, key_, value_);
    }
    return hash + sweep_elements(layer, out);
}

// What is to go may lie far apart in the table: there is a bound to how much of it is looked at,
// too.
UInt128 TotalsSets::sweep_elements(Layer& layer, OutputBatch& out) {
    constexpr std::size_t kPiecesOfWindows = 32;
    const std::uint64_t before = to_sweep_;
    UInt128 hash = 0;
    for (std::size_t pieces = windows_ ? kPiecesOfWindows : 1;
         pieces > 0 && !swept_.empty() && before - to_sweep_ < kSweptOfWindows; --pieces) {
        hash += sweep_piece(layer, out);
    }
    return hash;
}

// A part of the table: the elements in it that are to go.
UInt128 TotalsSets::sweep_piece(Layer& layer, OutputBatch& out) {
    constexpr std::size_t kCells = 8192;
    UInt128 hash = 0;
    for (const OwnedElement& element : elements_.sweep(sweep_from_, kCells)) {
        const auto set = swept_.find(element.owner.packed);
        if (set == swept_.end() || !elements_.erase(element, &layer.elements)) {
            continue;
        }
        key_.clear();
        append_element_key(key_, element);
        hash -= element_hash(key_, 1);
        out.append(TopicRole::changelog, partition_, key_, std::nullopt);
        --to_sweep_;
        if (--set->second == 0) {
            swept_.erase(set);
        }
    }
    return hash;
}

// A record for each value of a multiset whose number has changed, whatever changed it how often.
UInt128 TotalsSets::seal_values(std::uint64_t transaction, Layer& layer, OutputBatch& out) {
    sweep_values(layer);
    ValueSets::sum_up(layer.values);
    UInt128 hash = 0;
    for (const ValueSets::Change& change : layer.values) {
        if (change.after == change.before) {
            continue;
        }
        key_.clear();
        append_value_key(key_, change.owner, change.value);
        if (change.before != 0) {
            hash -= element_hash(key_, change.before);
        }
        if (change.after == 0) {
            out.append(TopicRole::changelog, partition_, key_, std::nullopt);
            continue;
        }
        hash += element_hash(key_, change.after);
        value_.clear();
        append_element_value(value_, transaction, change.after);
        out.append(TopicRole::changelog, partition_, key_, value_);
    }
    return hash;
}

// Some of the values that are to go, the smallest of a multiset first.
void TotalsSets::sweep_values(Layer& layer) {
    std::size_t left = windows_ ? kSweptOfWindows : 4096;
    while (left > 0 && !swept_values_.empty()) {
        ElementOwner owner;
        owner.packed = *swept_values_.begin();
        const RankedValues* const values = values_.find(owner);
        for (; left > 0 && values != nullptr && values->distinct() > 0; --left) {
            values_.set_count(owner, values->ranked(1), 0, &layer.values);
            --to_sweep_;
        }
        if (values != nullptr && values->distinct() > 0) {
            return;
        }
        values_.forget_if_empty(owner);
        swept_values_.erase(owner.packed);
    }
}

void TotalsSets::committed(Layer& layer) {
    for (const ClosedSet& set : layer.closed) {
        sweep_from_now_on(set.owner, set.elements);
    }
    std::ranges::move(layer.went_over, std::back_inserter(went_over_));
}

void TotalsSets::undo(Layer& layer, std::span<const std::uint32_t> touched, std::uint32_t keys) {
    if (!any_) {
        return;
    }
    for (std::size_t i = 0; i < touched.size(); ++i) {
        numbers_[touched[i]] = layer.numbers_before[i];
    }
    numbers_.resize(keys);
    last_number_ = layer.last_number_before;
    // A set gets nothing once it is over, or its key's window is closed: what was added to such a
    // one came before, in the step in which it went over, or in one that is committed.
    for (const ElementSet::Change& change : layer.elements) {
        if (!change.added) {
            ++swept_[change.what.owner.packed];
        }
    }
    // Only a sweep takes all of a value away.
    for (const ValueSets::Change& change : layer.values) {
        if (values_.count(change.owner, change.value) == 0) {
            swept_values_.insert(change.owner.packed);
        }
    }
    for (const WentOver& set : layer.went_over) {
        swept_.erase(set.owner);
        swept_values_.erase(set.owner);
    }
    sets_over_ = layer.sets_over_before;
    to_sweep_ = layer.to_sweep_before;
    sweep_from_ = layer.sweep_from_before;
    if (!planted(PlantedBug::elements_not_undone)) {
        elements_.undo(layer.elements);
        values_.undo(layer.values);
    }
}

}  // namespace kstream
