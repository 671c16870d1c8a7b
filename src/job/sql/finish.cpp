// What can be checked when all types are known: quotients, groups, what may fail.
#include "job/names.hpp"
#include "job/sql/binder.hpp"
#include "kstream/check.hpp"
#include "kstream/job/statement_text.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace kstream::job::sql {
namespace {

[[nodiscard]] bool has_field(const Draft& draft) {
    return draft.op == Op::field || std::ranges::any_of(draft.arguments, has_field);
}

[[nodiscard]] bool has_aggregate(const Draft& draft) {
    return draft.op == Op::aggregate || std::ranges::any_of(draft.arguments, has_aggregate);
}

[[nodiscard]] bool has_window_bound(const Draft& draft) {
    return is_window_bound(draft.op) || std::ranges::any_of(draft.arguments, has_window_bound);
}

[[nodiscard]] bool is_zero(const Expression& expression) {
    return expression.op == Op::literal && expression.literal.text == "0";
}

}  // namespace

std::expected<Statement, std::vector<Problem>> Binder::bind(const Node& statement) {
    if (statement.is("InsertStmt")) {
        bind_insert(statement);
    } else if (statement.is("SelectStmt")) {
        bind_select(statement);
    } else {
        const Place place = tokens_.size() > 0 ? Place{tokens_[0].at, tokens_[0].size} : Place{};
        note(place, "a job is a SELECT", "write SELECT ..., or INSERT INTO topic SELECT ...");
    }
    check_types();
    Statement made = finish_statement();
    if (problems_.empty()) {
        return made;
    }
    std::ranges::stable_sort(problems_, {}, [](const Problem& one) { return one.place.at; });
    const auto [first, last] =
        std::ranges::unique(problems_, [](const Problem& one, const Problem& other) {
            return one.place == other.place && one.message == other.message;
        });
    problems_.erase(first, last);
    return std::unexpected(std::move(problems_));
}

void Binder::check_types() {
    std::vector<Slot> told;
    for (const auto& [slot, place] : needs_) {
        if (types_.type(slot) || types_.is_broken(slot)) {
            continue;
        }
        const std::string text = source(place);
        const bool null = text.size() == 4 && folded(text) == "null";
        const bool double_quotes = text.find('"') != std::string::npos;
        note(place, "the type of " + text + " is not known",
             double_quotes ? "put texts in single quotes: a name in double quotes is a field"
             : null        ? "write NULL::numeric, NULL::text, NULL::boolean or NULL::timestamptz"
                           : "add a cast: x::numeric or x::text");
        static_cast<void>(types_.require(slot, ValueType::text, place));
    }
    for (const DraftField& one : fields_) {
        const std::optional<ValueType> type = types_.type(one.slot);
        if (one.field.origin == FieldOrigin::value &&
            (type == ValueType::timestamp || type == ValueType::local)) {
            const std::string text = source(one.field.place);
            note(types_.why(one.slot).size > 0 ? types_.why(one.slot) : one.field.place,
                 text + " is used as a timestamp, and JSON has no timestamps",
                 "write " + text + "::timestamptz for a text, to_timestamp(" + text +
                     ") for seconds");
        }
    }
    check_inputs();
    check_event_time();
    for (const DraftGroup& group : groups_) {
        if (types_.is_broken(group.value.slot)) {
            continue;
        }
        if (types_.type(group.value.slot) == ValueType::local) {
            note(group.value.place, "a local timestamp cannot be a group",
                 "write date_trunc('hour', x, 'America/Sao_Paulo'), which is a timestamp");
        }
        if (has_aggregate(group.value)) {
            note(group.value.place, "an aggregate cannot be a group",
                 "group by fields of the record");
        } else if (has_window_bound(group.value)) {
            note(group.value.place, "GROUP BY takes window_start as it is",
                 "write GROUP BY window_start, and the expression in SELECT");
        } else if (!has_field(group.value)) {
            note(group.value.place, "GROUP BY takes no constants", "remove it");
        }
    }
    for (const DraftColumn& column : columns_) {
        if (types_.type(column.value.slot) == ValueType::local) {
            note(column.value.place, "a local timestamp cannot be a result",
                 "write date_trunc('hour', x, 'America/Sao_Paulo'), which is a timestamp");
        }
    }
    check_column_names();
}

void Binder::check_inputs() {
    for (const DraftAggregate& aggregate : aggregates_) {
        const AggregateFunctionRow& row = row_of(aggregate.function);
        if (row.rounded && !aggregate.scale) {
            note(aggregate.place, std::string{row.name} + " can have infinitely many digits",
                 "write round(" + source(aggregate.place) + ", 2)");
        }
        const std::optional<ValueType> type =
            aggregate.input ? types_.type(aggregate.input->slot) : std::nullopt;
        if (!type) {
            continue;
        }
        const bool takes = (row.any && *type != ValueType::local) ||
                           (row.numeric && *type == ValueType::numeric) ||
                           (row.text && *type == ValueType::text) ||
                           (row.timestamp && *type == ValueType::timestamp) ||
                           (row.boolean && *type == ValueType::boolean);
        if (!takes) {
            note(aggregate.input->place,
                 std::string{row.name} + " takes " + std::string{row.takes} + ", and " +
                     source(aggregate.input->place) + " is " + std::string{in_words(*type)},
                 type == ValueType::boolean ? "write bool_and(x) or bool_or(x)" : "");
        }
    }
}

bool Binder::is_constant(const Draft& draft) const {
    return draft.op != Op::field && !types_.is_broken(draft.slot) &&
           std::ranges::all_of(draft.arguments,
                               [this](const Draft& one) { return is_constant(one); });
}

// What FROM, GROUP BY, HAVING and the aggregates have to agree about.
void Binder::check_event_time() {
    if (!event_time_) {
        return;
    }
    const DraftEventTime& made = *event_time_;
    for (const auto& [draft, name] :
         {std::pair{&made.time, "the time"}, std::pair{&made.unique_by, "unique_by"}}) {
        if (*draft && is_constant(**draft)) {
            note((*draft)->place, std::string{name} + " is a constant",
                 "name a field of the record");
        }
    }
    if (made.unique_by) {
        const std::optional<ValueType> type = types_.type(made.unique_by->slot);
        if (type && *type != ValueType::text && *type != ValueType::numeric) {
            note(made.unique_by->place, "unique_by takes a text or a number, and " +
                                            source(made.unique_by->place) + " is " +
                                            std::string{in_words(*type)});
        }
    }
    const WindowKind kind = made.rest.window.kind;
    if (made.has_windows() && !made.grouped) {
        static constexpr auto kWords = std::to_array<std::string_view>({"group", "by"});
        const Place place = keyword_place(kWords);
        note(place.size == 0 ? made.place : place, "GROUP BY does not name the window",
             groups_.empty() ? "write GROUP BY window_start" : "add window_start to GROUP BY");
    }
    if (having_ && kind == WindowKind::hop && made.rest.emit == Emit::updates) {
        note(having_->place, "HAVING needs emit => 'final' with hop",
             "write hop(..., emit => 'final', idle => INTERVAL '1 minute')");
    }
}

void Binder::check_column_names() {
    std::map<std::string, Place> seen;
    for (const DraftColumn& column : columns_) {
        if (column.name.empty()) {
            continue;
        }
        const auto [first, added] = seen.emplace(column.name, column.name_place);
        if (!added) {
            note(
                column.name_place,
                "column " + column.name + " appears twice (first: " + position(first->second) + ")",
                "give one of them another name: x AS name");
        }
    }
}

// ---- drafts to expressions ----------------------------------------------------------------------

Expression Binder::finish(const Draft& draft) {
    Expression made;
    made.op = draft.op;
    made.type = types_.type(draft.slot).value_or(ValueType::scalar);
    made.place = draft.place;
    made.index = draft.index;
    made.literal = draft.literal;
    made.precision = draft.precision;
    made.scale = draft.scale;
    if (draft.op == Op::aggregate && draft.index < aggregate_index_.size()) {
        made.index = aggregate_index_[draft.index];
    }
    made.arguments.reserve(draft.arguments.size());
    for (const Draft& argument : draft.arguments) {
        made.arguments.push_back(finish(argument));
    }
    if (made.op == Op::to_numeric || made.op == Op::to_text) {
        const ValueType from = made.arguments.front().type;
        // Its type became known after the cast was read.
        if (from == made.type && !made.precision) {
            Expression argument = std::move(made.arguments.front());
            return argument;
        }
        const bool fine =
            from == ValueType::numeric || from == ValueType::scalar ||
            (made.op == Op::to_numeric ? from == ValueType::text : from == ValueType::boolean);
        if (!fine && !types_.is_broken(draft.arguments.front().slot)) {
            note(made.place, std::string{in_words(from)} + " has no cast to " +
                                 (made.op == Op::to_numeric ? "numeric" : "text"));
        }
    }
    return made;
}

Statement Binder::finish_statement() {
    Statement made;
    made.source_topic = source_topic_;
    made.output_topic = output_topic_;
    made.scale = options_.scale;
    made.max_distinct = options_.max_distinct;
    for (DraftField& one : fields_) {
        one.field.type = types_.type(one.slot).value_or(ValueType::scalar);
        made.fields.push_back(one.field);
    }
    made.event_time = finish_event_time();
    if (where_) {
        made.where = finish(*where_);
        check_quotients(*made.where, false);
    }
    for (const DraftGroup& group : groups_) {
        Expression value = finish(group.value);
        check_quotients(value, false);
        for (const GroupColumn& other : made.group_by) {
            if (same(other.value, value) && !types_.is_broken(group.value.slot)) {
                note(group.value.place, source(group.value.place) + " appears twice in GROUP BY",
                     "remove one of them");
            }
        }
        made.group_by.push_back({std::move(value), group.name});
    }
    finish_aggregates(made);
    for (const DraftColumn& column : columns_) {
        made.columns.push_back(
            {column.name, after_aggregation(column.value, made, Clause::select)});
    }
    if (having_) {
        made.having = after_aggregation(*having_, made, Clause::having);
    }
    for (std::size_t i = 0; i < made.group_by.size(); ++i) {
        GroupColumn& group = made.group_by[i];
        if (!group.name.empty()) {
            continue;
        }
        const auto column = std::ranges::find_if(made.columns, [&](const Column& one) {
            return one.value.op == Op::group && one.value.index == i;
        });
        if (column != made.columns.end()) {
            group.name = column->name;
        } else if (group.value.op == Op::field) {
            group.name = made.fields[group.value.index].spelling;
        } else {
            group.name = source(group.value.place);
        }
    }
    if (made.group_by.empty() && made.aggregates.empty() && problems_.empty() &&
        !(event_time_ && event_time_->grouped)) {
        static constexpr std::string_view kSelect = "select";
        note(keyword_place(std::span{&kSelect, 1}), "neither an aggregate nor GROUP BY",
             "add GROUP BY, or an aggregate such as count(*)");
    }
    return made;
}

std::optional<EventTime> Binder::finish_event_time() {
    if (!event_time_ || !event_time_->time) {
        return std::nullopt;
    }
    EventTime made = event_time_->rest;
    made.time = finish(*event_time_->time);
    check_quotients(made.time, false);
    if (event_time_->unique_by) {
        made.unique_by = finish(*event_time_->unique_by);
        check_quotients(*made.unique_by, false);
    }
    return made;
}

void Binder::finish_aggregates(Statement& statement) {
    aggregate_index_.clear();
    for (const DraftAggregate& draft : aggregates_) {
        Aggregate made;
        made.function = draft.function;
        made.percentile = draft.percentile;
        made.place = draft.place;
        made.type = types_.type(draft.slot).value_or(ValueType::scalar);
        if (draft.input) {
            made.input = finish(*draft.input);
            check_quotients(*made.input, false);
        }
        if (draft.filter) {
            made.filter = finish(*draft.filter);
            check_quotients(*made.filter, false);
        }
        if (draft.function == AggregateFunction::avg || row_of(draft.function).rounded) {
            made.scale = draft.scale.value_or(options_.scale);
        }
        const auto found = std::ranges::find_if(
            statement.aggregates, [&](const Aggregate& other) { return same(other, made); });
        aggregate_index_.push_back(
            static_cast<std::uint32_t>(found - statement.aggregates.begin()));
        if (found != statement.aggregates.end()) {
            continue;
        }
        if (statement.aggregates.size() == kMaxAggregates) {
            note(draft.place,
                 "more than " + std::to_string(kMaxAggregates) + " different aggregates");
            aggregate_index_.resize(aggregates_.size(), 0);
            return;
        }
        statement.aggregates.push_back(std::move(made));
    }
}

// ---- quotients ----------------------------------------------------------------------------------

// By 10, 100, 1000 it is a product, and exact: what turns milliseconds into seconds.
std::string Binder::without_quotient(const Expression& quotient) const {
    const Expression& dividend = quotient.arguments[0];
    const Expression& divisor = quotient.arguments[1];
    const std::string& digits = divisor.literal.text;
    const bool by_power_of_ten = divisor.op == Op::literal && digits.starts_with('1') &&
                                 digits.find_first_not_of('0', 1) == std::string::npos &&
                                 digits.size() > 1;
    if (!by_power_of_ten || dividend.op == Op::divide) {
        return "round(" + source(quotient.place) + ", 2)";
    }
    const bool binds_less = dividend.op == Op::add || dividend.op == Op::subtract;
    const std::string factor = "0." + std::string(digits.size() - 2, '0') + "1";
    return binds_less ? "(" + source(dividend.place) + ") * " + factor
                      : source(dividend.place) + " * " + factor;
}

// `rounded`: what is above rounds the value, and hands an exact one on.
void Binder::check_quotients(const Expression& expression, bool rounded) {
    const auto each = [this](const Expression& one, bool inside) {
        for (const Expression& argument : one.arguments) {
            check_quotients(argument, inside);
        }
    };
    switch (expression.op) {
        case Op::divide:
            if (!rounded) {
                note(expression.place, "a quotient can have infinitely many digits",
                     "write " + without_quotient(expression));
            }
            return each(expression, true);
        case Op::round:
        case Op::truncate:
        case Op::floor:
        case Op::ceil:
            return each(expression, true);
        case Op::add:
        case Op::subtract:
        case Op::multiply:
        case Op::negate:
        case Op::absolute:
        case Op::coalesce:
            return each(expression, rounded);
        case Op::case_when:
            for (std::size_t i = 0; i < expression.arguments.size(); ++i) {
                const bool condition = i % 2 == 0 && i + 1 < expression.arguments.size();
                check_quotients(expression.arguments[i], rounded && !condition);
            }
            return;
        default:
            return each(expression, false);
    }
}

// ---- after aggregation --------------------------------------------------------------------------

Expression Binder::after_aggregation(const Draft& draft, const Statement& statement,
                                     Clause clause) {
    Expression value = finish(draft);
    check_quotients(value, false);
    value = regroup(std::move(value), statement, clause);
    refuse_failing(value);
    return value;
}

Expression Binder::regroup(Expression expression, const Statement& statement, Clause clause) {
    for (std::size_t i = 0; i < statement.group_by.size(); ++i) {
        if (same(statement.group_by[i].value, expression)) {
            Expression group;
            group.op = Op::group;
            group.type = expression.type;
            group.place = expression.place;
            group.index = static_cast<std::uint32_t>(i);
            return group;
        }
    }
    if (expression.op == Op::field) {
        refuse_field(expression, statement, clause);
        expression.op = Op::null;
    }
    for (Expression& argument : expression.arguments) {
        argument = regroup(std::move(argument), statement, clause);
    }
    return expression;
}

void Binder::refuse_field(const Expression& expression, const Statement& statement, Clause clause) {
    const std::string name = source(expression.place);
    const auto alias = std::ranges::find_if(
        columns_, [&](const DraftColumn& one) { return one.alias && one.name == folded(name); });
    if (clause == Clause::having && alias != columns_.end()) {
        note(expression.place, "HAVING cannot refer to output columns: " + name,
             "write " + source(alias->value.place));
        return;
    }
    note(expression.place, name + " is neither grouped nor aggregated",
         statement.group_by.empty() ? "write GROUP BY " + name + ", or max(" + name + ")"
                                    : "add " + name + " to GROUP BY, or write max(" + name + ")");
}

// What comes after the aggregation has no record that could be set aside for it.
void Binder::refuse_failing(const Expression& expression) {
    switch (expression.op) {
        case Op::to_numeric:
        case Op::parse_timestamp:
        case Op::to_timestamp:
            note(expression.place, source(expression.place) + " may fail after the aggregation",
                 "write it inside the aggregate, or in GROUP BY");
            break;
        case Op::divide:
        case Op::modulo: {
            const Expression& by = expression.arguments.back();
            const bool literal = by.op == Op::literal && !is_zero(by);
            const bool guarded = by.op == Op::nullif && is_zero(by.arguments.back());
            bool counted = false;
            if (by.op == Op::aggregate && by.index < aggregates_.size()) {
                const auto draft = std::ranges::find(aggregate_index_, by.index);
                const DraftAggregate& aggregate =
                    aggregates_[static_cast<std::size_t>(draft - aggregate_index_.begin())];
                counted = aggregate.function == AggregateFunction::count_all && !aggregate.filter;
            }
            if (!literal && !guarded && !counted) {
                note(by.place, source(by.place) + " may be zero",
                     "write nullif(" + source(by.place) + ", 0): the quotient is then NULL");
            }
            break;
        }
        default:
            break;
    }
    for (const Expression& argument : expression.arguments) {
        refuse_failing(argument);
    }
}

}  // namespace kstream::job::sql
