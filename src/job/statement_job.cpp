#include "kstream/job/statement_job.hpp"

#include "kstream/core/side_aggregates.hpp"
#include "kstream/job/flags.hpp"
#include "kstream/job/statement_text.hpp"
#include "kstream/model/bad_reason.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace kstream::job {
namespace {

constexpr std::size_t kMaxShownText = 200;  // a header of a dead letter, a word of a message

// Of groups, and of aggregates that are texts: both are as long at most.
std::size_t mentions_of_texts(const Expression& expression) {
    static_assert(kMaxTextBytes <= kMaxGroupValueBytes);
    const bool is_text = expression.op == Op::group ||
                         (expression.op == Op::aggregate && expression.type == ValueType::text);
    std::size_t found = is_text ? 1 : 0;
    for (const Expression& argument : expression.arguments) {
        found += mentions_of_texts(argument);
    }
    return found;
}

AggregationSpec spec_of_accumulators(const Statement& statement, const Plan& plan) {
    AggregationSpec spec;
    spec.source_topic = statement.source_topic;
    spec.scale = statement.scale;
    spec.max_distinct = statement.max_distinct;
    for (const GroupColumn& group : statement.group_by) {
        spec.group_by.push_back(group.name);
    }
    for (const Accumulator& accumulator : plan.accumulators) {
        spec.aggregates.push_back({accumulator.kind, {}, {}});
    }
    StatementShape shape{.text = canonical_text(statement), .columns = {}, .mentions = 0};
    shape.windows = statement.event_time && statement.event_time->window.kind != WindowKind::none;
    if (statement.event_time && statement.event_time->window.kind == WindowKind::hop &&
        statement.event_time->emit == Emit::updates) {
        const Window& window = statement.event_time->window;
        shape.results_per_key =
            static_cast<std::size_t>((window.size + window.slide - 1) / window.slide);
    }
    if (statement.event_time && statement.event_time->unique_by) {
        shape.within = statement.event_time->within;
    }
    for (const Column& column : statement.columns) {
        shape.columns.push_back(column.name);
        shape.mentions += mentions_of_texts(column.value);
    }
    spec.statement = std::move(shape);
    return spec;
}

}  // namespace

std::string_view StatementJob::text_at(Place place) const {
    std::string_view all = text;
    all = all.substr(std::min<std::size_t>(place.at, all.size()), place.size);
    if (all.size() > kMaxShownText) {
        std::size_t end = kMaxShownText;
        while (end > 0 && (static_cast<unsigned char>(all[end]) & 0xc0U) == 0x80U) {
            --end;  // within a character
        }
        all = all.substr(0, end);
    }
    return all;
}

StatementJob statement_job(Statement statement, std::string text) {
    StatementJob made{
        .text = std::move(text), .statement = std::move(statement), .plan = {}, .spec = {}};
    made.plan = plan_of(made.statement);
    const std::optional<AggregationSpec> flags = spec_of(made.statement);
    made.spec = flags ? *flags : spec_of_accumulators(made.statement, made.plan);
    return made;
}

}  // namespace kstream::job
