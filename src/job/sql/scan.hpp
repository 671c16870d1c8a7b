// The tokens of a statement's text, as PostgreSQL's scanner takes them. The parser's tree has
// names folded and cut and says only where things begin: how a name is spelled, and where
// something ends, is read here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace kstream::job::sql {

struct Token {
    enum class Kind : std::uint8_t { word, quoted, string, number, parameter, symbol };
    Kind kind = Kind::symbol;
    bool unicode = false;  // U&"..." or U&'...'
    std::uint32_t at = 0;
    std::uint32_t size = 0;
    std::size_t partner = 0;  // of a bracket: the index of the other one; 0 when there is none
    [[nodiscard]] std::uint32_t end() const { return at + size; }
};

class Tokens {
public:
    // What is no token (a quote that is never closed) is one to the end: the parser refuses it.
    explicit Tokens(std::string_view text);

    [[nodiscard]] std::size_t size() const { return tokens_.size(); }
    [[nodiscard]] const Token& operator[](std::size_t index) const { return tokens_[index]; }
    [[nodiscard]] std::string_view text(std::size_t index) const;
    // The token that begins at or after that byte; size() when there is none.
    [[nodiscard]] std::size_t from(std::uint32_t at) const;
    // A word of SQL, in any case.
    [[nodiscard]] bool is_word(std::size_t index, std::string_view lower) const;
    [[nodiscard]] bool is_symbol(std::size_t index, std::string_view symbol) const;
    [[nodiscard]] bool is_name(std::size_t index) const;
    // A name as it is spelled, without its quotes.
    [[nodiscard]] std::string name(std::size_t index) const;

private:
    std::string_view text_;
    std::vector<Token> tokens_;
};

}  // namespace kstream::job::sql
