#include "job/sql/tree.hpp"

#include "job/names.hpp"
#include "job/sql/scan.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <pg_query.h>
#include <utility>

namespace kstream::job::sql {
namespace {

using std::string_view;

// An expression in another takes up to five levels of the tree (CASE).
constexpr std::size_t kMaxTreeDepth = 5 * kMaxStatementDepth + 100;

struct FreeResult {
    void operator()(PgQueryParseResult* result) const {
        pg_query_free_parse_result(*result);
        delete result;
    }
};

// The library counts characters from 1.
[[nodiscard]] std::uint32_t byte_of(string_view text, int character) {
    std::size_t at = 0;
    for (int seen = 0; at < text.size(); ++at) {
        const bool begins = (static_cast<unsigned char>(text[at]) & 0xc0) != 0x80;
        seen += begins ? 1 : 0;
        if (seen >= character) {
            break;
        }
    }
    return static_cast<std::uint32_t>(at);
}

// Words that are where they are for their own sake, and hardly a field's name.
constexpr auto kClauseWords = std::to_array<string_view>(
    {"and",   "as",     "case", "distinct", "else",  "end",  "false", "for",  "from",
     "group", "having", "in",   "into",     "is",    "like", "not",   "null", "on",
     "or",    "select", "then", "true",     "union", "when", "where", "with"});

// What people mean whose text ends at this token for the parser.
[[nodiscard]] std::string syntax_hint(const Tokens& tokens, std::size_t index) {
    if (index > 0 && index < tokens.size() && tokens.is_symbol(index - 1, ",") &&
        tokens[index].kind == Token::Kind::word && is_reserved(folded(tokens.text(index)))) {
        return "remove the extra comma";
    }
    if (index > 1 && tokens.is_symbol(index, "-") && tokens.is_name(index - 1) &&
        (tokens.is_word(index - 2, "from") || tokens.is_word(index - 2, "into"))) {
        return "put a topic name with a dash in double quotes";
    }
    for (const std::size_t one : {index, index - 1}) {
        if (one >= tokens.size() || tokens[one].kind != Token::Kind::word) {
            continue;
        }
        const std::string word = folded(tokens.text(one));
        if (is_reserved(word) && !std::ranges::binary_search(kClauseWords, word)) {
            return word + " is an SQL keyword: write a field of this name as \"" +
                   std::string{tokens.text(one)} + '"';
        }
    }
    return {};
}

[[nodiscard]] Problem syntax_problem(const PgQueryError& error, string_view text) {
    Problem problem;
    problem.message = error.message != nullptr ? error.message : "no SQL";
    const Tokens tokens{text};
    problem.place.at = byte_of(text, std::max(error.cursorpos, 1));
    const std::size_t index = tokens.from(problem.place.at);
    if (index < tokens.size() && tokens[index].at == problem.place.at) {
        problem.place.size = tokens[index].size;
    }
    if (problem.message.starts_with("memory exhausted") ||
        problem.message.starts_with("stack depth")) {
        problem.message = "expressions are nested too deeply";
        problem.hint = "at most " + std::to_string(kMaxStatementDepth) + " levels";
    } else if (problem.message.starts_with("syntax error")) {
        problem.hint = syntax_hint(tokens, index);
    }
    return problem;
}

}  // namespace

Node::Node(simdjson::dom::element element) {
    simdjson::dom::object wrapper;
    if (element.get(wrapper) != simdjson::SUCCESS) {
        return;
    }
    for (const auto [key, value] : wrapper) {
        simdjson::dom::object body;
        if (value.get(body) == simdjson::SUCCESS) {
            kind_ = key;
            body_ = body;
        }
        return;
    }
}

bool Node::has(std::string_view name) const {
    return body_ && body_->at_key(name).error() == simdjson::SUCCESS;
}

Node Node::node(std::string_view name) const {
    simdjson::dom::element found;
    if (!body_ || body_->at_key(name).get(found) != simdjson::SUCCESS) {
        return {};
    }
    return Node{found};
}

std::vector<Node> Node::nodes(std::string_view name) const {
    std::vector<Node> found;
    simdjson::dom::array list;
    if (body_ && body_->at_key(name).get(list) == simdjson::SUCCESS) {
        for (const simdjson::dom::element one : list) {
            found.emplace_back(one);
        }
    }
    return found;
}

std::string_view Node::text(std::string_view name) const {
    std::string_view found;
    if (!body_ || body_->at_key(name).get(found) != simdjson::SUCCESS) {
        return {};
    }
    return found;
}

std::int64_t Node::number(std::string_view name) const {
    std::int64_t found = 0;
    if (!body_ || body_->at_key(name).get(found) != simdjson::SUCCESS) {
        return 0;
    }
    return found;
}

bool Node::flag(std::string_view name) const {
    bool found = false;
    return body_ && body_->at_key(name).get(found) == simdjson::SUCCESS && found;
}

Node Node::bare(std::string_view name) const {
    simdjson::dom::object found;
    if (!body_ || body_->at_key(name).get(found) != simdjson::SUCCESS) {
        return {};
    }
    return Node{name, found};
}

std::optional<std::uint32_t> Node::location() const {
    const std::int64_t at = number("location");
    return body_ && at >= 0 ? std::optional{static_cast<std::uint32_t>(at)} : std::nullopt;
}

std::vector<std::string_view> Node::names(std::string_view name) const {
    std::vector<std::string_view> found;
    for (const Node& one : nodes(name)) {
        found.push_back(one.text("sval"));
    }
    return found;
}

std::expected<Tree, Problem> Tree::of(std::string_view text) {
    const std::string terminated{text};
    const std::unique_ptr<PgQueryParseResult, FreeResult> result{
        new PgQueryParseResult{pg_query_parse(terminated.c_str())}};
    if (result->error != nullptr) {
        return std::unexpected(syntax_problem(*result->error, text));
    }
    Tree tree;
    tree.parser_ = std::make_unique<simdjson::dom::parser>();
    const string_view json{result->parse_tree};
    simdjson::dom::element root;
    simdjson::error_code error = tree.parser_->allocate(json.size(), kMaxTreeDepth);
    if (error == simdjson::SUCCESS) {
        error = tree.parser_->parse(json.data(), json.size()).get(root);
    }
    if (error != simdjson::SUCCESS) {
        return std::unexpected(
            Problem{{},
                    error == simdjson::DEPTH_ERROR ? "expressions are nested too deeply"
                                                   : "the parser's tree cannot be read",
                    "at most " + std::to_string(kMaxStatementDepth) + " levels"});
    }
    simdjson::dom::array statements;
    if (root["stmts"].get(statements) == simdjson::SUCCESS) {
        for (const simdjson::dom::element one : statements) {
            simdjson::dom::element statement;
            if (one["stmt"].get(statement) == simdjson::SUCCESS) {
                tree.statements_.emplace_back(statement);
            }
        }
    }
    return tree;
}

}  // namespace kstream::job::sql
