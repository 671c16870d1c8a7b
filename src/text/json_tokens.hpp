// JSON's small parts, byte by byte (RFC 8259): tokens and escapes, for those who read JSON. Nothing
// here knows what a text means.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace kstream::json {

[[nodiscard]] constexpr bool is_whitespace(char c) {
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

[[nodiscard]] constexpr bool is_digit(char c) {
    return static_cast<unsigned char>(c - '0') <= 9;
}

// How many bytes at the front of `text` are a number of section 6, 0 when none are. The longest
// match: "01" gives 1 and "1.x" gives 0.
[[nodiscard]] std::size_t number_size(std::string_view text);

// An escape of 6 bytes makes at least one byte of text: what is longer than this times a limit
// before it is unescaped is over the limit after it, too.
inline constexpr std::size_t kMaxEscapeFactor = 6;

struct Escape {
    std::size_t size = 0;          // bytes of the escape, a pair of surrogates taken as one
    std::uint32_t code_point = 0;  // a lone surrogate stays one

    [[nodiscard]] constexpr bool is_lone_surrogate() const {
        return code_point >= 0xd800 && code_point <= 0xdfff;
    }
};

// The escape at the front of `text`, which starts with a backslash; size 0 when it is none.
[[nodiscard]] Escape read_escape(std::string_view text);

enum class Escapes {
    fine,
    invalid,         // an escape that JSON does not have
    lone_surrogate,  // a \u escape that is half of a pair; only when none is invalid
};

// `raw` is what stands between the quotes of a string: no unescaped quote, and no half escape at
// its end unless it is invalid. Only escapes are looked at.
[[nodiscard]] Escapes check_escapes(std::string_view raw);

// Appends `raw` without its escapes, as UTF-8. Its escapes have been checked and are fine.
void append_unescaped(std::string& out, std::string_view raw);

}  // namespace kstream::json
