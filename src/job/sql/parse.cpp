#include "kstream/job/parse.hpp"

#include "job/sql/binder.hpp"
#include "job/sql/scan.hpp"
#include "job/sql/tree.hpp"
#include "text/utf8.hpp"

#include <utility>

namespace kstream::job {
namespace {

using Problems = std::vector<Problem>;

[[nodiscard]] Problems one_problem(Place place, std::string message, std::string hint = {}) {
    Problems problems;
    problems.push_back({place, std::move(message), std::move(hint)});
    return problems;
}

// What has to be right before the text is anybody's.
[[nodiscard]] Problems text_problems(std::string_view text) {
    if (text.size() > kMaxStatementBytes) {
        return one_problem({}, "the statement is longer than " +
                                   std::to_string(kMaxStatementBytes / 1024) + " KiB");
    }
    for (std::size_t at = 0; at < text.size();) {
        const text::CodePoint c = text::first_code_point(text.substr(at));
        const Place place{static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(c.bytes)};
        if (c.value == text::kNotUtf8) {
            return one_problem(place, "a byte that is not valid UTF-8", "save the file as UTF-8");
        }
        if (c.value == 0) {
            return one_problem(place, "the character U+0000 is not supported");
        }
        at += c.bytes;
    }
    return {};
}

}  // namespace

std::expected<Statement, std::vector<Problem>> parse(std::string_view text,
                                                     const ParseOptions& options) {
    if (Problems problems = text_problems(text); !problems.empty()) {
        return std::unexpected(std::move(problems));
    }
    const sql::Tokens tokens{text};
    std::size_t end = tokens.size();
    for (std::size_t i = tokens.size(); i > 0; --i) {
        if (tokens[i - 1].unicode) {
            return std::unexpected(one_problem(
                {tokens[i - 1].at, tokens[i - 1].size}, "U& strings and names are not supported",
                "write the characters directly: the statement is UTF-8"));
        }
        if (tokens.is_symbol(i - 1, ";")) {
            end = i - 1;
        }
    }
    std::expected<sql::Tree, Problem> tree = sql::Tree::of(text);
    if (!tree) {
        return std::unexpected(Problems{std::move(tree.error())});
    }
    if (tree->statements().empty()) {
        return std::unexpected(one_problem({}, "the statement is empty", "write SELECT ..."));
    }
    if (tree->statements().size() > 1) {
        const Place place =
            end + 1 < tokens.size() ? Place{tokens[end + 1].at, tokens[end + 1].size} : Place{};
        return std::unexpected(one_problem(place, "a second statement",
                                           "a job is one SELECT: put each job into its own file"));
    }
    return sql::Binder{text, tokens, options}.bind(tree->statements().front());
}

}  // namespace kstream::job
