// Event time in the map fold: which records are late, by which clock, and what a range says of it.
#include "kstream/codec/delta_batch.hpp"
#include "kstream/codec/state_key.hpp"
#include "kstream/pipeline/map_fold.hpp"
#include "support/fakes/memory_log.hpp"
#include "support/fakes/recording_log.hpp"
#include "support/fakes/seeded.hpp"
#include "support/fakes/statement_job.hpp"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
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
        last_times.clear();
        late.clear();
        for (const OutputBatch::Record& record : step.outputs.records()) {
            if (record.topic == TopicRole::late) {
                late.push_back(step.outputs.header_sets()[record.headers]);
            }
        }
        for (const DeltaView& delta : batch.deltas) {
            GroupKey group;
            REQUIRE(decode_state_key(delta.state_key, job.key_shape(), group));
            const auto slots = std::span{batch.slots}.subspan(delta.first_slot);
            windows[*group.window_start] = static_cast<std::int64_t>(slots[0].value().low_128());
            if (job.has_sessions()) {
                last_times[*group.window_start] =
                    static_cast<std::int64_t>(slots[job.kinds.size() - 1].value().low_128());
            }
        }
        return batch.header.ranges.at(0);
    }

    Job job;
    testing::MemoryLog log;
    testing::RecordingLog recorded;
    MapFold fold{job, {}, recorded};
    Offset sealed;
    std::map<std::int64_t, std::int64_t> windows;
    std::map<std::int64_t, std::int64_t> last_times;  // of sessions
    std::vector<OutputBatch::Headers> late;
};

// What the fold tells, added up.
class TimesTold final : public RecordTallySink {
public:
    void first_bad(const FirstBad& first) override {
        if (first.reason == BadReason::time_range) {
            hint = first.hint;
        }
    }
    Result<void> add(const RecordTally& more) override {
        times.in_range += more.times.in_range;
        times.like_seconds += more.times.like_seconds;
        times.out_of_range += more.times.out_of_range;
        return {};
    }
    TimeTally times;
    std::optional<std::string> hint;  // of a time that is out of range
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

TEST_CASE("how late records are is counted by the grace that they lack, of no others") {
    constexpr std::int64_t kDay = 24 * 60 * kMinute;
    Bench b{windowed("5 seconds")};
    b.add(kMinute + 4'999);
    b.add(0);
    CHECK(b.fold.status().late_by_seconds->count == 0);
    // The window of 0 is over at this time, and the grace lacks a millisecond more than passes.
    for (const std::int64_t past :
         {std::int64_t{0}, std::int64_t{999}, std::int64_t{1'000}, kDay}) {
        b.add(kMinute + 5'000 + past);
        b.add(0);
    }
    const LatenessCounts& late_by = *b.fold.status().late_by_seconds;
    CHECK(late_by.count == 4);
    CHECK(late_by.buckets == std::array<std::uint64_t, 7>{2, 1, 0, 0, 0, 0, 1});
    CHECK(late_by.sum_seconds == Catch::Approx(0.001 + 1 + 1.001 + 86'400.001));
}

TEST_CASE("the status of a source partition says whether it is idle, in jobs with event time") {
    Bench b{windowed("5 seconds")};
    PartitionStatus status;
    status.partition = kZero;
    b.fold.resume(kZero, {.watermark = kMinute, .idle = true});
    b.fold.describe_time(status);
    CHECK(status.idle == true);
    b.add(2 * kMinute);
    (void)b.seal();
    b.fold.describe_time(status);
    CHECK(status.idle == true);  // for the others, until it is committed
    b.fold.committed(0);
    b.fold.describe_time(status);
    CHECK(status.idle == false);

    Bench without{"SELECT k, count(*) AS n FROM t WHERE k <> 'z' GROUP BY k"};
    PartitionStatus other;
    other.partition = kZero;
    without.fold.describe_time(other);
    CHECK_FALSE(other.idle.has_value());
    CHECK_FALSE(without.fold.status().late_by_seconds.has_value());
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

TEST_CASE("a record of hopping windows is late by its pane, for all of them or for none") {
    Bench b{
        "SELECT k, window_start, count(*) AS n FROM hop(t, to_timestamp(ms * 0.001), INTERVAL '40 "
        "seconds', INTERVAL '1 minute', grace => INTERVAL '5 seconds', max_ahead => 'never') GROUP "
        "BY k, window_start"};
    b.add(25'000);
    b.add(20'000);
    b.add(19'999);  // its pane ended at 20 seconds, though both of its windows are open
    b.add(0);
    b.add(44'999);
    b.add(39'999);
    const SourceRange range = b.seal();
    CHECK(range.counts.late == 2);
    CHECK(b.windows == std::map<std::int64_t, std::int64_t>{{20'000, 3}, {40'000, 1}});
    REQUIRE(b.late.size() == 2);
    std::map<std::string, std::string> headers;
    for (const auto& [name, value] : b.late[0]) {
        headers[name] = value.value_or("");
    }
    CHECK(headers["kstream.window.start"] == "1970-01-01T00:00:00Z");
    CHECK(headers["kstream.window.end"] == "1970-01-01T00:00:20Z");
}

constexpr std::string_view kSessions =
    "SELECT k, window_start, count(*) AS n FROM session(t, to_timestamp(ms * 0.001), INTERVAL "
    "'10 seconds', grace => INTERVAL '5 seconds', max_ahead => 'never') GROUP BY k, "
    "window_start";

using Times = std::map<std::int64_t, std::int64_t>;

TEST_CASE("records of a step that are at most the gap apart are one delta") {
    Bench b{std::string{kSessions}};
    b.add(10'000);
    b.add(20'000);  // exactly the gap later
    b.add(15'000);
    b.add(30'001);  // more than that
    b.add(30'001, "b");
    b.add(30'000);  // after the first delta, which nobody asks for once another is begun
    b.seal();
    CHECK(b.windows == Times{{10'000, 3}, {30'000, 1}, {30'001, 1}});
    CHECK(b.last_times == Times{{10'000, 20'000}, {30'000, 30'000}, {30'001, 30'001}});

    b.add(31'000);  // of the next step: it has no rows yet
    b.add(31'000);
    b.seal();
    CHECK(b.windows == Times{{31'000, 2}});
}

TEST_CASE("a delta of a session that has been begun again has all that went into its first") {
    std::string statement{kSessions};
    statement.replace(statement.find("'5 seconds'"), 11, "'1 minute'");
    Bench b{statement};
    b.add(10'000);
    b.add(9'000);
    b.add(10'500);
    b.add(21'000);
    b.add(10'000);
    b.seal();
    CHECK(b.windows == Times{{9'000, 2}, {10'000, 2}, {21'000, 1}});
    CHECK(b.last_times == Times{{9'000, 10'500}, {10'000, 10'000}, {21'000, 21'000}});
}

TEST_CASE("a step with more visitors than a cache holds has the same deltas") {
    Job job = testing::make_statement_job(std::string{kSessions});
    job.cells_in_cache = 16;
    testing::MemoryLog log;
    testing::RecordingLog recorded;
    MapFold fold{job, {}, recorded};
    constexpr int kVisitors = 1'000;
    std::vector<RecordView> records;
    for (int i = 0; i < 3 * kVisitors; ++i) {
        const std::string k = std::to_string(i % kVisitors);
        const Offset at =
            log.append(TopicRole::source, 0, std::nullopt,
                       R"({"k":")" + k + R"(","ms":)" + std::to_string(10'000 + i) + "}", 1000);
        records.push_back(log.view(TopicRole::source, kZero, at));
    }
    REQUIRE(fold.fold(records));
    CHECK(fold.state().keys == kVisitors);

    Step step;
    step.ranges.push_back({kZero, Offset{0}, log.end(TopicRole::source, kZero)});
    REQUIRE(fold.seal(step));
    std::map<std::string, std::pair<std::int64_t, std::int64_t>> deltas;
    for (const OutputBatch::Record& record : step.outputs.records()) {
        DeltaBatch batch;
        REQUIRE(decode_delta_batch(*step.outputs.value(record), job.form(), batch));
        for (const DeltaView& delta : batch.deltas) {
            GroupKey group;
            REQUIRE(decode_state_key(delta.state_key, job.key_shape(), group));
            const auto slots = std::span{batch.slots}.subspan(delta.first_slot);
            deltas[std::string{group.values[0].text}] = {
                *group.window_start,
                static_cast<std::int64_t>(slots[job.kinds.size() - 1].value().low_128())};
            CHECK(slots[0].value() == Int192{3});
        }
    }
    REQUIRE(deltas.size() == kVisitors);
    for (int i = 0; i < kVisitors; ++i) {
        CHECK(deltas[std::to_string(i)] ==
              std::pair<std::int64_t, std::int64_t>{10'000 + i, 10'000 + 2 * kVisitors + i});
    }
}

TEST_CASE("what a step knows of its visitors is charged") {
    const Job job = testing::make_statement_job(std::string{kSessions});
    testing::MemoryLog log;
    testing::RecordingLog recorded;
    MapFoldConfig config;
    config.max_step_bytes = 1 << 20;
    MapFold fold{job, config, recorded};
    for (int i = 0; !fold.full(); ++i) {
        const Offset at = log.append(TopicRole::source, 0, std::nullopt,
                                     R"({"k":")" + std::to_string(i) + R"(","ms":10000})", 1000);
        REQUIRE(fold.fold(std::vector{log.view(TopicRole::source, kZero, at)}));
    }
    CHECK(fold.state().bytes < config.max_step_bytes);
}

TEST_CASE("of sessions a record is late by its own millisecond") {
    Bench b{std::string{kSessions}};
    b.add(10'000);
    b.add(5'000);
    b.add(4'999);
    b.add(10'000);
    const SourceRange range = b.seal();
    CHECK(range.counts.late == 1);
    CHECK(b.windows == Times{{5'000, 2}, {10'000, 1}});
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

TEST_CASE("the tally is told of times in another unit, whatever becomes of their records") {
    constexpr std::int64_t kNow = 1'764'460'000'000;
    const Job job = testing::make_statement_job(
        "SELECT k, count(*) AS n, max(to_timestamp(late_)) AS m FROM events(t, to_timestamp(ms)) "
        "WHERE k <> 'nobody' GROUP BY k");
    TimesTold told;
    testing::RecordingLog recorded;
    MapFold fold{job, {}, recorded, {.tally = &told}};
    testing::MemoryLog log;
    const auto add = [&](const std::string& value) {
        const Offset at = log.append(TopicRole::source, 0, std::nullopt, value, kNow);
        const std::vector<RecordView> records{log.view(TopicRole::source, kZero, at)};
        REQUIRE(fold.fold(records));
    };
    add(R"({"k":"a","ms":1764460000,"late_":1})");
    add(R"({"k":"nobody","ms":1764460,"late_":1})");  // seconds, as a thousandth of them
    add(R"({"k":7,"ms":1764460.123,"late_":1})");
    // Not of the record's own time.
    add(R"({"k":"a","ms":1764460000,"late_":1764460000000})");
    CHECK(told.times.in_range == 4);
    CHECK(told.times.like_seconds == 2);
    CHECK(told.times.out_of_range == 0);
    add(R"({"k":"a","ms":1764460000000,"late_":1})");
    add(R"({"k":"a","ms":"soon","late_":1})");
    CHECK(told.times.in_range == 4);
    CHECK(told.times.out_of_range == 1);
    // The first of that reason was in an aggregate, of which nobody knows the unit.
    CHECK(told.hint == "");
}

TEST_CASE("the first record whose time is out of range is told with the expression to write") {
    Bench b{windowed("0 seconds")};
    TimesTold told;
    MapFold fold{b.job, {}, b.recorded, {.tally = &told}};
    const Offset at = b.log.append(TopicRole::source, 0, std::nullopt,
                                   R"({"k":"a","ms":1764460000000000})", 1000);
    const std::vector<RecordView> records{b.log.view(TopicRole::source, kZero, at)};
    REQUIRE(fold.fold(records));
    CHECK(told.hint ==
          "to_timestamp takes seconds: if ms * 0.001 is in milliseconds, write "
          "to_timestamp(ms * 0.001 * 0.001)");
}

// Keys of a table beyond the caches are looked up in groups (KeyTable::prefetch): each has to keep
// its window, whichever those of the records behind it are.
TEST_CASE("keys that wait for others to be looked up keep their windows") {
    constexpr std::size_t kKeys = 50;
    constexpr std::int64_t kWindows = 4;
    Job job = testing::make_statement_job(
        "SELECT k, window_start, count(*) AS n, sum(v) AS s, count(*) FILTER (WHERE v > 500) AS "
        "many FROM tumble(t, to_timestamp(ms * 0.001), INTERVAL '1 minute', grace => INTERVAL '0 "
        "seconds', max_ahead => 'never') WHERE k <> 'nobody' GROUP BY k, window_start");
    const auto at_once = GENERATE(std::size_t{1}, std::size_t{7}, std::size_t{400});
    CAPTURE(at_once);
    job.cells_in_cache = 0;  // of any table
    testing::RecordingLog recorded;
    MapFold fold{job, {}, recorded};
    testing::MemoryLog log;
    testing::Seeded random{at_once};
    using Row = std::array<std::int64_t, 3>;
    std::map<std::pair<std::string, std::int64_t>, Row> expected;
    std::int64_t watermark = kNoTime;
    RecordCounts counts;
    Offset handed_on;
    const auto hand_on = [&] {
        std::vector<RecordView> records;
        for (; handed_on < log.end(TopicRole::source, kZero); handed_on = handed_on.next()) {
            records.push_back(log.view(TopicRole::source, kZero, handed_on));
        }
        REQUIRE(fold.fold(records));
    };
    for (int i = 0; i < 2'000; ++i) {
        // Times go on slowly, and many are of any window so far.
        const std::int64_t now = 1 + i * kWindows * kMinute / 2'000;
        const std::int64_t time =
            random.chance(30)
                ? now - static_cast<std::int64_t>(random.below(static_cast<std::size_t>(now)))
                : now;
        const std::string k =
            random.chance(3) ? "nobody" : "k" + std::to_string(random.below(kKeys));
        const auto v = static_cast<std::int64_t>(random.below(1'000));
        const bool bad = random.chance(3);
        const std::string value = R"({"k":")" + k + R"(","v":)" +
                                  (bad ? "\"x\"" : std::to_string(v)) + R"(,"ms":)" +
                                  std::to_string(time) + "}";
        log.append(TopicRole::source, 0, std::nullopt, value, 1000);
        ++counts.read;
        const std::int64_t start = time - time % kMinute;
        if (k == "nobody") {
            ++counts.filtered;
        } else if (bad) {
            ++counts.dead_lettered;
        } else if (start + kMinute <= watermark) {
            ++counts.late;
        } else {
            ++counts.aggregated;
            Row& row = expected[{k, start}];
            ++row[0];
            row[1] += v;
            row[2] += v > 500 ? 1 : 0;
        }
        watermark = std::max(watermark, time);
        if (counts.read % at_once == 0) {
            hand_on();
        }
    }
    hand_on();
    Step step;
    step.ranges.push_back({kZero, Offset{0}, log.end(TopicRole::source, kZero)});
    REQUIRE(fold.seal(step));
    std::map<std::pair<std::string, std::int64_t>, Row> found;
    for (const OutputBatch::Record& record : step.outputs.records()) {
        if (record.topic != TopicRole::repartition) {
            continue;
        }
        DeltaBatch batch;
        REQUIRE(decode_delta_batch(*step.outputs.value(record), job.form(), batch));
        CHECK(batch.header.ranges.at(0).counts == counts);
        CHECK(batch.header.ranges.at(0).watermark == watermark);
        for (const DeltaView& delta : batch.deltas) {
            GroupKey group;
            REQUIRE(decode_state_key(delta.state_key, job.key_shape(), group));
            Row& row = found[{std::string{group.values[0].text}, *group.window_start}];
            const auto number = [&](std::size_t slot, std::int64_t unit) {
                return static_cast<std::int64_t>(
                    batch.slots[delta.first_slot + slot].value().low_128() / unit);
            };
            row = {number(0, 1), number(1, 1'000'000'000), number(2, 1)};
        }
    }
    CHECK(counts.late > 100);
    CHECK(expected.size() > kKeys * kWindows / 2);
    CHECK(found == expected);
}

}  // namespace kstream
