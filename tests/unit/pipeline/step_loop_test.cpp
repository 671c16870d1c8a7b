// The life cycle of steps: fill, seal, submit, settle, rewind (design decision 8, P5 - P7, P11).
#include "kstream/pipeline/step_loop.hpp"

#include "support/fakes/step_loop_bench.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

namespace kstream {
namespace {

using testing::at;
using testing::loop_config;
using testing::milliseconds;
using testing::Offsets;
using testing::PositionList;
using testing::retriable;
using testing::seconds;
using testing::StepLoopBench;

}  // namespace

// ---- filling and committing

TEST_CASE("records of a step are committed in one transaction with their positions") {
    StepLoopBench b;
    b.own({0, 1}, 0);
    b.add(0, 3);
    b.add(1, 2);
    b.run_until_submitted();
    CHECK(b.ranges() == "0:[0,3) 1:[0,2)");
    CHECK(b.sink.last().offset_metadata ==
          std::vector(2, identity_text(testing::loop_config().identity)));
    CHECK(b.fold.committed_records(0).empty());
    b.sink.finish(TransactionResult::committed);
    b.run(1);
    CHECK(b.fold.committed_records(0) == Offsets{0, 1, 2});
    CHECK(b.fold.committed_records(1) == Offsets{0, 1});
    CHECK(b.loop.committed_positions() == PositionList{at(0, 3), at(1, 2)});
    CHECK(b.status.last.steps.transactions[0] == 1);
}

TEST_CASE("a step waits for the commit interval before it is sealed, and no longer") {
    StepLoopBench b;
    b.own({0}, 0);
    b.add(0, 1);
    b.run_until([&] { return !b.fold.filling(0).empty(); });
    const Instant folded = b.clock.now();
    b.run_until_submitted();
    CHECK(b.clock.now() - folded >= milliseconds{2});
    CHECK(b.clock.now() - folded < milliseconds{4});
}

TEST_CASE("slow commits make the wait longer, up to the commit interval") {
    StepLoopBench b;
    b.own({0}, 0);
    b.add(0, 1);
    b.run_until_submitted();
    b.clock.advance(seconds{10});
    b.sink.finish(TransactionResult::committed);
    b.run(1);
    b.add(0, 1);
    b.run_until([&] { return !b.fold.filling(0).empty(); });
    const Instant folded = b.clock.now();
    b.run_until_submitted();
    CHECK(b.clock.now() - folded >= milliseconds{100});
    CHECK(b.clock.now() - folded < milliseconds{102});
}

TEST_CASE("in a backlog a step fills for ten commit intervals") {
    StepLoopBench b;
    b.source.most_records = 10;
    b.own({0}, 0);
    b.add(0, 30'000);
    b.run_until([&] { return !b.fold.filling(0).empty(); });
    const Instant folded = b.clock.now();
    while (b.clock.now() - folded < milliseconds{999}) {
        b.clock.advance(milliseconds{1});
        b.run(1);
        REQUIRE(b.sink.steps.empty());
    }
    b.clock.advance(milliseconds{1});
    b.run(1);
    CHECK(b.sink.in_flight());
}

TEST_CASE("a step that takes a backlog along takes all of it") {
    StepLoopBench b;
    b.own({0}, 0);
    b.add(0, 100'000);
    while (b.sink.steps.empty()) {
        b.clock.advance(milliseconds{2});
        b.run(1);
    }
    // Less than a backlog is left, and no 25,000 as for a step that begins to wait for one.
    CHECK(b.ranges() == "0:[0,90000)");
}

TEST_CASE("less than a quarter of what a step holds does not make it wait") {
    StepLoopBench b;
    b.source.most_records = 50'000;
    b.own({0}, 0);
    b.add(0, 62'000);
    b.run_until([&] { return !b.fold.filling(0).empty(); });
    b.clock.advance(milliseconds{2});
    b.run(1);
    CHECK(b.ranges() == "0:[0,50000)");
}

TEST_CASE("what comes in during a fetch is no backlog") {
    StepLoopBench b;
    b.source.most_records = 1;
    b.own({0}, 0);
    b.add(0, 10'000);
    b.run_until([&] { return !b.fold.filling(0).empty(); });
    const Instant folded = b.clock.now();
    while (b.sink.steps.empty()) {
        b.clock.advance(milliseconds{1});
        b.run(1);
    }
    CHECK(b.clock.now() - folded <= milliseconds{2});
}

TEST_CASE("nothing is submitted while there is nothing to commit") {
    StepLoopBench b;
    b.own({0}, 0);
    b.run_for(seconds{5});
    CHECK(b.sink.steps.empty());
}

TEST_CASE("a batch of any number of records does not overfill a step, and none is lost") {
    StepLoopConfig config = loop_config();
    config.folded_together = 10;
    StepLoopBench b{config};
    b.source.most_records = 50'000;
    b.fold.most_records = 100;
    b.own({0, 1}, 0);
    b.add(0, 25'000);
    b.add(1, 25'000);
    std::size_t most = 0;
    for (int steps = 0;
         b.fold.committed_records(0).size() < 25'000 || b.fold.committed_records(1).size() < 25'000;
         ++steps) {
        REQUIRE(steps < 2000);
        b.run_until_submitted();
        most = std::max(most, b.fold.in_flight(0).size() + b.fold.in_flight(1).size());
        b.sink.finish(TransactionResult::committed);
        b.run(1);
    }
    CHECK(most < 2 * 100 + 10);
    for (const std::int32_t partition : {0, 1}) {
        const Offsets read = b.fold.committed_records(partition);
        REQUIRE(read.size() == 25'000);
        for (std::size_t i = 0; i < read.size(); ++i) {
            REQUIRE(read[i] == static_cast<std::int64_t>(i));
        }
    }
}

TEST_CASE("P7: records are read and folded while a step is in flight, and nothing is submitted") {
    StepLoopBench b;
    b.own({0}, 0);
    b.add(0, 3);
    b.run_until_submitted();
    b.add(0, 2);
    b.run_for(seconds{3});
    CHECK(b.fold.in_flight(0) == Offsets{0, 1, 2});
    CHECK(b.fold.filling(0) == Offsets{3, 4});
    CHECK(b.sink.steps.size() == 1);
    b.sink.finish(TransactionResult::committed);
    b.run_until([&] { return b.sink.steps.size() == 2; });
    CHECK(b.ranges() == "0:[3,5)");
}

TEST_CASE("only partitions that moved stand in a step") {
    StepLoopBench b;
    b.own({0, 1, 2}, 0);
    b.add(1, 1);
    b.run_until_submitted();
    CHECK(b.ranges() == "1:[0,1)");
}

TEST_CASE("P5: without a valid membership nothing is submitted") {
    StepLoopBench b;
    b.own({0}, 0);
    b.add(0, 3);
    b.source.member = false;
    b.run_for(seconds{2});
    CHECK(b.sink.steps.empty());
    CHECK(b.fold.seals == 0);
    b.source.member = true;
    b.run_until_submitted();
    CHECK(b.ranges() == "0:[0,3)");
}

TEST_CASE("nothing is submitted before the first producer stands") {
    StepLoopBench b;
    b.sink.start_anew();
    b.own({0}, 0);
    b.add(0, 3);
    b.run_for(seconds{2});
    CHECK(b.sink.steps.empty());
    b.sink.stand();
    b.run_until_submitted();
    CHECK(b.ranges() == "0:[0,3)");
}

TEST_CASE("a full step closes the flow, is committed at once and opens it again") {
    StepLoopConfig config = loop_config();
    config.commit_interval = seconds{60};
    StepLoopBench b{config};
    b.fold.most_records = 4;
    b.source.most_records = 2;
    b.own({0}, 0);
    // A commit that took long: from now on a step would wait a minute.
    b.add(0, 1);
    b.run_until_submitted();
    b.clock.advance(seconds{100});
    b.sink.finish(TransactionResult::committed);
    b.run(1);
    const Instant committed = b.clock.now();
    b.add(0, 20);
    b.run_until_submitted();
    CHECK(b.clock.now() - committed < seconds{1});
    CHECK(b.ranges() == "0:[1,5)");
    b.run_until([&] { return b.fold.filling(0).size() == 4; });
    b.run(5);
    CHECK(b.source.flow == RecordSource::Flow::closed);
    CHECK(b.fold.filling(0).size() == 4);
    const std::size_t polls = b.source.polls;
    b.run(10);
    CHECK(b.source.polls == polls + 10);  // the group is served with the flow closed
    b.sink.finish(TransactionResult::committed);
    b.run(1);
    CHECK(b.ranges() == "0:[5,9)");
    b.run(1);
    CHECK(b.source.flow == RecordSource::Flow::open);
}

// ---- positions

TEST_CASE("P7: records below the expected position are dropped, wherever they stand in a batch") {
    StepLoopBench b;
    b.own({0, 1}, 0);
    b.add(0, 5);
    b.add(1, 5);
    b.run_until([&] { return b.fold.filling(1).size() == 5; });
    b.add(0, 1);
    b.add(1, 1);
    const auto view = [&b](std::int32_t partition, std::int64_t offset) {
        return b.log.view(TopicRole::source, PartitionId{partition}, Offset{offset});
    };
    // A stale fetch, new records between old ones.
    b.source.inject({view(0, 3), view(0, 4), view(1, 5), view(1, 2), view(0, 5), view(0, 0)});
    b.run(1);
    CHECK(b.fold.filling(0) == Offsets{0, 1, 2, 3, 4, 5});
    CHECK(b.fold.filling(1) == Offsets{0, 1, 2, 3, 4, 5});
}

TEST_CASE("records of partitions that are not in service are dropped") {
    StepLoopBench b;
    b.own({0}, 0);
    b.source.assign({1});
    b.run(1);
    b.add(0, 1);
    b.add(1, 1);
    b.source.inject({b.log.view(TopicRole::source, PartitionId{1}, Offset{0})});
    b.run(2);
    CHECK(b.fold.filling(1).empty());
    CHECK(b.fold.filling(0) == Offsets{0});
}

TEST_CASE("P11: positions after control records are committed by a step without records") {
    StepLoopBench b;
    b.own({0}, 0);
    b.add(0, 1);
    b.commit();
    b.log.append_invisible(TopicRole::source, 0);
    const Instant marked = b.clock.now();
    b.run_until_submitted();
    CHECK(b.ranges() == "0:[1,2)");
    CHECK(b.fold.in_flight(0).empty());
    CHECK(b.clock.now() - marked <= seconds{2});
    b.sink.finish(TransactionResult::committed);
    b.run_for(seconds{3});
    CHECK(b.sink.steps.size() == 2);
}

TEST_CASE("P11: until the end, control records are looked for without delay") {
    StepLoopConfig config = loop_config();
    config.commit_tail_at_once = true;
    StepLoopBench b{config};
    b.own({0}, 0);
    b.add(0, 1);
    b.commit();
    b.log.append_invisible(TopicRole::source, 0);
    const Instant marked = b.clock.now();
    b.run_until_submitted();
    CHECK(b.ranges() == "0:[1,2)");
    CHECK(b.clock.now() - marked <= milliseconds{60});
}

TEST_CASE("a step takes the control records behind its last record along") {
    StepLoopBench b;
    b.own({0}, 0);
    b.log.append_invisible(TopicRole::source, 0);
    b.add(0, 1);
    b.log.append_invisible(TopicRole::source, 0);
    b.run_until_submitted();
    CHECK(b.ranges() == "0:[0,3)");
}

// ---- aborts

TEST_CASE("an abort takes both steps back, and everything is read again exactly once") {
    StepLoopBench b;
    b.own({0, 1}, 0);
    b.add(0, 3);
    b.run_until_submitted();
    b.add(0, 2);
    b.add(1, 1);
    b.run_until([&] { return b.fold.filling(1).size() == 1; });
    b.sink.finish(TransactionResult::aborted);
    b.run(1);
    CHECK(b.fold.undone == std::vector<std::string>{"filling", "in flight"});
    CHECK(b.source.rewinds == PositionList{at(0, 0), at(1, 0)});
    b.commit();
    CHECK(b.ranges() == "0:[0,5) 1:[0,1)");
    CHECK(b.fold.committed_records(0) == Offsets{0, 1, 2, 3, 4});
    CHECK(b.fold.committed_records(1) == Offsets{0});
    CHECK(b.status.last.steps.transactions[static_cast<std::size_t>(TransactionResult::aborted)] ==
          1);
}

TEST_CASE("an abort goes back to what is committed and not to the beginning") {
    StepLoopBench b;
    b.own({0}, 0);
    b.add(0, 3);
    b.commit();
    b.add(0, 2);
    b.run_until_submitted();
    b.sink.finish(TransactionResult::aborted);
    b.run(1);
    CHECK(b.source.rewinds == PositionList{at(0, 3)});
    b.commit();
    CHECK(b.fold.committed_records(0) == Offsets{0, 1, 2, 3, 4});
}

TEST_CASE("aborts in a row are tried again ever later, up to two seconds, until one commits") {
    StepLoopBench b;
    b.own({0}, 0);
    b.add(0, 1);
    std::vector<Duration> waits;
    b.run_until_submitted();
    for (int i = 0; i < 10; ++i) {
        const Instant aborted = b.clock.now();
        b.sink.finish(TransactionResult::aborted);
        b.run_until_submitted();
        waits.push_back(b.clock.now() - aborted);
    }
    Duration expected = milliseconds{20};
    for (const Duration wait : waits) {
        CHECK(wait >= expected);
        CHECK(wait < expected + milliseconds{55});
        expected = std::min<Duration>(2 * expected, seconds{2});
    }
    b.sink.finish(TransactionResult::committed);
    b.run(1);
    b.add(0, 1);
    b.run_until_submitted();
    const Instant aborted = b.clock.now();
    b.sink.finish(TransactionResult::aborted);
    b.run_until_submitted();
    CHECK(b.clock.now() - aborted < milliseconds{75});
}

TEST_CASE("an abort that says stop ends the loop with its reason") {
    StepLoopBench b;
    b.own({0}, 0);
    b.add(0, 1);
    b.run_until_submitted();
    b.sink.finish(TransactionResult::aborted,
                  Error::stop(ExitCode::kafka_fatal, "not authorized to write"));
    const Error error = b.run_to_error(2);
    CHECK(error.exit_code == ExitCode::kafka_fatal);
    CHECK(error.message == "not authorized to write");
}

// ---- open steps

TEST_CASE("P3: an open step is committed before any record of its partitions is handed out") {
    StepLoopBench b;
    b.add(0, 10);
    b.own({0}, 4, true);
    b.run_until_submitted();
    CHECK(b.ranges() == "0:[4,4)");
    CHECK(b.fold.open_seals == 1);
    b.run_for(seconds{2});
    CHECK(b.source.starts.empty());
    CHECK(b.fold.filling(0).empty());
    b.sink.finish(TransactionResult::committed);
    b.run(1);
    CHECK(b.source.starts == PositionList{at(0, 4)});
    b.commit();
    CHECK(b.ranges() == "0:[4,10)");
    CHECK(b.fold.open_seals == 1);
}

TEST_CASE("P3: all partitions that wait are opened in one step, the others flow on") {
    StepLoopBench b;
    b.own({0}, 0);
    b.source.assign({1, 2});
    b.run(2);
    b.takeover.make_ready(1, 7, true);
    b.takeover.make_ready(2, 9, true);
    b.add(0, 2);
    b.run_until_submitted();
    CHECK(b.ranges() == "1:[7,7) 2:[9,9)");
    b.sink.finish(TransactionResult::committed);
    b.run_until([&] { return b.sink.steps.size() == 2; });
    CHECK(b.ranges() == "0:[0,2)");
}

TEST_CASE("P3: what a takeover has to say of a partition is committed though nothing comes") {
    StepLoopBench b;
    b.source.assign({0, 1});
    b.run(2);
    b.takeover.make_ready(0, 7);
    b.takeover.make_ready(
        {.partition = PartitionId{1}, .position = Offset{5}, .say = SourceMark{.watermark = 60}});
    b.run_until_submitted();
    CHECK(b.ranges() == "1:[5,5)");
    REQUIRE(b.fold.said.size() == 1);
    CHECK(b.fold.said.at(PartitionId{1}).watermark == 60);
    // Nobody waits for it.
    CHECK(b.source.starts == PositionList{at(0, 7), at(1, 5)});
}

TEST_CASE("P3: an open step that was aborted is made again") {
    StepLoopBench b;
    b.own({0}, 4, true);
    b.run_until_submitted();
    b.sink.finish(TransactionResult::aborted);
    b.run(1);
    CHECK(b.source.starts.empty());
    b.commit();
    CHECK(b.ranges() == "0:[4,4)");
    CHECK(b.fold.open_seals == 2);
    CHECK(b.source.starts == PositionList{at(0, 4)});
}

TEST_CASE("P6: an uncertain open step is made again when no offset is committed, else kept") {
    for (const bool landed : {false, true}) {
        CAPTURE(landed);
        StepLoopBench b;
        b.own({0}, 4, true);
        b.run_until_submitted();
        b.lose_outcome();
        if (landed) {
            b.group[PartitionId{0}].offset = Offset{4};
        }
        b.sink.stand();
        b.run(5);
        CHECK(b.source.starts.empty() == !landed);
        if (!landed) {
            b.commit();
        }
        CHECK(b.source.starts == PositionList{at(0, 4)});
        CHECK(b.fold.open_seals == (landed ? 1U : 2U));
    }
}

TEST_CASE("P5: no open step without a valid membership") {
    StepLoopBench b;
    b.source.member = false;
    b.own({0}, 4, true);
    b.run_for(seconds{1});
    CHECK(b.sink.steps.empty());
    b.source.member = true;
    b.run_until_submitted();
}

// ---- half-read steps

TEST_CASE("a step that cannot be submitted now does not make the loop spin") {
    StepLoopBench b;
    b.own({0}, 0);
    b.add(0, 1);
    b.source.member = false;
    b.run_for(seconds{1});
    CHECK(b.source.last_wait >= milliseconds{1});
    const std::size_t polls = b.source.polls;
    b.run_for(seconds{1});
    CHECK(b.source.polls - polls <= 1000);
}

TEST_CASE("half a map step is never sealed, and its rest is read") {
    StepLoopBench b;
    b.own({0}, 0);
    b.add(0, 2);
    b.run_until([&] { return b.fold.filling(0).size() == 2; });
    b.fold.half_read = true;
    b.run_for(seconds{1});
    CHECK(b.sink.steps.empty());
    CHECK(b.source.flow == RecordSource::Flow::open);
    b.add(0, 1);
    b.run_until([&] { return b.fold.filling(0).size() == 3; });
    b.fold.half_read = false;
    b.run_until_submitted();
    CHECK(b.ranges() == "0:[0,3)");
}

// ---- errors and reports

TEST_CASE("a read that fails for now is tried again, one that says stop ends the loop") {
    StepLoopBench b;
    b.own({0}, 0);
    b.source.fail_next_poll(retriable("no broker in reach"));
    b.run(1);
    CHECK(b.recorded.has("no broker in reach"));
    b.add(0, 1);
    b.commit();
    b.source.fail_next_poll(Error::stop(ExitCode::integrity, "the position is not in the log"));
    CHECK(b.run_to_error(1).exit_code == ExitCode::integrity);
}

TEST_CASE("an error of the fold or of a takeover ends the loop") {
    {
        StepLoopBench b;
        b.own({0}, 0);
        b.add(0, 1);
        b.fold.failure = Error::stop(ExitCode::bad_record, "bad record");
        CHECK(b.run_to_error(2).exit_code == ExitCode::bad_record);
    }
    StepLoopBench b;
    b.source.assign({0});
    b.takeover.failure = Error::stop(ExitCode::identity, "another job");
    CHECK(b.run_to_error(3).exit_code == ExitCode::identity);
    CHECK(b.sink.steps.empty());
}

TEST_CASE("a position that was purged is taken over anew, not a reason to stop (simulator)") {
    // A process that was paused: another has gone on, and does not need the records any more.
    StepLoopBench b;
    b.own({0, 1}, 0);
    b.add(0, 3);
    b.add(1, 2);
    b.commit();
    b.add(1, 1);
    b.source.overtake({0});
    b.run_until([&] { return b.recorded.has("the position is not in the log any more"); });
    b.run(2);
    // Both: the filling step held both, and it is taken back whole.
    CHECK(b.takeover.under_way.size() == 2);
    CHECK(b.fold.filling(1).empty());
    b.takeover.make_ready(0, 5);
    b.takeover.make_ready(1, 2);
    b.run(1);
    CHECK(b.source.starts.back() == PartitionPosition{PartitionId{1}, Offset{2}});
    b.commit();
    CHECK(b.ranges() == "1:[2,3)");
}

TEST_CASE("a position that was purged waits for the step in flight") {
    StepLoopBench b;
    b.own({0}, 0);
    b.add(0, 3);
    b.run_until_submitted();
    b.source.overtake({0});
    b.run(5);
    CHECK(b.takeover.under_way.empty());
    b.sink.finish(TransactionResult::committed);
    b.run(2);
    CHECK(b.takeover.under_way.size() == 1);
    CHECK(b.fold.committed_records(0) == Offsets{0, 1, 2});
}

TEST_CASE("a snapshot is published after each step and once a second") {
    StepLoopBench b;
    b.own({0}, 0);
    b.run_for(seconds{10});
    const std::size_t before = b.status.count;
    b.run_for(seconds{10});
    CHECK(b.status.count - before >= 9);
    CHECK(b.status.count - before <= 11);
    b.add(0, 1);
    b.run_until_submitted();
    const std::size_t submitted = b.status.count;
    b.sink.finish(TransactionResult::committed);
    b.run(1);
    CHECK(b.status.count == submitted + 1);
}

TEST_CASE("the snapshot says where each partition is, how far behind and for how long") {
    StepLoopBench b;
    b.log.hold(TopicRole::source, 0, 4);
    b.add(0, 8);
    b.own({0}, 0);
    b.source.assign({1});
    b.run_until([&] { return b.fold.filling(0).size() == 4; });
    b.source.stalled = true;
    b.log.hold(TopicRole::source, 0, 6);
    b.clock.advance(seconds{3});
    b.run_until_submitted();
    b.sink.finish(TransactionResult::committed);
    b.run(1);
    const LoopStatus& status = b.status.last;
    REQUIRE(status.member.partitions.size() == 2);
    CHECK(status.member.partitions[0].position == 4);
    CHECK(status.member.partitions[0].committed == 4);
    CHECK(status.member.partitions[0].log_end == 6);
    CHECK(status.member.partitions[0].open_transaction_records == 2);
    CHECK(status.member.partitions[0].lag_seconds >= 3);
    CHECK(status.member.partitions[0].lag_seconds < 4);
    CHECK_FALSE(status.member.partitions[0].restoring);
    CHECK(status.member.partitions[1].restoring);
    CHECK(status.member.partitions[1].position == -1);
    CHECK(status.member.joined);
    CHECK_FALSE(status.member.caught_up);
    CHECK(status.steps.last_commit_wall_seconds > 1.6e9);
    CHECK(status.steps.commit_seconds.count == 1);
}

TEST_CASE("caught up means that all partitions are in service and at their ends") {
    StepLoopBench b;
    b.run_for(seconds{2});
    CHECK_FALSE(b.status.last.member.caught_up);
    b.own({0}, 0);
    b.add(0, 2);
    b.commit();
    CHECK(b.status.last.member.caught_up);
    CHECK(b.status.last.member.partitions.at(0).lag_seconds == 0);
}

TEST_CASE("what a step writes counts when it is committed, and not when it is taken back") {
    StepLoopBench b;
    b.fold.written_per_step = 3;
    b.own({0}, 0);
    b.add(0, 1);
    b.run_until_submitted();
    b.sink.finish(TransactionResult::aborted);
    b.run_for(seconds{2});
    const auto results = [&b] {
        return b.status.last.steps.written[static_cast<std::size_t>(TopicRole::results)];
    };
    CHECK(results() == OutputBatch::Volume{});
    b.commit();
    CHECK(results() == OutputBatch::Volume{3, 6});
}

TEST_CASE("a member without a partition has joined: more workers than partitions are well") {
    StepLoopBench b;
    b.run_for(seconds{2});
    CHECK_FALSE(b.status.last.member.joined);
    b.source.assign({});
    b.run_for(seconds{2});
    CHECK(b.status.last.member.joined);
    CHECK(b.status.last.member.caught_up);
    CHECK(b.status.last.member.partitions.empty());
}

}  // namespace kstream
