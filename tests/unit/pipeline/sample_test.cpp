// What a job makes of a sample of its topic.
#include "kstream/pipeline/sample.hpp"

#include "support/fakes/memory_log.hpp"
#include "support/fakes/recording_log.hpp"
#include "support/fakes/statement_job.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace kstream {
namespace {

using testing::MemoryLog;
using testing::RecordingLog;

std::map<PartitionId, Offset> offsets(const std::vector<std::int64_t>& values) {
    std::map<PartitionId, Offset> map;
    for (std::size_t i = 0; i < values.size(); ++i) {
        map[PartitionId{static_cast<std::int32_t>(i)}] = Offset{values[i]};
    }
    return map;
}

SampleRange range(std::int32_t partition, std::int64_t from, std::int64_t to) {
    return {PartitionId{partition}, Offset{from}, Offset{to}};
}

class Region final : public HeaderReader {
public:
    [[nodiscard]] Result<std::vector<HeaderView>> headers(const RecordView&) const override {
        return std::vector<HeaderView>{{"region", "south"}};
    }
};

struct Bench {
    // No source partitions to begin with, as of `explain --sample`: these are opened.
    explicit Bench(std::string_view text, const std::vector<SampleRange>& partitions)
        : job(testing::make_statement_job(text, 1, 0)), sample(job, recorded, &headers) {
        REQUIRE(sample.open(partitions));
    }

    void add(std::int32_t partition, std::string_view value) {
        const Offset at = log.append(TopicRole::source, partition, "tx", value);
        const std::vector<RecordView> records{
            log.view(TopicRole::source, PartitionId{partition}, at)};
        REQUIRE(sample.fold(records));
    }

    Job job;
    MemoryLog log;
    RecordingLog recorded;
    Region headers;
    Sample sample;
};

}  // namespace

TEST_CASE("a sample has the newest offsets, evenly, as far as partitions have them") {
    const auto begins = offsets({100, 0, 5});
    CHECK(newest_offsets(begins, offsets({200, 50, 90}), 30) ==
          std::vector{range(0, 190, 200), range(1, 40, 50), range(2, 80, 90)});
    // What the second one lacks, the others have more.
    CHECK(newest_offsets(begins, offsets({200, 4, 90}), 30) ==
          std::vector{range(0, 187, 200), range(1, 0, 4), range(2, 77, 90)});
    CHECK(newest_offsets(begins, offsets({200, 0, 90}), 1) == std::vector{range(2, 89, 90)});
    CHECK(newest_offsets(begins, offsets({101, 2, 6}), 1'000'000) ==
          std::vector{range(0, 100, 101), range(1, 0, 2), range(2, 5, 6)});
    CHECK(newest_offsets(begins, begins, 10).empty());
    CHECK(newest_offsets({}, {}, 10).empty());
}

TEST_CASE("a sample judges records and shows results as a run does") {
    Bench b(
        "SELECT c.uf AS uf, count(*) AS n, sum(v) AS total, min(m::text) AS m FROM t "
        "WHERE v > 0 AND kafka_header('region') = 'south' GROUP BY c.uf",
        {range(0, 0, 3), range(3, 0, 3)});
    b.add(0, R"({"c":{"uf":"SP"},"v":1.5,"m":"pix"})");
    b.add(3, R"({"c":{"uf":"SP"},"v":2,"m":"boleto"})");
    b.add(0, R"({"c":{"uf":"RJ"},"v":0,"m":"pix"})");
    b.add(3, R"({"c":{},"v":2,"m":"pix"})");
    b.add(3, R"({"c":{},"v":2,"m":"pix"})");
    b.add(0, R"({"c":{"uf":"RJ"},"v":"2","m":"pix"})");
    b.add(0, "no json");
    REQUIRE(b.sample.finish());
    CHECK(b.sample.results() == std::map<std::string, std::string>{
                                    {"SP", R"({"uf":"SP","n":2,"total":3.5,"m":"boleto"})"}});
    const RecordTally& counts = b.sample.counts();
    CHECK(counts.read == 7);
    CHECK(counts.aggregated == 2);
    CHECK(counts.filtered == 1);
    CHECK(counts.bad[static_cast<std::size_t>(BadReason::missing_field)] == 2);
    const auto& first = b.sample.firsts()[static_cast<std::size_t>(BadReason::missing_field)];
    REQUIRE(first);
    CHECK(first->field == "c.uf");
    CHECK(first->partition == PartitionId{3});
    CHECK(first->record_offset == Offset{1});
    CHECK(b.sample.firsts()[static_cast<std::size_t>(BadReason::json)]);
}

TEST_CASE("a sample that does not fit into one step is one sample all the same") {
    Bench b("SELECT k, count(*) AS n FROM t WHERE k <> '' GROUP BY k",
            {range(0, 0, 2), range(1, 0, 1)});
    b.add(0, R"({"k":"a"})");
    REQUIRE(b.sample.finish());
    b.add(1, R"({"k":"a"})");
    b.add(0, R"({"k":"b"})");
    REQUIRE(b.sample.finish());
    CHECK(b.sample.results() == std::map<std::string, std::string>{{"a", R"({"k":"a","n":2})"},
                                                                   {"b", R"({"k":"b","n":1})"}});
    CHECK(b.sample.counts().read == 3);
}

TEST_CASE("a sample without records has no results") {
    Bench b("SELECT count(*) AS n FROM t WHERE true", {});
    REQUIRE(b.sample.finish());
    CHECK(b.sample.results().empty());
}

// Steps end where they like: a partition of which nothing has come yet holds up all windows, and
// one that is behind may still have records of those that are old.
TEST_CASE("a sample of windows has no other results, wherever its steps end") {
    const std::string query =
        "SELECT k, window_start AS w, count(*) AS n, count(DISTINCT s) AS d FROM tumble(t, "
        "to_timestamp(s), INTERVAL '1 minute', grace => INTERVAL '10 seconds', max_ahead => "
        "'never'";
    for (const bool one_step : {true, false}) {
        for (const bool final_only : {true, false}) {
            CAPTURE(one_step, final_only);
            Bench b(query + (final_only ? ", emit => 'final', idle => 'never'" : "") +
                        ") GROUP BY k, window_start",
                    {range(0, 0, 4), range(1, 0, 3)});
            const auto add = [&](std::int32_t partition, std::string_view value) {
                b.add(partition, value);
                if (!one_step) {
                    REQUIRE(b.sample.finish());
                }
            };
            add(0, R"({"k":"a","s":10})");
            add(0, R"({"k":"a","s":130})");
            add(0, R"({"k":"a","s":20})");  // late
            add(1, R"({"k":"a","s":30})");
            add(1, R"({"k":"a","s":69.999})");
            add(0, R"({"k":"a","s":"x"})");
            add(1, R"({"k":"b","s":100})");
            REQUIRE(b.sample.finish());
            CHECK(b.sample.counts().late == 1);
            CHECK(b.sample.counts().aggregated == 5);
            std::map<std::string, std::string> rows{
                {R"(["a","1970-01-01T00:00:00Z"])",
                 R"({"k":"a","w":"1970-01-01T00:00:00Z","n":2,"d":2})"}};
            if (!final_only) {
                rows[R"(["a","1970-01-01T00:01:00Z"])"] =
                    R"({"k":"a","w":"1970-01-01T00:01:00Z","n":1,"d":1})";
                rows[R"(["a","1970-01-01T00:02:00Z"])"] =
                    R"({"k":"a","w":"1970-01-01T00:02:00Z","n":1,"d":1})";
                rows[R"(["b","1970-01-01T00:01:00Z"])"] =
                    R"({"k":"b","w":"1970-01-01T00:01:00Z","n":1,"d":1})";
            }
            CHECK(b.sample.results() == rows);
        }
    }
}

}  // namespace kstream
