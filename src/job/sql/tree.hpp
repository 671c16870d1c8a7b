// libpg_query's tree of a statement. Nothing but this and tree.cpp knows the library, and nothing
// outside of this folder its tree: names and meaning of the nodes are PostgreSQL's (parsenodes.h).
#pragma once

#include "kstream/job/parse.hpp"

#include <simdjson.h>

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kstream::job::sql {

// One node: {"ColumnRef": {...}}. What is zero, false or empty is left out of its JSON.
class Node {
public:
    Node() = default;
    explicit Node(simdjson::dom::element element);
    Node(std::string_view kind, simdjson::dom::object body) : kind_(kind), body_(body) {}

    [[nodiscard]] std::string_view kind() const { return kind_; }  // empty: no node
    [[nodiscard]] bool is(std::string_view kind) const { return kind_ == kind; }

    // Members of the node.
    [[nodiscard]] bool has(std::string_view name) const;
    [[nodiscard]] Node node(std::string_view name) const;
    [[nodiscard]] std::vector<Node> nodes(std::string_view name) const;
    [[nodiscard]] std::string_view text(std::string_view name) const;
    [[nodiscard]] std::int64_t number(std::string_view name) const;
    [[nodiscard]] bool flag(std::string_view name) const;
    // A member that is a node without its kind, as "typeName".
    [[nodiscard]] Node bare(std::string_view name) const;
    // Where it says that it is, in bytes; none where it does not.
    [[nodiscard]] std::optional<std::uint32_t> location() const;
    // Of a list of String nodes.
    [[nodiscard]] std::vector<std::string_view> names(std::string_view name) const;

private:
    std::string_view kind_;
    std::optional<simdjson::dom::object> body_;
};

class Tree {
public:
    // `text` has no NUL. A problem when it is no SQL.
    [[nodiscard]] static std::expected<Tree, Problem> of(std::string_view text);

    [[nodiscard]] const std::vector<Node>& statements() const { return statements_; }

private:
    std::unique_ptr<simdjson::dom::parser> parser_;
    std::vector<Node> statements_;
};

}  // namespace kstream::job::sql
