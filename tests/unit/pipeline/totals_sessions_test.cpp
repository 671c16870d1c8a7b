// Sessions in the totals of a partition: what becomes one, what dies of it, and what an aborted
// step leaves of all that.
#include "kstream/codec/result_record.hpp"
#include "kstream/codec/state_key.hpp"
#include "kstream/pipeline/totals_state.hpp"
#include "support/fakes/statement_job.hpp"
#include "support/fakes/writes.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kstream {
namespace {

using testing::Compacted;
using testing::Writes;
using testing::writes_to;

constexpr std::int64_t kUnit = 1'000'000'000;  // of the number 1

std::string statement(std::string_view emit, std::string_view having = "") {
    return "SELECT window_end, sum(v) AS s FROM session(t, to_timestamp(ms * 0.001), INTERVAL "
           "'10 milliseconds', grace => INTERVAL '5 milliseconds', max_ahead => 'never'" +
           std::string{emit} + ") GROUP BY k, window_start" + std::string{having};
}

std::string key_of(const std::string& k, std::int64_t first) {
    std::string key;
    encode_session_key({{{GroupValueType::string, k}}}, first, key);
    return key;
}

// One source partition, whose only range so far ends at `end`.
struct Bench {
    explicit Bench(std::string_view emit = "", std::string_view having = "")
        : job(testing::make_statement_job(statement(emit, having))) {
        BatchHeader open;
        open.kind = BatchKind::open;
        SourceRange range;
        range.partition = PartitionId{0};
        range.slots.resize(job.kinds.size());
        open.ranges = {range};
        state.apply_ranges(open);
    }
    // A map step that raises the watermark.
    void advance(std::int64_t watermark) {
        BatchHeader step;
        SourceRange range;
        range.partition = PartitionId{0};
        range.from = end;
        range.to = end.next();
        range.watermark_before = known;
        range.watermark = watermark;
        range.slots.resize(job.kinds.size());
        step.ranges = {range};
        REQUIRE(state.check_chain(step, "here") == TotalsState::Chain::next);
        state.apply_ranges(step);
        end = range.to;
        known = watermark;
    }
    Result<void> add(const std::string& k, std::int64_t time, std::int64_t value) {
        const std::vector<Slot> delta{Slot{Int128{value} * kUnit, true}, Slot{time, true}};
        return state.apply_delta(key_of(k, time), delta);
    }
    OutputBatch seal() {
        OutputBatch out;
        std::uint64_t keys = std::numeric_limits<std::uint64_t>::max();
        std::size_t bytes = std::size_t{48} << 20;
        state.close(keys, bytes);
        state.seal(Offset{1}, out);
        return out;
    }
    // Seals and commits it, and looks whether the changelog has all of it.
    Writes commit() {
        const OutputBatch out = seal();
        closed = state.committed();
        testing::compact(changelog, writes_to(TopicRole::changelog, out));
        TotalsState other{job, PartitionId{0}};
        REQUIRE(testing::restore_all(other, changelog));
        CHECK(other.keys() == state.keys());
        return writes_to(TopicRole::results, out);
    }
    [[nodiscard]] bool has(const std::string& k, std::int64_t first) const {
        return state.find_committed(key_of(k, first)) != KeyTable::kNone;
    }

    Job job;
    TotalsState state{job, PartitionId{0}};
    Offset end;
    std::int64_t known = kNoTime;
    std::size_t closed = 0;
    Compacted changelog;
};

std::string at(std::int64_t ms) {
    return "1970-01-01T00:00:00" + (ms == 0 ? "" : "." + std::to_string(1'000 + ms).substr(1)) +
           "Z";
}
std::string result_key(const std::string& k, std::int64_t first) {
    return R"([")" + k + R"(",")" + at(first) + R"("])";
}
std::string row(std::int64_t end, std::int64_t sum) {
    return R"({"window_end":")" + at(end) + R"(","s":)" + std::to_string(sum) + "}";
}

// In the order of their keys.
Writes sorted(Writes writes) {
    std::ranges::sort(writes);
    return writes;
}

}  // namespace

TEST_CASE("what is at most the gap apart is one session, and what is further is two") {
    Bench b;
    REQUIRE(b.add("a", 100, 1));
    REQUIRE(b.add("a", 110, 2));
    REQUIRE(b.add("a", 121, 4));
    REQUIRE(b.add("b", 110, 8));
    CHECK(sorted(b.commit()) == Writes{{result_key("a", 100), row(120, 3)},
                                       {result_key("a", 121), row(131, 4)},
                                       {result_key("b", 110), row(120, 8)}});
    CHECK(b.state.keys() == 3);
}

TEST_CASE("a session that becomes part of another one leaves a tombstone, in both topics") {
    Bench b;
    REQUIRE(b.add("a", 100, 1));
    REQUIRE(b.add("a", 120, 2));
    CHECK(b.commit().size() == 2);
    REQUIRE(b.add("a", 110, 4));
    const OutputBatch out = b.seal();
    CHECK(sorted(writes_to(TopicRole::results, out)) ==
          Writes{{result_key("a", 100), row(130, 7)}, {result_key("a", 120), std::nullopt}});
    const Writes changes = writes_to(TopicRole::changelog, out);
    REQUIRE(changes.size() == 3);
    CHECK(std::ranges::count_if(changes, [](const auto& one) { return !one.second; }) == 1);
    CHECK(b.state.committed() == 0);
    testing::compact(b.changelog, changes);
    CHECK(b.state.keys() == 1);
    CHECK_FALSE(b.has("a", 120));
    REQUIRE(b.add("a", 130, 8));
    CHECK(b.commit() == Writes{{result_key("a", 100), row(140, 15)}});
}

TEST_CASE("a session that begins earlier than it did has another key") {
    Bench b;
    REQUIRE(b.add("a", 100, 1));
    CHECK(b.commit() == Writes{{result_key("a", 100), row(110, 1)}});
    REQUIRE(b.add("a", 95, 2));
    CHECK(sorted(b.commit()) ==
          Writes{{result_key("a", 95), row(110, 3)}, {result_key("a", 100), std::nullopt}});
    CHECK(b.has("a", 95));
    CHECK_FALSE(b.has("a", 100));
    // Twice in one step: who was never there leaves nothing.
    REQUIRE(b.add("a", 90, 4));
    REQUIRE(b.add("a", 85, 8));
    const OutputBatch out = b.seal();
    CHECK(sorted(writes_to(TopicRole::results, out)) ==
          Writes{{result_key("a", 85), row(110, 15)}, {result_key("a", 95), std::nullopt}});
    CHECK(writes_to(TopicRole::changelog, out).size() == 3);
}

TEST_CASE("a session closes when nothing in time can be of it, and not a millisecond before") {
    Bench b;
    REQUIRE(b.add("a", 100, 1));
    (void)b.commit();
    b.advance(115);
    (void)b.commit();
    CHECK(b.closed == 0);
    // The grace takes it, and it is of the session: 110 + 1 + 5 > 115.
    REQUIRE(b.add("a", 110, 2));
    (void)b.commit();
    b.advance(125);
    (void)b.commit();
    CHECK(b.closed == 0);
    CHECK(b.state.keys() == 1);
    b.advance(126);
    CHECK(b.commit() == Writes{{result_key("a", 100), row(120, 3)}});
    CHECK(b.closed == 1);
    CHECK(b.state.keys() == 0);
    // What is late for each of its records would be a new session: the log is not what it was.
    const Result<void> late = b.add("a", 120, 1);
    REQUIRE_FALSE(late);
    CHECK(late.error().exit_code == ExitCode::integrity);
    REQUIRE(b.add("a", 121, 1));
    CHECK(b.commit() == Writes{{result_key("a", 121), row(131, 1)}});
}

TEST_CASE("of final sessions nothing is published before, and nothing is taken back") {
    Bench b{", emit => 'final', idle => 'never'"};
    REQUIRE(b.add("a", 100, 1));
    REQUIRE(b.add("a", 120, 2));
    CHECK(b.commit().empty());
    REQUIRE(b.add("a", 110, 4));
    CHECK(b.commit().empty());
    b.advance(136);
    CHECK(b.commit() == Writes{{result_key("a", 100), row(130, 7)}});
}

TEST_CASE("of sessions that HAVING has not let pass there is no tombstone") {
    Bench b{"", " HAVING sum(v) > 2"};
    REQUIRE(b.add("a", 100, 1));
    REQUIRE(b.add("a", 120, 3));
    CHECK(b.commit() == Writes{{result_key("a", 120), row(130, 3)}});
    REQUIRE(b.add("a", 110, 5));
    CHECK(sorted(b.commit()) ==
          Writes{{result_key("a", 100), row(130, 9)}, {result_key("a", 120), std::nullopt}});
    REQUIRE(b.add("a", 90, -9));
    CHECK(b.commit() == Writes{{result_key("a", 100), std::nullopt}});
    REQUIRE(b.add("a", 80, 9));
    CHECK(b.commit() == Writes{{result_key("a", 80), row(130, 9)}});
}

TEST_CASE("a step that is taken back leaves the sessions as they were") {
    Bench b;
    REQUIRE(b.add("a", 100, 1));
    REQUIRE(b.add("a", 120, 2));
    REQUIRE(b.add("b", 100, 1));
    (void)b.commit();
    // In flight: one session of two, closed; and in the step that fills a new one.
    REQUIRE(b.add("a", 110, 4));
    b.advance(140);
    (void)b.seal();
    CHECK(b.state.keys() == 0);
    REQUIRE(b.add("a", 135, 8));
    REQUIRE(b.add("a", 140, 8));
    b.state.undo_filling();
    b.state.undo_in_flight();
    b.end = Offset{0};
    b.known = kNoTime;
    CHECK(b.state.keys() == 3);
    // And again, after a step that fills has made one of them and is taken back alone.
    REQUIRE(b.add("a", 95, 16));
    (void)b.seal();
    REQUIRE(b.add("a", 110, 32));
    b.state.undo_filling();
    b.state.undo_in_flight();
    CHECK(b.has("a", 100));
    CHECK(b.has("a", 120));
    CHECK_FALSE(b.has("a", 95));
    REQUIRE(b.add("a", 130, 64));
    CHECK(b.commit() == Writes{{result_key("a", 120), row(140, 66)}});
    REQUIRE(b.add("a", 110, 128));
    CHECK(sorted(b.commit()) ==
          Writes{{result_key("a", 100), row(140, 195)}, {result_key("a", 120), std::nullopt}});
    b.advance(1'000);
    CHECK(sorted(b.commit()) ==
          Writes{{result_key("a", 100), row(140, 195)}, {result_key("b", 100), row(110, 1)}});
    CHECK(b.state.keys() == 0);
}

TEST_CASE("who restores the sessions goes on with them") {
    Bench b;
    REQUIRE(b.add("a", 100, 1));
    REQUIRE(b.add("a", 120, 2));
    (void)b.commit();
    TotalsState other{b.job, PartitionId{0}};
    REQUIRE(testing::restore_all(other, b.changelog));
    REQUIRE(other.apply_delta(key_of("a", 110),
                              std::vector<Slot>{Slot{Int128{4} * kUnit, true}, Slot{110, true}}));
    OutputBatch out;
    other.seal(Offset{1}, out);
    CHECK(sorted(writes_to(TopicRole::results, out)) ==
          Writes{{result_key("a", 100), row(130, 7)}, {result_key("a", 120), std::nullopt}});
}

TEST_CASE("a session with times that no record can have is refused") {
    Bench b;
    const auto refused = [&](std::int64_t first, const Slot& last) {
        const Result<void> done =
            b.state.apply_delta(key_of("a", first), std::vector<Slot>{Slot{kUnit, true}, last});
        return !done && done.error().exit_code == ExitCode::integrity;
    };
    CHECK(refused(100, Slot{}));
    CHECK(refused(100, Slot{99, true}));
    CHECK(refused(-1, Slot{100, true}));
    CHECK(refused(100, Slot{Int128{1} << 80, true}));
    CHECK(refused(std::numeric_limits<std::int64_t>::max(),
                  Slot{std::numeric_limits<std::int64_t>::max(), true}));
}

TEST_CASE("many sessions that are absorbed leave their memory, while a step fills") {
    constexpr int kGroups = 3'000;
    Bench b;
    std::size_t most = 0;
    for (std::int64_t round = 1; round < 12; ++round) {
        // Each begins earlier than before, so its old key dies.
        for (int i = 0; i < kGroups; ++i) {
            REQUIRE(b.add(std::to_string(i), 1'000 - 7 * round, 1));
        }
        const OutputBatch out = b.seal();
        for (int i = 0; i < 100; ++i) {
            REQUIRE(b.add(std::to_string(i), 1'000 - 7 * round - 3, 1));
            REQUIRE(b.add("new" + std::to_string(i), round * 20, 1));
        }
        b.state.committed();
        testing::compact(b.changelog, writes_to(TopicRole::changelog, out));
        if (round % 2 == 0) {
            b.state.undo_filling();
        }
        most = std::max(most, b.state.memory_bytes());
        CHECK(b.commit().size() == (round % 2 == 0 ? 0U : 300U));
        CHECK(b.has("200", 1'000 - 7 * round));
        CHECK(b.has("7", 1'000 - 7 * round - (round % 2 == 0 ? 0 : 3)));
    }
    Bench small;
    for (int i = 0; i < 3 * kGroups; ++i) {
        REQUIRE(small.add(std::to_string(i), 0, 1));
    }
    CHECK(most < 2 * small.state.memory_bytes());
    b.advance(100'000);
    (void)b.commit();
    CHECK(b.state.keys() == 0);
    CHECK(b.closed == kGroups + 600);
}

}  // namespace kstream
