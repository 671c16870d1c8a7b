// /status: rates and quantiles are differences between snapshots, and unknown is null.
#include "telemetry/status_json.hpp"

#include "support/manual_clock.hpp"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <string>

namespace kstream::telemetry {
namespace {

using Catch::Approx;
using std::chrono::milliseconds;
using std::chrono::seconds;

StatusFacts facts() {
    StatusFacts facts;
    facts.command = "aggregate";
    facts.application_id = "a\"b";
    facts.group_by = {"id_vendedor"};
    facts.aggregates = {"soma", "n"};
    facts.http = "host:1";
    facts.build = {"1.2.3", "abc", "2.14.2"};
    return facts;
}

std::string shown(const SnapshotStore& store, double now = 1000) {
    ProcessStatus process;
    process.start_time_seconds = 900;
    return status_json(store.read(), facts(), process, now);
}

LoopStatus map_loop() {
    LoopStatus status;
    status.member.joined = true;
    status.member.partitions = {
        {.partition = PartitionId{3}, .position = 9, .committed = 7, .log_end = 10}};
    return status;
}

}  // namespace

TEST_CASE("An empty process has a status, too") {
    ManualClock clock;
    const SnapshotStore store(clock);
    const std::string text = shown(store);
    CHECK(text.contains(R"("application_id":"a\"b")"));
    CHECK(text.contains(R"("uptime_seconds":100,)"));
    CHECK(text.contains(R"("ready":false,"readiness":"starting")"));
    CHECK(text.contains(R"("loops":[],"unassigned":[],"produce":null,"clients":[]})"));
    CHECK(text.ends_with("}\n"));
}

TEST_CASE("Rates are those of the last five seconds, whoever asked before") {
    ManualClock clock;
    SnapshotStore store(clock);
    LoopStatus status = map_loop();
    for (int second = 0; second <= 20; ++second) {
        status.fold.records_read += second < 14 ? 1 : 100;
        status.phase_seconds[0] += 0.75;
        status.phase_seconds[1] += 0.25;
        store.publish(status);
        (void)shown(store);
        clock.advance(seconds(second < 20 ? 1 : 0));
    }
    const std::string text = shown(store);
    CHECK(text.contains(R"("records_read_per_second":100,)"));
    CHECK(text.contains(R"("commits_per_second":0})"));
    CHECK(text.contains(R"("phases":{"poll":0.75,"fold":0.25,"seal":0,"restore":0,"other":0})"));
}

TEST_CASE("A process that has just begun has no rates, and so has one that has fallen silent") {
    ManualClock clock;
    SnapshotStore store(clock);
    LoopStatus status = map_loop();
    status.fold.records_read = 5;
    store.publish(status);
    CHECK(shown(store).contains(R"("records_read_per_second":null)"));
    CHECK(shown(store).contains(R"("phases":null)"));
    clock.advance(seconds(1));
    status.fold.records_read = 7;
    store.publish(status);
    CHECK(shown(store).contains(R"("records_read_per_second":2)"));
    clock.advance(milliseconds(3500));
    CHECK(shown(store).contains(R"("records_read_per_second":null)"));
    CHECK(shown(store).contains(R"("snapshot_age_seconds":3.5)"));
}

TEST_CASE("Partitions say what is known and null for what is not") {
    ManualClock clock;
    SnapshotStore store(clock);
    store.publish(map_loop());
    CHECK(shown(store).contains(
        R"({"partition":3,"position":9,"committed":7,"log_end":10,"lag_records":3,)"
        R"("lag_seconds":null,"open_transaction_records":null,"watermark_time":null,)"
        R"("watermark_lag_seconds":null,"held_back_by":null,"idle":null,"restoring":false})"));
}

TEST_CASE("Counters, results and reasons stand under their names") {
    ManualClock clock;
    SnapshotStore store(clock);
    LoopStatus status = map_loop();
    status.fold.bad_records[static_cast<std::size_t>(BadReason::scale)] = 4;
    status.steps.transactions = {5, 1, 0, 2};
    status.steps.written[static_cast<std::size_t>(TopicRole::dead_letters)] = {4, 400};
    status.steps.last_commit_wall_seconds = 998.5;
    store.publish(status);
    store.publish(ClientStatus{"map-0-consumer", {{.name = "b\n:1", .up = true}}});
    const std::string text = shown(store);
    CHECK(text.contains(R"("scale":4,)"));
    CHECK(text.contains(R"("transactions":{"committed":5,"aborted":1,"uncertain":0,"fenced":2})"));
    CHECK(text.contains(R"("dead_letters":{"records":4,"bytes":400})"));
    CHECK(text.contains(R"("last_commit_time":998.5,)"));
    CHECK(text.contains(R"("last_commit_age_seconds":1.5})"));
    CHECK(text.contains(R"("caught_up":false,)"));
    store.publish(map_loop());
    CHECK(shown(store).contains(R"("last_commit_time":null,)"));
    LoopStatus totals = map_loop();
    totals.stage = Stage::totals;  // it reads what map loops have written
    store.publish(totals);
    CHECK(shown(store).contains(R"("bad_records":{},)"));
    CHECK(text.contains(R"({"broker":"b\n:1","up":true,"rtt_mean_seconds":null)"));
}

TEST_CASE("A producer has its own part") {
    ManualClock clock;
    SnapshotStore store(clock);
    ProduceStatus status;
    store.publish(status);
    clock.advance(seconds(2));
    status.made = 30;
    status.acknowledged = 20;
    status.bytes = 4000;
    status.delivery_seconds.record(0.004);
    store.publish(status);
    const std::string text = shown(store);
    CHECK(text.contains(
        R"("rates":{"made_per_second":15,"acknowledged_per_second":10,"bytes_per_second":2000})"));
    CHECK(text.contains(R"("delivery_seconds":{"p50":0.0035,)"));
}

TEST_CASE("Quantiles are of what came between, linear within a bucket") {
    LatencyCounts before;
    before.record(20);
    LatencyCounts after = before;
    CHECK_FALSE(quantile_between(before, after, 0.5));
    for (int i = 0; i < 100; ++i) {
        after.record(i < 50 ? 0.0005 : 0.09);
    }
    CHECK(quantile_between(before, after, 0.25).value() == Approx(0.0005));
    CHECK(quantile_between(before, after, 0.5).value() == Approx(0.001));
    CHECK(quantile_between(before, after, 0.75).value() == Approx(0.075));
    CHECK(quantile_between(before, after, 1.0).value() == Approx(0.1));
    LatencyCounts slow;
    slow.record(1000);
    CHECK(quantile_between(LatencyCounts{}, slow, 0.5).value() == Approx(30));
    LatenessCounts late;
    late.record(30);
    late.record(40 * 86'400);
    CHECK(quantile_between(LatenessCounts{}, late, 0.25).value() == Approx(35));
    CHECK(quantile_between(LatenessCounts{}, late, 1.0).value() == Approx(86'400));
}

TEST_CASE("How late records of the last minute were is known of a job with windows") {
    ManualClock clock;
    SnapshotStore store(clock);
    LoopStatus status = map_loop();
    store.publish(status);
    CHECK(shown(store).contains(R"("late_by_seconds":null,)"));
    CHECK(shown(store).contains(R"("open_windows":null,)"));

    SnapshotStore with_windows(clock);
    status.fold.late_by_seconds.emplace();
    status.member.partitions[0].idle = false;
    with_windows.publish(status);
    CHECK(shown(with_windows).contains(R"("late_by_seconds":{"p50":null,)"));
    clock.advance(seconds(2));
    status.fold.late_by_seconds->record(0.5);
    with_windows.publish(status);
    CHECK(shown(with_windows).contains(R"("late_by_seconds":{"p50":0.5,)"));
    CHECK(shown(with_windows).contains(R"("idle":false,"restoring")"));
}

TEST_CASE("What was long ago is kept for a minute and not longer") {
    Recent<int> recent;
    Instant now;
    for (int i = 0; i < 300; ++i) {
        recent.add(now, i);
        now = now + milliseconds(500);
    }
    CHECK(recent.before(now, seconds(5))->counters == 290);
    const auto oldest = recent.before(now, seconds(1000));
    CHECK(now - oldest->at >= seconds(60));
    CHECK(now - oldest->at < seconds(63));
}

}  // namespace kstream::telemetry
