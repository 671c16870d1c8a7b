// The walk says yes or no and never why: the reason for a no is found byte by byte elsewhere
// (json::text_problem), so that it does not depend on how the walk goes about it.
#include "reader/json/record_walk.hpp"

#include "kstream/check.hpp"
#include "kstream/model/bad_reason.hpp"
#include "kstream/planted_bug.hpp"
#include "text/json_tokens.hpp"

#include <algorithm>
#include <cstring>

namespace kstream {
namespace {

// The index takes 4 bytes per byte of the record. It is kept for records up to this size; a larger
// record gets a larger index for as long as it is walked.
constexpr std::size_t kKeptIndexBytes = std::size_t{1} << 20;

// Whether a scalar ends at `at`, when the next token starts at `next`.
constexpr bool ends_scalar(const char* at, const char* next) {
    return at == next || json::is_whitespace(*at);
}

}  // namespace

// `raw` is the key between its quotes, escapes and all.
void RecordWalk::KeyGuess::remember(std::string_view raw, WantedNode* node) {
    if (raw.size() >= kBytes) {
        return;  // what is remembered stays true
    }
    words_ = {};
    masks_ = {};
    std::memcpy(words_.data(), raw.data(), raw.size());
    std::memset(masks_.data(), 0xff, raw.size() + 1);
    reinterpret_cast<char*>(words_.data())[raw.size()] = '"';
    size_ = raw.size() + 1;
    node_ = node;
}

// Whether the key that begins at `at` is the remembered one; the record ends at `end`. A raw key
// never ends within an escape, so the quote that is compared with it is a closing one.
inline bool RecordWalk::KeyGuess::matches(const char* at, const char* end) const {
    if (static_cast<std::size_t>(end - at) < kBytes) [[unlikely]] {
        return size_ != 0 && size_ <= static_cast<std::size_t>(end - at) &&
               std::memcmp(at, words_.data(), size_) == 0;
    }
    std::array<std::uint64_t, kWords> found;
    std::memcpy(found.data(), at, kBytes);
    std::uint64_t difference = 0;
    for (std::size_t i = 0; i < kWords; ++i) {
        difference |= (found[i] ^ words_[i]) & masks_[i];
    }
    return difference == 0 && size_ != 0;
}

RecordWalk::RecordWalk() {
    const auto error = simdjson::get_active_implementation()->create_dom_parser_implementation(
        kKeptIndexBytes, simdjson::DEFAULT_MAX_DEPTH, index_);
    KSTREAM_CHECK(error == simdjson::SUCCESS, "there is memory for the index");
}

std::size_t RecordWalk::want(std::span<const job::PathStep> path) {
    KSTREAM_CHECK(record_number_ == 0, "forms and guesses know the paths of the first record");
    const std::size_t number = paths_.want(path);
    fields_.resize(paths_.size());
    return number;
}

void RecordWalk::reserve_index(std::size_t bytes) {
    const auto error = index_->set_capacity(bytes);
    KSTREAM_CHECK(error == simdjson::SUCCESS, "there is memory for the index");
}

bool RecordWalk::run(std::string_view record) {
    if (shapes_.match(record, fields_)) [[likely]] {
        return true;
    }
    const bool large = record.size() > kKeptIndexBytes;
    if (large) {
        reserve_index(record.size());
    }
    const bool good = build_index(record) && members();
    for (const std::uint32_t field : repeated_) {
        fields_[field] = {.kind = FieldKind::repeated};
    }
    if (good && repeated_.empty()) {
        shapes_.walked(record, {index_->structural_indexes.get(), index_->n_structural_indexes},
                       fields_);
    }
    if (large) {
        reserve_index(kKeptIndexBytes);
    }
    return good;
}

// False when stage 1 has found something wrong, or this cannot be an object.
bool RecordWalk::build_index(std::string_view record) {
    repeated_.clear();
    if (record.empty()) {
        return false;
    }
    const auto error = index_->stage1(reinterpret_cast<const std::uint8_t*>(record.data()),
                                      record.size(), simdjson::stage1_mode::regular);
    if (error != simdjson::SUCCESS || index_->n_structural_indexes < 2) {
        return false;
    }
    const Token first = index_->structural_indexes.get();
    text_ = record.data();
    end_ = record.data() + record.size();
    last_ = first + index_->n_structural_indexes - 1;
    return text_[*first] == '{' && text_[*last_] == '}';
}

// From the record's opening to its closing brace.
bool RecordWalk::members() {
    const char* const text = text_;
    const char* const end = end_;
    const Token last = last_;
    ++record_number_;
    std::ranges::fill(fields_, FieldValue{});
    backslash_ = find_backslash(text);

    Token at = index_->structural_indexes.get() + 1;
    if (at == last) {
        return true;
    }
    for (std::size_t number = 0;; ++number) {
        // The last token is neither a quote nor a colon: what is read here is in front of it.
        if (text[at[0]] != '"' || text[at[1]] != ':') {
            return false;
        }
        KeyGuess* const guess = number < kMaxGuesses ? &guesses_[number] : nullptr;
        WantedNode* node = nullptr;
        if (guess != nullptr && guess->matches(text + *at + 1, end)) [[likely]] {
            node = guess->node();
        } else if (!look_up_key(at, paths_.root(), guess, node)) {
            return false;
        }
        at = value(at + 2, node, 1);
        if (at == nullptr) {
            return false;
        }
        if (at == last) {
            return true;
        }
        if (text[*at] != ',') {
            return false;
        }
        ++at;
    }
}

const char* RecordWalk::find_backslash(const char* from) const {
    const void* const at = std::memchr(from, '\\', static_cast<std::size_t>(end_ - from));
    return at == nullptr ? end_ : static_cast<const char*>(at);
}

// One search serves all strings up to the next backslash: in most records, all of them.
inline bool RecordWalk::has_escape(const char* begin, const char* end) {
    if (backslash_ < begin) [[unlikely]] {
        backslash_ = find_backslash(begin);
    }
    return backslash_ < end;
}

// The string between its quotes. Stage 1 has paired the quotes, and between a closing one and the
// next token is only whitespace.
inline std::string_view RecordWalk::raw_string(Token at) const {
    const char* const begin = text_ + at[0] + 1;
    const char* quote = text_ + at[1] - 1;
    while (json::is_whitespace(*quote)) {
        --quote;
    }
    return {begin, static_cast<std::size_t>(quote - begin)};
}

bool RecordWalk::look_up_key(Token at, const WantedNode& object, KeyGuess* guess,
                             WantedNode*& node) {
    const std::string_view raw = raw_string(at);
    std::string_view name = raw;
    if (has_escape(raw.data(), raw.data() + raw.size())) {
        if (json::check_escapes(raw) != json::Escapes::fine) {
            return false;
        }
        if (raw.size() <= json::kMaxEscapeFactor * object.longest_name) {
            unescaped_key_.clear();
            json::append_unescaped(unescaped_key_, raw);
            name = unescaped_key_;
        }
    }
    node = wanted_member(object, name);
    if (guess != nullptr) {
        guess->remember(raw, node);
    }
    return true;
}

inline RecordWalk::Token RecordWalk::value(Token at, WantedNode* node, int depth) {
    if (node != nullptr) {
        return wanted_value(at, *node, depth);
    }
    const char first = text_[*at];
    return first == '{' || first == '[' ? container(at, depth) : scalar(at, nullptr);
}

RecordWalk::Token RecordWalk::wanted_value(Token at, WantedNode& node, int depth) {
    if (node.seen_in == record_number_ && !planted(PlantedBug::repeated_field_accepted))
        [[unlikely]] {
        mark_repeated(node);
    }
    node.seen_in = record_number_;
    FieldValue* const out = node.field == WantedNode::kNoField ? nullptr : &fields_[node.field];
    const char first = text_[*at];
    if (first != '{' && first != '[') {
        return scalar(at, out);
    }
    if (out != nullptr) {
        *out = {.kind = first == '{' ? FieldKind::object : FieldKind::array};
    }
    if (node.children.empty()) {
        return container(at, depth);
    }
    if (depth == kMaxDepth) {
        return nullptr;
    }
    return first == '{' ? wanted_members(at + 1, node, depth + 1)
                        : wanted_elements(at + 1, node, depth + 1);
}

// Which of two values is meant cannot be known, nor what is in it.
void RecordWalk::mark_repeated(const WantedNode& node) {
    if (node.field != WantedNode::kNoField) {
        repeated_.push_back(node.field);
    }
    for (const WantedNode* const child : node.children) {
        mark_repeated(*child);
    }
}

// From after an object's brace to the end of its closing one, as members() does it for the
// record's.
RecordWalk::Token RecordWalk::wanted_members(Token at, WantedNode& node, int depth) {
    if (text_[*at] == '}') {
        return at == last_ ? nullptr : at + 1;
    }
    for (;;) {
        if (text_[at[0]] != '"' || text_[at[1]] != ':') {
            return nullptr;
        }
        WantedNode* member = nullptr;
        if (!look_up_key(at, node, nullptr, member)) {
            return nullptr;
        }
        at = value(at + 2, member, depth);
        if (at == nullptr || at == last_) {
            return nullptr;
        }
        if (text_[*at] == '}') {
            return at + 1;
        }
        if (text_[*at] != ',') {
            return nullptr;
        }
        ++at;
    }
}

RecordWalk::Token RecordWalk::wanted_elements(Token at, WantedNode& node, int depth) {
    const char* backslash = backslash_;
    const std::int32_t size = node.counts_from_end ? count_elements(at, depth) : 0;
    if (size < 0) {
        return nullptr;
    }
    backslash_ = backslash;
    if (text_[*at] == ']') {
        return at + 1;
    }
    for (std::int32_t index = 0;; ++index) {
        // One element may be wanted from both ends: then it is read twice.
        Token behind = nullptr;
        bool wanted = false;
        backslash = backslash_;
        for (WantedNode* const child : node.children) {
            const auto place = child->step.index;
            if (place && (*place == index || (*place < 0 && *place == index - size))) {
                wanted = true;
                backslash_ = backslash;
                behind = wanted_value(at, *child, depth);
                if (behind == nullptr) {
                    return nullptr;
                }
            }
        }
        at = wanted ? behind : value(at, nullptr, depth);
        if (at == nullptr || at == last_) {
            return nullptr;
        }
        if (text_[*at] == ']') {
            return at + 1;
        }
        if (text_[*at] != ',') {
            return nullptr;
        }
        ++at;
    }
}

// Of the array that begins after its bracket at `at`; negative when it is not valid.
std::int32_t RecordWalk::count_elements(Token at, int depth) {
    if (text_[*at] == ']') {
        return 0;
    }
    for (std::int32_t count = 1;; ++count) {
        at = value(at, nullptr, depth);
        if (at == nullptr || at == last_ || (text_[*at] != ',' && text_[*at] != ']')) {
            return -1;
        }
        if (text_[*at] == ']') {
            return count;
        }
        ++at;
    }
}

inline RecordWalk::Token RecordWalk::scalar(Token at, FieldValue* out) {
    switch (text_[*at]) {
        case '"':
            return string(at, out);
        case 't':
            return word(at, "true", FieldKind::boolean, out);
        case 'f':
            return word(at, "false", FieldKind::boolean, out);
        case 'n':
            return word(at, "null", FieldKind::null, out);
        default:
            return number(at, out);
    }
}

// Stage 1 has seen to quotes, control characters and UTF-8; escapes are left.
inline RecordWalk::Token RecordWalk::string(Token at, FieldValue* out) {
    const bool escaped = has_escape(text_ + at[0], text_ + at[1]);
    if (out == nullptr && !escaped) {
        return at + 1;
    }
    const std::string_view raw = raw_string(at);
    if (out != nullptr) {
        *out = {FieldKind::string, escaped, raw};
    }
    return !escaped || json::check_escapes(raw) == json::Escapes::fine ? at + 1 : nullptr;
}

inline RecordWalk::Token RecordWalk::number(Token at, FieldValue* out) {
    if (at == last_) [[unlikely]] {
        return nullptr;
    }
    const char* const begin = text_ + at[0];
    const char* const next = text_ + at[1];
    const std::size_t size = json::number_size({begin, static_cast<std::size_t>(next - begin)});
    if (out != nullptr) {
        *out = {FieldKind::number, false, {begin, size}};
    }
    return size != 0 && ends_scalar(begin + size, next) ? at + 1 : nullptr;
}

inline RecordWalk::Token RecordWalk::word(Token at, std::string_view word, FieldKind kind,
                                          FieldValue* out) {
    const char* const begin = text_ + at[0];
    const char* const next = text_ + at[1];
    if (static_cast<std::size_t>(next - begin) < word.size() ||
        std::memcmp(begin, word.data(), word.size()) != 0 ||
        !ends_scalar(begin + word.size(), next)) {
        return nullptr;
    }
    if (out != nullptr) {
        *out = {kind, false, {begin, word.size()}};
    }
    return at + 1;
}

// From an opening bracket to the end of its closing one. No recursion: the open brackets are bits
// of one word. The `around` brackets that are open already count for the depth and are not among
// them.
RecordWalk::Token RecordWalk::container(Token at, int around) {
    static_assert(kMaxDepth <= 64, "one bit for each open bracket");
    std::uint64_t objects = 0;  // bit 0: the innermost open bracket is an object's
    int depth = around;
    for (;;) {
        // Here a value has to stand.
        const char first = text_[*at];
        const bool opens = first == '{' || first == '[';
        if (opens) {
            if (depth == kMaxDepth) {
                return nullptr;
            }
            ++depth;
            objects = objects << 1 | (first == '{' ? 1 : 0);
            ++at;
        } else if (at = scalar(at, nullptr); at == nullptr) {
            return nullptr;
        }
        bool complete = !opens;
        // The last token is the record's own brace and closes nothing in here.
        while (at != last_ && text_[*at] == ((objects & 1) != 0 ? '}' : ']')) {
            objects >>= 1;
            complete = true;
            ++at;
            if (--depth == around) {
                return at;
            }
        }
        if (complete) {
            if (text_[*at] != ',') {
                return nullptr;
            }
            ++at;
        }
        if ((objects & 1) != 0) {
            at = skipped_key(at);
            if (at == nullptr) {
                return nullptr;
            }
        }
    }
}

// A key within a value, and its colon.
RecordWalk::Token RecordWalk::skipped_key(Token at) {
    if (text_[at[0]] != '"' || text_[at[1]] != ':') {
        return nullptr;
    }
    at = string(at, nullptr);
    return at == nullptr ? nullptr : at + 1;
}

}  // namespace kstream
