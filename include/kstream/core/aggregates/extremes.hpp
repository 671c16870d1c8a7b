// The smallest and the largest of all inputs: numbers at the job's scale, or times in milliseconds.
//
// A slot holds one of the inputs, so nothing can overflow. What has left cannot be taken out again:
// the second smallest is not known. (bool_and and bool_or are no extremes of 0 and 1 here but
// counts, which can: job/plan.hpp.)
#pragma once

#include "kstream/core/aggregates/row.hpp"
#include "kstream/core/slot.hpp"
#include "kstream/model/decimal.hpp"
#include "kstream/model/int192.hpp"

namespace kstream::aggregates {

struct Min {
    static constexpr AggregateRow kRow{.kind = AggregateKind{3},
                                       .name = "min",
                                       .input = AggregateInput::number,
                                       .postgres = "min(FIELD)",
                                       .doc = "the smallest value of a field"};

    static constexpr void add(Slot& slot, Decimal input) { merge(slot, Slot{input.units, true}); }
    static constexpr void merge(Slot& into, const Slot& delta) {
        if (delta.present() && (!into.present() || delta.value() < into.value())) {
            into = delta;
        }
    }
};

struct Max {
    static constexpr AggregateRow kRow{.kind = AggregateKind{4},
                                       .name = "max",
                                       .input = AggregateInput::number,
                                       .postgres = "max(FIELD)",
                                       .doc = "the largest value of a field"};

    static constexpr void add(Slot& slot, Decimal input) { merge(slot, Slot{input.units, true}); }
    static constexpr void merge(Slot& into, const Slot& delta) {
        if (delta.present() && (!into.present() || into.value() < delta.value())) {
            into = delta;
        }
    }
};

}  // namespace kstream::aggregates
