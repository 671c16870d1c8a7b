// A statement's expressions while their types are not yet all known.
#pragma once

#include "job/sql/types.hpp"
#include "kstream/job/statement.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace kstream::job::sql {

struct Draft {
    Op op = Op::null;
    Slot slot = 0;
    Place place;
    std::uint32_t index = 0;  // of a field, or of Binder's aggregates
    Literal literal;
    std::optional<std::int32_t> precision;
    std::optional<std::int32_t> scale;
    // Written x::numeric, which is no node of its own where x is a number: no integer for `/`.
    bool is_numeric = false;
    std::vector<Draft> arguments;
};

struct DraftAggregate {
    AggregateFunction function = AggregateFunction::count_all;
    std::optional<Draft> input;
    std::optional<Draft> filter;
    std::string percentile;
    Slot slot = 0;
    std::optional<std::int32_t> scale;  // of the round() right around it
    Place place;
};

}  // namespace kstream::job::sql
