// A statement as a job: what flags say stays what it was, what nothing runs is refused by name.
#include "kstream/job/statement_job.hpp"

#include "kstream/job/parse.hpp"
#include "kstream/job/statement_text.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kstream::job {
namespace {

Statement parsed(std::string_view text) {
    auto made = parse(text);
    REQUIRE(made.has_value());
    return *std::move(made);
}

}  // namespace

TEST_CASE("a statement that flags can say is their job", "[statement]") {
    const std::string text = "SELECT a, sum(v) AS s, count(*) AS n FROM t GROUP BY a";
    const StatementJob job = statement_job(parsed(text), text);
    REQUIRE_FALSE(job.spec.statement);
    CHECK(canonical_text(job.spec).starts_with("kstream-job 1\n"));
    CHECK(problems(job.spec).empty());
}

TEST_CASE("a statement that flags cannot say has its own identity and its accumulators",
          "[statement]") {
    const std::string text =
        "SELECT a.b AS g, avg(v) AS m, a.b || '!' AS h FROM t WHERE v > 1 GROUP BY a.b";
    const StatementJob job = statement_job(parsed(text), text);
    REQUIRE(job.spec.statement);
    CHECK(canonical_text(job.spec) == canonical_text(job.statement));
    CHECK(canonical_text(job.spec).starts_with("kstream-job 2\n"));
    CHECK(problems(job.spec).empty());
    CHECK(job.spec.source_topic == "t");
    CHECK(job.spec.group_by.size() == 1);
    CHECK(job.spec.aggregates.size() == job.plan.accumulators.size());
    CHECK(job.spec.statement->columns == std::vector<std::string>{"g", "m", "h"});
    CHECK(job.spec.statement->mentions == 2);
}

TEST_CASE("whether a statement has windows is known to whoever knows its records only",
          "[statement]") {
    const auto windows = [](const std::string& from, const std::string& group_by) {
        const std::string text = "SELECT count(*) AS n FROM " + from + group_by;
        return has_windows(statement_job(parsed(text), text).spec);
    };
    const std::string group_by = " GROUP BY window_start";
    CHECK(windows("tumble(t, to_timestamp(h), INTERVAL '1 hour', grace => INTERVAL '0 hours')",
                  group_by));
    CHECK(
        windows("hop(t, to_timestamp(h), INTERVAL '1 hour', INTERVAL '2 hours', "
                "grace => INTERVAL '0 hours')",
                group_by));
    CHECK(windows("session(t, to_timestamp(h), INTERVAL '1 hour', grace => INTERVAL '0 hours')",
                  group_by));
    CHECK_FALSE(windows("events(t, to_timestamp(h))", ""));
    CHECK_FALSE(windows("t", " WHERE h > 1"));
    CHECK_FALSE(windows("t", " GROUP BY h"));  // of the flags
}

TEST_CASE("text of a place is cut between characters", "[statement]") {
    StatementJob job;
    for (int i = 0; i < 150; ++i) {
        job.text += "\u00e9";
    }
    CHECK(job.text_at({.at = 0, .size = 4}) == "\u00e9\u00e9");
    CHECK(job.text_at({.at = 0, .size = 300}).size() == 200);
    job.text.insert(0, "x");
    CHECK(job.text_at({.at = 0, .size = 301}).size() == 199);
    CHECK(job.text_at({.at = 1000, .size = 5}).empty());
}

}  // namespace kstream::job
