#include "kstream/pipeline/loop_report.hpp"

#include "support/fakes/capturing_status.hpp"
#include "support/fakes/fake_clock.hpp"
#include "support/fakes/fake_fold.hpp"
#include "support/fakes/fake_source.hpp"
#include "support/fakes/memory_log.hpp"
#include "support/fakes/recording_log.hpp"

#include <catch2/catch_test_macros.hpp>

#include <vector>

namespace kstream {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct World {
    void publish() { report.publish(positions, source, fold, takeover); }
    [[nodiscard]] double spent(LoopPhase phase) const {
        return status.last.phase_seconds[static_cast<std::size_t>(phase)];
    }

    testing::FakeClock clock;
    testing::MemoryLog log;
    testing::FakeSource source{log, TopicRole::source, clock};
    testing::FakeFold fold;
    testing::FakeTakeover takeover;
    testing::CapturingStatus status;
    testing::RecordingLog lines;
    Positions positions;
    LoopReport report{Stage::totals, 3, clock, lines, status};
};

}  // namespace

TEST_CASE("a snapshot is published once a second, and sooner when there is something to see") {
    World w;
    w.publish();
    w.clock.advance(milliseconds{999});
    w.publish();
    CHECK(w.status.count == 0);
    w.clock.advance(milliseconds{1});
    w.publish();
    CHECK(w.status.count == 1);
    w.report.hurry();
    w.publish();
    w.publish();
    CHECK(w.status.count == 2);
    CHECK(w.status.last.stage == Stage::totals);
    CHECK(w.status.last.worker == 3);
}

TEST_CASE("each moment of a loop belongs to one phase") {
    World w;
    w.clock.advance(seconds{1});
    w.report.enter(LoopPhase::fold);
    w.clock.advance(seconds{2});
    w.report.enter(LoopPhase::poll);
    w.clock.advance(seconds{4});
    w.report.enter(LoopPhase::other);
    w.publish();
    CHECK(w.spent(LoopPhase::other) == 1);
    CHECK(w.spent(LoopPhase::fold) == 2);
    CHECK(w.spent(LoopPhase::poll) == 4);
}

TEST_CASE("only what has joined, restored and read all is caught up") {
    World w;
    w.report.member().joined = true;
    w.positions.assign(std::vector{PartitionId{0}, PartitionId{2}});
    const auto caught_up = [&w] {
        w.report.hurry();
        w.publish();
        return w.status.last.member.caught_up;
    };
    CHECK_FALSE(caught_up());
    REQUIRE(w.status.last.member.partitions.size() == 2);
    CHECK(w.status.last.member.partitions[1].partition == PartitionId{2});
    CHECK(w.status.last.member.partitions[1].restoring);
    for (const std::int32_t partition : {0, 2}) {
        REQUIRE(
            w.positions.take_over({.partition = PartitionId{partition}, .position = Offset{0}}));
    }
    CHECK(caught_up());
    w.log.append(TopicRole::source, 2, std::nullopt, "v", 0);
    CHECK_FALSE(caught_up());
    RecordView record;
    record.partition = PartitionId{2};
    record.record_offset = Offset{0};
    REQUIRE(w.positions.take(record));
    CHECK(caught_up());
    w.report.member().joined = false;
    CHECK_FALSE(caught_up());
}

TEST_CASE("what the fold says of the time of a partition is published") {
    World w;
    w.positions.assign(std::vector{PartitionId{1}});
    w.fold.held_back_by = 5;
    w.report.hurry();
    w.publish();
    REQUIRE(w.status.last.member.partitions.size() == 1);
    CHECK(w.status.last.member.partitions[0].held_back_by == 5);
}

TEST_CASE("lines say whose they are, and of which partitions") {
    World w;
    w.report.say(LogLevel::info, "partitions assigned",
                 std::vector{PartitionId{1}, PartitionId{4}});
    CHECK(w.lines.has("partitions assigned stage=totals worker=3 partitions=1,4"));
}

}  // namespace kstream
