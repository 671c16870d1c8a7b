// Duplicates of producers in the map fold: what is one, in which order a record is judged, and what
// is taken back with a step.
#include "kstream/codec/delta_batch.hpp"
#include "kstream/pipeline/map_fold.hpp"
#include "support/fakes/memory_log.hpp"
#include "support/fakes/recording_log.hpp"
#include "support/fakes/statement_job.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kstream {
namespace {

constexpr std::int64_t kMinute = 60'000;
constexpr PartitionId kZero{0};

constexpr std::string_view kWindowed =
    "SELECT k, window_start, count(*) AS n FROM tumble(t, to_timestamp(ms * 0.001), "
    "INTERVAL '1 minute', grace => INTERVAL '0 seconds', max_ahead => 'never', "
    "unique_by => id, within => INTERVAL '10 minutes') WHERE k <> 'nobody' "
    "GROUP BY k, window_start";

struct Bench {
    explicit Bench(std::string_view statement = kWindowed)
        : job(testing::make_statement_job(statement)) {}

    // `id` as it stands in the record.
    void add(std::int64_t time, const std::string& id, const std::string& k = "a") {
        add_value(R"({"k":")" + k + R"(","ms":)" + std::to_string(time) +
                  (id.empty() ? "" : R"(,"id":)" + id) + "}");
    }
    void add_value(std::optional<std::string> value) {
        const Offset at = log.append(TopicRole::source, 0, std::nullopt, value, 1000);
        const std::vector<RecordView> records{log.view(TopicRole::source, kZero, at)};
        REQUIRE(fold.fold(records));
    }
    SourceRange seal() {
        Step step;
        const Offset end = log.end(TopicRole::source, kZero);
        step.ranges.push_back({kZero, sealed, end});
        REQUIRE(fold.seal(step));
        sealed = end;
        DeltaBatch batch;
        REQUIRE(decode_delta_batch(*step.outputs.value(step.outputs.records().front()), job.form(),
                                   batch));
        return batch.header.ranges.at(0);
    }

    Job job;
    testing::MemoryLog log;
    testing::RecordingLog recorded;
    MapFold fold{job, {}, recorded};
    Offset sealed;
};

}  // namespace

TEST_CASE("a record is a duplicate when its value came before, whatever else is in it") {
    Bench b;
    b.add(0, "1");
    b.add(1000, "1", "b");
    b.add(2000, "2");
    const SourceRange range = b.seal();
    CHECK(range.counts.read == 3);
    CHECK(range.counts.duplicates == 1);
    CHECK(range.counts.aggregated == 2);
    CHECK(b.fold.status().duplicates == 1);
}

TEST_CASE("values of another type or another number are others, however they are written") {
    Bench b;
    for (const char* id : {"1", R"("1")", "true", R"("true")", "-0.5", R"("")", "1e3"}) {
        b.add(0, id);
    }
    CHECK(b.seal().counts.duplicates == 0);
    for (const char* id : {"1.0", R"("\u0031")", "true", "-5e-1", "1000", "1000.000"}) {
        b.add(0, id);
    }
    CHECK(b.seal().counts.duplicates == 6);
}

TEST_CASE("the length counts in time that records have moved, and a copy begins it anew") {
    Bench b;
    b.add(0, "1");
    b.add(10 * kMinute, "2");
    b.add(10 * kMinute, "1");  // the first is 10 minutes old
    b.add(20 * kMinute, "3");
    b.add(20 * kMinute, "1");  // and now the second is
    b.add(30 * kMinute + 1, "4");
    b.add(30 * kMinute + 1, "1");
    CHECK(b.seal().counts.duplicates == 2);
}

TEST_CASE("what is bad or filtered is remembered by nobody, and its time counts") {
    Bench b;
    b.add(0, "1", "nobody");
    b.add_value(R"({"k":7,"ms":0,"id":1})");
    b.add(0, "");
    b.add(0, "null");
    b.add(0, "1");
    SourceRange range = b.seal();
    CHECK(range.counts.filtered == 1);
    CHECK(range.counts.dead_lettered == 3);
    CHECK(range.counts.duplicates == 0);
    CHECK(b.fold.status().bad_records[static_cast<std::size_t>(BadReason::missing_field)] == 2);
    b.add(10 * kMinute + 1, "9", "nobody");
    b.add(10 * kMinute + 1, "1");
    range = b.seal();
    CHECK(range.counts.duplicates == 0);
    CHECK(range.counts.aggregated == 1);
}

TEST_CASE("a record is a duplicate before it is late, and late ones are remembered") {
    Bench b;
    b.add(5 * kMinute, "1");
    b.add(0, "2");  // late
    b.add(0, "2");
    b.add(0, "1");
    const SourceRange range = b.seal();
    CHECK(range.counts.late == 1);
    CHECK(range.counts.duplicates == 2);
    CHECK(range.counts.aggregated == 1);
}

TEST_CASE("ids go back with their records") {
    Bench b;
    b.add(0, "1");
    (void)b.seal();
    b.fold.committed(0);
    b.add(0, "2");
    (void)b.seal();
    b.add(0, "3");
    b.fold.undo_filling();
    b.add(0, "3");
    b.fold.undo_filling();
    b.fold.undo_in_flight();
    b.sealed = Offset{1};
    b.add(0, "1");
    b.add(0, "2");
    b.add(0, "3");
    CHECK(b.seal().counts.duplicates == 1);
}

TEST_CASE("a range, and what is committed with it, says from where on ids matter") {
    Bench b;
    b.add(0, "1");
    b.add(kMinute, "2", "nobody");
    b.add(kMinute, "3");
    CHECK(b.seal().horizon == Horizon{Offset{0}, kNoTime});
    CHECK(b.fold.sealed_mark(kZero)->horizon == Horizon{Offset{0}, kNoTime});
    b.fold.committed(0);
    b.add(11 * kMinute, "4");
    CHECK(b.seal().horizon == Horizon{Offset{2}, kMinute});
    b.fold.undo_in_flight();
    CHECK(b.fold.sealed_mark(kZero)->horizon == Horizon{Offset{0}, kNoTime});
    // A record that has no id moves time until nothing matters: the position itself.
    b.sealed = Offset{4};
    b.add(30 * kMinute, "5", "nobody");
    CHECK(b.seal().horizon == Horizon{Offset{5}, 30 * kMinute});
}

TEST_CASE("a partition that is opened has its base as its horizon") {
    Bench b;
    Step step;
    step.ranges.push_back({kZero, Offset{7}, Offset{7}});
    REQUIRE(b.fold.seal_open(step));
    DeltaBatch batch;
    REQUIRE(decode_delta_batch(*step.outputs.value(step.outputs.records().front()), b.job.form(),
                               batch));
    CHECK(batch.header.ranges.at(0).horizon == Horizon{Offset{7}, kNoTime});
    CHECK(b.fold.sealed_mark(kZero)->horizon == Horizon{Offset{7}, kNoTime});
}

TEST_CASE("by an advance no id is forgotten, and the step that says it carries the horizon on") {
    Bench b;
    const Horizon horizon{Offset{0}, kNoTime};
    b.add(0, "1");
    CHECK(b.seal().horizon == horizon);
    b.fold.committed(0);
    b.fold.say(kZero, {.watermark = 60 * kMinute, .idle = true});
    for (const bool again : {false, true}) {
        CAPTURE(again);
        const SourceRange range = b.seal();
        CHECK(range.watermark == 60 * kMinute);
        CHECK(range.horizon == horizon);
        CHECK(b.fold.sealed_mark(kZero) ==
              SourceMark{.watermark = 60 * kMinute, .idle = true, .horizon = horizon});
        if (!again) {
            b.fold.undo_in_flight();
            CHECK(b.fold.sealed_mark(kZero) == SourceMark{.watermark = 0, .horizon = horizon});
        }
    }
    b.fold.committed(0);
    b.add(kMinute, "1");
    b.add(kMinute, "2");
    const SourceRange range = b.seal();
    CHECK(range.counts.duplicates == 1);
    CHECK(range.counts.late == 1);
    CHECK(range.horizon == horizon);
    CHECK_FALSE(b.fold.sealed_mark(kZero)->idle);
}

TEST_CASE("a partition that has ended keeps its horizon") {
    Bench b;
    b.add(0, "1");
    (void)b.seal();
    b.fold.committed(0);
    b.fold.end_time();
    const SourceRange range = b.seal();
    CHECK(range.watermark == kEndOfTime);
    CHECK(range.horizon == Horizon{Offset{0}, kNoTime});
    CHECK(b.fold.sealed_mark(kZero)->horizon == Horizon{Offset{0}, kNoTime});
}

TEST_CASE("what a partition has had goes with it, and comes with what a takeover puts in") {
    Bench b;
    b.add(0, "1");
    (void)b.seal();
    b.fold.committed(0);
    b.fold.drop(std::vector{kZero});
    b.add(0, "1");
    CHECK(b.seal().counts.duplicates == 0);
    b.fold.committed(0);
    b.fold.drop(std::vector{kZero});

    const auto reader = make_record_reader(b.job.statement->statement, b.job.zones);
    REQUIRE(reader);
    const RecordView before = b.log.view(TopicRole::source, kZero, Offset{0});
    RecentIds ids = b.fold.unique_ids()->begin(kNoTime);
    CHECK_FALSE(note_id(ids, before, **reader, (*reader)->read(before)));
    ids.seal();
    ids.committed();
    b.fold.unique_ids()->install(kZero, std::move(ids));
    b.add(0, "1");
    CHECK(b.seal().counts.duplicates == 1);
}

TEST_CASE("of a job without windows duplicates are found as well") {
    Bench b{
        "SELECT k, count(*) AS n FROM events(t, to_timestamp(ms * 0.001), max_ahead => 'never', "
        "unique_by => id, within => INTERVAL '1 hour') GROUP BY k"};
    b.add(0, "1");
    b.add(90 * kMinute, "2");
    b.add(0, "1");
    b.add(0, "2");
    CHECK(b.seal().counts.duplicates == 1);
}

}  // namespace kstream
