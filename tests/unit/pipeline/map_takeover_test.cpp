// Where to begin to read each source partition (P3, P4).
#include "kstream/pipeline/map_takeover.hpp"

#include "kstream/codec/changelog.hpp"
#include "support/fakes/batches.hpp"
#include "support/fakes/fake_sink.hpp"
#include "support/fakes/map_takeover_bench.hpp"
#include "support/fakes/test_job.hpp"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace kstream {
namespace {

using std::chrono::seconds;
using testing::open_header;
using testing::source_range;
using testing::step_header;
using testing::map_takeover::Bench;
using testing::map_takeover::kChangelog;
using testing::map_takeover::kRepartition;
using testing::map_takeover::kSource;
using testing::map_takeover::partitions;

std::string outcome(StartPolicy from) {
    Bench b{from};
    b.fill(0, 6);
    b.fill(1, 3);
    b.log.delete_below(kSource, 0, 2);
    b.log.hold(kSource, 1, 2);
    b.takeover.begin(partitions({0, 1}));
    REQUIRE(b.advance());
    return b.found();
}

}  // namespace

// ---- known partitions

TEST_CASE("a committed offset in the log is where reading begins, without an open step") {
    Bench b;
    b.fill(0, 6);
    b.committed(0, 4);
    b.takeover.begin(partitions({0}));
    REQUIRE(b.advance());
    CHECK(b.found() == "0:4");
    CHECK(b.takeover.idle());
    CHECK(b.reader.opened.empty());
    CHECK(b.queries.names() == std::vector<std::string>{"describe source", "committed",
                                                        "source start", "source end uncommitted",
                                                        "describe source"});
}

TEST_CASE("both ends of the log are still in it") {
    for (const std::int64_t at : {2, 6}) {
        Bench b;
        b.fill(0, 6);
        b.log.delete_below(kSource, 0, 2);
        b.committed(0, at);
        b.takeover.begin(partitions({0}));
        REQUIRE(b.advance());
        CHECK(b.ready.size() == 1);
    }
}

TEST_CASE("records that were deleted before they were read stop the loop") {
    Bench b;
    b.fill(0, 6);
    b.log.delete_below(kSource, 0, 3);
    b.committed(0, 2);
    b.takeover.begin(partitions({0}));
    const Error error = b.error();
    CHECK(error.exit_code == ExitCode::integrity);
    CHECK(error.message ==
          "topic financial_transactions partition 0: records [2, 3) were deleted before they were "
          "read");
    CHECK(b.ready.empty());
}

TEST_CASE("an offset after the end of the log stops the loop: it was truncated") {
    Bench b;
    b.fill(0, 6);
    b.committed(0, 7);
    b.takeover.begin(partitions({0}));
    const Error error = b.error();
    CHECK(error.exit_code == ExitCode::integrity);
    CHECK(error.message.find("offset 7 was read, but the log ends at 6") != std::string::npos);
}

TEST_CASE("P4: a source topic that was deleted and re-created is refused") {
    Bench b;
    b.queries.topic_ids[kSource] = testing::topic_id(1);
    b.committed(0, 0);
    b.takeover.begin(partitions({0}));
    const Error error = b.error();
    CHECK(error.exit_code == ExitCode::identity);
    CHECK(error.message.find("topic financial_transactions was replaced") != std::string::npos);
    CHECK(error.message.find(topic_id_text(b.job.identity.source_id)) != std::string::npos);
    CHECK(b.queries.asked.size() == 1);
}

TEST_CASE("P4: a source topic that is re-created during its takeover is refused (simulator)") {
    for (const bool known : {true, false}) {
        Bench b;
        b.fill(0, 6);
        if (known) {
            b.committed(0, 3);
        }
        const TopicRole last = known ? kSource : kRepartition;
        b.queries.intercept = [&](const Query& query) -> std::optional<Result<QueryAnswer>> {
            if (query.kind == Query::Kind::log_end && query.topic == last) {
                b.queries.topic_ids[kSource] = testing::topic_id(1);
            }
            return std::nullopt;
        };
        b.takeover.begin(partitions({0}));
        CHECK(b.error().exit_code == ExitCode::identity);
        CHECK(b.ready.empty());
    }
}

TEST_CASE("P4: a source offset that another job committed is refused, naming old and new") {
    Bench b;
    b.fill(0, 6);
    Identity other = b.job.identity;
    other.spec_hash = 1;
    b.group[PartitionId{0}] = {Offset{3}, identity_text(other)};
    b.takeover.begin(partitions({0}));
    const Error error = b.error();
    CHECK(error.exit_code == ExitCode::identity);
    CHECK(error.message.find("-map partition 0") != std::string::npos);
    CHECK(error.message.find("specification: stored 0000000000000001, now") != std::string::npos);
}

TEST_CASE("more source partitions than at the first start are no other job") {
    Bench b;
    b.queries.partition_counts[kSource] = 9;
    b.fill(0, 6);
    b.committed(0, 3);
    b.takeover.begin(partitions({0}));
    REQUIRE(b.advance());
    CHECK(b.found() == "0:3");
}

// ---- offsets lost

TEST_CASE("P3: without an offset, reading goes on where meta says that the chain ends") {
    Bench b;
    b.fill(0, 9);
    b.write_meta({{0, 2}}, 0, b.job.identity);
    b.write_meta({{0, 5}, {1, 1}}, 4, b.job.identity);
    b.takeover.begin(partitions({0}));
    REQUIRE(b.advance());
    CHECK(b.found() == "0:5");
    CHECK(b.recorded.has("resuming where its chain ends"));
    CHECK(b.reader.all_closed());
}

TEST_CASE("P3: map steps that the totals have not applied yet count too") {
    Bench b;
    b.fill(0, 20);
    b.fill(1, 20);
    b.write_batch(open_header({{0, 0}, {1, 3}}));
    b.write_batch(step_header({source_range(0, 0, 5)}, 1));
    b.write_batch(step_header({source_range(0, 5, 9), source_range(1, 3, 8)}, 2));
    // Applied up to and without the third batch; purged below it.
    b.write_meta({{0, 5}, {1, 3}}, 4, b.job.identity);
    b.log.delete_below(kRepartition, 0, 4);
    b.takeover.begin(partitions({0, 1}));
    REQUIRE(b.advance());
    CHECK(b.found() == "0:9, 1:8");
    CHECK(b.reader.all_closed());
}

TEST_CASE("P3: without meta the repartition log alone tells where the chain ends") {
    Bench b;
    b.fill(0, 20);
    b.write_batch(open_header({{0, 2}}));
    b.takeover.begin(partitions({0}));
    REQUIRE(b.advance());
    CHECK(b.found() == "0:2");
    b.write_batch(step_header({source_range(0, 2, 7)}, 1));
    b.ready.clear();
    b.takeover.begin(partitions({0}));
    REQUIRE(b.advance());
    CHECK(b.found() == "0:7");
}

TEST_CASE("an old step that stands last in the log is not where the chain ends") {
    Bench b;
    b.fill(0, 20);
    b.write_batch(open_header({{0, 0}}));
    b.write_batch(step_header({source_range(0, 0, 5)}, 1));
    b.write_batch(step_header({source_range(0, 5, 9)}, 2));
    b.write_batch(step_header({source_range(0, 0, 5)}, 1));
    b.takeover.begin(partitions({0}));
    REQUIRE(b.advance());
    CHECK(b.found() == "0:9");
}

TEST_CASE("P8: the chain's logs are read to ends that were asked for after the offsets") {
    Bench b;
    b.fill(0, 20);
    b.takeover.begin(partitions({0}));
    REQUIRE(b.advance());
    CHECK(b.queries.names() ==
          std::vector<std::string>{"describe source", "committed", "source start",
                                   "source end uncommitted", "describe source", "changelog start",
                                   "changelog end uncommitted", "repartition start",
                                   "repartition end uncommitted", "describe source"});
}

TEST_CASE("P8: an open transaction on the chain's logs is waited for") {
    for (const TopicRole topic : {kChangelog, kRepartition}) {
        Bench b;
        b.fill(0, 20);
        b.write_batch(open_header({{0, 0}}));
        b.write_meta({{0, 0}}, 1, b.job.identity);
        b.log.hold(topic, 0, 0);
        b.takeover.begin(partitions({0}));
        REQUIRE(b.advance(100));
        CHECK(b.ready.empty());
        b.clock.advance(seconds{31});
        CHECK(b.error().exit_code == ExitCode::try_again);
    }
}

TEST_CASE("the end of a chain is checked against the log as well") {
    Bench b;
    b.fill(0, 9);
    b.log.delete_below(kSource, 0, 6);
    b.write_meta({{0, 5}}, 0, b.job.identity);
    b.takeover.begin(partitions({0}));
    CHECK(b.error().exit_code == ExitCode::integrity);
}

TEST_CASE("P4: the chain of another job is refused, in meta and in the repartition log") {
    Identity other = testing::make_job().identity;
    other.scale = 2;
    {
        Bench b;
        b.fill(0, 9);
        b.write_meta({{0, 5}}, 0, other);
        b.takeover.begin(partitions({0}));
        const Error error = b.error();
        CHECK(error.exit_code == ExitCode::identity);
        CHECK(error.message.find("decimal scale: stored 2, now 9") != std::string::npos);
    }
    Bench b;
    b.fill(0, 9);
    BatchHeader header = open_header({{0, 0}});
    header.identity = other;
    b.write_batch(header);
    b.takeover.begin(partitions({0}));
    CHECK(b.error().exit_code == ExitCode::identity);
}

TEST_CASE("damaged records of the chain's logs stop the loop") {
    for (const TopicRole topic : {kChangelog, kRepartition}) {
        Bench b;
        b.fill(0, 9);
        b.log.append(topic, 0, meta_key(), "damaged");
        b.takeover.begin(partitions({0}));
        CHECK(b.error().exit_code == ExitCode::integrity);
    }
}

// ---- while the logs move

TEST_CASE("a chain that ends behind the source's end of before a pause is not a truncated source") {
    Bench b;
    b.fill(0, 5);
    bool paused = false;
    b.queries.intercept = [&](const Query& query) -> std::optional<Result<QueryAnswer>> {
        if (query.kind == Query::Kind::log_end && query.topic == kSource && !paused) {
            paused = true;
            const QueryAnswer before = b.queries.answer(query);
            b.fill(0, 4);
            b.write_meta({{0, 8}}, 0, b.job.identity);
            return before;
        }
        return std::nullopt;
    };
    b.takeover.begin(partitions({0}));
    REQUIRE(b.advance(60));
    CHECK(b.found() == "0:8");
    CHECK(b.recorded.count("looking for it again") == 1);
    CHECK(b.takeover.idle());
    CHECK(b.reader.all_closed());
}

TEST_CASE("records that were read and deleted during a pause are not missed") {
    Bench b;
    b.fill(0, 9);
    b.committed(0, 2);
    bool paused = false;
    b.queries.intercept = [&](const Query& query) -> std::optional<Result<QueryAnswer>> {
        if (query.kind == Query::Kind::log_start && !paused) {
            paused = true;
            b.committed(0, 7);
            b.log.delete_below(kSource, 0, 6);
        }
        return std::nullopt;
    };
    b.takeover.begin(partitions({0}));
    REQUIRE(b.advance());
    CHECK(b.found() == "0:7");
}

TEST_CASE("a chain that is purged while it is read is read anew (simulator)") {
    Bench b;
    b.fill(0, 20);
    b.fill(1, 20);
    b.write_batch(open_header({{0, 0}, {1, 3}}));
    b.write_batch(step_header({source_range(0, 0, 5)}, 1));
    bool purged = false;
    b.queries.intercept = [&](const Query& query) -> std::optional<Result<QueryAnswer>> {
        if (query.kind == Query::Kind::log_end && query.topic == kRepartition && !purged) {
            purged = true;
            b.write_meta({{0, 5}, {1, 3}}, 4, b.job.identity);
            b.log.delete_below(kRepartition, 0, 4);
            b.reader.fail_next_poll(Error::stop(ExitCode::integrity, "not in the log"));
        }
        return std::nullopt;
    };
    b.takeover.begin(partitions({0, 1}));
    REQUIRE(b.advance(60));
    CHECK(b.found() == "0:5, 1:3");
    CHECK(b.takeover.idle());
    CHECK(b.reader.all_closed());
}

// Meta is read, then totals commit and their owner purges: meta does not know of the steps, and the
// log does not have them any more. The partition was opened a second time, which no state accepts.
TEST_CASE("a chain that is purged after meta was read is read anew (simulator)") {
    for (const bool had_meta : {false, true}) {
        Bench b;
        b.fill(0, 20);
        b.fill(1, 20);
        b.write_batch(open_header({{0, 0}, {1, 3}}));
        b.write_batch(step_header({source_range(0, 0, 5)}, 1));
        b.write_batch(step_header({source_range(1, 3, 4)}, 2));
        if (had_meta) {
            b.write_meta({{0, 0}, {1, 3}}, 2, b.job.identity);
        }
        bool purged = false;
        b.queries.intercept = [&](const Query& query) -> std::optional<Result<QueryAnswer>> {
            if (query.kind == Query::Kind::log_start && query.topic == kRepartition && !purged) {
                purged = true;
                b.write_meta({{0, 5}, {1, 3}}, 4, b.job.identity);
                b.log.delete_below(kRepartition, 0, 4);
            }
            return std::nullopt;
        };
        b.takeover.begin(partitions({0, 1}));
        REQUIRE(b.advance(60));
        CHECK(b.found() == "0:5, 1:4");
        CHECK(b.recorded.count("looking for it again") == 1);
        CHECK(b.takeover.idle());
        CHECK(b.reader.all_closed());
    }
}

TEST_CASE("a chain is found however often it is purged while it is looked for (simulator)") {
    Bench b;
    b.fill(0, 20);
    b.write_batch(open_header({{0, 0}}));
    std::int64_t steps = 0;
    b.queries.intercept = [&](const Query& query) -> std::optional<Result<QueryAnswer>> {
        if (query.kind == Query::Kind::log_start && query.topic == kRepartition && steps < 9) {
            b.write_batch(step_header({source_range(0, steps, steps + 1)}, 1));
            ++steps;
            b.write_meta({{0, steps}}, 2 + 2 * steps, b.job.identity);
            b.log.delete_below(kRepartition, 0, 2 + 2 * steps);
        }
        return std::nullopt;
    };
    b.takeover.begin(partitions({0}));
    REQUIRE(b.advance(200));
    CHECK(b.found() == "0:9");
}

TEST_CASE("map steps that were deleted before they were applied stop a takeover by the chain") {
    Bench b;
    b.fill(0, 20);
    b.write_batch(open_header({{0, 0}}));
    b.write_batch(step_header({source_range(0, 0, 5)}, 1));
    b.write_batch(step_header({source_range(0, 5, 9)}, 2));
    b.write_meta({{0, 0}}, 2, b.job.identity);
    b.log.delete_below(kRepartition, 0, 4);
    b.takeover.begin(partitions({0}));
    const Error error = b.error();
    CHECK(error.exit_code == ExitCode::integrity);
    CHECK(error.message.find("map steps at [2, 4) of repartition partition 0") !=
          std::string::npos);
}

TEST_CASE("a source that moves each time does not keep a takeover going for ever") {
    Bench b;
    b.fill(0, 20);
    b.committed(0, 0);
    std::int64_t start = 0;
    b.queries.intercept = [&](const Query& query) -> std::optional<Result<QueryAnswer>> {
        if (query.kind == Query::Kind::log_start) {
            b.log.delete_below(kSource, 0, ++start);
        }
        return std::nullopt;
    };
    b.takeover.begin(partitions({0}));
    const Result<void> done = b.advance(200);
    REQUIRE_FALSE(done);
    CHECK(done.error().exit_code == ExitCode::integrity);
    CHECK(start == 6);
}

// ---- never read

TEST_CASE("P3: a partition that was never read begins by --from, with an open step") {
    CHECK(outcome({StartPolicy::Kind::earliest, 0}) == "0:2 open, 1:0 open");
    // The last stable offset: what an open transaction may still add is not skipped.
    CHECK(outcome({StartPolicy::Kind::latest, 0}) == "0:6 open, 1:2 open");
    CHECK(outcome({StartPolicy::Kind::timestamp, 1001}) == "0:2 open, 1:1 open");
    CHECK(outcome({StartPolicy::Kind::timestamp, 1004}) == "0:4 open, 1:3 open");
    CHECK(outcome({StartPolicy::Kind::timestamp, 9999}) == "0:6 open, 1:3 open");
}

TEST_CASE("a time that no record has is the end of the log, also when the answer is empty") {
    Bench b{{StartPolicy::Kind::timestamp, 9999}};
    b.fill(0, 4);
    b.queries.intercept = [](const Query& query) -> std::optional<Result<QueryAnswer>> {
        if (query.kind == Query::Kind::for_time) {
            QueryAnswer answer;
            answer.offsets.push_back({PartitionId{0}, std::nullopt, ""});
            return answer;
        }
        return std::nullopt;
    };
    b.takeover.begin(partitions({0}));
    REQUIRE(b.advance());
    CHECK(b.found() == "0:4 open");
}

TEST_CASE("P3: a partition that was added later begins at its beginning, whatever --from says") {
    for (const auto kind : {StartPolicy::Kind::latest, StartPolicy::Kind::timestamp}) {
        Bench b{{kind, 9999}};
        b.fill(1, 4);
        b.fill(2, 4);  // the application first started with partitions 0 and 1
        b.log.delete_below(kSource, 2, 1);
        b.takeover.begin(partitions({1, 2}));
        REQUIRE(b.advance());
        CHECK(b.found() == "1:4 open, 2:1 open");
    }
}

TEST_CASE("P3: --from does not touch partitions that have an offset or a chain") {
    Bench b{{StartPolicy::Kind::latest, 0}};
    b.job.identity.initial_source_partitions = 3;
    for (const std::int32_t partition : {0, 1, 2}) {
        b.fill(partition, 9);
    }
    b.committed(0, 4);
    b.write_meta({{1, 5}}, 0, b.job.identity);
    b.takeover.begin(partitions({0, 1, 2}));
    REQUIRE(b.advance());
    CHECK(b.found() == "0:4, 1:5, 2:9 open");
}

TEST_CASE("an unstable answer is never taken for no offset") {
    Bench b;
    b.fill(0, 9);
    b.committed(0, 4);
    int refusals = 5;
    b.queries.intercept = [&](const Query& query) -> std::optional<Result<QueryAnswer>> {
        if (query.kind == Query::Kind::committed && refusals-- > 0) {
            return std::unexpected(testing::retriable("offsets are not stable"));
        }
        return std::nullopt;
    };
    b.takeover.begin(partitions({0}));
    REQUIRE(b.advance(6));
    CHECK(b.ready.empty());
    REQUIRE(b.advance());
    CHECK(b.found() == "0:4");
}

// ---- waiting and canceling

TEST_CASE("a question about the source that is not answered is waited for, and not for ever") {
    Bench b;
    b.queries.held = true;
    b.takeover.begin(partitions({0}));
    REQUIRE(b.advance());
    b.clock.advance(seconds{3});
    REQUIRE(b.advance());
    CHECK(b.recorded.count("takeover waits") == 1);
    b.clock.advance(seconds{28});
    CHECK(b.error().exit_code == ExitCode::try_again);
}

TEST_CASE("a map takeover can be canceled at every point and begun again") {
    for (int steps = 0; steps < 30; ++steps) {
        for (const bool both : {false, true}) {
            for (const bool answered : {false, true}) {
                CAPTURE(steps, both, answered);
                Bench b{{StartPolicy::Kind::latest, 0}};
                b.reader.most_records = 1;
                b.fill(0, 9);
                b.fill(1, 9);
                b.write_meta({{0, 2}}, 0, b.job.identity);
                b.write_batch(step_header({source_range(0, 2, 5)}, 1));
                b.write_batch(step_header({source_range(0, 5, 6)}, 2));
                b.takeover.begin(partitions({0, 1}));
                REQUIRE(b.advance(steps));
                b.queries.held = !answered;
                b.takeover.cancel(both ? partitions({0, 1}) : partitions({0}));
                std::erase_if(b.ready, [both](const ReadyPartition& partition) {
                    return both || partition.partition == PartitionId{0};
                });
                REQUIRE(b.advance(3));
                b.queries.held = false;
                b.takeover.begin(partitions({0}));
                REQUIRE(b.advance(80));
                CHECK(b.takeover.idle());
                CHECK(b.reader.all_closed());
                CHECK(b.found() == (both ? "0:6" : "0:6, 1:9 open"));
            }
        }
    }
}

}  // namespace kstream
