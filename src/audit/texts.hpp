// SQL's functions of texts as the audit has them: over code points, and not over bytes as those of
// the loops (expr), with which they share nothing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace kstream::audit {

// Of UTF-8 that has been checked.
[[nodiscard]] std::u32string characters_of(std::string_view text);
[[nodiscard]] std::string utf8_of(std::u32string_view characters);

// Characters from `from`, of which the first is 1, to before `end`.
[[nodiscard]] std::string part_between(std::string_view text, std::int64_t from, std::int64_t end);
// A negative count leaves out so many from the other end.
[[nodiscard]] std::string first_of(std::string_view text, std::int64_t count);
[[nodiscard]] std::string last_of(std::string_view text, std::int64_t count);
[[nodiscard]] std::string split_part_of(std::string_view text, std::string_view delimiter,
                                        std::int64_t part);
// `escape`: a character, or nothing.
[[nodiscard]] bool is_like(std::string_view text, std::string_view pattern,
                           std::string_view escape);

}  // namespace kstream::audit
