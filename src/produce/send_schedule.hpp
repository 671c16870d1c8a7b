// When each record of an open-loop run is meant to be sent: record i at begin + i / rate, whatever
// became of the records before it. A slow broker delays records, it does not move their times; so
// latency counted from the intended time has no coordinated omission, and a run that fell behind
// catches up as fast as the queue takes records, skipping none.
#pragma once

#include "kstream/ports/clock.hpp"

#include <cstdint>

namespace kstream::produce {

class SendSchedule {
public:
    // `rate` is in records per second, above 0, for all threads together.
    SendSchedule(Instant begin, double rate) : begin_(begin), nanoseconds_each_(1e9 / rate) {}

    [[nodiscard]] Instant due(std::uint64_t record) const {
        return begin_ +
               Duration(static_cast<std::int64_t>(static_cast<double>(record) * nanoseconds_each_));
    }

    // How many records are due strictly before `now`: those with numbers below the result.
    [[nodiscard]] std::uint64_t due_before(Instant now) const {
        if (now <= begin_) {
            return 0;
        }
        auto count = static_cast<std::uint64_t>(static_cast<double>((now - begin_).count()) /
                                                nanoseconds_each_);
        // The quotient is rounded, due() decides: at most one step either way.
        while (count > 0 && due(count - 1) >= now) {
            --count;
        }
        while (due(count) < now) {
            ++count;
        }
        return count;
    }

private:
    Instant begin_;
    double nanoseconds_each_;
};

}  // namespace kstream::produce
