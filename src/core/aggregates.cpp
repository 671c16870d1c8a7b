#include "kstream/core/aggregates.hpp"

#include <cmath>

namespace kstream {

bool add_input(AggregateKind kind, Slot& slot, Decimal input) {
    switch (kind) {
        case AggregateKind::count:
            return merge_slot(kind, slot, Slot{1, true});
        case AggregateKind::sum:
            return merge_slot(kind, slot, Slot{input.units, true});
    }
    return false;
}

bool merge_slot(AggregateKind kind, Slot& into, const Slot& delta) {
    if (!delta.present) {
        return true;
    }
    switch (kind) {
        case AggregateKind::count:
        case AggregateKind::sum: {
            Int128 sum = 0;
            if (!checked_add(into.value, delta.value, sum)) {
                return false;
            }
            into = {sum, true};
            return true;
        }
    }
    return false;
}

void append_finished(std::string& out, AggregateKind kind, const Slot& slot, int scale) {
    switch (kind) {
        case AggregateKind::count:
            append_decimal(out, Decimal{slot.value}, 0, 0);
            return;
        case AggregateKind::sum:
            append_decimal(out, Decimal{slot.value}, scale, 2);
            return;
    }
}

double finished_for_graphs(AggregateKind kind, const Slot& slot, int scale) {
    double value = static_cast<double>(slot.value);
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
