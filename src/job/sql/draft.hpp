// A statement's expressions while their types are not yet all known.
#pragma once

#include "job/sql/types.hpp"
#include "kstream/job/statement.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
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

// Of FROM tumble(...) and the others.
struct DraftEventTime {
    std::string function;
    Place place;     // of the whole call
    EventTime rest;  // what is no expression
    std::optional<Draft> time;
    std::optional<Draft> unique_by;
    bool grouped = false;  // GROUP BY names its window

    [[nodiscard]] bool has_windows() const { return function != "events"; }
};

// window_start and window_end, as they are written without quotes in a job with event time.
[[nodiscard]] constexpr bool is_window_bound(Op op) {
    return op == Op::window_start || op == Op::window_end;
}
[[nodiscard]] constexpr std::optional<Op> window_bound_named(std::string_view lower) {
    return lower == "window_start" ? std::optional{Op::window_start}
           : lower == "window_end" ? std::optional{Op::window_end}
                                   : std::nullopt;
}

}  // namespace kstream::job::sql
