// Source partitions of a job with windows that have a mark to say: those that join it, when they do
// and at which time, and those whose offsets have expired.
#include "kstream/codec/changelog.hpp"
#include "kstream/pipeline/map_takeover.hpp"
#include "kstream/pipeline/unique_ids.hpp"
#include "support/fakes/fake_reader.hpp"
#include "support/fakes/map_takeover_bench.hpp"
#include "support/fakes/statement_job.hpp"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace kstream {
namespace {

using std::chrono::seconds;
using testing::map_takeover::Bench;
using testing::map_takeover::kChangelog;
using testing::map_takeover::kSource;
using testing::map_takeover::partitions;

struct JoinBench : Bench {
    explicit JoinBench(const std::string& more = "") {
        job = testing::make_statement_job(
            "SELECT k, window_start, count(*) AS n FROM tumble(t, to_timestamp(ms * 0.001), "
            "INTERVAL '1 minute', grace => INTERVAL '5 seconds', max_ahead => 'never'" +
                more + ") GROUP BY k, window_start",
            2, 2);
        for (const std::int32_t p : {0, 1, 2}) {
            fill(p, 5);
        }
    }
    void opened(std::int32_t partition, const SourceMark& mark, Offset position = {}) {
        const OffsetMetadata metadata{job.identity, OffsetMark{.step = 1, .source = mark}};
        group[PartitionId{partition}] = {position, offset_metadata_text(metadata)};
    }
    // Meta of a state partition that knows the first so many source partitions.
    void write_meta_of(std::int32_t state, std::int32_t sources, std::int64_t closed_to) {
        write(state, meta_of(sources, closed_to));
    }
    [[nodiscard]] Meta meta_of(std::int32_t sources, std::int64_t closed_to) const {
        Meta meta;
        meta.identity = job.identity;
        meta.spec_text = job.spec_text;
        meta.clock = closed_to;
        meta.slots.resize(job.kinds.size());
        meta.retired.resize(job.kinds.size());
        for (std::int32_t p = 0; p < sources; ++p) {
            SourceProgress source;
            source.partition = PartitionId{p};
            source.slots.resize(job.kinds.size());
            meta.sources.push_back(source);
        }
        return meta;
    }
    void write(std::int32_t state, const Meta& meta) {
        std::string value;
        append_meta_value(value, job.form(), meta);
        log.append(kChangelog, state, meta_key(), value);
        log.append_invisible(kChangelog, state);
    }
};

// Of a job with unique_by.
struct UniqueJoinBench : JoinBench {
    explicit UniqueJoinBench(bool closes = false)
        : JoinBench(", unique_by => id, within => INTERVAL '5 seconds'"),
          ids(job),
          takeover(job, {.closes = closes}, queries, reader, clock, recorded, seconds{30}, &ids) {}
    void advance() {
        for (int i = 0; i < 40; ++i) {
            REQUIRE(takeover.advance(ready));
        }
    }

    UniqueIds ids;
    MapTakeover takeover;
};

}  // namespace

TEST_CASE("a partition that is added to a job with windows is opened, and asked for once more") {
    JoinBench b;
    b.takeover.begin(partitions({2}));
    REQUIRE(b.advance());
    CHECK(b.found() == "2:0 open");
    CHECK(b.ready.at(0).joins);
    CHECK_FALSE(b.ready.at(0).join_at);
    // Those that were there at the first start have nothing to join.
    b.ready.clear();
    b.takeover.begin(partitions({1}));
    REQUIRE(b.advance());
    CHECK_FALSE(b.ready.at(0).joins);
}

TEST_CASE("a partition joins at the largest clock, once all state partitions know it") {
    JoinBench b;
    b.opened(2, {});
    b.write_meta_of(0, 2, 90'000);
    b.write_meta_of(0, 3, 120'000);
    b.write_meta_of(1, 2, 150'000);
    b.takeover.begin(partitions({2}));
    REQUIRE(b.advance());
    CHECK(b.ready.empty());
    b.write_meta_of(1, 3, 180'000);
    REQUIRE(b.advance());
    CHECK(b.found() == "2:0");
    CHECK(b.ready.at(0).join_at == 180'000);
    CHECK(b.ready.at(0).step == 1);
    CHECK_FALSE(b.ready.at(0).open);
}

TEST_CASE("a partition that joins before any window has closed is just read") {
    JoinBench b;
    b.opened(2, {});
    b.write_meta_of(0, 3, kNoTime);
    b.write_meta_of(1, 3, kNoTime);
    b.takeover.begin(partitions({2}));
    REQUIRE(b.advance());
    REQUIRE(b.found() == "2:0");
    CHECK_FALSE(b.ready.at(0).join_at);
}

TEST_CASE("a partition that has a watermark has joined") {
    JoinBench b;
    b.opened(2, {.watermark = 7});
    b.takeover.begin(partitions({2}));
    REQUIRE(b.advance());
    REQUIRE(b.found() == "2:0");
    CHECK_FALSE(b.ready.at(0).join_at);
}

TEST_CASE("the others do not wait for a partition that joins, nor does it for one that has gone") {
    JoinBench b;
    b.opened(0, {.watermark = 7});
    b.opened(2, {});
    b.write_meta_of(0, 2, 90'000);
    b.write_meta_of(1, 2, 90'000);
    b.takeover.begin(partitions({0, 1, 2}));
    REQUIRE(b.advance());
    CHECK(b.found() == "0:0, 1:0");
    b.takeover.cancel(partitions({2}));
    CHECK(b.takeover.idle());
    b.ready.clear();
    b.write_meta_of(0, 3, 100'000);
    b.write_meta_of(1, 3, 100'000);
    b.takeover.begin(partitions({2}));
    REQUIRE(b.advance());
    REQUIRE(b.found() == "2:0");
    CHECK(b.ready.at(0).join_at == 100'000);
}

TEST_CASE("a job that was closed is over, unless it is to be closed once more") {
    JoinBench b;
    b.opened(1, {.watermark = kEndOfTime, .idle = true});
    b.takeover.begin(partitions({1}));
    const Error error = b.error();
    CHECK(error.exit_code == ExitCode::identity);
    CHECK(error.message.contains("has ended with --close"));

    JoinBench again;
    again.opened(1, {.watermark = kEndOfTime, .idle = true});
    MapTakeover takeover{again.job,   {.closes = true}, again.queries, again.reader,
                         again.clock, again.recorded,   seconds{60}};
    takeover.begin(partitions({1}));
    std::vector<ReadyPartition> ready;
    for (int i = 0; i < 40; ++i) {
        REQUIRE(takeover.advance(ready));
    }
    REQUIRE(ready.size() == 1);
    CHECK(ready[0].mark.watermark == kEndOfTime);
}

TEST_CASE("a partition whose ids are read back joins as any other") {
    UniqueJoinBench b;
    const Horizon none{.offset = Offset{2}};
    b.opened(0, {.watermark = 7, .horizon = Horizon{Offset{1}, 5}}, Offset{3});
    b.opened(2, {.horizon = none}, Offset{2});
    b.write_meta_of(0, 2, 90'000);
    b.write_meta_of(1, 2, 90'000);
    b.takeover.begin(partitions({0, 2}));
    b.advance();
    REQUIRE(b.found() == "0:3");
    CHECK(b.ready.at(0).mark.horizon == Horizon{Offset{1}, 5});
    b.ready.clear();
    b.write_meta_of(0, 3, 120'000);
    b.write_meta_of(1, 3, 90'000);
    b.advance();
    REQUIRE(b.found() == "2:2");
    CHECK(b.ready.at(0).join_at == 120'000);
    CHECK(b.ready.at(0).mark.horizon == none);
    CHECK(b.takeover.idle());
    CHECK(b.reader.all_closed());
}

TEST_CASE("a partition that has ended keeps what is to be read back") {
    const SourceMark ended{.watermark = kEndOfTime, .idle = true, .horizon = Horizon{Offset{1}, 5}};
    UniqueJoinBench b{true};
    b.opened(1, ended, Offset{3});
    b.takeover.begin(partitions({1}));
    b.advance();
    REQUIRE(b.found() == "1:3");
    CHECK(b.ready.at(0).mark == ended);
    CHECK(b.reader.opened ==
          std::vector<testing::FakeReader::Opened>{{kSource, PartitionId{1}, Offset{1}}});
}

// ---- offsets lost

// Until each partition had a record again, windows stayed open: of silent ones nothing was ever
// committed, and E4 waits for all (simulation, seed 70025280).
TEST_CASE("P3: of a partition whose offset has expired the mark is said again") {
    JoinBench b;
    Meta meta = b.meta_of(2, 90'000);
    meta.sources[1].applied = Offset{4};
    meta.sources[1].watermark = 95'000;
    b.write(0, meta);
    b.takeover.begin(partitions({1}));
    REQUIRE(b.advance());
    CHECK(b.found() == "1:4");
    CHECK(b.ready.at(0).mark.watermark == 95'000);
    REQUIRE(b.ready.at(0).say);
    CHECK(b.ready.at(0).say->watermark == 95'000);
    CHECK_FALSE(b.ready.at(0).say->idle);
}

TEST_CASE("P3: of a partition with an offset, or one that is opened, there is nothing to say") {
    JoinBench b;
    b.opened(0, {.watermark = 95'000}, Offset{4});
    b.takeover.begin(partitions({0, 1}));
    REQUIRE(b.advance());
    REQUIRE(b.found() == "0:4, 1:0 open");
    CHECK_FALSE(b.ready.at(0).say);
    CHECK_FALSE(b.ready.at(1).say);
}

}  // namespace kstream
