// What a record reader says of one record, in the form of the reference, so that both are compared
// whole. Views of a reader may point into the record or into its own buffers; copying them reads
// them.
#pragma once

#include "kstream/reader/record_reader.hpp"
#include "support/json_reference.hpp"

#include <string>
#include <string_view>

namespace kstream::testing {

inline ReferenceResult result_of(RecordReader& reader, std::string_view record) {
    const RecordVerdict verdict = reader.read(record);
    ReferenceResult result;
    if (!verdict.ok) {
        result.reason = bad_reason_name(verdict.reason);
        result.field = reader.field_name(verdict);
        return result;
    }
    for (const GroupValue& group : reader.group().values) {
        result.groups.push_back(std::string{static_cast<char>(group.type)} + ":" +
                                std::string{group.text});
    }
    for (const Decimal input : reader.inputs()) {
        result.inputs.push_back(input.units);
    }
    return result;
}

}  // namespace kstream::testing
