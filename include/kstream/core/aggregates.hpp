// The aggregates. Each is {add, merge, encode, finish} over one typed slot; a delta and a total are
// both rows of slots in the same form, so adding an aggregate touches src/core/aggregates.cpp, its
// AggregateKind and its test, and no format, loop or table.
#pragma once

#include "kstream/model/aggregation_spec.hpp"
#include "kstream/model/decimal.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace kstream {

// One accumulator. What `value` means belongs to the kind (a count, or units at the job's scale).
// `present` is false until something was added, which an aggregate without a neutral element needs.
//
// Millions of these are held, so they are packed: 24 bytes instead of 32. The price is that no
// Int128& may be bound to `value`.
struct Slot {
    typedef Int128 Packed __attribute__((aligned(8)));
    Packed value = 0;
    bool present = false;
    friend constexpr bool operator==(const Slot&, const Slot&) = default;
};

// Begins to load row `index` of `slots`, which holds rows of `width` slots, at least one each.
inline void prefetch_row(std::span<const Slot> slots, std::size_t width, std::size_t index) {
    const std::span<const Slot> row = slots.subspan(index * width, width);
    __builtin_prefetch(&row.front());
    __builtin_prefetch(&row.back());
}

// Puts one record's input into the slot. `input` is ignored by aggregates without an input.
// false: the result does not fit 128 bits; the slot is then unchanged (decision 2: never wraps).
[[nodiscard]] bool add_input(AggregateKind kind, Slot& slot, Decimal input);

// Puts a delta into a total (or a delta into a delta). Commutative and associative, which is what
// makes totals independent of order. false on overflow, `into` is then unchanged.
[[nodiscard]] bool merge_slot(AggregateKind kind, Slot& into, const Slot& delta);

// Appends the value that readers of the results see, as a JSON number.
void append_finished(std::string& out, AggregateKind kind, const Slot& slot, int scale);

// The same as a double, rounded as doubles are: for graphs, never for anything that adds up.
[[nodiscard]] double finished_for_graphs(AggregateKind kind, const Slot& slot, int scale);

// "count", "sum"; and back, false when there is no such aggregate.
[[nodiscard]] std::string_view aggregate_name(AggregateKind kind);
[[nodiscard]] bool is_known_aggregate(std::uint8_t tag);
[[nodiscard]] bool needs_input(AggregateKind kind);

}  // namespace kstream
