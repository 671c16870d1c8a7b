// The report of `lateness`, as it is printed.
#include "app/lateness_report.hpp"

#include "job/times.hpp"
#include "kstream/job/parse.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace kstream::app {
namespace {

constexpr std::string_view kStatement =
    "SELECT count(*) AS n FROM tumble(pedidos, to_timestamp(t), INTERVAL '1 minute', grace => "
    "INTERVAL '5 seconds') GROUP BY window_start";

// 2026-01-31T12:00:00Z
constexpr std::int64_t kNoon = 1'769'860'800'000;

struct Looked {
    explicit Looked(std::string_view text, std::size_t partitions = 2)
        : lateness(partitions, 5'000) {
        auto parsed = job::parse(text);
        REQUIRE(parsed.has_value());
        statement = *std::move(parsed);
    }
    LatenessReport report() const {
        return {.statement = statement,
                .offsets = 20,
                .counts = counts,
                .firsts = firsts,
                .lateness = lateness};
    }

    job::Statement statement;
    RecordTally counts;
    FirstsOfReasons firsts;
    Lateness lateness;
};

// 1,000 records in order, and two that are late.
Looked some_records() {
    Looked made{kStatement};
    for (std::int64_t i = 0; i < 1'000; ++i) {
        made.lateness.see(PartitionId{0}, kNoon + i * 1'000);
        made.lateness.judge(PartitionId{0}, Offset{i}, kNoon, 0);
    }
    made.lateness.see(PartitionId{0}, kNoon);
    made.lateness.judge(PartitionId{0}, Offset{1'000}, kNoon + 999'000, 3'600'000);
    made.lateness.see(PartitionId{0}, kNoon);
    made.lateness.judge(PartitionId{0}, Offset{1'001}, kNoon + 999'000, 5'000);
    made.counts.read = 1'010;
    made.counts.aggregated = 1'002;
    made.counts.filtered = 4;
    made.counts.tombstones = 1;
    const auto reason = static_cast<std::size_t>(BadReason::time_future);
    made.counts.bad[reason] = 3;
    made.firsts[reason] = {"to_timestamp(t)", PartitionId{1}, Offset{7}, ""};
    return made;
}

}  // namespace

TEST_CASE("the report of a topic, for people") {
    const Looked looked = some_records();
    CHECK(lateness_text(looked.report()) ==
          R"(SELECT count(*) AS n
FROM tumble(pedidos, to_timestamp(t), INTERVAL '1 minute', grace => INTERVAL '5 seconds')
GROUP BY window_start;

Records of pedidos, to its present end:
  1010 records at 20 offsets: 1001 aggregated, 1 late, 4 filtered by WHERE, 1 tombstones
  3 bad: time_future of to_timestamp(t); the first at partition 1 offset 7
  2 of 1002 with a time are out of order: a newer one stands before them in their partition

Refused as late, by grace:
  0 seconds              2        0.1996 %
  1 second               2        0.1996 %
  5 seconds              1        0.0998 %  <- the statement's own
  10 seconds             1        0.0998 %
  1 minute               1        0.0998 %
  10 minutes             1        0.0998 %
  1 hour                 0             0 %
  The statement's own grace, 5 seconds, REFUSES 1 of 1002 records.

Least grace that keeps:
  99 %     0 seconds
  99.9 %   5 seconds
  99.99 %  1 hour
  all      1 hour

The latest record:
  partition 0 offset 1000 needs a grace of 1 hour
  the clock of its partition stood at 2026-01-31T12:16:39Z

Partitions:
  partition  with a time  out of order  oldest                    newest                    needs
          0         1002             2  2026-01-31T12:00:00Z      2026-01-31T12:16:39Z      1 hour
          1            0             0  none                      none                      0
  Partition 1 has no record with a time: no window closes before it has one.

Not in these figures:
  idle => ...: what moves the clocks of silent partitions on refuses more
)");
}

TEST_CASE("a report without a late record says so") {
    Looked looked{
        "SELECT count(*) AS n FROM tumble(pedidos, to_timestamp(t), INTERVAL '1 minute', "
        "grace => INTERVAL '5 seconds', unique_by => u::text, within => INTERVAL '1 "
        "hour') GROUP BY window_start",
        1};
    const std::string empty = lateness_text(looked.report());
    CHECK(empty.contains("  5 seconds             0             0 %  <- the statement's own\n"));
    CHECK(empty.contains("  none: no record needs any grace\n"));
    CHECK(empty.contains(", refuses none of 0 records.\n"));
    looked.lateness.see(PartitionId{0}, kNoon);
    looked.lateness.judge(PartitionId{0}, Offset{0}, kNoon, 0);
    const std::string one = lateness_text(looked.report());
    CHECK(
        one.contains("  Partition 0 is furthest behind: no window closes that ends, with its "
                     "grace, after 2026-01-31T12:00:00Z.\n"));
    CHECK(one.contains("  unique_by => ...: duplicates are not looked for"));
}

TEST_CASE("the report of a topic, for programs") {
    const Looked looked = some_records();
    const std::string json = lateness_json(looked.report());
    CHECK(
        json.contains(R"("records":1010,"aggregated":1001,"late":1,"filtered":4,"tombstones":1,)"));
    CHECK(json.contains(R"x("bad":[{"reason":"time_future","records":3,)x"
                        R"x("field":"to_timestamp(t)","partition":1,"offset":7,"hint":""}],)x"));
    CHECK(json.contains(R"("with_time":1002,"out_of_order":2,)"
                        R"("graces":[{"grace_ms":0,"refused":2,"share":0.001996008,"own":false})"));
    CHECK(json.contains(R"({"grace_ms":5000,"refused":1,"share":0.000998004,"own":true})"));
    CHECK(json.contains(R"("least_graces":[{"keeps_percent":99,"grace_ms":0},)"
                        R"({"keeps_percent":99.9,"grace_ms":5000},)"));
    CHECK(json.contains(R"("latest":{"partition":0,"offset":1000,"grace_ms":3600000,)"
                        R"("clock":"2026-01-31T12:16:39Z"})"));
    CHECK(json.contains(R"({"partition":1,"with_time":0,"out_of_order":0,"oldest":null,)"
                        R"("newest":null,"largest_grace_ms":0}],"furthest_behind":1,)"));
    CHECK(json.ends_with("}\n"));
}

TEST_CASE("a length is told in units, the largest first") {
    CHECK(job::length_text(0) == "0 seconds");
    CHECK(job::length_text(1) == "1 millisecond");
    CHECK(job::length_text(3'723'004) == "1 hour 2 minutes 3 seconds 4 milliseconds");
    CHECK(job::length_text(2 * 86'400'000 + 60'000) == "2 days 1 minute");
}

}  // namespace kstream::app
