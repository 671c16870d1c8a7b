#include "kstream/ports/explain.hpp"

#include "support/fakes/recording_log.hpp"

#include <catch2/catch_test_macros.hpp>

namespace kstream {

TEST_CASE("Why a command failed is said in one line: what, cause, exit code, hint") {
    testing::RecordingLog log;
    const Error error = Error::stop(ExitCode::unavailable, "topic t does not exist", "make it");
    CHECK(explain(log, error, "not reset") == ExitCode::unavailable);
    CHECK(explain(log, error) == ExitCode::unavailable);
    REQUIRE(log.lines.size() == 2);
    CHECK(log.lines[0].text == "not reset: topic t does not exist exit=3 hint=make it");
    CHECK(log.lines[1].text == "topic t does not exist exit=3 hint=make it");
}

}  // namespace kstream
