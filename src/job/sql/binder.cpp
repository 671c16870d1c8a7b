#include "job/sql/binder.hpp"

#include "job/names.hpp"

#include <algorithm>
#include <utility>

namespace kstream::job::sql {
namespace {

// CASE x WHEN y, BETWEEN and an alias in GROUP BY stand for copies of x: without a bound a short
// text could ask for any amount of memory.
constexpr std::size_t kMaxDrafts = 100'000;
constexpr std::size_t kMaxProblems = 100;
constexpr std::size_t kMaxSourceBytes = 60;

[[nodiscard]] bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

[[nodiscard]] Place span_of(Place one, Place other) {
    if (one.size == 0 || other.size == 0) {
        return one.size == 0 ? other : one;
    }
    const std::uint32_t begin = std::min(one.at, other.at);
    const std::uint32_t end = std::max(one.at + one.size, other.at + other.size);
    return {begin, end - begin};
}

}  // namespace

// ---- problems -----------------------------------------------------------------------------------

void Binder::note(Place place, std::string message, std::string hint) {
    if (problems_.size() < kMaxProblems) {
        problems_.push_back({place, std::move(message), std::move(hint)});
    }
}

Draft Binder::refuse(Place place, std::string message, std::string hint) {
    note(place, std::move(message), std::move(hint));
    return broken(place);
}

Draft Binder::broken(Place place) {
    Draft draft;
    draft.place = place;
    draft.slot = types_.broken();
    return draft;
}

std::string Binder::source(Place place) const {
    std::string found;
    for (const char c : text_.substr(std::min<std::size_t>(place.at, text_.size()), place.size)) {
        if (!is_blank(c)) {
            found += c;
        } else if (!found.ends_with(' ')) {
            found += ' ';
        }
        if (found.size() > kMaxSourceBytes && (static_cast<unsigned char>(c) & 0xc0) != 0x80) {
            found.pop_back();
            return found + "...";
        }
    }
    return found;
}

std::string Binder::position(Place place) const {
    const std::string_view before = text_.substr(0, place.at);
    const auto line = std::ranges::count(before, '\n') + 1;
    const std::size_t begin = before.rfind('\n') + 1;  // npos + 1 is 0
    const auto column = std::ranges::count_if(before.substr(begin), [](char c) {
        return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
    });
    return "line " + std::to_string(line) + ", column " + std::to_string(column + 1);
}

std::string_view Binder::clause_name() const {
    switch (clause_) {
        case Clause::select:
            return "SELECT";
        case Clause::from:
            return "FROM";
        case Clause::where:
            return "WHERE";
        case Clause::group:
            return "GROUP BY";
        case Clause::having:
            return "HAVING";
    }
    return "";
}

// ---- places -------------------------------------------------------------------------------------

Place Binder::token_place(std::optional<std::uint32_t> at) const {
    if (!at) {
        return {};
    }
    const std::size_t index = tokens_.from(*at);
    return index < tokens_.size() ? Place{tokens_[index].at, tokens_[index].size} : Place{*at, 0};
}

Place Binder::call_place(std::optional<std::uint32_t> at) const {
    const Place begin = token_place(at);
    if (!at) {
        return begin;
    }
    for (std::size_t i = tokens_.from(*at); i < tokens_.size() && i < tokens_.from(*at) + 5; ++i) {
        if (tokens_.is_symbol(i, "(") && tokens_[i].partner != 0) {
            return {begin.at, tokens_[tokens_[i].partner].end() - begin.at};
        }
    }
    return begin;
}

// Whether the bracket there holds the arguments of a call.
bool Binder::is_call(std::size_t bracket) const {
    return bracket > 0 && tokens_.is_name(bracket - 1) &&
           !is_reserved(folded(tokens_.text(bracket - 1)));
}

Place Binder::with_brackets(Place place) const {
    while (place.size > 0) {
        const std::size_t first = tokens_.from(place.at);
        const std::size_t behind = tokens_.from(place.at + place.size);
        if (first == 0 || !tokens_.is_symbol(first - 1, "(") ||
            tokens_[first - 1].partner != behind || behind >= tokens_.size() ||
            is_call(first - 1)) {
            break;
        }
        const std::uint32_t begin = tokens_[first - 1].at;
        place = {begin, tokens_[behind].end() - begin};
    }
    return place;
}

Place Binder::until_word(Place begin, std::uint32_t at,
                         std::span<const std::string_view> words) const {
    constexpr std::size_t kFar = 4;
    const std::size_t from = tokens_.from(at);
    for (std::size_t i = from; i < tokens_.size() && i < from + kFar; ++i) {
        if (std::ranges::any_of(words, [&](std::string_view w) { return tokens_.is_word(i, w); })) {
            return span_of(begin, {tokens_[i].at, tokens_[i].size});
        }
    }
    return begin;
}

Place Binder::place_of(const Node& node) const {
    return token_place(node.location());
}

// ---- drafts -------------------------------------------------------------------------------------

Draft Binder::make(Op op, Place place, Slot slot, std::vector<Draft> arguments) {
    if (++drafts_ > kMaxDrafts) {
        if (!std::exchange(too_large_, true)) {
            note(place, "the statement is too large", "CASE x WHEN ... repeats x for each WHEN");
        }
        return broken(place);
    }
    Draft draft;
    draft.op = op;
    draft.place = place;
    draft.slot = slot;
    draft.arguments = std::move(arguments);
    return draft;
}

Draft Binder::copy(const Draft& draft) {
    Draft made = make(draft.op, draft.place, draft.slot);
    if (too_large_) {
        return made;
    }
    made.index = draft.index;
    made.literal = draft.literal;
    made.precision = draft.precision;
    made.scale = draft.scale;
    made.is_numeric = draft.is_numeric;
    made.arguments.reserve(draft.arguments.size());
    for (const Draft& argument : draft.arguments) {
        made.arguments.push_back(copy(argument));
    }
    return made;
}

bool Binder::require(const Draft& draft, ValueType type, std::string_view who) {
    if (types_.require(draft.slot, type, draft.place)) {
        return true;
    }
    const ValueType found = *types_.type(draft.slot);
    std::string message = std::string{who} + " takes " + std::string{in_words(type)} + ", and " +
                          source(draft.place) + " is " + std::string{in_words(found)};
    const Place why = types_.why(draft.slot);
    if (draft.op == Op::field && why.at != draft.place.at) {
        message += " (" + position(why) + ")";
    }
    std::string hint;
    const std::string text = source(with_brackets(draft.place));
    if (type == ValueType::numeric && found == ValueType::text) {
        hint = draft.op == Op::literal ? "write a number without quotes"
                                       : "write " + text + "::numeric, which reads texts";
    } else if (type == ValueType::text && found != ValueType::timestamp &&
               found != ValueType::local) {
        hint = "write " + text + "::text";
    } else if (type == ValueType::timestamp && found == ValueType::text) {
        hint = "write " + text + "::timestamptz";
    } else if (type == ValueType::timestamp && found == ValueType::numeric) {
        hint = "write to_timestamp(" + text + "), which takes seconds";
    } else if (type == ValueType::local && found == ValueType::timestamp) {
        hint = "write " + text + " AT TIME ZONE 'America/Sao_Paulo'";
    } else if (type == ValueType::boolean) {
        hint = "write a comparison, such as " + text + " = ...";
    }
    note(draft.place, std::move(message), std::move(hint));
    return false;
}

std::string Binder::clash_hint(const Draft& one, const Draft& other) const {
    const auto is = [this](const Draft& draft, ValueType type) {
        return types_.type(draft.slot) == type;
    };
    const Draft& text = is(one, ValueType::text) ? one : other;
    const Draft& rest = is(one, ValueType::text) ? other : one;
    if (is(text, ValueType::text) && is(rest, ValueType::numeric)) {
        if (text.op == Op::literal) {
            return "write the number without quotes, or " + source(with_brackets(rest.place)) +
                   "::text";
        }
        return "write " + source(with_brackets(text.place)) + "::numeric, or " +
               (rest.op == Op::literal ? "the number in quotes"
                                       : source(with_brackets(rest.place)) + "::text");
    }
    if (is(text, ValueType::text) && is(rest, ValueType::timestamp)) {
        return text.op == Op::literal
                   ? "write TIMESTAMPTZ " + source(text.place)
                   : "write " + source(with_brackets(text.place)) + "::timestamptz";
    }
    if (is(text, ValueType::text) && is(rest, ValueType::boolean)) {
        return "write true or false without quotes, or " + source(with_brackets(rest.place)) +
               "::text";
    }
    const Draft& time = is(one, ValueType::timestamp) ? one : other;
    const Draft& number = is(one, ValueType::timestamp) ? other : one;
    if (is(time, ValueType::timestamp) && is(number, ValueType::numeric)) {
        return "to_timestamp(x) makes a timestamp of seconds since 1970";
    }
    return {};
}

Slot Binder::join(std::span<const Draft> drafts, std::string_view what) {
    const Draft* typed = &drafts.front();
    if (std::ranges::any_of(drafts, [this](const Draft& d) { return types_.is_broken(d.slot); })) {
        return types_.broken();
    }
    for (const Draft& draft : drafts.subspan(1)) {
        if (!types_.join(drafts.front().slot, draft.slot)) {
            const ValueType one = *types_.type(typed->slot);
            const ValueType other = *types_.type(draft.slot);
            note(draft.place,
                 std::string{in_words(one)} + " and " + std::string{in_words(other)} + " " +
                     std::string{what} + ": " + source(typed->place) + " and " +
                     source(draft.place),
                 clash_hint(*typed, draft));
            return types_.broken();
        }
    }
    return typed->slot;
}

}  // namespace kstream::job::sql
