// A value of SQL's, after aggregation: of a group column, of an aggregate, or of an expression over
// them. What SELECT and HAVING compute with.
#pragma once

#include "kstream/core/natural.hpp"

#include <cstdint>
#include <string>
#include <variant>

namespace kstream::job {

// value = (negative ? -1 : 1) * units / 10^scale, exactly. Zero is not negative.
struct ExactNumber {
    bool negative = false;
    Natural units;
    std::int32_t scale = 0;
    friend bool operator==(const ExactNumber&, const ExactNumber&) = default;
};

struct Timestamp {
    std::int64_t milliseconds = 0;  // since 1970, in UTC
    friend bool operator==(Timestamp, Timestamp) = default;
};

// monostate is SQL's NULL.
using Value = std::variant<std::monostate, ExactNumber, std::string, bool, Timestamp>;

}  // namespace kstream::job
