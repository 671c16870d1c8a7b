// RFC 8259 byte by byte. Off the hot path: a good record meets nothing of this but number_size and
// its own escapes. It shares no code with simdjson's index, so the two check each other: the
// decoder asks text_problem about every record that its walk turned down, and a text on which they
// differ is a broken invariant.
#include "codec/json_text.hpp"

#include <simdjson.h>

#include <array>
#include <cstdint>

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

struct Escape {
    std::size_t size = 0;          // bytes of the escape, a pair of surrogates taken as one
    std::uint32_t code_point = 0;  // a lone surrogate stays one
};

// The escape at the front of `text`, which starts with a backslash; size 0 when it is none.
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

// Brackets open at once, counted outside of strings, whether or not they match: so it needs no
// grammar, and a text that is both too deep and broken has one verdict.
bool too_deep(std::string_view text) {
    std::int64_t open = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        switch (text[i]) {
            case '{':
            case '[':
                if (++open > kMaxDepth) {
                    return true;
                }
                break;
            case '}':
            case ']':
                --open;
                break;
            case '"':
                for (++i; i < text.size() && text[i] != '"'; ++i) {
                    if (text[i] == '\\') {
                        ++i;
                    }
                }
                break;
            default:
                break;
        }
    }
    return false;
}

// One pass over a text that is known to be no deeper than kMaxDepth; no recursion, the open
// brackets are bits of one word.
class Grammar {
public:
    explicit Grammar(std::string_view text) : rest_(text) {}

    // One value with only whitespace around it.
    bool accepts() {
        Step step = Step::value;
        while (step == Step::value || step == Step::key) {
            skip_whitespace();
            const bool good = step == Step::value ? value() : key();
            step = good ? after(step) : Step::failed;
        }
        return step == Step::done;
    }
    [[nodiscard]] bool has_lone_surrogate() const { return lone_surrogate_; }

private:
    enum class Step { value, key, done, failed };

    void skip_whitespace() {
        while (!rest_.empty() && is_whitespace(rest_.front())) {
            rest_.remove_prefix(1);
        }
    }
    bool take(char c) {
        if (!rest_.starts_with(c)) {
            return false;
        }
        rest_.remove_prefix(1);
        return true;
    }
    bool take(std::string_view word) {
        if (!rest_.starts_with(word)) {
            return false;
        }
        rest_.remove_prefix(word.size());
        return true;
    }

    // A scalar, or the opening bracket of a container.
    bool value() {
        opened_ = false;
        if (rest_.starts_with('{') || rest_.starts_with('[')) {
            objects_ = objects_ << 1 | (rest_.front() == '{' ? 1 : 0);
            ++depth_;
            rest_.remove_prefix(1);
            opened_ = true;
            return true;
        }
        if (rest_.starts_with('"')) {
            return string();
        }
        if (take("true") || take("false") || take("null")) {
            return true;
        }
        const std::size_t size = number_size(rest_);
        rest_.remove_prefix(size);
        return size > 0;
    }

    bool key() {
        opened_ = false;
        if (!string()) {
            return false;
        }
        skip_whitespace();
        return take(':');
    }

    // What has to stand behind a value, an opening bracket or a key with its colon.
    Step after(Step step) {
        if (step == Step::key) {
            return Step::value;
        }
        for (;;) {
            skip_whitespace();
            if (depth_ == 0) {
                return rest_.empty() ? Step::done : Step::failed;
            }
            const bool in_object = (objects_ & 1) != 0;
            if (take(in_object ? '}' : ']')) {
                objects_ >>= 1;
                --depth_;
                opened_ = false;
                continue;
            }
            if (!opened_ && !take(',')) {
                return Step::failed;
            }
            return in_object ? Step::key : Step::value;
        }
    }

    bool string() {
        if (!take('"')) {
            return false;
        }
        while (!rest_.empty()) {
            const char c = rest_.front();
            if (c == '"') {
                rest_.remove_prefix(1);
                return true;
            }
            if (static_cast<unsigned char>(c) < 0x20) {
                return false;
            }
            std::size_t size = 1;
            if (c == '\\') {
                const Escape escape = read_escape(rest_);
                size = escape.size;
                lone_surrogate_ |=
                    is_high_surrogate(escape.code_point) || is_low_surrogate(escape.code_point);
            }
            if (size == 0) {
                return false;
            }
            rest_.remove_prefix(size);
        }
        return false;
    }

    std::string_view rest_;
    std::uint64_t objects_ = 0;  // bit 0: the innermost open bracket is an object's
    int depth_ = 0;
    bool opened_ = false;  // the last thing taken was an opening bracket
    bool lone_surrogate_ = false;
};

}  // namespace

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
        lone_surrogate |=
            is_high_surrogate(escape.code_point) || is_low_surrogate(escape.code_point);
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

std::optional<BadReason> text_problem(std::string_view text) {
    if (!simdjson::validate_utf8(text.data(), text.size())) {
        return BadReason::encoding;
    }
    if (too_deep(text)) {
        return BadReason::depth;
    }
    Grammar grammar{text};
    if (!grammar.accepts()) {
        return BadReason::json;
    }
    if (grammar.has_lone_surrogate()) {
        return BadReason::encoding;
    }
    return std::nullopt;
}

}  // namespace kstream::json
