// When `--until end` is done (P11).
#include "kstream/pipeline/end_watch.hpp"

#include "kstream/codec/changelog.hpp"
#include "support/fakes/fake_queries.hpp"
#include "support/fakes/fake_reader.hpp"
#include "support/fakes/fake_sink.hpp"
#include "support/fakes/memory_log.hpp"
#include "support/fakes/statement_job.hpp"
#include "support/fakes/test_job.hpp"

#include <catch2/catch_test_macros.hpp>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace kstream {
namespace {

constexpr TopicRole kSource = TopicRole::source;
constexpr TopicRole kChangelog = TopicRole::changelog;

struct Bench {
    void fill(std::int32_t partition, int count) {
        for (int i = 0; i < count; ++i) {
            log.append(kSource, partition, "tx", "v");
        }
    }
    // A transaction of state partition q: these source partitions are applied so far.
    void apply(std::int32_t q, const std::vector<std::pair<std::int32_t, std::int64_t>>& applied,
               int totals = 1, std::int64_t repartition_position = 0) {
        for (int i = 0; i < totals; ++i) {
            log.append(kChangelog, q, "\x01some total", "not looked at");
        }
        Meta meta;
        meta.identity = job.identity;
        meta.slots.resize(2);
        meta.repartition_position = Offset{repartition_position};
        for (const auto& [partition, position] : applied) {
            SourceProgress source;
            source.partition = PartitionId{partition};
            source.applied = Offset{position};
            source.slots.resize(2);
            meta.sources.push_back(source);
        }
        std::string value;
        append_meta_value(value, job.kinds, meta);
        log.append(kChangelog, q, meta_key(), value);
        log.append_invisible(kChangelog, q);
    }

    bool done(int times = 40) {
        for (int i = 0; i < times; ++i) {
            const Result<bool> over = watch.advance(Duration::zero());
            REQUIRE(over.has_value());
            if (*over) {
                return true;
            }
        }
        return false;
    }

    // What it ends with, which it must have looked for often enough.
    Error error() {
        int steps = 0;
        Result<bool> over = false;
        while (over && steps < 1000) {
            over = watch.advance(Duration::zero());
            ++steps;
            REQUIRE((!over || !*over));
        }
        REQUIRE_FALSE(over);
        CHECK(steps >= EndWatch::kMaxLooks);
        return over.error();
    }

    Job job = testing::make_job(2, 2);
    testing::MemoryLog log;
    testing::GroupOffsets group;
    testing::FakeQueries queries{log, group, job};
    testing::FakeReader reader{log};
    EndWatch watch{job, queries, reader};
};

}  // namespace

TEST_CASE("P11: done when every state partition has applied all source partitions to their ends") {
    Bench b;
    b.fill(0, 5);
    b.fill(1, 3);
    CHECK_FALSE(b.done());
    b.apply(0, {{0, 5}, {1, 3}});
    CHECK_FALSE(b.done());
    b.apply(1, {{0, 4}, {1, 3}});
    CHECK_FALSE(b.done());
    b.apply(1, {{0, 5}, {1, 3}});
    CHECK(b.done());
}

TEST_CASE("with --close time is to end when all is applied, and all have to have heard of it") {
    Bench b;
    b.job = testing::make_statement_job(
        "SELECT k, window_start, count(DISTINCT v) AS n FROM tumble(t, to_timestamp(ms * 0.001), "
        "INTERVAL '1 minute', grace => INTERVAL '0 seconds') GROUP BY k, window_start",
        2, 2);
    EndWatch watch{b.job, b.queries, b.reader, true};
    const auto done = [&watch] {
        for (int i = 0; i < 40; ++i) {
            const Result<bool> over = watch.advance(Duration::zero());
            REQUIRE(over.has_value());
            if (*over) {
                return true;
            }
        }
        return false;
    };
    const auto write = [&b](std::int32_t q, std::int64_t first, std::int64_t second,
                            std::uint64_t to_close, std::uint64_t to_sweep = 0) {
        Meta meta;
        meta.identity = b.job.identity;
        meta.slots.resize(b.job.kinds.size());
        meta.retired.resize(b.job.kinds.size());
        meta.to_close = to_close;
        meta.to_sweep = to_sweep;
        for (const std::int64_t watermark : {first, second}) {
            SourceProgress source;
            source.partition = PartitionId{static_cast<std::int32_t>(meta.sources.size())};
            source.watermark = watermark;
            source.slots.resize(b.job.kinds.size());
            meta.sources.push_back(source);
        }
        std::string value;
        append_meta_value(value, b.job.form(), meta);
        b.log.append(kChangelog, q, meta_key(), value);
        b.log.append_invisible(kChangelog, q);
    };
    write(0, 7, 8, 0);
    CHECK_FALSE(done());
    CHECK_FALSE(watch.wants_time_to_end());
    write(1, 7, 8, 0);
    CHECK_FALSE(done());
    CHECK(watch.wants_time_to_end());
    write(0, kEndOfTime, kEndOfTime, 0);
    write(1, kEndOfTime, 8, 0);
    CHECK_FALSE(done());
    write(1, kEndOfTime, kEndOfTime, 1);
    CHECK_FALSE(done());
    write(1, kEndOfTime, kEndOfTime, 0, 1);
    CHECK_FALSE(done());
    write(1, kEndOfTime, kEndOfTime, 0);
    CHECK(done());
    // Who is not to close it finds that it is over.
    testing::FakeReader reader{b.log};
    EndWatch other{b.job, b.queries, reader};
    Result<bool> over = false;
    for (int i = 0; i < 40 && over; ++i) {
        over = other.advance(Duration::zero());
    }
    REQUIRE_FALSE(over);
    CHECK(over.error().exit_code == ExitCode::identity);
}

TEST_CASE("P11: a source partition that a state partition does not know is not applied") {
    Bench b;
    b.fill(0, 5);
    b.apply(0, {{0, 5}});
    b.apply(1, {{0, 5}});
    CHECK_FALSE(b.done());
    // Partition 1 is empty: it is done when it was opened.
    b.apply(0, {{0, 5}, {1, 0}});
    b.apply(1, {{0, 5}, {1, 0}});
    CHECK(b.done());
}

TEST_CASE("P11: an empty source is done when its partitions were opened") {
    Bench b;
    CHECK_FALSE(b.done());
    b.apply(0, {{0, 0}, {1, 0}});
    b.apply(1, {{0, 0}, {1, 0}});
    CHECK(b.done());
}

TEST_CASE("P11: what is applied already when the watch begins is seen") {
    Bench b;
    b.fill(0, 5);
    b.apply(0, {{0, 5}, {1, 0}});
    b.apply(1, {{0, 5}, {1, 0}});
    CHECK(b.done());
}

TEST_CASE("P11: the ends are those of the start, and after them is enough") {
    Bench b;
    b.fill(0, 5);
    REQUIRE_FALSE(b.done());
    b.fill(0, 100);
    b.fill(1, 7);
    b.apply(0, {{0, 5}, {1, 0}});
    b.apply(1, {{0, 50}, {1, 7}});
    CHECK(b.done());
}

// Chaos, profile truncation, seed 3: exit code 0 of a run whose map loop had not come to look yet,
// where all that ran longer had stopped with 70.
TEST_CASE("P11: a source that ends before what is in the totals has lost records") {
    Bench b;
    b.fill(0, 5);
    b.fill(1, 3);
    b.apply(0, {{0, 7}, {1, 3}});
    b.apply(1, {{0, 6}, {1, 3}});
    const Error error = b.error();
    CHECK(error.exit_code == ExitCode::integrity);
    CHECK(
        error.message ==
        "topic financial_transactions partition 0: the totals hold its records up to offset 7, but "
        "the log ends at 5");
}

// Chaos, profile truncation, seed 6.
TEST_CASE("P11: a repartition log that ends before what was applied of it has lost records") {
    Bench b;
    b.fill(0, 5);
    b.log.append(TopicRole::repartition, 1, "", "a batch");
    b.apply(0, {{0, 5}, {1, 0}});
    b.apply(1, {{0, 5}, {1, 0}}, 1, 3);
    const Error error = b.error();
    CHECK(error.exit_code == ExitCode::integrity);
    CHECK(error.message ==
          "repartition partition 1: the totals hold its records up to offset 3, but the log ends "
          "at 1");
}

TEST_CASE("P11: a leader that does not know the end of its log yet is asked again") {
    Bench b;
    b.fill(0, 5);
    b.apply(0, {{0, 7}, {1, 0}});
    b.apply(1, {{0, 7}, {1, 0}});
    CHECK_FALSE(b.done(20));
    CHECK(b.watch.looks_again());
    b.fill(0, 2);
    CHECK(b.done());
}

// cases: four records behind an open transaction, exit code 0 and "everything up to the end".
TEST_CASE(
    "P11: records after an open transaction are said to be there, when all before is applied") {
    Bench b;
    b.fill(0, 5);
    b.log.hold(kSource, 0, 1);
    b.apply(0, {{0, 0}, {1, 0}});
    b.apply(1, {{0, 1}, {1, 0}});
    CHECK_FALSE(b.done(200));
    CHECK_FALSE(b.watch.looks_again());
    b.apply(0, {{0, 1}, {1, 0}});
    const Error error = b.error();
    CHECK(b.watch.looks_again());
    CHECK(error.exit_code == ExitCode::open_transaction);
    CHECK(error.message ==
          "4 records stand after an open transaction and are not counted: topic "
          "financial_transactions partition 0 from offset 1 (last stable) to 5 (end of the log)");
}

TEST_CASE("P11: a transaction that has ended by then is to be applied, whatever came after it") {
    for (const bool committed_in_between : {false, true}) {
        CAPTURE(committed_in_between);
        Bench b;
        b.fill(0, 5);
        b.fill(1, 1);
        b.log.hold(kSource, 0, 3);
        b.apply(0, {{0, 3}, {1, 1}});
        b.apply(1, {{0, 3}, {1, 1}});
        CHECK_FALSE(b.done(committed_in_between ? 8 : 30));
        // The next transaction is open now, and no affair of this run.
        b.fill(0, 7);
        b.log.hold(kSource, 0, 8);
        CHECK_FALSE(b.done());
        b.apply(0, {{0, 5}, {1, 1}});
        CHECK_FALSE(b.done());
        b.apply(1, {{0, 8}, {1, 1}});
        CHECK(b.done());
    }
}

TEST_CASE(
    "P11: the ends are taken before the stable ends, so that new records are no transaction") {
    Bench b;
    b.fill(0, 5);
    b.queries.intercept = [&](const Query& query) -> std::optional<Result<QueryAnswer>> {
        if (query.topic == kSource && query.isolation == Isolation::read_committed &&
            query.kind == Query::Kind::log_end) {
            b.fill(0, 1);
        }
        return std::nullopt;
    };
    b.apply(0, {{0, 5}, {1, 0}});
    b.apply(1, {{0, 5}, {1, 0}});
    CHECK(b.done());
}

TEST_CASE("P11: meta of a transaction that is still open does not count") {
    Bench b;
    b.fill(0, 5);
    b.apply(0, {{0, 5}, {1, 0}});
    b.log.hold(kChangelog, 1, 0);
    b.apply(1, {{0, 5}, {1, 0}});
    CHECK_FALSE(b.done());
    b.log.hold(kChangelog, 1, std::nullopt);
    CHECK(b.done());
}

TEST_CASE("only the tail of a long changelog is read") {
    Bench b;
    b.fill(0, 5);
    b.apply(0, {{0, 1}, {1, 0}}, 5000);
    b.apply(0, {{0, 5}, {1, 0}}, 10);
    b.apply(1, {{0, 5}, {1, 0}});
    CHECK(b.done());
    REQUIRE(b.reader.opened.size() == 2);
    CHECK(b.reader.opened[0].from.value > 3000);
    CHECK(b.reader.opened[1].from == Offset{0});
}

TEST_CASE("where no meta is in the tail, the changelog is read from its beginning") {
    Bench b;
    b.fill(0, 5);
    b.apply(0, {{0, 5}, {1, 0}});
    // A transaction that is longer than the tail, aborted.
    for (int i = 0; i < 3000; ++i) {
        b.log.append_invisible(kChangelog, 0);
    }
    b.apply(1, {{0, 5}, {1, 0}});
    CHECK(b.done());
    REQUIRE(b.reader.opened.size() == 3);
    CHECK(b.reader.opened[2].partition == PartitionId{0});
    CHECK(b.reader.opened[2].from == Offset{0});
}

TEST_CASE("what was read further back does not hide what came later") {
    Bench b;
    b.fill(0, 5);
    b.apply(0, {{0, 2}, {1, 0}}, 3000);
    for (int i = 0; i < 3000; ++i) {
        b.log.append_invisible(kChangelog, 0);
    }
    b.apply(1, {{0, 5}, {1, 0}});
    CHECK_FALSE(b.done());
    b.apply(0, {{0, 5}, {1, 0}});
    CHECK(b.done());
}

TEST_CASE("a tail is never read from before the beginning of the log") {
    Bench b;
    b.fill(0, 5);
    b.apply(0, {{0, 1}, {1, 0}});
    b.apply(0, {{0, 5}, {1, 0}});
    b.log.delete_below(kChangelog, 0, 3);
    b.apply(1, {{0, 5}, {1, 0}});
    CHECK(b.done());
    CHECK(b.reader.opened.at(0).from == Offset{3});
}

TEST_CASE("a read that fails for now does not end the watch, one that says stop does") {
    Bench b;
    b.fill(0, 5);
    b.apply(0, {{0, 5}, {1, 0}});
    b.apply(1, {{0, 5}, {1, 0}});
    b.reader.fail_next_poll(testing::retriable("no broker in reach"));
    CHECK(b.done());

    Bench stopped;
    stopped.reader.fail_next_poll(Error::stop(ExitCode::kafka_fatal, "not authorized"));
    Result<bool> over = false;
    for (int i = 0; i < 40 && over && !*over; ++i) {
        over = stopped.watch.advance(Duration::zero());
    }
    REQUIRE_FALSE(over.has_value());
    CHECK(over.error().message == "not authorized");
}

TEST_CASE("a question that fails for now is asked again, one that says stop ends the watch") {
    for (const bool retriable : {true, false}) {
        CAPTURE(retriable);
        Bench b;
        b.apply(0, {{0, 0}, {1, 0}});
        b.apply(1, {{0, 0}, {1, 0}});
        int refusals = 3;
        b.queries.intercept = [&](const Query&) -> std::optional<Result<QueryAnswer>> {
            if (refusals-- > 0) {
                return std::unexpected(retriable
                                           ? testing::retriable("no broker in reach")
                                           : Error::stop(ExitCode::kafka_fatal, "not authorized"));
            }
            return std::nullopt;
        };
        if (retriable) {
            CHECK(b.done());
            continue;
        }
        Result<bool> over = false;
        for (int i = 0; i < 10 && over; ++i) {
            over = b.watch.advance(Duration::zero());
        }
        CHECK_FALSE(over.has_value());
    }
}

TEST_CASE("damaged meta ends the watch") {
    Bench b;
    b.log.append(kChangelog, 0, meta_key(), "damaged");
    Result<bool> over = false;
    for (int i = 0; i < 40 && over; ++i) {
        over = b.watch.advance(Duration::zero());
    }
    REQUIRE_FALSE(over.has_value());
    CHECK(over.error().exit_code == ExitCode::integrity);
}

}  // namespace kstream
