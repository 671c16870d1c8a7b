// Takeover of totals partitions (P8, KAFKA-10167): the order of the questions is the protocol.
#include "kstream/pipeline/totals_takeover.hpp"

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

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::amounts;
using testing::seller_key;

constexpr TopicRole kChangelog = TopicRole::changelog;
constexpr TopicRole kRepartition = TopicRole::repartition;

std::vector<PartitionId> partitions(std::initializer_list<std::int32_t> numbers) {
    std::vector<PartitionId> list;
    for (const std::int32_t number : numbers) {
        list.push_back(PartitionId{number});
    }
    return list;
}

bool asks_repartition_end(const Query& query) {
    return query.kind == Query::Kind::log_end && query.topic == kRepartition;
}

struct Bench {
    explicit Bench(Job of = testing::make_job()) : job(std::move(of)) {}

    // A transaction of an earlier owner: one more total, and meta at this repartition position.
    // With its repartition records, as far as they do not exist yet.
    void write(std::int32_t partition, const std::string& seller, std::int64_t position,
               bool commit_offset = true) {
        TotalsState state{writer, PartitionId{partition}};
        for (Offset at; at < log.end(kChangelog, PartitionId{partition}); at = at.next()) {
            const RecordView record = log.view(kChangelog, PartitionId{partition}, at);
            if (!log.entry(kChangelog, PartitionId{partition}, at).visible) {
                continue;
            }
            REQUIRE(state.restore(record.key(), record.value()));
        }
        REQUIRE(state.finish_restore());
        REQUIRE(state.apply_delta(seller_key(seller), amounts(1, 1)));
        OutputBatch out;
        state.seal(Offset{position}, out);
        log.append_transaction(out, true);
        extend_repartition(partition, position);
        if (commit_offset) {
            group[PartitionId{partition}] = {Offset{position}, identity_text(writer.identity)};
        }
    }
    void extend_repartition(std::int32_t partition, std::int64_t end) {
        while (log.end(kRepartition, PartitionId{partition}).value < end) {
            log.append(kRepartition, partition, std::nullopt, "batch");
        }
    }

    // Calls advance() as a loop does.
    Result<void> advance(int times = 30) {
        for (int i = 0; i < times; ++i) {
            if (Result<void> done = takeover.advance(ready); !done) {
                return done;
            }
        }
        return {};
    }
    Error error(int times = 30) {
        const Result<void> done = advance(times);
        REQUIRE_FALSE(done);
        return done.error();
    }
    [[nodiscard]] std::uint64_t keys() const { return fold.state().keys; }

    Job job;
    Job writer = job;  // who wrote what is stored
    testing::MemoryLog log;
    testing::GroupOffsets group;
    testing::FakeQueries queries{log, group, job};
    testing::FakeReader reader{log};
    testing::FakeClock clock;
    testing::RecordingLog recorded;
    TotalsFold fold{job, {}, recorded};
    TotalsTakeover takeover{job, fold, queries, reader, clock, recorded, seconds{30}};
    std::vector<ReadyPartition> ready;
};

}  // namespace

TEST_CASE("P8: questions come in the one order that is right, one after the other") {
    Bench b;
    b.write(0, "a", 3);
    b.takeover.begin(partitions({0, 1}));
    REQUIRE(b.advance());
    CHECK(b.queries.names() ==
          std::vector<std::string>{"describe repartition", "describe changelog", "committed",
                                   "changelog start", "changelog end uncommitted",
                                   "repartition start", "repartition end uncommitted"});
    for (std::size_t i = 2; i < b.queries.asked.size(); ++i) {
        CHECK(b.queries.asked[i].partitions == partitions({0, 1}));
    }
    CHECK(b.takeover.idle());
}

TEST_CASE("of a job with windows it is asked where the source begins, for the advances kept here") {
    Bench b{testing::make_statement_job(
        "SELECT k, window_start, count(*) AS n FROM tumble(t, to_timestamp(ms * 0.001), INTERVAL "
        "'1 minute', grace => INTERVAL '5 seconds', max_ahead => 'never') GROUP BY k, window_start",
        2, 5)};
    b.takeover.begin(partitions({1}));
    REQUIRE(b.advance());
    CHECK(b.queries.names() ==
          std::vector<std::string>{"describe repartition", "describe changelog", "describe source",
                                   "source start", "committed", "changelog start",
                                   "changelog end uncommitted", "repartition start",
                                   "repartition end uncommitted"});
    REQUIRE(b.queries.asked.size() > 3);
    CHECK(b.queries.asked[3].partitions == partitions({1, 3}));
    CHECK(b.takeover.idle());
}

TEST_CASE("P8: the end of the changelog is asked for after the committed offsets are known") {
    // A transaction that ends between the two questions is below the end then.
    Bench b;
    b.write(0, "a", 3);
    b.queries.intercept = [&b](const Query& query) -> std::optional<Result<QueryAnswer>> {
        if (query.kind == Query::Kind::committed) {
            const QueryAnswer before = b.queries.answer(query);
            b.write(0, "b", 5, false);
            b.clock.advance(seconds{10});
            return before;
        }
        return std::nullopt;
    };
    b.takeover.begin(partitions({0}));
    // The answers contradict each other, and that is seen: the newer meta was not missed.
    const Error error = b.error(200);
    CHECK(error.exit_code == ExitCode::integrity);
    CHECK(error.message.find("committed offset is 3, the changelog is at 5") != std::string::npos);
    // The most likely cause first: what an unclean leader election leaves looked like a hand's
    // work.
    CHECK(error.hint.starts_with("the changelog was truncated (an unclean leader election?)"));
}

TEST_CASE("a partition that was never written begins at the beginning of the repartition log") {
    Bench b;
    b.extend_repartition(1, 4);
    b.takeover.begin(partitions({1}));
    REQUIRE(b.advance());
    REQUIRE(b.ready.size() == 1);
    CHECK(b.ready[0].partition == PartitionId{1});
    CHECK(b.ready[0].position == Offset{0});
    CHECK_FALSE(b.ready[0].open);
    CHECK(b.reader.all_closed());
}

TEST_CASE("a restored partition goes on where it was committed, with its totals") {
    Bench b;
    b.write(0, "a", 3);
    b.write(0, "b", 9);
    b.write(0, "a", 12);
    b.takeover.begin(partitions({0}));
    REQUIRE(b.advance());
    REQUIRE(b.ready.size() == 1);
    CHECK(b.ready[0].position == Offset{12});
    CHECK(b.keys() == 2);
    CHECK(b.reader.all_closed());
    CHECK(b.recorded.has("totals restored partition=0 keys=2 position=12"));
    CHECK(b.takeover.status().restored_records == 6);
}

// Of this, the producer knows that the changelog was cut before the first write (simulator).
TEST_CASE("each step names where the changelog ended when it was restored") {
    Bench b;
    b.write(0, "a", 3);
    const Offset end = b.log.end(kChangelog, PartitionId{0});
    b.takeover.begin(partitions({0}));
    REQUIRE(b.advance());
    for (int step = 0; step < 2; ++step) {
        Step sealed;
        sealed.ranges = {{PartitionId{0}, Offset{3 + step}, Offset{4 + step}}};
        REQUIRE(b.fold.seal(sealed));
        b.fold.committed(0);
        REQUIRE(sealed.log_ends.size() == 1);
        CHECK(sealed.log_ends[0].topic == kChangelog);
        CHECK(sealed.log_ends[0].partition == PartitionId{0});
        CHECK(sealed.log_ends[0].end == end);
    }
}

TEST_CASE("the changelog is read from where it begins, across polls of any size") {
    for (const std::size_t most : {1U, 2U, 1000U}) {
        Bench b;
        b.reader.most_records = most;
        b.write(0, "a", 3);
        b.write(0, "a", 4);
        b.write(0, "a", 5);
        // Compaction has removed the first transaction.
        b.log.delete_below(kChangelog, 0, 3);
        b.takeover.begin(partitions({0}));
        REQUIRE(b.advance());
        REQUIRE(b.ready.size() == 1);
        CHECK(b.ready[0].position == Offset{5});
        CHECK(b.reader.opened.at(0).from == Offset{3});
    }
}

TEST_CASE("aborted transactions in the changelog leave no trace") {
    Bench b;
    b.write(0, "a", 3);
    b.log.append_invisible(kChangelog, 0);
    b.log.append_invisible(kChangelog, 0);
    b.takeover.begin(partitions({0}));
    REQUIRE(b.advance());
    CHECK(b.ready.at(0).position == Offset{3});
    CHECK(b.keys() == 1);
}

TEST_CASE("P8: nothing is ready before the reader has reached the end of the log") {
    // Not the last stable offset: an open transaction lies before what the offsets say.
    Bench b;
    b.write(0, "a", 3);
    b.write(0, "b", 5);
    b.log.hold(kChangelog, 0, 3);
    b.takeover.begin(partitions({0}));
    REQUIRE(b.advance(200));
    CHECK(b.ready.empty());
    CHECK_FALSE(b.takeover.idle());
    b.log.hold(kChangelog, 0, std::nullopt);
    REQUIRE(b.advance(3));
    REQUIRE(b.ready.size() == 1);
    CHECK(b.ready[0].position == Offset{5});
}

TEST_CASE("partitions become ready each in its own time") {
    Bench b;
    b.write(0, "a", 3);
    b.write(1, "b", 5);
    b.log.hold(kChangelog, 0, 1);
    b.takeover.begin(partitions({0, 1}));
    REQUIRE(b.advance());
    REQUIRE(b.ready.size() == 1);
    CHECK(b.ready[0].partition == PartitionId{1});
    CHECK_FALSE(b.takeover.idle());
    b.log.hold(kChangelog, 0, std::nullopt);
    REQUIRE(b.advance());
    CHECK(b.ready.size() == 2);
    CHECK(b.takeover.idle());
    CHECK(b.keys() == 2);
}

// ---- while the logs move

TEST_CASE("totals restored while another owner went on are restored anew (simulator)") {
    // Paused between the answer and the restore.
    Bench b;
    b.write(0, "a", 3);
    bool paused = false;
    b.queries.intercept = [&](const Query& query) -> std::optional<Result<QueryAnswer>> {
        if (asks_repartition_end(query) && !paused) {
            paused = true;
            const QueryAnswer before = b.queries.answer(query);
            b.write(0, "b", 5);
            b.log.delete_below(kRepartition, 0, 5);
            return before;
        }
        return std::nullopt;
    };
    b.takeover.begin(partitions({0}));
    REQUIRE(b.advance());
    REQUIRE(b.ready.size() == 1);
    CHECK(b.ready[0].position == Offset{5});
    CHECK(b.keys() == 2);
    CHECK(b.recorded.count("restoring again") == 1);
    CHECK(b.reader.all_closed());
    CHECK(b.takeover.idle());
}

TEST_CASE("a changelog that is cut while it is read is read anew") {
    Bench b;
    b.write(0, "a", 3);
    b.write(1, "b", 5);
    bool cut = false;
    b.queries.intercept = [&](const Query& query) -> std::optional<Result<QueryAnswer>> {
        if (asks_repartition_end(query) && !cut) {
            cut = true;
            b.reader.fail_next_poll(Error::stop(ExitCode::integrity, "not in the log"));
            b.write(1, "c", 6);
        }
        return std::nullopt;
    };
    b.takeover.begin(partitions({0, 1}));
    // Of partition 0 nothing has moved: what did not fit does not fit.
    CHECK(b.error(60).message == "not in the log");

    Bench once;
    once.write(0, "a", 3);
    once.reader.fail_next_poll(Error::stop(ExitCode::integrity, "not in the log"));
    once.takeover.begin(partitions({0}));
    REQUIRE(once.advance(9));
    once.write(0, "c", 6);
    REQUIRE(once.advance(40));
    REQUIRE(once.ready.size() == 1);
    CHECK(once.ready[0].position == Offset{6});
}

TEST_CASE("logs that move each time do not keep a takeover going for ever") {
    Bench b;
    b.write(0, "a", 3);
    int moves = 0;
    b.queries.intercept = [&](const Query& query) -> std::optional<Result<QueryAnswer>> {
        if (asks_repartition_end(query)) {
            const QueryAnswer before = b.queries.answer(query);
            b.write(0, "b", 4 + moves++);
            b.clock.advance(seconds{4});
            return before;
        }
        return std::nullopt;
    };
    b.takeover.begin(partitions({0}));
    CHECK(b.error(400).exit_code == ExitCode::integrity);
    CHECK(moves == 9);  // the first 4 s are those before the first doubt
}

TEST_CASE(
    "a zombie restores as often as the new owner commits, without a false alarm (simulator)") {
    Bench b;
    b.write(0, "a", 3);
    int moves = 0;
    b.queries.intercept = [&](const Query& query) -> std::optional<Result<QueryAnswer>> {
        if (asks_repartition_end(query) && moves < 50) {
            const QueryAnswer before = b.queries.answer(query);
            b.write(0, "b", 4 + moves++);
            return before;
        }
        return std::nullopt;
    };
    b.takeover.begin(partitions({0}));
    REQUIRE(b.advance(900));
    REQUIRE(b.ready.size() == 1);
    CHECK(b.ready[0].position == Offset{53});
}

// ---- contradictions

TEST_CASE("P8: a committed offset without meta is refused") {
    Bench b;
    b.extend_repartition(0, 7);
    b.group[PartitionId{0}] = {Offset{7}, identity_text(b.job.identity)};
    b.takeover.begin(partitions({0}));
    const Error error = b.error();
    CHECK(error.exit_code == ExitCode::integrity);
    CHECK(error.message.find("offset 7 is committed, but the changelog has no meta") !=
          std::string::npos);
}

TEST_CASE("D8: meta without a committed offset is resumed from") {
    Bench b;
    b.write(0, "a", 3, false);
    b.takeover.begin(partitions({0}));
    REQUIRE(b.advance());
    REQUIRE(b.ready.size() == 1);
    CHECK(b.ready[0].position == Offset{3});
    CHECK(b.keys() == 1);
}

TEST_CASE("P8: a committed offset that is not meta's is refused, in both directions") {
    for (const std::int64_t committed : {2, 4}) {
        Bench b;
        b.write(0, "a", 3);
        b.extend_repartition(0, 10);
        b.group[PartitionId{0}].offset = Offset{committed};
        b.takeover.begin(partitions({0}));
        const Error error = b.error();
        CHECK(error.exit_code == ExitCode::integrity);
        CHECK(error.message.find("the changelog is at 3") != std::string::npos);
        CHECK(b.ready.empty());
    }
}

TEST_CASE("a state is not new where its first deltas were purged already (simulator)") {
    // Paused after the changelog's end was asked for; another owner has applied, and purged.
    Bench b;
    b.reader.most_records = 0;  // no record before the end that was asked for is there
    bool paused = false;
    b.queries.intercept = [&](const Query& query) -> std::optional<Result<QueryAnswer>> {
        if (query.topic == kChangelog && paused) {
            b.reader.most_records = 1000;
        }
        if (query.kind == Query::Kind::log_start && query.topic == kRepartition && !paused) {
            paused = true;
            b.write(0, "a", 5);
            b.log.delete_below(kRepartition, 0, 5);
        }
        return std::nullopt;
    };
    b.takeover.begin(partitions({0}));
    REQUIRE(b.advance());
    REQUIRE(b.ready.size() == 1);
    CHECK(b.ready[0].position == Offset{5});
    CHECK(b.keys() == 1);
    CHECK(b.recorded.count("restoring again") == 1);
}

TEST_CASE("deltas that were deleted before any was applied stop a takeover") {
    Bench b;
    b.extend_repartition(0, 9);
    b.log.delete_below(kRepartition, 0, 4);
    b.takeover.begin(partitions({0}));
    const Error error = b.error();
    CHECK(error.exit_code == ExitCode::integrity);
    CHECK(error.message.find("position 0 is not in the repartition log") != std::string::npos);
}

TEST_CASE("P8: totals that do not agree with meta are refused") {
    Bench b;
    b.write(0, "a", 3);
    b.write(0, "b", 5);
    // The first total is gone: truncated, or deleted by somebody.
    b.log.delete_below(kChangelog, 0, 3);
    b.takeover.begin(partitions({0}));
    const Error error = b.error();
    CHECK(error.exit_code == ExitCode::integrity);
    CHECK(error.message.find("meta counts 2 keys, the changelog has 1") != std::string::npos);
}

TEST_CASE("P4: an offset that another job committed is refused, naming old and new") {
    Bench b;
    b.writer.identity.scale = 2;
    b.write(0, "a", 3);
    b.takeover.begin(partitions({0}));
    const Error error = b.error();
    CHECK(error.exit_code == ExitCode::identity);
    CHECK(error.message.find("-totals partition 0") != std::string::npos);
    CHECK(error.message.find("decimal scale: stored 2, now 9") != std::string::npos);
    CHECK(error.hint.find("kstream reset") != std::string::npos);
}

TEST_CASE("P4: an offset of a foreign program is refused") {
    Bench b;
    b.group[PartitionId{0}] = {Offset{0}, ""};
    b.takeover.begin(partitions({0}));
    CHECK(b.error().exit_code == ExitCode::identity);
}

TEST_CASE("P4: totals that another job wrote are refused, naming that job") {
    Bench b;
    b.writer.identity.spec_hash = 99;
    b.writer.spec_text = "the old job";
    b.write(0, "a", 3, false);
    b.takeover.begin(partitions({0}));
    const Error error = b.error();
    CHECK(error.exit_code == ExitCode::identity);
    CHECK(error.message.find("specification: stored 0000000000000063") != std::string::npos);
    CHECK(error.message.find("the old job") != std::string::npos);
}

TEST_CASE("P4: a topic that was deleted and re-created is refused") {
    for (const TopicRole topic : {kRepartition, kChangelog}) {
        Bench b;
        b.queries.topic_ids[topic] = testing::topic_id(1);
        b.takeover.begin(partitions({0}));
        const Error error = b.error();
        CHECK(error.exit_code == ExitCode::identity);
        CHECK(error.message.find("was replaced") != std::string::npos);
        CHECK(error.message.find(topic_id_text(testing::topic_id(1))) != std::string::npos);
    }
}

TEST_CASE("P4: a topic with another number of partitions is refused") {
    for (const TopicRole topic : {kRepartition, kChangelog}) {
        Bench b;
        b.queries.partition_counts[topic] = 3;
        b.takeover.begin(partitions({0}));
        const Error error = b.error();
        CHECK(error.exit_code == ExitCode::identity);
        CHECK(error.message.find("has 3 partitions now, the state is for 2") != std::string::npos);
    }
}

TEST_CASE("a position that is not in the repartition log any more is refused") {
    Bench deleted;
    deleted.write(0, "a", 3);
    deleted.extend_repartition(0, 9);
    deleted.log.delete_below(kRepartition, 0, 4);
    deleted.takeover.begin(partitions({0}));
    const Error gone = deleted.error();
    CHECK(gone.exit_code == ExitCode::integrity);
    CHECK(gone.message.find("position 3 is not in the repartition log") != std::string::npos);
    CHECK(gone.message.find("[4, 9)") != std::string::npos);

    Bench at_start;
    at_start.write(0, "a", 3);
    at_start.log.delete_below(kRepartition, 0, 3);
    at_start.takeover.begin(partitions({0}));
    CHECK(at_start.advance());
    CHECK(at_start.ready.size() == 1);

    Bench truncated;
    truncated.write(0, "a", 3);
    truncated.queries.intercept = [](const Query& query) -> std::optional<Result<QueryAnswer>> {
        if (query.kind == Query::Kind::log_end && query.topic == kRepartition) {
            QueryAnswer answer;
            answer.offsets.push_back({PartitionId{0}, Offset{2}, ""});
            return answer;
        }
        return std::nullopt;
    };
    truncated.takeover.begin(partitions({0}));
    CHECK(truncated.error().exit_code == ExitCode::integrity);
}

TEST_CASE("a damaged changelog record is refused and named") {
    Bench b;
    b.write(0, "a", 3);
    b.log.append(kChangelog, 0, "\x01x", "damaged");
    b.takeover.begin(partitions({0}));
    const Error error = b.error();
    CHECK(error.exit_code == ExitCode::integrity);
    CHECK(error.message.find("changelog partition 0 offset 3") != std::string::npos);
}

// ---- waiting

TEST_CASE("P8: an open transaction is waited for with a message, and not for ever") {
    Bench b;
    b.write(0, "a", 3);
    b.log.hold(kChangelog, 0, 1);
    b.takeover.begin(partitions({0}));
    REQUIRE(b.advance());
    b.clock.advance(seconds{3});
    REQUIRE(b.advance(5));
    CHECK(b.recorded.count("takeover waits") == 1);
    b.clock.advance(seconds{26});
    REQUIRE(b.advance(5));
    b.clock.advance(seconds{2});
    const Error error = b.error();
    CHECK(error.exit_code == ExitCode::try_again);
    CHECK(error.message.contains("takeover of totals partitions 0 made no progress for 31 s"));
    CHECK(b.recorded.count("takeover waits") == 1);
    CHECK(b.ready.empty());
}

TEST_CASE("a question that is not answered is waited for, and not for ever") {
    Bench b;
    b.queries.held = true;
    b.takeover.begin(partitions({0}));
    REQUIRE(b.advance());
    b.clock.advance(seconds{29});
    REQUIRE(b.advance());
    b.clock.advance(seconds{2});
    CHECK(b.error().exit_code == ExitCode::try_again);
}

TEST_CASE("patience counts from the last progress") {
    Bench b;
    b.reader.most_records = 1;
    for (int i = 0; i < 10; ++i) {
        b.write(0, "a", i);
    }
    b.takeover.begin(partitions({0}));
    REQUIRE(b.advance(8));
    for (int i = 0; i < 10; ++i) {
        b.clock.advance(seconds{20});
        REQUIRE(b.advance(1));
    }
    REQUIRE(b.advance(20));
    CHECK(b.ready.size() == 1);
}

TEST_CASE("a retriable answer is asked for again, another error ends the takeover") {
    for (const bool retriable : {true, false}) {
        CAPTURE(retriable);
        Bench b;
        b.write(0, "a", 3);
        int refusals = 2;
        b.queries.intercept = [&](const Query& query) -> std::optional<Result<QueryAnswer>> {
            if (query.kind == Query::Kind::committed && refusals-- > 0) {
                return std::unexpected(retriable
                                           ? testing::retriable("offsets are not stable")
                                           : Error::stop(ExitCode::kafka_fatal, "not authorized"));
            }
            return std::nullopt;
        };
        b.takeover.begin(partitions({0}));
        if (retriable) {
            REQUIRE(b.advance());
            CHECK(b.ready.size() == 1);
        } else {
            CHECK(b.error().message == "not authorized");
        }
    }
}

TEST_CASE("a read that fails for now is tried again, another error ends the takeover") {
    Bench b;
    b.write(0, "a", 3);
    b.takeover.begin(partitions({0}));
    b.reader.fail_next_poll(testing::retriable("no broker in reach"));
    REQUIRE(b.advance());
    CHECK(b.ready.size() == 1);

    Bench stopped;
    stopped.write(0, "a", 3);
    stopped.takeover.begin(partitions({0}));
    stopped.reader.fail_next_poll(Error::stop(ExitCode::kafka_fatal, "not authorized"));
    CHECK(stopped.error().message == "not authorized");
}

// ---- canceling

TEST_CASE("a takeover can be canceled at every point and begun again") {
    // Two partitions, one of them canceled or both; with the question of the moment answered or
    // still open, whose answer must not be taken for that of the next.
    for (int steps = 0; steps < 20; ++steps) {
        for (const bool both : {false, true}) {
            for (const bool answered : {false, true}) {
                CAPTURE(steps, both, answered);
                Bench b;
                b.reader.most_records = 1;
                b.write(0, "a", 3);
                b.write(0, "b", 4);
                b.write(1, "c", 7);
                b.takeover.begin(partitions({0, 1}));
                REQUIRE(b.advance(steps));
                b.queries.held = !answered;
                const std::size_t ready = b.ready.size();
                const auto gone = both ? partitions({0, 1}) : partitions({0});
                b.takeover.cancel(gone);
                b.fold.drop(gone);
                std::erase_if(b.ready, [both](const ReadyPartition& partition) {
                    return both || partition.partition == PartitionId{0};
                });
                REQUIRE(b.advance(3));
                b.queries.held = false;
                b.takeover.begin(partitions({0}));
                REQUIRE(b.advance(60));
                CHECK(b.takeover.idle());
                CHECK(b.reader.all_closed());
                CHECK(b.ready.size() == (both ? 1U : 2U));
                CHECK(b.keys() == (both ? 2U : 3U));
                CHECK((ready <= 2));
            }
        }
    }
}

TEST_CASE("partitions that are assigned while others are taken over wait for their turn") {
    Bench b;
    b.write(0, "a", 3);
    b.write(1, "b", 5);
    b.log.hold(kChangelog, 0, 1);
    b.takeover.begin(partitions({0}));
    REQUIRE(b.advance());
    b.takeover.begin(partitions({1}));
    REQUIRE(b.advance());
    CHECK(b.ready.empty());
    CHECK_FALSE(b.takeover.idle());
    b.log.hold(kChangelog, 0, std::nullopt);
    REQUIRE(b.advance());
    CHECK(b.ready.size() == 2);
    // The second has had its own questions, in the same order.
    CHECK(b.queries.asked.size() == 14);
    CHECK(b.queries.asked[9].partitions == partitions({1}));
}

}  // namespace kstream
