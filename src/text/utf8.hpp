// Text that came from outside and is shown to a person: UTF-8, character by character.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace kstream::text {

inline constexpr char32_t kNotUtf8 = 0xffffffff;

struct CodePoint {
    char32_t value = kNotUtf8;
    std::size_t bytes = 1;
};

// The code point at the front of a text that is not empty; kNotUtf8 with one byte when there is
// none (overlong forms and surrogates included).
[[nodiscard]] CodePoint first_code_point(std::string_view text);

// Characters that act on a terminal or a reader instead of standing for themselves: controls,
// bidirectional marks, line separators, the byte order mark. All are below U+10000.
[[nodiscard]] bool is_active(char32_t c);

[[nodiscard]] bool is_utf8(std::string_view text);

// For messages, which are ASCII: every other byte as \xff, and no more than `max_bytes` of `text`,
// with dots where it was cut.
[[nodiscard]] std::string ascii(std::string_view text, std::size_t max_bytes = 128);
[[nodiscard]] std::string in_quotes(std::string_view text);  // 'a b'

// Appends `text` with its active characters as \u001b and bytes that are no UTF-8 as \xff: what a
// terminal shows is what is there. Returns how many characters were appended.
std::size_t append_shown(std::string& out, std::string_view text);

}  // namespace kstream::text
