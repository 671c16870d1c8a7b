// Event time in the map fold: which records are late, by which clock, and what a range says of it.
#include "kstream/codec/delta_batch.hpp"
#include "kstream/codec/state_key.hpp"
#include "kstream/pipeline/map_fold.hpp"
#include "support/fakes/memory_log.hpp"
#include "support/fakes/recording_log.hpp"
#include "support/fakes/statement_job.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kstream {
namespace {

constexpr std::int64_t kMinute = 60'000;
constexpr PartitionId kZero{0};

std::string windowed(std::string_view grace, std::string_view more = "") {
    return "SELECT k, window_start, count(*) AS n FROM tumble(t, to_timestamp(ms * 0.001), "
           "INTERVAL '1 minute', grace => INTERVAL '" +
           std::string{grace} + "', max_ahead => 'never'" + std::string{more} +
           ") WHERE k <> 'nobody' GROUP BY k, window_start";
}

struct Bench {
    explicit Bench(const std::string& statement) : job(testing::make_statement_job(statement)) {}

    void add(std::int64_t time, const std::string& k = "a", const std::string& more = "") {
        add_value(R"({"k":")" + k + R"(","ms":)" + std::to_string(time) + more + "}");
    }
    void add_value(std::optional<std::string> value) {
        const Offset at = log.append(TopicRole::source, 0, std::nullopt, value, 1000);
        const std::vector<RecordView> records{log.view(TopicRole::source, kZero, at)};
        REQUIRE(fold.fold(records));
    }
    // The only range of what has filled, and how many records each window has of `a`.
    SourceRange seal() {
        Step step;
        const Offset end = log.end(TopicRole::source, kZero);
        step.ranges.push_back({kZero, sealed, end});
        REQUIRE(fold.seal(step));
        sealed = end;
        DeltaBatch batch;
        const OutputBatch::Record& first = step.outputs.records().front();
        REQUIRE(first.topic == TopicRole::repartition);
        REQUIRE(decode_delta_batch(*step.outputs.value(first), job.form(), batch));
        windows.clear();
        late.clear();
        for (const OutputBatch::Record& record : step.outputs.records()) {
            if (record.topic == TopicRole::late) {
                late.push_back(step.outputs.header_sets()[record.headers]);
            }
        }
        for (const DeltaView& delta : batch.deltas) {
            GroupKey group;
            REQUIRE(decode_state_key(delta.state_key, job.key_shape(), group));
            windows[*group.window_start] =
                static_cast<std::int64_t>(batch.slots[delta.first_slot].value().low_128());
        }
        return batch.header.ranges.at(0);
    }

    Job job;
    testing::MemoryLog log;
    testing::RecordingLog recorded;
    MapFold fold{job, {}, recorded};
    Offset sealed;
    std::map<std::int64_t, std::int64_t> windows;
    std::vector<OutputBatch::Headers> late;
};

}  // namespace

TEST_CASE("a record is late when its window and the grace ended by the time before it") {
    Bench b{windowed("5 seconds")};
    b.add(kMinute + 4'999);
    b.add(59'999);  // one millisecond of the grace is left
    b.add(kMinute + 5'000);
    b.add(59'999);  // it is over
    b.add(0, "b");
    b.add(kMinute);
    const SourceRange range = b.seal();
    CHECK(range.counts.read == 6);
    CHECK(range.counts.late == 2);
    CHECK(range.counts.aggregated == 4);
    CHECK(range.watermark_before == kNoTime);
    CHECK(range.watermark == kMinute + 5'000);
    CHECK(b.windows == std::map<std::int64_t, std::int64_t>{{0, 1}, {kMinute, 3}});
    CHECK(b.fold.status().late == 2);
    // Each is kept, with where it stood and by how much it was late.
    REQUIRE(b.late.size() == 2);
    CHECK(b.late[0].at(2).second == "0");  // partition
    CHECK(b.late[0].at(3).second == "3");  // offset
    CHECK(b.late[0].back() ==
          std::pair<std::string, std::optional<std::string>>{"kstream.late.by.ms", "1"});
    CHECK(b.late[1].at(3).second == "4");
}

TEST_CASE("a record's own time does not make it late, however far ahead it is") {
    Bench b{windowed("0 seconds")};
    b.add(10);
    b.add(90 * kMinute);
    b.add(90 * kMinute);
    CHECK(b.seal().counts.late == 0);
    b.add(90 * kMinute - 1);  // the window before ended at that very time
    const SourceRange range = b.seal();
    CHECK(range.counts.late == 1);
    CHECK(range.watermark_before == 90 * kMinute);
    CHECK(range.watermark == 90 * kMinute);
}

TEST_CASE("the time of a record counts whatever else is wrong with it, and before WHERE") {
    Bench b{windowed("0 seconds")};
    b.add_value(std::nullopt);
    b.add_value("not json");
    b.add_value(R"({"k":"a","ms":"tomorrow"})");
    b.add_value(R"({"k":"a"})");
    CHECK(b.seal().watermark == kNoTime);
    b.add(1'000, "nobody");
    CHECK(b.seal().watermark == 1'000);
    b.add_value(R"({"k":7,"ms":2000})");
    const SourceRange range = b.seal();
    CHECK(range.watermark_before == 1'000);
    CHECK(range.watermark == 2'000);
    CHECK(range.counts.aggregated + range.counts.late == 0);
}

TEST_CASE("the clock goes back with the records that moved it") {
    Bench b{windowed("0 seconds")};
    b.add(kMinute);
    (void)b.seal();
    CHECK(b.fold.sealed_mark(kZero) == SourceMark{.watermark = kMinute});
    b.fold.committed(0);
    b.add(5 * kMinute);
    (void)b.seal();
    CHECK(b.fold.sealed_mark(kZero) == SourceMark{.watermark = 5 * kMinute});
    b.add(9 * kMinute);
    b.fold.undo_filling();
    CHECK(b.fold.sealed_mark(kZero) == SourceMark{.watermark = 5 * kMinute});
    b.fold.undo_in_flight();
    CHECK(b.fold.sealed_mark(kZero) == SourceMark{.watermark = kMinute});
    b.add(kMinute - 1);
    b.add(kMinute);
    const SourceRange range = b.seal();
    CHECK(range.watermark_before == kMinute);
    CHECK(range.counts.late == 1);
    CHECK(range.counts.aggregated == 1);
}

TEST_CASE("whoever takes a partition over has its clock, and loses it with the partition") {
    Bench b{windowed("0 seconds")};
    b.fold.resume(kZero, {.watermark = 3 * kMinute});
    b.add(kMinute);
    b.add(3 * kMinute);
    CHECK(b.seal().counts.late == 1);
    b.fold.committed(0);
    b.fold.drop(std::vector{kZero});
    CHECK(b.fold.sealed_mark(kZero) == SourceMark{});
    b.add(kMinute);
    CHECK(b.seal().counts.late == 0);
}

TEST_CASE("windows of one length are counted from the origin, others by the clocks of a zone") {
    Bench quarter{
        "SELECT k, window_start, count(*) AS n FROM tumble(t, to_timestamp(ms * 0.001), INTERVAL "
        "'15 minutes', origin => TIMESTAMPTZ '2024-01-01T00:05:00Z', grace => INTERVAL '1 day', "
        "max_ahead => 'never') GROUP BY k, window_start"};
    quarter.add(1'709'164'800'000);  // 2024-02-29T00:00:00Z
    (void)quarter.seal();
    CHECK(quarter.windows.begin()->first == 1'709'164'200'000);  // 23:50

    Bench day{
        "SELECT k, window_start, count(*) AS n FROM tumble(t, to_timestamp(ms * 0.001), 'day', "
        "'America/Sao_Paulo', grace => INTERVAL '1 day', max_ahead => 'never') GROUP BY k, "
        "window_start"};
    day.add(1'709'164'800'000);
    day.add(1'709'175'600'000);  // 03:00Z, midnight there
    (void)day.seal();
    CHECK(day.windows ==
          std::map<std::int64_t, std::int64_t>{{1'709'089'200'000, 1}, {1'709'175'600'000, 1}});
}

TEST_CASE("of sessions each millisecond is a key, and a record is late by its own") {
    Bench b{
        "SELECT k, window_start, count(*) AS n FROM session(t, to_timestamp(ms * 0.001), INTERVAL "
        "'10 seconds', grace => INTERVAL '5 seconds', max_ahead => 'never') GROUP BY k, "
        "window_start"};
    b.add(10'000);
    b.add(5'000);
    b.add(4'999);
    b.add(10'000);
    const SourceRange range = b.seal();
    CHECK(range.counts.late == 1);
    CHECK(b.windows == std::map<std::int64_t, std::int64_t>{{5'000, 1}, {10'000, 2}});
    // It has become part of no session, so the record names none.
    REQUIRE(b.late.size() == 1);
    CHECK(b.late[0].at(3).second == "2");
    for (const auto& header : b.late[0]) {
        CHECK_FALSE(header.first.starts_with("kstream.window."));
    }
    CHECK(b.late[0].back() ==
          std::pair<std::string, std::optional<std::string>>{"kstream.late.by.ms", "1"});
}

TEST_CASE("of a job without windows nothing is late, and its clock moves all the same") {
    Bench b{
        "SELECT k, count(*) AS n FROM events(t, to_timestamp(ms * 0.001), max_ahead => 'never') "
        "GROUP BY k"};
    b.add(90 * kMinute);
    b.add(1);
    Step step;
    step.ranges.push_back({kZero, Offset{0}, Offset{2}});
    REQUIRE(b.fold.seal(step));
    DeltaBatch batch;
    REQUIRE(decode_delta_batch(*step.outputs.value(step.outputs.records().front()), b.job.form(),
                               batch));
    CHECK(batch.header.ranges.at(0).watermark == 90 * kMinute);
    CHECK(batch.header.ranges.at(0).counts.aggregated == 2);
    GroupKey group;
    REQUIRE(batch.deltas.size() == 1);
    CHECK(decode_state_key(batch.deltas[0].state_key, 1, group));
}

}  // namespace kstream
