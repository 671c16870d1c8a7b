#include "kstream/pipeline/recovery.hpp"

#include "support/fakes/fake_clock.hpp"
#include "support/fakes/fake_queries.hpp"
#include "support/fakes/fake_sink.hpp"

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <optional>
#include <vector>

namespace kstream {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Finding = Recovery::Finding;
using Producer = TransactionSink::State;

constexpr std::array kTwo{PartitionId{0}, PartitionId{1}};

// Two partitions at 3, and a step [3, 5) of each.
struct Bench {
    Bench() {
        positions.assign(kTwo);
        for (const PartitionId partition : kTwo) {
            REQUIRE(positions.take_over({.partition = partition, .position = Offset{3}}));
            group[partition].offset = Offset{3};
        }
    }
    void submit(bool opens = false) {
        Step sealed;
        for (const PartitionId partition : kTwo) {
            sealed.ranges.push_back({partition, Offset{3}, Offset{opens ? 3 : 5}});
        }
        step.submit(sealed, opens, clock.now());
    }
    Finding advance(Producer producer = Producer::ready) {
        const Result<Finding> found = recovery.advance(step, positions, producer, queries);
        REQUIRE(found.has_value());
        return *found;
    }

    testing::FakeClock clock;
    testing::MemoryLog log;
    testing::GroupOffsets group;
    testing::FakeQueries queries{log, group, testing::make_job()};
    Positions positions;
    StepInFlight step;
    Recovery recovery;
};

}  // namespace

TEST_CASE("recovery: nothing is asked while nothing is uncertain") {
    Bench b;
    CHECK(b.advance() == Finding::none);
    b.submit();
    CHECK(b.advance() == Finding::none);
    CHECK(b.queries.asked.empty());
}

TEST_CASE("P6: the committed offsets are asked for when the new producer stands, not before") {
    Bench b;
    b.submit();
    b.step.on(StepEvent::outcome_lost);
    for (const Producer waits : {Producer::starting, Producer::in_flight, Producer::failed}) {
        CHECK(b.advance(waits) == Finding::none);
        CHECK(b.queries.asked.empty());
    }
    CHECK(b.advance() == Finding::none);
    REQUIRE(b.queries.asked.size() == 1);
    CHECK(b.queries.asked[0].kind == Query::Kind::committed);
    CHECK(b.queries.asked[0].partitions == std::vector(kTwo.begin(), kTwo.end()));
    CHECK(b.step.phase() == StepPhase::judging);
    CHECK(b.step.held());
    CHECK(b.advance() == Finding::not_committed);
    CHECK(b.step.held());  // the caller settles it
}

TEST_CASE("P6: before the step, after it, or neither") {
    Bench b;
    struct Case {
        bool opens;
        std::optional<std::int64_t> first;
        std::optional<std::int64_t> second;
        Finding finding;
    };
    for (const Case& one : std::vector<Case>{
             {false, 3, 3, Finding::not_committed},
             {false, 5, 5, Finding::committed},
             {false, 3, 5, Finding::superseded},
             {false, 5, 3, Finding::superseded},
             {false, 5, 6, Finding::superseded},
             {false, std::nullopt, std::nullopt, Finding::superseded},
             {true, std::nullopt, std::nullopt, Finding::not_committed},
             {true, 3, 3, Finding::committed},
             {true, 3, std::nullopt, Finding::superseded},
             {true, 4, 4, Finding::superseded},
         }) {
        CAPTURE(one.opens, one.first.value_or(-1), one.second.value_or(-1));
        const std::vector<StepRange> ranges{{kTwo[0], Offset{3}, Offset{one.opens ? 3 : 5}},
                                            {kTwo[1], Offset{3}, Offset{one.opens ? 3 : 5}}};
        QueryAnswer answer;
        answer.offsets.resize(2);
        answer.offsets[0].offset = one.first ? std::optional{Offset{*one.first}} : std::nullopt;
        answer.offsets[1].offset = one.second ? std::optional{Offset{*one.second}} : std::nullopt;
        CHECK(Recovery::judge(ranges, one.opens, answer) == one.finding);
    }
}

TEST_CASE("recovery: a question that fails for now is asked again, another error ends the loop") {
    Bench b;
    b.submit();
    b.step.on(StepEvent::outcome_lost);
    std::optional<Error> failure = testing::retriable("not the coordinator");
    b.queries.intercept = [&](const Query&) -> std::optional<Result<QueryAnswer>> {
        return failure ? std::optional<Result<QueryAnswer>>{std::unexpected(*failure)}
                       : std::nullopt;
    };
    (void)b.advance();
    CHECK(b.advance() == Finding::none);
    CHECK(b.step.phase() == StepPhase::uncertain);
    (void)b.advance();
    CHECK(b.queries.asked.size() == 2);
    failure = Error::stop(ExitCode::kafka_fatal, "not allowed");
    const auto over = b.recovery.advance(b.step, b.positions, Producer::ready, b.queries);
    REQUIRE_FALSE(over.has_value());
    CHECK(over.error().message == "not allowed");
}

TEST_CASE("recovery: the answer to a question that a revocation ended is thrown away") {
    Bench b;
    b.submit();
    b.step.on(StepEvent::outcome_lost);
    b.queries.held = true;
    (void)b.advance();
    b.step.on(StepEvent::detached);
    b.step.on(StepEvent::fenced_off);
    b.submit();
    b.step.on(StepEvent::outcome_lost);
    (void)b.advance();
    CHECK(b.queries.asked.size() == 1);  // one question at a time
    b.queries.held = false;
    b.group[kTwo[0]].offset = b.group[kTwo[1]].offset = Offset{5};
    CHECK(b.advance() == Finding::none);
    CHECK(b.queries.asked.size() == 2);
    CHECK(b.advance() == Finding::committed);
}

TEST_CASE("P1: after a generation without this member all its positions are compared") {
    Bench b;
    b.step.on(StepEvent::generation_missed);
    CHECK(b.advance() == Finding::none);
    CHECK(b.queries.asked.at(0).partitions == std::vector(kTwo.begin(), kTwo.end()));
    SECTION("the same") {
        CHECK(b.advance() == Finding::as_believed);
    }
    SECTION("another has gone on") {
        b.group[kTwo[1]].offset = Offset{4};
        CHECK(b.advance() == Finding::superseded);
    }
    SECTION("no answer for now") {
        b.queries.intercept = [](const Query&) -> std::optional<Result<QueryAnswer>> {
            return std::unexpected(testing::retriable("later"));
        };
        CHECK(b.advance() == Finding::none);
        CHECK(b.step.phase() == StepPhase::suspected);
    }
}

TEST_CASE("recovery: each abort in a row doubles the pause, up to two seconds; a commit ends it") {
    testing::FakeClock clock;
    Recovery recovery;
    CHECK_FALSE(recovery.backs_off(clock.now()));
    for (const int pause : {20, 40, 80, 160, 320, 640, 1280, 2000, 2000, 2000}) {
        recovery.aborted(clock.now());
        clock.advance(milliseconds{pause} - milliseconds{1});
        CHECK(recovery.backs_off(clock.now()));
        clock.advance(milliseconds{1});
        CHECK_FALSE(recovery.backs_off(clock.now()));
    }
    recovery.committed();
    recovery.aborted(clock.now());
    clock.advance(milliseconds{20});
    CHECK_FALSE(recovery.backs_off(clock.now()));
    recovery.aborted(clock.now());
    recovery.hurry(clock.now());
    CHECK_FALSE(recovery.backs_off(clock.now()));
}

TEST_CASE("P6: more than five lost producers within a minute end the loop") {
    testing::FakeClock clock;
    Recovery recovery;
    const Error cause = Error::stop(ExitCode::kafka_fatal, "no answer");
    for (int i = 0; i < 5; ++i) {
        CHECK(recovery.producer_lost(clock.now(), cause).has_value());
    }
    clock.advance(seconds{61});
    for (int i = 0; i < 5; ++i) {
        CHECK(recovery.producer_lost(clock.now(), cause).has_value());
    }
    const Result<void> over = recovery.producer_lost(clock.now(), cause);
    REQUIRE_FALSE(over.has_value());
    CHECK(over.error().exit_code == ExitCode::kafka_fatal);
    CHECK(over.error().message ==
          "the producer had to be rebuilt 6 times within a minute: no answer");
}

TEST_CASE("P6: where steps are counted, one that moves no offset has an outcome as well") {
    const Identity identity = testing::make_job().identity;
    const auto at = [&identity](std::int64_t offset, std::uint64_t step) {
        return OffsetAnswer{
            .partition = kTwo[0],
            .offset = Offset{offset},
            .metadata = offset_metadata_text(
                {.identity = identity, .mark = OffsetMark{.step = step, .source = std::nullopt}})};
    };
    const auto judged = [](const StepRange& range, bool opens, const OffsetAnswer& committed) {
        QueryAnswer answer;
        answer.offsets.push_back(committed);
        return Recovery::judge(std::vector{range}, opens, answer);
    };
    const StepRange still{kTwo[0], Offset{5}, Offset{5}, 7};
    CHECK(judged(still, false, at(5, 7)) == Finding::committed);
    CHECK(judged(still, false, at(5, 6)) == Finding::not_committed);
    CHECK(judged(still, false, at(5, 8)) == Finding::superseded);
    CHECK(judged(still, false, at(5, 5)) == Finding::superseded);
    CHECK(judged(still, false, at(6, 7)) == Finding::superseded);
    CHECK(judged(still, false, {.partition = kTwo[0], .offset = std::nullopt, .metadata = ""}) ==
          Finding::superseded);
    CHECK(
        judged(still, false, {.partition = kTwo[0], .offset = Offset{5}, .metadata = "by hand"}) ==
        Finding::superseded);
    CHECK(
        judged(still, false,
               {.partition = kTwo[0], .offset = Offset{5}, .metadata = identity_text(identity)}) ==
        Finding::superseded);

    const StepRange moves{kTwo[0], Offset{3}, Offset{5}, 7};
    CHECK(judged(moves, false, at(5, 7)) == Finding::committed);
    CHECK(judged(moves, false, at(3, 6)) == Finding::not_committed);
    // As far, by other steps.
    CHECK(judged(moves, false, at(5, 8)) == Finding::superseded);
    CHECK(judged(moves, false, at(3, 7)) == Finding::superseded);

    const StepRange first{kTwo[0], Offset{0}, Offset{5}, 1};
    const OffsetAnswer none{.partition = kTwo[0], .offset = std::nullopt, .metadata = ""};
    CHECK(judged(first, false, none) == Finding::not_committed);
    CHECK(judged(first, false, at(5, 1)) == Finding::committed);
    const StepRange opens{kTwo[0], Offset{3}, Offset{3}, 1};
    CHECK(judged(opens, true, none) == Finding::not_committed);
    CHECK(judged(opens, true, at(3, 1)) == Finding::committed);
    CHECK(judged(opens, true, at(3, 2)) == Finding::superseded);
}

}  // namespace kstream
