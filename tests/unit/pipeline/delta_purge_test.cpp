// Old deltas are deleted, and only old ones that are committed (P10).
#include "kstream/pipeline/delta_purge.hpp"

#include "support/fakes/fake_clock.hpp"
#include "support/fakes/fake_queries.hpp"
#include "support/fakes/fake_sink.hpp"
#include "support/fakes/memory_log.hpp"
#include "support/fakes/recording_log.hpp"
#include "support/fakes/test_job.hpp"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace kstream {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;

constexpr TopicRole kRepartition = TopicRole::repartition;

using Positions = std::vector<PartitionPosition>;

struct Bench {
    // `count` batches of this age.
    void fill(std::int32_t partition, int count, Duration age) {
        const std::int64_t ms = std::chrono::duration_cast<milliseconds>(age).count();
        for (int i = 0; i < count; ++i) {
            log.append(kRepartition, partition, std::nullopt, "batch", clock.wall_ms() - ms);
        }
    }
    void advance(const Positions& committed, int times = 10) {
        for (int i = 0; i < times; ++i) {
            if (purge.due()) {
                purge.advance(committed);
            }
        }
    }
    [[nodiscard]] std::int64_t start(std::int32_t partition) const {
        return log.start(kRepartition, PartitionId{partition}).value;
    }

    testing::FakeClock clock;
    testing::MemoryLog log;
    testing::GroupOffsets group;
    testing::FakeQueries queries{log, group, testing::make_job()};
    testing::RecordingLog recorded;
    DeltaPurge purge{queries, clock, recorded, hours{24}, minutes{5}};
};

PartitionPosition at(std::int32_t partition, std::int64_t position) {
    return {PartitionId{partition}, Offset{position}};
}

}  // namespace

TEST_CASE("nothing is purged before the first interval is over") {
    Bench b;
    b.fill(0, 5, hours{100});
    b.advance({at(0, 5)});
    CHECK(b.queries.asked.empty());
    CHECK_FALSE(b.purge.due());
    b.clock.advance(minutes{5});
    CHECK(b.purge.due());
    b.advance({at(0, 5)});
    CHECK(b.start(0) == 5);
    CHECK(b.queries.names() ==
          std::vector<std::string>{"repartition at time", "purge repartition"});
}

TEST_CASE("P10: nothing younger than the time to keep is deleted") {
    Bench b;
    b.fill(0, 4, hours{30});
    b.fill(0, 3, hours{23});
    b.fill(1, 2, hours{1});
    b.clock.advance(minutes{5});
    b.advance({at(0, 7), at(1, 2)});
    CHECK(b.start(0) == 4);
    CHECK(b.start(1) == 0);
}

TEST_CASE("P10: nothing that is not committed is deleted, however old") {
    Bench b;
    b.fill(0, 9, hours{100});
    b.fill(1, 9, hours{100});
    b.clock.advance(minutes{5});
    b.advance({at(0, 3), at(1, 0)});
    CHECK(b.start(0) == 3);
    CHECK(b.start(1) == 0);
}

TEST_CASE("P10: where nothing is that young, everything committed may go, and no more") {
    // The answer may be the end of the log, or none.
    for (const bool none : {true, false}) {
        Bench b;
        b.fill(0, 9, hours{100});
        if (none) {
            b.queries.intercept = [](const Query& query) -> std::optional<Result<QueryAnswer>> {
                if (query.kind == Query::Kind::for_time) {
                    QueryAnswer answer;
                    answer.offsets.push_back({PartitionId{0}, std::nullopt, ""});
                    return answer;
                }
                return std::nullopt;
            };
        }
        b.clock.advance(minutes{5});
        b.advance({at(0, 6)});
        CHECK(b.start(0) == 6);
    }
}

TEST_CASE("P10: the positions of the beginning of a round count, though later ones are higher") {
    Bench b;
    b.fill(0, 9, hours{100});
    b.clock.advance(minutes{5});
    b.advance({at(0, 2)}, 1);
    b.advance({at(0, 9), at(1, 9)});
    CHECK(b.start(0) == 2);
    REQUIRE(b.queries.asked.size() == 2);
    CHECK(b.queries.asked[1].partitions.size() == 1);
}

TEST_CASE("a worker that owns nothing purges nothing") {
    Bench b;
    b.clock.advance(minutes{5});
    b.advance({});
    CHECK(b.queries.asked.empty());
    CHECK_FALSE(b.purge.due());
}

TEST_CASE("a purge that fails is logged and tried again an interval later") {
    for (const Query::Kind failing : {Query::Kind::for_time, Query::Kind::purge}) {
        Bench b;
        b.fill(0, 5, hours{100});
        b.queries.intercept = [failing](const Query& query) -> std::optional<Result<QueryAnswer>> {
            if (query.kind == failing) {
                return fail(ExitCode::kafka_fatal, "not authorized to delete records");
            }
            return std::nullopt;
        };
        b.clock.advance(minutes{5});
        b.advance({at(0, 5)});
        CHECK(b.recorded.count("not authorized to delete records") == 1);
        CHECK(b.start(0) == 0);
        const std::size_t asked = b.queries.asked.size();
        b.clock.advance(minutes{4});
        b.advance({at(0, 5)});
        CHECK(b.queries.asked.size() == asked);
        b.queries.intercept = nullptr;
        b.clock.advance(minutes{1});
        b.advance({at(0, 5)});
        CHECK(b.start(0) == 5);
    }
}

TEST_CASE("a purge is made once an interval") {
    Bench b;
    b.fill(0, 5, hours{100});
    for (int i = 0; i < 3; ++i) {
        b.clock.advance(minutes{5});
        b.advance({at(0, 5)});
    }
    CHECK(b.queries.asked.size() == 6);
}

}  // namespace kstream
