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
