// Partitions come and go (P1): a revocation is a barrier.
#include "kstream/pipeline/step_loop.hpp"
#include "support/fakes/step_loop_bench.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <string>
#include <vector>

namespace kstream {
namespace {

using testing::milliseconds;
using testing::Offsets;
using testing::seconds;
using testing::StepLoopBench;

using Partitions = std::vector<PartitionId>;

Partitions partitions(std::initializer_list<std::int32_t> numbers) {
    Partitions list;
    for (const std::int32_t number : numbers) {
        list.push_back(PartitionId{number});
    }
    return list;
}

// Until the loop has seen the rebalance.
void see(StepLoopBench& b) {
    b.run_until([&b] { return !b.source.has_events(); });
}

}  // namespace

TEST_CASE("assigned partitions are taken over before they are read") {
    StepLoopBench b;
    b.add(0, 2);
    b.source.assign({0});
    b.run(20);
    CHECK(b.takeover.begun == partitions({0}));
    CHECK(b.source.starts.empty());
    CHECK(b.fold.filling(0).empty());
    b.takeover.make_ready(0, 1);
    b.run(1);
    CHECK(b.source.starts.size() == 1);
    CHECK(b.fold.filling(0) == Offsets{1});
}

TEST_CASE("P1: a partition that no step holds is released at once") {
    StepLoopBench b;
    b.own({0, 1}, 0);
    b.source.revoke({1});
    see(b);
    b.run(1);
    CHECK(b.source.released == partitions({1}));
    CHECK(b.takeover.canceled == partitions({1}));
    CHECK(b.fold.dropped == partitions({1}));
    CHECK(b.loop.committed_positions().size() == 1);
}

TEST_CASE("P1: the last records of a revoked partition are committed before it is released") {
    StepLoopConfig config = testing::loop_config();
    config.commit_interval = seconds{60};
    StepLoopBench b{config};
    b.own({0, 1}, 0);
    b.add(1, 3);
    b.run_until([&] { return b.fold.filling(1).size() == 3; });
    b.source.revoke({1});
    see(b);
    b.run(1);
    // Not after the commit interval: the group waits.
    REQUIRE(b.sink.in_flight());
    CHECK(b.ranges() == "1:[0,3)");
    CHECK(b.source.released.empty());
    b.run_for(seconds{2});
    CHECK(b.source.released.empty());
    b.sink.finish(TransactionResult::committed);
    b.run(2);
    CHECK(b.source.released == partitions({1}));
    CHECK(b.fold.committed_records(1) == Offsets{0, 1, 2});
}

TEST_CASE(
    "P1: a partition is released only when the step in flight and the one behind are settled") {
    StepLoopBench b;
    b.own({0}, 0);
    b.add(0, 3);
    b.run_until_submitted();
    b.add(0, 2);
    b.run_until([&] { return b.fold.filling(0).size() == 2; });
    b.source.revoke({0});
    see(b);
    b.run(10);
    CHECK(b.source.released.empty());
    b.sink.finish(TransactionResult::committed);
    b.run(10);
    REQUIRE(b.sink.steps.size() == 2);
    CHECK(b.ranges() == "0:[3,5)");
    CHECK(b.source.released.empty());
    b.sink.finish(TransactionResult::committed);
    b.run(2);
    CHECK(b.source.released == partitions({0}));
    CHECK(b.fold.committed_records(0) == Offsets{0, 1, 2, 3, 4});
}

TEST_CASE("P1: after an abort a revoked partition is released without its records") {
    StepLoopBench b;
    b.own({0, 1}, 0);
    b.add(0, 1);
    b.add(1, 3);
    b.run_until_submitted();
    b.source.revoke({1});
    see(b);
    b.sink.finish(TransactionResult::aborted);
    b.run(2);
    CHECK(b.source.released == partitions({1}));
    // The retained partition was read again from its committed position, the revoked one was not.
    REQUIRE(b.source.rewinds.size() == 1);
    CHECK(b.source.rewinds[0].partition == PartitionId{0});
    b.commit();
    CHECK(b.ranges() == "0:[0,1)");
    CHECK(b.fold.committed_records(1).empty());
}

TEST_CASE("cooperative: retained partitions flow on while one is being given up") {
    StepLoopBench b;
    b.own({0, 1}, 0);
    b.add(1, 1);
    b.run_until_submitted();
    b.source.revoke({1});
    see(b);
    b.add(0, 2);
    b.run_until([&] { return b.fold.filling(0) == Offsets{0, 1}; });
    b.sink.finish(TransactionResult::committed);
    b.run_until([&] { return !b.source.released.empty(); });
    b.commit();
    b.add(0, 1);
    b.commit();
    CHECK(b.fold.committed_records(0) == Offsets{0, 1, 2});
    CHECK(b.fold.undone.empty());
    CHECK(b.source.starts.size() == 2);
    CHECK(b.source.rewinds.empty());
}

TEST_CASE("a partition that is revoked while it is taken over is canceled and released") {
    StepLoopBench b;
    b.source.assign({0, 1});
    see(b);
    b.source.revoke({0});
    see(b);
    b.run(1);
    CHECK(b.source.released == partitions({0}));
    CHECK(b.takeover.canceled == partitions({0}));
    CHECK(b.takeover.under_way == partitions({1}));
    b.takeover.make_ready(1, 0);
    b.run(1);
    CHECK(b.source.starts.size() == 1);
}

TEST_CASE("a partition whose takeover ends while it is being revoked is not started") {
    StepLoopBench b;
    b.own({1}, 0);
    b.add(1, 1);
    b.run_until_submitted();
    b.source.assign({0});
    see(b);
    // Revoked together with one that the step in flight holds: the barrier waits.
    b.source.revoke({0, 1});
    see(b);
    b.takeover.make_ready(0, 0);
    b.run(5);
    CHECK(b.source.starts.size() == 1);
    b.sink.finish(TransactionResult::committed);
    b.run(2);
    CHECK(b.source.released == partitions({0, 1}));
    CHECK(b.fold.dropped == partitions({0, 1}));
}

TEST_CASE("a partition that is revoked before its open step is released without one") {
    StepLoopBench b;
    b.sink.start_anew();
    b.own({0}, 4, true);
    b.run(5);
    b.source.revoke({0});
    see(b);
    b.run(1);
    CHECK(b.source.released == partitions({0}));
    b.sink.stand();
    b.run_for(seconds{1});
    CHECK(b.sink.steps.empty());
    CHECK(b.fold.open_seals == 0);
}

TEST_CASE("P1: a partition in an open step in flight is released when that is settled") {
    StepLoopBench b;
    b.own({0}, 4, true);
    b.run_until_submitted();
    b.source.revoke({0});
    see(b);
    b.run(10);
    CHECK(b.source.released.empty());
    b.sink.finish(TransactionResult::committed);
    b.run(2);
    CHECK(b.source.released == partitions({0}));
}

TEST_CASE("a partition that comes back is taken over from the beginning") {
    StepLoopBench b;
    b.own({0}, 0);
    b.add(0, 2);
    b.commit();
    b.source.revoke({0});
    see(b);
    b.run(1);
    b.own({0}, 5);
    b.add(0, 5);
    b.commit();
    CHECK(b.takeover.begun == partitions({0, 0}));
    CHECK(b.ranges() == "0:[5,7)");
    CHECK(b.fold.committed_records(0) == Offsets{0, 1, 5, 6});
}

// ---- lost

TEST_CASE("P1: records of a lost partition are discarded and not committed") {
    StepLoopConfig config = testing::loop_config();
    config.commit_interval = seconds{60};
    StepLoopBench b{config};
    b.own({0, 1}, 0);
    b.add(0, 3);
    b.add(1, 3);
    b.run_until([&] { return b.fold.filling(1).size() == 3; });
    const std::size_t asked = b.source.membership_calls;
    b.source.revoke({0, 1}, true);
    see(b);
    b.run(5);
    CHECK(b.source.released == partitions({0, 1}));
    CHECK(b.fold.undone == std::vector<std::string>{"filling"});
    CHECK(b.sink.steps.empty());
    CHECK(b.source.membership_calls == asked);
    CHECK(b.status.last.member.partitions_lost == 2);
    CHECK_FALSE(b.status.last.member.joined);
}

TEST_CASE("P1: a lost partition waits for the step in flight, and nothing more is submitted") {
    for (const bool committed : {true, false}) {
        CAPTURE(committed);
        StepLoopBench b;
        b.own({0}, 0);
        b.add(0, 3);
        b.run_until_submitted();
        b.add(0, 2);
        b.run_until([&] { return b.fold.filling(0).size() == 2; });
        b.source.revoke({0}, true);
        see(b);
        b.run(10);
        CHECK(b.source.released.empty());
        b.sink.finish(committed ? TransactionResult::committed : TransactionResult::aborted);
        b.run(3);
        CHECK(b.source.released == partitions({0}));
        CHECK(b.fold.committed_records(0) == (committed ? Offsets{0, 1, 2} : Offsets{}));
        b.run_for(seconds{1});
        CHECK(b.sink.steps.size() == 1);
    }
}

TEST_CASE("P1: when the outcome is uncertain, lost partitions are released at once") {
    StepLoopBench b;
    b.own({0, 1}, 0);
    b.add(0, 3);
    b.run_until_submitted();
    b.lose_outcome();
    b.source.revoke({0, 1}, true);
    see(b);
    b.run(1);
    CHECK(b.source.released == partitions({0, 1}));
    CHECK(b.fold.undone == std::vector<std::string>{"filling", "in flight"});
    CHECK(b.queries.asked.empty());
    b.sink.stand();
    b.own({0}, 3);
    b.add(0, 1);
    b.commit();
    CHECK(b.ranges() == "0:[3,4)");
}

TEST_CASE("the answer to a recovery that a loss ended is not taken for a later one") {
    StepLoopBench b;
    b.own({0}, 0);
    b.add(0, 3);
    b.run_until_submitted();
    b.lose_outcome();
    b.sink.stand();
    b.queries.held = true;
    b.run_until([&] { return b.queries.busy(); });
    b.source.revoke({0}, true);
    see(b);
    b.run(1);
    REQUIRE(b.source.released == partitions({0}));
    b.queries.held = false;
    b.own({0}, 3);
    b.add(0, 2);
    b.run_until_submitted();
    b.lose_outcome();
    b.group[PartitionId{0}].offset = Offset{5};
    b.sink.stand();
    b.run(5);
    CHECK(b.asked_committed() == 2);
    CHECK(b.fold.committed_records(0) == Offsets{3, 4});
}

// ---- uncertain outcomes under a revocation

TEST_CASE("P1: a revoked partition of an uncertain step is released when the outcome is known") {
    for (const bool landed : {true, false}) {
        CAPTURE(landed);
        StepLoopBench b;
        b.group[PartitionId{0}].offset = Offset{0};
        b.own({0}, 0);
        b.add(0, 3);
        b.run_until_submitted();
        b.lose_outcome();
        b.source.revoke({0});
        see(b);
        b.run(10);
        CHECK(b.source.released.empty());
        if (landed) {
            b.group[PartitionId{0}].offset = Offset{3};
        }
        b.sink.stand();
        b.run(5);
        CHECK(b.source.released == partitions({0}));
        CHECK(b.fold.committed_records(0) == (landed ? Offsets{0, 1, 2} : Offsets{}));
    }
}

// ---- the deadline

TEST_CASE("P1: a commit that has not ended after five seconds costs the producer, not the group") {
    StepLoopBench b;
    b.own({0, 1}, 0);
    b.add(0, 2);
    b.add(1, 3);
    b.run_until_submitted();
    const Instant before = b.clock.now();
    b.source.revoke({1});
    see(b);
    b.run_until([&] { return b.sink.rebuilds == 1; });
    CHECK(b.clock.now() - before > seconds{5});
    CHECK(b.clock.now() - before < milliseconds{5200});
    CHECK(b.source.released == partitions({1}));
    CHECK(b.fold.undone == std::vector<std::string>{"filling", "in flight"});
    // What is kept is taken over anew: whether the commit landed is not known.
    CHECK(b.takeover.under_way == partitions({0}));
    CHECK(b.status.last.steps.producer_rebuilds == 1);
    // The outcome of the step that was given up does not matter any more.
    b.sink.stand();
    b.run(5);
    b.takeover.make_ready(0, 2);
    b.run(2);
    b.add(0, 1);
    b.commit();
    CHECK(b.ranges() == "0:[2,3)");
    CHECK(b.fold.committed_records(0) == Offsets{2});
}

TEST_CASE("P6: after a producer was given up, nothing is taken over before the new one stands") {
    // Only its epoch keeps the old transaction from committing after the answer.
    for (const bool lost : {false, true}) {
        CAPTURE(lost);
        StepLoopBench b;
        b.own({0, 1}, 0);
        b.add(0, 2);
        b.add(1, 3);
        b.run_until_submitted();
        if (lost) {
            b.lose_outcome();
        }
        b.source.revoke({1}, lost);
        b.run_until([&] { return !b.source.released.empty(); });
        REQUIRE(b.takeover.under_way == partitions({0}));
        const std::size_t advances = b.takeover.advances;
        b.run_for(seconds{2});
        CHECK(b.takeover.advances == advances);
        b.sink.stand();
        b.run(2);
        CHECK(b.takeover.advances > advances);
    }
}

TEST_CASE(
    "P1: uncertain for more than five seconds, a revoked partition is released all the same") {
    StepLoopBench b;
    b.own({0, 1}, 0);
    b.add(0, 2);
    b.add(1, 2);
    b.run_until_submitted();
    b.lose_outcome();
    b.source.revoke({1});
    see(b);
    b.run_for(milliseconds{4900});
    CHECK(b.source.released.empty());
    b.run_for(milliseconds{300});
    CHECK(b.source.released == partitions({1}));
    CHECK(b.takeover.under_way == partitions({0}));
    // The producer was replaced already, when the outcome became uncertain.
    CHECK(b.sink.rebuilds == 0);
}

TEST_CASE("P1: records that cannot be submitted within five seconds go to the next owner") {
    StepLoopBench b;
    b.own({0, 1}, 0);
    b.source.member = false;
    b.add(1, 3);
    b.run_until([&] { return b.fold.filling(1).size() == 3; });
    b.source.revoke({1});
    see(b);
    b.run_for(milliseconds{4900});
    CHECK(b.source.released.empty());
    b.run_for(milliseconds{300});
    CHECK(b.source.released == partitions({1}));
    CHECK(b.sink.rebuilds == 0);
    CHECK(b.fold.undone == std::vector<std::string>{"filling"});
}

TEST_CASE("too many revocations that cost a producer end the loop") {
    StepLoopBench b;
    Error error;
    for (int i = 0; i < 6; ++i) {
        b.own({0}, 0);
        b.add(0, 1);
        b.run_until_submitted();
        b.source.revoke({0});
        if (i == 5) {
            error = b.run_to_error();
            break;
        }
        b.run_until([&] { return !b.source.owns(0); });
        b.sink.stand();
        b.run(2);
    }
    CHECK(error.exit_code == ExitCode::kafka_fatal);
    CHECK(error.message.find("blocked a revocation") != std::string::npos);
}

// ---- half a map step

TEST_CASE("P1: half a map step does not hold a revocation up, the next owner reads it whole") {
    // After `revoking` no record of the partition comes any more, so the rest would never come.
    StepLoopBench b;
    b.own({0, 1}, 0);
    b.add(0, 1);
    b.add(1, 2);
    b.run_until([&] { return b.fold.filling(1).size() == 2; });
    b.fold.half_read = true;
    b.source.revoke({1});
    const Instant before = b.clock.now();
    b.run_until([&] { return !b.source.released.empty(); });
    CHECK(b.clock.now() - before < milliseconds{100});
    CHECK(b.source.released == partitions({1}));
    CHECK(b.sink.steps.empty());
    b.commit();
    CHECK(b.fold.committed_records(0) == Offsets{0});
}

TEST_CASE("P1: half a map step after a step in flight is taken back once that is settled") {
    StepLoopBench b;
    b.own({0}, 0);
    b.add(0, 2);
    b.run_until_submitted();
    b.add(0, 1);
    b.run_until([&] { return b.fold.filling(0).size() == 1; });
    b.fold.half_read = true;
    b.source.revoke({0});
    see(b);
    b.run(10);
    CHECK(b.source.released.empty());
    CHECK(b.fold.undone.empty());
    b.sink.finish(TransactionResult::committed);
    b.run(2);
    CHECK(b.source.released == partitions({0}));
    CHECK(b.fold.committed_records(0) == Offsets{0, 1});
}

// ---- a generation without this member

TEST_CASE("P1: after a missed generation, who has what is committed goes on") {
    StepLoopBench b;
    b.own({0, 1}, 0);
    b.add(0, 3);
    b.commit();
    b.group[PartitionId{0}] = {Offset{3}, ""};
    b.group[PartitionId{1}] = {Offset{0}, ""};
    b.add(0, 2);
    b.queries.held = true;
    b.source.miss_generation();
    b.run_for(seconds{1});
    CHECK(b.sink.steps.size() == 1);  // nothing is committed before the answer
    b.queries.held = false;
    b.commit();
    CHECK(b.ranges() == "0:[3,5)");
    CHECK(b.asked_committed() == 1);
    CHECK(b.takeover.begun.size() == 2);
    CHECK(b.fold.committed_records(0) == Offsets{0, 1, 2, 3, 4});
}

TEST_CASE("P1: what another member has moved on in a missed generation is taken over anew") {
    StepLoopBench b;
    b.own({0, 1}, 0);
    b.add(0, 3);
    b.add(1, 1);
    b.commit();
    b.group[PartitionId{0}] = {Offset{8}, ""};
    b.group[PartitionId{1}] = {Offset{1}, ""};
    b.add(0, 9);
    b.run(1);
    b.source.miss_generation();
    b.run_until([&b] { return b.takeover.begun.size() == 4; });
    CHECK(b.fold.filling(0).empty());
    CHECK(b.sink.steps.size() == 1);
    b.takeover.make_ready(0, 8);
    b.takeover.make_ready(1, 1);
    b.commit();
    CHECK(b.ranges() == "0:[8,12)");
}

TEST_CASE("P1: after a missed generation a step in flight is waited for before comparing") {
    StepLoopBench b;
    b.own({0}, 0);
    b.add(0, 3);
    b.run_until_submitted();
    b.source.miss_generation();
    b.run(20);
    CHECK(b.asked_committed() == 0);
    b.group[PartitionId{0}] = {Offset{0}, ""};
    b.sink.finish(TransactionResult::aborted);
    b.run_until_submitted();
    CHECK(b.asked_committed() == 1);
    CHECK(b.ranges() == "0:[0,3)");
}

// As the totals loop: another member may have published again, which moves no position.
TEST_CASE("P1: where offsets do not tell, all is taken over anew after a missed generation") {
    StepLoopBench b;
    b.fold.every_step_moves = false;
    b.own({0, 1}, 0);
    b.add(0, 3);
    b.commit();
    b.group[PartitionId{0}] = {Offset{3}, ""};
    b.group[PartitionId{1}] = {Offset{0}, ""};
    b.add(0, 2);
    b.run_until([&b] { return b.fold.filling(0).size() == 2; });
    b.source.miss_generation();
    b.run_until([&b] { return b.takeover.begun.size() == 4; });
    CHECK(b.takeover.under_way == partitions({0, 1}));
    CHECK(b.fold.dropped == partitions({0, 1}));
    CHECK(b.asked_committed() == 0);  // by the recovery: there is nothing to compare
    b.run_for(seconds{1});
    CHECK(b.sink.steps.size() == 1);
    b.takeover.make_ready(0, 3);
    b.takeover.make_ready(1, 0);
    b.commit();
    CHECK(b.ranges() == "0:[3,5)");
    CHECK(b.fold.committed_records(0) == Offsets{0, 1, 2, 3, 4});
}

TEST_CASE("P1: where offsets do not tell, a step in flight is waited for before taking over") {
    for (const bool uncertain : {false, true}) {
        CAPTURE(uncertain);
        StepLoopBench b;
        b.fold.every_step_moves = false;
        b.own({0}, 0);
        b.add(0, 3);
        b.run_until_submitted();
        b.source.miss_generation();
        b.run(20);
        CHECK(b.takeover.begun.size() == 1);
        b.group[PartitionId{0}] = {Offset{3}, ""};
        if (uncertain) {
            b.lose_outcome();
            b.run(20);
            CHECK(b.takeover.begun.size() == 1);
            b.sink.stand();
        } else {
            b.sink.finish(TransactionResult::committed);
        }
        b.run(3);
        CHECK(b.takeover.begun.size() == 2);
        CHECK(b.fold.committed_records(0) == Offsets{0, 1, 2});
    }
}

TEST_CASE("P1: who stays through a rebalance keeps what it has, also where offsets do not tell") {
    StepLoopBench b;
    b.fold.every_step_moves = false;
    b.own({0, 1}, 0);
    b.add(0, 2);
    b.commit();
    b.source.revoke({1});
    see(b);
    b.source.assign({});
    see(b);
    b.source.assign({2});
    see(b);
    b.add(0, 1);
    b.commit();
    CHECK(b.ranges() == "0:[2,3)");
    CHECK(b.takeover.begun == partitions({0, 1, 2}));
    CHECK(b.fold.dropped == partitions({1}));
    CHECK(b.fold.undone.empty());
}

TEST_CASE("P1: a partition that was opened in a missed generation is not opened again") {
    for (const bool opened : {false, true}) {
        StepLoopBench b;
        b.source.assign({0});
        see(b);
        b.takeover.make_ready(0, 4, true);
        if (opened) {
            b.group[PartitionId{0}] = {Offset{4}, ""};
        }
        // Before its open step: no membership yet.
        b.source.member = false;
        b.run(2);
        b.source.miss_generation();
        b.run_until([&b] { return b.asked_committed() == 1; });
        b.source.member = true;
        b.run(5);
        CHECK(b.takeover.begun.size() == (opened ? 2 : 1));
        CHECK(b.sink.steps.size() == (opened ? 0 : 1));
    }
}

TEST_CASE("P1: a takeover that is under way in a missed generation begins again") {
    StepLoopBench b;
    b.source.assign({0});
    see(b);
    b.source.miss_generation();
    see(b);
    b.run(1);
    CHECK(b.takeover.canceled == partitions({0}));
    CHECK(b.takeover.begun == partitions({0, 0}));
    CHECK(b.asked_committed() == 0);
}

TEST_CASE("P1: the question after a missed generation is asked again when it fails") {
    StepLoopBench b;
    b.own({0}, 0);
    int failures = 2;
    b.queries.intercept = [&failures](const Query&) -> std::optional<Result<QueryAnswer>> {
        if (failures-- > 0) {
            return std::unexpected(testing::retriable("offsets are not stable"));
        }
        return std::nullopt;
    };
    b.group[PartitionId{0}] = {Offset{0}, ""};
    b.source.miss_generation();
    b.run_until([&b] { return b.asked_committed() == 3; });
    b.add(0, 1);
    b.commit();
    CHECK(b.takeover.begun.size() == 1);
    CHECK(b.ranges() == "0:[0,1)");
}

TEST_CASE("P1: what is revoked with a takeover after a missed generation is not committed") {
    for (const bool lost : {false, true}) {
        StepLoopBench b;
        b.fold.every_step_moves = false;
        b.own({0, 1}, 0);
        b.add(1, 3);
        b.run_until([&b] { return b.fold.filling(1).size() == 3; });
        b.source.miss_generation();
        b.source.revoke({1}, lost);
        b.run_until([&b] { return b.source.released == partitions({1}); });
        CHECK(b.sink.steps.empty());
        CHECK(b.takeover.under_way == partitions({0}));
    }
}

TEST_CASE("P1: what is revoked before the comparison is done is not committed (simulator)") {
    for (const bool lost : {false, true}) {
        StepLoopBench b;
        b.own({0, 1}, 0);
        b.group[PartitionId{0}] = {Offset{0}, ""};
        b.group[PartitionId{1}] = {Offset{0}, ""};
        b.add(1, 3);
        b.run(1);
        b.queries.held = true;
        b.source.miss_generation();
        b.run(3);
        b.source.revoke({1}, lost);
        b.run_until([&b] { return b.source.released == partitions({1}); });
        CHECK(b.sink.steps.empty());
        b.queries.held = false;
        b.add(0, 1);
        b.commit();
        CHECK(b.ranges() == "0:[0,1)");
        CHECK(b.takeover.begun.size() == 2);
    }
}

}  // namespace kstream
