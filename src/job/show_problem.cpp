// Problems of a statement for people: where, what, the line with a caret, what to write instead.
#include "kstream/job/parse.hpp"
#include "text/utf8.hpp"

#include <algorithm>
#include <string>
#include <string_view>

namespace kstream::job {
namespace {

using std::string_view;

constexpr std::size_t kMaxShown = 96;     // characters of the line
constexpr std::size_t kShownBefore = 60;  // of them in front of the caret
constexpr string_view kIndent = "  ";

[[nodiscard]] bool begins_character(char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
}

[[nodiscard]] std::size_t characters(string_view text) {
    return static_cast<std::size_t>(std::ranges::count_if(text, begins_character));
}

// Tabs stay what they are, so that the carets below stand where the text does.
std::size_t append_line(std::string& out, string_view text) {
    std::size_t characters = 0;
    while (!text.empty()) {
        const std::size_t tab = std::min(text.find('\t'), text.size());
        characters += text::append_shown(out, text.substr(0, tab));
        text.remove_prefix(tab);
        if (!text.empty()) {
            out += '\t';
            ++characters;
            text.remove_prefix(1);
        }
    }
    return characters;
}

// As many blanks as the text has columns.
void append_blank(std::string& out, string_view text) {
    while (!text.empty()) {
        const std::size_t tab = std::min(text.find('\t'), text.size());
        std::string shown;
        out.append(text::append_shown(shown, text.substr(0, tab)), ' ');
        text.remove_prefix(tab);
        if (!text.empty()) {
            out += '\t';
            text.remove_prefix(1);
        }
    }
}

// The last `characters` of a text, or the first ones.
[[nodiscard]] string_view tail(string_view text, std::size_t characters) {
    std::size_t at = text.size();
    while (at > 0 && characters > 0) {
        --at;
        characters -= begins_character(text[at]) ? 1U : 0U;
    }
    return text.substr(at);
}

[[nodiscard]] string_view head(string_view text, std::size_t characters) {
    std::size_t at = 0;
    while (at < text.size() && (characters > 0 || !begins_character(text[at]))) {
        characters -= begins_character(text[at]) ? 1U : 0U;
        ++at;
    }
    return text.substr(0, at);
}

struct Line {
    string_view before;  // the place
    string_view at;
    string_view after;
};

void append_source(std::string& out, Line line) {
    const string_view before = tail(line.before, kShownBefore);
    const std::size_t left = kMaxShown - characters(before);
    const string_view at = head(line.at, left);
    const string_view after = head(line.after, left - characters(at));
    const bool cut_before = before.size() < line.before.size();
    const bool cut_after = at.size() + after.size() < line.at.size() + line.after.size();
    out += kIndent;
    out += cut_before ? "..." : "";
    append_line(out, before);
    append_line(out, at);
    append_line(out, after);
    out += cut_after ? "...\n" : "\n";
    out += kIndent;
    out += cut_before ? "   " : "";
    append_blank(out, before);
    std::string shown;
    const std::size_t width = append_line(shown, at);
    out += '^';
    out.append(width > 1 ? width - 1 : 0, '~');
    out += '\n';
}

}  // namespace

std::string show(const Problem& problem, std::string_view text, std::string_view name) {
    const std::size_t at = std::min<std::size_t>(problem.place.at, text.size());
    const std::size_t begin = text.substr(0, at).rfind('\n') + 1;  // npos + 1 is 0
    const std::size_t end = std::min(text.find_first_of("\r\n", at), text.size());
    const string_view before = text.substr(begin, at - begin);
    const string_view place = text.substr(at, std::min<std::size_t>(problem.place.size, end - at));
    const auto row = std::ranges::count(text.substr(0, begin), '\n') + 1;
    const std::size_t column = characters(before) + 1;

    std::string out;
    text::append_shown(out, name);
    out += ':' + std::to_string(row) + ':' + std::to_string(column) + ": ";
    text::append_shown(out, problem.message);
    out += '\n';
    append_source(out, {before, place, text.substr(at + place.size(), end - at - place.size())});
    if (!problem.hint.empty()) {
        out += kIndent;
        text::append_shown(out, problem.hint);
        out += '\n';
    }
    return out;
}

}  // namespace kstream::job
