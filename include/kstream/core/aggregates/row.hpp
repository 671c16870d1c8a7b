// What the registry (core/aggregates.hpp) says about one aggregate: an accumulator of one slot, 24
// bytes for each key. What SQL calls an aggregate is made of one or more of these (job/plan.hpp).
#pragma once

#include "kstream/model/aggregation_spec.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace kstream {

// What an aggregate takes of each record.
enum class AggregateInput : std::uint8_t {
    none,    // that it is there
    number,  // of a field, exact at the job's scale; or a time in milliseconds
};

struct AggregateRow {
    AggregateKind kind{};   // the tag of its slots in every stored format: never reuse one
    std::string_view name;  // SQL's, and its option's: --sum
    AggregateInput input{};
    std::string_view postgres;  // the same in PostgreSQL, of a field called FIELD
    std::string_view doc;       // what it does, in one line
    bool option = false;        // has an option of its own; others are met in statements only
    bool retracts = false;      // a delta can be taken out of a total again
};

// What it is called in the result where nobody says otherwise.
[[nodiscard]] inline std::string default_output_name(const AggregateRow& row,
                                                     std::string_view field) {
    return std::string{row.name} + (field.empty() ? "" : "_") + std::string{field};
}

}  // namespace kstream
