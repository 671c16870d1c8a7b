// What a statement is kept as: which inputs are computed of each record, which accumulators they go
// into, and which of these each aggregate is finished from (expr/finish.hpp). avg(x), sum(x) and
// var_pop(x) share one sum and one count.
//
// Made once, on the main thread, from a checked statement. The order of the accumulators is that of
// the slots in every stored format, so it is part of what a statement means: it depends on the
// statement alone and never changes for one that there was before.
//
// Of sessions the last accumulator is no aggregate's: max(time), the last time of each. So it is
// stored, merged, hashed and taken back as all others are; the first time is in the key.
#pragma once

#include "kstream/job/statement.hpp"
#include "kstream/model/aggregation_spec.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace kstream::job {

// What is computed of a record for its aggregates, in this order, after WHERE and the keys: the
// filter first, and only where it is true the value. Whatever goes wrong in them makes a bad
// record. Each stands here once, however many aggregates have it.
struct Input {
    std::optional<Expression> filter;  // FILTER (WHERE ...)
    std::optional<Expression> value;   // none of count(*)
    bool strict = false;  // a value that is Missing is a bad record; count(x) alone takes it
};

// Which records of an input go into an accumulator. Not those that the filter keeps out.
enum class Takes : std::uint8_t {
    every,      // count(*)
    not_null,   // a value that is neither NULL nor Missing: how many
    when_true,  // a value that is true: how many
    value,      // a value that is not NULL: the value
};

// One slot, 24 bytes for each key; `kind` says what else there is beside it.
struct Accumulator {
    AggregateKind kind{};
    Takes takes = Takes::every;
    std::uint32_t input = 0;  // of Plan::inputs
    friend bool operator==(const Accumulator&, const Accumulator&) = default;
};

// Where an aggregate's parts are in Plan::accumulators. Which of them it has follows from its
// function:
//   count(*), count(x), count(DISTINCT x), sum, min, max, percentile_disc   value
//   avg                                                                     value (a sum), count
//   bool_and, bool_or                                                       value (trues), count
//   var_*, stddev_*                            value (a sum), count, squares and the one after it
struct Parts {
    std::uint32_t value = 0;
    std::uint32_t count = 0;    // of what is not NULL
    std::uint32_t squares = 0;  // their low halves; the high ones are the next accumulator
};

struct Plan {
    std::vector<Input> inputs;
    std::vector<Accumulator> accumulators;
    std::vector<Parts> aggregates;  // by Statement::aggregates

    // The tags of the slots, in every stored format.
    [[nodiscard]] std::vector<AggregateKind> kinds() const;
};

// A job of the first form (the flags' jobs) has one accumulator for each column after the groups,
// in the order of the columns, also where two are the same: it is stored so.
[[nodiscard]] Plan plan_of(const Statement& statement);

}  // namespace kstream::job
