#include "text/json_tokens.hpp"

#include <cstdint>
#include <optional>

namespace kstream::json {
namespace {

constexpr int kNotHex = -1;

constexpr int hex_value(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : kNotHex;
}

// The code unit of the \uXXXX at the front, or nothing.
std::optional<std::uint32_t> unicode_escape(std::string_view text) {
    if (text.size() < 6 || text[0] != '\\' || text[1] != 'u') {
        return std::nullopt;
    }
    std::uint32_t unit = 0;
    for (const char c : text.substr(2, 4)) {
        const int digit = hex_value(c);
        if (digit == kNotHex) {
            return std::nullopt;
        }
        unit = unit << 4 | static_cast<std::uint32_t>(digit);
    }
    return unit;
}

constexpr bool is_high_surrogate(std::uint32_t unit) {
    return unit >= 0xd800 && unit <= 0xdbff;
}
constexpr bool is_low_surrogate(std::uint32_t unit) {
    return unit >= 0xdc00 && unit <= 0xdfff;
}

void append_utf8(std::string& out, std::uint32_t code_point) {
    const auto byte = [&](std::uint32_t value) { out += static_cast<char>(value); };
    if (code_point < 0x80) {
        byte(code_point);
    } else if (code_point < 0x800) {
        byte(0xc0 | code_point >> 6);
        byte(0x80 | (code_point & 0x3f));
    } else if (code_point < 0x10000) {
        byte(0xe0 | code_point >> 12);
        byte(0x80 | (code_point >> 6 & 0x3f));
        byte(0x80 | (code_point & 0x3f));
    } else {
        byte(0xf0 | code_point >> 18);
        byte(0x80 | (code_point >> 12 & 0x3f));
        byte(0x80 | (code_point >> 6 & 0x3f));
        byte(0x80 | (code_point & 0x3f));
    }
}

}  // namespace

Escape read_escape(std::string_view text) {
    if (text.size() < 2) {
        return {};
    }
    switch (text[1]) {
        case '"':
            return {2, '"'};
        case '\\':
            return {2, '\\'};
        case '/':
            return {2, '/'};
        case 'b':
            return {2, '\b'};
        case 'f':
            return {2, '\f'};
        case 'n':
            return {2, '\n'};
        case 'r':
            return {2, '\r'};
        case 't':
            return {2, '\t'};
        default:
            break;
    }
    const auto unit = unicode_escape(text);
    if (!unit) {
        return {};
    }
    if (is_high_surrogate(*unit)) {
        const auto next = unicode_escape(text.substr(6));
        if (next && is_low_surrogate(*next)) {
            return {12, 0x10000 + ((*unit - 0xd800) << 10) + (*next - 0xdc00)};
        }
    }
    return {6, *unit};
}

std::size_t number_size(std::string_view text) {
    const char* at = text.data();
    const char* const end = at + text.size();
    const auto digits = [&] {
        const char* const first = at;
        while (at != end && is_digit(*at)) {
            ++at;
        }
        return at != first;
    };
    if (at != end && *at == '-') {
        ++at;
    }
    if (at != end && *at == '0') {
        ++at;
    } else if (!digits()) {
        return 0;
    }
    if (at != end && *at == '.') {
        ++at;
        if (!digits()) {
            return 0;
        }
    }
    if (at != end && (*at == 'e' || *at == 'E')) {
        ++at;
        if (at != end && (*at == '+' || *at == '-')) {
            ++at;
        }
        if (!digits()) {
            return 0;
        }
    }
    return static_cast<std::size_t>(at - text.data());
}

Escapes check_escapes(std::string_view raw) {
    bool lone_surrogate = false;
    for (std::size_t at = raw.find('\\'); at != std::string_view::npos; at = raw.find('\\', at)) {
        const Escape escape = read_escape(raw.substr(at));
        if (escape.size == 0) {
            return Escapes::invalid;
        }
        lone_surrogate |= escape.is_lone_surrogate();
        at += escape.size;
    }
    return lone_surrogate ? Escapes::lone_surrogate : Escapes::fine;
}

void append_unescaped(std::string& out, std::string_view raw) {
    for (;;) {
        const std::size_t at = raw.find('\\');
        out += raw.substr(0, at);
        if (at == std::string_view::npos) {
            return;
        }
        const Escape escape = read_escape(raw.substr(at));
        append_utf8(out, escape.code_point);
        raw.remove_prefix(at + escape.size);
    }
}

}  // namespace kstream::json
