// SQL's functions of texts: UTF-8, in characters as PostgreSQL counts them. Results are parts of
// their arguments, or stand in the arena.
#pragma once

#include "kstream/expr/arena.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace kstream::expr {

[[nodiscard]] std::int64_t length(std::string_view text);
// Characters from..from + count - 1, of which those below 1 and after the end do not exist.
[[nodiscard]] std::string_view substring(std::string_view text, std::int64_t from,
                                         std::int64_t count);
// The first ones; a negative count leaves out so many of the last ones.
[[nodiscard]] std::string_view left(std::string_view text, std::int64_t count);
[[nodiscard]] std::string_view right(std::string_view text, std::int64_t count);
// The part of that number, from 1; from the end where it is negative. Empty when there is none.
[[nodiscard]] std::string_view split_part(std::string_view text, std::string_view delimiter,
                                          std::int64_t part);
// ASCII letters alone, as in the C collation.
[[nodiscard]] std::string_view lower(std::string_view text, Arena& arena);
[[nodiscard]] std::string_view upper(std::string_view text, Arena& arena);
[[nodiscard]] std::string_view concat(std::string_view a, std::string_view b, Arena& arena);

// The pattern of a LIKE.
class LikePattern {
public:
    // `escape`: one character, or empty for none. The pattern does not end with it.
    LikePattern(std::string_view pattern, std::string_view escape);

    [[nodiscard]] bool matches(std::string_view text) const;

private:
    enum class Piece : std::uint8_t { byte, any_character, any_text };

    std::vector<Piece> pieces_;
    std::string bytes_;  // one for each piece
};

}  // namespace kstream::expr
