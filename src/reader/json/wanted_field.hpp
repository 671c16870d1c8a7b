// What a record has in a field that the job wants: filled by the record walk or by the shape that a
// record is recognized by, read by the reader.
#pragma once

#include "kstream/model/decimal.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace kstream {

enum class ValueKind : std::uint8_t { string, number, boolean, other };

// The views point into the record.
struct FieldValue {
    ValueKind kind = ValueKind::other;
    bool escaped = false;                     // the string holds a backslash
    DecimalError error = DecimalError::none;  // of the number: none, scale or range
    std::string_view raw;                     // the token; a string's without its quotes
    Decimal number;
};

struct WantedField {
    std::string name;
    std::uint64_t seen_in = 0;      // number of the last record that was walked and has it
    std::uint64_t repeated_in = 0;  // and that has it more than once
    FieldValue value;
};

}  // namespace kstream
