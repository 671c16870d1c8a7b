// Times in another unit than the statement takes them for: which look so, and what to write.
#include "kstream/pipeline/time_unit.hpp"

#include "support/fakes/statement_job.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <string>

namespace kstream {
namespace {

TimeUnitHints hints_of(const std::string& time) {
    const Job job = testing::make_statement_job("SELECT count(*) AS n FROM events(t, " + time +
                                                ", max_ahead => 'never')");
    return time_unit_hints(*job.statement);
}

}  // namespace

TEST_CASE("what to write in place of a time in another unit can be written") {
    CHECK(hints_of("to_timestamp(ts)").out_of_range ==
          "to_timestamp takes seconds: if ts is in milliseconds, write to_timestamp(ts * 0.001)");
    CHECK(hints_of("to_timestamp(ts * 0.001)").like_seconds ==
          "to_timestamp takes seconds: if ts * 0.001 is a thousand times too small, write "
          "to_timestamp(ts)");
    CHECK(
        hints_of("to_timestamp(0.001 * a.ts)").like_seconds.ends_with("write to_timestamp(a.ts)"));
    CHECK(hints_of("to_timestamp(round(ts / 1000, 3))")
              .like_seconds.ends_with("write to_timestamp(round(ts / 1000, 3) * 1000)"));
    // Whatever it stands in, and with the parentheses that it takes.
    const TimeUnitHints inside = hints_of("coalesce(when_::timestamptz, to_timestamp(a + b))");
    CHECK(inside.out_of_range ==
          "to_timestamp takes seconds: if a + b is in milliseconds, write to_timestamp((a + b) * "
          "0.001)");
    for (const TimeUnitHints& one : {hints_of("to_timestamp(ts * 2)"), inside}) {
        for (const std::string& hint : {one.out_of_range, one.like_seconds}) {
            CAPTURE(hint);
            const std::string write = "write ";
            CHECK(job::parse("SELECT count(*) AS n FROM events(t, " +
                                 hint.substr(hint.find(write) + write.size()) + ")",
                             {})
                      .has_value());
        }
    }
    CHECK(hints_of("when_::timestamptz").out_of_range.empty());
    CHECK(hints_of("kafka_timestamp").like_seconds.empty());
}

TEST_CASE("a time looks like seconds if as milliseconds it is in January 1970, and else of today") {
    constexpr std::int64_t kNow = 1'764'460'000'000;
    constexpr std::int64_t kDay = 86'400;
    CHECK(looks_like_seconds(kNow / 1000, kNow));
    CHECK(looks_like_seconds(kNow / 1000 + kDay, kNow));  // of a clock that is wrong
    CHECK_FALSE(looks_like_seconds(kNow / 1000 + kDay + 1, kNow));
    CHECK(looks_like_seconds(946'684'800, kNow));
    CHECK_FALSE(looks_like_seconds(946'684'799, kNow));  // 1999
    // Times are of 1970 where their records are.
    CHECK_FALSE(looks_like_seconds(1'700'000'000, 1'700'000'000));
    CHECK_FALSE(looks_like_seconds(1'700'000'000, -1));
    CHECK_FALSE(looks_like_seconds(kNow, kNow));
    CHECK_FALSE(looks_like_seconds(253'402'300'799'999, kNow));
    CHECK_FALSE(looks_like_seconds(0, kNow));
}

}  // namespace kstream
