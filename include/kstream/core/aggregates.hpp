// The registry of aggregates: one row for each, which is a type of a file of its own below
// core/aggregates/. Options, their texts, --print-config, the words for what differs, the checks of
// a job and the generated documents are read off the rows; the loops reach add() and merge()
// through them, inlined. Only the audit does sums of its own, on purpose (audit/audited_job.cpp).
#pragma once

#include "kstream/core/aggregates/count.hpp"
#include "kstream/core/aggregates/extremes.hpp"
#include "kstream/core/aggregates/row.hpp"
#include "kstream/core/aggregates/squares.hpp"
#include "kstream/core/aggregates/sum.hpp"
#include "kstream/core/slot.hpp"
#include "kstream/model/aggregation_spec.hpp"
#include "kstream/model/decimal.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace kstream {

template <typename... All>
struct AggregateList {
    // Hands the aggregate of that kind to `use`. Nothing happens where there is none: no job that
    // runs has one of no known kind (problems()).
    template <typename Use>
    static constexpr void with(AggregateKind kind, Use use) {
        static_cast<void>(((kind == All::kRow.kind && (use(All{}), true)) || ...));
    }
    template <typename Use>
    static constexpr void each(Use use) {
        (use(All{}), ...);
    }

    template <typename A>
    static constexpr AggregateRow row_of() {
        AggregateRow row = A::kRow;
        row.retracts = requires(Slot& slot) { A::retract(slot, slot); };
        return row;
    }
    static constexpr std::array<AggregateRow, sizeof...(All)> kRows{row_of<All>()...};
};

// In the order in which they are shown to people.
using Aggregates = AggregateList<aggregates::Sum, aggregates::Count, aggregates::Min,
                                 aggregates::Max, aggregates::SquaresLow, aggregates::SquaresHigh>;

inline constexpr const auto& kAggregates = Aggregates::kRows;

// nullptr when there is no such aggregate.
[[nodiscard]] constexpr const AggregateRow* find_aggregate(AggregateKind kind) {
    const auto* const found = std::ranges::find(kAggregates, kind, &AggregateRow::kind);
    return found == kAggregates.end() ? nullptr : found;
}

// The kind of the aggregate that SQL calls so; none by that name does not compile.
[[nodiscard]] consteval AggregateKind aggregate_named(std::string_view name) {
    return std::ranges::find(kAggregates, name, &AggregateRow::name)->kind;
}

// Puts one record's input into the slot. `input` is ignored by aggregates without an input.
constexpr void add_input(AggregateKind kind, Slot& slot, Decimal input) {
    Aggregates::with(kind, [&](auto aggregate) { aggregate.add(slot, input); });
}

// Puts a delta into a total (or a delta into a delta). Commutative and associative, which is what
// makes totals independent of order.
constexpr void merge_slot(AggregateKind kind, Slot& into, const Slot& delta) {
    Aggregates::with(kind, [&](auto aggregate) { aggregate.merge(into, delta); });
}

// Whether what was merged can be taken out again.
[[nodiscard]] constexpr bool retracts(AggregateKind kind) {
    const AggregateRow* const row = find_aggregate(kind);
    return row != nullptr && row->retracts;
}

// Takes it out; a slot that was present stays so. Nothing happens to those that do not retract.
constexpr void retract_slot(AggregateKind kind, Slot& from, const Slot& delta) {
    Aggregates::with(kind, [&](auto aggregate) {
        if constexpr (requires { aggregate.retract(from, delta); }) {
            aggregate.retract(from, delta);
        }
    });
}

// Appends the value that readers of the results see, as a JSON number. Of those with an option:
// what a statement shows is finished by expr/finish.hpp.
inline void append_finished(std::string& out, AggregateKind kind, const Slot& slot, int scale) {
    Aggregates::with(kind, [&](auto aggregate) {
        if constexpr (aggregate.kRow.option) {
            aggregate.finish(out, slot, scale);
        }
    });
}

// The same as a double, rounded as doubles are: for graphs, never for anything that adds up.
[[nodiscard]] inline double finished_for_graphs(AggregateKind kind, const Slot& slot, int scale) {
    double value = 0;
    Aggregates::with(kind, [&](auto aggregate) {
        if constexpr (aggregate.kRow.option) {
            value = aggregate.for_graphs(slot, scale);
        }
    });
    return value;
}

}  // namespace kstream
