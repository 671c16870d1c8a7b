// When a process counts as alive, and when as ready.
#include "telemetry/health.hpp"

#include "support/manual_clock.hpp"

#include <catch2/catch_test_macros.hpp>

#include <chrono>

namespace kstream::telemetry {
namespace {

using std::chrono::seconds;

LoopStatus loop(Stage stage, bool joined) {
    LoopStatus status;
    status.stage = stage;
    status.member.joined = joined;
    status.member.partitions = {{.partition = PartitionId{0}}};
    return status;
}

}  // namespace

TEST_CASE("A process that has not told anything yet is alive and not ready") {
    ManualClock clock;
    SnapshotStore store(clock);
    clock.advance(seconds(1000));
    CHECK(liveness(store.read()).ok);
    CHECK_FALSE(readiness(store.read()).ok);
    CHECK(readiness(store.read()).reason == "starting");
}

TEST_CASE("A loop that falls silent is not alive") {
    ManualClock clock;
    SnapshotStore store(clock);
    store.expect_loops(2);
    store.publish(loop(Stage::map, true));
    store.publish(loop(Stage::totals, true));
    CHECK(liveness(store.read()).ok);
    clock.advance(seconds(30));
    store.publish(loop(Stage::map, true));
    CHECK(liveness(store.read()).ok);
    clock.advance(seconds(1));
    CHECK(liveness(store.read()).reason == "the totals loop of worker 0 has said nothing for 31 s");
    CHECK_FALSE(liveness(store.read()).ok);
    CHECK_FALSE(readiness(store.read()).ok);
}

TEST_CASE("A loop that never starts is not alive after a while") {
    ManualClock clock;
    SnapshotStore store(clock);
    store.expect_loops(2);
    clock.advance(seconds(31));
    store.publish(loop(Stage::map, true));
    CHECK(liveness(store.read()).reason == "only 1 of 2 loops have started after 31 s");
    CHECK_FALSE(liveness(store.read()).ok);
}

TEST_CASE("A job whose topic is gone is alive and not ready, and says which") {
    ManualClock clock;
    SnapshotStore store(clock);
    store.expect_loops(1);
    store.publish(loop(Stage::map, true));
    REQUIRE(readiness(store.read()).ok);
    store.set_topic_trouble("topic sales does not exist");
    CHECK_FALSE(readiness(store.read()).ok);
    CHECK(readiness(store.read()).reason == "topic sales does not exist");
    CHECK(liveness(store.read()).ok);
    store.set_topic_trouble("");
    CHECK(readiness(store.read()).ok);
}

TEST_CASE("Ready means: all loops there, all with an assignment, nothing being restored") {
    ManualClock clock;
    SnapshotStore store(clock);
    store.expect_loops(2);
    store.publish(loop(Stage::map, true));
    CHECK(readiness(store.read()).reason == "starting");
    store.publish(loop(Stage::totals, false));
    CHECK(readiness(store.read()).reason == "the totals loop of worker 0 has no assignment");
    LoopStatus restoring = loop(Stage::totals, true);
    restoring.member.partitions[0].restoring = true;
    store.publish(restoring);
    CHECK(readiness(store.read()).reason == "the totals loop of worker 0 restores 1 partitions");
    CHECK_FALSE(readiness(store.read()).ok);
    store.publish(loop(Stage::totals, true));
    CHECK(readiness(store.read()).ok);
}

TEST_CASE("A member that has no partitions is ready: more workers than partitions are well") {
    ManualClock clock;
    SnapshotStore store(clock);
    store.expect_loops(2);
    for (const Stage stage : {Stage::map, Stage::totals}) {
        LoopStatus idle = loop(stage, true);
        idle.member.partitions.clear();
        store.publish(idle);
    }
    CHECK(readiness(store.read()).ok);
}

TEST_CASE("A producer is ready unless it waits for the brokers") {
    ManualClock clock;
    SnapshotStore store(clock);
    ProduceStatus status;
    store.publish(status);
    CHECK(readiness(store.read()).ok);
    status.waiting = true;
    store.publish(status);
    CHECK_FALSE(readiness(store.read()).ok);
    CHECK(liveness(store.read()).ok);
    clock.advance(seconds(31));
    CHECK(liveness(store.read()).reason == "the producer has said nothing for 31 s");
}

}  // namespace kstream::telemetry
