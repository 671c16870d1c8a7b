#pragma once

#include "kstream/core/aggregates/row.hpp"
#include "kstream/core/slot.hpp"
#include "kstream/model/decimal.hpp"
#include "kstream/model/int192.hpp"

#include <string>

namespace kstream::aggregates {

struct Count {
    static constexpr AggregateRow kRow{.kind = AggregateKind{1},
                                       .name = "count",
                                       .input = AggregateInput::none,
                                       .postgres = "count(*)",
                                       .doc = "count the records",
                                       .option = true};

    static constexpr void add(Slot& slot, Decimal /*input*/) { slot.add(Int128{1}); }
    static constexpr void merge(Slot& into, const Slot& delta) { into.add(delta); }
    static constexpr void retract(Slot& from, const Slot& delta) {
        from = Slot{from.value() + -delta.value(), from.present()};
    }
    static void finish(std::string& out, const Slot& slot, int /*scale*/) {
        append_decimal(out, slot.value(), 0, 0);
    }
    static double for_graphs(const Slot& slot, int /*scale*/) { return to_double(slot.value()); }
};

}  // namespace kstream::aggregates
