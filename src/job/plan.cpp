#include "kstream/job/plan.hpp"

#include "kstream/core/aggregates.hpp"
#include "kstream/core/side_aggregates.hpp"
#include "kstream/job/flags.hpp"

#include <algorithm>

namespace kstream::job {

namespace {

constexpr AggregateKind kCount = aggregate_named("count");
constexpr AggregateKind kSum = aggregate_named("sum");

class Planner {
public:
    explicit Planner(Plan& plan) : plan_(plan) {}

    // Its parts, which others may have already.
    Parts add(const Aggregate& aggregate) {
        const std::uint32_t input = input_of(aggregate);
        const bool text = aggregate.input && aggregate.input->type == ValueType::text;
        Parts parts;
        switch (aggregate.function) {
            case AggregateFunction::count_all:
                parts.value = accumulator(kCount, Takes::every, input);
                break;
            case AggregateFunction::count:
                parts.value = accumulator(kCount, Takes::not_null, input);
                break;
            case AggregateFunction::count_distinct:
                parts.value = accumulator(kDistinct, Takes::value, input);
                break;
            case AggregateFunction::sum:
                parts.value = accumulator(kSum, Takes::value, input);
                break;
            case AggregateFunction::min:
                parts.value =
                    accumulator(text ? kMinText : aggregate_named("min"), Takes::value, input);
                break;
            case AggregateFunction::max:
                parts.value =
                    accumulator(text ? kMaxText : aggregate_named("max"), Takes::value, input);
                break;
            // Counts, and not extremes of 0 and 1: what has been added can be taken out again, and
            // both of one input, with its count(x), are two slots in all.
            case AggregateFunction::bool_and:
            case AggregateFunction::bool_or:
                parts.value = accumulator(kCount, Takes::when_true, input);
                parts.count = accumulator(kCount, Takes::not_null, input);
                break;
            case AggregateFunction::avg:
                parts.value = accumulator(kSum, Takes::value, input);
                parts.count = accumulator(kCount, Takes::not_null, input);
                break;
            case AggregateFunction::var_pop:
            case AggregateFunction::var_samp:
            case AggregateFunction::stddev_pop:
            case AggregateFunction::stddev_samp:
                parts.value = accumulator(kSum, Takes::value, input);
                parts.count = accumulator(kCount, Takes::not_null, input);
                // Nobody has one of the two alone, so they are neighbors.
                parts.squares = accumulator(aggregate_named("squares_low"), Takes::value, input);
                accumulator(aggregate_named("squares_high"), Takes::value, input);
                break;
            case AggregateFunction::percentile_disc:
                parts.value = accumulator(kMultiset, Takes::value, input);
                break;
        }
        return parts;
    }

    // The last time of a session: behind all others, also where one of them is the same.
    void add_last_time(const Expression& time) {
        Aggregate last;
        last.function = AggregateFunction::max;
        last.input = time;
        plan_.accumulators.push_back({aggregate_named("max"), Takes::value, input_of(last)});
    }

    // The one part of a flag's, of its own.
    Parts add_flag(const Aggregate& aggregate) {
        const std::uint32_t input = input_of(aggregate);
        const auto at = static_cast<std::uint32_t>(plan_.accumulators.size());
        if (aggregate.function == AggregateFunction::count_all) {
            plan_.accumulators.push_back({kCount, Takes::every, input});
        } else {
            plan_.accumulators.push_back({kSum, Takes::value, input});
        }
        return {.value = at};
    }

private:
    std::uint32_t input_of(const Aggregate& aggregate) {
        const bool strict = aggregate.input && aggregate.function != AggregateFunction::count;
        const auto at = std::ranges::find_if(plan_.inputs, [&](const Input& input) {
            return input.strict == strict && same(input.filter, aggregate.filter) &&
                   same(input.value, aggregate.input);
        });
        if (at != plan_.inputs.end()) {
            return static_cast<std::uint32_t>(at - plan_.inputs.begin());
        }
        plan_.inputs.push_back({aggregate.filter, aggregate.input, strict});
        return static_cast<std::uint32_t>(plan_.inputs.size() - 1);
    }

    // Whether an input is strict makes no difference to what is added: where it would, the strict
    // one has made the record a bad one.
    std::uint32_t accumulator(AggregateKind kind, Takes takes, std::uint32_t input) {
        const Input& wanted = plan_.inputs[input];
        const auto at = std::ranges::find_if(plan_.accumulators, [&](const Accumulator& one) {
            const Input& has = plan_.inputs[one.input];
            return one.kind == kind && one.takes == takes && same(has.filter, wanted.filter) &&
                   same(has.value, wanted.value);
        });
        if (at != plan_.accumulators.end()) {
            return static_cast<std::uint32_t>(at - plan_.accumulators.begin());
        }
        plan_.accumulators.push_back({kind, takes, input});
        return static_cast<std::uint32_t>(plan_.accumulators.size() - 1);
    }

    Plan& plan_;
};

}  // namespace

std::vector<AggregateKind> Plan::kinds() const {
    std::vector<AggregateKind> kinds;
    kinds.reserve(accumulators.size());
    for (const Accumulator& one : accumulators) {
        kinds.push_back(one.kind);
    }
    return kinds;
}

Plan plan_of(const Statement& statement) {
    Plan plan;
    Planner planner{plan};
    plan.aggregates.resize(statement.aggregates.size());
    if (spec_of(statement)) {
        for (std::size_t i = statement.group_by.size(); i < statement.columns.size(); ++i) {
            const std::uint32_t aggregate = statement.columns[i].value.index;
            plan.aggregates[aggregate] = planner.add_flag(statement.aggregates[aggregate]);
        }
        return plan;
    }
    for (std::size_t i = 0; i < statement.aggregates.size(); ++i) {
        plan.aggregates[i] = planner.add(statement.aggregates[i]);
    }
    if (statement.event_time && statement.event_time->has_sessions()) {
        planner.add_last_time(statement.event_time->time);
    }
    return plan;
}

}  // namespace kstream::job
