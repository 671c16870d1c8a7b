#include "kstream/pipeline/positions.hpp"

#include "kstream/codec/identity.hpp"
#include "support/fakes/fake_clock.hpp"
#include "support/fakes/fake_source.hpp"

#include <catch2/catch_test_macros.hpp>

#include <initializer_list>
#include <string>
#include <vector>

namespace kstream {
namespace {

std::vector<PartitionId> numbers(std::initializer_list<std::int32_t> list) {
    std::vector<PartitionId> partitions;
    for (const std::int32_t partition : list) {
        partitions.push_back(PartitionId{partition});
    }
    return partitions;
}

RecordView record(std::int32_t partition, std::int64_t offset) {
    RecordView view;
    view.partition = PartitionId{partition};
    view.record_offset = Offset{offset};
    view.timestamp_ms = 1000 + offset;
    return view;
}

std::string text(const std::vector<StepRange>& ranges) {
    std::string all;
    for (const StepRange& range : ranges) {
        all += (all.empty() ? "" : " ") + std::to_string(range.partition.value) + ":[" +
               std::to_string(range.from.value) + "," + std::to_string(range.to.value) + ")";
    }
    return all;
}

// Partitions whose records flow from `offset` on.
Positions flowing(std::initializer_list<std::int32_t> list, std::int64_t offset = 0) {
    Positions positions;
    positions.assign(numbers(list));
    for (const std::int32_t partition : list) {
        REQUIRE(
            positions.take_over({.partition = PartitionId{partition}, .position = Offset{offset}}));
    }
    return positions;
}

QueryAnswer committed(std::int32_t partition, std::optional<std::int64_t> offset) {
    QueryAnswer answer;
    answer.offsets.emplace_back();
    answer.offsets[0].partition = PartitionId{partition};
    if (offset) {
        answer.offsets[0].offset = Offset{*offset};
    }
    return answer;
}

}  // namespace

TEST_CASE("positions: records are taken from partitions whose records flow, each once") {
    Positions positions;
    CHECK_FALSE(positions.take(record(1, 5)));  // not ours
    positions.assign(numbers({1}));
    CHECK_FALSE(positions.take(record(1, 5)));  // not taken over
    REQUIRE(positions.take_over({.partition = PartitionId{1}, .position = Offset{5}}));
    CHECK_FALSE(positions.take(record(1, 4)));  // fetched before a rewind
    CHECK(positions.take(record(1, 5)));
    CHECK_FALSE(positions.take(record(1, 5)));
    CHECK(positions.take(record(1, 9)));  // a hole of compaction, or of markers
    CHECK(positions[1].next == Offset{10});
    CHECK(positions[1].newest_ms == 1009);
    CHECK(text(positions.unsealed()) == "1:[5,10)");
}

TEST_CASE("positions: what a step takes along, and what stays behind it") {
    Positions positions = flowing({0, 1});
    CHECK(positions.unsealed().empty());
    CHECK_FALSE(positions.anything_unsealed());
    REQUIRE(positions.take(record(1, 0)));
    const std::vector<StepRange> first = positions.unsealed();
    positions.seal(first);
    CHECK_FALSE(positions.anything_unsealed());
    REQUIRE(positions.take(record(1, 1)));
    CHECK(positions.anything_unsealed());
    CHECK(positions[1].committed == Offset{0});
    CHECK(positions.commit(first, false).flowing.empty());
    CHECK(positions[1].committed == Offset{1});
    CHECK(text(positions.unsealed()) == "1:[1,2)");
}

TEST_CASE("positions: what is taken back begins at what is committed") {
    Positions positions = flowing({0, 1}, 3);
    REQUIRE(positions.take(record(0, 3)));
    positions.seal(positions.unsealed());
    REQUIRE(positions.take(record(0, 4)));
    positions.take_back();
    CHECK(positions[0].next == Offset{3});
    CHECK_FALSE(positions.anything_unsealed());
    CHECK(positions.unsealed().empty());
    CHECK(positions.flowing() ==
          std::vector<PartitionPosition>{{PartitionId{0}, Offset{3}}, {PartitionId{1}, Offset{3}}});
    CHECK(positions.take(record(0, 3)));
}

TEST_CASE("positions: an unread partition flows when its base is committed") {
    Positions positions;
    positions.assign(numbers({0, 2}));
    CHECK_FALSE(
        positions.take_over({.partition = PartitionId{2}, .position = Offset{7}, .open = true}));
    CHECK_FALSE(positions.take(record(2, 7)));
    const std::vector<StepRange> opens = positions.unopened();
    CHECK(text(opens) == "2:[7,7)");
    CHECK(positions.committed().empty());
    CHECK(positions.commit(opens, true).flowing ==
          std::vector<PartitionPosition>{{PartitionId{2}, Offset{7}}});
    CHECK(positions.unopened().empty());
    CHECK(positions.take(record(2, 7)));
    CHECK(positions.in(PartitionPhase::taking) == numbers({0}));
}

TEST_CASE("positions: what is being given up is not read, opened, forgotten or rewound") {
    Positions positions = flowing({0, 1});
    positions.assign(numbers({2, 3}));
    REQUIRE_FALSE(
        positions.take_over({.partition = PartitionId{2}, .position = Offset{0}, .open = true}));
    positions.revoke(numbers({1, 2, 3}));
    CHECK(positions.unopened().empty());
    CHECK_FALSE(positions.take_over({.partition = PartitionId{3}, .position = Offset{0}}));
    CHECK(positions.flowing() == std::vector<PartitionPosition>{{PartitionId{0}, Offset{0}}});
    CHECK(positions.in(PartitionPhase::active) == numbers({0}));
    CHECK(positions.in(PartitionPhase::taking).empty());
    CHECK(positions.forget() == numbers({0}));
    CHECK(positions[0].phase == PartitionPhase::taking);
    CHECK(positions.release_revoked() == numbers({1, 2, 3}));
    CHECK(positions.release_revoked().empty());
    CHECK(positions[1].phase == PartitionPhase::absent);
    CHECK_FALSE(positions[1].revoking);
    positions.assign(numbers({1}));  // it may come back
}

TEST_CASE("positions: an open step that a revocation overtakes starts nothing") {
    Positions positions;
    positions.assign(numbers({0}));
    REQUIRE_FALSE(
        positions.take_over({.partition = PartitionId{0}, .position = Offset{4}, .open = true}));
    const std::vector<StepRange> opens = positions.unopened();
    positions.revoke(numbers({0}));
    CHECK(positions.step_holds_revoked(opens));
    CHECK(positions.commit(opens, true).flowing.empty());
    CHECK_FALSE(positions.step_holds_revoked({}));
}

TEST_CASE("P1: a step holds what it has sealed and what it has folded of a revoked partition") {
    Positions positions = flowing({0, 1});
    REQUIRE(positions.take(record(0, 0)));
    positions.revoke(numbers({1}));
    CHECK_FALSE(positions.step_holds_revoked({}));  // of another partition only
    positions.revoke(numbers({0}));
    CHECK(positions.step_holds_revoked({}));
    const std::vector<StepRange> sealed = positions.unsealed();
    positions.seal(sealed);
    CHECK_FALSE(positions.step_holds_revoked({}));
    CHECK(positions.step_holds_revoked(sealed));
}

TEST_CASE("positions: all that is known is forgotten, whatever was in flight") {
    Positions positions = flowing({0}, 3);
    REQUIRE(positions.take(record(0, 3)));
    positions.take_back();
    CHECK(positions.forget() == numbers({0}));
    CHECK(positions[0].committed == Offset{0});
    CHECK_FALSE(positions.take(record(0, 3)));
    CHECK(positions.forget().empty());  // once: it is being taken over
    CHECK(positions.take_over({.partition = PartitionId{0}, .position = Offset{9}}));
}

TEST_CASE("positions: the group's offsets agree, or another member has gone on") {
    Positions positions = flowing({0}, 5);
    positions.assign(numbers({1, 2}));
    REQUIRE_FALSE(
        positions.take_over({.partition = PartitionId{1}, .position = Offset{2}, .open = true}));
    CHECK(positions.agree_with(committed(0, 5)));
    CHECK_FALSE(positions.agree_with(committed(0, 6)));
    CHECK_FALSE(positions.agree_with(committed(0, std::nullopt)));
    CHECK(positions.agree_with(committed(1, std::nullopt)));
    CHECK_FALSE(positions.agree_with(committed(1, 2)));
    CHECK(positions.agree_with(committed(2, 77)));  // its takeover asks itself
    REQUIRE(positions.take(record(0, 5)));
    CHECK(positions.agree_with(committed(0, 5)));  // what fills is not committed
    positions.revoke(numbers({0}));
    CHECK(positions.agree_with(committed(0, 6)));
}

TEST_CASE("P11: positions follow control records, only where records flow") {
    testing::FakeClock clock;
    testing::MemoryLog log;
    testing::FakeSource source{log, TopicRole::source, clock};
    log.append_invisible(TopicRole::source, 0);
    log.append_invisible(TopicRole::source, 0);
    source.assign({0, 1, 2});
    REQUIRE(source.poll(Duration::zero()).has_value());
    Positions positions = flowing({0, 2});
    positions.assign(numbers({1}));
    source.start(positions.flowing());
    positions.revoke(numbers({2}));  // the fake refuses to be asked for one that is not started
    REQUIRE(source.poll(Duration::zero()).has_value());
    positions.follow(source);
    CHECK(text(positions.unsealed()) == "0:[0,2)");
}

TEST_CASE("positions: steps are counted from what was taken over on, where a job asks for it") {
    for (const bool counts : {false, true}) {
        CAPTURE(counts);
        Positions positions{counts};
        positions.assign(numbers({0, 1}));
        REQUIRE(
            positions.take_over({.partition = PartitionId{0}, .position = Offset{4}, .step = 9}));
        REQUIRE_FALSE(positions.take_over(
            {.partition = PartitionId{1}, .position = Offset{2}, .open = true}));
        const auto opening = positions.unopened();
        REQUIRE(opening.size() == 1);
        CHECK(opening[0].step == (counts ? 1U : 0U));
        (void)positions.commit(opening, true);

        REQUIRE(positions.take(record(0, 4)));
        REQUIRE(positions.take(record(1, 2)));
        const auto ranges = positions.unsealed();
        REQUIRE(ranges.size() == 2);
        CHECK(ranges[0].step == (counts ? 10U : 0U));
        CHECK(ranges[1].step == (counts ? 2U : 0U));
        positions.seal(ranges);
        // What was aborted has committed nothing.
        positions.take_back();
        REQUIRE(positions.take(record(0, 4)));
        const auto again = positions.unsealed();
        CHECK(again[0].step == ranges[0].step);
        positions.seal(again);
        (void)positions.commit(again, false);
        CHECK(positions[0].committed_step == (counts ? 10U : 0U));
    }
}

TEST_CASE("positions: an equal offset of another step is another member's") {
    Positions positions{true};
    positions.assign(numbers({0}));
    REQUIRE(positions.take_over({.partition = PartitionId{0}, .position = Offset{4}, .step = 9}));
    QueryAnswer answer = committed(0, 4);
    for (const std::uint64_t step : {std::uint64_t{8}, std::uint64_t{9}, std::uint64_t{10}}) {
        answer.offsets[0].metadata =
            offset_metadata_text({.identity = {}, .mark = OffsetMark{.step = step, .source = {}}});
        CHECK(positions.agree_with(answer) == (step == 9));
    }
    answer.offsets[0].metadata = "by hand";
    CHECK_FALSE(positions.agree_with(answer));
}

TEST_CASE("a partition that joins is taken over once more, and opened by a step of its own") {
    Positions positions{true};
    positions.assign(std::vector{PartitionId{2}});
    CHECK_FALSE(positions.take_over(
        {.partition = PartitionId{2}, .position = Offset{7}, .open = true, .joins = true}));
    const std::vector<StepRange> opens = positions.unopened();
    REQUIRE(opens.size() == 1);
    const Positions::Opened opened = positions.commit(opens, true);
    CHECK(opened.flowing.empty());
    CHECK(opened.to_join == std::vector{PartitionId{2}});
    CHECK(positions[2].phase == PartitionPhase::taking);
    CHECK_FALSE(positions.take_over(
        {.partition = PartitionId{2}, .position = Offset{7}, .step = 1, .join_at = 60'000}));
    CHECK(positions.unopened().empty());
    CHECK(positions.flowing().empty());
    const std::vector<StepRange> joins = positions.unsealed();
    REQUIRE(joins.size() == 1);
    CHECK(joins[0].from == joins[0].to);
    CHECK(joins[0].step == 2);
    // As long as it is not committed it is to be written again.
    positions.seal(joins);
    positions.take_back();
    CHECK(positions.unsealed().size() == 1);
    positions.seal(joins);
    CHECK(positions.commit(joins, false).flowing ==
          std::vector<PartitionPosition>{{PartitionId{2}, Offset{7}}});
    CHECK(positions[2].phase == PartitionPhase::active);
    CHECK(positions.unsealed().empty());
}

}  // namespace kstream
