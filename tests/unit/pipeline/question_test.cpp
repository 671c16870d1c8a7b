// One question after another, from code that never blocks.
#include "kstream/pipeline/question.hpp"

#include "support/fakes/fake_queries.hpp"
#include "support/fakes/fake_sink.hpp"
#include "support/fakes/test_job.hpp"

#include <catch2/catch_test_macros.hpp>

#include <optional>
#include <string>

namespace kstream {
namespace {

struct Bench {
    static Query about(Query::Kind kind) {
        Query query;
        query.kind = kind;
        query.partitions = {PartitionId{0}};
        return query;
    }
    // Asks until there is an answer, at most so often; the number of calls, 0 for none.
    int calls_until_answered(Query::Kind kind, int most = 10) {
        for (int calls = 1; calls <= most; ++calls) {
            const Result<std::optional<QueryAnswer>> answer = question.ask(about(kind));
            REQUIRE(answer.has_value());
            if (*answer) {
                last = **answer;
                return calls;
            }
        }
        return 0;
    }

    testing::MemoryLog log;
    testing::GroupOffsets group{{PartitionId{0}, {Offset{7}, ""}}};
    testing::FakeQueries queries{log, group, testing::make_job()};
    Question question{queries};
    QueryAnswer last;
};

}  // namespace

TEST_CASE("a question is asked once, however often its answer is looked for") {
    Bench b;
    b.queries.held = true;
    CHECK(b.calls_until_answered(Query::Kind::committed) == 0);
    b.queries.held = false;
    CHECK(b.calls_until_answered(Query::Kind::committed) == 1);
    CHECK(b.queries.asked.size() == 1);
    CHECK(b.last.offsets.at(0).offset == Offset{7});
    // The next one is a new question.
    CHECK(b.calls_until_answered(Query::Kind::log_end) == 2);
    CHECK(b.queries.asked.size() == 2);
}

TEST_CASE("a retriable error is no answer, any other is the caller's") {
    Bench b;
    int refusals = 2;
    b.queries.intercept = [&](const Query&) -> std::optional<Result<QueryAnswer>> {
        if (refusals-- > 0) {
            return std::unexpected(testing::retriable("not now"));
        }
        return fail(ExitCode::kafka_fatal, "not authorized");
    };
    Result<std::optional<QueryAnswer>> answer = std::optional<QueryAnswer>{};
    for (int i = 0; i < 10 && answer; ++i) {
        answer = b.question.ask(Bench::about(Query::Kind::committed));
        REQUIRE((!answer || !answer->has_value()));
    }
    REQUIRE_FALSE(answer.has_value());
    CHECK(answer.error().message == "not authorized");
    CHECK(b.queries.asked.size() == 3);
}

TEST_CASE("the answer to a forgotten question is never taken for that of the next") {
    Bench b;
    b.queries.held = true;
    CHECK(b.calls_until_answered(Query::Kind::committed) == 0);
    b.question.forget();
    b.question.forget();
    // The next one waits until the port is free: it takes one question at a time.
    CHECK(b.calls_until_answered(Query::Kind::log_end) == 0);
    CHECK(b.queries.asked.size() == 1);
    b.queries.held = false;
    CHECK(b.calls_until_answered(Query::Kind::log_end) > 0);
    CHECK(b.queries.names() == std::vector<std::string>{"committed", "source end committed"});
    CHECK(b.last.offsets.at(0).offset == Offset{0});
}

TEST_CASE("forgetting with nothing open changes nothing") {
    Bench b;
    b.question.forget();
    CHECK(b.calls_until_answered(Query::Kind::committed) == 2);
    b.question.forget();
    CHECK(b.calls_until_answered(Query::Kind::committed) == 2);
    CHECK(b.queries.asked.size() == 2);
}

}  // namespace kstream
