// Extremes and squares of inputs: the audit's own, beside those of the registry (core/aggregates).
#pragma once

#include "kstream/core/slot.hpp"
#include "kstream/model/aggregation_spec.hpp"
#include "kstream/model/int128.hpp"
#include "kstream/model/int192.hpp"

#include <utility>

namespace kstream::audit {

// Of two values of an extreme, the one that counts.
[[nodiscard]] Slot extreme_of(AggregateKind kind, const Slot& one, const Slot& other);

// value^2 as its low 127 bits and the rest.
[[nodiscard]] std::pair<Int192, Int192> square_of(Int128 value);

// Whether what one row has can be subtracted from the sum of many.
[[nodiscard]] bool can_be_taken_out(AggregateKind kind);

}  // namespace kstream::audit
