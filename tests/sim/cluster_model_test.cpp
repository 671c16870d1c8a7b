// What the model of the cluster promises: the parts of Kafka's behaviour that the protocol rests
// on.
#include "sim/cluster.hpp"
#include "sim/history.hpp"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace kstream::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr TopicPartition kResults{TopicRole::results, PartitionId{0}};
const std::string kId = "totals-a";

Swarm quiet() {
    Swarm swarm;
    swarm.session_timeout = seconds{10};
    swarm.rebalance_timeout = seconds{10};
    swarm.transaction_timeout = seconds{10};
    swarm.timeout_scan = seconds{1};
    swarm.request_timeout = seconds{1};
    return swarm;
}

// A member of the totals group that answers nothing.
struct Silent final : GroupClient {
    void on_join(std::uint64_t, Code code, std::int32_t generation_in) override {
        if (code == Code::none) {
            generation = generation_in;
        }
    }
    void on_sync(std::uint64_t, Code, const std::vector<PartitionId>&) override {}
    void on_heartbeat(std::uint64_t, Code) override {}
    std::int32_t generation = -1;
};

struct Bench {
    void run_for(Duration span) {
        bool over = false;
        schedule.after(span, kCluster, [&over] { over = true; });
        while (!over) {
            schedule.run_next();
        }
    }
    ProducerId init() {
        const auto [code, producer] = cluster.transactions().init(kId);
        REQUIRE(code == Code::none);
        return producer;
    }
    // One record in the results, in a transaction that is begun for it.
    Code write(const ProducerId& producer, std::int64_t sequence) {
        const Code added = cluster.transactions().add_partitions(kId, producer, {kResults});
        return added == Code::none ? produce(producer, sequence) : added;
    }
    Code produce(const ProducerId& producer, std::int64_t sequence) {
        OutputBatch batch;
        batch.append(TopicRole::results, PartitionId{0}, "k", "v");
        const std::vector<std::uint32_t> all{0};
        return cluster.produce(kId, kResults, {producer, sequence, &batch, &all, 0});
    }
    Code commit_offsets(const ProducerId& producer, std::int32_t generation) {
        const Code added = cluster.transactions().add_offsets(kId, producer, group.name());
        return added == Code::none
                   ? cluster.commit_offsets(kId, TopicRole::repartition, producer, member,
                                            generation, {{PartitionId{0}, Offset{7}}}, "")
                   : added;
    }
    Code end(const ProducerId& producer, bool commit) {
        return cluster.transactions().end(kId, producer, commit);
    }
    [[nodiscard]] std::size_t visible() {
        std::vector<RecordView> records;
        log.read(PartitionId{0}, Offset{0}, 100, records);
        return records.size();
    }
    Code committed(std::optional<Offset>& offset) {
        std::vector<std::optional<Group::Committed>> out;
        const Code code = group.fetch({PartitionId{0}}, out);
        if (code == Code::none && out[0]) {
            offset = out[0]->offset;
        }
        return code;
    }
    std::int32_t join() {
        group.join(member, true, {}, {&client, kCluster, 1});
        run_for(seconds{1});
        REQUIRE(client.generation > 0);
        return client.generation;
    }

    const Swarm swarm = quiet();
    Schedule schedule;
    VirtualClock clock{schedule};
    Tally tally{schedule};
    Cluster cluster{schedule, swarm, tally, clock};
    PartitionLog& log = cluster.log(TopicRole::results, PartitionId{0});
    Group& group = cluster.group(TopicRole::repartition);
    Silent client;
    MemberName member{"m", ""};
};

}  // namespace

TEST_CASE("records become visible with the marker, and never when they are aborted") {
    for (const bool commit : {true, false}) {
        Bench b;
        const ProducerId producer = b.init();
        REQUIRE(b.write(producer, 0) == Code::none);
        CHECK(b.visible() == 0);
        REQUIRE(b.end(producer, commit) == Code::none);
        CHECK(b.visible() == 0);
        b.run_for(seconds{1});
        CHECK(b.visible() == (commit ? 1 : 0));
        CHECK(b.log.last_stable() == b.log.end());
    }
}

TEST_CASE("an open transaction holds back what stands behind it") {
    Bench b;
    const ProducerId producer = b.init();
    REQUIRE(b.write(producer, 0) == Code::none);
    b.log.append("other", "v", 0);
    CHECK(b.log.last_stable() == Offset{0});
    CHECK(b.log.end() == Offset{2});
    CHECK(b.visible() == 0);
    REQUIRE(b.end(producer, false) == Code::none);
    b.run_for(seconds{1});
    CHECK(b.visible() == 1);
}

TEST_CASE("a new producer of the same id ends the open transaction and fences the old one") {
    Bench b;
    const ProducerId old = b.init();
    REQUIRE(b.write(old, 0) == Code::none);
    CHECK(b.cluster.transactions().init(kId).code == Code::concurrent_transactions);
    b.run_for(seconds{1});
    const ProducerId next = b.init();
    CHECK(next.epoch > old.epoch);
    CHECK(b.end(old, true) == Code::producer_fenced);
    CHECK(b.write(old, 1) == Code::producer_fenced);
    CHECK(b.produce(old, 1) != Code::none);
    CHECK(b.visible() == 0);
}

TEST_CASE("a batch that comes again is acknowledged and not appended") {
    Bench b;
    const ProducerId producer = b.init();
    REQUIRE(b.write(producer, 0) == Code::none);
    CHECK(b.produce(producer, 0) == Code::none);
    CHECK(b.log.end() == Offset{1});
    CHECK(b.produce(producer, 2) == Code::out_of_order_sequence);
}

TEST_CASE("a batch that comes after the end of its transaction is refused") {
    Bench b;
    const ProducerId producer = b.init();
    REQUIRE(b.cluster.transactions().add_partitions(kId, producer, {kResults}) == Code::none);
    REQUIRE(b.end(producer, false) == Code::none);
    b.run_for(seconds{1});
    CHECK(b.produce(producer, 0) == Code::invalid_txn_state);
}

TEST_CASE("a late EndTxn ends the next transaction of the same epoch (KAFKA-17754)") {
    Bench b;
    const ProducerId producer = b.init();
    REQUIRE(b.write(producer, 0) == Code::none);
    REQUIRE(b.end(producer, false) == Code::none);
    b.run_for(seconds{1});
    REQUIRE(b.write(producer, 1) == Code::none);
    CHECK(b.end(producer, true) == Code::none);
}

TEST_CASE("a transaction that takes too long is aborted and its producer fenced") {
    Bench b;
    const ProducerId producer = b.init();
    REQUIRE(b.write(producer, 0) == Code::none);
    b.run_for(seconds{13});
    CHECK(b.log.last_stable() == b.log.end());
    CHECK(b.end(producer, true) == Code::producer_fenced);
    CHECK(b.visible() == 0);
}

TEST_CASE("offsets are pending until their transaction ends, and nobody reads past that") {
    for (const bool commit : {true, false}) {
        Bench b;
        const std::int32_t generation = b.join();
        const ProducerId producer = b.init();
        REQUIRE(b.commit_offsets(producer, generation) == Code::none);
        std::optional<Offset> offset;
        CHECK(b.committed(offset) == Code::unstable_offset_commit);
        REQUIRE(b.end(producer, commit) == Code::none);
        b.run_for(seconds{1});
        CHECK(b.committed(offset) == Code::none);
        CHECK(offset == (commit ? std::optional{Offset{7}} : std::nullopt));
    }
}

TEST_CASE("offsets of another generation or of a stranger are refused, of nobody taken (P5)") {
    Bench b;
    const std::int32_t generation = b.join();
    const ProducerId producer = b.init();
    CHECK(b.commit_offsets(producer, generation - 1) == Code::illegal_generation);
    b.member.id = "stranger";
    CHECK(b.commit_offsets(producer, generation) == Code::unknown_member_id);
    b.member.id.clear();
    CHECK(b.commit_offsets(producer, -1) == Code::none);
}

TEST_CASE("a member that is not heard of is dropped, and its generation ends with it") {
    Bench b;
    const std::int32_t generation = b.join();
    b.run_for(seconds{11});
    const ProducerId producer = b.init();
    CHECK(b.commit_offsets(producer, generation) == Code::unknown_member_id);
}

TEST_CASE("compaction keeps the newest record of each key, and every offset") {
    Bench b;
    for (const char* const key : {"a", "b", "a", "a", "c"}) {
        b.log.append(key, "v", 0);
    }
    b.log.compact(2);
    std::vector<RecordView> records;
    CHECK(b.log.read(PartitionId{0}, Offset{0}, 100, records) == Offset{5});
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
