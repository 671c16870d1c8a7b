// Calls of functions and aggregates, and casts.
#include "job/names.hpp"
#include "job/sql/binder.hpp"
#include "job/sql/constants.hpp"
#include "job/times.hpp"
#include "kstream/model/decimal.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <span>
#include <utility>

namespace kstream::job::sql {
namespace {

using std::string_view;

constexpr std::int32_t kMaxPrecision = 1000;  // PostgreSQL's of numeric(precision, scale)

struct Instead {
    string_view name;
    string_view hint;
};
// What people write, and what to write instead.
constexpr auto kInstead = std::to_array<Instead>({
    {"ceiling", "write ceil(x)"},
    {"char_length", "write length(x)"},
    {"character_length", "write length(x)"},
    {"concat", "write x || y"},
    {"count_if", "write count(*) FILTER (WHERE x)"},
    {"date", "write date_trunc('day', x, 'UTC')"},
    {"date_part", "write extract(hour FROM x AT TIME ZONE 'UTC')"},
    {"every", "write bool_and(x)"},
    {"format", "write x || y"},
    {"if", "write CASE WHEN x THEN y ELSE z END"},
    {"ifnull", "write coalesce(x, y)"},
    {"iif", "write CASE WHEN x THEN y ELSE z END"},
    {"isnull", "write x IS NULL"},
    {"json_extract", "write a path: a.b.c"},
    {"json_value", "write a path: a.b.c"},
    {"jsonb_extract_path_text", "write a path: a.b.c, or a->'b'->>'c'"},
    {"len", "write length(x)"},
    {"mean", "write avg(x)"},
    {"mod", "write x % y"},
    {"nvl", "write coalesce(x, y)"},
    {"percentile_cont",
     "write percentile_disc(0.5) WITHIN GROUP (ORDER BY x), which returns one of the values"},
    {"pow", "write x * x"},
    {"power", "write x * x"},
    {"std", "write round(stddev_pop(x), 2)"},
    {"stddev", "write round(stddev_samp(x), 2)"},
    {"str", "write x::text"},
    {"substr", "write substring(x, from, count)"},
    {"to_char", "write x::text for a number"},
    {"to_number", "write x::numeric"},
    {"variance", "write round(var_samp(x), 2)"},
});
constexpr auto kClock = std::to_array<string_view>(
    {"clock_timestamp", "now", "statement_timestamp", "timeofday", "transaction_timestamp"});
constexpr auto kEventTime = std::to_array<string_view>({"events", "hop", "session", "tumble"});
// By name, so that nobody looks for a mistake of theirs.
constexpr auto kNotYet =
    std::to_array<string_view>({"approx_count_distinct", "approx_percentile", "array_agg", "first",
                                "json_agg", "jsonb_agg", "last", "mode", "string_agg", "top_n"});

[[nodiscard]] bool is_one_of(std::span<const string_view> names, string_view name) {
    return std::ranges::find(names, name) != names.end();
}

// At most two letters wrong, swapped or missing.
[[nodiscard]] bool is_nearly(string_view one, string_view other) {
    std::vector<std::size_t> before(other.size() + 1);
    std::vector<std::size_t> row(other.size() + 1);
    for (std::size_t i = 0; i < before.size(); ++i) {
        before[i] = i;
    }
    for (std::size_t i = 0; i < one.size(); ++i) {
        row[0] = i + 1;
        for (std::size_t k = 0; k < other.size(); ++k) {
            row[k + 1] = std::min(
                {before[k + 1] + 1, row[k] + 1, before[k] + (one[i] == other[k] ? 0U : 1U)});
        }
        std::swap(before, row);
    }
    return before.back() <= (other.size() > 4 ? 2U : 1U);
}

[[nodiscard]] std::string nearest_function(string_view name) {
    if (name.size() > 32) {
        return {};
    }
    for (const FunctionRow& row : kFunctions) {
        if (row.form == Form::function && is_nearly(name, row.name)) {
            return std::string{row.name};
        }
    }
    for (const AggregateFunctionRow& row : kAggregateFunctions) {
        if (is_nearly(name, row.name)) {
            return std::string{row.name};
        }
    }
    for (const string_view other : {"coalesce", "nullif", "greatest", "least", "kafka_header"}) {
        if (is_nearly(name, other)) {
            return std::string{other};
        }
    }
    return {};
}

[[nodiscard]] std::string listed(std::span<const string_view> words) {
    std::string list;
    for (const string_view word : words) {
        list += (list.empty() ? "" : ", ") + std::string{word};
    }
    return list;
}

[[nodiscard]] std::string count_in_words(const FunctionRow& row) {
    const std::string last = std::to_string(row.arguments);
    return (row.required == row.arguments ? last : std::to_string(row.required) + " or " + last) +
           (row.arguments == 1 ? " argument" : " arguments");
}

}  // namespace

Draft Binder::bind_call(const Node& node) {
    const std::vector<string_view> names = node.names("funcname");
    const Place place = call_place(node.location());
    if (names.empty() || names.size() > 2 || (names.size() == 2 && names.front() != "pg_catalog")) {
        return refuse(place, "functions have no schema", "write only the name of the function");
    }
    const string_view name = names.back();
    const bool syntax = names.size() == 2;
    if (syntax && name == "timezone" && node.nodes("args").size() == 2) {  // x AT TIME ZONE 'zone'
        return bind_function(*find_function(Op::at_zone), node);
    }
    for (const FunctionRow& row : kFunctions) {
        const bool called = row.form == Form::function && row.name == name;
        if (called || (row.op == Op::extract && syntax && name == "extract")) {
            return refuse_decorations(name, node, false) ? broken(place) : bind_function(row, node);
        }
    }
    if (std::ranges::find(kAggregateFunctions, name, &AggregateFunctionRow::name) !=
        kAggregateFunctions.end()) {
        return bind_aggregate(name, node);
    }
    if (name == "kafka_header") {
        const std::vector<Node> arguments = node.nodes("args");
        Draft header = arguments.size() == 1 ? bind_expression(arguments[0]) : broken(place);
        if (arguments.size() != 1 || header.op != Op::literal ||
            types_.type(header.slot) != ValueType::text) {
            return refuse(place, "kafka_header takes the name of a header in quotes",
                          "write kafka_header('name')");
        }
        Field made;
        made.origin = FieldOrigin::header;
        made.header = header.literal.text;
        made.type = ValueType::text;
        made.spelling = "kafka_header(" + as_string(made.header) + ")";
        made.place = place;
        return field(std::move(made));
    }
    return refuse_call(name, node);
}

Draft Binder::refuse_call(string_view name, const Node& node) {
    const Place place = token_place(node.location());
    if (node.has("over")) {
        return refuse(place, "OVER is not supported", "a job has groups, not window frames");
    }
    if (is_one_of(kEventTime, name)) {
        return refuse(place, std::string{name} + " is written in FROM",
                      "write FROM " + std::string{name} + "(topic, time, ...)");
    }
    if (is_one_of(kClock, name)) {
        return refuse(place, source(place) + "() differs at every replay",
                      "use kafka_timestamp, or a time in the record");
    }
    if (is_one_of(kNotYet, name)) {
        return refuse(place, std::string{name} + " is not supported yet");
    }
    const auto instead = std::ranges::find(kInstead, name, &Instead::name);
    if (instead != kInstead.end()) {
        return refuse(place, "function " + std::string{name} + " does not exist",
                      std::string{instead->hint});
    }
    const std::string nearest = nearest_function(name);
    return refuse(
        place, "function " + std::string{name} + " does not exist",
        nearest.empty() ? "docs/SQL.md lists all of them" : "did you mean " + nearest + "?");
}

// What may stand around the arguments of a call, and never means anything to us.
bool Binder::refuse_decorations(string_view name, const Node& node, bool aggregate) {
    const Place place = call_place(node.location());
    const std::size_t before = problems_.size();
    if (node.has("over")) {
        note(place, "OVER is not supported", "a job has groups, not window frames");
    }
    if (node.flag("func_variadic")) {
        note(place, "VARIADIC is not supported", "write the arguments one by one");
    }
    const bool within = node.flag("agg_within_group");
    if (node.has("agg_order") && !(aggregate && within)) {
        note(place, "ORDER BY in " + std::string{name} + "() has no effect", "remove it");
    }
    if (within && name != "percentile_disc") {
        note(place, std::string{name} + " has no WITHIN GROUP");
    }
    if (aggregate) {
        return problems_.size() > before;
    }
    if (node.flag("agg_star")) {
        note(place, std::string{name} + "(*) is not supported", "only count(*) counts records");
    }
    if (node.flag("agg_distinct")) {
        note(place, "DISTINCT is for aggregates, and " + std::string{name} + " is not one");
    }
    if (node.has("agg_filter")) {
        note(place, "FILTER is for aggregates, and " + std::string{name} + " is not one");
    }
    return problems_.size() > before;
}

// ---- functions ----------------------------------------------------------------------------------

Draft Binder::bind_function(const FunctionRow& row, const Node& node) {
    std::vector<Node> nodes = node.nodes("args");
    Place place = call_place(node.location());
    const std::string name{row.name};
    if (nodes.size() < row.required || nodes.size() > row.arguments) {
        static_cast<void>(bind_all(nodes));
        return refuse(
            place, name + " takes " + count_in_words(row) + ", not " + std::to_string(nodes.size()),
            row.op == Op::date_trunc ? "write date_trunc('day', x, 'America/Sao_Paulo')"
            : row.op == Op::date_bin
                ? "write date_bin('15 minutes', x, TIMESTAMPTZ '2000-01-01T00:00:00Z')"
                : "");
    }
    if (row.op == Op::at_zone) {
        std::swap(nodes[0], nodes[1]);
    }
    std::vector<Draft> arguments;
    bool fine = true;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        Parameter takes = row.takes[i];
        if (row.op == Op::extract && i == 1 && !types_.is_broken(arguments[0].slot) &&
            arguments[0].literal.text == "epoch") {
            takes = Parameter::timestamp;
        }
        arguments.push_back(bind_argument(row, takes, nodes[i]));
        fine = fine && !types_.is_broken(arguments.back().slot);
    }
    if (row.op == Op::at_zone) {
        const Place from = with_brackets(arguments[0].place);
        const Place to = arguments[1].place;
        place = {from.at, std::max(to.at + to.size, from.at + from.size) - from.at};
    }
    if (!fine) {
        return broken(place);
    }
    if (row.op == Op::round || row.op == Op::truncate) {
        if (arguments.size() == 1) {
            Draft digits = make(Op::literal, place, types_.known(ValueType::numeric, place));
            digits.literal.text = "0";
            arguments.push_back(std::move(digits));
        }
        return rounded(std::move(arguments[0]), std::move(arguments[1]), row.op, place);
    }
    return make(row.op, place, types_.known(row.gives, place), std::move(arguments));
}

// round(avg(x), 2) is one rounding, not two.
Draft Binder::rounded(Draft number, Draft digits, Op op, Place place) {
    if (op == Op::round && number.op == Op::aggregate) {
        DraftAggregate& aggregate = aggregates_[number.index];
        if (!aggregate.scale &&
            (row_of(aggregate.function).rounded || aggregate.function == AggregateFunction::avg)) {
            aggregate.scale = to_int32(digits.literal.text);
            number.place = place;
            return number;
        }
    }
    std::vector<Draft> both;
    both.push_back(std::move(number));
    both.push_back(std::move(digits));
    return make(op, place, types_.known(ValueType::numeric, place), std::move(both));
}

Draft Binder::bind_argument(const FunctionRow& row, Parameter takes, const Node& node) {
    if (takes == Parameter::interval && node.is("TypeCast") &&
        node.bare("typeName").names("names").back() == "interval" &&
        !node.bare("typeName").has("typmods")) {
        return literal_argument(row, takes, bind_expression(node.node("arg")));
    }
    Draft draft = bind_expression(node);
    if (takes >= Parameter::digits) {
        return types_.is_broken(draft.slot) ? std::move(draft)
                                            : literal_argument(row, takes, std::move(draft));
    }
    const ValueType type = takes == Parameter::numeric     ? ValueType::numeric
                           : takes == Parameter::text      ? ValueType::text
                           : takes == Parameter::timestamp ? ValueType::timestamp
                                                           : ValueType::local;
    return require(draft, type, row.name) ? std::move(draft) : broken(draft.place);
}

Draft Binder::literal_argument(const FunctionRow& row, Parameter takes, Draft draft) {
    const std::string name{row.name};
    const bool literal = draft.op == Op::literal;
    const bool text = literal && types_.type(draft.slot) == ValueType::text;
    const bool number = literal && types_.type(draft.slot) == ValueType::numeric;
    const std::optional<std::int32_t> integer =
        number ? to_int32(draft.literal.text) : std::nullopt;
    switch (takes) {
        case Parameter::digits:
            if (!integer || *integer < 0 || *integer > kMaxScale) {
                return refuse(draft.place, name + " takes 0 to " + std::to_string(kMaxScale) +
                                               " digits, as a number");
            }
            return draft;
        case Parameter::position:
        case Parameter::count:
        case Parameter::part:
            // The least of all has no negative: PostgreSQL's right() takes it for 0.
            if (!integer || *integer == std::numeric_limits<std::int32_t>::min() ||
                (takes == Parameter::count && *integer < 0) ||
                (takes == Parameter::part && *integer == 0)) {
                return refuse(draft.place,
                              name + " takes " +
                                  (takes == Parameter::position ? "an integer"
                                   : takes == Parameter::count  ? "an integer from 0 on"
                                                                : "an integer other than 0") +
                                  " here, as a constant");
            }
            return draft;
        case Parameter::delimiter:
            return text ? std::move(draft)
                        : refuse(draft.place, name + " takes a delimiter in quotes");
        case Parameter::unit:
        case Parameter::extract_unit: {
            const std::span<const string_view> units =
                takes == Parameter::unit ? std::span<const string_view>{kUnits}
                                         : std::span<const string_view>{kExtractUnits};
            draft.literal.text = folded(draft.literal.text);
            if (!text || !is_one_of(units, draft.literal.text)) {
                return refuse(draft.place, name + " does not know " + source(draft.place),
                              "it knows " + listed(units));
            }
            return draft;
        }
        case Parameter::zone:
            if (!text || !is_zone_name(draft.literal.text)) {
                return refuse(draft.place, "a time zone is a name in quotes",
                              "write 'UTC' or a name such as 'America/Sao_Paulo'");
            }
            return draft;
        case Parameter::interval: {
            const std::optional<std::int64_t> length =
                text ? parse_interval(draft.literal.text) : std::nullopt;
            if (!length || *length == 0) {
                return refuse(draft.place, name + " takes an interval of days or less, above 0",
                              "write '15 minutes', '1 hour' or '1 day'");
            }
            draft.literal.milliseconds = *length;
            draft.literal.text = interval_text(*length);
            return draft;
        }
        default:
            break;
    }
    // Parameter::origin
    if (text) {
        const Place place = draft.place;
        draft = cast_timestamp(std::move(draft), place);
    }
    if (draft.op == Op::literal && types_.type(draft.slot) == ValueType::timestamp) {
        return draft;
    }
    return types_.is_broken(draft.slot)
               ? std::move(draft)
               : refuse(draft.place, name + " takes a timestamp in quotes here",
                        "write TIMESTAMPTZ '2000-01-01T00:00:00Z'");
}

// ---- aggregates ---------------------------------------------------------------------------------

Draft Binder::bind_aggregate(string_view name, const Node& node) {
    const Place place = call_place(node.location());
    if (clause_ == Clause::where || clause_ == Clause::group || clause_ == Clause::from) {
        const bool where = clause_ == Clause::where;
        return refuse(place,
                      std::string{clause_name()} + " cannot use the aggregate " + std::string{name},
                      where                     ? "move the condition to HAVING"
                      : clause_ == Clause::from ? "the time is a value of one record"
                                                : "group by fields of the record");
    }
    if (in_aggregate_) {
        return refuse(place, std::string{name} + " inside another aggregate",
                      "aggregates cannot be nested: the argument is a value of one record");
    }
    if (refuse_decorations(name, node, true)) {
        return broken(place);
    }
    in_aggregate_ = true;
    DraftAggregate aggregate;
    aggregate.place = place;
    const auto row = std::ranges::find(kAggregateFunctions, name, &AggregateFunctionRow::name);
    aggregate.function = row->function;
    if (name == "count" && !node.flag("agg_star")) {
        aggregate.function = node.flag("agg_distinct") ? AggregateFunction::count_distinct
                                                       : AggregateFunction::count;
    }
    Draft draft = bind_aggregate_input(std::move(aggregate), node);
    in_aggregate_ = false;
    return draft;
}

void Binder::bind_percentile(DraftAggregate& aggregate, const Node& node) {
    const std::vector<Node> arguments = node.nodes("args");
    const std::vector<Node> order = node.nodes("agg_order");
    if (order.size() != 1 || arguments.size() != 1 || !node.flag("agg_within_group") ||
        order[0].text("sortby_dir") == "SORTBY_DESC" ||
        order[0].text("sortby_dir") == "SORTBY_USING") {
        note(aggregate.place, "percentile_disc is written in another way",
             "write percentile_disc(0.5) WITHIN GROUP (ORDER BY x)");
        return;
    }
    const Draft p = bind_expression(arguments[0]);
    const bool number = p.op == Op::literal && types_.type(p.slot) == ValueType::numeric;
    const bool within = number && !p.literal.text.starts_with('-') &&
                        (p.literal.text.starts_with("0") || p.literal.text == "1");
    if (!within && !types_.is_broken(p.slot)) {
        note(p.place, "percentile_disc takes a number from 0 to 1",
             "write 0.99 for the 99th percentile");
    }
    aggregate.percentile = p.literal.text;
    aggregate.input = bind_expression(order[0].node("node"));
}

Draft Binder::bind_aggregate_input(DraftAggregate aggregate, const Node& node) {
    const AggregateFunctionRow& row = row_of(aggregate.function);
    const std::string name{row.name};
    const Place place = aggregate.place;
    std::vector<Node> arguments = node.nodes("args");
    const std::size_t problems = problems_.size();
    if (node.flag("agg_distinct") && aggregate.function != AggregateFunction::count_distinct) {
        note(place, name + "(DISTINCT) is not supported",
             name == "min" || name == "max" ? "remove DISTINCT: it has no effect"
                                            : "count(DISTINCT x) counts distinct values");
    } else if (node.flag("agg_star") && aggregate.function != AggregateFunction::count_all) {
        note(place, name + "(*) is not supported", "only count(*) counts records");
    } else if (aggregate.function == AggregateFunction::count_all) {
        // Nothing to look at.
    } else if (aggregate.function == AggregateFunction::percentile_disc) {
        bind_percentile(aggregate, node);
    } else if (arguments.size() != 1) {
        note(place, name + " takes 1 argument, not " + std::to_string(arguments.size()),
             aggregate.function == AggregateFunction::count_distinct
                 ? "concatenate texts: count(DISTINCT x || ' ' || y)"
                 : "");
        static_cast<void>(bind_all(arguments));
    } else {
        aggregate.input = bind_expression(arguments[0]);
        if (aggregate.function == AggregateFunction::count && !node.flag("agg_distinct") &&
            aggregate.input->op == Op::literal) {
            aggregate.function = AggregateFunction::count_all;  // count(1)
            aggregate.input.reset();
        }
    }
    if (node.has("agg_filter")) {
        aggregate.filter = condition(node.node("agg_filter"), "FILTER");
    }
    bool fine = problems_.size() == problems;
    if (aggregate.input && !row.any && !types_.is_broken(aggregate.input->slot)) {
        if (row.numeric && !row.text && !row.timestamp) {
            fine = require(*aggregate.input, ValueType::numeric, name) && fine;
        } else if (row.boolean) {
            fine = require(*aggregate.input, ValueType::boolean, name) && fine;
        } else {
            need_type(aggregate.input->slot, aggregate.input->place);
        }
    }
    if (!fine) {
        return broken(place);
    }
    aggregate.slot = row.gives_input ? aggregate.input->slot : types_.known(row.gives, place);
    Draft draft = make(Op::aggregate, place, aggregate.slot);
    draft.index = static_cast<std::uint32_t>(aggregates_.size());
    aggregates_.push_back(std::move(aggregate));
    return draft;
}

// Of what PostgreSQL has an integer type: a quotient of two such is cut there.
bool Binder::is_integer(const Draft& draft) const {
    if (draft.is_numeric) {
        return false;
    }
    const auto all = [this](std::span<const Draft> drafts) {
        return std::ranges::all_of(drafts, [this](const Draft& one) { return is_integer(one); });
    };
    switch (draft.op) {
        case Op::literal:
            return draft.literal.text.find('.') == std::string::npos;
        case Op::field:
            return fields_[draft.index].field.origin == FieldOrigin::partition ||
                   fields_[draft.index].field.origin == FieldOrigin::offset;
        case Op::length:
            return true;
        case Op::add:
        case Op::subtract:
        case Op::multiply:
        case Op::modulo:
        case Op::negate:
        case Op::absolute:
        case Op::coalesce:
        case Op::greatest:
        case Op::least:
        case Op::divide:
            return all(draft.arguments);
        case Op::nullif:
            return is_integer(draft.arguments.front());
        case Op::case_when:
            for (std::size_t i = 1; i < draft.arguments.size(); i += 2) {
                if (!is_integer(draft.arguments[i])) {
                    return false;
                }
            }
            return draft.arguments.size() % 2 == 0 || is_integer(draft.arguments.back());
        case Op::aggregate: {
            const DraftAggregate& aggregate = aggregates_[draft.index];
            switch (aggregate.function) {
                case AggregateFunction::count_all:
                case AggregateFunction::count:
                case AggregateFunction::count_distinct:
                    return true;
                case AggregateFunction::sum:
                case AggregateFunction::min:
                case AggregateFunction::max:
                case AggregateFunction::percentile_disc:
                    return is_integer(*aggregate.input);
                default:
                    return false;
            }
        }
        default:
            return false;
    }
}

// ---- casts --------------------------------------------------------------------------------------

Draft Binder::bind_cast(const Node& node) {
    const Node type = node.bare("typeName");
    const std::vector<string_view> names = type.names("names");
    const string_view name = names.empty() ? string_view{} : names.back();
    const Place type_place = token_place(type.location());
    Draft draft = bind_expression(node.node("arg"));
    const Place from = with_brackets(draft.place);
    Place place = type_place;
    if (!node.location()) {  // TIMESTAMPTZ '...'
        place.size = std::max(from.at + from.size, place.at + place.size) - place.at;
    } else if (tokens_.is_word(tokens_.from(*node.location()), "cast")) {
        place = call_place(node.location());
    } else {
        std::size_t last = tokens_.from(type_place.at);
        while (tokens_.is_word(last + 1, "with") || tokens_.is_word(last + 1, "time") ||
               tokens_.is_word(last + 1, "zone") || tokens_.is_word(last + 1, "precision")) {
            ++last;
        }
        if (tokens_.is_symbol(last + 1, "(") && tokens_[last + 1].partner != 0) {
            last = tokens_[last + 1].partner;
        }
        const std::uint32_t end =
            last < tokens_.size() ? tokens_[last].end() : type_place.at + type_place.size;
        place = {from.at, std::max(end, from.at + from.size) - from.at};
    }
    if (type.has("arrayBounds") || type.flag("setof")) {
        return refuse(place, "arrays are not supported");
    }
    if (types_.is_broken(draft.slot)) {
        return broken(place);
    }
    if (name == "numeric") {
        return cast_numeric(std::move(draft), type, place);
    }
    if (name == "text" && !type.has("typmods")) {
        return cast_text(std::move(draft), place);
    }
    if (name == "timestamptz" && !type.has("typmods")) {
        return cast_timestamp(std::move(draft), place);
    }
    if (name == "bool") {
        return cast_boolean(std::move(draft), place);
    }
    const std::string value = source(from);
    std::string hint;
    if (name == "int2" || name == "int4" || name == "int8") {
        hint = "write round(" + value + "::numeric) for the nearest integer";
    } else if (name == "float4" || name == "float8" || name == "money") {
        hint = "write " + value + "::numeric, which is exact";
    } else if (name == "varchar" || name == "bpchar" || name == "char") {
        hint = "write " + value + "::text";
    } else if (name == "timestamp" || name == "date" || name == "time" || name == "timetz") {
        hint = "write " + value + "::timestamptz; date_trunc('day', x, 'UTC') is its day";
    } else if (name == "interval") {
        hint = "intervals are supported only in date_bin('15 minutes', x, origin), and in FROM";
    } else {
        hint = "casts are ::numeric, ::numeric(p, s), ::text and ::timestamptz";
    }
    return refuse(place, "there is no cast to " + source(type_place), std::move(hint));
}

// None: that type there is not.
std::optional<Binder::NumericType> Binder::numeric_type(const Node& type) const {
    const std::vector<Node> modifiers = type.nodes("typmods");
    if (modifiers.empty()) {
        return NumericType{};
    }
    std::array<std::int32_t, 2> values{0, 0};
    bool fine = modifiers.size() <= 2;
    for (std::size_t i = 0; fine && i < modifiers.size(); ++i) {
        Place place;
        const std::optional<std::string> digits = integer(modifiers[i], place);
        const std::optional<std::int32_t> value = digits ? to_int32(*digits) : std::nullopt;
        fine = value.has_value();
        values[i] = value.value_or(0);
    }
    if (!fine || values[0] < 1 || values[0] > kMaxPrecision || values[1] < 0 ||
        values[1] > values[0]) {
        return std::nullopt;
    }
    return NumericType{values[0], values[1]};
}

Draft Binder::literal_to_numeric(Draft draft, const NumericType& type, Place place) {
    if (types_.type(draft.slot) == ValueType::text) {
        std::optional<std::string> digits = strict_number(draft.literal.text);
        if (!digits) {
            return refuse(place, source(draft.place) + " is not a number",
                          "write it with a decimal point: '1234.50'");
        }
        draft.literal.text = std::move(*digits);
        draft.slot = types_.known(ValueType::numeric, place);
    }
    const DigitCounts digits = count_digits(draft.literal.text);
    if (type.precision &&
        (digits.behind > *type.scale || digits.before > *type.precision - *type.scale)) {
        return refuse(place, draft.literal.text + " has more digits than its type allows",
                      "kstream rejects such a number instead of rounding it: write round(x, " +
                          std::to_string(*type.scale) + ")");
    }
    draft.is_numeric = true;
    draft.place = place;
    return draft;
}

Draft Binder::cast_numeric(Draft draft, const Node& type, Place place) {
    const std::optional<NumericType> to = numeric_type(type);
    if (!to) {
        return refuse(place,
                      "numeric(p, s) takes 1 to 1000 digits, s of them after the decimal point",
                      "write numeric(12, 2)");
    }
    const std::optional<ValueType> from = types_.type(draft.slot);
    if (from && *from != ValueType::numeric && *from != ValueType::text) {
        return refuse(place, std::string{in_words(*from)} + " has no cast to numeric",
                      *from == ValueType::timestamp ? "write extract(epoch FROM x) for seconds"
                      : *from == ValueType::boolean ? "write CASE WHEN x THEN 1 ELSE 0 END"
                                                    : "");
    }
    if (draft.op == Op::literal) {
        return literal_to_numeric(std::move(draft), *to, place);
    }
    if (draft.op == Op::null) {
        static_cast<void>(types_.join(draft.slot, types_.known(ValueType::numeric, place)));
        return draft;
    }
    if (from == ValueType::numeric && !to->precision) {
        draft.is_numeric = true;
        draft.place = place;
        return draft;
    }
    // (a->>'b')::numeric: the number's text is that number again.
    if (draft.op == Op::to_text && draft.arguments.front().op == Op::field) {
        draft = Draft{std::move(draft.arguments.front())};
    }
    std::vector<Draft> argument;
    argument.push_back(std::move(draft));
    Draft cast =
        make(Op::to_numeric, place, types_.known(ValueType::numeric, place), std::move(argument));
    cast.precision = to->precision;
    cast.scale = to->scale;
    return cast;
}

Draft Binder::cast_text(Draft draft, Place place) {
    const std::optional<ValueType> from = types_.type(draft.slot);
    if (types_.is_broken(draft.slot)) {
        return draft;
    }
    if (from == ValueType::timestamp || from == ValueType::local) {
        return refuse(place, "a timestamp has no cast to text",
                      "write extract(year FROM x AT TIME ZONE 'UTC')::text and the like");
    }
    if (draft.op == Op::null) {
        static_cast<void>(types_.join(draft.slot, types_.known(ValueType::text, place)));
        return draft;
    }
    if (from == ValueType::text) {
        draft.place = place;
        return draft;
    }
    if (draft.op == Op::literal) {
        if (from == ValueType::boolean) {
            draft.literal.text = draft.literal.boolean ? "true" : "false";
            draft.literal.boolean = false;
        }
        draft.slot = types_.known(ValueType::text, place);
        draft.place = place;
        return draft;
    }
    std::vector<Draft> argument;
    argument.push_back(std::move(draft));
    return make(Op::to_text, place, types_.known(ValueType::text, place), std::move(argument));
}

Draft Binder::cast_timestamp(Draft draft, Place place) {
    if (types_.type(draft.slot) == ValueType::timestamp) {
        draft.place = place;
        return draft;
    }
    if (draft.op == Op::null) {
        static_cast<void>(types_.join(draft.slot, types_.known(ValueType::timestamp, place)));
        return draft;
    }
    if (!require(draft, ValueType::text, "::timestamptz")) {
        return broken(place);
    }
    if (draft.op == Op::literal) {
        const std::optional<std::int64_t> time = parse_time(draft.literal.text);
        if (!time) {
            return refuse(place, source(draft.place) + " is not a timestamp",
                          "write date, time and offset: '2024-01-31T12:00:00-03:00'");
        }
        Draft literal = make(Op::literal, place, types_.known(ValueType::timestamp, place));
        literal.literal.milliseconds = *time;
        return literal;
    }
    std::vector<Draft> argument;
    argument.push_back(std::move(draft));
    return make(Op::parse_timestamp, place, types_.known(ValueType::timestamp, place),
                std::move(argument));
}

// For NULL::boolean alone, which says of which type a NULL is.
Draft Binder::cast_boolean(Draft draft, Place place) {
    if (draft.op == Op::null) {
        static_cast<void>(types_.join(draft.slot, types_.known(ValueType::boolean, place)));
        return draft;
    }
    if (types_.type(draft.slot) == ValueType::boolean) {
        draft.place = place;
        return draft;
    }
    return refuse(place, "there is no cast to boolean",
                  "write " + source(with_brackets(draft.place)) +
                      (draft.op == Op::literal ? " without quotes" : " = 'true'"));
}

}  // namespace kstream::job::sql
