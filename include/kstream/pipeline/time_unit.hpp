// Whether the times of a job's records are in another unit than its statement takes them for: of
// 1.7e12 seconds the year is 55,841, and 1.7e9 milliseconds are over on January 20, 1970. A person
// sees that at once, and no rule of windows does.
#pragma once

#include "kstream/job/statement_job.hpp"

#include <cstdint>
#include <string>

namespace kstream {

// Which time to write instead, for a person. Both are empty where the time of the statement, which
// has event time, calls no to_timestamp().
struct TimeUnitHints {
    std::string out_of_range;  // of times outside the years 1970 to 9999
    std::string like_seconds;  // of those below
};
[[nodiscard]] TimeUnitHints time_unit_hints(const job::StatementJob& job);

// Whether a record's time is one of January 1970 that, a thousand times as long after 1970, would
// lie between the year 2000 and a day after the record's Kafka timestamp. All in milliseconds; a
// timestamp below 0 is none, and says nothing.
[[nodiscard]] constexpr bool looks_like_seconds(std::int64_t time, std::int64_t timestamp) {
    constexpr std::int64_t kYear2000 = 946'684'800'000;
    constexpr std::int64_t kDay = 86'400'000;
    constexpr std::int64_t kJanuary = 31 * kDay;
    return time < kJanuary && time * 1000 >= kYear2000 && time * 1000 <= timestamp + kDay;
}

}  // namespace kstream
