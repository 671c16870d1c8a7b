// Where to begin to read each source partition (P3, P4).
#include "kstream/pipeline/map_takeover.hpp"

#include "kstream/codec/changelog.hpp"
#include "support/fakes/batches.hpp"
#include "support/fakes/fake_clock.hpp"
#include "support/fakes/fake_queries.hpp"
#include "support/fakes/fake_reader.hpp"
#include "support/fakes/fake_sink.hpp"
#include "support/fakes/memory_log.hpp"
#include "support/fakes/recording_log.hpp"
#include "support/fakes/statement_job.hpp"
#include "support/fakes/test_job.hpp"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace kstream {
namespace {

using std::chrono::seconds;
using testing::batch_value;
using testing::open_header;
using testing::source_range;
using testing::step_header;

constexpr TopicRole kSource = TopicRole::source;
constexpr TopicRole kChangelog = TopicRole::changelog;
constexpr TopicRole kRepartition = TopicRole::repartition;

std::vector<PartitionId> partitions(std::initializer_list<std::int32_t> numbers) {
    std::vector<PartitionId> list;
    for (const std::int32_t number : numbers) {
        list.push_back(PartitionId{number});
    }
    return list;
}

struct Bench {
    explicit Bench(StartPolicy from = {}) : from_policy(from) {}

    // Records with timestamps 1000, 1001, ...
    void fill(std::int32_t partition, int count) {
        for (int i = 0; i < count; ++i) {
            log.append(kSource, partition, "tx", "v", 1000 + i);
        }
    }
    void committed(std::int32_t partition, std::int64_t offset) {
        group[PartitionId{partition}] = {Offset{offset}, identity_text(job.identity)};
    }
    // Meta of state partition 0: these source partitions applied so far.
    void write_meta(const std::vector<std::pair<std::int32_t, std::int64_t>>& applied,
                    std::int64_t repartition_position, const Identity& identity) {
        Meta meta;
        meta.identity = identity;
        meta.spec_text = job.spec_text;
        meta.repartition_position = Offset{repartition_position};
        meta.slots.resize(2);
        for (const auto& [partition, position] : applied) {
            SourceProgress source;
            source.partition = PartitionId{partition};
            source.applied = Offset{position};
            source.slots.resize(2);
            meta.sources.push_back(source);
        }
        std::string value;
        append_meta_value(value, job.kinds, meta);
        log.append(kChangelog, 0, meta_key(), value);
        log.append_invisible(kChangelog, 0);
    }
    void write_batch(const BatchHeader& header) {
        log.append(kRepartition, 0, std::nullopt, batch_value(header));
        log.append_invisible(kRepartition, 0);
    }

    Result<void> advance(int times = 40) {
        for (int i = 0; i < times; ++i) {
            if (Result<void> done = takeover.advance(ready); !done) {
                return done;
            }
        }
        return {};
    }
    Error error() {
        const Result<void> done = advance();
        REQUIRE_FALSE(done);
        return done.error();
    }
    // "0:5 1:0 open", sorted.
    [[nodiscard]] std::string found() const {
        std::vector<std::string> parts;
        for (const ReadyPartition& partition : ready) {
            parts.push_back(std::to_string(partition.partition.value) + ":" +
                            std::to_string(partition.position.value) +
                            (partition.open ? " open" : ""));
        }
        std::ranges::sort(parts);
        std::string text;
        for (const std::string& part : parts) {
            text += (text.empty() ? "" : ", ") + part;
        }
        return text;
    }

    StartPolicy from_policy;
    Job job = testing::make_job();
    testing::MemoryLog log;
    testing::GroupOffsets group;
    testing::FakeQueries queries{log, group, job};
    testing::FakeReader reader{log};
    testing::FakeClock clock;
    testing::RecordingLog recorded;
    MapTakeover takeover{job, from_policy, queries, reader, clock, recorded, seconds{30}};
    std::vector<ReadyPartition> ready;
};

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

// ---- ids that still matter

namespace {

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

// ---- partitions that join a job with windows ---------------------------------------------------

namespace {

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

}  // namespace kstream
