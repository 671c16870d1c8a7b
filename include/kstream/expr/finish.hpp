// The value of an aggregate from its accumulators, as PostgreSQL has it: exact, rounded once where
// it has no end, NULL where SQL has NULL. Pure, and nothing is allocated but in an arena that is
// kept: it runs for every key that a step has changed.
#pragma once

#include "kstream/core/slot.hpp"
#include "kstream/expr/arena.hpp"
#include "kstream/expr/value.hpp"
#include "kstream/job/plan.hpp"
#include "kstream/job/statement.hpp"

#include <cstddef>
#include <span>
#include <string_view>

namespace kstream::expr {

// What lies beside the slots of one key. Only for aggregates that have such a thing.
class SideValues {
public:
    virtual ~SideValues() = default;
    // Of the accumulator of that index, which is present and keeps a text.
    [[nodiscard]] virtual std::string_view text(std::size_t accumulator) const = 0;
    // Of a multiset that is present: the value of that rank, from 1, in ascending order; units of
    // the job's scale, or the milliseconds of a time.
    [[nodiscard]] virtual Int128 ranked(std::size_t accumulator, std::uint64_t rank) const = 0;
};

// `row` has a slot for each accumulator. A row that no records can have made (a forged one) gets
// some value, or NULL: the audit is what finds it. Valid until the arena is reset.
[[nodiscard]] Value finish(const job::Statement& statement, const job::Plan& plan,
                           std::size_t aggregate, std::span<const Slot> row, Arena& arena,
                           const SideValues* side = nullptr);

// max(1, ceil(p * n)) in IEEE double, as PostgreSQL has it; n > 0. `percentile` is 0..1 in digits.
[[nodiscard]] std::uint64_t percentile_rank(std::string_view percentile, std::uint64_t n);

}  // namespace kstream::expr
