// The parts of `produce` that need no broker: schedule, progress, report.
#include "produce/progress.hpp"
#include "produce/report.hpp"
#include "produce/send_schedule.hpp"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <thread>

namespace kstream::produce {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr Instant kBegin{5'000'000'000};

ProduceReport report_with(std::uint64_t made, std::uint64_t acknowledged) {
    ProduceReport report;
    report.topic = "orders";
    report.seed = 7;
    report.start_time_s = 1'700'000'000;
    report.users = 1000;
    report.sellers = 3;
    report.locations = 50;
    report.count = made;
    report.made = made;
    report.counts.acknowledged = acknowledged;
    report.counts.acknowledged_bytes = acknowledged * 334;
    report.seconds = 2;
    for (std::uint64_t i = 1; i <= acknowledged; ++i) {
        report.latency_us.record(i * 100);
    }
    return report;
}

}  // namespace

TEST_CASE("a schedule gives every record its time, whatever became of the others") {
    const SendSchedule schedule(kBegin, 1000);
    CHECK(schedule.due(0) == kBegin);
    CHECK(schedule.due(1) == kBegin + milliseconds(1));
    CHECK(schedule.due(86'400'000) == kBegin + seconds(86'400));
    const SendSchedule slow(kBegin, 0.001);
    CHECK(slow.due(3) == kBegin + seconds(3000));
}

TEST_CASE("a schedule counts what is due strictly before an instant") {
    const SendSchedule schedule(kBegin, 1000);
    CHECK(schedule.due_before(kBegin + nanoseconds(-1)) == 0);
    CHECK(schedule.due_before(kBegin) == 0);
    CHECK(schedule.due_before(kBegin + nanoseconds(1)) == 1);
    CHECK(schedule.due_before(kBegin + milliseconds(1)) == 1);
    CHECK(schedule.due_before(kBegin + seconds(10)) == 10'000);
}

TEST_CASE("counting and due times of a schedule agree at rates that do not divide a second") {
    for (const double rate : {3.0, 7.0, 999.0, 12345.678, 333'333.0, 1e7, 0.7}) {
        const SendSchedule schedule(kBegin, rate);
        for (std::uint64_t record = 0; record < 5000; ++record) {
            const Instant due = schedule.due(record);
            REQUIRE(schedule.due_before(due) <= record);
            REQUIRE(schedule.due_before(due + nanoseconds(1)) >= record + 1);
        }
    }
}

TEST_CASE("the board adds up what the workers post last") {
    ProgressBoard board(2);
    ProduceStatus status;
    status.made = 10;
    status.acknowledged = 4;
    status.queued_records = 6;
    status.queued_bytes = 600;
    board.post(0, status);
    status.made = 5;
    status.acknowledged = 5;
    status.queued_records = 0;
    status.queued_bytes = 0;
    status.waiting = true;
    status.delivery_seconds.record(0.003);
    board.post(1, status);
    board.post(1, status);
    const ProduceStatus total = board.total();
    CHECK(total.made == 15);
    CHECK(total.acknowledged == 9);
    CHECK(total.queued_records == 6);
    CHECK(total.queued_bytes == 600);
    CHECK(total.waiting);
    CHECK(total.delivery_seconds.count == 1);
}

TEST_CASE("the board is finished when every worker is") {
    ProgressBoard board(2);
    board.finish();
    CHECK_FALSE(board.wait_finished(milliseconds(1)));
    std::jthread last([&board] { board.finish(); });
    CHECK(board.wait_finished(seconds(10)));
}

TEST_CASE("a stall is reported once when it begins and once when it ends") {
    using Event = StallWatch::Event;
    StallWatch watch(kBegin, seconds(3));
    CHECK(watch.observe(kBegin + seconds(1), 10, 5) == Event::none);
    CHECK(watch.observe(kBegin + seconds(3), 10, 5) == Event::none);
    CHECK(watch.observe(kBegin + seconds(4), 10, 5) == Event::waiting);
    CHECK(watch.waiting());
    CHECK(watch.observe(kBegin + seconds(60), 10, 5) == Event::none);
    CHECK(watch.observe(kBegin + seconds(61), 11, 4) == Event::resumed);
    CHECK_FALSE(watch.waiting());
    CHECK(watch.observe(kBegin + seconds(62), 11, 4) == Event::none);
    CHECK(watch.observe(kBegin + seconds(64), 11, 4) == Event::waiting);
}

TEST_CASE("nothing outstanding is no stall, however long") {
    using Event = StallWatch::Event;
    StallWatch watch(kBegin, seconds(3));
    CHECK(watch.observe(kBegin + seconds(100), 0, 0) == Event::none);
    // The clock of a stall starts with the first record that waits, not with the last answer.
    CHECK(watch.observe(kBegin + seconds(101), 0, 1) == Event::none);
    CHECK(watch.observe(kBegin + seconds(102), 0, 1) == Event::none);
    CHECK(watch.observe(kBegin + seconds(103), 0, 1) == Event::waiting);
}

TEST_CASE("a stall that ends because all was given up is over and not resumed") {
    using Event = StallWatch::Event;
    StallWatch watch(kBegin, seconds(3));
    CHECK(watch.observe(kBegin + seconds(3), 0, 5) == Event::waiting);
    CHECK(watch.observe(kBegin + seconds(4), 0, 0) == Event::none);
    CHECK_FALSE(watch.waiting());
}

TEST_CASE("only a run whose records were all acknowledged ends with ok") {
    CHECK(exit_code_of(report_with(100, 100)) == ExitCode::ok);
    CHECK(exit_code_of(report_with(0, 0)) == ExitCode::ok);
    CHECK(exit_code_of(report_with(100, 99)) == ExitCode::incomplete);
}

TEST_CASE("a run that made less than was asked for, and was not cut off, is incomplete") {
    ProduceReport report = report_with(100, 100);
    report.asked = 100;
    CHECK(exit_code_of(report) == ExitCode::ok);
    report.asked = 101;
    CHECK(exit_code_of(report) == ExitCode::incomplete);
    report.cut_off = true;
    CHECK(exit_code_of(report) == ExitCode::ok);
}

TEST_CASE("the report for people says what is certain and how to repeat the run") {
    CHECK(to_text(report_with(1000, 1000)) ==
          "made         1000\n"
          "acknowledged 1000\n"
          "failed       0\n"
          "unknown      0\n"
          "seconds      2.00\n"
          "records/s    500\n"
          "MB/s         0.2\n"
          "latency ms   p50 50.0  p99 99.1  p99.9 100.0  max 100.0  "
          "(delivery, from the making of the record)\n"
          "same records --seed 7 --start-time 1700000000 --users 1000 --sellers 3 "
          "--locations 50 --count 1000\n");
    ProduceReport report = report_with(1000, 900);
    report.counts.failed = 40;
    report.counts.unknown = 60;
    report.behind = 12;
    report.rate = 500.5;
    report.count.reset();
    report.asked = 1500;
    report.skew = Skew::zipf;
    report.form = TransactionForm::nested;
    const std::string text = to_text(report);
    CHECK(text.ends_with("--locations 50 --skew zipf --form nested\n"));
    CHECK(text.starts_with("made         1000  (of 1500 asked for)\nacknowledged 900\n"));
    CHECK(text.find("failed       40  (certainly not in the log)\n") != std::string::npos);
    CHECK(text.find("unknown      60  (sent, not surely answered: may be in the log)\n") !=
          std::string::npos);
    CHECK(text.find("not made     12  (due before the end: the rate was not kept)\n") !=
          std::string::npos);
    CHECK(text.find("(delivery, from the intended time)") != std::string::npos);
    CHECK(text.find("--count") == std::string::npos);
}

TEST_CASE("the report for machines is one JSON object on one line") {
    ProduceReport report = report_with(10, 10);
    CHECK(to_json(report) ==
          R"({"topic":"orders","made":10,"acknowledged":10,"failed":0,"unknown":0,"behind":0,)"
          R"("seconds":2.000000,"records_per_second":5.0,"bytes":3340,)"
          R"("megabytes_per_second":0.002,)"
          R"("latency_ms":{"p50":0.500,"p99":1.000,"p99_9":1.000,"max":1.000},)"
          R"("latency_from":"made","seed":7,"start_time":1700000000,"users":1000,"sellers":3,)"
          R"("locations":50,"skew":"even","count":10,"rate":null,"threads":1,"asked":null,)"
          R"("shape":"transactions","form":"flat","out_of_order":0.000000,)"
          R"("out_of_order_by":null})"
          "\n");
    report.count.reset();
    report.rate = 20000;
    report.asked = 11;
    const std::string json = to_json(report);
    CHECK(json.find(R"("count":null,"rate":20000,)") != std::string::npos);
    CHECK(json.find(R"("made":10,"acknowledged":10,)") != std::string::npos);
    CHECK(json.find(R"("asked":11)") != std::string::npos);
    CHECK(json.find(R"("latency_from":"intended_time")") != std::string::npos);
}

TEST_CASE("the report of another shape names what repeats it, and nothing that it does not have") {
    ProduceReport report = report_with(10, 10);
    report.shape = Shape::nexmark;
    report.out_of_order_millionths = 12'500;
    report.out_of_order_by = milliseconds(2500);
    CHECK(to_text(report).ends_with(
        "same records --shape nexmark --seed 7 --start-time 1700000000 --out-of-order 0.012500 "
        "--out-of-order-by 2500ms --count 10\n"));
    CHECK(to_json(report).ends_with(
        R"("seed":7,"start_time":1700000000,"users":null,"sellers":null,"locations":null,)"
        R"("skew":null,"count":10,"rate":null,"threads":1,"asked":null,"shape":"nexmark",)"
        R"("form":null,"out_of_order":0.012500,"out_of_order_by":2.5})"
        "\n"));
}

TEST_CASE("the progress line shows what is made, acknowledged and queued") {
    ProduceStatus status;
    status.made = 300;
    status.acknowledged = 200;
    status.queued_records = 100;
    status.queued_bytes = 31'400'000;
    CHECK(progress_line(status, 1234.4) ==
          "made 300  acknowledged 200  1234/s  queued 100 (31.4 MB)");
    status.waiting = true;
    CHECK(progress_line(status, 0).ends_with("queue full"));
}

}  // namespace kstream::produce
