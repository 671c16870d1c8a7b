// Event time as positions carry it (docs/adr/0057). In milliseconds since 1970.
#pragma once

#include "kstream/model/ids.hpp"

#include <compare>
#include <cstdint>
#include <optional>

namespace kstream {

// No event time: below all that there are, which begin in 1970.
inline constexpr std::int64_t kNoTime = -1;

// After all times that a record may have, and all ends and graces of windows: the watermark of a
// source partition of a job that has ended (--close).
inline constexpr std::int64_t kEndOfTime = 1'000'000'000'000'000;

// Of a job that looks for duplicates: what a new owner at a position of a source partition has to
// read again to know the ids that still matter there.
struct Horizon {
    Offset offset;                // of the oldest record whose id matters; the position: of none
    std::int64_t seen = kNoTime;  // the newest event time of the records below it, of no advances
    friend auto operator<=>(const Horizon&, const Horizon&) = default;
};

// What goes with a position of a source partition.
struct SourceMark {
    // The newest event time of the partition's records below the position, and of the advances that
    // were logged up to it. Never falls.
    std::int64_t watermark = kNoTime;
    bool idle = false;                 // its owner has found that nothing comes
    std::optional<Horizon> horizon{};  // of a job with unique_by, and of no other
    friend bool operator==(const SourceMark&, const SourceMark&) = default;
};

// What somebody knows of the time of a source partition. kNoTime: nothing yet.
struct SourceWatermark {
    PartitionId partition;
    std::int64_t watermark = kNoTime;
    friend bool operator==(const SourceWatermark&, const SourceWatermark&) = default;
};

}  // namespace kstream
