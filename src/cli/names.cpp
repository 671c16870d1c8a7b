#include "cli/names.hpp"

#include "text/utf8.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace kstream::cli {
namespace {

using std::string_view;

constexpr string_view kNotPlain = " \t,=\"'`()*";

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

bool looks_like_a_number(string_view text) {
    return std::ranges::any_of(text, is_digit) &&
           std::ranges::all_of(text, [](char c) { return is_digit(c) || c == '.' || c == '_'; });
}

// Blanks around it, but for one that stands after a backslash.
string_view trimmed(string_view text) {
    const std::size_t begin = text.find_first_not_of(" \t");
    if (begin == string_view::npos) {
        return {};
    }
    text.remove_prefix(begin);
    std::size_t end = 0;  // after the last character that counts
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] == '\\' && at + 1 < text.size()) {
            end = ++at + 1;
        } else if (text[at] != ' ' && text[at] != '\t') {
            end = at + 1;
        }
    }
    return text.substr(0, end);
}

std::string_view reason_of(char c) {
    switch (c) {
        case ',':
            return "a comma divides names";
        case '=':
            return "only aggregates of a field have FIELD=NAME";
        case '"':
        case '\'':
        case '`':
            return "names are written without quotes";
        case '(':
        case ')':
            return "what is done with a field is an option: --sum amount, --count";
        case '*':
            return "--count alone counts the records";
        default:
            return "a comma divides several names";
    }
}

}  // namespace

std::vector<std::string> split_names(string_view text) {
    std::vector<std::string> entries;
    while (true) {
        const std::size_t comma = find_bare(text, ',');
        entries.emplace_back(trimmed(text.substr(0, comma)));
        if (comma == string_view::npos) {
            return entries;
        }
        text.remove_prefix(comma + 1);
    }
}

std::vector<std::string> split_settings(string_view text) {
    std::vector<std::string> entries;
    while (true) {
        const std::size_t comma = text.find(',');
        const string_view entry = text.substr(0, comma);
        if (entries.empty() || entry.contains('=')) {
            entries.emplace_back(trimmed(entry));
        } else {
            entries.back() += ',';
            entries.back() += entry;
        }
        if (comma == string_view::npos) {
            return entries;
        }
        text.remove_prefix(comma + 1);
    }
}

std::size_t find_bare(string_view text, char c) {
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] == '\\') {
            ++at;
        } else if (text[at] == c) {
            return at;
        }
    }
    return string_view::npos;
}

Read<std::string> read_name(string_view text) {
    if (text.empty()) {
        return std::unexpected("a name is missing");
    }
    if (looks_like_a_number(text)) {
        return std::unexpected(
            fmt::format("{} is a number where the name of a field is wanted; a field that is "
                        "really called so is \\{}",
                        text::in_quotes(text), text::ascii(text)));
    }
    std::string name;
    for (std::size_t at = 0; at < text.size(); ++at) {
        const char c = text[at];
        if (c == '\\') {
            if (++at == text.size()) {
                return std::unexpected(
                    fmt::format("{} ends in a backslash", text::in_quotes(text)));
            }
            name += text[at];
        } else if (kNotPlain.contains(c)) {
            return std::unexpected(
                fmt::format("{} is not the name of a field: {}; if it is part of the name, put "
                            "a backslash before it (\\{})",
                            text::in_quotes(text), reason_of(c), text::ascii(text.substr(at, 1))));
        } else {
            name += c;
        }
    }
    return name;
}

std::string print_name(string_view name) {
    std::string text = looks_like_a_number(name) ? "\\" : "";
    for (const char c : name) {
        if (c == '\\' || kNotPlain.contains(c)) {
            text += '\\';
        }
        text += c;
    }
    return text;
}

bool looks_nested(string_view name) {
    return name.contains('.') || name.contains('/') || name.contains('[') || name.contains("->");
}

}  // namespace kstream::cli
