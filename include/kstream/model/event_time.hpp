// Event time as positions carry it (docs/adr/0057). In milliseconds since 1970.
#pragma once

#include <cstdint>

namespace kstream {

// No event time: below all that there are, which begin in 1970.
inline constexpr std::int64_t kNoTime = -1;

// After all times that a record may have, and all ends and graces of windows: the watermark of a
// source partition of a job that has ended (--close).
inline constexpr std::int64_t kEndOfTime = 1'000'000'000'000'000;

// What goes with a position of a source partition.
struct SourceMark {
    // The newest event time of the partition's records below the position, and of the advances that
    // were logged up to it. Never falls.
    std::int64_t watermark = kNoTime;
    bool idle = false;  // its owner has found that nothing comes
    friend bool operator==(const SourceMark&, const SourceMark&) = default;
};

}  // namespace kstream
