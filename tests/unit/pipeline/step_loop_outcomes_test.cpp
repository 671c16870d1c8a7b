// Steps whose outcome is not known (P6), and those without a record, which offsets do not tell.
#include "kstream/pipeline/step_loop.hpp"
#include "support/fakes/step_loop_bench.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <vector>

namespace kstream {
namespace {

using testing::at;
using testing::loop_config;
using testing::Offsets;
using testing::PositionList;
using testing::retriable;
using testing::seconds;
using testing::StepLoopBench;

}  // namespace

// ---- uncertain outcomes

TEST_CASE("P6: after an uncertain outcome nothing is asked before the new producer stands") {
    StepLoopBench b;
    b.own({0, 1}, 0);
    b.add(0, 3);
    b.run_until_submitted();
    b.lose_outcome();
    b.run_for(seconds{2});
    CHECK(b.queries.asked.empty());
    CHECK(b.fold.in_flight(0).size() == 3);
    b.sink.stand();
    b.run(1);
    REQUIRE(b.queries.names() == std::vector<std::string>{"committed"});
    CHECK(b.queries.asked[0].partitions == std::vector{PartitionId{0}});
    CHECK(b.status.last.steps.producer_rebuilds == 1);
}

TEST_CASE("P6: an uncertain step that is committed is kept, and so is what filled after it") {
    StepLoopBench b;
    b.own({0}, 0);
    b.add(0, 3);
    b.run_until_submitted();
    b.add(0, 2);
    b.run_until([&] { return b.fold.filling(0).size() == 2; });
    b.lose_outcome();
    b.group[PartitionId{0}].offset = Offset{3};
    b.sink.stand();
    b.run(5);
    CHECK(b.fold.undone.empty());
    CHECK(b.fold.committed_records(0) == Offsets{0, 1, 2});
    CHECK(b.source.rewinds.empty());
    b.commit();
    CHECK(b.ranges() == "0:[3,5)");
    CHECK(b.fold.committed_records(0) == Offsets{0, 1, 2, 3, 4});
}

TEST_CASE("P6: an uncertain step that is not committed is taken back and read again") {
    StepLoopBench b;
    b.group[PartitionId{0}].offset = Offset{1};
    b.add(0, 3);
    b.own({0}, 1);
    b.run_until_submitted();
    b.add(0, 2);
    b.run_until([&] { return b.fold.filling(0).size() == 2; });
    b.lose_outcome();
    b.sink.stand();
    b.run(5);
    CHECK(b.fold.undone == std::vector<std::string>{"filling", "in flight"});
    CHECK(b.source.rewinds == PositionList{at(0, 1)});
    b.commit();
    CHECK(b.fold.committed_records(0) == Offsets{1, 2, 3, 4});
    CHECK(b.takeover.begun.size() == 1);
}

// ---- steps without a record

TEST_CASE("what a fold has to write goes into steps without a record, one after the other") {
    StepLoopBench b;
    b.own({0, 1}, 7);
    b.fold.more = {PartitionId{1}};
    b.run_until_submitted();
    CHECK(b.ranges() == "1:[7,7)");
    b.sink.finish(TransactionResult::committed);
    b.run(1);
    CHECK(b.sink.in_flight());
    CHECK(b.ranges() == "1:[7,7)");
    b.fold.more = {};
    b.sink.finish(TransactionResult::committed);
    b.run_for(seconds{1});
    CHECK(b.sink.steps.size() == 2);
    CHECK(b.loop.committed_positions() == PositionList{at(0, 7), at(1, 7)});
}

TEST_CASE("a partition that is taken over, given up or not this member's writes nothing more") {
    StepLoopBench b;
    b.fold.more = {PartitionId{1}};
    b.source.assign({0, 1});
    b.run_until([&] { return b.takeover.under_way.size() == 2; });
    b.takeover.make_ready(0, 0);
    b.run_for(seconds{1});
    CHECK(b.sink.steps.empty());
    b.takeover.make_ready(1, 3);
    b.run_until_submitted();
    b.source.revoke({1});
    b.run(3);
    b.sink.finish(TransactionResult::committed);
    b.run_for(seconds{1});
    CHECK(b.sink.steps.size() == 1);
    CHECK(b.fold.dropped == std::vector{PartitionId{1}});
}

TEST_CASE("a stop does not wait for what a fold has still to write") {
    StepLoopBench b;
    b.own({0}, 0);
    b.fold.more = {PartitionId{0}};
    b.run_until_submitted();
    b.loop.request_stop();
    b.sink.finish(TransactionResult::committed);
    b.run_to_end();
    CHECK(b.sink.steps.size() == 1);
}

TEST_CASE("P6: an uncertain step without a record is not told by offsets: taken over anew") {
    StepLoopBench b;
    b.group[PartitionId{0}].offset = Offset{4};
    b.own({0}, 4);
    b.fold.more = {PartitionId{0}};
    b.run_until_submitted();
    CHECK(b.ranges() == "0:[4,4)");
    b.lose_outcome();
    b.sink.stand();
    b.run(5);
    CHECK(b.fold.undone == std::vector<std::string>{"filling", "in flight"});
    CHECK(b.fold.dropped == std::vector{PartitionId{0}});
    CHECK(b.takeover.under_way == std::vector{PartitionId{0}});
}

// A changelog that had lost the last record of a committed step was written on by its owner: the
// markers of that step and of the next one filled the offsets, and only the sequence told.
TEST_CASE("a gap in what the producer has written is looked into by a takeover") {
    for (const bool aborted : {true, false}) {
        CAPTURE(aborted);
        StepLoopBench b;
        b.group[PartitionId{0}].offset = Offset{4};
        b.own({0}, 4);
        b.add(0, 6);
        b.run_until_submitted();
        b.sink.finish_at_a_gap(aborted ? TransactionResult::aborted : TransactionResult::uncertain);
        b.run(1);
        if (!aborted) {
            b.sink.stand();
            b.run(5);
        }
        CHECK(b.fold.undone == std::vector<std::string>{"filling", "in flight"});
        CHECK(b.fold.dropped == std::vector{PartitionId{0}});
        CHECK(b.takeover.under_way == std::vector{PartitionId{0}});
        CHECK(b.source.rewinds.empty());
    }
}

TEST_CASE("P6: a partition that has moved tells for one that has written without a record") {
    for (const bool committed : {false, true}) {
        CAPTURE(committed);
        StepLoopBench b;
        b.group[PartitionId{0}].offset = Offset{0};
        b.group[PartitionId{1}].offset = Offset{0};
        b.add(1, 2);
        b.own({0, 1}, 0);
        b.run_until([&] { return b.fold.filling(1).size() == 2; });
        b.fold.more = {PartitionId{0}};
        b.run_until_submitted();
        REQUIRE(b.ranges() == "0:[0,0) 1:[0,2)");
        b.fold.more = {};
        b.lose_outcome();
        if (committed) {
            b.group[PartitionId{1}].offset = Offset{2};
        }
        b.sink.stand();
        b.run(5);
        CHECK(b.fold.dropped.empty());
        CHECK((b.fold.committed_records(1) == Offsets{0, 1}) == committed);
    }
}

TEST_CASE("P6: a committed offset that is neither means that everything is taken over anew") {
    for (const bool absent : {false, true}) {
        CAPTURE(absent);
        StepLoopBench b;
        b.own({0, 1}, 0);
        b.add(0, 3);
        b.run_until_submitted();
        b.add(1, 1);
        b.run_until([&] { return b.fold.filling(1).size() == 1; });
        b.lose_outcome();
        if (!absent) {
            b.group[PartitionId{0}].offset = Offset{2};
        }
        b.sink.stand();
        b.run(5);
        CHECK(b.fold.undone == std::vector<std::string>{"filling", "in flight"});
        CHECK(b.fold.dropped == std::vector{PartitionId{0}, PartitionId{1}});
        CHECK(b.takeover.under_way == std::vector{PartitionId{0}, PartitionId{1}});
        CHECK(b.loop.committed_positions().empty());
        CHECK(b.recorded.has("superseded"));
        b.run_for(seconds{1});
        CHECK(b.sink.steps.size() == 1);
    }
}

TEST_CASE("P6: partitions of one step that disagree mean that everything is taken over anew") {
    StepLoopBench b;
    b.group[PartitionId{0}].offset = Offset{0};
    b.group[PartitionId{1}].offset = Offset{0};
    b.own({0, 1}, 0);
    b.add(0, 3);
    b.add(1, 3);
    b.run_until_submitted();
    b.lose_outcome();
    b.group[PartitionId{1}].offset = Offset{3};
    b.sink.stand();
    b.run(5);
    CHECK(b.takeover.under_way.size() == 2);
    CHECK(b.fold.committed_records(1).empty());
}

TEST_CASE("P6: an unanswered question about the outcome is asked again") {
    StepLoopBench b;
    b.own({0}, 0);
    b.add(0, 3);
    b.run_until_submitted();
    b.lose_outcome();
    b.group[PartitionId{0}].offset = Offset{3};
    int refusals = 3;
    b.queries.intercept = [&](const Query&) -> std::optional<Result<QueryAnswer>> {
        if (refusals-- > 0) {
            return std::unexpected(retriable("offsets are not stable"));
        }
        return std::nullopt;
    };
    b.sink.stand();
    b.run(20);
    CHECK(b.asked_committed() == 4);
    CHECK(b.fold.committed_records(0) == Offsets{0, 1, 2});
}

TEST_CASE("an error of that question that says stop ends the loop") {
    StepLoopBench b;
    b.own({0}, 0);
    b.add(0, 3);
    b.run_until_submitted();
    b.lose_outcome();
    b.queries.intercept = [](const Query&) -> std::optional<Result<QueryAnswer>> {
        return fail(ExitCode::kafka_fatal, "not authorized");
    };
    b.sink.stand();
    CHECK(b.run_to_error(5).message == "not authorized");
}

TEST_CASE("while an outcome is being found out the flow is closed and the group is served") {
    StepLoopBench b;
    b.own({0}, 0);
    b.add(0, 3);
    b.run_until_submitted();
    b.lose_outcome();
    b.run(1);
    CHECK(b.source.flow == RecordSource::Flow::closed);
    b.add(0, 2);
    const std::size_t polls = b.source.polls;
    b.run(50);
    CHECK(b.source.polls == polls + 50);
    CHECK(b.fold.filling(0).empty());
    CHECK(b.sink.steps.size() == 1);
    b.group[PartitionId{0}].offset = Offset{3};
    b.sink.stand();
    b.run(5);
    CHECK(b.source.flow == RecordSource::Flow::open);
}

TEST_CASE(
    "a fenced producer is replaced when its id was random, and ends the process when stable") {
    {
        StepLoopBench b;
        b.own({0}, 0);
        b.add(0, 3);
        b.run_until_submitted();
        b.sink.finish(TransactionResult::fenced);
        b.run(1);
        b.group[PartitionId{0}].offset = Offset{3};
        b.sink.stand();
        b.run(5);
        CHECK(b.fold.committed_records(0) == Offsets{0, 1, 2});
    }
    StepLoopConfig config = loop_config();
    config.stable_instance = true;
    StepLoopBench b{config};
    b.own({0}, 0);
    b.add(0, 3);
    b.run_until_submitted();
    b.sink.finish(TransactionResult::fenced, retriable("a newer epoch"));
    const Error error = b.run_to_error(2);
    CHECK(error.exit_code == ExitCode::kafka_fatal);
    CHECK(error.message.find("a newer epoch") != std::string::npos);
    CHECK(error.hint.find("--instance-id") != std::string::npos);
}

TEST_CASE("P6: more than five rebuilds within a minute end the loop") {
    StepLoopBench b;
    b.own({0}, 0);
    b.group[PartitionId{0}].offset = Offset{0};
    b.add(0, 1);
    for (int i = 0; i < 5; ++i) {
        b.run_until_submitted();
        b.lose_outcome();
        b.sink.stand();
        b.run(5);
    }
    b.run_until_submitted();
    b.sink.finish(TransactionResult::uncertain);
    const Error error = b.run_to_error(2);
    CHECK(error.exit_code == ExitCode::kafka_fatal);
    CHECK(error.message.find("6 times") != std::string::npos);
}

TEST_CASE("rebuilds that are far apart do not end the loop") {
    StepLoopBench b;
    b.own({0}, 0);
    b.group[PartitionId{0}].offset = Offset{0};
    b.add(0, 1);
    for (int i = 0; i < 20; ++i) {
        b.run_until_submitted();
        b.lose_outcome();
        b.sink.stand();
        b.run(5);
        b.clock.advance(seconds{12});
    }
    CHECK(b.status.last.steps.producer_rebuilds == 20);
}

TEST_CASE("a producer that cannot be made ends the loop with its reason") {
    StepLoopBench b;
    b.own({0}, 0);
    b.sink.fail(Error::stop(ExitCode::kafka_fatal, "transactional id not authorized"));
    CHECK(b.run_to_error(1).message == "transactional id not authorized");
}

}  // namespace kstream
