#include "kstream/core/aggregates.hpp"

#include <cmath>

namespace kstream {

void append_finished(std::string& out, AggregateKind kind, const Slot& slot, int scale) {
    switch (kind) {
        case AggregateKind::count:
            append_decimal(out, slot.value(), 0, 0);
            return;
        case AggregateKind::sum:
            append_decimal(out, slot.value(), scale, 2);
            return;
    }
}

double finished_for_graphs(AggregateKind kind, const Slot& slot, int scale) {
    const Int192 units = slot.value();
    // Of a value past 128 bits the low words are far below what a double holds.
    double value = units.fits_128()
                       ? static_cast<double>(units.low_128())
                       : std::ldexp(static_cast<double>(units.high), 128) +
                             static_cast<double>(static_cast<UInt128>(units.low_128()));
    if (kind == AggregateKind::sum) {
        value /= std::pow(10.0, scale);
    }
    return value;
}

std::string_view aggregate_name(AggregateKind kind) {
    switch (kind) {
        case AggregateKind::count:
            return "count";
        case AggregateKind::sum:
            return "sum";
    }
    return "unknown";
}

bool is_known_aggregate(std::uint8_t tag) {
    return tag == static_cast<std::uint8_t>(AggregateKind::count) ||
           tag == static_cast<std::uint8_t>(AggregateKind::sum);
}

bool needs_input(AggregateKind kind) {
    return kind != AggregateKind::count;
}

}  // namespace kstream
