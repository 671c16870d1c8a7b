#include "job/sql/scan.hpp"

#include "job/names.hpp"

#include <algorithm>

namespace kstream::job::sql {
namespace {

using std::string_view;

[[nodiscard]] bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

[[nodiscard]] bool begins_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           static_cast<unsigned char>(c) >= 0x80;
}

[[nodiscard]] bool goes_on_word(char c) {
    return begins_word(c) || is_digit(c) || c == '$';
}

[[nodiscard]] bool is_operator(char c) {
    return string_view{"~!@#^&|`?+-*/%<>="}.contains(c);
}

[[nodiscard]] std::size_t end_of_quoted(string_view text, std::size_t at, char quote,
                                        bool backslashes) {
    for (std::size_t i = at + 1; i < text.size(); ++i) {
        if (backslashes && text[i] == '\\') {
            ++i;
        } else if (text[i] == quote) {
            if (i + 1 < text.size() && text[i + 1] == quote) {
                ++i;
            } else {
                return i + 1;
            }
        }
    }
    return text.size();
}

// Behind white space and comments; those of PostgreSQL nest.
[[nodiscard]] std::size_t skip_blank(string_view text, std::size_t at) {
    while (at < text.size()) {
        if (string_view{" \t\n\r\f\v"}.contains(text[at])) {
            ++at;
        } else if (text.substr(at).starts_with("--")) {
            at = std::min(text.find_first_of("\n\r", at), text.size());
        } else if (text.substr(at).starts_with("/*")) {
            int depth = 0;
            do {
                if (text.substr(at).starts_with("/*")) {
                    ++depth;
                    at += 2;
                } else if (text.substr(at).starts_with("*/")) {
                    --depth;
                    at += 2;
                } else {
                    ++at;
                }
            } while (depth > 0 && at < text.size());
        } else {
            break;
        }
    }
    return std::min(at, text.size());
}

// Behind $$...$$ or $tag$...$tag$, or 0 when no such string begins here.
[[nodiscard]] std::size_t end_of_dollar(string_view text, std::size_t at) {
    std::size_t tag = at + 1;
    while (tag < text.size() && goes_on_word(text[tag]) && text[tag] != '$') {
        ++tag;
    }
    if (tag >= text.size() || text[tag] != '$' || is_digit(text[at + 1])) {
        return 0;
    }
    const string_view mark = text.substr(at, tag + 1 - at);
    const std::size_t end = text.find(mark, tag + 1);
    return end == string_view::npos ? text.size() : end + mark.size();
}

[[nodiscard]] std::size_t end_of_number(string_view text, std::size_t at) {
    while (at < text.size() && is_digit(text[at])) {
        ++at;
    }
    if (at < text.size() && text[at] == '.' && !text.substr(at).starts_with("..")) {
        ++at;
        while (at < text.size() && is_digit(text[at])) {
            ++at;
        }
    }
    if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
        std::size_t exponent = at + 1;
        if (exponent < text.size() && (text[exponent] == '+' || text[exponent] == '-')) {
            ++exponent;
        }
        if (exponent < text.size() && is_digit(text[exponent])) {
            at = exponent;
            while (at < text.size() && is_digit(text[at])) {
                ++at;
            }
        }
    }
    return at;
}

[[nodiscard]] std::size_t end_of_symbol(string_view text, std::size_t at) {
    if (text.substr(at).starts_with("::") || text.substr(at).starts_with("..") ||
        text.substr(at).starts_with(":=")) {
        return at + 2;
    }
    if (!is_operator(text[at])) {
        return at + 1;
    }
    std::size_t end = at;
    while (end < text.size() && is_operator(text[end]) && !text.substr(end).starts_with("--") &&
           !text.substr(end).starts_with("/*")) {
        ++end;
    }
    // An operator ends in + or - only with a character that SQL's own have not: "= -1" may be
    // written without a blank.
    const string_view op = text.substr(at, end - at);
    if (op.find_first_of("~!@#^&|`?%") == string_view::npos) {
        while (end > at + 1 && (text[end - 1] == '+' || text[end - 1] == '-')) {
            --end;
        }
    }
    return std::max(end, at + 1);
}

[[nodiscard]] Token read_token(string_view text, std::size_t at) {
    using Kind = Token::Kind;
    Token token;
    token.at = static_cast<std::uint32_t>(at);
    const auto finish = [&](Kind kind, std::size_t end) {
        token.kind = kind;
        token.size = static_cast<std::uint32_t>(std::max(end, at + 1) - at);
        return token;
    };
    const char c = text[at];
    const string_view rest = text.substr(at);
    if (rest.size() > 2 && (c == 'u' || c == 'U') && rest[1] == '&' &&
        (rest[2] == '"' || rest[2] == '\'')) {
        token.unicode = true;
        return finish(rest[2] == '"' ? Kind::quoted : Kind::string,
                      end_of_quoted(text, at + 2, rest[2], false));
    }
    if (rest.size() > 1 && rest[1] == '\'' && string_view{"eEbBxXnN"}.contains(c)) {
        return finish(Kind::string, end_of_quoted(text, at + 1, '\'', c == 'e' || c == 'E'));
    }
    if (c == '"' || c == '\'') {
        return finish(c == '"' ? Kind::quoted : Kind::string, end_of_quoted(text, at, c, false));
    }
    if (begins_word(c)) {
        const auto end = std::ranges::find_if_not(rest, goes_on_word);
        return finish(Kind::word, at + static_cast<std::size_t>(end - rest.begin()));
    }
    if (is_digit(c) || (c == '.' && rest.size() > 1 && is_digit(rest[1]))) {
        return finish(Kind::number, end_of_number(text, at));
    }
    if (c == '$' && rest.size() > 1) {
        if (const std::size_t end = end_of_dollar(text, at); end != 0) {
            return finish(Kind::string, end);
        }
        std::size_t end = at + 1;
        while (end < text.size() && is_digit(text[end])) {
            ++end;
        }
        return finish(Kind::parameter, end);
    }
    return finish(Kind::symbol, end_of_symbol(text, at));
}

}  // namespace

Tokens::Tokens(std::string_view text) : text_(text) {
    std::vector<std::size_t> open;
    for (std::size_t at = skip_blank(text, 0); at < text.size();) {
        Token token = read_token(text, at);
        at = skip_blank(text, token.end());
        if (token.kind == Token::Kind::symbol) {
            const char c = text[token.at];
            if (c == '(' || c == '[') {
                open.push_back(tokens_.size());
            } else if ((c == ')' || c == ']') && !open.empty()) {
                token.partner = open.back();
                tokens_[open.back()].partner = tokens_.size();
                open.pop_back();
            }
        }
        tokens_.push_back(token);
    }
}

std::string_view Tokens::text(std::size_t index) const {
    return index < tokens_.size() ? text_.substr(tokens_[index].at, tokens_[index].size)
                                  : std::string_view{};
}

std::size_t Tokens::from(std::uint32_t at) const {
    return static_cast<std::size_t>(std::ranges::lower_bound(tokens_, at, {}, &Token::at) -
                                    tokens_.begin());
}

bool Tokens::is_word(std::size_t index, std::string_view lower) const {
    return index < tokens_.size() && tokens_[index].kind == Token::Kind::word &&
           folded(text(index)) == lower;
}

bool Tokens::is_symbol(std::size_t index, std::string_view symbol) const {
    return index < tokens_.size() && tokens_[index].kind == Token::Kind::symbol &&
           text(index) == symbol;
}

bool Tokens::is_name(std::size_t index) const {
    return index < tokens_.size() &&
           (tokens_[index].kind == Token::Kind::word || tokens_[index].kind == Token::Kind::quoted);
}

std::string Tokens::name(std::size_t index) const {
    const std::string_view token = text(index);
    if (tokens_[index].kind != Token::Kind::quoted) {
        return std::string{token};
    }
    std::string name;
    for (std::size_t i = 1; i + 1 < token.size(); ++i) {
        name += token[i];
        if (token[i] == '"') {
            ++i;
        }
    }
    return name;
}

}  // namespace kstream::job::sql
