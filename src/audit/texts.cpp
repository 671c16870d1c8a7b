#include "audit/texts.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace kstream::audit {

std::u32string characters_of(std::string_view text) {
    std::u32string characters;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x80) {
            characters.push_back(byte);
        } else if (byte < 0xc0) {
            characters.back() = characters.back() << 6 | (byte & 0x3f);
        } else {
            characters.push_back(byte & (byte < 0xe0 ? 0x1f : byte < 0xf0 ? 0x0f : 0x07));
        }
    }
    return characters;
}

std::string utf8_of(std::u32string_view characters) {
    std::string text;
    const auto tail = [&text](char32_t bits) { text += static_cast<char>(0x80 | (bits & 0x3f)); };
    for (const char32_t c : characters) {
        if (c < 0x80) {
            text += static_cast<char>(c);
        } else if (c < 0x800) {
            text += static_cast<char>(0xc0 | c >> 6);
            tail(c);
        } else if (c < 0x10000) {
            text += static_cast<char>(0xe0 | c >> 12);
            tail(c >> 6);
            tail(c);
        } else {
            text += static_cast<char>(0xf0 | c >> 18);
            tail(c >> 12);
            tail(c >> 6);
            tail(c);
        }
    }
    return text;
}

std::string part_between(std::string_view text, std::int64_t from, std::int64_t end) {
    const std::u32string characters = characters_of(text);
    std::u32string part;
    for (std::size_t i = 0; i < characters.size(); ++i) {
        const auto position = static_cast<std::int64_t>(i) + 1;
        if (position >= from && position < end) {
            part.push_back(characters[i]);
        }
    }
    return utf8_of(part);
}

std::string first_of(std::string_view text, std::int64_t count) {
    const auto size = static_cast<std::int64_t>(characters_of(text).size());
    return part_between(text, 1, count >= 0 ? count + 1 : size + count + 1);
}

std::string last_of(std::string_view text, std::int64_t count) {
    const auto size = static_cast<std::int64_t>(characters_of(text).size());
    return part_between(text, count >= 0 ? size - count + 1 : 1 - count, size + 1);
}

std::string split_part_of(std::string_view text, std::string_view delimiter, std::int64_t part) {
    std::vector<std::string> parts(1);
    for (std::size_t at = 0; at < text.size();) {
        if (!delimiter.empty() && text.substr(at).starts_with(delimiter)) {
            parts.emplace_back();
            at += delimiter.size();
        } else {
            parts.back() += text[at++];
        }
    }
    const auto count = static_cast<std::int64_t>(parts.size());
    const std::int64_t wanted = part > 0 ? part : count + part + 1;
    return wanted >= 1 && wanted <= count ? parts[static_cast<std::size_t>(wanted - 1)]
                                          : std::string{};
}

// Which beginnings of the text the pattern up to here stands for, one character of it after the
// other.
bool is_like(std::string_view text, std::string_view pattern, std::string_view escape) {
    const std::u32string characters = characters_of(text);
    const std::u32string wanted = characters_of(pattern);
    const std::u32string escapes = characters_of(escape);
    std::vector<bool> reached(characters.size() + 1);
    reached[0] = true;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        const bool escaped = !escapes.empty() && wanted[i] == escapes[0] && i + 1 < wanted.size();
        i += escaped ? 1 : 0;
        if (!escaped && wanted[i] == U'%') {
            const auto first = std::ranges::find(reached, true);
            std::fill(first, reached.end(), true);
            continue;
        }
        const bool any = !escaped && wanted[i] == U'_';
        for (std::size_t at = characters.size(); at > 0; --at) {
            reached[at] = reached[at - 1] && (any || characters[at - 1] == wanted[i]);
        }
        reached[0] = false;
    }
    return reached[characters.size()];
}

}  // namespace kstream::audit
