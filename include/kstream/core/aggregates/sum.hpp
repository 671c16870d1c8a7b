// Exact, of any number of records (ADR 0027).
#pragma once

#include "kstream/core/aggregates/row.hpp"
#include "kstream/core/slot.hpp"
#include "kstream/model/decimal.hpp"
#include "kstream/model/int192.hpp"

#include <cmath>
#include <string>

namespace kstream::aggregates {

struct Sum {
    static constexpr AggregateRow kRow{.kind = AggregateKind{2},
                                       .name = "sum",
                                       .input = AggregateInput::number,
                                       .postgres = "sum(FIELD)",
                                       .doc = "sum a field, exactly",
                                       .option = true};

    static constexpr void add(Slot& slot, Decimal input) { slot.add(input.units); }
    static constexpr void merge(Slot& into, const Slot& delta) { into.add(delta); }
    static constexpr void retract(Slot& from, const Slot& delta) {
        from = Slot{from.value() + -delta.value(), from.present()};
    }
    static void finish(std::string& out, const Slot& slot, int scale) {
        append_decimal(out, slot.value(), scale, 2);
    }
    static double for_graphs(const Slot& slot, int scale) {
        return to_double(slot.value()) / std::pow(10.0, scale);
    }
};

}  // namespace kstream::aggregates
