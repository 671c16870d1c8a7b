// What is told of a bad record, whoever has met it: what its reason is about, and what a person can
// do. Nothing of what is in the record.
#pragma once

#include "kstream/model/bad_reason.hpp"
#include "kstream/model/ids.hpp"
#include "kstream/model/record.hpp"
#include "kstream/pipeline/job.hpp"
#include "kstream/reader/record_reader.hpp"

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace kstream {

// The job's reader. Precondition: a statement of it was compiled before, at the start.
[[nodiscard]] std::unique_ptr<RecordReader> reader_of(const Job& job);

// The field or the expression that a verdict of this reader is about; empty for none. Valid as long
// as reader and job.
[[nodiscard]] std::string_view bad_subject(const Job& job, const RecordReader& reader,
                                           const RecordVerdict& verdict);
// What helps against it, as far as the record tells; may be empty. Of the reader's last record.
[[nodiscard]] std::string bad_hint(const Job& job, const RecordReader& reader,
                                   const RecordView& record, const RecordVerdict& verdict);

// The first bad record of a reason.
struct FirstOfReason {
    std::string field;  // or the expression; empty: the reason is about none
    PartitionId partition;
    Offset record_offset;
    std::string hint;
};
using FirstsOfReasons = std::array<std::optional<FirstOfReason>, kBadReasonCount>;

}  // namespace kstream
