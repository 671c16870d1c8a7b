// The nodes of an expression but for calls and casts.
#include "job/names.hpp"
#include "job/paths.hpp"
#include "job/sql/binder.hpp"
#include "job/sql/constants.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace kstream::job::sql {
namespace {

using std::string_view;

constexpr std::size_t kMaxPathSteps = 64;  // records are nested no deeper: docs/RECORDS.md
constexpr std::size_t kMaxFields = 256;

struct Comparison {
    string_view name;
    Op op;
};
constexpr auto kComparisons = std::to_array<Comparison>({
    {"=", Op::equal},
    {"<>", Op::not_equal},
    {"<", Op::less},
    {"<=", Op::less_equal},
    {">", Op::greater},
    {">=", Op::greater_equal},
});

struct Refusal {
    string_view what;
    string_view message;
    string_view hint;
};
constexpr auto kOperatorRefusals = std::to_array<Refusal>({
    {"~", "regular expressions are not supported", "write LIKE, with % and _"},
    {"!~", "regular expressions are not supported", "write NOT LIKE, with % and _"},
    {"~*", "regular expressions are not supported", "write lower(x) LIKE, with % and _"},
    {"!~*", "regular expressions are not supported", "write lower(x) NOT LIKE, with % and _"},
    {"^", "powers are not supported", "write x * x"},
    {"#>", "the operator #> is not supported", "write a path: a.b.c, or a->'b'->'c'"},
    {"#>>", "the operator #>> is not supported", "write a path: a.b.c, or a->'b'->>'c'"},
    {"==", "operator == does not exist", "write ="},
});
constexpr auto kNodeRefusals = std::to_array<Refusal>({
    {"SubLink", "subqueries are not supported", "a job reads one topic once"},
    {"RowExpr", "rows are not supported", "remove the parentheses"},
    {"A_ArrayExpr", "arrays are not supported", "write x IN (1, 2) to compare with several values"},
    {"CollateClause", "COLLATE is not supported", "texts are compared byte by byte, as with \"C\""},
    {"ParamRef", "parameters are not supported", "write the value"},
    {"GroupingFunc", "GROUPING is not supported", "write one GROUP BY"},
    {"CurrentOfExpr", "cursors are not supported", ""},
    {"XmlExpr", "XML is not supported", ""},
    {"XmlSerialize", "XML is not supported", ""},
    {"SetToDefault", "DEFAULT is an SQL keyword", "write a field of this name as \"default\""},
    {"NamedArgExpr", "named arguments are not supported here", "write only the value"},
    {"MultiAssignRef", "this is not supported here", ""},
});

[[nodiscard]] const Refusal* find_refusal(std::span<const Refusal> refusals, string_view what) {
    const auto found = std::ranges::find(refusals, what, &Refusal::what);
    return found == refusals.end() ? nullptr : &*found;
}

// Times that the log does not decide.
constexpr auto kNowFunctions = std::to_array<string_view>({
    "SVFOP_CURRENT_DATE",
    "SVFOP_CURRENT_TIME",
    "SVFOP_CURRENT_TIME_N",
    "SVFOP_CURRENT_TIMESTAMP",
    "SVFOP_CURRENT_TIMESTAMP_N",
    "SVFOP_LOCALTIME",
    "SVFOP_LOCALTIME_N",
    "SVFOP_LOCALTIMESTAMP",
    "SVFOP_LOCALTIMESTAMP_N",
});

struct KafkaName {
    string_view name;
    FieldOrigin origin;
    ValueType type;
};
constexpr auto kKafkaNames = std::to_array<KafkaName>({
    {"kafka_key", FieldOrigin::key, ValueType::text},
    {"kafka_timestamp", FieldOrigin::timestamp, ValueType::timestamp},
    {"kafka_partition", FieldOrigin::partition, ValueType::numeric},
    {"kafka_offset", FieldOrigin::offset, ValueType::numeric},
});

// What the parser makes of a name: folded where it has no quotes, and cut at 63 bytes.
[[nodiscard]] bool is_spelling_of(string_view in_tree, string_view spelled, bool quoted) {
    const std::string name = quoted ? std::string{spelled} : folded(spelled);
    return name == in_tree ||
           (name.size() > 63 && in_tree.size() > 56 && name.starts_with(in_tree));
}

[[nodiscard]] string_view operator_name(const Node& node) {
    return node.text("kind").empty() || node.names("name").empty() ? string_view{}
                                                                   : node.names("name").back();
}

[[nodiscard]] std::string key_of(const Field& field) {
    std::string key = std::to_string(static_cast<int>(field.origin)) + field.header;
    for (const PathStep& step : field.path) {
        key += step.index ? "#" + std::to_string(*step.index)
                          : "." + std::to_string(step.name.size()) + ":" + step.name;
    }
    return key;
}

}  // namespace

Draft Binder::bind_expression(const Node& node) {
    if (depth_ >= kMaxStatementDepth) {
        return refuse(place_of(node), "expressions are nested too deeply",
                      "at most " + std::to_string(kMaxStatementDepth) + " levels");
    }
    ++depth_;
    Draft draft = bind_node(node);
    --depth_;
    return draft;
}

std::vector<Draft> Binder::bind_all(std::span<const Node> nodes) {
    std::vector<Draft> drafts;
    drafts.reserve(nodes.size());
    for (const Node& node : nodes) {
        drafts.push_back(bind_expression(node));
    }
    return drafts;
}

Draft Binder::bind_node(const Node& node) {
    Path path;
    switch (find_path(node, path)) {
        case Found::path:
            return bind_path(path);
        case Found::refused:
            return broken(place_of(node));
        case Found::nothing:
            break;
    }
    const string_view kind = node.kind();
    if (kind == "A_Const") {
        return bind_constant(node);
    }
    if (kind == "A_Expr") {
        return bind_operator(node);
    }
    if (kind == "BoolExpr") {
        return bind_logic(node);
    }
    if (kind == "NullTest" || kind == "BooleanTest") {
        return bind_test(node);
    }
    if (kind == "FuncCall") {
        return bind_call(node);
    }
    if (kind == "TypeCast") {
        return bind_cast(node);
    }
    if (kind == "CaseExpr") {
        return bind_case(node);
    }
    if (kind == "CoalesceExpr") {
        return bind_choice(node, Op::coalesce);
    }
    if (kind == "MinMaxExpr") {
        return bind_choice(node, node.text("op") == "IS_LEAST" ? Op::least : Op::greatest);
    }
    return refuse_node(node);
}

Draft Binder::refuse_node(const Node& node) {
    const Place place = place_of(node);
    if (node.is("SQLValueFunction")) {
        if (std::ranges::find(kNowFunctions, node.text("op")) != kNowFunctions.end()) {
            return refuse(place, source(place) + " differs at every replay",
                          "use kafka_timestamp, or a time in the record");
        }
        return refuse(place, source(place) + " is an SQL keyword",
                      "write a field of this name as \"" + folded(source(place)) + "\"");
    }
    if (const Refusal* const refusal = find_refusal(kNodeRefusals, node.kind())) {
        return refuse(place, std::string{refusal->message}, std::string{refusal->hint});
    }
    if (node.is("A_Indirection")) {
        return refuse(place_of(node.node("arg")), "only paths have members",
                      "write a path: a.b.c or a[0].b");
    }
    return refuse(place, "this is not supported here");
}

// ---- constants ----------------------------------------------------------------------------------

// A whole number, from the text: libpg_query 15-4.0.0 leaves negative ones out of its tree as it
// leaves out zero. The parser has put the signs in front of a number into it, brackets or not.
std::optional<std::string> Binder::integer(const Node& node, Place& place) const {
    place = place_of(node);
    bool negative = false;
    std::size_t token = tokens_.from(place.at);
    while (tokens_.is_symbol(token, "-") || tokens_.is_symbol(token, "(")) {
        negative = negative != tokens_.is_symbol(token, "-");
        ++token;
    }
    if (!node.is("A_Const") || !node.has("ival") || token >= tokens_.size() ||
        tokens_[token].kind != Token::Kind::number) {
        return std::nullopt;
    }
    place.size = tokens_[token].end() - place.at;
    std::optional<std::string> digits = canonical_digits(tokens_.text(token));
    if (digits && negative && *digits != "0") {
        digits->insert(0, "-");
    }
    const std::int64_t in_tree = node.bare("ival").number("ival");
    return in_tree == 0 || digits == std::to_string(in_tree) ? digits : std::nullopt;
}

Draft Binder::bind_constant(const Node& node) {
    Place place;
    std::optional<std::string> digits = integer(node, place);
    if (node.flag("isnull")) {
        Draft draft = make(Op::null, place, types_.unknown());
        need_type(draft.slot, place);
        return draft;
    }
    if (node.has("boolval")) {
        Draft draft = make(Op::literal, place, types_.known(ValueType::boolean, place));
        draft.literal.boolean = node.bare("boolval").flag("boolval");
        return draft;
    }
    if (node.has("sval")) {
        Draft draft = make(Op::literal, place, types_.known(ValueType::text, place));
        draft.literal.text = node.bare("sval").text("sval");
        return draft;
    }
    if (node.has("fval")) {
        const string_view written = node.bare("fval").text("fval");
        // Of PostgreSQL 16 and later: 1_000.5.
        if (written.find_first_not_of("0123456789.eE+-") != string_view::npos) {
            return refuse(place, "this number cannot be read", "write it in digits only");
        }
        digits = canonical_digits(written);
        if (!digits) {
            return refuse(place,
                          "a number with more than 144 digits before or after the decimal point");
        }
        if (written.starts_with('-')) {
            std::size_t number = tokens_.from(place.at);
            while (number + 1 < tokens_.size() && tokens_[number].kind != Token::Kind::number) {
                ++number;
            }
            place.size = tokens_[number].end() - place.at;
        }
    }
    if (digits) {
        Draft draft = make(Op::literal, place, types_.known(ValueType::numeric, place));
        draft.literal.text = std::move(*digits);
        draft.is_numeric = node.has("fval") &&
                           node.bare("fval").text("fval").find_first_of(".eE") != string_view::npos;
        return draft;
    }
    if (node.has("ival")) {
        return refuse(place, "this number cannot be read", "write it in digits only");
    }
    return refuse(place, "bit strings are not supported", "write a text or a number");
}

// ---- operators ----------------------------------------------------------------------------------

Draft Binder::bind_operator(const Node& node) {
    const string_view kind = node.text("kind");
    const string_view op = operator_name(node);
    if (kind == "AEXPR_OP") {
        if (node.names("name").size() != 1) {
            return refuse(place_of(node), "operators have no schema", "write only the operator");
        }
        if (op == "->>" && node.has("lexpr")) {
            Path path;
            return find_arrow(node, path) == Found::path ? cast_text(bind_path(path), path.place)
                                                         : broken(place_of(node));
        }
        return node.has("lexpr") ? bind_infix(node, op) : bind_prefix(node, op);
    }
    if (kind == "AEXPR_IN") {
        return bind_in(node);
    }
    if (kind == "AEXPR_BETWEEN" || kind == "AEXPR_NOT_BETWEEN") {
        return bind_between(node);
    }
    if (kind == "AEXPR_LIKE") {
        return bind_like(node);
    }
    if (kind == "AEXPR_NULLIF") {
        std::vector<Draft> both;
        both.push_back(bind_expression(node.node("lexpr")));
        both.push_back(bind_expression(node.node("rexpr")));
        const Place place = call_place(node.location());
        const Slot slot = join(both, "are compared by nullif");
        need_type(slot, place);
        return make(Op::nullif, place, slot, std::move(both));
    }
    if (kind == "AEXPR_DISTINCT" || kind == "AEXPR_NOT_DISTINCT") {
        Draft left = bind_expression(node.node("lexpr"));
        Draft right = bind_expression(node.node("rexpr"));
        const Place place = place_of(node);
        Draft draft = compare(Op::distinct_from, std::move(left), std::move(right), place);
        return kind == "AEXPR_DISTINCT" ? std::move(draft) : negated(std::move(draft));
    }
    const Place place = place_of(node);
    if (kind == "AEXPR_ILIKE") {
        return refuse(place, "ILIKE is not supported",
                      "write lower(x) LIKE 'pattern in lower case'");
    }
    if (kind == "AEXPR_SIMILAR") {
        return refuse(place, "SIMILAR TO is not supported", "write LIKE, with % and _");
    }
    if (kind == "AEXPR_OP_ANY" || kind == "AEXPR_OP_ALL") {
        return refuse(place, "ANY and ALL are not supported", "write x IN (1, 2)");
    }
    if (kind == "AEXPR_BETWEEN_SYM" || kind == "AEXPR_NOT_BETWEEN_SYM") {
        return refuse(place, "BETWEEN SYMMETRIC is not supported",
                      "write BETWEEN with the lower bound first");
    }
    return refuse(place, "this is not supported here");
}

Draft Binder::bind_prefix(const Node& node, string_view op) {
    Draft draft = bind_expression(node.node("rexpr"));
    Place place = place_of(node);
    const Place operand = with_brackets(draft.place);
    place.size = std::max(place.at + place.size, operand.at + operand.size) - place.at;
    if (op != "-" && op != "+") {
        return refuse(place_of(node), "operator " + std::string{op} + " is not supported here");
    }
    if (!require(draft, ValueType::numeric, op)) {
        return broken(place);
    }
    if (op == "+") {
        return draft.op == Op::literal
                   ? std::move(draft)
                   : refuse(place_of(node), "this + has no effect", "remove it");
    }
    if (draft.op == Op::literal) {
        draft.literal.text = draft.literal.text.starts_with('-') ? draft.literal.text.substr(1)
                             : draft.literal.text == "0"         ? "0"
                                                                 : "-" + draft.literal.text;
        draft.place = place;
        return draft;
    }
    const Slot slot = types_.known(ValueType::numeric, place);
    std::vector<Draft> argument;
    argument.push_back(std::move(draft));
    return make(Op::negate, place, slot, std::move(argument));
}

Draft Binder::bind_infix(const Node& node, string_view op) {
    Draft left = bind_expression(node.node("lexpr"));
    Draft right = bind_expression(node.node("rexpr"));
    const Place sign = place_of(node);
    const auto comparison = std::ranges::find(kComparisons, op, &Comparison::name);
    if (comparison != kComparisons.end()) {
        return compare(comparison->op, std::move(left), std::move(right), sign);
    }
    const auto row = std::ranges::find_if(kFunctions, [&](const FunctionRow& one) {
        return one.form == Form::infix && one.name == op;
    });
    if (row == kFunctions.end()) {
        const Refusal* const refusal = find_refusal(kOperatorRefusals, op);
        return refuse(sign,
                      refusal != nullptr ? std::string{refusal->message}
                                         : "operator " + std::string{op} + " does not exist",
                      refusal != nullptr ? std::string{refusal->hint} : "");
    }
    const Place from = with_brackets(left.place);
    const Place to = with_brackets(right.place);
    const Place place{from.at, std::max(to.at + to.size, from.at + from.size) - from.at};
    const ValueType takes = row->takes[0] == Parameter::text ? ValueType::text : ValueType::numeric;
    const bool fine = require(left, takes, op);
    if (!require(right, takes, op) || !fine) {
        return broken(place);
    }
    if (row->op == Op::divide && is_integer(left) && is_integer(right)) {
        return refuse(sign, "an integer divided by an integer: PostgreSQL truncates the quotient",
                      "write " + source(from) + "::numeric / " + source(to));
    }
    if ((row->op == Op::divide || row->op == Op::modulo) && right.op == Op::literal &&
        right.literal.text == "0") {
        return refuse(place, "division by zero");
    }
    const Slot slot = types_.known(row->gives, place);
    std::vector<Draft> both;
    both.push_back(std::move(left));
    both.push_back(std::move(right));
    return make(row->op, place, slot, std::move(both));
}

// `sign` is the operator's place.
Draft Binder::compare(Op op, Draft left, Draft right, Place sign) {
    const Place from = with_brackets(left.place);
    const Place to = with_brackets(right.place);
    const Place place{from.at, std::max(to.at + to.size, from.at + from.size) - from.at};
    if ((left.op == Op::null || right.op == Op::null) && !types_.is_broken(left.slot) &&
        !types_.is_broken(right.slot) && op != Op::distinct_from) {
        const Draft& other = left.op == Op::null ? right : left;
        // That is told, its type is not asked for as well.
        static_cast<void>(
            types_.require((left.op == Op::null ? left : right).slot, ValueType::text, sign));
        return refuse(sign, "a comparison with NULL is never true",
                      "write " + source(with_brackets(other.place)) +
                          (op == Op::not_equal ? " IS NOT NULL" : " IS NULL"));
    }
    std::vector<Draft> both;
    both.push_back(std::move(left));
    both.push_back(std::move(right));
    const Slot slot = join(both, "are compared");
    if (types_.is_broken(slot)) {
        return broken(place);
    }
    need_type(slot, place);
    return make(op, place, types_.known(ValueType::boolean, place), std::move(both));
}

Draft Binder::bind_in(const Node& node) {
    std::vector<Draft> all;
    all.push_back(bind_expression(node.node("lexpr")));
    const Place from = with_brackets(all.front().place);
    Place place = place_of(node);
    for (std::size_t i = tokens_.from(place.at); i < tokens_.size(); ++i) {
        if (tokens_.is_symbol(i, "(") && tokens_[i].partner != 0) {
            place = {from.at, tokens_[tokens_[i].partner].end() - from.at};
            break;
        }
    }
    for (const Node& item : node.node("rexpr").nodes("items")) {
        all.push_back(bind_expression(item));
        if (all.back().op == Op::null && !types_.is_broken(all.back().slot)) {
            note(all.back().place, "a comparison with NULL is never true",
                 "write " + source(from) + " IS NULL OR ...");
            static_cast<void>(types_.require(all.back().slot, ValueType::text, all.back().place));
            all.back() = broken(all.back().place);
        }
    }
    const Slot slot = join(all, "are compared");
    if (types_.is_broken(slot)) {
        return broken(place);
    }
    need_type(slot, place);
    Draft draft = make(Op::in_list, place, types_.known(ValueType::boolean, place), std::move(all));
    return operator_name(node) == "<>" ? negated(std::move(draft)) : std::move(draft);
}

Draft Binder::bind_between(const Node& node) {
    const std::vector<Node> bounds = node.node("rexpr").nodes("items");
    const Place sign = place_of(node);
    if (bounds.size() != 2) {
        return refuse(sign, "BETWEEN takes two bounds");
    }
    Draft value = bind_expression(node.node("lexpr"));
    Draft again = copy(value);
    Draft from = bind_expression(bounds[0]);
    Draft to = bind_expression(bounds[1]);
    const Place first = with_brackets(value.place);
    const Place last = with_brackets(to.place);
    const Place place{first.at, std::max(last.at + last.size, first.at + first.size) - first.at};
    std::vector<Draft> both;
    both.push_back(compare(Op::greater_equal, std::move(value), std::move(from), sign));
    both.push_back(compare(Op::less_equal, std::move(again), std::move(to), sign));
    Draft draft = logic(Op::logical_and, std::move(both), place);
    return node.text("kind") == "AEXPR_BETWEEN" ? std::move(draft) : negated(std::move(draft));
}

Draft Binder::bind_like(const Node& node) {
    Draft text = bind_expression(node.node("lexpr"));
    Node pattern_node = node.node("rexpr");
    std::string escape = "\\";
    if (pattern_node.is("FuncCall")) {  // LIKE pattern ESCAPE escape
        const std::vector<Node> arguments = pattern_node.nodes("args");
        const std::vector<string_view> name = pattern_node.names("funcname");
        if (name.size() == 2 && name.back() == "like_escape" && arguments.size() == 2) {
            const Draft draft = bind_expression(arguments[1]);
            if (draft.op != Op::literal || types_.type(draft.slot) != ValueType::text ||
                std::ranges::count_if(draft.literal.text, [](char c) {
                    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
                }) > 1) {
                return refuse(draft.place, "ESCAPE takes one character, or none, in quotes");
            }
            escape = draft.literal.text;
            pattern_node = arguments[0];
        }
    }
    Draft pattern = bind_expression(pattern_node);
    const Place from = with_brackets(text.place);
    const Place to = with_brackets(pattern.place);
    const Place place{from.at, std::max(to.at + to.size, from.at + from.size) - from.at};
    const bool fine = require(text, ValueType::text, "LIKE");
    if (types_.is_broken(pattern.slot)) {
        return broken(place);
    }
    if (pattern.op != Op::literal || types_.type(pattern.slot) != ValueType::text) {
        return refuse(pattern.place, "LIKE takes a pattern in quotes, as a constant");
    }
    // The escape character of a pattern stands before another one.
    std::size_t at = 0;
    while (!escape.empty() && (at = pattern.literal.text.find(escape, at)) != std::string::npos) {
        if (at + escape.size() == pattern.literal.text.size()) {
            return refuse(pattern.place, "the pattern ends with its escape character",
                          "double it to match it literally");
        }
        at += escape.size();
        at += pattern.literal.text.substr(at).starts_with(escape) ? escape.size() : 1;
    }
    if (!fine) {
        return broken(place);
    }
    std::vector<Draft> both;
    both.push_back(std::move(text));
    both.push_back(std::move(pattern));
    Draft draft = make(Op::like, place, types_.known(ValueType::boolean, place), std::move(both));
    draft.literal.text = std::move(escape);
    return operator_name(node) == "!~~" ? negated(std::move(draft)) : std::move(draft);
}

// ---- logic and choice ---------------------------------------------------------------------------

Draft Binder::negated(Draft draft) {
    if (types_.is_broken(draft.slot)) {
        return draft;
    }
    const Place place = draft.place;
    std::vector<Draft> argument;
    argument.push_back(std::move(draft));
    return make(Op::logical_not, place, types_.known(ValueType::boolean, place),
                std::move(argument));
}

Draft Binder::logic(Op op, std::vector<Draft> arguments, Place place) {
    std::vector<Draft> flat;
    bool fine = true;
    for (Draft& argument : arguments) {
        fine = fine && !types_.is_broken(argument.slot);
        if (argument.op == op) {
            std::ranges::move(argument.arguments, std::back_inserter(flat));
        } else {
            flat.push_back(std::move(argument));
        }
    }
    return fine ? make(op, place, types_.known(ValueType::boolean, place), std::move(flat))
                : broken(place);
}

Draft Binder::bind_logic(const Node& node) {
    const string_view op = node.text("boolop");
    const string_view name = op == "AND_EXPR" ? "AND" : op == "OR_EXPR" ? "OR" : "NOT";
    std::vector<Draft> arguments = bind_all(node.nodes("args"));
    bool fine = !arguments.empty();
    for (const Draft& argument : arguments) {
        fine = require(argument, ValueType::boolean, name) && fine;
    }
    Place place = place_of(node);
    if (!fine) {
        return broken(place);
    }
    const Place last = with_brackets(arguments.back().place);
    const Place first = name == "NOT" ? place : with_brackets(arguments.front().place);
    place = {first.at, std::max(last.at + last.size, first.at + first.size) - first.at};
    if (name == "NOT") {
        Draft draft = negated(std::move(arguments.front()));
        draft.place = place;
        return draft;
    }
    return logic(name == "AND" ? Op::logical_and : Op::logical_or, std::move(arguments), place);
}

Draft Binder::bind_test(const Node& node) {
    static constexpr auto kEnds =
        std::to_array<string_view>({"null", "isnull", "notnull", "true", "false", "unknown"});
    Draft draft = bind_expression(node.node("arg"));
    const Place place = until_word(with_brackets(draft.place), node.location().value_or(0), kEnds);
    if (types_.is_broken(draft.slot)) {
        return draft;
    }
    std::vector<Draft> argument;
    const Slot slot = types_.known(ValueType::boolean, place);
    if (node.is("NullTest")) {
        argument.push_back(std::move(draft));
        Draft test = make(Op::is_null, place, slot, std::move(argument));
        return node.text("nulltesttype") == "IS_NOT_NULL" ? negated(std::move(test))
                                                          : std::move(test);
    }
    const string_view test = node.text("booltesttype");
    if (test.ends_with("UNKNOWN")) {
        const std::string text = source(with_brackets(draft.place));
        return refuse(place, "IS UNKNOWN is not supported",
                      "write " + text + (test == "IS_UNKNOWN" ? " IS NULL" : " IS NOT NULL"));
    }
    if (!require(draft, ValueType::boolean, "IS TRUE")) {
        return broken(place);
    }
    argument.push_back(std::move(draft));
    Draft is =
        make(test.ends_with("TRUE") ? Op::is_true : Op::is_false, place, slot, std::move(argument));
    return test.starts_with("IS_NOT_") ? negated(std::move(is)) : std::move(is);
}

Draft Binder::bind_case(const Node& node) {
    const Place begin = place_of(node);
    Place place = begin;
    int open = 0;
    for (std::size_t i = tokens_.from(begin.at); i < tokens_.size(); ++i) {
        open += tokens_.is_word(i, "case") ? 1 : tokens_.is_word(i, "end") ? -1 : 0;
        if (open == 0) {
            place.size = tokens_[i].end() - place.at;
            break;
        }
    }
    std::optional<Draft> subject;
    if (node.has("arg")) {
        subject = bind_expression(node.node("arg"));
    }
    std::vector<Draft> arguments;
    std::vector<Draft> values;
    bool fine = true;
    for (const Node& when : node.nodes("args")) {
        Draft condition = bind_expression(when.node("expr"));
        if (subject) {
            const Place sign = condition.place;
            condition = compare(Op::equal, copy(*subject), std::move(condition), sign);
        }
        fine = require(condition, ValueType::boolean, "WHEN") && fine;
        arguments.push_back(std::move(condition));
        values.push_back(bind_expression(when.node("result")));
    }
    if (node.has("defresult")) {
        values.push_back(bind_expression(node.node("defresult")));
    }
    const Slot slot = join(values, "are values of one CASE");
    if (!fine || types_.is_broken(slot)) {
        return broken(place);
    }
    need_type(slot, place);
    std::vector<Draft> woven;
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (i < arguments.size()) {
            woven.push_back(std::move(arguments[i]));
        }
        woven.push_back(std::move(values[i]));
    }
    return make(Op::case_when, place, slot, std::move(woven));
}

Draft Binder::bind_choice(const Node& node, Op op) {
    const std::string name{name_of(op)};
    const Place place = call_place(node.location());
    std::vector<Draft> arguments = bind_all(node.nodes("args"));
    if (arguments.empty()) {
        return refuse(place, name + " takes one argument or more");
    }
    const Slot slot = join(arguments, "are arguments of one " + name);
    if (types_.is_broken(slot)) {
        return broken(place);
    }
    need_type(slot, place);
    return make(op, place, slot, std::move(arguments));
}

// ---- paths --------------------------------------------------------------------------------------

Binder::Found Binder::find_path(const Node& node, Path& path) {
    if (node.is("ColumnRef")) {
        return find_column(node, path);
    }
    if (node.is("A_Indirection")) {
        return find_indirection(node, path);
    }
    if (node.is("A_Expr") && node.text("kind") == "AEXPR_OP" && node.has("lexpr") &&
        (operator_name(node) == "->" || operator_name(node) == "->>")) {
        return operator_name(node) == "->" ? find_arrow(node, path) : Found::nothing;
    }
    return Found::nothing;
}

Binder::Found Binder::find_column(const Node& node, Path& path) {
    std::size_t token = tokens_.from(node.location().value_or(0));
    path.place = token_place(node.location());
    const std::size_t first = token;
    for (const Node& step : node.nodes("fields")) {
        if (step.is("A_Star")) {
            note(path.place, "* is not supported", "name the fields");
            return Found::refused;
        }
        token += path.steps.empty() ? 0U : 1U;  // the point
        if (!tokens_.is_name(token) ||
            !is_spelling_of(step.text("sval"), tokens_.name(token),
                            tokens_[token].kind == Token::Kind::quoted)) {
            note(path.place, "this name cannot be read", "write it in quotes");
            return Found::refused;
        }
        path.steps.push_back({tokens_.name(token), std::nullopt});
        path.place.size = tokens_[token].end() - path.place.at;
        ++token;
    }
    path.quoted = tokens_[first].kind == Token::Kind::quoted;
    path.next = token;
    return Found::path;
}

Binder::Found Binder::find_indirection(const Node& node, Path& path) {
    const Found found = find_path(node.node("arg"), path);
    if (found != Found::path) {
        return found;
    }
    while (tokens_.is_symbol(path.next, ")")) {
        ++path.next;
    }
    for (const Node& step : node.nodes("indirection")) {
        if (step.is("A_Indices") && !step.flag("is_slice")) {
            const Node index = step.node("uidx");
            Place place;
            const std::optional<std::string> digits = integer(index, place);
            const std::optional<std::int32_t> element = digits ? to_int32(*digits) : std::nullopt;
            if (!element) {
                note(place, "an array index must be a literal number",
                     "write a[0] for the first element");
                return Found::refused;
            }
            if (!tokens_.is_symbol(path.next, "[") || tokens_[path.next].partner == 0) {
                note(path.place, "this path cannot be read", "write a->'b'->0->'c'");
                return Found::refused;
            }
            path.steps.push_back({{}, element});
            path.next = tokens_[path.next].partner + 1;
        } else if (step.is("String") && tokens_.is_symbol(path.next, ".") &&
                   tokens_.is_name(path.next + 1)) {
            path.steps.push_back({tokens_.name(path.next + 1), std::nullopt});
            path.next += 2;
        } else {
            note(path.place, step.is("A_Star") ? "* is not supported" : "slices are not supported",
                 step.is("A_Star") ? "name the fields" : "write a[0] for the first element");
            return Found::refused;
        }
        path.place.size = tokens_[path.next - 1].end() - path.place.at;
    }
    return Found::path;
}

// Of a->'b', and of the left side of a->>'b'.
Binder::Found Binder::find_arrow(const Node& node, Path& path) {
    const Place sign = place_of(node);
    const std::string arrow{operator_name(node)};
    const Found found = find_path(node.node("lexpr"), path);
    if (found == Found::refused) {
        return found;
    }
    if (found == Found::nothing) {
        const bool text = operator_name(node.node("lexpr")) == "->>";
        note(sign, text ? "->> returns a text, which has no members" : arrow + " takes a path",
             text ? "write -> for all but the last member" : "write a.b, or a->'b'");
        return Found::refused;
    }
    const Node right = node.node("rexpr");
    Place member;
    const std::optional<std::string> digits = integer(right, member);
    const std::optional<std::int32_t> element = digits ? to_int32(*digits) : std::nullopt;
    if (right.is("A_Const") && right.has("sval")) {
        path.steps.push_back({std::string{right.bare("sval").text("sval")}, std::nullopt});
    } else if (element) {
        path.steps.push_back({{}, element});
    } else {
        const bool cast = right.is("TypeCast");
        const Place name = place_of(cast ? right.node("arg") : right);
        const std::string type =
            cast ? "::" + source(token_place(right.bare("typeName").location())) : "";
        note(sign, arrow + " takes a name in quotes on its right",
             cast ? "add parentheses: (" + source(path.place) + arrow + source(name) + ")" + type
                  : "add parentheses: (" + source(path.place) + arrow + "'name') and the rest");
        return Found::refused;
    }
    path.place = with_brackets(path.place);
    const std::uint32_t end = std::max(member.at + member.size, path.place.at + path.place.size);
    path.place.size = end - path.place.at;
    path.next = tokens_.from(end);
    return Found::path;
}

Draft Binder::bind_path(const Path& path) {
    if (path.steps.size() > kMaxPathSteps) {
        return refuse(path.place, "a path of more than 64 steps",
                      "records are not nested that deeply");
    }
    Field made;
    made.place = path.place;
    if (path.steps.size() == 1 && !path.quoted) {
        const auto known =
            std::ranges::find(kKafkaNames, folded(path.steps.front().name), &KafkaName::name);
        if (known != kKafkaNames.end()) {
            made.origin = known->origin;
            made.type = known->type;
            made.spelling = known->name;
            return field(std::move(made));
        }
        if (const auto bound = window_bound_named(folded(path.steps.front().name));
            bound && event_time_) {
            return window_bound(*bound, path.place);
        }
    }
    if (path.steps.size() > 1 && !path.quoted && path.steps.front().name == source_topic_) {
        return refuse(path.place, "fields are written without the topic",
                      "write " + path_sql(std::span{path.steps}.subspan(1)) + "; a field named " +
                          source_topic_ + " is written \"" + source_topic_ + "\"...");
    }
    made.path = path.steps;
    made.spelling = path.steps.size() == 1 ? path.steps.front().name : path_sql(path.steps);
    return field(std::move(made));
}

// Of the group's window: there is none before there are groups.
Draft Binder::window_bound(Op op, Place place) {
    const std::string name{source(place)};
    if (!event_time_->has_windows()) {
        return refuse(place, "events has no windows, and so no " + name,
                      "write FROM tumble(...), or \"" + name + "\" for a field of the record");
    }
    if (in_aggregate_ || clause_ == Clause::where || clause_ == Clause::from) {
        return refuse(
            place,
            (in_aggregate_ ? "an aggregate" : std::string{clause_name()}) + " cannot use " + name,
            "windows come after WHERE; \"" + name + "\" is a field of the record");
    }
    return make(op, place, types_.known(ValueType::timestamp, place));
}

Draft Binder::field(Field field) {
    const Place place = field.place;
    const std::string key = key_of(field);
    auto found = field_index_.find(key);
    if (found == field_index_.end()) {
        if (fields_.size() >= kMaxFields) {
            return refuse(place, "more than " + std::to_string(kMaxFields) + " different fields");
        }
        const Slot slot =
            field.origin == FieldOrigin::value ? types_.unknown() : types_.known(field.type, place);
        found = field_index_.emplace(key, static_cast<std::uint32_t>(fields_.size())).first;
        fields_.push_back({std::move(field), slot});
    }
    const std::uint32_t index = found->second;
    Draft draft = make(Op::field, place, fields_[index].slot);
    draft.index = index;
    return draft;
}

}  // namespace kstream::job::sql
