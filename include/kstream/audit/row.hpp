// What is kept for one key, or comes of one record: a slot for each accumulator, and what lies
// beside the slots.
#pragma once

#include "kstream/core/element.hpp"
#include "kstream/core/slot.hpp"
#include "kstream/core/text_store.hpp"
#include "kstream/model/aggregation_spec.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

namespace kstream::audit {

struct Row {
    // Whether there is one: a key may have one in which no slot is present.
    bool there = false;
    std::vector<Slot> slots;
    // By slots; of a job that keeps texts. The slot of a text says only that there is one.
    std::vector<std::string> texts;
    // By slots; of a job that keeps sets, and as the source has them: the slot of a set says how
    // many elements there are, and so is all that a stored row has.
    std::vector<std::set<Element>> sets;
    // The same of a job that keeps multisets: how often each value came.
    std::vector<std::map<Int128, std::uint64_t>> multisets;

    Row() = default;
    // Nothing, of these accumulators.
    explicit Row(std::span<const AggregateKind> kinds);
    // As a stored format has it, whose texts are in `store`.
    Row(std::span<const AggregateKind> kinds, std::span<const Slot> stored, const TextStore& store);

    [[nodiscard]] bool empty() const { return !there; }
    [[nodiscard]] const Slot& operator[](std::size_t i) const { return slots[i]; }
    [[nodiscard]] std::uint64_t bytes() const;
    // Whether slots and texts are the same.
    friend bool operator==(const Row& a, const Row& b) {
        return a.there == b.there && a.slots == b.slots && a.texts == b.texts;
    }
};

// A row as a stored format takes it: slots that point into texts.
struct StoredRow {
    StoredRow(std::span<const AggregateKind> kinds, const Row& row);
    std::vector<Slot> slots;
    TextStore texts;
};

// Another row of slots into a row. Texts and sets are none of theirs: of all keys nobody keeps the
// least, or asks how many there are.
void add_row(std::span<const AggregateKind> kinds, std::span<Slot> row,
             std::span<const Slot> other);
// The same, texts, sets and all; `row` is there afterwards.
// A set of more than `max_distinct` values is over, and has none from then on.
void add_row(std::span<const AggregateKind> kinds, Row& row, const Row& other,
             std::uint64_t max_distinct);

// Over keys of which some are taken out again, when their windows close: counts, sums and squares,
// which can be, and are 0 where there is no key. Nothing of the others.
[[nodiscard]] std::vector<Slot> no_sums(std::span<const AggregateKind> kinds);
void add_sums(std::span<const AggregateKind> kinds, std::span<Slot> sums,
              std::span<const Slot> row);

}  // namespace kstream::audit
