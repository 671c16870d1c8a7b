// A parsed statement to the bound one: names, types, and everything that can be checked without a
// record. What is refused is noted, and the rest goes on, so that all is told at once.
//
// bind_expression.cpp has the nodes of an expression, bind_call.cpp calls and casts,
// bind_select.cpp the clauses, bind_from.cpp the topic and event time, finish.cpp what can only be
// checked when all types are known.
#pragma once

#include "job/sql/draft.hpp"
#include "job/sql/scan.hpp"
#include "job/sql/tree.hpp"
#include "job/sql/types.hpp"
#include "kstream/job/functions.hpp"
#include "kstream/job/parse.hpp"

#include <cstddef>
#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kstream::job::sql {

class Binder {
public:
    Binder(std::string_view text, const Tokens& tokens, const ParseOptions& options)
        : text_(text), tokens_(tokens), options_(options) {}

    [[nodiscard]] std::expected<Statement, std::vector<Problem>> bind(const Node& statement);

private:
    enum class Clause : std::uint8_t { select, from, where, group, having };
    [[nodiscard]] std::string_view clause_name() const;

    // ---- problems (binder.cpp)
    void note(Place place, std::string message, std::string hint = {});
    [[nodiscard]] Draft refuse(Place place, std::string message, std::string hint = {});
    [[nodiscard]] std::string source(Place place) const;    // the text there, for messages
    [[nodiscard]] std::string position(Place place) const;  // "line 2, column 7"

    // ---- places (binder.cpp)
    [[nodiscard]] Place token_place(std::optional<std::uint32_t> at) const;
    [[nodiscard]] Place call_place(
        std::optional<std::uint32_t> at) const;  // to the closing bracket
    [[nodiscard]] bool is_call(std::size_t bracket) const;
    [[nodiscard]] Place with_brackets(Place place) const;
    [[nodiscard]] Place until_word(Place begin, std::uint32_t at,
                                   std::span<const std::string_view> words) const;
    // The place of a node that has none of its own: of the first in it that has one.
    [[nodiscard]] Place place_of(const Node& node) const;

    // ---- drafts (binder.cpp)
    [[nodiscard]] Draft make(Op op, Place place, Slot slot, std::vector<Draft> arguments = {});
    [[nodiscard]] Draft copy(const Draft& draft);
    [[nodiscard]] Draft broken(Place place);
    [[nodiscard]] bool require(const Draft& draft, ValueType type, std::string_view who);
    // All of one type; its slot. `what` is "are compared" or the like.
    [[nodiscard]] Slot join(std::span<const Draft> drafts, std::string_view what);
    void need_type(Slot slot, Place place) { needs_.emplace_back(slot, place); }
    [[nodiscard]] std::string clash_hint(const Draft& one, const Draft& other) const;

    // ---- expressions (bind_expression.cpp)
    [[nodiscard]] Draft bind_expression(const Node& node);
    [[nodiscard]] std::vector<Draft> bind_all(std::span<const Node> nodes);
    [[nodiscard]] Draft bind_node(const Node& node);
    [[nodiscard]] std::optional<std::string> integer(const Node& node, Place& place) const;
    [[nodiscard]] Draft bind_constant(const Node& node);
    [[nodiscard]] Draft bind_operator(const Node& node);
    [[nodiscard]] Draft bind_prefix(const Node& node, std::string_view op);
    [[nodiscard]] Draft bind_infix(const Node& node, std::string_view op);
    [[nodiscard]] Draft bind_in(const Node& node);
    [[nodiscard]] Draft bind_between(const Node& node);
    [[nodiscard]] Draft bind_like(const Node& node);
    [[nodiscard]] Draft bind_logic(const Node& node);
    [[nodiscard]] Draft bind_test(const Node& node);
    [[nodiscard]] Draft bind_case(const Node& node);
    [[nodiscard]] Draft bind_choice(const Node& node, Op op);
    [[nodiscard]] Draft compare(Op op, Draft left, Draft right, Place sign);
    [[nodiscard]] Draft negated(Draft draft);
    [[nodiscard]] Draft logic(Op op, std::vector<Draft> arguments, Place place);
    [[nodiscard]] Draft refuse_node(const Node& node);

    struct Path {
        std::vector<PathStep> steps;
        Place place;
        bool quoted = false;   // its first name
        std::size_t next = 0;  // the token after it
    };
    enum class Found : std::uint8_t { nothing, path, refused };
    [[nodiscard]] Found find_path(const Node& node, Path& path);
    [[nodiscard]] Found find_column(const Node& node, Path& path);
    [[nodiscard]] Found find_indirection(const Node& node, Path& path);
    [[nodiscard]] Found find_arrow(const Node& node, Path& path);
    [[nodiscard]] Draft bind_path(const Path& path);
    [[nodiscard]] Draft window_bound(Op op, Place place);
    [[nodiscard]] Draft field(Field field);

    // ---- calls and casts (bind_call.cpp)
    [[nodiscard]] Draft bind_call(const Node& node);
    [[nodiscard]] Draft bind_function(const FunctionRow& row, const Node& node);
    [[nodiscard]] Draft bind_argument(const FunctionRow& row, Parameter takes, const Node& node);
    [[nodiscard]] Draft literal_argument(const FunctionRow& row, Parameter takes, Draft draft);
    [[nodiscard]] Draft bind_aggregate(std::string_view name, const Node& node);
    void bind_percentile(DraftAggregate& aggregate, const Node& node);
    [[nodiscard]] Draft bind_aggregate_input(DraftAggregate aggregate, const Node& node);
    [[nodiscard]] Draft rounded(Draft number, Draft digits, Op op, Place place);
    [[nodiscard]] Draft refuse_call(std::string_view name, const Node& node);
    [[nodiscard]] bool refuse_decorations(std::string_view name, const Node& node, bool aggregate);
    [[nodiscard]] Draft bind_cast(const Node& node);
    // numeric(precision, scale): both or none.
    struct NumericType {
        std::optional<std::int32_t> precision;
        std::optional<std::int32_t> scale;
    };
    [[nodiscard]] std::optional<NumericType> numeric_type(const Node& type) const;
    [[nodiscard]] Draft literal_to_numeric(Draft draft, const NumericType& type, Place place);
    [[nodiscard]] Draft cast_numeric(Draft draft, const Node& type, Place place);
    [[nodiscard]] Draft cast_text(Draft draft, Place place);
    [[nodiscard]] Draft cast_timestamp(Draft draft, Place place);
    [[nodiscard]] Draft cast_boolean(Draft draft, Place place);
    [[nodiscard]] bool is_integer(const Draft& draft) const;

    // ---- clauses (bind_select.cpp)
    void bind_insert(const Node& node);
    void bind_select(const Node& node);
    void refuse_clauses(const Node& node);
    void refuse_clause(const Node& node, std::string_view member,
                       std::span<const std::string_view> words, std::string message,
                       std::string hint);
    [[nodiscard]] Place keyword_place(std::span<const std::string_view> words) const;
    void bind_targets(const std::vector<Node>& targets);
    void bind_target(const Node& target, std::optional<std::size_t> alias);
    [[nodiscard]] std::vector<std::optional<std::size_t>> alias_tokens(std::size_t count) const;
    void bind_group(const std::vector<Node>& items);
    [[nodiscard]] Draft bind_group_item(const Node& item, std::string& name);
    [[nodiscard]] Draft condition(const Node& node, std::string_view clause);

    // ---- FROM (bind_from.cpp)
    using Named = std::map<std::string_view, Node>;  // arguments by their name
    void bind_from(const Node& node);
    [[nodiscard]] std::string topic(const Node& relation);
    [[nodiscard]] std::string topic_at(std::size_t token, bool qualified);
    void bind_function_in_from(const Node& node);
    void bind_event_time(std::string_view function, const Node& call);
    [[nodiscard]] Named split_arguments(const Node& call, std::vector<Node>& positional);
    void bind_window(std::span<const Node> positional, const Named& named);
    void bind_calendar(std::span<const Node> positional);
    void bind_hop(std::span<const Node> positional);
    void bind_origin(const Node& argument, std::int64_t length);
    void bind_emission(const Named& named);
    void bind_bounds(const Named& named);
    [[nodiscard]] Place argument_place(const Node& argument) const;
    // Of an INTERVAL; of what is none, nothing, and a problem.
    [[nodiscard]] std::optional<std::int64_t> interval(const Node& argument, std::string_view name,
                                                       std::string_view hint);

    // ---- when the types are known (finish.cpp)
    void check_event_time();
    [[nodiscard]] bool is_constant(const Draft& draft) const;
    [[nodiscard]] std::optional<EventTime> finish_event_time();
    void check_types();
    void check_inputs();
    [[nodiscard]] Expression finish(const Draft& draft);
    [[nodiscard]] Statement finish_statement();
    void finish_aggregates(Statement& statement);
    void check_quotients(const Expression& expression, bool rounded);
    [[nodiscard]] std::string without_quotient(const Expression& quotient) const;
    [[nodiscard]] Expression regroup(Expression expression, const Statement& statement,
                                     Clause clause);
    [[nodiscard]] Expression after_aggregation(const Draft& draft, const Statement& statement,
                                               Clause clause);
    void refuse_failing(const Expression& expression);
    void refuse_field(const Expression& expression, const Statement& statement, Clause clause);
    void check_column_names();

    struct DraftColumn {
        std::string name;
        bool alias = false;
        Place name_place;
        Draft value;
    };
    struct DraftGroup {
        std::string name;
        Draft value;
    };
    struct DraftField {
        Field field;
        Slot slot = 0;
    };

    std::string_view text_;
    const Tokens& tokens_;
    ParseOptions options_;

    std::vector<Problem> problems_;
    Types types_;
    std::vector<std::pair<Slot, Place>> needs_;
    std::size_t drafts_ = 0;
    bool too_large_ = false;

    Clause clause_ = Clause::select;
    bool in_aggregate_ = false;
    int depth_ = 0;

    std::string source_topic_;
    std::string output_topic_;
    std::optional<DraftEventTime> event_time_;
    std::vector<DraftField> fields_;
    std::map<std::string, std::uint32_t> field_index_;
    std::vector<DraftAggregate> aggregates_;
    std::vector<DraftColumn> columns_;
    std::optional<Draft> where_;
    std::vector<DraftGroup> groups_;
    std::optional<Draft> having_;
    std::vector<std::uint32_t> aggregate_index_;  // of a draft's aggregate in the statement
};

}  // namespace kstream::job::sql
