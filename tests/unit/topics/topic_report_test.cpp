// What create-topics says: one set of facts, as a table and as JSON.
#include "topics/topic_report.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>

namespace kstream::topics {
namespace {

TopicReport two_topics() {
    TopicReport report;
    report.cluster_id = "c1";
    report.brokers = 3;
    report.topics.topics = {
        {{TopicRole::source, "in", 6, 3, {{"min.insync.replicas", "2"}}},
         TopicState::created,
         {},
         std::nullopt},
        {{TopicRole::results, "out", 6, 3, {{"cleanup.policy", "compact"}}},
         TopicState::differs,
         {{"cleanup.policy", "compact", ""}, {"partitions", "6", "4"}},
         std::nullopt},
    };
    return report;
}

TEST_CASE("the table has a line per topic and per difference") {
    CHECK(to_table(two_topics()) ==
          "topic  role          partitions  replicas  state\n"
          "in     source                 6         3  created\n"
          "out    results                6         3  differs\n"
          "  cleanup.policy: expected compact, found nothing\n"
          "  partitions: expected 6, found 4\n");
}

TEST_CASE("a table without topics is only what is wrong") {
    TopicReport report;
    report.findings = {Finding::error(ExitCode::unavailable, "too few", "start more"),
                       Finding::ok("fine")};
    CHECK(to_table(report) == "error  too few\n       start more\n");
}

TEST_CASE("the JSON has the same facts") {
    TopicReport report = two_topics();
    report.findings = {Finding::warn("a \"quoted\" word")};
    report.not_ready = Error::stop(ExitCode::unavailable, "in does not exist");
    CHECK(to_json(report) ==
          R"({"cluster_id":"c1","brokers":3,"dry_run":false,"topics":[)"
          R"({"topic":"in","role":"source","state":"created","partitions":6,)"
          R"("replication_factor":3,"configs":{"min.insync.replicas":"2"},"differences":[]},)"
          R"({"topic":"out","role":"results","state":"differs","partitions":6,)"
          R"("replication_factor":3,"configs":{"cleanup.policy":"compact"},"differences":[)"
          R"({"what":"cleanup.policy","expected":"compact","found":""},)"
          R"({"what":"partitions","expected":"6","found":"4"}]}],)"
          R"("findings":[{"severity":"warn","text":"a \"quoted\" word","hint":""}],)"
          R"("not_ready":"in does not exist"})"
          "\n");
}

TEST_CASE("a topic that could not be made counts before findings, waiting and differences") {
    TopicReport report = two_topics();
    CHECK(exit_code_of(report) == ExitCode::differs);
    report.not_ready = Error::stop(ExitCode::unavailable, "not yet");
    CHECK(exit_code_of(report) == ExitCode::unavailable);
    report.findings = {Finding::error(ExitCode::kafka_fatal, "broken")};
    CHECK(exit_code_of(report) == ExitCode::kafka_fatal);
    report.topics.topics[0].state = TopicState::failed;
    report.topics.topics[0].error = Error::stop(ExitCode::usage, "refused");
    CHECK(exit_code_of(report) == ExitCode::usage);
    CHECK(exit_code_of(TopicReport{}) == ExitCode::ok);
}

}  // namespace
}  // namespace kstream::topics
