// The clauses of a statement.
#include "job/names.hpp"
#include "job/sql/binder.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

namespace kstream::job::sql {
namespace {

using std::string_view;

constexpr std::size_t kMaxNameBytes = 255;  // of a column, as of the flags' output names

struct ClauseRefusal {
    string_view member;
    std::array<string_view, 2> words;
    string_view message;
    string_view hint;
};
constexpr auto kSelectRefusals = std::to_array<ClauseRefusal>({
    {"distinctClause",
     {"distinct"},
     "SELECT DISTINCT is not supported",
     "GROUP BY returns distinct rows"},
    {"intoClause", {"into"}, "SELECT INTO is not supported", "write INSERT INTO topic SELECT ..."},
    {"windowClause", {"window"}, "WINDOW is not supported", "a job has groups, not window frames"},
    {"sortClause",
     {"order", "by"},
     "ORDER BY is not supported",
     "results have no order: each group is a record with a key"},
    {"limitCount",
     {"limit"},
     "LIMIT is not supported",
     "results have no order; use HAVING to choose groups"},
    {"limitOffset",
     {"offset"},
     "OFFSET is not supported",
     "results have no order; use HAVING to choose groups"},
    {"lockingClause", {"for"}, "FOR UPDATE is not supported", ""},
    {"withClause", {"with"}, "WITH is not supported", "a job is one SELECT from one topic"},
    {"valuesLists", {"values"}, "VALUES is not supported", "a job reads a topic"},
});
constexpr auto kInsertRefusals = std::to_array<ClauseRefusal>({
    {"cols",
     {"(", ""},
     "INSERT INTO takes no list of columns",
     "name the columns in SELECT: x AS name"},
    {"onConflictClause",
     {"on", "conflict"},
     "ON CONFLICT is not supported",
     "a newer record replaces the older one with the same key"},
    {"returningList", {"returning"}, "RETURNING is not supported", ""},
    {"withClause", {"with"}, "WITH is not supported", "a job is one SELECT from one topic"},
});

}  // namespace

// The first such words outside of brackets.
Place Binder::keyword_place(std::span<const string_view> words) const {
    for (std::size_t i = 0; i < tokens_.size(); ++i) {
        const bool second =
            words.size() < 2 || words[1].empty() || tokens_.is_word(i + 1, words[1]);
        if (second && (tokens_.is_word(i, words[0]) || tokens_.is_symbol(i, words[0]))) {
            const std::size_t last = words.size() < 2 || words[1].empty() ? i : i + 1;
            return {tokens_[i].at, tokens_[last].end() - tokens_[i].at};
        }
        if (tokens_.is_symbol(i, "(") && tokens_[i].partner != 0) {
            i = tokens_[i].partner;
        }
    }
    return {};
}

void Binder::refuse_clause(const Node& node, string_view member, std::span<const string_view> words,
                           std::string message, std::string hint) {
    if (node.has(member)) {
        static constexpr auto kFetch = std::to_array<string_view>({"fetch"});  // LIMIT's other word
        const Place place = keyword_place(words);
        note(place.size == 0 ? keyword_place(kFetch) : place, std::move(message), std::move(hint));
    }
}

void Binder::bind_insert(const Node& node) {
    for (const ClauseRefusal& clause : kInsertRefusals) {
        refuse_clause(node, clause.member, clause.words, std::string{clause.message},
                      std::string{clause.hint});
    }
    if (node.text("override") != "OVERRIDING_NOT_SET" && node.has("override")) {
        static constexpr auto kWords = std::to_array<string_view>({"overriding"});
        note(keyword_place(kWords), "OVERRIDING is not supported");
    }
    output_topic_ = topic(node.bare("relation"));
    const Node select = node.node("selectStmt");
    if (select.is("SelectStmt")) {
        bind_select(select);
    } else {
        note(place_of(node.bare("relation")), "INSERT INTO takes a SELECT",
             "write INSERT INTO topic SELECT ...");
    }
}

void Binder::refuse_clauses(const Node& node) {
    for (const ClauseRefusal& clause : kSelectRefusals) {
        refuse_clause(node, clause.member, clause.words, std::string{clause.message},
                      std::string{clause.hint});
    }
    if (node.flag("groupDistinct")) {
        static constexpr auto kWords = std::to_array<string_view>({"group", "by"});
        note(keyword_place(kWords), "GROUP BY DISTINCT is not supported", "remove DISTINCT");
    }
}

void Binder::bind_select(const Node& node) {
    if (node.text("op") != "SETOP_NONE") {
        static constexpr auto kWords = std::to_array<string_view>({"union", "intersect", "except"});
        Place place;
        for (const string_view word : kWords) {
            place = place.size == 0 ? keyword_place(std::span{&word, 1}) : place;
        }
        note(place, "UNION, INTERSECT and EXCEPT are not supported",
             "a job is one SELECT from one topic");
        return;
    }
    refuse_clauses(node);
    if (node.has("valuesLists")) {
        return;
    }
    clause_ = Clause::from;
    bind_from(node);
    clause_ = Clause::select;
    bind_targets(node.nodes("targetList"));
    if (node.has("whereClause")) {
        clause_ = Clause::where;
        where_ = condition(node.node("whereClause"), "WHERE");
    }
    clause_ = Clause::group;
    bind_group(node.nodes("groupClause"));
    if (node.has("havingClause")) {
        clause_ = Clause::having;
        having_ = condition(node.node("havingClause"), "HAVING");
    }
}

Draft Binder::condition(const Node& node, string_view clause) {
    Draft draft = bind_expression(node);
    if (draft.op == Op::null && !types_.is_broken(draft.slot)) {
        static_cast<void>(types_.require(draft.slot, ValueType::boolean, draft.place));
        return draft;
    }
    return require(draft, ValueType::boolean, clause) ? std::move(draft) : broken(draft.place);
}

// ---- SELECT -------------------------------------------------------------------------------------

// The last token of each target: its alias, where it has one. Commas part targets, and the FROM
// that is not of IS DISTINCT FROM ends the last one.
std::vector<std::optional<std::size_t>> Binder::alias_tokens(std::size_t count) const {
    std::vector<std::optional<std::size_t>> found;
    std::size_t i = 0;
    while (i < tokens_.size() && !tokens_.is_word(i, "select")) {
        ++i;
    }
    for (++i; i < tokens_.size() && found.size() < count; ++i) {
        if (tokens_.is_symbol(i, ",") || tokens_.is_symbol(i, ";") ||
            (tokens_.is_word(i, "from") && !tokens_.is_word(i - 1, "distinct"))) {
            found.emplace_back(i - 1);
        }
        if ((tokens_.is_symbol(i, "(") || tokens_.is_symbol(i, "[")) && tokens_[i].partner != 0) {
            i = tokens_[i].partner;
        }
    }
    found.resize(count);
    return found;
}

void Binder::bind_targets(const std::vector<Node>& targets) {
    if (targets.empty()) {
        static constexpr auto kSelect = std::to_array<string_view>({"select"});
        note(keyword_place(kSelect), "the SELECT list is empty", "name the columns of the results");
    }
    const std::vector<std::optional<std::size_t>> aliases = alias_tokens(targets.size());
    for (std::size_t i = 0; i < targets.size(); ++i) {
        if (i == kMaxColumns) {
            note(place_of(targets[i]), "more than " + std::to_string(kMaxColumns) + " columns");
            return;
        }
        bind_target(targets[i], aliases[i]);
    }
}

void Binder::bind_target(const Node& target, std::optional<std::size_t> alias) {
    DraftColumn column;
    const Node value = target.node("val");
    column.value = bind_expression(value);
    if (target.has("name")) {
        const std::string_view in_tree = target.text("name");
        column.alias = true;
        column.name = in_tree;
        column.name_place = column.value.place;
        // Spelled as in the text: the tree has no more than 63 bytes of it.
        if (alias && tokens_.is_name(*alias)) {
            const bool quoted = tokens_[*alias].kind == Token::Kind::quoted;
            const std::string spelled =
                quoted ? tokens_.name(*alias) : folded(tokens_.name(*alias));
            if (spelled.starts_with(in_tree)) {
                column.name = spelled;
                column.name_place = {tokens_[*alias].at, tokens_[*alias].size};
            }
        }
    } else if (types_.is_broken(column.value.slot)) {
        column.name = "";
    } else if (column.value.op == Op::field && value.is("ColumnRef")) {
        const Field& field = fields_[column.value.index].field;
        column.name = field.path.empty() ? field.spelling : field.path.back().name;
        column.name_place = column.value.place;
    } else if (is_window_bound(column.value.op)) {
        column.name = folded(source(column.value.place));
        column.name_place = column.value.place;
    } else {
        note(column.value.place, source(column.value.place) + " has no name",
             "write " + source(with_brackets(column.value.place)) + " AS name");
    }
    const std::optional<Op> bound = window_bound_named(column.name);
    if (event_time_ && event_time_->has_windows() && bound && column.value.op != *bound &&
        !types_.is_broken(column.value.slot)) {
        note(column.name_place, "this column " + column.name + " is not the window's",
             "give it another name: x AS name");
    }
    if (column.name.size() > kMaxNameBytes) {
        note(column.name_place,
             "a column's name is longer than " + std::to_string(kMaxNameBytes) + " bytes");
    } else if (std::ranges::any_of(column.name, [](char c) {
                   return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
               })) {
        note(column.name_place, "a column's name has a control character");
    }
    columns_.push_back(std::move(column));
}

// ---- GROUP BY -----------------------------------------------------------------------------------

void Binder::bind_group(const std::vector<Node>& items) {
    for (const Node& item : items) {
        if (groups_.size() == kMaxGroupColumns) {
            note(place_of(item),
                 "more than " + std::to_string(kMaxGroupColumns) + " expressions in GROUP BY");
            return;
        }
        DraftGroup group;
        group.value = bind_group_item(item, group.name);
        if (is_window_bound(group.value.op)) {
            event_time_->grouped = true;
            continue;
        }
        groups_.push_back(std::move(group));
    }
}

Draft Binder::bind_group_item(const Node& item, std::string& name) {
    if (item.is("GroupingSet")) {
        return refuse(place_of(item), "grouping sets are not supported",
                      "list the expressions instead");
    }
    if (item.is("A_Const")) {
        return refuse(place_of(item), "GROUP BY takes neither constants nor positions",
                      "write the expression, or its alias");
    }
    const std::size_t token = tokens_.from(place_of(item).at);
    if (item.is("ColumnRef") && item.nodes("fields").size() == 1 && tokens_.is_name(token)) {
        const std::string spelled = tokens_.name(token);
        const bool quoted = tokens_[token].kind == Token::Kind::quoted;
        const std::string as_alias = quoted ? spelled : folded(spelled);
        if (event_time_ && !quoted && window_bound_named(as_alias)) {
            return bind_expression(item);
        }
        const auto column = std::ranges::find_if(
            columns_, [&](const DraftColumn& one) { return one.alias && one.name == as_alias; });
        const auto known = std::ranges::find_if(fields_, [&](const DraftField& one) {
            return one.field.path.size() == 1 && one.field.path.front().name == spelled;
        });
        const bool is_itself =
            column != columns_.end() && known != fields_.end() && column->value.op == Op::field &&
            column->value.index == static_cast<std::uint32_t>(known - fields_.begin());
        if (column != columns_.end() && known != fields_.end() && !is_itself) {
            return refuse(place_of(item),
                          spelled +
                              " is both a field and a column name: PostgreSQL takes the "
                              "field",
                          "give the column another name, or write the expression here");
        }
        if (column != columns_.end() && !is_itself) {
            name = column->name;
            return copy(column->value);
        }
    }
    return bind_expression(item);
}

}  // namespace kstream::job::sql
