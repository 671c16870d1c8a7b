// RFC 8259 byte by byte, off the hot path. It shares no code with simdjson's index, so the two
// check each other: the reader asks text_problem about every record that its walk turned down, and
// a text on which they differ is a broken invariant.
#include "reader/json/text_problem.hpp"

#include "kstream/check.hpp"
#include "text/json_tokens.hpp"

#include <simdjson.h>

#include <cstddef>
#include <cstdint>

namespace kstream::json {
namespace {

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

    // What has to stand after a value, an opening bracket or a key with its colon.
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
                lone_surrogate_ |= escape.is_lone_surrogate();
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

BadReason why_not_an_object(std::string_view text) {
    const std::optional<BadReason> problem = text_problem(text);
    if (problem) {
        return *problem;
    }
    const std::size_t first = text.find_first_not_of(" \t\r\n");
    KSTREAM_CHECK(text[first] != '{', "walk and grammar agree");
    return BadReason::not_object;
}

}  // namespace kstream::json
