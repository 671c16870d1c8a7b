// Windows that close in the totals of a partition: what is published, what is left, and the memory
// of many keys that go, also under a step that fills while they do.
#include "kstream/codec/result_record.hpp"
#include "kstream/codec/state_key.hpp"
#include "kstream/core/end_calendar.hpp"
#include "kstream/core/side_aggregates.hpp"
#include "kstream/core/text_store.hpp"
#include "kstream/pipeline/totals_fold.hpp"
#include "kstream/pipeline/totals_state.hpp"
#include "support/fakes/recording_log.hpp"
#include "support/fakes/statement_job.hpp"
#include "support/fakes/statement_world.hpp"
#include "support/fakes/writes.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
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

constexpr std::int64_t kMinute = 60'000;
constexpr std::uint64_t kAll = std::numeric_limits<std::uint64_t>::max();

Job windowed_job(std::string_view having = "") {
    return testing::make_statement_job(
        "SELECT k, window_start, sum(v) AS s FROM tumble(t, to_timestamp(ms * 0.001), INTERVAL '1 "
        "minute', grace => INTERVAL '5 seconds', max_ahead => 'never') GROUP BY k, window_start" +
        std::string{having});
}

// Three minutes long, one begins each minute; panes are of a minute.
Job hopping_job(std::string_view emit = "updates", std::string_view having = "") {
    return testing::make_statement_job(
        "SELECT k, window_start, sum(v) AS s FROM hop(t, to_timestamp(ms * 0.001), INTERVAL '1 "
        "minute', INTERVAL '3 minutes', grace => INTERVAL '5 seconds', max_ahead => 'never', idle "
        "=> 'never', emit => '" +
        std::string{emit} + "') GROUP BY k, window_start" + std::string{having});
}

std::string key_of(const std::string& k, std::int64_t window) {
    std::string key;
    encode_state_key({{{GroupValueType::string, k}}}, window * kMinute, key);
    return key;
}

// One source partition, whose only range so far ends at `end_`.
struct Bench {
    explicit Bench(std::string_view having = "") : Bench(windowed_job(having)) {}
    explicit Bench(Job of) : job(std::move(of)) {
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
    Result<void> add(const std::string& k, std::int64_t window, std::int64_t value) {
        const std::vector<Slot> delta{Slot{Int128{value} * 1'000'000'000, true}};
        return state.apply_delta(key_of(k, window), delta);
    }
    // The filling step becomes the one in flight, with at most so many keys closed.
    OutputBatch seal(std::uint64_t keys = kAll) {
        OutputBatch out;
        std::size_t bytes = std::size_t{48} << 20;
        state.close(keys, bytes);
        state.seal(Offset{1}, out);
        return out;
    }
    // Seals and commits it.
    Writes commit(std::uint64_t keys = kAll) {
        const OutputBatch out = seal(keys);
        state.committed();
        testing::compact(changelog, writes_to(TopicRole::changelog, out));
        return writes_to(TopicRole::results, out);
    }
    [[nodiscard]] Meta meta() const {
        return decode_meta_value(*changelog.at(std::string{meta_key()}), job.form()).value();
    }
    // What is restored from the changelog is whole, and has these keys.
    void check_restored(std::uint64_t keys) const {
        TotalsState other{job, PartitionId{0}};
        REQUIRE(testing::restore_all(other, changelog));
        CHECK(other.keys() == keys);
        CHECK(other.clock() == state.clock());
        CHECK(other.has_to_close() == state.has_to_close());
    }

    Job job;
    TotalsState state{job, PartitionId{0}};
    Offset end;
    std::int64_t known = kNoTime;
    Compacted changelog;
};

std::string result_key(const std::string& k, const std::string& start) {
    return R"([")" + k + R"(",")" + start + R"("])";
}

// The results of hopping windows in few words: key, minute in which the window begins, sum. Finals
// have no mark here: what is published twice is seen.
std::vector<std::string> shown(const Writes& results) {
    std::vector<std::string> all;
    for (const auto& [key, value] : results) {
        REQUIRE(value);
        const std::size_t sum = value->find(R"("s":)") + 4;
        all.push_back(key.substr(2, 1) + ' ' + key.substr(17, 5) + ' ' +
                      value->substr(sum, value->size() - sum - 1));
    }
    return all;
}
using Shown = std::vector<std::string>;

}  // namespace

TEST_CASE("a window closes when its end and the grace have passed, and not a millisecond before") {
    Bench b;
    REQUIRE(b.add("a", 0, 5));
    REQUIRE(b.add("b", 1, 7));
    b.advance(kMinute + 4'999);
    CHECK(b.commit().size() == 2);
    CHECK(b.state.keys() == 2);
    b.advance(kMinute + 5'000);
    const OutputBatch out = b.seal();
    const Writes results = writes_to(TopicRole::results, out);
    REQUIRE(results.size() == 1);
    CHECK(results[0].first == result_key("a", "1970-01-01T00:00:00Z"));
    CHECK(results[0].second == R"({"k":"a","window_start":"1970-01-01T00:00:00Z","s":5})");
    const Writes changes = writes_to(TopicRole::changelog, out);
    REQUIRE(changes.size() == 2);
    CHECK_FALSE(changes[0].second);
    b.state.committed();
    testing::compact(b.changelog, changes);
    CHECK(b.state.keys() == 1);
    CHECK(b.state.find_committed(key_of("a", 0)) == KeyTable::kNone);
    CHECK(b.meta().retired[0].value() == Int192{5'000'000'000});
    CHECK(b.meta().slots[0].value() == Int192{7'000'000'000});
    b.check_restored(1);
    // Nobody may change it any more.
    const Result<void> late = b.add("a", 0, 1);
    REQUIRE_FALSE(late);
    CHECK(late.error().exit_code == ExitCode::integrity);
    CHECK(late.error().message.contains(result_key("a", "1970-01-01T00:00:00Z")));
}

TEST_CASE("who looks sees the time that is committed, and counts no window that has closed") {
    using Known = std::vector<SourceWatermark>;
    Bench b;
    CHECK(b.state.committed_watermarks() == Known{{PartitionId{0}, kNoTime}});
    REQUIRE(b.add("a", 0, 5));
    REQUIRE(b.add("b", 9, 7));
    b.advance(10);
    CHECK(b.state.committed_watermarks() == Known{{PartitionId{0}, kNoTime}});
    CHECK(b.state.committed_clock() == kNoTime);
    CHECK(b.state.committed_live_keys() == 0);
    (void)b.commit();
    CHECK(b.state.committed_watermarks() == Known{{PartitionId{0}, 10}});
    CHECK(b.state.committed_clock() == 10);
    CHECK(b.state.committed_live_keys() == 2);
    b.advance(2 * kMinute);
    (void)b.seal();
    CHECK(b.state.committed_watermarks() == Known{{PartitionId{0}, 10}});
    CHECK(b.state.committed_clock() == 10);
    CHECK(b.state.committed_live_keys() == 2);
    b.state.committed();
    CHECK(b.state.committed_watermarks() == Known{{PartitionId{0}, 2 * kMinute}});
    CHECK(b.state.committed_clock() == 2 * kMinute);
    CHECK(b.state.committed_live_keys() == 1);
}

TEST_CASE("the status of a state partition names the source partition that holds windows back") {
    const Job job = testing::make_statement_job(
        "SELECT k, window_start, sum(v) AS s FROM tumble(t, to_timestamp(ms * 0.001), INTERVAL '1 "
        "minute', grace => INTERVAL '5 seconds') GROUP BY k, window_start",
        1, 3);
    testing::RecordingLog log;
    TotalsFold fold{job, {}, log};
    fold.install(std::make_unique<TotalsState>(job, PartitionId{0}));
    const auto status = [&fold] {
        PartitionStatus of;
        of.partition = PartitionId{0};
        fold.describe_time(of);
        return of;
    };
    CHECK(fold.state().open_windows == 0);
    CHECK(status().held_back_by == 0);
    CHECK(status().watermark_lag_seconds == -1);
    const auto with = [&fold, &job](const std::vector<SourceWatermark>& sources) {
        auto state = std::make_unique<TotalsState>(job, PartitionId{0});
        BatchHeader header;
        for (const SourceWatermark& source : sources) {
            SourceRange& range = header.ranges.emplace_back();
            range.partition = source.partition;
            range.to = Offset{1};
            range.watermark = source.watermark;
            range.slots.resize(job.kinds.size());
        }
        for (const BatchKind kind : {BatchKind::open, BatchKind::step}) {
            header.kind = kind;
            state->apply_ranges(header);
        }
        OutputBatch out;
        state->seal(Offset{1}, out);
        state->committed();
        fold.install(std::move(state));
    };
    // One that was never opened has no time, as one without a record that has one.
    with({{PartitionId{0}, 50'000}, {PartitionId{2}, 20'000}});
    CHECK(status().held_back_by == 1);
    CHECK(status().watermark_lag_seconds == -1);
    with({{PartitionId{0}, 50'000}, {PartitionId{1}, 80'000}, {PartitionId{2}, 20'000}});
    CHECK(status().held_back_by == 2);
    CHECK(status().watermark_lag_seconds == 60);
    // One that was added counts as the others do.
    with({{PartitionId{0}, 50'000},
          {PartitionId{1}, 80'000},
          {PartitionId{2}, 20'000},
          {PartitionId{4}, 10'000}});
    CHECK(status().held_back_by == 4);
    CHECK(status().watermark_lag_seconds == 70);
    const StateAnswer answer = fold.answer({});
    REQUIRE(answer.partitions.size() == 1);
    CHECK(answer.partitions[0].sources.size() == 4);

    const Job plain =
        testing::make_statement_job("SELECT k, sum(v) AS s FROM t WHERE k <> 'z' GROUP BY k");
    TotalsFold without{plain, {}, log};
    without.install(std::make_unique<TotalsState>(plain, PartitionId{0}));
    PartitionStatus of;
    of.partition = PartitionId{0};
    without.describe_time(of);
    CHECK(of.held_back_by == -1);
    CHECK(without.state().open_windows == -1);
    CHECK(without.answer({}).partitions.at(0).sources.empty());
}

TEST_CASE("who comes and goes in one step is in no changelog") {
    Bench b;
    REQUIRE(b.add("a", 0, 5));
    b.advance(10 * kMinute);
    const OutputBatch out = b.seal();
    CHECK(writes_to(TopicRole::results, out).size() == 1);
    CHECK(writes_to(TopicRole::changelog, out).size() == 1);  // meta
    b.state.committed();
    CHECK(b.state.keys() == 0);
}

TEST_CASE("what an aborted step has closed is closed by the next one") {
    Bench b;
    REQUIRE(b.add("a", 0, 5));
    (void)b.commit();
    b.advance(kMinute + 5'000);
    (void)b.seal();
    b.state.undo_filling();
    b.state.undo_in_flight();
    b.known = kNoTime;
    b.end = Offset{0};
    CHECK(b.state.keys() == 1);
    CHECK(b.state.clock() == kNoTime);
    REQUIRE(b.add("a", 0, 2));
    b.advance(kMinute + 5'000);
    const Writes results = b.commit();
    REQUIRE(results.size() == 1);
    CHECK(results[0].second->ends_with(R"("s":7})"));
    CHECK(b.state.keys() == 0);
    b.check_restored(0);
}

TEST_CASE("of a group that HAVING has let pass and stops at the end a tombstone is the last word") {
    Bench b{" HAVING sum(v) > 3"};
    REQUIRE(b.add("a", 0, 5));
    REQUIRE(b.add("b", 0, 1));
    CHECK(b.commit().size() == 1);
    REQUIRE(b.add("a", 0, -4));
    b.advance(2 * kMinute);
    const Writes results = b.commit();
    REQUIRE(results.size() == 1);
    CHECK(results[0].first == result_key("a", "1970-01-01T00:00:00Z"));
    CHECK_FALSE(results[0].second);
    CHECK(b.state.keys() == 0);
    b.check_restored(0);
}

TEST_CASE("a burst is closed in parts, and a new owner goes on with the rest") {
    Bench b;
    for (int i = 0; i < 10; ++i) {
        REQUIRE(b.add(std::to_string(i), 0, i));
    }
    (void)b.commit();
    b.advance(2 * kMinute);
    CHECK(b.commit(4).size() == 4);
    CHECK(b.meta().to_close == 6);
    CHECK(b.state.has_to_close());
    b.check_restored(6);
    TotalsState other{b.job, PartitionId{0}};
    REQUIRE(testing::restore_all(other, b.changelog));
    std::size_t rest = 0;
    while (other.has_to_close()) {
        OutputBatch out;
        std::uint64_t keys = 4;
        std::size_t bytes = 1 << 20;
        other.close(keys, bytes);
        other.seal(Offset{1}, out);
        other.committed();
        rest += writes_to(TopicRole::results, out).size();
    }
    CHECK(rest == 6);
    CHECK(other.keys() == 0);
}

TEST_CASE("many keys that go leave their memory, while a step fills and may be taken back") {
    constexpr int kKeys = 3'000;
    Bench b;
    std::size_t most = 0;
    for (std::int64_t window = 0; window < 12; ++window) {
        for (int i = 0; i < kKeys; ++i) {
            REQUIRE(b.add(std::to_string(i), window, 1));
        }
        b.advance(window * kMinute + 6'000);  // the window before is over
        const OutputBatch out = b.seal();
        // The next step: old keys of this window, and new ones.
        const Offset end = b.end;
        for (int i = 0; i < 100; ++i) {
            REQUIRE(b.add(std::to_string(i), window, 1));
            REQUIRE(b.add("early" + std::to_string(i), window + 1, 1));
        }
        b.state.committed();
        testing::compact(b.changelog, writes_to(TopicRole::changelog, out));
        CHECK(b.state.find_committed(key_of("7", window)) != KeyTable::kNone);
        CHECK(b.state.find_committed(key_of("early7", window + 1)) == KeyTable::kNone);
        if (window % 2 == 0) {
            b.state.undo_filling();
            b.end = end;
        }
        most = std::max(most, b.state.memory_bytes());
        const Writes more = b.commit();
        CHECK(more.size() == (window % 2 == 0 ? 0U : 200U));
        b.check_restored(b.state.keys());
    }
    // Of 36,000 keys there were at most 6,400 at a time.
    b.advance(100 * kMinute);
    (void)b.commit();
    CHECK(b.state.keys() == 0);
    b.check_restored(0);
    Bench small;
    for (int i = 0; i < 3 * kKeys; ++i) {
        REQUIRE(small.add(std::to_string(i), 0, 1));
    }
    CHECK(most < 2 * small.state.memory_bytes());
    CHECK(b.state.memory_bytes() < most / 2);
}

TEST_CASE("a key that is no window's is refused, and so is one beyond all times") {
    constexpr std::int64_t kEnd = std::numeric_limits<std::int64_t>::max();
    constexpr std::int64_t kFirst = std::numeric_limits<std::int64_t>::min();
    for (const std::int64_t start : {std::int64_t{1}, kMinute + 59'999, -kMinute, kEnd, kEnd - 1,
                                     kFirst, kFirst + kMinute, std::int64_t{253'402'300'800'000}}) {
        CAPTURE(start);
        std::string key;
        encode_state_key({{{GroupValueType::string, "a"}}}, start, key);
        Bench b;
        const std::vector<Slot> delta{Slot{Int128{1}, true}};
        const Result<void> applied = b.state.apply_delta(key, delta);
        REQUIRE_FALSE(applied);
        CHECK(applied.error().exit_code == ExitCode::integrity);
        // The same in a changelog.
        std::string total_key;
        append_total_key(total_key, key);
        std::string total;
        append_total_value(total, 1, b.job.kinds, delta);
        TotalsState other{b.job, PartitionId{0}};
        const Result<void> restored = other.restore(total_key, total);
        REQUIRE_FALSE(restored);
        CHECK(restored.error().exit_code == ExitCode::integrity);
    }
}

TEST_CASE("advances are kept, one for each position, and meta says how many") {
    Bench b;
    b.advance(10);
    REQUIRE(b.add("a", 0, 5));
    const auto move = [&b](std::int64_t watermark) {
        BatchHeader step;
        SourceRange range;
        range.partition = PartitionId{0};
        range.from = range.to = b.end;
        range.watermark_before = b.known;
        range.watermark = watermark;
        range.slots.resize(b.job.kinds.size());
        step.ranges = {range};
        REQUIRE(b.state.check_chain(step, "here") == TotalsState::Chain::next);
        b.state.apply_ranges(step);
        b.known = watermark;
    };
    move(20);
    move(30);
    b.commit();
    CHECK(b.meta().advances == 1);
    const UInt128 hash = b.meta().advances_hash;
    CHECK(hash == advance_hash({PartitionId{0}, b.end, 30}));
    // A step that is taken back has made none.
    move(40);
    (void)b.seal();
    b.state.undo_filling();
    b.state.undo_in_flight();
    b.known = 30;
    b.check_restored(1);
    move(2 * kMinute);
    b.commit();
    CHECK(b.meta().advances == 1);
    CHECK(b.state.clock() == 2 * kMinute);
    CHECK(b.state.keys() == 0);
    // At another position it is another one.
    b.advance(2 * kMinute + 1);
    move(3 * kMinute);
    b.commit();
    CHECK(b.meta().advances == 2);
    b.check_restored(0);
    // One that is missing is found.
    std::string key;
    append_advance_key(key, {PartitionId{0}, b.end, 0});
    REQUIRE(b.changelog.erase(key) == 1);
    TotalsState other{b.job, PartitionId{0}};
    CHECK_FALSE(testing::restore_all(other, b.changelog));
}

TEST_CASE("a range that only says that its partition is idle is no advance") {
    Bench b;
    b.advance(10);
    BatchHeader step;
    SourceRange range;
    range.partition = PartitionId{0};
    range.from = range.to = b.end;
    range.watermark_before = range.watermark = b.known;
    range.slots.resize(b.job.kinds.size());
    step.ranges = {range};
    REQUIRE(b.state.check_chain(step, "here") == TotalsState::Chain::next);
    b.state.apply_ranges(step);
    b.commit();
    CHECK(b.meta().advances == 0);
}

TEST_CASE("keys move together as soon as so many have gone, and more than are left") {
    Job job = windowed_job(" HAVING sum(v) > 1");
    job.least_gone_keys = 3;
    Bench b{std::move(job)};
    // Of each window: how many keys, in the order in which they came.
    const auto indexes = [&b](std::int64_t window, int keys) {
        std::vector<std::uint32_t> found;
        for (int i = 0; i < keys; ++i) {
            found.push_back(b.state.find_committed(key_of(std::to_string(i), window)));
        }
        return found;
    };
    using Indexes = std::vector<std::uint32_t>;
    for (int i = 0; i < 2; ++i) {
        REQUIRE(b.add(std::to_string(i), 0, i));
    }
    for (int i = 0; i < 3; ++i) {
        REQUIRE(b.add(std::to_string(i), 1, i));
    }
    (void)b.commit();
    b.advance(kMinute + 5'000);  // the first window is over: two keys of five
    (void)b.commit();
    CHECK(indexes(1, 3) == Indexes{2, 3, 4});
    REQUIRE(b.add("0", 2, 7));
    b.advance(2 * kMinute + 5'000);
    CHECK(b.commit().size() == 2);  // the last word of one, and a result
    CHECK(indexes(2, 1) == Indexes{0});
    CHECK(b.state.keys() == 1);
    // What HAVING has published went with its key: it is taken back once, by its own index.
    REQUIRE(b.add("0", 2, -7));
    const Writes results = b.commit();
    REQUIRE(results.size() == 1);
    CHECK_FALSE(results[0].second);
    b.check_restored(1);
}

TEST_CASE("a change of a pane publishes each open window over it once") {
    Bench b{hopping_job()};
    REQUIRE(b.add("a", 0, 5));
    CHECK(shown(b.commit()) == Shown{"a 23:58 5", "a 23:59 5", "a 00:00 5"});
    REQUIRE(b.add("a", 0, 1));
    REQUIRE(b.add("a", 1, 2));
    CHECK(shown(b.commit()) == Shown{"a 23:58 6", "a 23:59 8", "a 00:00 8", "a 00:01 2"});
    CHECK(b.state.keys() == 2);
    b.check_restored(2);
    // The windows in which nothing has changed are not published.
    REQUIRE(b.add("a", 3, 7));
    CHECK(shown(b.commit()) == Shown{"a 00:01 9", "a 00:02 7", "a 00:03 7"});
}

TEST_CASE("a hopping window closes as others do, and its panes stay for those over them") {
    Bench b{hopping_job("final")};
    REQUIRE(b.add("a", 0, 5));
    REQUIRE(b.add("a", 2, 3));
    CHECK(b.commit().empty());
    b.advance(kMinute + 4'999);
    CHECK(b.commit().empty());
    b.advance(kMinute + 5'000);
    CHECK(shown(b.commit()) == Shown{"a 23:58 5"});
    CHECK(b.state.keys() == 2);
    CHECK(b.meta().cursor.end == kMinute);
    // A pane of it may not change any more, though another window over it is open.
    const Result<void> late = b.add("a", 0, 1);
    REQUIRE_FALSE(late);
    CHECK(late.error().exit_code == ExitCode::integrity);
    REQUIRE(b.add("a", 1, 10));
    b.advance(3 * kMinute + 5'000);
    const OutputBatch out = b.seal();
    CHECK(shown(writes_to(TopicRole::results, out)) == Shown{"a 23:59 15", "a 00:00 18"});
    // The first pane goes with the last window over it; the one that came in this step stays.
    const Writes changes = writes_to(TopicRole::changelog, out);
    REQUIRE(changes.size() == 3);
    CHECK(std::ranges::count_if(changes, [](const auto& one) { return !one.second; }) == 1);
    b.state.committed();
    testing::compact(b.changelog, changes);
    CHECK(b.state.keys() == 2);
    CHECK(b.meta().retired[0].value() == Int192{5'000'000'000});
    CHECK(b.meta().slots[0].value() == Int192{13'000'000'000});
    b.check_restored(2);
    b.advance(100 * kMinute);
    CHECK(shown(b.commit()) == Shown{"a 00:01 13", "a 00:02 3"});
    CHECK(b.state.keys() == 0);
    CHECK(b.meta().cursor.end == 5 * kMinute);
    b.check_restored(0);
}

TEST_CASE("hopping windows are closed in parts, and a new owner goes on where the last one was") {
    constexpr int kGroups = 7;
    const auto filled = [](Bench& b) {
        for (int i = 0; i < kGroups; ++i) {
            REQUIRE(b.add(std::string(1, static_cast<char>('a' + i)), 0, i));
            REQUIRE(b.add(std::string(1, static_cast<char>('a' + i)), 2, 1));
        }
        REQUIRE(b.commit().empty());
        b.advance(100 * kMinute);
    };
    Bench whole{hopping_job("final")};
    filled(whole);
    const Shown all = shown(whole.commit());
    CHECK(all.size() == 5 * kGroups);
    CHECK(all.front().substr(2, 5) == "23:58");
    CHECK(all.back().substr(2, 5) == "00:02");
    for (const std::uint64_t budget : {1U, 2U, 3U, 10U}) {
        CAPTURE(budget);
        Bench b{hopping_job("final")};
        filled(b);
        Shown parts = shown(b.commit(budget));
        std::size_t steps = 1;
        while (b.state.has_to_close()) {
            CHECK(b.meta().to_close > 0);
            // An aborted step closes nothing.
            std::uint64_t keys = budget;
            std::size_t bytes = 1 << 20;
            OutputBatch lost;
            b.state.close(keys, bytes);
            b.state.seal(Offset{1}, lost);
            b.state.undo_filling();
            b.state.undo_in_flight();
            // The next owner; now and then the same one goes on.
            if (++steps % 3 != 0) {
                TotalsState other{b.job, PartitionId{0}};
                REQUIRE(testing::restore_all(other, b.changelog));
                OutputBatch out;
                keys = budget;
                other.close(keys, bytes);
                other.seal(Offset{1}, out);
                CHECK(writes_to(TopicRole::results, out) == writes_to(TopicRole::results, lost));
            }
            const Shown part = shown(b.commit(budget));
            parts.insert(parts.end(), part.begin(), part.end());
        }
        CHECK(parts == all);
        CHECK(b.state.keys() == 0);
        CHECK(b.meta().to_close == 0);
        b.check_restored(0);
    }
}

TEST_CASE("a group that comes while an aborted step has closed is closed with the others") {
    Bench b{hopping_job("final")};
    REQUIRE(b.add("a", 0, 5));
    (void)b.commit();
    b.advance(kMinute + 5'000);
    (void)b.seal();
    REQUIRE(b.add("b", 1, 1));
    b.state.undo_filling();
    b.state.undo_in_flight();
    b.known = kNoTime;
    b.end = Offset{0};
    REQUIRE(b.add("c", 0, 2));
    REQUIRE(b.add("a", 0, 1));
    b.advance(kMinute + 5'000);
    Shown results = shown(b.commit());
    std::ranges::sort(results);
    CHECK(results == Shown{"a 23:58 6", "c 23:58 2"});
    b.check_restored(2);
}

TEST_CASE("what HAVING does not let pass is not published when it closes") {
    Bench b{hopping_job("final", " HAVING sum(v) > 3")};
    REQUIRE(b.add("a", 0, 2));
    REQUIRE(b.add("a", 1, 2));
    (void)b.commit();
    b.advance(100 * kMinute);
    CHECK(shown(b.commit()) == Shown{"a 23:59 4", "a 00:00 4"});
    CHECK(b.state.keys() == 0);
    CHECK(b.meta().cursor.end == 4 * kMinute);
    b.check_restored(0);
}

TEST_CASE("the texts of a window are those of its panes") {
    Bench b{testing::make_statement_job(
        "SELECT k, window_start, min('' || x) AS least, max('' || x) AS s FROM hop(t, "
        "to_timestamp(ms * "
        "0.001), INTERVAL '1 minute', INTERVAL '2 minutes', grace => INTERVAL '5 seconds') GROUP "
        "BY k, window_start")};
    const auto add = [&b](std::int64_t window, std::string_view text) {
        TextStore texts;
        std::vector<Slot> delta(2);
        texts.merge(kMinText, delta[0], text);
        texts.merge(kMaxText, delta[1], text);
        REQUIRE(b.state.apply_delta(key_of("a", window), delta, &texts));
    };
    add(0, "m");
    add(1, "b");
    add(1, "z");
    const Writes results = b.commit();
    REQUIRE(results.size() == 3);
    CHECK(results[1].second->contains(R"("least":"b","s":"z")"));
    b.check_restored(2);
}

TEST_CASE("who looks at hopping windows sees windows, and no panes") {
    testing::StatementWorld world{
        "SELECT k, window_start, sum(v) AS s FROM hop(t, to_timestamp(ms * 0.001), INTERVAL '1 "
        "minute', INTERVAL '3 minutes', grace => INTERVAL '5 seconds', max_ahead => 'never') GROUP "
        "BY k, window_start"};
    const auto listed = [&world](std::size_t most) {
        Shown all;
        StateQuestion question;
        question.max_entries = most;
        StateAnswer answer;
        do {
            answer = world.totals->answer(question);
            Writes page;
            for (const StateEntry& entry : answer.entries) {
                page.emplace_back(entry.key, entry.value);
                question.from_index = entry.index + 1;
            }
            const Shown some = shown(page);
            all.insert(all.end(), some.begin(), some.end());
        } while (answer.more && !answer.entries.empty());
        return all;
    };
    const auto found = [&world](const std::string& start) {
        const StateAnswer answer = world.totals->answer(
            {.kind = StateQuestion::Kind::find, .key = result_key("a", start)});
        CHECK(answer.key_partition.has_value());
        return answer.entries.empty() ? std::string{"none"} : answer.entries[0].value;
    };
    world.add(R"({"k":"a","ms":1000,"v":5})");
    world.add(R"({"k":"a","ms":61000,"v":7})");
    CHECK(listed(10).empty());
    world.commit();
    CHECK(listed(10) == Shown{"a 00:00 12", "a 00:01 7"});
    CHECK(listed(1) == listed(10));
    CHECK(found("1969-12-31T23:58:00Z").contains(R"("s":5})"));
    CHECK(found("1969-12-31T23:59:00Z").contains(R"("s":12})"));
    CHECK(found("1970-01-01T00:02:00Z") == "none");
    CHECK(found("1970-01-01T00:00:30Z") == "none");
    world.add(R"({"k":"a","ms":200000,"v":1})");
    world.commit();
    CHECK(found("1970-01-01T00:00:00Z") == "none");
    CHECK(found("1970-01-01T00:02:00Z").contains(R"("s":1})"));
    CHECK(listed(10) == Shown{"a 00:01 8", "a 00:03 1"});
    CHECK(listed(1) == listed(10));
}

TEST_CASE("panes that go leave their memory, while a step fills and may be taken back") {
    constexpr int kGroups = 2'000;
    Bench b{hopping_job("final")};
    std::size_t most = 0;
    for (std::int64_t minute = 0; minute < 14; ++minute) {
        for (int i = 0; i < kGroups; ++i) {
            // Some come each minute, some never again.
            REQUIRE(b.add((i % 2 == 0 ? "" : std::to_string(minute) + "-") + std::to_string(i),
                          minute, 1));
        }
        b.advance(minute * kMinute + 6'000);
        const OutputBatch out = b.seal();
        const Offset end = b.end;
        REQUIRE(b.add("early", minute + 1, 1));
        REQUIRE(b.add("2", minute, 1));
        b.state.committed();
        testing::compact(b.changelog, writes_to(TopicRole::changelog, out));
        if (minute % 2 == 0) {
            b.state.undo_filling();
            b.end = end;
        }
        (void)b.commit();
        most = std::max(most, b.state.memory_bytes());
        b.check_restored(b.state.keys());
    }
    CHECK(b.state.keys() <= 4 * kGroups + 3);
    b.advance(100 * kMinute);
    (void)b.commit();
    CHECK(b.state.keys() == 0);
    b.check_restored(0);
    CHECK(b.state.memory_bytes() < most / 2);
}

TEST_CASE("a calendar gives what has ended, the earliest first") {
    EndCalendar calendar;
    CHECK_FALSE(calendar.take(100));
    calendar.file(20, 1);
    calendar.file(10, 2);
    calendar.file(20, 3);
    CHECK_FALSE(calendar.any(9));
    CHECK(calendar.any(10));
    CHECK(calendar.count(19) == 1);
    CHECK(calendar.count(20) == 3);
    CHECK_FALSE(calendar.take(9));
    CHECK(calendar.take(25)->key == 2);
    calendar.file(10, 4);
    CHECK(calendar.take(25)->end == 10);
    CHECK(calendar.take(25)->end == 20);
    CHECK(calendar.take(25)->end == 20);
    CHECK_FALSE(calendar.take(25));
    calendar.file(20, 1);
    calendar.clear();
    CHECK_FALSE(calendar.any(100));
}

}  // namespace kstream
