// A source partition of a job with unique_by: which ids are read back, and from where.
#include "kstream/codec/delta_batch.hpp"
#include "kstream/pipeline/map_takeover.hpp"
#include "kstream/pipeline/unique_ids.hpp"
#include "support/fakes/fake_clock.hpp"
#include "support/fakes/fake_queries.hpp"
#include "support/fakes/fake_reader.hpp"
#include "support/fakes/map_takeover_bench.hpp"
#include "support/fakes/memory_log.hpp"
#include "support/fakes/recording_log.hpp"
#include "support/fakes/statement_job.hpp"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace kstream {
namespace {

using std::chrono::seconds;
using testing::map_takeover::kRepartition;
using testing::map_takeover::kSource;
using testing::map_takeover::partitions;

// Records whose id is their offset, and whose time is 1000 times that.
struct UniqueBench {
    void fill(std::int32_t partition, int count) {
        for (int i = 0; i < count; ++i) {
            log.append(kSource, partition, "tx",
                       R"({"k":"a","id":)" + std::to_string(i) + R"(,"ms":)" +
                           std::to_string(1000 * i) + "}");
        }
    }
    void committed(std::int32_t partition, std::int64_t offset, Horizon horizon) {
        group[PartitionId{partition}] = {
            Offset{offset}, offset_metadata_text(
                                {.identity = job.identity,
                                 .mark = OffsetMark{.step = 3,
                                                    .source = SourceMark{.watermark = 1000 * offset,
                                                                         .horizon = horizon}}})};
    }
    Result<void> advance(int times = 40) {
        for (int i = 0; i < times; ++i) {
            if (Result<void> done = takeover.advance(ready); !done) {
                return done;
            }
        }
        return {};
    }
    // Whether one more record with that id is a duplicate.
    bool remembers(std::int32_t partition, int id) {
        const Offset at = log.append(kSource, partition, "tx",
                                     R"({"k":"a","ms":0,"id":)" + std::to_string(id) + "}");
        const RecordView record = log.view(kSource, PartitionId{partition}, at);
        const auto judge = make_record_reader(job.statement->statement, job.zones);
        const RecordVerdict verdict = (*judge)->read(record);
        REQUIRE(verdict.ok);
        return ids.is_duplicate(record, **judge, verdict);
    }

    Job job = testing::make_statement_job(
        "SELECT k, count(*) AS n FROM events(financial_transactions, to_timestamp(ms * 0.001), "
        "max_ahead => 'never', unique_by => id, within => INTERVAL '5 seconds') GROUP BY k",
        2, 2);
    testing::MemoryLog log;
    testing::GroupOffsets group;
    testing::FakeQueries queries{log, group, job};
    testing::FakeReader reader{log};
    testing::FakeClock clock;
    testing::RecordingLog recorded;
    UniqueIds ids{job};
    MapTakeover takeover{job, {}, queries, reader, clock, recorded, seconds{30}, &ids};
    std::vector<ReadyPartition> ready;
};

}  // namespace

TEST_CASE("whoever takes a partition over reads back the ids that still matter, and no more") {
    UniqueBench b;
    b.fill(0, 20);
    b.fill(1, 3);
    b.reader.most_records = 2;
    b.log.delete_below(kSource, 0, 9);
    b.committed(0, 15, {Offset{9}, 8000});
    b.committed(1, 3, {Offset{3}, 2000});
    b.takeover.begin(partitions({0, 1}));
    REQUIRE(b.advance());
    REQUIRE(b.ready.size() == 2);
    CHECK(b.reader.opened ==
          std::vector<testing::FakeReader::Opened>{{kSource, PartitionId{0}, Offset{9}}});
    CHECK(b.reader.all_closed());
    CHECK(b.ready[0].mark.horizon == Horizon{Offset{9}, 8000});
    CHECK(b.takeover.status().restored_records >= 6);
    CHECK_FALSE(b.remembers(0, 8));
    CHECK(b.remembers(0, 9));
    CHECK(b.remembers(0, 14));
    CHECK_FALSE(b.remembers(0, 15));  // read again by the loop
    CHECK_FALSE(b.remembers(1, 2));
}

TEST_CASE("ids that were deleted and still matter stop the loop, once that is sure") {
    UniqueBench b;
    b.fill(0, 20);
    b.log.delete_below(kSource, 0, 10);
    b.committed(0, 15, {Offset{9}, 8000});
    b.takeover.begin(partitions({0}));
    const Result<void> done = b.advance();
    REQUIRE_FALSE(done);
    CHECK(done.error().exit_code == ExitCode::integrity);
    CHECK(done.error().message.contains("partition 0"));
    CHECK(done.error().message.contains("[9, 10)"));
    CHECK(done.error().hint.contains("within"));
    CHECK(b.recorded.count("looking for it again") == 1);
    CHECK(b.ready.empty());
}

TEST_CASE("ids that are deleted while they are read back are looked for again") {
    UniqueBench b;
    b.fill(0, 20);
    b.committed(0, 15, {Offset{9}, 8000});
    b.reader.fail_next_poll(Error::stop(ExitCode::integrity, "out of range"));
    b.takeover.begin(partitions({0}));
    // Another member has gone on meanwhile: its horizon is in the log.
    REQUIRE(b.advance());
    REQUIRE(b.ready.size() == 1);
    CHECK(b.remembers(0, 9));
    CHECK(b.reader.all_closed());
}

TEST_CASE("a partition without a committed offset has its horizon from the chain") {
    UniqueBench b;
    b.fill(0, 20);
    SourceRange range;
    range.partition = PartitionId{0};
    range.from = Offset{12};
    range.to = Offset{15};
    range.watermark_before = range.watermark = 14'000;
    range.horizon = {.offset = Offset{9}, .seen = 8000};
    range.slots.resize(b.job.kinds.size());
    BatchHeader header;
    header.identity = b.job.identity;
    header.ranges.push_back(range);
    DeltaBatchWriter writer{b.job.form()};
    b.log.append(kRepartition, 0, std::nullopt, std::string{writer.finish(header)});
    b.takeover.begin(partitions({0}));
    REQUIRE(b.advance());
    REQUIRE(b.ready.size() == 1);
    CHECK(b.ready[0].position == Offset{15});
    CHECK(b.remembers(0, 9));
    CHECK_FALSE(b.remembers(0, 8));
}

TEST_CASE("a reading back that is canceled leaves nothing, at every point") {
    for (int steps = 1; steps < 20; ++steps) {
        UniqueBench b;
        b.fill(0, 20);
        b.reader.most_records = 1;
        b.committed(0, 15, {Offset{9}, 8000});
        b.takeover.begin(partitions({0}));
        REQUIRE(b.advance(steps));
        b.takeover.cancel(partitions({0}));
        CHECK(b.takeover.idle());
        CHECK(b.reader.all_closed());
        b.ready.clear();
        b.takeover.begin(partitions({0}));
        REQUIRE(b.advance(60));
        REQUIRE(b.ready.size() == 1);
        CHECK(b.remembers(0, 9));
    }
}

}  // namespace kstream
