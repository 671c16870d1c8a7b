// The names that dashboards and alerts are built on, and what /metrics makes of a snapshot.
#include "telemetry/metric_table.hpp"

#include "support/cli_fixture.hpp"
#include "support/manual_clock.hpp"
#include "telemetry/exposition.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace kstream::telemetry {
namespace {

using std::chrono::milliseconds;

LoopStatus busy_loop() {
    LoopStatus status;
    status.stage = Stage::totals;
    status.worker = 1;
    status.member.joined = true;
    status.fold.records_read = 12;
    status.fold.bad_records[static_cast<std::size_t>(BadReason::scale)] = 3;
    status.steps.transactions = {7, 1, 0, 0};
    status.phase_seconds = {1.5, 0.25, 0, 0, 0};
    status.steps.commit_seconds.record(0.004);
    status.steps.commit_seconds.record(0.004);
    status.steps.commit_seconds.record(100);
    status.steps.written[static_cast<std::size_t>(TopicRole::changelog)] = {4, 400};
    status.steps.written[static_cast<std::size_t>(TopicRole::dead_letters)] = {2, 20};
    status.state.aggregates = {"sum", "n"};
    status.state.totals = {{.key = "a \"b\" \\c", .values = {2.5, 3}}};
    status.member.partitions = {
        {.partition = PartitionId{0}, .position = 30, .committed = 20, .log_end = 50},
        {.partition = PartitionId{5},
         .position = 9,
         .committed = 60,
         .log_end = 50,
         .lag_seconds = 0,
         .restoring = true}};
    return status;
}

// What a job with windows has besides.
void add_windows(LoopStatus& status) {
    status.fold.late_by_seconds.emplace();
    status.state.open_windows = 4;
    PartitionStatus& first = status.member.partitions[0];
    first.watermark_ms = 1'764'374'400'123;
    first.idle = true;
    first.held_back_by = 3;
    first.watermark_lag_seconds = 90.5;
}

std::string exposed(const SnapshotStore& store) {
    return exposition(store.read(), {"1.2.3", "abc", "2.14.2"}, ProcessStatus{});
}

bool has_line(const std::string& text, const std::string& line) {
    return ("\n" + text).contains("\n" + line + "\n");
}

}  // namespace

TEST_CASE("Metric names are an interface: none of these goes, and all are what they were") {
    const std::set<std::string_view> expected{"kstream_records_read_total",
                                              "kstream_read_bytes_total",
                                              "kstream_records_aggregated_total",
                                              "kstream_tombstones_total",
                                              "kstream_bad_records_total",
                                              "kstream_skipped_records_total",
                                              "kstream_duplicate_steps_total",
                                              "kstream_records_written_total",
                                              "kstream_written_bytes_total",
                                              "kstream_result_value",
                                              "kstream_keys",
                                              "kstream_state_bytes",
                                              "kstream_sets_over",
                                              "kstream_transactions_total",
                                              "kstream_commit_duration_seconds",
                                              "kstream_append_to_commit_seconds",
                                              "kstream_last_commit_timestamp_seconds",
                                              "kstream_producer_rebuilds_total",
                                              "kstream_rebalances_total",
                                              "kstream_partitions_lost_total",
                                              "kstream_loop_seconds_total",
                                              "kstream_restored_records_total",
                                              "kstream_restore_seconds_total",
                                              "kstream_joined",
                                              "kstream_caught_up",
                                              "kstream_snapshot_age_seconds",
                                              "kstream_assigned_partitions",
                                              "kstream_position_offset",
                                              "kstream_committed_offset",
                                              "kstream_log_end_offset",
                                              "kstream_lag_records",
                                              "kstream_lag_seconds",
                                              "kstream_open_transaction_records",
                                              "kstream_restoring",
                                              "kstream_late_records_total",
                                              "kstream_late_by_seconds",
                                              "kstream_open_windows",
                                              "kstream_closed_keys_total",
                                              "kstream_idle_advances_total",
                                              "kstream_watermark_timestamp_seconds",
                                              "kstream_watermark_lag_seconds",
                                              "kstream_watermark_held_by_partition",
                                              "kstream_partition_idle",
                                              "kstream_unassigned_lag_records",
                                              "kstream_produce_made_records_total",
                                              "kstream_produce_records_total",
                                              "kstream_produce_bytes_total",
                                              "kstream_produce_queued_records",
                                              "kstream_produce_queued_bytes",
                                              "kstream_produce_delivery_seconds",
                                              "kstream_produce_waiting",
                                              "kstream_broker_up",
                                              "kstream_broker_rtt_mean_seconds",
                                              "kstream_broker_rtt_p99_seconds",
                                              "kstream_broker_requests_total",
                                              "kstream_broker_errors_total",
                                              "kstream_broker_timeouts_total",
                                              "kstream_broker_disconnects_total",
                                              "kstream_broker_throttle_seconds_total",
                                              "kstream_build_info",
                                              "process_cpu_seconds_total",
                                              "process_resident_memory_bytes",
                                              "process_virtual_memory_bytes",
                                              "process_start_time_seconds",
                                              "process_open_fds",
                                              "process_max_fds"};
    std::vector<std::string_view> names;
    for (const MetricGroup& group : metric_groups()) {
        for (const MetricSpec& spec : group.metrics) {
            names.push_back(spec.name);
            CHECK_FALSE(spec.help.empty());
            // A total of the stream, not a count of events: the name is its own.
            CHECK((spec.name.ends_with("_total") && spec.name != "kstream_result_value") ==
                  (spec.type == MetricType::counter));
        }
    }
    const std::set<std::string_view> all(names.begin(), names.end());
    CHECK(all.size() == names.size());
    CHECK(std::ranges::includes(all, expected));
}

TEST_CASE("Samples have the labels that the table promises") {
    LoopStatus status = busy_loop();
    status.stage = Stage::map;
    status.member.partitions[0].lag_seconds = 1;
    status.member.partitions[0].open_transaction_records = 2;
    add_windows(status);
    const auto check = [](const auto& metrics, const auto& seen, const Labels& base) {
        for (const auto& metric : metrics) {
            INFO(metric.spec.name);
            Samples samples(base);
            metric.sample(seen, samples);
            CHECK_FALSE(samples.list().empty());
            for (const Sample& sample : samples.list()) {
                std::string labels;
                for (const auto& [name, value] : sample.labels) {
                    labels += (labels.empty() ? "" : ",") + std::string(name);
                }
                CHECK(labels == metric.spec.labels);
                CHECK(sample.histogram.has_value() == (metric.spec.type == MetricType::histogram));
            }
        }
    };
    const Labels loop{{"stage", "map"}, {"worker", "1"}};
    check(loop_metrics(), Seen<LoopStatus>{status, 0.5}, loop);
    check(partition_metrics(), status.member.partitions[0],
          {{"stage", "map"}, {"worker", "1"}, {"partition", "0"}});
    check(produce_metrics(), ProduceStatus{}, {});
    check(broker_metrics(),
          BrokerStatus{.name = "b:1", .rtt_mean_seconds = 0.002, .rtt_p99_seconds = 0.004},
          {{"client", "c"}, {"broker", "b:1"}});
    check(process_metrics(), ProcessStatus{}, {});
}

TEST_CASE("A place in /status has the labels of its metric, and no two metrics share one") {
    std::set<std::string> places;
    for (const MetricGroup& group : metric_groups()) {
        for (const MetricSpec& spec : group.metrics) {
            INFO(spec.name);
            const std::string place = spec.place(group.object);
            CHECK((place.empty() || places.insert(place).second));
            if (const std::size_t begin = spec.status.find('{'); begin != std::string::npos) {
                const std::size_t end = spec.status.find('}', begin);
                CHECK(spec.labels.ends_with(spec.status.substr(begin + 1, end - begin - 1)));
            }
        }
    }
    CHECK(places.contains("loops[].written.{role}.bytes"));
    CHECK(places.contains("loops[].partitions[].lag_seconds"));
}

TEST_CASE("A loop's snapshot becomes samples") {
    ManualClock clock;
    SnapshotStore store(clock);
    store.publish(busy_loop());
    clock.advance(milliseconds(1500));
    const std::string text = exposed(store);
    const std::string loop = R"(stage="totals",worker="1")";
    CHECK(has_line(text, "# TYPE kstream_records_read_total counter"));
    CHECK(has_line(text, "kstream_records_read_total{" + loop + "} 12"));
    CHECK_FALSE(text.contains("kstream_bad_records_total{"));
    CHECK(has_line(text, "kstream_transactions_total{" + loop + R"(,result="committed"} 7)"));
    CHECK(has_line(text, "kstream_loop_seconds_total{" + loop + R"(,phase="poll"} 1.5)"));
    CHECK(has_line(text, "kstream_snapshot_age_seconds{" + loop + "} 1.5"));
    CHECK(has_line(text, "kstream_joined{" + loop + "} 1"));
    CHECK(has_line(text, "kstream_assigned_partitions{" + loop + "} 2"));
    CHECK(has_line(text, "kstream_lag_records{" + loop + R"(,partition="0"} 30)"));
    CHECK(has_line(text, "kstream_restoring{" + loop + R"(,partition="5"} 1)"));
    CHECK(has_line(text,
                   R"(kstream_build_info{version="1.2.3",revision="abc",librdkafka="2.14.2"} 1)"));
}

TEST_CASE("What was written is reported by topic, of the stage that writes there") {
    ManualClock clock;
    SnapshotStore store(clock);
    LoopStatus status = busy_loop();
    store.publish(status);
    status.stage = Stage::map;
    store.publish(status);
    const std::string text = exposed(store);
    const std::string totals = R"({stage="totals",worker="1",role=)";
    CHECK(has_line(text, "kstream_records_written_total" + totals + R"("changelog"} 4)"));
    CHECK(has_line(text, "kstream_written_bytes_total" + totals + R"("changelog"} 400)"));
    CHECK(has_line(text, "kstream_records_written_total" + totals + R"("results"} 0)"));
    CHECK_FALSE(text.contains(totals + R"("dead_letters"})"));
    const std::string map = R"({stage="map",worker="1",role=)";
    CHECK(has_line(text, "kstream_records_written_total" + map + R"("dead_letters"} 2)"));
    CHECK(has_line(text, "kstream_records_written_total" + map + R"("repartition"} 0)"));
    CHECK_FALSE(text.contains(R"(role="late")"));  // most jobs have no such topic
    status.steps.written[static_cast<std::size_t>(TopicRole::late)] = {5, 500};
    store.publish(status);
    const std::string windows = exposed(store);
    CHECK(has_line(windows, "kstream_records_written_total" + map + R"("late"} 5)"));
    CHECK(has_line(windows, "kstream_written_bytes_total" + map + R"("late"} 500)"));
}

TEST_CASE("Totals are reported by key and aggregate, with the key escaped") {
    ManualClock clock;
    SnapshotStore store(clock);
    store.publish(busy_loop());
    const std::string text = exposed(store);
    const std::string total =
        R"(kstream_result_value{stage="totals",worker="1",key="a \"b\" \\c",aggregate=)";
    CHECK(has_line(text, total + R"("sum"} 2.5)"));
    CHECK(has_line(text, total + R"("n"} 3)"));
}

TEST_CASE("Bad records are reported by the loops that meet them, by reason") {
    ManualClock clock;
    SnapshotStore store(clock);
    LoopStatus status = busy_loop();
    status.stage = Stage::map;
    store.publish(status);
    const std::string text = exposed(store);
    const std::string bad = R"(kstream_bad_records_total{stage="map",worker="1",reason=)";
    CHECK(has_line(text, bad + R"("scale"} 3)"));
    CHECK(has_line(text, bad + R"("json"} 0)"));
}

TEST_CASE("What is unknown has no sample, and a lag is never negative") {
    ManualClock clock;
    SnapshotStore store(clock);
    store.publish(busy_loop());
    const std::string text = exposed(store);
    CHECK(text.contains(R"(kstream_lag_seconds{stage="totals",worker="1",partition="5"} 0)"));
    CHECK_FALSE(text.contains(R"(kstream_lag_seconds{stage="totals",worker="1",partition="0"})"));
    CHECK_FALSE(text.contains("kstream_open_transaction_records"));
    CHECK(text.contains(R"(kstream_lag_records{stage="totals",worker="1",partition="5"} 0)"));
}

TEST_CASE("Histograms are cumulative and end in +Inf") {
    ManualClock clock;
    SnapshotStore store(clock);
    store.publish(busy_loop());
    const std::string text = exposed(store);
    const std::string prefix =
        R"(kstream_commit_duration_seconds_bucket{stage="totals",worker="1",)";
    CHECK(has_line(text, prefix + R"(le="0.002"} 0)"));
    CHECK(has_line(text, prefix + R"(le="0.005"} 2)"));
    CHECK(has_line(text, prefix + R"(le="30"} 2)"));
    CHECK(has_line(text, prefix + R"(le="+Inf"} 3)"));
    CHECK(has_line(text, R"(kstream_commit_duration_seconds_count{stage="totals",worker="1"} 3)"));
}

TEST_CASE("Windows have metrics, in jobs with windows alone") {
    ManualClock clock;
    SnapshotStore store(clock);
    LoopStatus status = busy_loop();
    store.publish(status);
    for (const char* name : {"kstream_late_by_seconds", "kstream_open_windows",
                             "kstream_watermark_timestamp_seconds", "kstream_watermark_lag_seconds",
                             "kstream_watermark_held_by_partition", "kstream_partition_idle"}) {
        INFO(name);
        CHECK_FALSE(exposed(store).contains(name));
    }
    add_windows(status);
    for (const double late : {0.001, 1.0, 1.001, 59.0, 86'400.0, 86'401.0}) {
        status.fold.late_by_seconds->record(late);
    }
    store.publish(status);
    const std::string text = exposed(store);
    const std::string loop = R"({stage="totals",worker="1")";
    CHECK(has_line(text, "kstream_open_windows" + loop + "} 4"));
    const std::string partition = loop + R"(,partition="0"} )";
    CHECK(has_line(text, "kstream_watermark_lag_seconds" + partition + "90.5"));
    CHECK(has_line(text, "kstream_watermark_held_by_partition" + partition + "3"));
    CHECK(has_line(text, "kstream_partition_idle" + partition + "1"));
    CHECK_FALSE(text.contains("kstream_partition_idle" + loop + R"(,partition="5"})"));
    const std::string bucket = "kstream_late_by_seconds_bucket" + loop + ",le=";
    CHECK(has_line(text, bucket + R"("1"} 2)"));
    CHECK(has_line(text, bucket + R"("10"} 3)"));
    CHECK(has_line(text, bucket + R"("60"} 4)"));
    CHECK(has_line(text, bucket + R"("3600"} 4)"));
    CHECK(has_line(text, bucket + R"("86400"} 5)"));
    CHECK(has_line(text, bucket + R"("+Inf"} 6)"));
}

TEST_CASE("Producer and clients have their metrics") {
    ManualClock clock;
    SnapshotStore store(clock);
    ProduceStatus produce;
    produce.acknowledged = 10;
    produce.unknown = 2;
    produce.waiting = true;
    store.publish(produce);
    store.publish(ClientStatus{
        "map-0-consumer", {{.name = "b:1", .up = true, .rtt_mean_seconds = 0.002, .requests = 9}}});
    const std::string text = exposed(store);
    CHECK(has_line(text, R"(kstream_produce_records_total{result="unknown"} 2)"));
    CHECK(has_line(text, "kstream_produce_waiting 1"));
    CHECK(has_line(
        text, R"(kstream_broker_rtt_mean_seconds{client="map-0-consumer",broker="b:1"} 0.002)"));
    CHECK_FALSE(text.contains("kstream_broker_rtt_p99_seconds{"));
    CHECK_FALSE(text.contains("kstream_records_read_total"));
}

TEST_CASE("promtool has nothing to say about the metrics, all of them") {
    // Without the way through a folder that need not be there.
    const std::string own =
        std::filesystem::path(KSTREAM_TEST_DATA "/../../../build/deps/bin/promtool")
            .lexically_normal();
    const std::string tool = std::filesystem::exists(own) ? own : "promtool";
    INFO("promtool is brought by scripts/setup.sh");
    REQUIRE(std::system((tool + " --version >/dev/null 2>&1").c_str()) == 0);
    ManualClock clock;
    SnapshotStore store(clock);
    LoopStatus status = busy_loop();
    status.member.partitions[0].open_transaction_records = 1;
    add_windows(status);
    store.publish(status);
    status.stage = Stage::map;
    store.publish(status);
    store.set_unassigned({{PartitionId{6}, 12}});
    store.publish(ProduceStatus{});
    store.publish(
        ClientStatus{"c", {{.name = "b:1", .rtt_mean_seconds = 0.002, .rtt_p99_seconds = 0.004}}});
    const std::string text = exposed(store);
    CHECK(has_line(text, R"(kstream_unassigned_lag_records{partition="6"} 12)"));
    for (const MetricGroup& group : metric_groups()) {
        for (const MetricSpec& spec : group.metrics) {
            INFO(spec.name);
            CHECK(text.contains("# HELP " + std::string(spec.name) + " "));
        }
    }
    const cli::TemporaryFile metrics(text);
    std::FILE* const checker =
        ::popen((tool + " check metrics <" + metrics.path() + " 2>&1").c_str(), "r");
    REQUIRE(checker != nullptr);
    std::string said;
    for (int c = 0; (c = std::fgetc(checker)) != EOF;) {
        said += static_cast<char>(c);
    }
    ::pclose(checker);
    CHECK(said.empty());
}

TEST_CASE("The help and the document name every metric") {
    for (const MetricGroup& group : metric_groups()) {
        for (const MetricSpec& spec : group.metrics) {
            CHECK(metrics_help().contains("  " + std::string(spec.name)));
            CHECK(metrics_doc().contains("| `" + std::string(spec.name) + "` |"));
        }
    }
}

TEST_CASE("The process says what it uses") {
    const ProcessStatus status = read_process_status();
    CHECK(status.resident_bytes > 1'000'000);
    CHECK(status.virtual_bytes >= status.resident_bytes);
    CHECK(status.open_files >= 3);
    CHECK(status.max_files >= status.open_files);
    const auto now =
        std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch());
    CHECK(status.start_time_seconds > 1e9);
    CHECK(status.start_time_seconds <= now.count() + 1);
}

TEST_CASE("The store keeps the latest snapshot of each, and a bounded number of clients") {
    ManualClock clock;
    SnapshotStore store(clock);
    LoopStatus status = busy_loop();
    store.publish(status);
    status.fold.records_read = 13;
    store.publish(status);
    status.stage = Stage::map;
    store.publish(status);
    for (std::size_t i = 0; i < SnapshotStore::kMaxClients + 10; ++i) {
        store.publish(ClientStatus{"client-" + std::to_string(i), {}});
    }
    const Snapshots snapshots = store.read();
    REQUIRE(snapshots.loops.size() == 2);
    CHECK(snapshots.loops[0].status->stage == Stage::map);
    CHECK(snapshots.loops[1].status->fold.records_read == 13);
    CHECK(snapshots.clients.size() == SnapshotStore::kMaxClients);
}

TEST_CASE("A reader always sees a whole snapshot") {
    ManualClock clock;
    SnapshotStore store(clock);
    std::thread writer([&store] {
        LoopStatus status;
        for (std::uint64_t i = 1; i <= 2000; ++i) {
            status.fold.records_read = i;
            status.fold.bytes_read = i * 10;
            store.publish(status);
        }
    });
    std::uint64_t last = 0;
    bool whole = true;
    while (last < 2000) {
        for (const auto& snapshot : store.read().loops) {
            whole = whole &&
                    snapshot.status->fold.bytes_read == snapshot.status->fold.records_read * 10 &&
                    snapshot.status->fold.records_read >= last;
            last = snapshot.status->fold.records_read;
        }
    }
    writer.join();
    CHECK(whole);
}

}  // namespace kstream::telemetry
