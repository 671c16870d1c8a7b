// What the map loops of one process tell of their records as they read them, over all runs of a
// step: for the one line of a run's end, the warnings about bad records, and --max-bad.
#pragma once

#include "kstream/error.hpp"
#include "kstream/model/bad_reason.hpp"
#include "kstream/model/ids.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace kstream {

// Of a job with event time, by whether its times are in the unit that its statement takes them for.
struct TimeTally {
    std::uint64_t in_range = 0;      // records that have a time
    std::uint64_t like_seconds = 0;  // of these: looks_like_seconds() (pipeline/time_unit.hpp)
    std::uint64_t out_of_range = 0;  // their time was the reason `time_range`
};

struct RecordTally {
    std::uint64_t read = 0;
    std::uint64_t aggregated = 0;
    std::uint64_t filtered = 0;
    std::uint64_t late = 0;        // of a job with windows
    std::uint64_t duplicates = 0;  // of a job with unique_by
    std::uint64_t tombstones = 0;
    std::array<std::uint64_t, kBadReasonCount> bad{};
    int scale_needed = 0;  // at which all bad for their scale are good that can be; 0: none of them
    // Of a statement: records that were searched for the fields of WHERE, and those found, by their
    // index in the statement.
    std::uint64_t searched = 0;
    std::vector<std::uint32_t> where_found{};
    TimeTally times{};
};

// The first bad record of its reason in a loop.
struct FirstBad {
    BadReason reason{};
    std::string_view field;  // empty: the reason is about none
    PartitionId partition;
    Offset record_offset;
    std::string hint;  // what helps against it; may be empty
};

// Safe from any thread.
class RecordTallySink {
public:
    virtual ~RecordTallySink() = default;
    virtual void first_bad(const FirstBad& first) = 0;
    // Once for each batch of records: what came to it. An error ends the loop before anything of
    // the batch is committed.
    [[nodiscard]] virtual Result<void> add(const RecordTally& more) = 0;
};

}  // namespace kstream
