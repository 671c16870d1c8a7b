// A job that is a statement, made once at the start, and shared by all that work on it.
#pragma once

#include "kstream/job/plan.hpp"
#include "kstream/job/statement.hpp"
#include "kstream/model/aggregation_spec.hpp"

#include <string>
#include <string_view>

namespace kstream::job {

struct StatementJob {
    std::string text;  // what the places in the statement point into
    Statement statement;
    Plan plan;
    AggregationSpec spec;  // as what records and totals only pass through knows it

    // What stands at a place of the statement, for people: cut where it is long.
    [[nodiscard]] std::string_view text_at(Place place) const;
};

[[nodiscard]] StatementJob statement_job(Statement statement, std::string text);

}  // namespace kstream::job
