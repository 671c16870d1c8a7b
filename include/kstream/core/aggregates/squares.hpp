// The sum of the squares of all inputs, exactly, which variances need: two slots that add.
//
// A square of 128 bits has up to 255, (-2^127)^2 = 2^254. Its low 127 bits are summed in one slot
// and what is above them, at most 2^127, in the other: of fewer than 2^63 records each stays below
// 2^190, which is what a slot holds (ADR 0027). The sum is low + high * 2^127. Carries stay where
// they are, so each slot is a plain sum of its own: merging is adding, and what was added can be
// taken out again.
#pragma once

#include "kstream/core/aggregates/row.hpp"
#include "kstream/core/slot.hpp"
#include "kstream/model/decimal.hpp"
#include "kstream/model/int192.hpp"

#include <cstdint>

namespace kstream::aggregates {

inline constexpr int kSquareLowBits = 127;

struct Square {
    Int192 low;   // kSquareLowBits of it
    Int192 high;  // the rest
};

[[nodiscard]] constexpr Square square_of(Int128 units) {
    // -2^127 has a magnitude in unsigned arithmetic.
    const UInt128 magnitude =
        units < 0 ? UInt128{0} - static_cast<UInt128>(units) : static_cast<UInt128>(units);
    const UInt128 low = static_cast<std::uint64_t>(magnitude);
    const UInt128 high = magnitude >> 64;
    const UInt128 crossed = low * high;  // is there twice
    UInt128 bottom = low * low;
    UInt128 top = high * high + (crossed >> 63);
    top += UInt128{__builtin_add_overflow(bottom, crossed << 65, &bottom)};
    const UInt128 rest = top << 1 | bottom >> kSquareLowBits;
    bottom &= ~UInt128{0} >> 1;
    const auto words = [](UInt128 value) {
        return Int192{static_cast<std::uint64_t>(value), static_cast<std::uint64_t>(value >> 64),
                      0};
    };
    return {words(bottom), words(rest)};
}

struct SquaresLow {
    static constexpr AggregateRow kRow{.kind = AggregateKind{5},
                                       .name = "squares_low",
                                       .input = AggregateInput::number,
                                       .postgres = "sum(mod(FIELD * FIELD, 2^127))",
                                       .doc = "sum the low 127 bits of a field's square"};

    static constexpr void add(Slot& slot, Decimal input) {
        slot.add(Slot{square_of(input.units).low, true});
    }
    static constexpr void merge(Slot& into, const Slot& delta) { into.add(delta); }
    static constexpr void retract(Slot& from, const Slot& delta) {
        from = Slot{from.value() + -delta.value(), from.present()};
    }
};

struct SquaresHigh {
    static constexpr AggregateRow kRow{.kind = AggregateKind{6},
                                       .name = "squares_high",
                                       .input = AggregateInput::number,
                                       .postgres = "sum(div(FIELD * FIELD, 2^127))",
                                       .doc = "sum what is above those bits"};

    static constexpr void add(Slot& slot, Decimal input) {
        slot.add(Slot{square_of(input.units).high, true});
    }
    static constexpr void merge(Slot& into, const Slot& delta) { into.add(delta); }
    static constexpr void retract(Slot& from, const Slot& delta) {
        from = Slot{from.value() + -delta.value(), from.present()};
    }
};

}  // namespace kstream::aggregates
