// Stopping: commit what was read, leave the group, within the deadline.
#include "kstream/pipeline/step_loop.hpp"
#include "support/fakes/step_loop_bench.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

namespace kstream {
namespace {

using testing::milliseconds;
using testing::Offsets;
using testing::seconds;
using testing::StepLoopBench;

}  // namespace

TEST_CASE("a stop with nothing open leaves the group at once") {
    StepLoopBench b;
    b.own({0}, 0);
    b.loop.request_stop();
    b.run_to_end(2);
    CHECK(b.sink.closed);
    CHECK(b.source.closed);
    CHECK(b.sink.steps.empty());
}

TEST_CASE("a stop before any assignment leaves at once, also without a producer") {
    StepLoopBench b;
    b.sink.start_anew();
    b.loop.request_stop();
    b.run_to_end(2);
    CHECK(b.source.closed);
}

TEST_CASE(
    "a stop commits what was read, without waiting for the commit interval, and reads no more") {
    StepLoopConfig config = testing::loop_config();
    config.commit_interval = seconds{60};
    StepLoopBench b{config};
    b.own({0}, 0);
    b.add(0, 3);
    b.run_until([&] { return b.fold.filling(0).size() == 3; });
    b.add(0, 5);
    b.loop.request_stop();
    b.loop.request_stop();
    b.run(1);
    CHECK(b.ranges() == "0:[0,3)");
    CHECK(b.source.flow == RecordSource::Flow::closed);
    b.run(20);
    CHECK_FALSE(b.source.closed);
    b.sink.finish(TransactionResult::committed);
    b.run_to_end(3);
    CHECK(b.fold.committed_records(0) == Offsets{0, 1, 2});
    CHECK(b.sink.closed);
    CHECK(b.source.closed);
}

TEST_CASE("a stop commits the step in flight and the one that was filling") {
    StepLoopBench b;
    b.own({0}, 0);
    b.add(0, 3);
    b.run_until_submitted();
    b.add(0, 2);
    b.run_until([&] { return b.fold.filling(0).size() == 2; });
    b.loop.request_stop();
    b.run(1);
    b.sink.finish(TransactionResult::committed);
    b.run(1);
    CHECK(b.ranges() == "0:[3,5)");
    b.sink.finish(TransactionResult::committed);
    b.run_to_end(3);
    CHECK(b.fold.committed_records(0) == Offsets{0, 1, 2, 3, 4});
}

TEST_CASE("a stop in the back-off after an abort leaves at once: nothing is open") {
    StepLoopBench b;
    b.own({0}, 0);
    b.add(0, 3);
    b.run_until_submitted();
    b.loop.request_stop();
    b.sink.finish(TransactionResult::aborted);
    b.run_to_end(3);
    CHECK(b.fold.committed_records(0).empty());
    CHECK(b.fold.filling(0).empty());
}

TEST_CASE("a stop in a long back-off commits what was read since") {
    StepLoopBench b;
    b.own({0}, 0);
    b.add(0, 3);
    for (int i = 0; i < 9; ++i) {
        b.run_until_submitted();
        b.sink.finish(TransactionResult::aborted);
        b.run(1);
    }
    b.run_until([&] { return b.fold.filling(0).size() == 3; });
    REQUIRE_FALSE(b.sink.in_flight());
    b.loop.request_stop();
    b.run(1);
    CHECK(b.sink.in_flight());
}

TEST_CASE("half a map step is left to the next owner at a stop") {
    StepLoopBench b;
    b.own({0}, 0);
    b.add(0, 3);
    b.run_until_submitted();
    b.add(0, 1);
    b.run_until([&] { return b.fold.filling(0).size() == 1; });
    b.fold.half_read = true;
    b.loop.request_stop();
    b.run(5);
    CHECK_FALSE(b.source.closed);
    b.sink.finish(TransactionResult::committed);
    b.run_to_end(3);
    CHECK(b.fold.committed_records(0) == Offsets{0, 1, 2});
    CHECK(b.sink.steps.size() == 1);
}

TEST_CASE("a stop waits for an uncertain outcome to be known") {
    StepLoopBench b;
    b.own({0}, 0);
    b.add(0, 3);
    b.run_until_submitted();
    b.loop.request_stop();
    b.lose_outcome();
    b.run(5);
    CHECK_FALSE(b.source.closed);
    b.group[PartitionId{0}].offset = Offset{3};
    b.sink.stand();
    b.run_to_end(5);
    CHECK(b.fold.committed_records(0) == Offsets{0, 1, 2});
}

TEST_CASE("a stop that the brokers do not let end says that nothing is lost, after the deadline") {
    StepLoopConfig config = testing::loop_config();
    config.stop_deadline = seconds{4};
    StepLoopBench b{config};
    b.own({0}, 0);
    b.add(0, 3);
    b.run_until_submitted();
    b.loop.request_stop();
    const Instant asked = b.clock.now();
    const Error error = b.run_to_error();
    CHECK(error.exit_code == ExitCode::incomplete);
    CHECK(error.message.find("nothing is lost") != std::string::npos);
    CHECK(b.clock.now() - asked > seconds{4});
    CHECK(b.clock.now() - asked < milliseconds{4100});
}

TEST_CASE("a stop without a membership or a producer ends after the deadline too") {
    for (const bool producer : {false, true}) {
        CAPTURE(producer);
        StepLoopBench b;
        b.own({0}, 0);
        if (producer) {
            b.source.member = false;
        } else {
            b.sink.start_anew();
        }
        b.add(0, 3);
        b.run_until([&] { return b.fold.filling(0).size() == 3; });
        b.loop.request_stop();
        CHECK(b.run_to_error().exit_code == ExitCode::incomplete);
    }
}

TEST_CASE("a stop after a producer was given up does not wait for the next one") {
    StepLoopBench b;
    b.own({0, 1}, 0);
    b.add(1, 3);
    b.run_until_submitted();
    b.source.revoke({1});
    b.run_until([&] { return b.sink.rebuilds == 1; });
    b.loop.request_stop();
    b.run_to_end(3);
    CHECK(b.source.closed);
}

TEST_CASE("control records behind the last record are committed at a stop") {
    StepLoopBench b;
    b.own({0}, 0);
    b.add(0, 1);
    b.commit();
    b.log.append_invisible(TopicRole::source, 0);
    b.run(2);
    b.loop.request_stop();
    b.run(1);
    CHECK(b.ranges() == "0:[1,2)");
    b.sink.finish(TransactionResult::committed);
    b.run_to_end(3);
}

TEST_CASE("an assignment or a revocation during a stop is answered") {
    StepLoopBench b;
    b.own({0, 1}, 0);
    b.add(0, 1);
    b.run_until_submitted();
    b.loop.request_stop();
    b.source.assign({2});
    b.source.revoke({1});
    b.run(5);
    CHECK(b.source.released == std::vector{PartitionId{1}});
    b.sink.finish(TransactionResult::committed);
    b.run_to_end(3);
    CHECK(b.fold.committed_records(0) == Offsets{0});
}

}  // namespace kstream
