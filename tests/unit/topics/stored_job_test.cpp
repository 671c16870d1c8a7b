// What a start makes of what Kafka keeps of an application: topics that are gone, other jobs,
// topics that were re-created, and results of somebody else.
#include "topics/stored_job.hpp"

#include "kstream/codec/spec_hash.hpp"
#include "topics/results_owner.hpp"
#include "topics/start_checks.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>

namespace kstream::topics {
namespace {

const AggregationSpec kJob = cli::default_job();

Names names() {
    Result<Names> made = make_names("loja", kJob.source_topic, "out", LateTopic::needed);
    REQUIRE(made.has_value());
    return *made;
}

Identity identity() {
    Identity one;
    one.spec_hash = spec_hash(kJob);
    one.scale = 9;
    one.state_partitions = 6;
    one.results_partitions = 6;
    one.initial_source_partitions = 4;
    one.source_id.bytes[0] = 1;
    one.repartition_id.bytes[0] = 2;
    one.changelog_id.bytes[0] = 3;
    return one;
}

kafka::CommittedOffset committed(const std::string& topic, const std::string& metadata) {
    return {{topic, PartitionId{0}}, Offset{7}, metadata};
}

// As after a run of kJob: offsets in both groups.
StoredJob stored_job() {
    StoredJob stored;
    stored.map_group = {"loja-map", {}, {committed(kJob.source_topic, identity_text(identity()))}};
    stored.totals_group = {
        "loja-totals", {}, {committed("loja-totals-repartition", identity_text(identity()))}};
    stored.has_records = true;
    return stored;
}

Finding missing(TopicRole role, const StoredJob& stored, const AggregationSpec* job = &kJob,
                std::vector<std::string> near = {}) {
    return missing_topic_finding({role, names().topic(role)},
                                 {"loja", stored, job, std::move(near)});
}

// A value of a log line is cut off after so many bytes.
constexpr std::size_t kMaxLogged = 256;

bool says(const std::string& text, std::string_view part) {
    CHECK(text.size() <= kMaxLogged);
    return text.find(part) != std::string::npos;
}

TEST_CASE("a source that never was is not made: the nearest names are reported") {
    const StoredJob none;
    const Finding finding =
        missing(TopicRole::source, none, &kJob,
                {"financial_transaction", "financial_transactions_2", "transactions", "unlike"});
    CHECK(finding.severity == Severity::error);
    CHECK(finding.exit_code == ExitCode::unavailable);
    CHECK(says(finding.text, "source topic financial_transactions does not exist"));
    CHECK(says(finding.text,
               "did you mean financial_transaction, financial_transactions_2 or transactions?"));
    CHECK_FALSE(says(finding.text, "unlike"));
    CHECK(did_you_mean_topics("zzz", {"financial_transactions"}).empty());
}

TEST_CASE("a source that was read and is gone stops the job and is not made by create-topics") {
    StoredJob stored = stored_job();
    // Kafka's coordinator drops the offsets in a topic with the topic.
    stored.map_group.committed.clear();
    for (const AggregationSpec* const job : {&kJob, static_cast<const AggregationSpec*>(nullptr)}) {
        const Finding finding = missing(TopicRole::source, stored, job);
        CHECK(finding.severity == Severity::error);
        CHECK(finding.exit_code == ExitCode::identity);
        CHECK(says(finding.text, "deleted"));
        CHECK_FALSE(says(finding.hint, "create-topics"));
        CHECK(says(finding.hint, "reset"));
    }
    // Only the changelog is left.
    StoredJob meta;
    meta.has_records = true;
    meta.meta = MetaHead{identity(), canonical_text(kJob)};
    CHECK(missing(TopicRole::source, meta).exit_code == ExitCode::identity);
}

TEST_CASE("a misspelt source of a job that has run is misspelt, not deleted") {
    AggregationSpec misspelt = kJob;
    misspelt.source_topic = "financial_transaktions";
    const StoredJob stored = stored_job();
    const Finding finding = missing_topic_finding({TopicRole::source, misspelt.source_topic},
                                                  {"loja", stored, &misspelt, {}});
    CHECK(finding.exit_code == ExitCode::unavailable);
    CHECK(says(finding.text, "application loja reads financial_transactions"));
}

TEST_CASE("topics of ours that are gone: re-created only where nothing rests on them") {
    const StoredJob none;
    for (const TopicRole role : {TopicRole::repartition, TopicRole::changelog, TopicRole::results,
                                 TopicRole::dead_letters, TopicRole::late}) {
        CAPTURE(role_name(role));
        CHECK(missing(role, none).severity == Severity::ok);
    }
    const StoredJob stored = stored_job();
    for (const TopicRole role : {TopicRole::repartition, TopicRole::changelog}) {
        CAPTURE(role_name(role));
        CHECK(missing(role, stored).exit_code == ExitCode::identity);
        CHECK(missing(role, stored, nullptr).exit_code == ExitCode::identity);
        CHECK_FALSE(says(missing(role, stored).hint, "create-topics"));
    }
    const Finding results = missing(TopicRole::results, stored);
    CHECK(results.exit_code == ExitCode::identity);
    CHECK(says(results.text, "--output-topic was changed"));
    CHECK(says(results.hint, "--results-partitions 6"));
    // Whoever asks for it by name gets it, and is told what it lacks.
    CHECK(missing(TopicRole::results, stored, nullptr).severity == Severity::warn);
    const Finding letters = missing(TopicRole::dead_letters, stored);
    CHECK(letters.severity == Severity::warn);
    CHECK(says(letters.text, "dead-letter topic loja-dead-letters no longer exists"));
    CHECK(says(letters.text, "are lost"));
    const Finding late = missing(TopicRole::late, stored);
    CHECK(late.severity == Severity::warn);
    CHECK(late.text ==
          "late topic loja-late no longer exists: it is re-created, the late records "
          "in it are lost");
}

TEST_CASE("the same job on the same topics goes on, with the first start's count of partitions") {
    Identity now = identity();
    now.initial_source_partitions = 9;
    CHECK(check_stored_identity(stored_job(), names(), kJob, now).has_value());
    CHECK(now.initial_source_partitions == 4);
    StoredJob only_meta;
    only_meta.meta = MetaHead{identity(), canonical_text(kJob)};
    now.initial_source_partitions = 9;
    CHECK(check_stored_identity(only_meta, names(), kJob, now).has_value());
    CHECK(now.initial_source_partitions == 4);
}

TEST_CASE("another job is reported in the words of the options, with all that has to change") {
    AggregationSpec other = kJob;
    other.aggregates[0].input_field = "taxa";
    Identity now = identity();
    now.spec_hash = spec_hash(other);
    StoredJob stored = stored_job();
    stored.meta = MetaHead{identity(), canonical_text(kJob)};
    const Result<void> refused = check_stored_identity(stored, names(), other, now);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().exit_code == ExitCode::identity);
    CHECK(says(refused.error().message, "--sum was valor"));
    CHECK(says(refused.error().message, "is taxa"));
    for (const char* part : {"--application-id", "--output-topic", "reset"}) {
        CAPTURE(part);
        CHECK(says(refused.error().hint, part));
    }
    // Without meta there are the hashes, and meta alone is enough.
    CHECK(says(check_stored_identity(stored_job(), names(), other, now).error().message,
               "specification"));
    StoredJob only_meta;
    only_meta.meta = stored.meta;
    CHECK_FALSE(check_stored_identity(only_meta, names(), other, now).has_value());
}

TEST_CASE("a topic that was re-created is named") {
    struct Case {
        TopicId Identity::* id;
        TopicRole role;
    };
    for (const auto& [id, role] : {Case{&Identity::source_id, TopicRole::source},
                                   Case{&Identity::repartition_id, TopicRole::repartition},
                                   Case{&Identity::changelog_id, TopicRole::changelog}}) {
        CAPTURE(role_name(role));
        Identity now = identity();
        (now.*id).bytes[5] = 77;
        const Result<void> refused = check_stored_identity(stored_job(), names(), kJob, now);
        REQUIRE_FALSE(refused.has_value());
        CHECK(says(refused.error().message,
                   "topic " + names().topic(role) + " was deleted and re-created"));
    }
    Identity now = identity();
    now.results_partitions = 12;
    CHECK(says(check_stored_identity(stored_job(), names(), kJob, now).error().message,
               "results topic out has 12 partitions, published was to 6"));
}

TEST_CASE("offsets that were set by hand: the cure that loses nothing is named") {
    for (GroupFacts StoredJob::* const group : {&StoredJob::map_group, &StoredJob::totals_group}) {
        StoredJob stored = stored_job();
        (stored.*group).committed[0].metadata = "";
        Identity now = identity();
        const Result<void> refused = check_stored_identity(stored, names(), kJob, now);
        REQUIRE_FALSE(refused.has_value());
        CHECK(refused.error().exit_code == ExitCode::identity);
        CHECK(says(refused.error().hint,
                   "kafka-consumer-groups --delete --group " + (stored.*group).name));
        CHECK(says(refused.error().hint, "nothing is lost"));
    }
    StoredJob newer = stored_job();
    newer.map_group.committed[0].metadata = "ks2 something";
    Identity now = identity();
    CHECK_FALSE(says(check_stored_identity(newer, names(), kJob, now).error().hint,
                     "kafka-consumer-groups"));
}

LastResult last_result(std::optional<std::string> application) {
    return {PartitionId{2}, Offset{40}, false, true, std::move(application)};
}

TEST_CASE("a results topic belongs to one application") {
    ResultsFacts facts{"out", "loja", {last_result("loja"), last_result("other")}, 0};
    const Findings refused = results_owner_findings(facts);
    REQUIRE(refused.size() == 1);
    CHECK(refused[0].severity == Severity::error);
    CHECK(refused[0].exit_code == ExitCode::identity);
    CHECK(says(refused[0].text, "totals of application other (partition 2 offset 40)"));
    for (const char* part : {"--output-topic", "--application-id", "--results tombstone"}) {
        CAPTURE(part);
        CHECK(says(refused[0].hint, part));
    }
    // Its own, also of a version that did not say whose they are; and none at all.
    facts.last = {last_result("loja"), last_result(std::nullopt)};
    CHECK(results_owner_findings(facts).empty());
    facts.last = {};
    CHECK(results_owner_findings(facts).empty());
    // What a reset has removed is nobody's any more.
    facts.last = {{PartitionId{0}, Offset{1}, true, false, std::nullopt}};
    CHECK(results_owner_findings(facts).empty());
    // Somebody else's records are a warning: a migration may mean it.
    facts.last = {{PartitionId{0}, Offset{1}, false, false, std::nullopt}};
    const Findings foreign = results_owner_findings(facts);
    REQUIRE(foreign.size() == 1);
    CHECK(foreign[0].severity == Severity::warn);
}

TEST_CASE("a results topic without the rows of an application that has totals is reported") {
    ResultsFacts facts{"out", "loja", {}, 17};
    const Findings told = results_owner_findings(facts);
    REQUIRE(told.size() == 1);
    CHECK(told[0].severity == Severity::warn);
    CHECK(says(told[0].text, "totals of 17 keys"));
    CHECK(says(told[0].hint, "--republish"));
    facts.republish = true;
    CHECK(results_owner_findings(facts).empty());
    facts.republish = false;
    facts.last = {last_result("loja")};
    CHECK(results_owner_findings(facts).empty());
}

TEST_CASE("the cause is the last line") {
    const Findings findings{Finding::error(ExitCode::kafka_fatal, "cause"),
                            Finding::error(ExitCode::unavailable, "another"),
                            Finding::warn("warning"), Finding::ok("fine")};
    const Findings ordered = in_order_of_gravity(findings);
    REQUIRE(ordered.size() == 4);
    CHECK(ordered[0].text == "fine");
    CHECK(ordered[1].text == "warning");
    CHECK(ordered[2].text == "another");
    CHECK(ordered[3].text == "cause");
    CHECK(findings_text(findings).ends_with("error  cause\n"));
    // The exit code is of the findings as they were found: of ordered ones it would be another.
    StartReport report;
    report.findings = {Finding::error(ExitCode::kafka_fatal, "cause"),
                       Finding::error(ExitCode::identity, "another")};
    CHECK(exit_code_of(report.all()) == ExitCode::kafka_fatal);
    CHECK(findings_text(report.all()).ends_with("error  cause\n"));
}

TEST_CASE("what a topic lacks is not the cause where it is another topic") {
    const Findings findings{Finding::error(ExitCode::unavailable, "not there"),
                            Finding::error(ExitCode::differs, "is not compacted"),
                            Finding::error(ExitCode::identity, "was re-created")};
    CHECK(exit_code_of(findings) == ExitCode::identity);
    CHECK(findings_text(findings).ends_with("error  was re-created\n"));
    CHECK(exit_code_of(Findings(findings.begin(), findings.begin() + 2)) == ExitCode::differs);
}

}  // namespace
}  // namespace kstream::topics
