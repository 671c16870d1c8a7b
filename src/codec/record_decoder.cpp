// Source record -> the values of a job's fields. First stop of the map loop, and its most expensive
// one: the contract (docs/RECORDS.md) is checked on every byte of every record.
//
// simdjson finds the structural characters and checks UTF-8, quotes and control characters with the
// widest instructions of the machine (its stage 1); the walk over that index is ours. simdjson's
// own walks were measured and are slower here: DOM builds a tree and converts every number to a
// double, On-Demand does not look at values that are skipped, so they would be visited twice, and
// both need padding behind the record and thus a copy. Stage 1 and this walk read only the record.
//
// The walk only says yes or no. On no, json::text_problem finds the reason byte by byte, so that
// reasons do not depend on how the walk goes about it.
#include "kstream/codec/record_decoder.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "codec/json_text.hpp"
#include "kstream/check.hpp"

#include <simdjson.h>

namespace kstream {
namespace {

// The index takes 4 bytes per byte of the record. It is kept for records up to this size; a larger
// record gets a larger index for as long as it is decoded.
constexpr std::size_t kKeptIndexBytes = std::size_t{1} << 20;
// An escape of 6 bytes makes at least one byte of text: raw texts that are longer than this factor
// times a limit are over the limit, whatever they hold.
constexpr std::size_t kMaxEscapeFactor = 6;

constexpr int kUnwanted = -1;

// Keys come in the same order in nearly all records of a topic, so the key that stood at the same
// place in the last record is compared first, 8 bytes at a time, the closing quote included.
// Keys that do not fit are looked up each time.
class KeyGuess {
public:
    static constexpr std::size_t kBytes = 32;

    // `raw` is the key between its quotes, escapes and all.
    void remember(std::string_view raw, int field) {
        size_ = 0;
        if (raw.size() >= kBytes) {
            return;
        }
        words_ = {};
        masks_ = {};
        std::memcpy(words_.data(), raw.data(), raw.size());
        reinterpret_cast<char*>(words_.data())[raw.size()] = '"';
        std::memset(masks_.data(), 0xff, raw.size() + 1);
        size_ = raw.size() + 1;
        field_ = field;
    }

    // Whether the key whose first byte is at `at` is the remembered one; `end` ends the record.
    // A remembered key never ends within an escape, so the quote behind it is a closing one.
    [[nodiscard]] bool matches(const char* at, const char* end) const {
        const auto readable = static_cast<std::size_t>(end - at);
        if (readable < kBytes) {
            return size_ != 0 && size_ <= readable && std::memcmp(at, words_.data(), size_) == 0;
        }
        std::uint64_t difference = size_ == 0 ? 1 : 0;
        for (std::size_t i = 0; i < words_.size(); ++i) {
            std::uint64_t word;
            std::memcpy(&word, at + i * sizeof word, sizeof word);
            difference |= (word ^ words_[i]) & masks_[i];
        }
        return difference == 0;
    }
    [[nodiscard]] int field() const { return field_; }

private:
    std::array<std::uint64_t, kBytes / sizeof(std::uint64_t)> words_{};
    std::array<std::uint64_t, kBytes / sizeof(std::uint64_t)> masks_{};
    std::size_t size_ = 0;  // 0: nothing remembered
    int field_ = kUnwanted;
};

constexpr std::size_t kMaxGuesses = 64;

enum class ValueKind : std::uint8_t { string, number, boolean, other };

// A field that the job asks for, and what the current record has there.
struct WantedField {
    std::string name;
    std::uint64_t seen_in = 0;  // number of the last record that has it
    ValueKind kind = ValueKind::other;
    DecimalError error = DecimalError::none;  // of a number
    std::string_view raw;                     // a string's is without quotes
    bool escaped = false;                     // the string holds a backslash
    Decimal number;
    std::string buffer;  // holds the text when it cannot point into the record
};

// Which of the bytes behind a scalar end it.
constexpr bool ends_scalar(const char* at, const char* next) {
    return at == next || json::is_whitespace(*at);
}

BadReason reason_of(DecimalError error) {
    KSTREAM_CHECK(error == DecimalError::scale || error == DecimalError::range,
                  "the walk lets no bad grammar through");
    return error == DecimalError::scale ? BadReason::scale : BadReason::range;
}

}  // namespace

std::string_view bad_reason_name(BadReason reason) {
    switch (reason) {
        case BadReason::json: return "json";
        case BadReason::encoding: return "encoding";
        case BadReason::depth: return "depth";
        case BadReason::not_object: return "not_object";
        case BadReason::duplicate_field: return "duplicate_field";
        case BadReason::missing_field: return "missing_field";
        case BadReason::group_type: return "group_type";
        case BadReason::group_size: return "group_size";
        case BadReason::number_type: return "number_type";
        case BadReason::scale: return "scale";
        case BadReason::range: return "range";
    }
    KSTREAM_CHECK(false, "a reason outside of its enum");
    return {};
}

struct RecordDecoder::Impl {
    explicit Impl(const AggregationSpec& spec);

    DecodeVerdict decode(std::string_view value);

    // What decode() hands out.
    std::vector<GroupValue> groups;
    std::vector<Decimal> inputs;

private:
    using Index = simdjson::internal::dom_parser_implementation;

    std::size_t wanted(const std::string& name);
    void reserve_index(std::size_t bytes);
    bool build_index(std::string_view value);
    bool walk();
    bool key(int& field);
    bool look_up_key(int& field);
    bool any_value(int field);
    bool scalar_value(WantedField* field);
    bool string_value(WantedField* field);
    bool number_value(WantedField* field);
    bool word_value(WantedField* field, std::string_view word, ValueKind kind);
    bool skip_container();
    bool skip_key();
    std::optional<BadReason> fill_outputs();
    std::optional<BadReason> fill_group(WantedField& field, GroupValue& out);

    [[nodiscard]] const char* find_backslash(const char* from) const;
    [[nodiscard]] bool has_escape(const char* begin, const char* end);
    [[nodiscard]] std::string_view raw_string() const;
    [[nodiscard]] const char* token() const { return text_ + *at_; }
    [[nodiscard]] const char* next_token() const { return text_ + at_[1]; }

    int scale_;
    std::vector<WantedField> fields_;
    std::vector<std::size_t> group_fields_;  // into fields_, one per spec.group_by
    std::vector<std::optional<std::size_t>> input_fields_;  // one per spec.aggregates
    std::size_t max_name_bytes_ = 0;

    std::unique_ptr<Index> index_;
    std::array<KeyGuess, kMaxGuesses> guesses_;
    std::string scratch_;

    // Of the current record. Every token is read at `at_` <= `last_`, where the closing brace of
    // the record stands; so nothing is ever read behind the record.
    const char* text_ = nullptr;
    const char* end_ = nullptr;
    const std::uint32_t* at_ = nullptr;
    const std::uint32_t* last_ = nullptr;
    std::size_t field_number_ = 0;
    const char* backslash_ = nullptr;  // the first one at or behind where it was looked for
    bool has_duplicate_ = false;
    std::size_t found_ = 0;  // wanted fields so far
    std::uint64_t record_number_ = 0;
};

RecordDecoder::Impl::Impl(const AggregationSpec& spec)
    : groups(spec.group_by.size()), inputs(spec.aggregates.size()), scale_(spec.scale) {
    for (const std::string& field : spec.group_by) {
        group_fields_.push_back(wanted(field));
    }
    for (const AggregateSpec& aggregate : spec.aggregates) {
        const bool has_input = aggregate.kind != AggregateKind::count;
        input_fields_.push_back(has_input ? std::optional{wanted(aggregate.input_field)}
                                          : std::nullopt);
    }
    const auto error = simdjson::get_active_implementation()->create_dom_parser_implementation(
        kKeptIndexBytes, static_cast<std::size_t>(kMaxDepth), index_);
    KSTREAM_CHECK(error == simdjson::SUCCESS, "simdjson has memory for its index");
}

// The number of the wanted field of that name: a field with several uses is looked for once.
std::size_t RecordDecoder::Impl::wanted(const std::string& name) {
    const auto at = std::ranges::find(fields_, name, &WantedField::name);
    const auto number = static_cast<std::size_t>(at - fields_.begin());
    if (at == fields_.end()) {
        fields_.emplace_back().name = name;
        max_name_bytes_ = std::max(max_name_bytes_, name.size());
    }
    return number;
}

void RecordDecoder::Impl::reserve_index(std::size_t bytes) {
    const auto error = index_->set_capacity(bytes);
    KSTREAM_CHECK(error == simdjson::SUCCESS, "simdjson has memory for its index");
}

// False when stage 1 has found something wrong, or the text cannot be an object.
bool RecordDecoder::Impl::build_index(std::string_view value) {
    if (value.empty()) {
        return false;
    }
    const auto error = index_->stage1(reinterpret_cast<const std::uint8_t*>(value.data()),
                                      value.size(), simdjson::stage1_mode::regular);
    if (error != simdjson::SUCCESS || index_->n_structural_indexes < 2) {
        return false;
    }
    text_ = value.data();
    end_ = value.data() + value.size();
    at_ = index_->structural_indexes.get();
    last_ = at_ + index_->n_structural_indexes - 1;
    return text_[*at_] == '{' && text_[*last_] == '}';
}

DecodeVerdict RecordDecoder::Impl::decode(std::string_view value) {
    const bool large = value.size() > kKeptIndexBytes;
    if (large) {
        reserve_index(value.size());
    }
    ++record_number_;
    const bool good = build_index(value) && walk();
    if (large) {
        reserve_index(kKeptIndexBytes);
    }
    if (!good) {
        const auto problem = json::text_problem(value);
        if (problem) {
            return {false, *problem};
        }
        // The one good text that the walk does not take is a value that is no object.
        const std::size_t first = value.find_first_not_of(" \t\r\n");
        KSTREAM_CHECK(value[first] != '{', "walk and grammar agree");
        return {false, BadReason::not_object};
    }
    if (has_duplicate_) {
        return {false, BadReason::duplicate_field};
    }
    if (found_ != fields_.size()) {
        return {false, BadReason::missing_field};
    }
    const auto problem = fill_outputs();
    return problem ? DecodeVerdict{false, *problem} : DecodeVerdict{};
}

// Over the members of the record's object, from its opening to its closing brace.
bool RecordDecoder::Impl::walk() {
    backslash_ = find_backslash(text_);
    has_duplicate_ = false;
    found_ = 0;
    field_number_ = 0;
    ++at_;
    if (at_ == last_) {
        return true;
    }
    for (;; ++field_number_) {
        int field = kUnwanted;
        if (*token() != '"' || !key(field)) {
            return false;
        }
        ++at_;
        if (*token() != ':') {
            return false;
        }
        ++at_;
        if (!any_value(field)) {
            return false;
        }
        ++at_;
        if (at_ == last_) {
            return true;
        }
        if (*token() != ',') {
            return false;
        }
        ++at_;
    }
}

const char* RecordDecoder::Impl::find_backslash(const char* from) const {
    const void* const at = std::memchr(from, '\\', static_cast<std::size_t>(end_ - from));
    return at == nullptr ? end_ : static_cast<const char*>(at);
}

// One search serves all strings up to the next backslash: for most records, all of them.
bool RecordDecoder::Impl::has_escape(const char* begin, const char* end) {
    if (backslash_ < begin) {
        backslash_ = find_backslash(begin);
    }
    return backslash_ < end;
}

// The string at at_ between its quotes. Stage 1 has paired the quotes, and only whitespace stands
// between a closing one and the next token.
std::string_view RecordDecoder::Impl::raw_string() const {
    const char* const begin = token() + 1;
    const char* quote = next_token() - 1;
    while (json::is_whitespace(*quote)) {
        --quote;
    }
    return {begin, static_cast<std::size_t>(quote - begin)};
}

bool RecordDecoder::Impl::key(int& field) {
    if (field_number_ < kMaxGuesses && guesses_[field_number_].matches(token() + 1, end_)) {
        field = guesses_[field_number_].field();
        return true;
    }
    return look_up_key(field);
}

bool RecordDecoder::Impl::look_up_key(int& field) {
    const std::string_view raw = raw_string();
    std::string_view name = raw;
    if (has_escape(raw.data(), raw.data() + raw.size())) {
        if (json::check_escapes(raw) != json::Escapes::fine) {
            return false;
        }
        if (raw.size() <= kMaxEscapeFactor * max_name_bytes_) {
            scratch_.clear();
            json::append_unescaped(scratch_, raw);
            name = scratch_;
        }
    }
    const auto at = std::ranges::find(fields_, name, &WantedField::name);
    field = at == fields_.end() ? kUnwanted : static_cast<int>(at - fields_.begin());
    if (field_number_ < kMaxGuesses) {
        guesses_[field_number_].remember(raw, field);
    }
    return true;
}

bool RecordDecoder::Impl::any_value(int number) {
    WantedField* field = nullptr;
    if (number != kUnwanted) {
        field = &fields_[static_cast<std::size_t>(number)];
        if (field->seen_in == record_number_) {
            has_duplicate_ = true;
        } else {
            field->seen_in = record_number_;
            ++found_;
        }
    }
    const char first = *token();
    if (first == '{' || first == '[') {
        if (field != nullptr) {
            field->kind = ValueKind::other;
        }
        return skip_container();
    }
    return scalar_value(field);
}

bool RecordDecoder::Impl::scalar_value(WantedField* field) {
    switch (*token()) {
        case '"': return string_value(field);
        case 't': return word_value(field, "true", ValueKind::boolean);
        case 'f': return word_value(field, "false", ValueKind::boolean);
        case 'n': return word_value(field, "null", ValueKind::other);
        default: return number_value(field);
    }
}

// Stage 1 has seen to quotes, control characters and UTF-8; escapes are left.
bool RecordDecoder::Impl::string_value(WantedField* field) {
    const bool escaped = has_escape(token(), next_token());
    if (field == nullptr && !escaped) {
        return true;
    }
    const std::string_view raw = raw_string();
    if (field != nullptr) {
        field->kind = ValueKind::string;
        field->raw = raw;
        field->escaped = escaped;
    }
    return !escaped || json::check_escapes(raw) == json::Escapes::fine;
}

bool RecordDecoder::Impl::number_value(WantedField* field) {
    if (at_ == last_) {
        return false;
    }
    const char* const begin = token();
    const char* const next = next_token();
    if (field == nullptr) {
        const std::size_t size =
            json::number_size({begin, static_cast<std::size_t>(next - begin)});
        return size != 0 && ends_scalar(begin + size, next);
    }
    const char* end = next;
    while (json::is_whitespace(end[-1])) {
        --end;
    }
    field->kind = ValueKind::number;
    field->raw = {begin, static_cast<std::size_t>(end - begin)};
    field->error = parse_decimal(field->raw, scale_, field->number);
    return field->error != DecimalError::grammar;
}

bool RecordDecoder::Impl::word_value(WantedField* field, std::string_view word, ValueKind kind) {
    const char* const begin = token();
    const char* const next = next_token();
    if (static_cast<std::size_t>(next - begin) < word.size() ||
        std::memcmp(begin, word.data(), word.size()) != 0 ||
        !ends_scalar(begin + word.size(), next)) {
        return false;
    }
    if (field != nullptr) {
        field->kind = kind;
        field->raw = word;
    }
    return true;
}

// From an opening bracket to its closing one. The open brackets are bits of one word; the record's
// own brace counts for the depth and is not among them.
bool RecordDecoder::Impl::skip_container() {
    static_assert(kMaxDepth <= 64, "one bit for each open bracket");
    std::uint64_t objects = 0;  // bit 0: the innermost open bracket is an object's
    int depth = 1;
    for (;;) {
        // Here at_ is where a value has to stand.
        const char first = *token();
        bool opened = first == '{' || first == '[';
        if (opened) {
            if (depth == kMaxDepth) {
                return false;
            }
            ++depth;
            objects = objects << 1 | (first == '{' ? 1 : 0);
        } else if (!scalar_value(nullptr)) {
            return false;
        }
        ++at_;
        // The last token is the record's own brace and closes nothing in here.
        while (at_ != last_ && *token() == ((objects & 1) != 0 ? '}' : ']')) {
            objects >>= 1;
            opened = false;
            if (--depth == 1) {
                return true;
            }
            ++at_;
        }
        if (!opened) {
            if (*token() != ',') {
                return false;
            }
            ++at_;
        }
        if ((objects & 1) != 0 && !skip_key()) {
            return false;
        }
    }
}

// A key that nobody asks for, and its colon.
bool RecordDecoder::Impl::skip_key() {
    if (*token() != '"' || !string_value(nullptr)) {
        return false;
    }
    ++at_;
    if (*token() != ':') {
        return false;
    }
    ++at_;
    return true;
}

// Everything is there once and the record is valid JSON; what is left is what the job wants of its
// fields, in the order of the spec.
std::optional<BadReason> RecordDecoder::Impl::fill_outputs() {
    for (std::size_t i = 0; i < group_fields_.size(); ++i) {
        const auto problem = fill_group(fields_[group_fields_[i]], groups[i]);
        if (problem) {
            return problem;
        }
    }
    for (std::size_t i = 0; i < input_fields_.size(); ++i) {
        if (!input_fields_[i]) {
            continue;
        }
        const WantedField& field = fields_[*input_fields_[i]];
        if (field.kind != ValueKind::number) {
            return BadReason::number_type;
        }
        if (field.error != DecimalError::none) {
            return reason_of(field.error);
        }
        inputs[i] = field.number;
    }
    return std::nullopt;
}

std::optional<BadReason> RecordDecoder::Impl::fill_group(WantedField& field, GroupValue& out) {
    switch (field.kind) {
        case ValueKind::other: return BadReason::group_type;
        case ValueKind::boolean: out = {GroupValueType::boolean, field.raw}; return std::nullopt;
        case ValueKind::number:
            if (field.error != DecimalError::none) {
                return reason_of(field.error);
            }
            field.buffer.clear();
            append_decimal(field.buffer, field.number, scale_, 0);
            out = {GroupValueType::number, field.buffer};
            return std::nullopt;
        case ValueKind::string: break;
    }
    out = {GroupValueType::string, field.raw};
    if (field.raw.size() > kMaxEscapeFactor * kMaxGroupValueBytes) {
        return BadReason::group_size;
    }
    if (field.escaped) {
        field.buffer.clear();
        json::append_unescaped(field.buffer, field.raw);
        out.text = field.buffer;
    }
    return out.text.size() > kMaxGroupValueBytes ? std::optional{BadReason::group_size}
                                                 : std::nullopt;
}

RecordDecoder::RecordDecoder(const AggregationSpec& spec) : impl_(std::make_unique<Impl>(spec)) {}
RecordDecoder::~RecordDecoder() = default;
RecordDecoder::RecordDecoder(RecordDecoder&&) noexcept = default;
RecordDecoder& RecordDecoder::operator=(RecordDecoder&&) noexcept = default;

DecodeVerdict RecordDecoder::decode(std::string_view value) { return impl_->decode(value); }

std::span<const GroupValue> RecordDecoder::group_values() const { return impl_->groups; }
std::span<const Decimal> RecordDecoder::inputs() const { return impl_->inputs; }

}  // namespace kstream
