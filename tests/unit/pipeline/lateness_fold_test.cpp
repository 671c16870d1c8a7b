// Which records of a job with windows are judged for being late, and by which clock.
#include "kstream/pipeline/lateness_fold.hpp"

#include "process/zone_file.hpp"
#include "support/fakes/memory_log.hpp"
#include "support/fakes/statement_job.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kstream {
namespace {

using testing::MemoryLog;

class Region final : public HeaderReader {
public:
    [[nodiscard]] Result<std::vector<HeaderView>> headers(const RecordView&) const override {
        return std::vector<HeaderView>{{"region", "south"}};
    }
};

expr::Windows windows_of(const Job& job) {
    auto made =
        expr::Windows::make(job.statement->statement.event_time->window, process::read_zone_file);
    REQUIRE(made.has_value());
    return *std::move(made);
}

struct Bench {
    // Two partitions, grace of a minute.
    explicit Bench(const std::string& from, const std::string& rest = "")
        : job(testing::make_statement_job("SELECT k, count(*) AS n FROM " + from +
                                          ", grace => INTERVAL '1 minute', max_ahead => 'never') " +
                                          rest + " GROUP BY k, window_start")),
          fold(job, windows_of(job), 2, &headers) {}

    void add(std::int32_t partition, std::optional<std::string_view> value) {
        const Offset at = log.append(TopicRole::source, partition, "tx", value);
        const std::vector<RecordView> records{
            log.view(TopicRole::source, PartitionId{partition}, at)};
        REQUIRE(fold.fold(records));
    }
    // One of second `t`.
    void at(std::int32_t partition, std::int64_t t) {
        add(partition, R"({"k":"a","v":1,"t":)" + std::to_string(t) + "}");
    }
    std::uint64_t late() const { return fold.lateness().refused_by_own(); }

    Job job;
    MemoryLog log;
    Region headers;
    LatenessFold fold;
};

}  // namespace

TEST_CASE("every record has one fate, and those with a time move the clock") {
    Bench bench{"tumble(s, to_timestamp(t), INTERVAL '1 minute'", "WHERE v > 0"};
    bench.at(0, 10);
    bench.add(0, std::nullopt);
    bench.add(0, "[]");
    bench.add(0, R"({"k":"a","v":1,"t":"x"})");
    bench.add(0, R"({"k":"a","v":1})");
    bench.at(0, 20);
    // Neither of these is in a window, but both have come so far.
    bench.add(0, R"({"k":"a","v":0,"t":119})");
    bench.at(0, 0);  // its window ended at 60, its grace at 120
    CHECK(bench.late() == 0);
    bench.add(0, R"({"v":1,"t":120})");
    bench.at(0, 0);
    CHECK(bench.late() == 1);
    bench.at(1, 0);  // by the clock of its own partition
    CHECK(bench.late() == 1);
    // A filtered one and a bad one are late for nothing.
    bench.add(0, R"({"k":"a","v":0,"t":0})");
    bench.add(0, R"({"v":1,"t":0})");
    CHECK(bench.late() == 1);
    const RecordTally& counts = bench.fold.counts();
    CHECK(counts.read == 13);
    CHECK(counts.aggregated == 5);
    CHECK(counts.filtered == 2);
    CHECK(counts.tombstones == 1);
    CHECK(counts.bad[static_cast<std::size_t>(BadReason::missing_field)] == 3);
    CHECK(counts.bad[static_cast<std::size_t>(BadReason::number_type)] == 1);
    CHECK(counts.bad[static_cast<std::size_t>(BadReason::not_object)] == 1);
    const auto& first = bench.fold.firsts()[static_cast<std::size_t>(BadReason::missing_field)];
    REQUIRE(first);
    CHECK(first->field == "t");
    CHECK(first->partition == PartitionId{0});
    CHECK(first->record_offset == Offset{4});
    REQUIRE(bench.fold.lateness().worst());
    CHECK(bench.fold.lateness().worst()->record_offset == Offset{8 + 1});
    CHECK(bench.fold.lateness().out_of_order() == 4);
    CHECK(bench.fold.lateness().partitions()[0].newest == 120'000);
}

TEST_CASE("what a record goes into is the window, a pane of hop, an instant of a session") {
    // By a clock of 1,000 s the record of second 0 needs what is left from its pane's end to there.
    const auto needed = [](const std::string& from) {
        Bench bench{from};
        bench.at(0, 1'000);
        bench.at(0, 0);
        return bench.fold.lateness().least_grace(0);
    };
    CHECK(needed("tumble(s, to_timestamp(t), INTERVAL '1 minute'") == 940'001);
    CHECK(needed("hop(s, to_timestamp(t), INTERVAL '40 seconds', INTERVAL '60 seconds'") ==
          980'001);
    CHECK(needed("session(s, to_timestamp(t), INTERVAL '1 hour'") == 1'000'000);
    CHECK(needed("tumble(s, to_timestamp(t), INTERVAL '1 hour'") == 0);
}

TEST_CASE("headers are there for who asks for them") {
    Bench bench{"tumble(s, to_timestamp(t), INTERVAL '1 minute'",
                "WHERE kafka_header('region') = 'south'"};
    bench.at(0, 1);
    CHECK(bench.fold.counts().aggregated == 1);
}

}  // namespace kstream
