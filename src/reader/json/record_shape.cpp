// On the per-record path. A record is recognized in one pass, some 16 bytes at a time, by whatever
// vector instructions the target has without asking (SSE2, NEON).
#include "reader/json/record_shape.hpp"

#include "text/json_tokens.hpp"

#include <simdjson.h>

#include <algorithm>
#include <cstring>
#include <experimental/simd>

namespace kstream {
namespace {

namespace simd = std::experimental;
using Chunk = simd::fixed_size_simd<signed char, 16>;
constexpr std::size_t kChunk = Chunk::size();

// A form beyond these is no record of many like it.
constexpr std::size_t kMaxSlots = 256;
constexpr std::size_t kMaxBytes = std::size_t{64} << 10;

Chunk load(const char* at) {
    return Chunk{reinterpret_cast<const signed char*>(at), simd::element_aligned};
}

// Whether a string's text may have this byte without a closer look: no quote, no backslash, no
// control character, nothing beyond ASCII. As a signed number, the last two are all below a blank.
constexpr bool is_plain(char c) {
    return static_cast<signed char>(c) >= ' ' && c != '"' && c != '\\';
}

// The first byte at or after `at` that is not plain; `end` when there is none.
[[gnu::always_inline]] inline const char* skip_plain(const char* at, const char* end) {
    while (static_cast<std::size_t>(end - at) >= kChunk) {
        const Chunk bytes = load(at);
        const auto special = bytes < Chunk{' '} || bytes == Chunk{'"'} || bytes == Chunk{'\\'};
        if (simd::any_of(special)) {
            return at + simd::find_first_set(special);
        }
        at += kChunk;
    }
    while (at != end && is_plain(*at)) {
        ++at;
    }
    return at;
}

// The closing quote of the string whose text begins at `begin` and is plain up to `at`; nullptr
// when it is not valid.
const char* close_string(const char* begin, const char* at, const char* end, bool& escaped) {
    bool ascii = true;
    while (at != end && *at != '"') {
        const auto byte = static_cast<unsigned char>(*at);
        if (byte < ' ') {
            return nullptr;
        }
        ascii = ascii && byte < 0x80;
        const bool hides_next = byte == '\\';
        escaped = escaped || hides_next;
        at = skip_plain(at + (hides_next && end - at > 1 ? 2 : 1), end);
    }
    if (at == end) {
        return nullptr;
    }
    const auto size = static_cast<std::size_t>(at - begin);
    const bool good = (ascii || simdjson::validate_utf8(begin, size)) &&
                      (!escaped || json::check_escapes({begin, size}) == json::Escapes::fine);
    return good ? at : nullptr;
}

// Where the number or the word that begins at `at` ends; nullptr when there is none. What follows
// it is the business of the literal after it.
const char* take_scalar(const char* at, const char* end, FieldKind& kind) {
    const std::string_view rest(at, static_cast<std::size_t>(end - at));
    std::string_view word;
    switch (rest.empty() ? '\0' : rest.front()) {
        case 't':
            word = "true";
            break;
        case 'f':
            word = "false";
            break;
        case 'n':
            word = "null";
            break;
        default: {
            kind = FieldKind::number;
            const std::size_t size = json::number_size(rest);
            return size != 0 ? at + size : nullptr;
        }
    }
    kind = rest.front() == 'n' ? FieldKind::null : FieldKind::boolean;
    return rest.starts_with(word) ? at + word.size() : nullptr;
}

bool is_scalar_start(char c) {
    return c != '{' && c != '}' && c != '[' && c != ']' && c != ':' && c != ',';
}

}  // namespace

RecordShape::Slot RecordShape::slot_behind(std::string_view literal) {
    const std::size_t at = literals_.size();
    const std::size_t room = (literal.size() + kChunk - 1) / kChunk * kChunk;
    literals_.insert(literals_.end(), literal.begin(), literal.end());
    literals_.resize(at + room);
    masks_.resize(at + literal.size(), '\xff');
    masks_.resize(at + room);
    Slot slot;
    slot.literal_at = static_cast<std::uint32_t>(at);
    slot.literal_size = static_cast<std::uint32_t>(literal.size());
    slot.literal_room = static_cast<std::uint32_t>(room);
    return slot;
}

void RecordShape::learn(std::string_view record, std::span<const std::uint32_t> tokens,
                        std::span<const FieldValue> fields) {
    slots_.clear();
    fixed_.clear();
    literals_.clear();
    masks_.clear();
    if (record.size() > kMaxBytes) {
        return;
    }
    std::size_t behind = 0;  // the value before
    // The last token is the closing brace: a value has a token after it.
    for (std::size_t i = 0; i + 1 < tokens.size(); ++i) {
        const char first = record[tokens[i]];
        const bool is_string = first == '"';
        if (!is_scalar_start(first) || (is_string && record[tokens[i + 1]] == ':')) {
            continue;
        }
        if (slots_.size() == kMaxSlots) {
            slots_.clear();
            return;
        }
        const std::size_t begin = tokens[i] + (is_string ? 1 : 0);
        std::size_t end = tokens[i + 1];
        while (json::is_whitespace(record[end - 1])) {
            --end;
        }
        end -= is_string ? 1 : 0;
        Slot slot = slot_behind(record.substr(behind, begin - behind));
        slot.is_string = is_string;
        for (std::size_t f = 0; f < fields.size(); ++f) {
            if (fields[f].raw.data() == record.data() + begin) {
                const auto field = static_cast<std::uint32_t>(f);
                if (slot.field == kNobody) {
                    slot.field = field;
                } else {
                    fixed_.push_back({.field = field, .same_as = slot.field});
                }
            }
        }
        slots_.push_back(slot);
        behind = end;
    }
    for (std::size_t f = 0; f < fields.size(); ++f) {
        if (fields[f].raw.data() == nullptr) {  // no scalar
            fixed_.push_back({.field = static_cast<std::uint32_t>(f), .kind = fields[f].kind});
        }
    }
    slots_.push_back(slot_behind(record.substr(behind)));
}

[[gnu::always_inline]] inline bool RecordShape::literal_matches(const Slot& slot, const char* at,
                                                                const char* end) const {
    const char* literal = literals_.data() + slot.literal_at;
    const auto left = static_cast<std::size_t>(end - at);
    if (left < slot.literal_room) [[unlikely]] {  // near the end of the record
        const std::string_view text(literal, slot.literal_size);
        return std::string_view(at, left).starts_with(text);
    }
    const char* mask = masks_.data() + slot.literal_at;
    const char* const literal_end = literal + slot.literal_room;
    Chunk difference{};
    for (; literal != literal_end; literal += kChunk, mask += kChunk, at += kChunk) {
        difference |= (load(at) ^ load(literal)) & load(mask);
    }
    return simd::none_of(difference != Chunk{});
}

bool RecordShape::match(std::string_view record, std::span<FieldValue> fields) const {
    if (slots_.empty()) {
        return false;
    }
    const char* at = record.data();
    const char* const end = at + record.size();
    for (const Slot& slot : slots_) {
        if (!literal_matches(slot, at, end)) {
            return false;
        }
        at += slot.literal_size;
        if (&slot == &slots_.back()) {
            break;
        }
        const char* const begin = at;
        FieldKind kind = FieldKind::string;
        bool escaped = false;
        if (slot.is_string) {
            at = skip_plain(at, end);
            if (at == end || *at != '"') [[unlikely]] {
                at = close_string(begin, at, end, escaped);
            }
        } else {
            at = take_scalar(at, end, kind);
        }
        if (at == nullptr) {
            return false;
        }
        if (slot.field != kNobody) {
            fields[slot.field] = {kind, escaped, {begin, static_cast<std::size_t>(at - begin)}};
        }
    }
    // What this form does not have may be left from a record of another one.
    for (const Fixed& fixed : fixed_) {
        fields[fixed.field] =
            fixed.same_as == kNobody ? FieldValue{.kind = fixed.kind} : fields[fixed.same_as];
    }
    return at == end;
}

bool KnownShapes::match(std::string_view record, std::span<FieldValue> fields) {
    for (std::size_t i = 0; i < kMax; ++i) {
        const std::size_t at = (last_ + i) % kMax;
        Known& known = known_[at];
        if (known.credit == 0) {
            continue;
        }
        if (known.shape.match(record, fields)) {
            known.credit = std::min(known.credit + kWorth, kMaxCredit);
            last_ = at;
            if (++hits_ % kHitsToTrust == 0) {
                pause_ = std::max<std::uint64_t>(pause_ / 2, 1);
            }
            return true;
        }
        --known.credit;
    }
    return false;
}

void KnownShapes::walked(std::string_view record, std::span<const std::uint32_t> tokens,
                         std::span<const FieldValue> fields) {
    if (++walked_ < pause_) {
        return;
    }
    walked_ = 0;
    pause_ = std::min(pause_ * 2, kLongestPause);
    Known& least = *std::ranges::min_element(known_, {}, &Known::credit);
    least.shape.learn(record, tokens, fields);
    least.credit = kTrial;
}

}  // namespace kstream
