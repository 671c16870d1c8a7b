#include "kstream/expr/text.hpp"

#include <algorithm>
#include <cstddef>
#include <limits>

namespace kstream::expr {
namespace {

constexpr bool continues(char c) {
    return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

// Where character number `count` (from 0) begins; the end when there are fewer.
std::size_t begin_of(std::string_view text, std::int64_t count) {
    std::size_t at = 0;
    while (at < text.size() && count > 0) {
        ++at;
        while (at < text.size() && continues(text[at])) {
            ++at;
        }
        --count;
    }
    return at;
}

template <typename Change>
std::string_view changed(std::string_view text, Arena& arena, Change change) {
    char* const made = arena.take(text.size());
    std::ranges::transform(text, made, change);
    return {made, text.size()};
}

}  // namespace

std::int64_t length(std::string_view text) {
    return std::ranges::count_if(text, [](char c) { return !continues(c); });
}

std::string_view substring(std::string_view text, std::int64_t from, std::int64_t count) {
    // Within 32 bits each, so the sum is one of 64.
    const std::int64_t end = from + count;
    const std::int64_t begin = std::max<std::int64_t>(from, 1);
    if (end <= begin) {
        return {};
    }
    const std::string_view rest = text.substr(begin_of(text, begin - 1));
    return rest.substr(0, begin_of(rest, end - begin));
}

std::string_view left(std::string_view text, std::int64_t count) {
    const std::int64_t kept = count >= 0 ? count : std::max<std::int64_t>(length(text) + count, 0);
    return text.substr(0, begin_of(text, kept));
}

std::string_view right(std::string_view text, std::int64_t count) {
    const std::int64_t skipped =
        count >= 0 ? std::max<std::int64_t>(length(text) - count, 0) : -count;
    return text.substr(begin_of(text, skipped));
}

std::string_view split_part(std::string_view text, std::string_view delimiter, std::int64_t part) {
    if (delimiter.empty()) {
        return part == 1 || part == -1 ? text : std::string_view{};
    }
    if (part < 0) {
        // From the front: delimiters may overlap, and PostgreSQL looks for them from there.
        std::int64_t parts = 1;
        for (std::size_t at = text.find(delimiter); at != std::string_view::npos;
             at = text.find(delimiter, at + delimiter.size())) {
            ++parts;
        }
        part += parts + 1;
    }
    if (part < 1) {
        return {};
    }
    for (;;) {
        const std::size_t end = text.find(delimiter);
        if (--part == 0) {
            return text.substr(0, end);
        }
        if (end == std::string_view::npos) {
            return {};
        }
        text.remove_prefix(end + delimiter.size());
    }
}

std::string_view lower(std::string_view text, Arena& arena) {
    return changed(text, arena, [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
}

std::string_view upper(std::string_view text, Arena& arena) {
    return changed(text, arena, [](char c) {
        return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    });
}

std::string_view concat(std::string_view a, std::string_view b, Arena& arena) {
    char* const made = arena.take(a.size() + b.size());
    std::ranges::copy(a, made);
    std::ranges::copy(b, made + a.size());
    return {made, a.size() + b.size()};
}

LikePattern::LikePattern(std::string_view pattern, std::string_view escape) {
    const auto add = [this](Piece piece, char byte) {
        pieces_.push_back(piece);
        bytes_ += byte;
    };
    while (!pattern.empty()) {
        if (!escape.empty() && pattern.starts_with(escape)) {
            pattern.remove_prefix(escape.size());
            const std::size_t size = begin_of(pattern, 1);
            for (const char byte : pattern.substr(0, size)) {
                add(Piece::byte, byte);
            }
            pattern.remove_prefix(size);
            continue;
        }
        const char c = pattern.front();
        add(c == '%' ? Piece::any_text : c == '_' ? Piece::any_character : Piece::byte, c);
        pattern.remove_prefix(1);
    }
}

// Where a text in between can only be longer, the last one is: linear in both for most patterns.
bool LikePattern::matches(std::string_view text) const {
    constexpr std::size_t kNone = std::numeric_limits<std::size_t>::max();
    std::size_t at = 0;
    std::size_t piece = 0;
    std::size_t any_piece = kNone;  // after the last any_text
    std::size_t any_end = 0;        // where what it stands for ends
    for (;;) {
        if (piece < pieces_.size() && pieces_[piece] == Piece::any_text) {
            any_piece = ++piece;
            any_end = at;
            continue;
        }
        if (piece == pieces_.size() && at == text.size()) {
            return true;
        }
        if (piece < pieces_.size() && at < text.size()) {
            if (pieces_[piece] == Piece::any_character) {
                at += begin_of(text.substr(at), 1);
                ++piece;
                continue;
            }
            if (bytes_[piece] == text[at]) {
                ++at;
                ++piece;
                continue;
            }
        }
        if (any_piece == kNone || any_end == text.size()) {
            return false;
        }
        any_end += begin_of(text.substr(any_end), 1);
        at = any_end;
        piece = any_piece;
    }
}

}  // namespace kstream::expr
