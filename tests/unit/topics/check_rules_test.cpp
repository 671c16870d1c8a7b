// What exactly-once needs of a cluster, its topics and its rights: each rule fires on the fact that
// breaks it and on nothing else.
#include "topics/check_rules.hpp"

#include "topics/start_checks.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace kstream::topics {
namespace {

using std::chrono::milliseconds;

kafka::ConfigMap with(std::initializer_list<std::pair<const char*, const char*>> values) {
    kafka::ConfigMap configs;
    for (const auto& [key, value] : values) {
        configs[key] = value;
    }
    return configs;
}

kafka::ConfigMap changed(kafka::ConfigMap configs, const char* key, const char* value) {
    configs[key] = value;
    return configs;
}

kafka::ConfigMap good_broker() {
    return with({{"transaction.state.log.replication.factor", "3"},
                 {"transaction.state.log.min.isr", "2"},
                 {"offsets.topic.replication.factor", "3"},
                 {"transaction.max.timeout.ms", "900000"},
                 {"offset.metadata.max.bytes", "4096"},
                 {"auto.create.topics.enable", "false"},
                 {"group.min.session.timeout.ms", "6000"},
                 {"group.max.session.timeout.ms", "1800000"},
                 {"group.initial.rebalance.delay.ms", "0"}});
}

ClusterFacts good_cluster() {
    ClusterFacts facts;
    facts.brokers = 3;
    facts.config = good_broker();
    facts.transaction_timeout = milliseconds(10000);
    return facts;
}

kafka::TopicInfo topic_with(int partitions, int replicas) {
    kafka::TopicInfo info;
    info.name = "t";
    info.exists = true;
    info.id.bytes[0] = 1;
    for (int p = 0; p < partitions; ++p) {
        kafka::PartitionInfo partition{PartitionId{p}, 1, {}, {}};
        for (int r = 1; r <= replicas; ++r) {
            partition.replicas.push_back(r);
            partition.in_sync.push_back(r);
        }
        info.partitions.push_back(std::move(partition));
    }
    return info;
}

TopicUnderTest good_topic(TopicRole role) {
    TopicUnderTest topic{role, topic_with(6, 3),
                         with({{"min.insync.replicas", "2"},
                               {"max.message.bytes", "1048588"},
                               {"cleanup.policy", "delete"},
                               {"unclean.leader.election.enable", "false"},
                               {"retention.ms", "-1"},
                               {"retention.bytes", "-1"}})};
    topic.info.name = role_name(role);
    if (role == TopicRole::changelog || role == TopicRole::results) {
        (*topic.configs)["cleanup.policy"] = "compact";
    }
    if (holds_copies(role)) {
        (*topic.configs)["max.message.bytes"] = "1114124";
    }
    return topic;
}

// The one finding of this gravity whose text has `part`; nullptr when there is none.
const Finding* find(const Findings& findings, Severity severity, std::string_view part) {
    const auto found = std::ranges::find_if(findings, [&](const Finding& finding) {
        return finding.severity == severity && finding.text.find(part) != std::string::npos;
    });
    return found == findings.end() ? nullptr : &*found;
}

bool only_ok(const Findings& findings) {
    return std::ranges::all_of(
        findings, [](const Finding& finding) { return finding.severity == Severity::ok; });
}

TEST_CASE("a cluster of three with replicated logs has nothing to complain of") {
    CHECK(only_ok(cluster_findings(good_cluster())));
}

TEST_CASE("transactions are impossible with too few brokers for their log") {
    ClusterFacts facts = good_cluster();
    facts.brokers = 1;
    const Findings findings = cluster_findings(facts);
    const Finding* const finding = find(findings, Severity::error, "exactly-once is impossible");
    REQUIRE(finding != nullptr);
    CHECK(finding->text.find("transaction.state.log.replication.factor is 3") != std::string::npos);
    CHECK(finding->exit_code == ExitCode::unavailable);
    CHECK(find(findings, Severity::error, "committing offsets is impossible") != nullptr);
}

TEST_CASE("a transaction log that is already there counts by its own replicas") {
    ClusterFacts facts = good_cluster();
    facts.brokers = 2;
    facts.transaction_log = topic_with(4, 3);
    facts.offsets_log = topic_with(4, 3);
    CHECK(only_ok(cluster_findings(facts)));  // two of three are enough for min ISR 2

    facts.brokers = 1;
    CHECK(find(cluster_findings(facts), Severity::error, "not possible now") != nullptr);

    facts.brokers = 3;
    facts.transaction_log.partitions[2].leader = -1;
    CHECK(find(cluster_findings(facts), Severity::error, "no leader") != nullptr);
}

TEST_CASE("settings that cannot work together are an error however many brokers are up") {
    ClusterFacts facts = good_cluster();
    facts.config = changed(good_broker(), "transaction.state.log.min.isr", "4");
    const Findings findings = cluster_findings(facts);
    const Finding* const finding = find(findings, Severity::error, "wants 4 replicas in sync of 3");
    REQUIRE(finding != nullptr);
    CHECK(finding->exit_code == ExitCode::kafka_fatal);
}

TEST_CASE("a transaction log that stops or is lost with one broker is fragile") {
    ClusterFacts facts = good_cluster();
    facts.config = changed(good_broker(), "transaction.state.log.min.isr", "3");
    CHECK(find(cluster_findings(facts), Severity::warn, "stops when one broker is down") !=
          nullptr);

    kafka::ConfigMap single =
        changed(good_broker(), "transaction.state.log.replication.factor", "1");
    facts.config = changed(std::move(single), "transaction.state.log.min.isr", "1");
    CHECK(find(cluster_findings(facts), Severity::warn, "only copy") != nullptr);
}

TEST_CASE("timeouts and sizes that the broker does not allow are errors") {
    ClusterFacts facts = good_cluster();
    facts.config = changed(good_broker(), "transaction.max.timeout.ms", "9999");
    CHECK(find(cluster_findings(facts), Severity::error, "transaction.max.timeout.ms is 9999") !=
          nullptr);
    facts.config = changed(good_broker(), "transaction.max.timeout.ms", "10000");
    CHECK(only_ok(cluster_findings(facts)));
    facts.config = changed(good_broker(), "offset.metadata.max.bytes", "511");
    CHECK(find(cluster_findings(facts), Severity::error, "offset.metadata.max.bytes") != nullptr);
}

TEST_CASE("what could not be read is said, not passed over") {
    ClusterFacts facts = good_cluster();
    facts.config.reset();
    CHECK(find(cluster_findings(facts), Severity::warn, "was not checked") != nullptr);
    TopicUnderTest topic = good_topic(TopicRole::changelog);
    topic.configs.reset();
    CHECK(find(topic_findings(topic), Severity::warn, "was not checked") != nullptr);
}

TEST_CASE("the session timeout must lie within the broker's limits") {
    CHECK(only_ok(session_findings(good_broker(), milliseconds(6000))));
    CHECK(only_ok(session_findings(good_broker(), milliseconds(1800000))));
    for (const int ms : {5999, 1800001}) {
        const Findings findings = session_findings(good_broker(), milliseconds(ms));
        REQUIRE(find(findings, Severity::error, "--session-timeout") != nullptr);
        CHECK(exit_code_of(findings) == ExitCode::usage);
    }
}

TEST_CASE("topics as create-topics makes them have nothing to complain of") {
    std::vector<TopicUnderTest> topics;
    for (const TopicRole role : {TopicRole::source, TopicRole::repartition, TopicRole::changelog,
                                 TopicRole::results, TopicRole::dead_letters, TopicRole::late}) {
        CAPTURE(role_name(role));
        topics.push_back(good_topic(role));
        CHECK(topic_findings(topics.back()).empty());
    }
    CHECK(combination_findings(topics, 6).empty());
}

TEST_CASE("a policy that would lose totals or deltas is an error") {
    TopicUnderTest changelog = good_topic(TopicRole::changelog);
    for (const char* policy : {"delete", "compact,delete"}) {
        (*changelog.configs)["cleanup.policy"] = policy;
        CHECK(exit_code_of(topic_findings(changelog)) == ExitCode::differs);
    }
    TopicUnderTest repartition = good_topic(TopicRole::repartition);
    (*repartition.configs)["cleanup.policy"] = "compact";
    CHECK(find(topic_findings(repartition), Severity::error, "deltas have no key") != nullptr);
    repartition = good_topic(TopicRole::repartition);
    (*repartition.configs)["retention.ms"] = "604800000";
    CHECK(find(topic_findings(repartition), Severity::error, "forgets deltas") != nullptr);
    repartition = good_topic(TopicRole::repartition);
    (*repartition.configs)["retention.bytes"] = "1000";
    CHECK(find(topic_findings(repartition), Severity::error, "forgets deltas") != nullptr);
}

TEST_CASE("a policy that only loses comfort is a warning") {
    TopicUnderTest results = good_topic(TopicRole::results);
    (*results.configs)["cleanup.policy"] = "delete";
    CHECK(find(topic_findings(results), Severity::warn, "forgotten") != nullptr);
    TopicUnderTest source = good_topic(TopicRole::source);
    (*source.configs)["cleanup.policy"] = "compact";
    CHECK(find(topic_findings(source), Severity::warn, "compacted") != nullptr);
    source = good_topic(TopicRole::source);
    (*source.configs)["unclean.leader.election.enable"] = "true";
    CHECK(find(topic_findings(source), Severity::warn, "unclean") != nullptr);
}

TEST_CASE("who looks for duplicates needs a source that keeps its records for so long") {
    TopicUnderTest source = good_topic(TopicRole::source);
    AggregationSpec spec;
    spec.statement.emplace();
    (*source.configs)["retention.ms"] = "1000";
    CHECK(event_time_findings({source}, spec).empty());
    spec.statement->within = 1000;
    CHECK(event_time_findings({source}, spec).empty());
    spec.statement->within = 1001;
    CHECK(find(event_time_findings({source}, spec), Severity::warn, "keeps records") != nullptr);
    (*source.configs)["retention.ms"] = "-1";
    CHECK(event_time_findings({source}, spec).empty());
    (*source.configs)["cleanup.policy"] = "compact";
    CHECK(find(event_time_findings({source}, spec), Severity::error, "duplicates") != nullptr);
}

// Broker default cleanup.policy=compact,delete: the first bad record without a key stopped the job.
TEST_CASE("dead letters in a compacted topic are an error, as long as any are written") {
    TopicUnderTest dead = good_topic(TopicRole::dead_letters);
    for (const char* policy : {"compact", "compact,delete"}) {
        (*dead.configs)["cleanup.policy"] = policy;
        const Findings findings = topic_findings(dead);
        REQUIRE(find(findings, Severity::error, "without a key") != nullptr);
        CHECK(exit_code_of(findings) == ExitCode::differs);
        CHECK(only_ok(topic_findings(dead, cli::OnBadRecord::skip)));
    }
}

// Whatever is done with bad records: late ones are written.
TEST_CASE("late records in a compacted topic are an error") {
    TopicUnderTest late = good_topic(TopicRole::late);
    (*late.configs)["cleanup.policy"] = "compact,delete";
    for (const cli::OnBadRecord policy :
         {cli::OnBadRecord::dead_letter, cli::OnBadRecord::skip, cli::OnBadRecord::fail}) {
        const Findings findings = topic_findings(late, policy);
        REQUIRE(find(findings, Severity::error, "a late record without a key") != nullptr);
        CHECK(exit_code_of(findings) == ExitCode::differs);
    }
}

TEST_CASE("a topic that can never be written, or not now, is an error where it is written") {
    for (const TopicRole role : {TopicRole::repartition, TopicRole::changelog, TopicRole::results,
                                 TopicRole::dead_letters, TopicRole::late}) {
        CAPTURE(role_name(role));
        // As a broker's default of min.insync.replicas=2 on a topic of one replica.
        TopicUnderTest topic = good_topic(role);
        topic.info = topic_with(6, 1);
        CHECK(find(topic_findings(topic), Severity::error, "min.insync.replicas is 2") != nullptr);
        topic = good_topic(role);
        topic.info.partitions[3].in_sync.resize(1);
        const Findings findings = topic_findings(topic);
        CHECK(find(findings, Severity::error, "cannot be written now") != nullptr);
        CHECK(exit_code_of(findings) == ExitCode::unavailable);
    }
    TopicUnderTest source = good_topic(TopicRole::source);
    source.info = topic_with(6, 1);
    CHECK(exit_code_of(topic_findings(source)) == ExitCode::ok);
    TopicUnderTest dead = good_topic(TopicRole::dead_letters);
    dead.info = topic_with(6, 1);
    CHECK(exit_code_of(topic_findings(dead, cli::OnBadRecord::skip)) == ExitCode::ok);
    TopicUnderTest late = good_topic(TopicRole::late);
    late.info = topic_with(6, 1);
    CHECK(exit_code_of(topic_findings(late, cli::OnBadRecord::skip)) == ExitCode::differs);
}

TEST_CASE("a repartition topic that does not take a whole batch of deltas is an error") {
    TopicUnderTest repartition = good_topic(TopicRole::repartition);
    (*repartition.configs)["max.message.bytes"] = "589824";
    CHECK(topic_findings(repartition).empty());
    (*repartition.configs)["max.message.bytes"] = "589823";
    CHECK(exit_code_of(topic_findings(repartition)) == ExitCode::differs);
}

TEST_CASE("partitions without a leader are an error, replicas out of sync a warning") {
    TopicUnderTest topic = good_topic(TopicRole::source);
    topic.info.partitions[3].leader = -1;
    CHECK(exit_code_of(topic_findings(topic)) == ExitCode::unavailable);
    topic = good_topic(TopicRole::source);
    topic.info.partitions[3].in_sync.pop_back();
    CHECK(find(topic_findings(topic), Severity::warn, "not in sync") != nullptr);
}

TEST_CASE(
    "what ends when all brokers are up is waited for, if nothing else stands against a start") {
    StartReport report;
    CHECK_FALSE(report.waits_for());
    TopicUnderTest topic = good_topic(TopicRole::source);
    topic.info.partitions[3].leader = -1;
    report.findings = topic_findings(topic);
    REQUIRE(report.waits_for());
    CHECK(report.waits_for()->text.contains("no leader"));
    topic = good_topic(TopicRole::results);
    for (kafka::PartitionInfo& partition : topic.info.partitions) {
        partition.in_sync.resize(1);
    }
    report.findings = topic_findings(topic);
    REQUIRE(report.waits_for());
    CHECK(report.waits_for()->text.contains("cannot be written now"));
    report.missing_findings = {Finding::error(ExitCode::unavailable, "the source does not exist")};
    CHECK_FALSE(report.waits_for());
}

TEST_CASE("brokers that give no topic id are too old") {
    TopicUnderTest topic = good_topic(TopicRole::source);
    topic.info.id = TopicId{};
    CHECK(find(topic_findings(topic), Severity::error, "too old") != nullptr);
}

TEST_CASE("the loss of one broker is thought of") {
    CHECK(durability_findings("t", 3, 2).empty());
    CHECK(find(durability_findings("t", 3, 3), Severity::warn, "cannot be written") != nullptr);
    CHECK(find(durability_findings("t", 3, 1), Severity::warn, "min ISR 1") != nullptr);
    CHECK(find(durability_findings("t", 1, 1), Severity::warn, "one replica") != nullptr);
}

TEST_CASE("repartition and changelog of different counts are refused") {
    std::vector<TopicUnderTest> topics{good_topic(TopicRole::repartition),
                                       good_topic(TopicRole::changelog)};
    topics[1].info.partitions.pop_back();
    CHECK(exit_code_of(combination_findings(topics, 1)) == ExitCode::differs);
}

TEST_CASE("copies without room for the headers become stubs, and that is said") {
    for (const auto& [role, words] : {std::pair{TopicRole::dead_letters, "dead letters near"},
                                      std::pair{TopicRole::late, "late records near"}}) {
        CAPTURE(words);
        std::vector<TopicUnderTest> topics{good_topic(TopicRole::source), good_topic(role)};
        CHECK(combination_findings(topics, 1).empty());
        (*topics[1].configs)["max.message.bytes"] = "1114123";
        const Findings findings = combination_findings(topics, 1);
        REQUIRE(find(findings, Severity::warn, "stubs") != nullptr);
        CHECK(findings[0].text.starts_with(words));
    }
}

TEST_CASE("workers that would get no partition are said") {
    std::vector<TopicUnderTest> topics{good_topic(TopicRole::source),
                                       good_topic(TopicRole::repartition)};
    topics[1].info.partitions.resize(2);
    CHECK(combination_findings(topics, 6).empty());
    CHECK(find(combination_findings(topics, 7), Severity::warn, "7 workers for 6") != nullptr);
}

TEST_CASE("each missing right is an error that names operation and topic") {
    TopicUnderTest topic = good_topic(TopicRole::changelog);
    CHECK(rights_findings(topic, cli::OnBadRecord::fail).empty());  // the broker did not say
    topic.info.rights.set_known();
    topic.info.rights.allow(kafka::Operation::read);
    const Findings findings = rights_findings(topic, cli::OnBadRecord::fail);
    REQUIRE(findings.size() == 1);
    CHECK(findings[0].exit_code == ExitCode::kafka_fatal);
    CHECK(findings[0].text == "not authorized to Write topic changelog");
    topic.info.rights.allow(kafka::Operation::write);
    CHECK(rights_findings(topic, cli::OnBadRecord::fail).empty());
}

TEST_CASE("dead letters need a right only when they are written, purging only warns") {
    TopicUnderTest dead = good_topic(TopicRole::dead_letters);
    dead.info.rights.set_known();
    CHECK(rights_findings(dead, cli::OnBadRecord::skip).empty());
    CHECK(exit_code_of(rights_findings(dead, cli::OnBadRecord::dead_letter)) ==
          ExitCode::kafka_fatal);
    TopicUnderTest repartition = good_topic(TopicRole::repartition);
    repartition.info.rights.set_known();
    repartition.info.rights.allow(kafka::Operation::read);
    repartition.info.rights.allow(kafka::Operation::write);
    const Findings findings = rights_findings(repartition, cli::OnBadRecord::skip);
    CHECK(exit_code_of(findings) == ExitCode::ok);
    CHECK(find(findings, Severity::warn, "purge") != nullptr);
}

TEST_CASE("late records need a right whatever is done with bad ones") {
    TopicUnderTest late = good_topic(TopicRole::late);
    late.info.rights.set_known();
    const Findings findings = rights_findings(late, cli::OnBadRecord::skip);
    REQUIRE(findings.size() == 1);
    CHECK(findings[0].text == "not authorized to Write topic late");
    CHECK(needed_on(TopicRole::late) == "Write");
    late.info.rights.allow(kafka::Operation::write);
    CHECK(rights_findings(late, cli::OnBadRecord::skip).empty());
}

TEST_CASE("a group that may not be joined is an error") {
    kafka::GroupInfo group;
    group.name = "app-map";
    CHECK(rights_findings(group).empty());
    group.rights.set_known();
    CHECK(exit_code_of(rights_findings(group)) == ExitCode::kafka_fatal);
    group.rights.allow(kafka::Operation::read);
    CHECK(rights_findings(group).empty());
}

TEST_CASE("equal findings of planned topics are reported once") {
    const Result<TopicPlan> plan = make_topic_plan({.application_id = "a",
                                                    .source = "in",
                                                    .results = "out",
                                                    .policy = {6, 2, 2},
                                                    .source_partitions = std::nullopt,
                                                    .repartition_partitions = std::nullopt,
                                                    .results_partitions = std::nullopt,
                                                    .overrides = {}});
    REQUIRE(plan.has_value());
    const Findings findings = plan_findings(*plan, 3);
    REQUIRE(findings.size() == 1);
    CHECK(findings[0].severity == Severity::warn);
    CHECK(findings[0].text.find("a-totals-changelog") != std::string::npos);
    const Findings too_few = plan_findings(*plan, 1);
    CHECK(exit_code_of(too_few) == ExitCode::unavailable);
    // Both, or the next refusal is about the other one.
    CHECK(too_few.back().hint.find("--replication-factor 1 --min-insync-replicas 1") !=
          std::string::npos);
}

TEST_CASE("the exit code is that of the error that waiting does not cure") {
    CHECK(exit_code_of({}) == ExitCode::ok);
    CHECK(exit_code_of({Finding::warn("w"), Finding::ok("o")}) == ExitCode::ok);
    CHECK(exit_code_of({Finding::error(ExitCode::unavailable, "u"),
                        Finding::error(ExitCode::kafka_fatal, "k"),
                        Finding::error(ExitCode::usage, "x")}) == ExitCode::kafka_fatal);
    CHECK(exit_code_of({Finding::error(ExitCode::unavailable, "u")}) == ExitCode::unavailable);
}

}  // namespace
}  // namespace kstream::topics
