// What a record has at a path that a job wants, whatever its format is: filled by the format,
// read by what judges and evaluates.
#pragma once

#include <cstdint>
#include <string_view>

namespace kstream {

enum class FieldKind : std::uint8_t {
    absent,  // also: something on the way to it is a scalar
    null,
    string,
    number,
    boolean,
    object,
    array,
    repeated,  // it, or a parent of it, stands there more than once
    nul_text,  // a string with U+0000 in it, where that is refused
};

// The view points into the record, or to where its format keeps it until the next record.
struct FieldValue {
    FieldKind kind = FieldKind::absent;
    bool escaped = false;    // the string still has its format's escapes in it
    std::string_view raw{};  // a scalar's token; a string's without its quotes
};

}  // namespace kstream
