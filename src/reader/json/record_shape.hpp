// The form of a record: all of its bytes but its scalar values.
//
// Records of one producer differ in their scalar values and in nothing else. Where that is so, a
// record needs no index and no parse: a valid record in which scalar values are replaced by other
// scalar values is a valid record with the same members, so what is between the values is compared
// with an earlier record that was walked, and only the values are looked at. This decides "yes" and
// never "no": a record of another form, or with a value that is not valid, is walked. Why, and what
// it is worth: docs/adr/0024-record-shape.md.
#pragma once

#include "kstream/model/field_value.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace kstream {

class RecordShape {
public:
    // Takes over the form of `record`, which the walk has found valid, with none of `fields` in it
    // more than once. `tokens` are the places of its structural characters and of the beginnings of
    // its scalars, as simdjson's stage 1 finds them. Forgets the form it had; takes over none that
    // is too large to be worth it.
    void learn(std::string_view record, std::span<const std::uint32_t> tokens,
               std::span<const FieldValue> fields);

    // True: `record` has this form and is valid, and `fields` hold its values. False: nothing is
    // known of it, and values of `fields` may have been overwritten. Reads nothing outside of
    // `record`.
    [[nodiscard]] bool match(std::string_view record, std::span<FieldValue> fields) const;

private:
    static constexpr std::uint32_t kNobody = 0xffffffffU;

    // A scalar value and what stands in front of it, up to the value before. A string's quotes are
    // part of what stands around it.
    struct Slot {
        std::uint32_t literal_at = 0;  // in literals_
        std::uint32_t literal_size = 0;
        std::uint32_t literal_room = 0;  // literal_size up to a whole number of chunks
        std::uint32_t field = kNobody;   // that wants the value
        bool is_string = false;
    };
    // A field that is no slot's: of this kind in each record of the form, for absent it is, or an
    // object or an array; or the same value as that of another field, an element of an array that
    // is wanted by its place from either end.
    struct Fixed {
        std::uint32_t field = 0;
        FieldKind kind = FieldKind::absent;
        std::uint32_t same_as = kNobody;
    };

    [[nodiscard]] Slot slot_behind(std::string_view literal);
    [[nodiscard]] bool literal_matches(const Slot& slot, const char* at, const char* end) const;

    // One slot for each value, and a last one for what stands after the last value.
    std::vector<Slot> slots_;
    std::vector<Fixed> fixed_;
    // Each literal with bytes after it up to a whole number of chunks, and as many bytes of 0xff
    // where the literal is and 0 where it is not.
    std::vector<char> literals_;
    std::vector<char> masks_;
};

// The forms of a topic: a few, for it may have several producers. A form has to be met in one of
// some 16 records that are compared with it, else it is given up; and where forms come and go,
// learning is done ever less often. So records of no form cost hardly more than their walk.
class KnownShapes {
public:
    // As RecordShape::match, by any of them.
    [[nodiscard]] bool match(std::string_view record, std::span<FieldValue> fields);

    // As RecordShape::learn, now and then: for a record that had to be walked.
    void walked(std::string_view record, std::span<const std::uint32_t> tokens,
                std::span<const FieldValue> fields);

private:
    static constexpr std::size_t kMax = 4;
    // What a record that is met is worth, in records that are not.
    static constexpr int kWorth = 16;
    static constexpr int kTrial = 64;
    static constexpr int kMaxCredit = 1024;
    // Records walked between two that are learnt from, at most.
    static constexpr std::uint64_t kLongestPause = 1024;
    // So many recognized records halve the pause.
    static constexpr std::uint64_t kHitsToTrust = 4096;

    struct Known {
        RecordShape shape;
        int credit = 0;  // 0: given up
    };

    std::array<Known, kMax> known_;
    std::size_t last_ = 0;  // the one that was met last
    std::uint64_t hits_ = 0;
    std::uint64_t walked_ = 0;  // since a record was learnt from
    std::uint64_t pause_ = 1;
};

}  // namespace kstream
