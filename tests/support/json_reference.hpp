// What docs/RECORDS.md says, written down as plainly as possible: builds the whole tree, recurses,
// copies, and shares no code with the decoder. Tests hold the decoder against it.
#pragma once

#include "kstream/model/aggregation_spec.hpp"
#include "kstream/model/decimal.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kstream::testing {

// Either a reason and the field that it is about, if any, or values.
// Groups are the type's letter and the text: "s:vendedor_1", "n:1".
struct ReferenceResult {
    std::string reason;
    std::string field;
    std::vector<std::string> groups;
    std::vector<Int128> inputs;
    friend bool operator==(const ReferenceResult&, const ReferenceResult&) = default;
};

namespace reference {

struct Member;

struct Json {
    char type = '0';   // s n b 0 { [
    std::string text;  // unescaped string, number token, true or false
    std::vector<Member> members;
};

struct Member {
    std::string name;
    Json value;
};

inline bool is_utf8(const std::string& s) {
    for (std::size_t i = 0; i < s.size();) {
        const auto at = [&](std::size_t k) {
            return i + k < s.size() ? static_cast<unsigned char>(s[i + k]) : 0U;
        };
        const unsigned lead = at(0);
        std::size_t size = 0;
        if (lead < 0x80) size = 1;
        if (lead >> 5 == 0x6) size = 2;
        if (lead >> 4 == 0xe) size = 3;
        if (lead >> 3 == 0x1e) size = 4;
        if (size == 0) return false;
        unsigned code = size == 1 ? lead : lead & (0x7fU >> size);
        for (std::size_t k = 1; k < size; ++k) {
            if (at(k) >> 6 != 2) return false;
            code = code * 64 + (at(k) & 0x3f);
        }
        constexpr unsigned kMin[] = {0, 0, 0x80, 0x800, 0x10000};
        if (code < kMin[size] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) {
            return false;
        }
        i += size;
    }
    return true;
}

inline bool is_too_deep(const std::string& s) {
    bool in_string = false;
    long open = 0;
    for (std::size_t i = 0; i < s.size(); ++i) {
        if (in_string) {
            if (s[i] == '\\') {
                ++i;
            } else if (s[i] == '"') {
                in_string = false;
            }
            continue;
        }
        if (s[i] == '"') in_string = true;
        if (s[i] == '{' || s[i] == '[') ++open;
        if (s[i] == '}' || s[i] == ']') --open;
        if (open > 64) return true;
    }
    return false;
}

// Recursive descent; the text is no deeper than 64.
class Parser {
public:
    explicit Parser(std::string text) : s_(std::move(text)) {}

    std::optional<Json> parse() {
        Json value;
        blank();
        if (!read_value(value)) return std::nullopt;
        blank();
        return at_ == s_.size() ? std::optional{value} : std::nullopt;
    }
    bool lone_surrogate = false;

private:
    [[nodiscard]] char peek() const { return at_ < s_.size() ? s_[at_] : '\0'; }
    bool eat(std::string_view word) {
        if (s_.compare(at_, word.size(), word) != 0) return false;
        at_ += word.size();
        return true;
    }
    void blank() {
        while (at_ < s_.size() && std::string_view{" \t\r\n"}.find(s_[at_]) != std::string::npos) {
            ++at_;
        }
    }

    bool read_value(Json& out) {
        out.type = '0';
        if (eat("null")) return true;
        if (peek() == '{') return read_object(out);
        if (peek() == '[') return read_array(out);
        if (peek() == '"') {
            out.type = 's';
            return read_string(out.text);
        }
        for (const std::string_view word : {"true", "false"}) {
            if (eat(word)) {
                out.type = 'b';
                out.text = word;
                return true;
            }
        }
        out.type = 'n';
        return read_number(out.text);
    }

    bool read_object(Json& out) {
        eat("{");
        out.type = '{';
        blank();
        if (eat("}")) return true;
        do {
            Member member;
            blank();
            if (peek() != '"' || !read_string(member.name)) return false;
            blank();
            if (!eat(":")) return false;
            blank();
            if (!read_value(member.value)) return false;
            blank();
            out.members.push_back(std::move(member));
        } while (eat(","));
        return eat("}");
    }

    bool read_array(Json& out) {
        eat("[");
        blank();
        bool good = true;
        if (!eat("]")) {
            do {
                Json item;
                blank();
                good = good && read_value(item);
                blank();
            } while (good && eat(","));
            good = good && eat("]");
        }
        out.type = '[';
        return good;
    }

    bool read_digits(std::string& out) {
        const std::size_t begin = at_;
        while (peek() >= '0' && peek() <= '9') ++at_;
        out += s_.substr(begin, at_ - begin);
        return at_ > begin;
    }

    bool read_number(std::string& out) {
        if (eat("-")) out += '-';
        if (eat("0")) {
            out += '0';
        } else if (!read_digits(out)) {
            return false;
        }
        if (eat(".")) {
            out += '.';
            if (!read_digits(out)) return false;
        }
        if (peek() == 'e' || peek() == 'E') {
            ++at_;
            out += 'e';
            if (peek() == '+' || peek() == '-') out += s_[at_++];
            if (!read_digits(out)) return false;
        }
        return true;
    }

    bool read_unit(unsigned& out) {
        out = 0;
        for (int i = 0; i < 4; ++i, ++at_) {
            const std::string_view digits = "0123456789abcdefABCDEF";
            const std::size_t digit = at_ < s_.size() ? digits.find(s_[at_]) : std::string::npos;
            if (digit == std::string::npos) return false;
            out = out * 16 + static_cast<unsigned>(digit < 16 ? digit : digit - 6);
        }
        return true;
    }

    static void put(std::string& out, unsigned code) {
        if (code < 0x80) {
            out += static_cast<char>(code);
            return;
        }
        std::string tail;
        unsigned limit = 0x40;
        while (code >= limit) {
            tail.insert(tail.begin(), static_cast<char>(0x80 | (code & 0x3f)));
            code >>= 6;
            limit = limit == 0x40 ? 0x20 : limit / 2;
        }
        out += static_cast<char>(tail.size() == 1   ? 0xc0 | code
                                 : tail.size() == 2 ? 0xe0 | code
                                                    : 0xf0 | code);
        out += tail;
    }

    bool read_string(std::string& out) {
        eat("\"");
        unsigned high = 0;  // a high surrogate that waits for its low one
        while (at_ < s_.size()) {
            const char c = s_[at_++];
            unsigned unit = 0;
            const bool escaped_unit = c == '\\' && peek() == 'u';
            if (escaped_unit) {
                ++at_;
                if (!read_unit(unit)) return false;
            }
            const bool is_low = unit >= 0xdc00 && unit <= 0xdfff;
            const bool is_high = unit >= 0xd800 && unit <= 0xdbff;
            if (is_low != (high != 0)) lone_surrogate = true;
            if (is_low) put(out, 0x10000 + (high & 0x3ff) * 0x400 + (unit & 0x3ff));
            if (escaped_unit && !is_low && !is_high) put(out, unit);
            high = is_high ? unit : 0;
            if (escaped_unit) continue;
            if (c == '"') return true;
            if (static_cast<unsigned char>(c) < 0x20) return false;
            if (c != '\\') {
                out += c;
                continue;
            }
            const std::size_t which = std::string_view{"\"\\/bfnrt"}.find(peek());
            if (at_ >= s_.size() || which == std::string::npos) return false;
            out += "\"\\/\b\f\n\r\t"[which];
            ++at_;
        }
        return false;
    }

    std::string s_;
    std::size_t at_ = 0;
};

// Moves the point by hand and compares digits as text.
inline std::string units_of(const std::string& token, int scale, Int128& out) {
    std::string digits = token.substr(0, token.find('e'));
    long long exponent = 0;
    if (token.find('e') != std::string::npos) {
        std::string text = token.substr(token.find('e') + 1);
        const bool negative = text[0] == '-';
        if (text[0] == '-' || text[0] == '+') text.erase(0, 1);
        text.erase(0, std::min(text.find_first_not_of('0'), text.size()));
        exponent = text.empty() ? 0 : text.size() > 12 ? 999'999'999'999 : std::stoll(text);
        exponent = negative ? -exponent : exponent;
    }
    const bool negative = digits[0] == '-';
    if (negative) digits.erase(0, 1);
    if (const std::size_t point = digits.find('.'); point != std::string::npos) {
        exponent -= static_cast<long long>(digits.size() - point - 1);
        digits.erase(point, 1);
    }
    while (digits.size() > 1 && digits.back() == '0') {
        digits.pop_back();
        ++exponent;
    }
    digits.erase(0, digits.find_first_not_of('0') == std::string::npos
                        ? digits.size()
                        : digits.find_first_not_of('0'));
    out = 0;
    if (digits.empty()) return "";
    exponent += scale;
    if (exponent < 0) return "scale";
    if (exponent > 60) return "range";
    digits.append(static_cast<std::size_t>(exponent), '0');
    const std::string limit = negative ? "170141183460469231731687303715884105728"
                                       : "170141183460469231731687303715884105727";
    if (digits.size() > limit.size() || (digits.size() == limit.size() && digits > limit)) {
        return "range";
    }
    for (const char c : digits) {
        out = out * 10 + (negative ? -(c - '0') : c - '0');
    }
    return "";
}

inline std::string plain(Int128 units, int scale) {
    const bool negative = units < 0;
    std::string text;
    do {
        const auto digit = static_cast<int>(units % 10);
        text.insert(text.begin(), static_cast<char>('0' + (digit < 0 ? -digit : digit)));
        units /= 10;
    } while (units != 0);
    const auto places = static_cast<std::size_t>(scale);
    while (text.size() <= places) text.insert(text.begin(), '0');
    text.insert(text.size() - places, 1, '.');
    while (text.back() == '0') text.pop_back();
    if (text.back() == '.') text.pop_back();
    return negative ? "-" + text : text;
}

// The reason, and in `out` the field or the values.
inline std::string judge(const AggregationSpec& spec, const Json& record, ReferenceResult& out) {
    std::vector<std::string> wanted = spec.group_by;
    for (const AggregateSpec& aggregate : spec.aggregates) {
        if (!aggregate.input_field.empty()) wanted.push_back(aggregate.input_field);
    }
    const auto count = [&](const std::string& name) {
        return std::ranges::count(record.members, name, &Member::name);
    };
    const auto get = [&](const std::string& name) -> const Json& {
        return std::ranges::find(record.members, name, &Member::name)->value;
    };
    for (const std::string& name : wanted) {
        out.field = name;
        if (count(name) > 1) return "duplicate_field";
    }
    for (const std::string& name : wanted) {
        out.field = name;
        if (count(name) < 1) return "missing_field";
    }
    for (const std::string& name : spec.group_by) {
        out.field = name;
        const Json& value = get(name);
        std::string text = value.text;
        if (value.type == 'n') {
            Int128 units = 0;
            const std::string problem = units_of(text, spec.scale, units);
            if (!problem.empty()) return problem;
            text = plain(units, spec.scale);
        } else if (value.type != 's' && value.type != 'b') {
            return "group_type";
        }
        if (text.size() > 1024) return "group_size";
        out.groups.push_back(std::string{value.type} + ":" + text);
    }
    for (const AggregateSpec& aggregate : spec.aggregates) {
        Int128 units = 0;
        if (!aggregate.input_field.empty()) {
            out.field = aggregate.input_field;
            const Json& value = get(aggregate.input_field);
            if (value.type != 'n') return "number_type";
            const std::string problem = units_of(value.text, spec.scale, units);
            if (!problem.empty()) return problem;
        }
        out.inputs.push_back(units);
    }
    out.field.clear();
    return "";
}

}  // namespace reference

inline ReferenceResult reference_decode(const AggregationSpec& spec, const std::string& bytes) {
    const auto bad = [](const std::string& reason, const std::string& field = "") {
        return ReferenceResult{reason, field, {}, {}};
    };
    if (!reference::is_utf8(bytes)) return bad("encoding");
    if (reference::is_too_deep(bytes)) return bad("depth");
    reference::Parser parser{bytes};
    const auto record = parser.parse();
    if (!record) return bad("json");
    if (parser.lone_surrogate) return bad("encoding");
    if (record->type != '{') return bad("not_object");
    ReferenceResult result;
    const std::string reason = reference::judge(spec, *record, result);
    return reason.empty() ? result : bad(reason, result.field);
}

}  // namespace kstream::testing
