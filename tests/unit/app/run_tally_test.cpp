// What a run says of its bad records, and at its end.
#include "app/run_tally.hpp"

#include "kstream/pipeline/time_unit.hpp"
#include "kstream/ports/record_tally.hpp"
#include "kstream/reader/record_reader.hpp"
#include "support/fakes/fake_clock.hpp"
#include "support/fakes/recording_log.hpp"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace kstream::app {
namespace {

constexpr auto kMissing = static_cast<std::size_t>(BadReason::missing_field);
constexpr auto kScale = static_cast<std::size_t>(BadReason::scale);

struct Bench {
    explicit Bench(std::optional<cli::Share> max_bad = std::nullopt)
        : tally({.source_topic = "orders",
                 .max_bad = max_bad,
                 .where_fields = {{2, "moeda"}, {5, "cliente.uf"}}},
                clock, log) {}

    Result<void> add(std::uint64_t good, std::uint64_t missing, std::uint64_t scale = 0) {
        RecordTally more;
        more.read = good + missing + scale;
        more.aggregated = good;
        more.bad[kMissing] = missing;
        more.bad[kScale] = scale;
        more.scale_needed = scale > 0 ? 17 : 0;
        return tally.add(more);
    }
    void first(BadReason reason, std::int64_t offset) {
        tally.first_bad({.reason = reason,
                         .field = "seller",
                         .partition = PartitionId{3},
                         .record_offset = Offset{offset},
                         .hint = "do this"});
    }
    [[nodiscard]] std::string last_line() const { return log.lines.back().text; }

    testing::FakeClock clock;
    testing::RecordingLog log;
    RunTally tally;
};

// A run of a job with event time.
struct TimedBench {
    explicit TimedBench(bool is_new, bool has_hints = true)
        : tally({.source_topic = "orders",
                 .max_bad = std::nullopt,
                 .where_fields = {},
                 .is_new = is_new,
                 .time_hints =
                     has_hints ? TimeUnitHints{"write less", "write more"} : TimeUnitHints{}},
                clock, log) {}

    Result<void> add(const TimeTally& times) {
        RecordTally more;
        more.read = times.in_range + times.out_of_range;
        more.aggregated = times.in_range;
        more.bad[static_cast<std::size_t>(BadReason::time_range)] = times.out_of_range;
        more.times = times;
        return tally.add(more);
    }

    testing::FakeClock clock;
    testing::RecordingLog log;
    RunTally tally;
};

}  // namespace

// cases: 20,000 dead letters, exit code 0, and not a word.
TEST_CASE("the first bad record of each reason is a warning, once for all loops") {
    Bench b;
    b.first(BadReason::missing_field, 7);
    b.first(BadReason::missing_field, 9);
    b.first(BadReason::scale, 8);
    REQUIRE(b.log.lines.size() == 2);
    CHECK(b.log.lines[0].level == LogLevel::warn);
    CHECK(b.log.lines[0].text ==
          "bad record rejected; more of them are counted once a minute reason=missing_field "
          "field=seller topic=orders partition=3 offset=7 hint=do this");
    CHECK(b.log.lines[1].text.contains("reason=scale"));
}

TEST_CASE("more bad records are counted once a minute, and only while there are more") {
    Bench b;
    b.first(BadReason::missing_field, 7);
    REQUIRE(b.add(10, 1));
    b.clock.advance(std::chrono::seconds{61});
    b.tally.look();
    CHECK(b.log.lines.size() == 1);  // it has been told
    REQUIRE(b.add(10, 20'000, 3));
    b.tally.look();
    REQUIRE(b.log.lines.size() == 2);
    CHECK(b.log.lines[1].level == LogLevel::warn);
    CHECK(b.last_line() ==
          "more bad records rejected records=20003 reasons=missing_field 20000 (first: seller), "
          "scale 3 (--scale 17 would do)");
    REQUIRE(b.add(10, 5));
    b.clock.advance(std::chrono::seconds{59});
    b.tally.look();
    CHECK(b.log.lines.size() == 2);
    b.clock.advance(std::chrono::seconds{1});
    b.tally.look();
    CHECK(b.last_line() ==
          "more bad records rejected records=5 reasons=missing_field 5 (first: seller)");
    b.clock.advance(std::chrono::minutes{5});
    b.tally.look();
    CHECK(b.log.lines.size() == 3);
}

TEST_CASE("the last line says what became of all that was read") {
    Bench b;
    b.first(BadReason::missing_field, 7);
    REQUIRE(b.add(10, 2));
    RecordTally more;
    more.read = 7;
    more.filtered = 3;
    more.tombstones = 4;
    REQUIRE(b.tally.add(more));
    b.tally.say_last(true, {.records = 5, .bytes = 50});
    CHECK(b.log.lines.back().level == LogLevel::warn);
    CHECK(b.last_line() ==
          "stopped; everything that was read is committed records=19 aggregated=10 filtered=3 "
          "late=0 duplicates=0 tombstones=4 set_aside=2 reasons=missing_field 2 (first: seller) "
          "records_written=5 "
          "bytes_written=50");
    b.tally.say_last(false, {});
    CHECK(b.last_line().starts_with("stopped; the next start reads again what is not committed"));
    Bench good;
    REQUIRE(good.add(10, 0));
    good.tally.say_last(true, {});
    CHECK(good.log.lines.back().level == LogLevel::info);
}

TEST_CASE("a run that has read records and aggregated none is none that has succeeded") {
    Bench b;
    CHECK_FALSE(b.tally.wrong_at_end());  // nothing was there to be read
    REQUIRE(b.add(0, 20'000));
    REQUIRE(b.tally.wrong_at_end());
    CHECK(b.tally.wrong_at_end()->exit_code == ExitCode::nothing_aggregated);
    CHECK(b.tally.wrong_at_end()->message ==
          "none of the 20000 records that were read from topic orders is in a total");
    CHECK(b.tally.wrong_at_end()->hint.contains("the warnings name"));
    REQUIRE(b.add(1, 0));
    CHECK_FALSE(b.tally.wrong_at_end());
}

TEST_CASE("of a run in which WHERE was true of nothing the last word says so") {
    Bench b;
    RecordTally more;
    more.read = more.filtered = 5;
    REQUIRE(b.tally.add(more));
    REQUIRE(b.tally.wrong_at_end());
    CHECK(b.tally.wrong_at_end()->exit_code == ExitCode::nothing_aggregated);
    CHECK(b.tally.wrong_at_end()->hint ==
          "WHERE is true of none of them, and none of them has moeda, cliente.uf: is it spelled as "
          "in the records?");
    RecordTally found;
    found.where_found = {2, 5};
    REQUIRE(b.tally.add(found));
    CHECK(b.tally.wrong_at_end()->hint == "WHERE is true of none of them: is it what was meant?");
}

TEST_CASE("a field of WHERE that no record has is a warning, once, when many were searched") {
    Bench b;
    RecordTally more;
    more.read = more.filtered = more.searched = RecordReader::kSearched - 1;
    REQUIRE(b.tally.add(more));
    CHECK(b.log.lines.empty());
    RecordTally last;
    last.read = last.filtered = last.searched = 1;
    last.where_found = {5};
    REQUIRE(b.tally.add(last));
    REQUIRE(b.log.lines.size() == 1);
    CHECK(b.log.lines[0].level == LogLevel::warn);
    CHECK(b.last_line() ==
          "no record has a field that WHERE names field=moeda topic=orders records=10000 hint=is "
          "it spelled as in the records? What WHERE is not true of is filtered");
    REQUIRE(b.tally.add(more));
    CHECK(b.log.lines.size() == 1);
}

TEST_CASE("max-bad ends the run beyond it, once, when there are records enough to tell") {
    Bench b{cli::Share{10'000}};
    REQUIRE(b.add(900, 99));  // 999 records say little
    const Result<void> done = b.add(0, 1);
    REQUIRE_FALSE(done);
    CHECK(done.error().exit_code == ExitCode::bad_record);
    CHECK(
        done.error().message ==
        "more than 1% of the records that this run has read from topic orders are bad (--max-bad)");
    CHECK(b.add(0, 1).has_value());  // the other loops end in order

    Bench exact{cli::Share{10'000}};
    REQUIRE(exact.add(990, 10));
    CHECK_FALSE(exact.tally.wrong_at_end());
    CHECK_FALSE(exact.add(0, 1).has_value());
}

TEST_CASE("max-bad holds at the end, also where there were few records") {
    Bench b{cli::Share{10'000}};
    REQUIRE(b.add(1, 1));
    REQUIRE(b.tally.wrong_at_end());
    CHECK(b.tally.wrong_at_end()->exit_code == ExitCode::bad_record);
    Bench none{cli::Share{0}};
    REQUIRE(none.add(2000, 0));
    CHECK_FALSE(none.tally.wrong_at_end());
    CHECK_FALSE(none.add(0, 1).has_value());
    Bench all{cli::Share{1'000'000}};
    REQUIRE(all.add(0, 5000));
    CHECK(all.tally.wrong_at_end()->exit_code == ExitCode::nothing_aggregated);
}

TEST_CASE("a new job whose first times are all decades off asks before it goes on") {
    TimedBench b{true};
    REQUIRE(b.add({.out_of_range = 999}));
    const Result<void> done = b.add({.out_of_range = 1});
    REQUIRE_FALSE(done);
    CHECK(done.error().exit_code == ExitCode::bad_record);
    CHECK(done.error().message ==
          "the times of all records that this first run has read from topic orders are outside the "
          "years 1970 to 9999");
    CHECK(done.error().hint.starts_with("write less"));
    CHECK(b.add({.out_of_range = 1}).has_value());  // the other loops end in order

    TimedBench seconds{true};
    REQUIRE(seconds.add({.in_range = 999, .like_seconds = 999}));
    const Result<void> stopped = seconds.add({.in_range = 1, .like_seconds = 1});
    REQUIRE_FALSE(stopped);
    CHECK(stopped.error().exit_code == ExitCode::bad_record);
    CHECK(stopped.error().message ==
          "the times of all records that this first run has read from topic orders are in January "
          "1970, decades before their Kafka timestamps");
    CHECK(stopped.error().hint.starts_with("write more"));
}

TEST_CASE("no times, however odd, stop a job that has begun or that has one that is right") {
    for (const TimeTally& odd :
         {TimeTally{.out_of_range = 5'000}, TimeTally{.in_range = 5'000, .like_seconds = 5'000}}) {
        TimedBench begun{false};
        CHECK(begun.add(odd).has_value());
        TimedBench right{true};
        REQUIRE(right.add({.in_range = 1}));
        CHECK(right.add(odd).has_value());
        TimedBench other{true, false};  // whose time is no number of seconds
        CHECK(other.add(odd).has_value());
    }
    TimedBench both{true};
    CHECK(both.add({.in_range = 5'000, .like_seconds = 5'000, .out_of_range = 1}).has_value());
}

TEST_CASE("times that look like seconds are a warning, once") {
    TimedBench b{false};
    REQUIRE(b.add({.in_range = 10}));
    CHECK(b.log.lines.empty());
    REQUIRE(b.add({.in_range = 10, .like_seconds = 1}));
    REQUIRE(b.add({.in_range = 10, .like_seconds = 1}));
    REQUIRE(b.log.lines.size() == 1);
    CHECK(b.log.lines[0].level == LogLevel::warn);
    CHECK(b.log.lines[0].text ==
          "times of January 1970: they look like seconds that are taken for milliseconds "
          "topic=orders hint=write more");
}

TEST_CASE("a run in which no time was in range says at its end which unit was meant") {
    TimedBench b{false};
    REQUIRE(b.add({.out_of_range = 5}));
    REQUIRE(b.tally.wrong_at_end());
    CHECK(b.tally.wrong_at_end()->exit_code == ExitCode::nothing_aggregated);
    CHECK(b.tally.wrong_at_end()->hint == "write less");
}

}  // namespace kstream::app
