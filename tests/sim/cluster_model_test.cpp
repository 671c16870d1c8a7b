// What the simulator promises beyond what brokers answer: that is in data/cluster_contract.txt.
#include "sim/history.hpp"
#include "sim/partition_log.hpp"
#include "sim/schedule.hpp"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <cstdint>
#include <vector>

namespace kstream::sim {

using std::chrono::seconds;

TEST_CASE("compaction keeps the newest record of each key, and every offset") {
    PartitionLog log;
    for (const char* const key : {"a", "b", "a", "a", "c"}) {
        log.append(key, "v", 0);
    }
    log.compact(2);
    std::vector<RecordView> records;
    CHECK(log.read(PartitionId{0}, Offset{0}, 100, records) == Offset{5});
    std::vector<std::int64_t> offsets;
    for (const RecordView& record : records) {
        offsets.push_back(record.record_offset.value);
    }
    CHECK(offsets == std::vector<std::int64_t>{1, 2, 3, 4});
}

TEST_CASE("an unclean election takes whole transactions, and what the leader knew of producers") {
    PartitionLog log;
    OutputBatch batch;
    batch.append(TopicRole::changelog, PartitionId{0}, "k", "v");
    const std::vector<std::uint32_t> all{0};
    const ProducerId producer{1, 0};
    REQUIRE(log.append({producer, 0, &batch, &all, 0}) == Code::none);
    log.marker(producer, true, 0);
    REQUIRE(log.append({producer, 1, &batch, &all, 0}) == Code::none);
    log.append("other", "v", 0);
    log.marker(producer, true, 0);
    CHECK_FALSE(log.cut(Offset{5}));
    REQUIRE(log.cut(Offset{4}));  // the second transaction's end
    CHECK(log.end() == Offset{2});
    CHECK(log.last_stable() == Offset{2});
    CHECK(log.append({producer, 2, &batch, &all, 0}) == Code::out_of_order_sequence);
    CHECK(log.append({producer, 1, &batch, &all, 0}) == Code::none);
    REQUIRE(log.cut(Offset{1}));  // the first one's end; the second one is open
    CHECK(log.end() == Offset{0});
    CHECK(log.append({producer, 7, &batch, &all, 0}) == Code::none);
    CHECK(log.last_stable() == Offset{0});
}

TEST_CASE("the actions of a stopped process happen when it goes on, of a dead one never") {
    Schedule schedule;
    const Owner stopped = schedule.add_owner();
    const Owner dead = schedule.add_owner();
    std::vector<std::int64_t> at;
    const auto note = [&] { at.push_back((schedule.now() - Instant{1'000'000'000}) / seconds{1}); };
    schedule.after(seconds{1}, stopped, note);
    schedule.after(seconds{2}, dead, note);
    schedule.after(seconds{3}, kCluster, note);
    schedule.stop(stopped, schedule.now() + seconds{5});
    schedule.kill(dead);
    while (schedule.run_next()) {
    }
    CHECK(at == std::vector<std::int64_t>{3, 5});
}

TEST_CASE("the same seed is the same history, another one is another") {
    Replay replay;
    replay.seed = 42;
    const Outcome first = run_history(replay);
    CHECK_FALSE(first.failure);
    CHECK(run_history(replay).hash == first.hash);
    replay.seed = 43;
    CHECK(run_history(replay).hash != first.hash);
}

TEST_CASE("a history without faults has none, and drains") {
    Replay replay;
    replay.seed = 42;
    replay.most_faults = 0;
    const Outcome outcome = run_history(replay);
    CHECK_FALSE(outcome.failure);
    CHECK(outcome.total_faults == 0);
    CHECK(outcome.drained);
}

}  // namespace kstream::sim
