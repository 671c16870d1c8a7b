#include "text/utf8.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <iterator>

namespace kstream::text {

CodePoint first_code_point(std::string_view text) {
    const auto lead = static_cast<unsigned char>(text[0]);
    if (lead < 0x80) {
        return {lead, 1};
    }
    const std::size_t bytes = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 0;
    if (bytes == 0 || bytes > text.size()) {
        return {};
    }
    char32_t value = lead & (0x7fU >> bytes);
    for (std::size_t i = 1; i < bytes; ++i) {
        const auto next = static_cast<unsigned char>(text[i]);
        if ((next & 0xc0U) != 0x80) {
            return {};
        }
        value = value << 6 | (next & 0x3fU);
    }
    constexpr char32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
    const bool surrogate = value >= 0xd800 && value <= 0xdfff;
    if (value < kSmallest[bytes] || value > 0x10ffff || surrogate) {
        return {};
    }
    return {value, bytes};
}

bool is_active(char32_t c) {
    const bool control = c < 0x20 || (c >= 0x7f && c <= 0x9f);
    const bool bidirectional = c == 0x061c || c == 0x200e || c == 0x200f ||
                               (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
    const bool separator = c == 0x2028 || c == 0x2029;
    return control || bidirectional || separator || c == 0xfeff;
}

bool is_utf8(std::string_view text) {
    while (!text.empty()) {
        const CodePoint c = first_code_point(text);
        if (c.value == kNotUtf8) {
            return false;
        }
        text.remove_prefix(c.bytes);
    }
    return true;
}

std::string ascii(std::string_view text, std::size_t max_bytes) {
    std::string out;
    for (const char c : text.substr(0, max_bytes)) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte >= 0x20 && byte < 0x7f) {
            out += c;
        } else {
            fmt::format_to(std::back_inserter(out), "\\x{:02x}", byte);
        }
    }
    return text.size() > max_bytes ? out + "..." : out;
}

std::string in_quotes(std::string_view text) {
    return "'" + ascii(text) + "'";
}

std::size_t append_shown(std::string& out, std::string_view text) {
    std::size_t characters = 0;
    while (!text.empty()) {
        const CodePoint c = first_code_point(text);
        const std::size_t before = out.size();
        if (c.value == kNotUtf8) {
            fmt::format_to(std::back_inserter(out), "\\x{:02x}",
                           static_cast<unsigned char>(text[0]));
            characters += out.size() - before;
        } else if (is_active(c.value)) {
            fmt::format_to(std::back_inserter(out), "\\u{:04x}",
                           static_cast<std::uint32_t>(c.value));
            characters += out.size() - before;
        } else {
            out += text.substr(0, c.bytes);
            ++characters;
        }
        text.remove_prefix(c.bytes);
    }
    return characters;
}

}  // namespace kstream::text
