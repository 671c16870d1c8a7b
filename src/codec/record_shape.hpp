// The form of a record: all of its bytes but its scalar values.
//
// Records of one producer differ in their scalar values and in nothing else. Where that is so, a
// record needs no index and no parse: a valid record in which scalar values are replaced by other
// scalar values is a valid record with the same members, so what is between the values is compared
// with an earlier record that was walked, and only the values are looked at. This decides "yes" and
// never "no": a record of another form, or with a value that is not valid, is walked. Why, and what
// it is worth: docs/adr/0024-record-shape.md.
#pragma once

#include "codec/wanted_field.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace kstream {

class RecordShape {
public:
    // Takes over the form of `record`, which the walk has found valid, with each of `fields` in it
    // once. `tokens` are the places of its structural characters and of the beginnings of its
    // scalars, as simdjson's stage 1 finds them. Forgets the form it had; takes over none that is
    // too large to be worth it, or where a wanted value is no scalar.
    void learn(std::string_view record, std::span<const std::uint32_t> tokens,
               std::span<const WantedField> fields);

    // True: `record` has this form and is valid, and `fields` hold its values; numbers are read at
    // `scale`. False: nothing is known of it, and values of `fields` may have been overwritten.
    // Reads nothing outside of `record`.
    [[nodiscard]] bool match(std::string_view record, int scale,
                             std::span<WantedField> fields) const;

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

    [[nodiscard]] Slot slot_behind(std::string_view literal);
    [[nodiscard]] bool literal_matches(const Slot& slot, const char* at, const char* end) const;

    // One slot for each value, and a last one for what stands behind the last value.
    std::vector<Slot> slots_;
    // Each literal with bytes behind it up to a whole number of chunks, and as many bytes of 0xff
    // where the literal is and 0 where it is not.
    std::vector<char> literals_;
    std::vector<char> masks_;
};

}  // namespace kstream
