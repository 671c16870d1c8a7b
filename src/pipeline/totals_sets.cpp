#include "kstream/pipeline/totals_sets.hpp"

#include "kstream/codec/state_key.hpp"
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

// An element as a value that has an order, and back.
Int128 ordered(const Element& element) {
    return static_cast<Int128>(UInt128{element.high} << 64 | element.low);
}
Element element_in(Int128 value) {
    const auto bits = static_cast<UInt128>(value);
    return {static_cast<std::uint64_t>(bits >> 64), static_cast<std::uint64_t>(bits)};
}

}  // namespace

TotalsSets::TotalsSets(const Job& job, PartitionId partition)
    : job_(job),
      partition_(partition),
      any_(has_elements(job.kinds)),
      windows_(job.has_windows()),
      sessions_(job.has_sessions()),
      sets_(sets_of(job.kinds)),
      multisets_(multisets_of(job.kinds)),
      elements_(job.hash_seed),
      sizes_(job.kinds.size(), job.hops() ? job.event_time()->window.slide : 0,
             job.spec.max_distinct) {}

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
    if (sessions_) {
        values_.set_count(element->owner, ordered(element->element), 1);
    } else {
        elements_.insert(*element);
    }
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
        if (sessions_) {
            values_.set_count(element->owner, ordered(element->element), 0);
            values_.forget_if_empty(element->owner);
        } else {
            elements_.erase(*element);
        }
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
            append_key(changelog_key, owner, value);
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
            if (insert({owner, element}, layer)) {
                if (row.panes != nullptr) {
                    count_in_windows(
                        row, sets_[i],
                        [&](std::uint64_t number) {
                            return elements_.contains({{number, sets_[i]}, element});
                        },
                        layer);
                }
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
            if (before == 0 && row.panes != nullptr) {
                count_in_windows(
                    row, set,
                    [&](std::uint64_t number) {
                        return values_.count({number, set}, one.value) != 0;
                    },
                    layer);
            }
            if (before == 0 && values.distinct() > job_.spec.max_distinct) {
                go_over(row, set, layer);
                break;
            }
        }
    }
    return charged;
}

// Whether it is new.
bool TotalsSets::insert(const OwnedElement& element, Layer& layer) {
    if (!sessions_) {
        return elements_.insert(element, &layer.elements);
    }
    const Int128 value = ordered(element.element);
    if (values_.count(element.owner, value) != 0) {
        return false;
    }
    values_.set_count(element.owner, value, 1, &layer.values);
    return true;
}

// What has come to the row's pane and was not there: the windows that did not have it have it now.
// has(number) says whether the pane with that number has it.
template <typename Has>
void TotalsSets::count_in_windows(const Row& row, std::uint8_t accumulator, Has has, Layer& layer) {
    const auto pane_has = [&](const TotalsPanes::Pane& pane) {
        return numbers_[pane.key] != 0 && has(numbers_[pane.key]) &&
               !planted(PlantedBug::value_of_each_pane);
    };
    const expr::WindowStarts windows =
        row.panes->new_to(row.key, window_start_of(row.state_key), pane_has);
    if (sizes_.add(group_part_of(row.state_key), accumulator, windows, &layer.sizes)) {
        layer.went_over.push_back({row.key, accumulator, 0});
    }
}

// Each value is counted where a window has it first, by the panes that come before that alone; of
// windows that are closed nothing is asked.
void TotalsSets::count_windows(const TotalsPanes& panes, const KeyTable& keys) {
    std::unordered_map<std::uint64_t, std::uint32_t> by_number;
    for (std::uint32_t key = 0; key < keys.size(); ++key) {
        if (numbers_[key] != 0) {
            by_number.emplace(numbers_[key], key);
        }
    }
    const auto count = [&](ElementOwner owner, auto has) {
        const auto found = by_number.find(owner.number());
        if (found == by_number.end()) {
            return;  // to be swept
        }
        const std::string_view state_key = keys.key(found->second);
        const std::int64_t start = window_start_of(state_key);
        const auto before_has = [&](const TotalsPanes::Pane& pane) {
            return pane.start < start && numbers_[pane.key] != 0 && has(numbers_[pane.key]);
        };
        expr::WindowStarts windows = panes.new_to(found->second, start, before_has);
        windows.first = panes.first_open(found->second, windows.first);
        (void)sizes_.add(group_part_of(state_key), owner.accumulator(), windows, nullptr);
    };
    constexpr std::size_t kAtOnce = 4096;
    sizes_.clear();
    std::size_t from = 0;
    do {
        for (const OwnedElement& one : elements_.sweep(from, kAtOnce)) {
            count(one.owner, [&](std::uint64_t number) {
                return elements_.contains({{number, one.owner.accumulator()}, one.element});
            });
        }
    } while (from != 0);
    values_.each([&](ElementOwner owner, const RankedValues& values) {
        values.each([&](Int128 value, std::uint64_t) {
            count(owner, [&](std::uint64_t number) {
                return values_.count({number, owner.accumulator()}, value) != 0;
            });
        });
    });
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

// ---- sessions that become one ------------------------------------------------------------------

// The key that goes gets the number as well: whoever asks for it before the step is committed sees
// the values that it has become part of.
std::size_t TotalsSets::join(const Row& row, std::uint32_t other, std::span<const Slot> slots,
                             Layer& layer) {
    const std::uint64_t mine = numbers_[row.key];
    const std::uint64_t theirs = numbers_[other];
    const bool more = elements_of(mine, row.slots) < elements_of(theirs, slots);
    numbers_[row.key] = numbers_[other] = more ? theirs : mine;
    std::size_t charged = 0;
    for (const std::vector<std::uint8_t>* const all : {&sets_, &multisets_}) {
        for (const std::uint8_t set : *all) {
            Slot& slot = row.slots[set];
            if (is_over(slot) && is_over(slots[set])) {
                --sets_over_;  // one of two
            } else if (is_over(slot)) {
                leave(row, {theirs, set}, slots[set], layer);
            } else if (is_over(slots[set])) {
                leave(row, {mine, set}, slot, layer);
                slot = kOverSlot;
            } else {
                charged += join_set(row, {more ? mine : theirs, set}, slots[set], layer);
            }
        }
    }
    return charged;
}

// Records of the changelog that are under the number.
std::uint64_t TotalsSets::elements_of(std::uint64_t number, std::span<const Slot> slots) const {
    std::uint64_t all = 0;
    for (const std::vector<std::uint8_t>* const accumulators : {&sets_, &multisets_}) {
        for (const std::uint8_t set : *accumulators) {
            all += slots[set].present() && !is_over(slots[set])
                       ? elements_under({number, set}, slots[set])
                       : 0;
        }
    }
    return all;
}

// What is under `from` goes under the number that the row has by now. `theirs` is the slot of the
// session that became part of the row's, whichever of the two the values are of.
std::size_t TotalsSets::join_set(const Row& row, ElementOwner from, const Slot& theirs,
                                 Layer& layer) {
    const std::uint8_t set = from.accumulator();
    Slot& slot = row.slots[set];
    if (theirs.present()) {
        slot = Slot{slot.value() + theirs.value(), true};
    }
    std::vector<CountedValue> moved;
    if (const RankedValues* const values = values_.find(from)) {
        values->each(
            [&moved](Int128 value, std::uint64_t count) { moved.push_back({value, count}); });
    }
    if (moved.empty()) {
        return 0;
    }
    const ElementOwner to{numbers_[row.key], set};
    std::uint64_t twice = 0;  // of a set, those that both have had
    for (const CountedValue& one : moved) {
        const std::uint64_t there = values_.count(to, one.value);
        if (is_multiset(to)) {
            values_.set_count(to, one.value, there + one.count, &layer.values);
        } else if (there == 0) {
            values_.set_count(to, one.value, 1, &layer.values);
        } else if (!planted(PlantedBug::joined_values_twice)) {
            ++twice;
        }
        if (!planted(PlantedBug::joined_values_stay)) {
            values_.set_count(from, one.value, 0, &layer.values);
        }
    }
    values_.forget_if_empty(from);
    const Int192 less{Int128{twice}};
    slot = Slot{slot.value() + -less, true};
    row.merged[set] = Slot{row.merged[set].value() + -less, true};
    if (elements_under(to, slot) > job_.spec.max_distinct) {
        go_over(row, set, layer);
    }
    return 2 * moved.size() * KeyCharge::kElementBytes;
}

// A set that was not over, of a session that became one with another one whose set is: what it has
// is swept.
void TotalsSets::leave(const Row& row, ElementOwner owner, const Slot& slot, Layer& layer) {
    if (!slot.present()) {
        return;
    }
    const std::uint64_t elements = elements_under(owner, slot);
    sweep_from_now_on(owner, elements);
    to_sweep_ += elements;
    layer.left.push_back(owner);
    Slot& merged = row.merged[owner.accumulator()];
    merged = Slot{merged.value() + -slot.value(), true};
}

// ---- windows -----------------------------------------------------------------------------------

void TotalsSets::put_sizes(std::string_view group, std::int64_t start, std::span<Slot> slots,
                           std::span<const Layer* const> without) const {
    for (const std::vector<std::uint8_t>* const all : {&sets_, &multisets_}) {
        for (const std::uint8_t set : *all) {
            Slot& slot = slots[set];
            if (!slot.present() || is_over(slot)) {
                continue;
            }
            std::uint64_t size = sizes_.size(group, set, start);
            for (const Layer* const layer : without) {
                size -= WindowSizes::added(layer->sizes, group, set, start);
            }
            if (size > job_.spec.max_distinct) {
                slot = kOverSlot;
            } else if (job_.kinds[set] == kDistinct) {
                slot = Slot{Int128{size}, true};
            }
        }
    }
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
    if (!has_order(owner)) {
        return slot.value().low;
    }
    const RankedValues* const values = values_.find(owner);
    return values == nullptr ? 0 : values->distinct();
}

// Of a set or multiset to which nothing is added any more.
void TotalsSets::sweep_from_now_on(ElementOwner owner, std::uint64_t elements) {
    if (has_order(owner)) {
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
    layer.left.clear();
    layer.swept.clear();
    layer.sizes.clear();
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

// The changelog key of a value that has_order().
void TotalsSets::append_key(std::string& out, ElementOwner owner, Int128 value) const {
    if (is_multiset(owner)) {
        append_value_key(out, owner, value);
    } else {
        append_element_key(out, {owner, element_in(value)});
    }
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
        append_key(key_, change.owner, change.value);
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
        layer.swept.push_back(owner);
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
    for (const ElementOwner owner : layer.swept) {
        swept_values_.insert(owner.packed);
    }
    for (const WentOver& set : layer.went_over) {
        swept_.erase(set.owner);
        swept_values_.erase(set.owner);
    }
    for (const ElementOwner owner : layer.left) {
        swept_values_.erase(owner.packed);
    }
    sets_over_ = layer.sets_over_before;
    to_sweep_ = layer.to_sweep_before;
    sweep_from_ = layer.sweep_from_before;
    if (!planted(PlantedBug::elements_not_undone)) {
        elements_.undo(layer.elements);
        values_.undo(layer.values);
    }
    sizes_.undo(layer.sizes);
}

}  // namespace kstream
