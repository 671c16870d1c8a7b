// Source partitions in which nothing comes: when they say so, and how far they are moved on.
#include "kstream/pipeline/idle_watch.hpp"

#include "kstream/codec/delta_batch.hpp"
#include "support/fakes/fake_clock.hpp"
#include "support/fakes/fake_queries.hpp"
#include "support/fakes/memory_log.hpp"
#include "support/fakes/recording_log.hpp"
#include "support/fakes/statement_job.hpp"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace kstream {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr TopicRole kSource = TopicRole::source;
constexpr std::int64_t kMinute = 60'000;

std::string statement(std::string_view more = "") {
    return "SELECT k, window_start, count(*) AS n FROM tumble(t, to_timestamp(ms * 0.001), "
           "INTERVAL '1 minute', grace => INTERVAL '5 seconds', idle => INTERVAL '4 seconds', "
           "max_ahead => 'never'" +
           std::string{more} + ") GROUP BY k, window_start";
}

// A loop that has the first partitions, and commits whatever it is given at once.
struct Bench {
    explicit Bench(std::int32_t partitions, std::string_view more = "")
        : job(testing::make_statement_job(statement(more), 1, 3)) {
        for (std::int32_t p = 0; p < partitions; ++p) {
            committed.push_back({PartitionId{p}, Offset{0}});
            fold.resume(PartitionId{p}, {});
            commit(PartitionId{p});
        }
    }
    // What another process has committed.
    void other(std::int32_t partition, const SourceMark& mark) {
        const OffsetMetadata metadata{job.identity, OffsetMark{.step = 1, .source = mark}};
        group[PartitionId{partition}] = {Offset{0}, offset_metadata_text(metadata)};
    }
    void add(std::int32_t partition, std::int64_t time) {
        const Offset at = log.append(kSource, partition, std::nullopt,
                                     R"({"k":"a","ms":)" + std::to_string(time) + "}", 1000);
        const std::vector<RecordView> records{log.view(kSource, PartitionId{partition}, at)};
        REQUIRE(fold.fold(records));
        commit(PartitionId{partition});
    }
    // A step with all that was read of the partition; the range that it has written.
    SourceRange commit(PartitionId partition) {
        PartitionPosition& at = committed.at(static_cast<std::size_t>(partition.value));
        Step step;
        step.ranges.push_back({partition, at.position, log.end(kSource, partition), ++steps});
        REQUIRE(fold.seal(step));
        const OffsetMetadata metadata{
            job.identity, OffsetMark{.step = steps, .source = fold.sealed_mark(partition)}};
        fold.committed(0);
        at.position = step.ranges[0].to;
        group[partition] = {at.position, offset_metadata_text(metadata)};
        DeltaBatch batch;
        REQUIRE(decode_delta_batch(*step.outputs.value(step.outputs.records().front()), job.form(),
                                   batch));
        return batch.header.ranges.at(0);
    }
    // Looks again and again for that long, and commits what it leads to.
    void wait(Duration span) {
        for (Duration left = span; left > Duration::zero(); left -= milliseconds{100}) {
            clock.advance(milliseconds{100});
            for (int i = 0; i < 8; ++i) {
                watch.advance(committed);
            }
            for (const PartitionId partition : fold.more_to_write()) {
                advances[partition] = commit(partition).watermark;
            }
        }
    }
    [[nodiscard]] SourceMark mark(std::int32_t partition) const {
        return fold.activity(PartitionId{partition}).committed;
    }

    Job job;
    testing::MemoryLog log;
    testing::GroupOffsets group;
    testing::FakeQueries queries{log, group, job};
    testing::FakeClock clock;
    testing::RecordingLog recorded;
    MapFold fold{job, {}, recorded};
    IdleWatch watch{job, fold, queries, clock, recorded};
    std::vector<PartitionPosition> committed;
    std::uint64_t steps = 0;
    std::map<PartitionId, std::int64_t> advances;
};

}  // namespace

TEST_CASE(
    "a partition without records says that it is idle, and follows the slowest of the others") {
    Bench b{3};
    b.add(0, 10);
    b.add(1, 3 * kMinute);
    b.add(2, 2 * kMinute);
    for (int second = 0; second < 6; ++second) {
        b.add(1, 3 * kMinute + 1);
        b.add(2, 2 * kMinute + 1);
        b.wait(seconds{1});
        // Four seconds without a record, then the answers of the cluster.
        CHECK(b.mark(0).idle == (second >= 4));
    }
    CHECK(b.mark(0).watermark == 2 * kMinute + 1);
    CHECK_FALSE(b.mark(1).idle);
    CHECK_FALSE(b.mark(2).idle);
    // It is awake with its next record.
    b.add(0, 20);
    CHECK(b.mark(0) == SourceMark{2 * kMinute + 1, false});
}

TEST_CASE("an advance is a range in which nothing was read") {
    Bench b{1};
    b.add(0, 10);
    b.fold.say(PartitionId{0}, {.watermark = 5 * kMinute, .idle = true});
    REQUIRE(b.fold.more_to_write() == std::vector{PartitionId{0}});
    const SourceRange advance = b.commit(PartitionId{0});
    CHECK(advance.from == advance.to);
    CHECK(advance.watermark_before == 10);
    CHECK(advance.watermark == 5 * kMinute);
    CHECK(b.fold.more_to_write().empty());
    CHECK(b.fold.status().idle_advances == 1);
    // Among records nobody could tell from which on it holds.
    b.fold.say(PartitionId{0}, {.watermark = 9 * kMinute, .idle = true});
    b.add(0, 6 * kMinute);
    CHECK(b.mark(0) == SourceMark{6 * kMinute, false});
    CHECK(b.fold.more_to_write().empty());
}

TEST_CASE("an advance of a step that was taken back is made again") {
    Bench b{1};
    b.add(0, 10);
    b.fold.say(PartitionId{0}, {.watermark = 5 * kMinute, .idle = true});
    Step step;
    const Offset end = b.log.end(kSource, PartitionId{0});
    step.ranges.push_back({PartitionId{0}, end, end, 9});
    REQUIRE(b.fold.seal(step));
    b.fold.undo_filling();
    b.fold.undo_in_flight();
    CHECK(b.mark(0).watermark == 10);
    CHECK(b.fold.more_to_write() == std::vector{PartitionId{0}});
    CHECK(b.commit(PartitionId{0}).watermark_before == 10);
    CHECK(b.mark(0).watermark == 5 * kMinute);
}

TEST_CASE("a partition whose log has more than was read is not idle") {
    Bench b{2};
    b.other(2, {kMinute, false});
    b.add(0, 10);
    b.add(1, 10);
    // Somebody has written, and the loop has not got it yet.
    b.log.append(kSource, 0, std::nullopt, "{}", 1000);
    b.wait(seconds{10});
    CHECK_FALSE(b.mark(0).idle);
    CHECK(b.mark(1).idle);
}

TEST_CASE("a partition whose end an open transaction holds back is not idle") {
    Bench b{1};
    b.other(1, {kMinute, false});
    b.other(2, {kMinute, false});
    b.queries.intercept = [&b](const Query& query) -> std::optional<Result<QueryAnswer>> {
        if (query.kind != Query::Kind::log_end || query.isolation != Isolation::read_uncommitted) {
            return std::nullopt;
        }
        QueryAnswer answer = b.queries.answer(query);
        answer.offsets[0].offset = answer.offsets[0].of_log().next();
        return answer;
    };
    b.wait(seconds{10});
    CHECK_FALSE(b.mark(0).idle);
}

TEST_CASE("a partition that nobody has read yet holds all back") {
    Bench b{2};
    b.add(0, 10);
    b.add(1, 5 * kMinute);
    b.wait(seconds{10});
    CHECK_FALSE(b.mark(0).idle);
    b.other(2, {9 * kMinute, false});
    b.wait(seconds{3});
    CHECK(b.mark(0) == SourceMark{9 * kMinute, true});
    CHECK(b.mark(1) == SourceMark{9 * kMinute, true});
}

TEST_CASE("one that has no time yet and is not idle holds all back") {
    Bench b{1};
    b.other(1, {kNoTime, false});
    b.other(2, {9 * kMinute, false});
    b.wait(seconds{10});
    CHECK(b.mark(0) == SourceMark{kNoTime, true});
    b.other(1, {kNoTime, true});
    b.wait(seconds{2});
    CHECK(b.mark(0) == SourceMark{9 * kMinute, true});
}

TEST_CASE("time is moved on only where a window ends by it") {
    Bench b{1};
    b.add(0, 1);
    b.other(1, {kMinute + 4'999, false});
    b.other(2, {kMinute + 4'999, false});
    b.wait(seconds{8});
    CHECK(b.mark(0) == SourceMark{1, true});
    b.other(1, {kMinute + 5'000, false});
    b.other(2, {kMinute + 5'001, false});
    b.wait(seconds{2});
    CHECK(b.mark(0) == SourceMark{kMinute + 5'000, true});
}

TEST_CASE("a pause is not time without records") {
    Bench b{1};
    b.other(1, {9 * kMinute, false});
    b.other(2, {9 * kMinute, false});
    b.wait(seconds{1});
    b.clock.advance(seconds{20});
    b.wait(seconds{3});
    CHECK_FALSE(b.mark(0).idle);
    b.wait(seconds{3});
    CHECK(b.mark(0).idle);
}

TEST_CASE("while all are idle time stands") {
    Bench b{2};
    b.add(0, kMinute);
    b.add(1, 3 * kMinute);
    b.other(2, {2 * kMinute, true});
    b.wait(seconds{100});
    CHECK(b.mark(0) == SourceMark{kMinute, true});
    CHECK(b.mark(1) == SourceMark{3 * kMinute, true});
}

TEST_CASE("while all are idle and quiet is 'wall', time goes on by the clock of the furthest one") {
    Bench b{2, ", quiet => 'wall'"};
    b.add(0, kMinute);
    b.add(1, 3 * kMinute);
    b.other(2, {2 * kMinute, true});
    b.wait(seconds{80});
    // From about the fifth second on, and moved on only where a window ends.
    CHECK(b.mark(1).watermark >= 4 * kMinute + 5'000);
    CHECK(b.mark(1).watermark < 4 * kMinute + 10'000);
    // Those that are behind follow.
    CHECK(b.mark(0).watermark >= 4 * kMinute + 5'000);
    CHECK(b.mark(0).watermark <= b.mark(1).watermark);
}

TEST_CASE("where another process leads, its committed watermark is followed") {
    Bench b{1, ", quiet => 'wall'"};
    b.add(0, kMinute);
    b.other(1, {7 * kMinute, true});
    b.other(2, {2 * kMinute, true});
    b.wait(seconds{8});
    CHECK(b.mark(0) == SourceMark{7 * kMinute, true});
    // Of those that are equally far the lowest number leads, and that is this one now.
    b.wait(seconds{70});
    CHECK(b.mark(0).watermark > 7 * kMinute);
}

TEST_CASE("a question that fails is asked again, and moves nothing") {
    Bench b{1};
    b.other(1, {9 * kMinute, false});
    b.other(2, {9 * kMinute, false});
    b.queries.intercept = [](const Query&) -> std::optional<Result<QueryAnswer>> {
        return std::unexpected(Error::stop(ExitCode::unavailable, "no broker"));
    };
    b.wait(seconds{8});
    CHECK_FALSE(b.mark(0).idle);
    // Not each second: a cluster that refuses would fill the log.
    CHECK(b.queries.asked.size() == 1);
    b.queries.intercept = nullptr;
    b.wait(seconds{12});
    CHECK(b.mark(0) == SourceMark{9 * kMinute, true});
}

TEST_CASE("where time ends nothing more is read, and each partition is moved once") {
    Bench b{2};
    b.add(0, 10);
    b.fold.end_time();
    CHECK(b.fold.full());
    REQUIRE(b.fold.more_to_write() == std::vector{PartitionId{0}, PartitionId{1}});
    CHECK(b.commit(PartitionId{0}).watermark == kEndOfTime);
    REQUIRE(b.fold.more_to_write() == std::vector{PartitionId{1}});
    CHECK(b.commit(PartitionId{1}).watermark == kEndOfTime);
    CHECK(b.fold.more_to_write().empty());
    // One that comes into service later has to end as well.
    b.fold.resume(PartitionId{2}, {.watermark = 5});
    CHECK(b.fold.more_to_write() == std::vector{PartitionId{2}});
}

}  // namespace kstream
