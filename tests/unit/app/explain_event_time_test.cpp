// What explain says of event time, at a time of our own.
#include "app/explain_event_time.hpp"

#include "app/statement_zones.hpp"
#include "kstream/job/parse.hpp"
#include "process/zone_file.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace kstream::app {
namespace {

constexpr std::int64_t kNow = 1'541'300'000'000;  // 2018-11-04T02:53:20Z, before Brazil's summer
constexpr std::size_t kBytesPerKey = 48;

EventTimeReport report_of(std::string_view from, std::string_view group_by = "window_start") {
    const std::string text =
        "SELECT count(*) AS n FROM " + std::string{from} +
        (group_by.empty() ? std::string{} : " GROUP BY " + std::string{group_by});
    job::ParseOptions options;
    options.zones = zone_fingerprint;
    const auto parsed = job::parse(text, options);
    INFO((parsed ? std::string{} : job::show(parsed.error().front(), text, "job.sql")));
    REQUIRE(parsed.has_value());
    Result<EventTimeReport> report =
        report_event_time(*parsed, "app-late", kBytesPerKey, kNow, process::read_zone_file);
    REQUIRE(report.has_value());
    return *std::move(report);
}

bool says(const EventTimeReport& report, std::string_view part) {
    std::string all;
    for (const std::string& line : lines_of(report)) {
        all += line + '\n';
    }
    INFO(all);
    return all.contains(part);
}

std::string json_of(const EventTimeReport& report) {
    text::JsonWriter json;
    append(json, report);
    return json.take();
}

}  // namespace

TEST_CASE("the next days of a zone, in UTC and by its clocks", "[explain]") {
    const EventTimeReport report = report_of(
        "tumble(t, to_timestamp(h), 'day', 'America/Sao_Paulo', grace => INTERVAL '2 hours', "
        "emit => 'final', idle => 'never')");
    CHECK(report.time == "to_timestamp(h)");
    REQUIRE(report.next.size() == 5);
    CHECK(report.next[0].utc == "2018-11-04T03:00:00Z");
    CHECK(report.next[0].local == "2018-11-04T01:00:00");  // there was no midnight
    CHECK(report.next[1].utc == "2018-11-05T02:00:00Z");
    CHECK(report.next[1].local == "2018-11-05T00:00:00");
    CHECK(report.next[4].utc == "2018-11-08T02:00:00Z");
    CHECK(report.bytes == kBytesPerKey + 9);
    CHECK(report.late_topic == "app-late");
    CHECK(says(report, "windows: a day of America/Sao_Paulo, whose clocks are "));
    CHECK(says(report, "\n    2018-11-04T03:00:00Z (2018-11-04T01:00:00 there)\n"));
    CHECK(says(report, "grace: 2 hours; late is a record whose window ended"));
    CHECK(says(report, "emit: final, one result for each key and window"));
    CHECK(says(report, "idle: never"));
    CHECK(says(report, "57 bytes in memory for each key and open window"));
    CHECK(says(report, "late records: app-late\n"));
    const std::string json = json_of(report);
    CHECK(json.contains(R"("window":{"kind":"calendar","unit":"day","zone":"America/Sao_Paulo")"));
    CHECK(json.contains(R"("grace_ms":7200000,"emit":"final","idle_ms":null,"quiet_wall":false)"));
    CHECK(json.contains(R"({"utc":"2018-11-04T03:00:00Z","local":"2018-11-04T01:00:00"})"));
    CHECK(json.contains(R"("late_topic":"app-late","max_ahead_ms":3600000})"));
}

TEST_CASE("windows of one length begin where they are counted from", "[explain]") {
    const EventTimeReport report = report_of(
        "tumble(t, to_timestamp(h), INTERVAL '15 minutes', grace => INTERVAL '0 seconds', origin "
        "=> TIMESTAMPTZ '2000-01-01T00:05:00Z')");
    CHECK(report.next[0].utc == "2018-11-04T03:05:00Z");
    CHECK(report.next[0].local.empty());
    CHECK(report.next[4].utc == "2018-11-04T04:05:00Z");
    CHECK(says(report, "of 15 minutes each, counted from 1970-01-01T00:05:00Z"));
    CHECK(says(report, "a record changes at most 1\n"));
    CHECK(json_of(report).contains(
        R"("window":{"kind":"tumble","size_ms":900000,"origin_ms":300000})"));
}

TEST_CASE("hopping windows, their panes, and how many a record is in", "[explain]") {
    const EventTimeReport even = report_of(
        "hop(t, to_timestamp(h), INTERVAL '1 minute', INTERVAL '10 minutes', grace => INTERVAL '1 "
        "minute', idle => INTERVAL '30 seconds', quiet => 'wall')");
    CHECK(even.windows_per_record == 10);
    CHECK(even.panes_per_window == 10);
    CHECK(even.next[0].utc == "2018-11-04T02:54:00Z");
    CHECK(even.next[4].utc == "2018-11-04T02:58:00Z");
    CHECK(says(even, "one pane of 1 minute; a window consists of 10 panes, and a record is in 10"));
    CHECK(says(even, "a record changes at most 10\n"));
    CHECK(says(even, "for each key and open pane"));
    CHECK(says(even, "quiet: "));
    const EventTimeReport odd = report_of(
        "hop(t, to_timestamp(h), INTERVAL '4 minutes', INTERVAL '10 minutes', grace => INTERVAL "
        "'1 minute')");
    CHECK(odd.windows_per_record == 3);
    CHECK(odd.panes_per_window == 5);
    CHECK(odd.pane_ms == 120'000);
    CHECK(says(odd, "a record is in at most 3 windows"));
    CHECK(json_of(odd).contains(R"("slide_ms":240000,"pane_ms":120000,"panes":5})"));
}

TEST_CASE("sessions have no boundaries that anybody knows", "[explain]") {
    const EventTimeReport report = report_of(
        "session(t, to_timestamp(h), INTERVAL '30 minutes', grace => INTERVAL '0 seconds', "
        "max_ahead => 'never')");
    CHECK(report.next.empty());
    CHECK(report.bytes == kBytesPerKey + 9);  // the last of its times is an accumulator
    CHECK(says(report, "without grace every record out of order in its partition is late"));
    CHECK(says(report, "max_ahead: never"));
    CHECK_FALSE(says(report, "begin next"));
}

TEST_CASE("events have a time and no windows", "[explain]") {
    const EventTimeReport report =
        report_of("events(t, to_timestamp(h), unique_by => a.id, within => INTERVAL '1 day')", "");
    CHECK(says(report, "windows: none\n"));
    CHECK(says(report,
               "duplicates: records of a partition with the same a.id within 1 day; "
               "copies in another partition are not found"));
    CHECK(says(report, "about 30 bytes in memory for each record of the last 1 day of event time"));
    CHECK_FALSE(says(report, "late records"));
    CHECK_FALSE(says(report, "grace"));
    CHECK(json_of(report) == R"json({"time":"to_timestamp(h)","window":{"kind":"none"},)json"
                             R"("max_ahead_ms":3600000,"unique_by":"a.id","within_ms":86400000,)"
                             R"("bytes_per_id":30})");
}

TEST_CASE("the example's window has the example's time in it", "[explain]") {
    const auto example = [](const EventTimeReport& report) {
        const auto window = example_window(report.event.window, kNow, process::read_zone_file);
        REQUIRE(window.has_value());
        return *window;
    };
    const auto day = example(report_of(
        "tumble(t, to_timestamp(h), 'day', 'America/Sao_Paulo', grace => INTERVAL '2 hours')"));
    CHECK(day == expr::TimeSpan{1'541'214'000'000, 1'541'300'400'000});
    const auto hop = example(report_of(
        "hop(t, to_timestamp(h), INTERVAL '4 minutes', INTERVAL '10 minutes', grace => INTERVAL "
        "'1 minute')"));
    CHECK(hop == expr::TimeSpan{1'541'299'920'000, 1'541'300'520'000});
    const auto session = example(report_of(
        "session(t, to_timestamp(h), INTERVAL '1 minute', grace => INTERVAL '1 minute')"));
    CHECK(session == expr::TimeSpan{kNow, kNow + 60'000});
}

}  // namespace kstream::app
