// The desired topics of an application: names, policies (protocol P10), overrides, differences.
#include "topics/topic_plan.hpp"

#include "topics/reset.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <array>
#include <vector>

namespace kstream::topics {
namespace {

PlanInput seed_input() {
    return PlanInput{.application_id = "loja",
                     .source = "financial_transactions",
                     .results = "aggregated_transactions",
                     .policy = {},
                     .source_partitions = std::nullopt,
                     .repartition_partitions = std::nullopt,
                     .results_partitions = std::nullopt,
                     .overrides = {}};
}

kafka::TopicInfo existing(const PlannedTopic& planned) {
    kafka::TopicInfo info;
    info.name = planned.name;
    info.exists = true;
    for (int p = 0; p < planned.partitions; ++p) {
        kafka::PartitionInfo partition{PartitionId{p}, 1, {}, {}};
        for (int r = 0; r < planned.replication_factor; ++r) {
            partition.replicas.push_back(r + 1);
            partition.in_sync.push_back(r + 1);
        }
        info.partitions.push_back(partition);
    }
    return info;
}

kafka::ConfigMap configs_of(const PlannedTopic& planned) {
    kafka::ConfigMap configs;
    for (const auto& [key, value] : planned.configs) {
        configs[key] = value;
    }
    return configs;
}

TEST_CASE("topics and groups of an application begin with its id") {
    const Result<Names> names = make_names("loja", "in", "out", LateTopic::none);
    REQUIRE(names.has_value());
    CHECK(names->repartition == "loja-totals-repartition");
    CHECK(names->changelog == "loja-totals-changelog");
    CHECK(names->dead_letters == "loja-dead-letters");
    CHECK(names->map_group == "loja-map");
    CHECK(names->totals_group == "loja-totals");
    CHECK(names->topic(TopicRole::source) == "in");
    CHECK(names->topic(TopicRole::results) == "out");
    CHECK(names->topic(TopicRole::changelog) == names->changelog);
}

constexpr std::array kRoles{TopicRole::source, TopicRole::repartition, TopicRole::changelog,
                            TopicRole::results, TopicRole::dead_letters};

TEST_CASE("only a job with windows has a topic for late records") {
    const Result<Names> without = make_names("loja", "in", "out", LateTopic::none);
    REQUIRE(without.has_value());
    CHECK(without->late.empty());
    CHECK(std::ranges::equal(without->roles(), kRoles));
    CHECK(topic_names(*without).of(TopicRole::late).empty());
    const Result<Names> windows = make_names("loja", "in", "out", LateTopic::needed);
    REQUIRE(windows.has_value());
    CHECK(windows->topic(TopicRole::late) == "loja-late");
    CHECK(windows->roles().size() == kTopicRoleCount);
    CHECK(windows->roles().back() == TopicRole::late);
    CHECK(topic_names(*windows).of(TopicRole::late) == "loja-late");
    // Its name is anybody's where nobody needs it.
    CHECK(make_names("a", "in", "a-late", LateTopic::none).has_value());
    CHECK_FALSE(make_names("a", "in", "a-late", LateTopic::needed).has_value());
    CHECK_FALSE(make_names("a", "a-late", LateTopic::needed).has_value());
}

TEST_CASE("a reset looks at what an application owns, and at the results last") {
    const Result<Names> without = make_names("loja", "out", LateTopic::none);
    REQUIRE(without.has_value());
    CHECK(topics_of_reset(*without) == std::vector{TopicRole::repartition, TopicRole::changelog,
                                                   TopicRole::dead_letters, TopicRole::results});
    const Result<Names> windows = make_names("loja", "out", LateTopic::needed);
    REQUIRE(windows.has_value());
    CHECK(topics_of_reset(*windows) == std::vector{TopicRole::repartition, TopicRole::changelog,
                                                   TopicRole::dead_letters, TopicRole::late,
                                                   TopicRole::results});
}

TEST_CASE("all problems with the names are reported together") {
    const Result<Names> names = make_names("a b", "x/y", "x/y", LateTopic::none);
    REQUIRE_FALSE(names.has_value());
    CHECK(names.error().exit_code == ExitCode::usage);
    CHECK(names.error().message.find("application id 'a b'") != std::string::npos);
    CHECK(names.error().message.find("topic name 'x/y'") != std::string::npos);
    CHECK(names.error().message.find("both source and results") != std::string::npos);
}

TEST_CASE("a topic cannot have two roles") {
    CHECK_FALSE(make_names("a", "a-totals-changelog", "out", LateTopic::none).has_value());
    CHECK_FALSE(make_names("a", "in", "a-dead-letters", LateTopic::none).has_value());
}

TEST_CASE("the default plan has the counts and policies of the protocol") {
    const Result<TopicPlan> plan = make_topic_plan(seed_input());
    REQUIRE(plan.has_value());
    REQUIRE(plan->topics.size() == kRoles.size());
    for (const PlannedTopic& topic : plan->topics) {
        CAPTURE(topic.name);
        CHECK(topic.partitions == 6);
        CHECK(topic.replication_factor == 3);
        CHECK(config_of(topic, "min.insync.replicas") == "2");
        CHECK(config_of(topic, "message.timestamp.type").empty());
    }
    CHECK(config_of(plan->of(TopicRole::source), "cleanup.policy").empty());
    CHECK(config_of(plan->of(TopicRole::results), "cleanup.policy") == "compact");
    CHECK(config_of(plan->of(TopicRole::changelog), "cleanup.policy") == "compact");
    CHECK(config_of(plan->of(TopicRole::repartition), "cleanup.policy") == "delete");
    CHECK(config_of(plan->of(TopicRole::repartition), "retention.ms") == "-1");
    CHECK(config_of(plan->of(TopicRole::repartition), "retention.bytes") == "-1");
}

std::string_view when_made(const PlannedTopic& topic, std::string_view key) {
    const auto found = std::ranges::find(topic.when_made, key, &Configs::value_type::first);
    return found == topic.when_made.end() ? std::string_view() : std::string_view(found->second);
}

// A cluster may have cleanup.policy=compact,delete for topics that do not say.
TEST_CASE("whatever a topic of ours needs is said, also what is Kafka's own default") {
    const Result<TopicPlan> plan = make_topic_plan(seed_input());
    REQUIRE(plan.has_value());
    CHECK(config_of(plan->of(TopicRole::dead_letters), "cleanup.policy") == "delete");
    CHECK(config_of(plan->of(TopicRole::changelog), "min.compaction.lag.ms") == "0");
    CHECK(when_made(plan->of(TopicRole::source), "cleanup.policy") == "delete");
    for (const TopicRole role :
         {TopicRole::repartition, TopicRole::changelog, TopicRole::results}) {
        CHECK(when_made(plan->of(role), "max.message.bytes") == "1048588");
    }
    // A source that is there may have any policy.
    kafka::ConfigMap configs = configs_of(plan->of(TopicRole::source));
    configs["cleanup.policy"] = "compact";
    CHECK(differences(plan->of(TopicRole::source), existing(plan->of(TopicRole::source)), configs)
              .empty());
}

TEST_CASE("a setting that a provider keeps for itself can be left out, and the cost is known") {
    PlanInput input = seed_input();
    input.overrides = {{"changelog.min.cleanable.dirty.ratio", "broker-default"},
                       {"repartition.max.message.bytes", "broker-default"},
                       {"dead-letters.max.message.bytes", "broker-default"},
                       {"results.min.insync.replicas", "broker-default"}};
    Result<TopicPlan> plan = make_topic_plan(input);
    REQUIRE(plan.has_value());
    const PlannedTopic& changelog = plan->of(TopicRole::changelog);
    CHECK(config_of(changelog, "min.cleanable.dirty.ratio").empty());
    CHECK(changelog.left_out == std::vector<std::string>{"min.cleanable.dirty.ratio"});
    CHECK(when_made(plan->of(TopicRole::repartition), "max.message.bytes").empty());
    // Neither comes back later.
    set_copy_limits(*plan, 1048588);
    CHECK(config_of(plan->of(TopicRole::dead_letters), "max.message.bytes").empty());
    CHECK_FALSE(fit_to_brokers(*plan, 1).empty());
    CHECK(config_of(plan->of(TopicRole::results), "min.insync.replicas").empty());
    // Not compared either.
    kafka::ConfigMap configs = configs_of(changelog);
    configs["min.cleanable.dirty.ratio"] = "0.5";
    CHECK(differences(changelog, existing(changelog), configs).empty());
    for (const PlannedTopic& topic : plan->topics) {
        for (const auto& [key, value] : topic.configs) {
            CAPTURE(topic.name, key);
            CHECK_FALSE(cost_of_leaving_out(topic.role, key).empty());
        }
    }
}

TEST_CASE("repartition and changelog always have the same count") {
    PlanInput input = seed_input();
    input.source_partitions = 12;
    input.repartition_partitions = 4;
    input.results_partitions = 1;
    const Result<TopicPlan> plan = make_topic_plan(input);
    REQUIRE(plan.has_value());
    CHECK(plan->of(TopicRole::source).partitions == 12);
    CHECK(plan->of(TopicRole::repartition).partitions == 4);
    CHECK(plan->of(TopicRole::changelog).partitions == 4);
    CHECK(plan->of(TopicRole::results).partitions == 1);
    CHECK(plan->of(TopicRole::dead_letters).partitions == 6);
}

TEST_CASE("configurations by role replace and add, the last one wins") {
    PlanInput input = seed_input();
    input.overrides = {{"changelog.segment.bytes", "1048576"},
                       {"source.retention.ms", "1"},
                       {"source.retention.ms", "2"}};
    const Result<TopicPlan> plan = make_topic_plan(input);
    REQUIRE(plan.has_value());
    CHECK(config_of(plan->of(TopicRole::changelog), "segment.bytes") == "1048576");
    CHECK(config_of(plan->of(TopicRole::source), "retention.ms") == "2");
    CHECK(config_of(plan->of(TopicRole::results), "retention.ms").empty());
}

TEST_CASE("a plan with several mistakes names them all") {
    PlanInput input = seed_input();
    input.policy = {.partitions = 0, .replication_factor = 2, .min_insync_replicas = 3};
    input.overrides = {{"nowhere.segment.bytes", "1"}, {"source", "1"}, {"source.", "1"}};
    const Result<TopicPlan> plan = make_topic_plan(input);
    REQUIRE_FALSE(plan.has_value());
    CHECK(plan.error().exit_code == ExitCode::usage);
    for (const char* part : {"min ISR 3", "source needs 1 partition", "nowhere.segment.bytes",
                             "--topic-config source:", "--topic-config source.:"}) {
        CAPTURE(part);
        CHECK(plan.error().message.find(part) != std::string::npos);
    }
}

TEST_CASE("dead letters hold the largest source record and its headers") {
    Result<TopicPlan> plan = make_topic_plan(seed_input());
    REQUIRE(plan.has_value());
    set_copy_limits(*plan, 1048588);
    CHECK(config_of(plan->of(TopicRole::dead_letters), "max.message.bytes") == "1114124");
    CHECK(config_of(plan->of(TopicRole::source), "max.message.bytes").empty());

    PlanInput input = seed_input();
    input.overrides = {{"dead-letters.max.message.bytes", "9000000"}};
    Result<TopicPlan> own = make_topic_plan(input);
    REQUIRE(own.has_value());
    set_copy_limits(*own, 1048588);
    CHECK(config_of(own->of(TopicRole::dead_letters), "max.message.bytes") == "9000000");
}

TEST_CASE("late records have a topic like that of dead letters") {
    PlanInput input = seed_input();
    input.late = LateTopic::needed;
    Result<TopicPlan> plan = make_topic_plan(input);
    REQUIRE(plan.has_value());
    REQUIRE(plan->topics.size() == kTopicRoleCount);
    set_copy_limits(*plan, 1048588);
    const PlannedTopic& late = plan->of(TopicRole::late);
    const PlannedTopic& letters = plan->of(TopicRole::dead_letters);
    CHECK(late.name == "loja-late");
    CHECK(late.partitions == letters.partitions);
    CHECK(late.replication_factor == letters.replication_factor);
    CHECK(late.configs == letters.configs);
    CHECK(late.when_made == letters.when_made);
    for (const auto& [key, value] : late.configs) {
        CAPTURE(key);
        CHECK_FALSE(cost_of_leaving_out(TopicRole::late, key).empty());
    }
    kafka::ConfigMap configs = configs_of(late);
    configs["max.message.bytes"] = "9000000";
    CHECK(differences(late, existing(late), configs).empty());

    input.overrides = {{"late.retention.ms", "1"}};
    plan = make_topic_plan(input);
    REQUIRE(plan.has_value());
    CHECK(config_of(plan->of(TopicRole::late), "retention.ms") == "1");
    input.late = LateTopic::none;
    plan = make_topic_plan(input);
    REQUIRE_FALSE(plan.has_value());
    CHECK(plan.error().message.contains("late.retention.ms: a job without windows"));
}

TEST_CASE("fewer brokers than replicas: fewer replicas, and one of them may be down") {
    for (const auto& [brokers, in_sync] : {std::pair{2, "1"}, std::pair{1, "1"}}) {
        Result<TopicPlan> plan = make_topic_plan(seed_input());
        REQUIRE(plan.has_value());
        CHECK(fit_to_brokers(*plan, brokers).size() == kRoles.size());
        CHECK(plan->of(TopicRole::source).replication_factor == brokers);
        CHECK(config_of(plan->of(TopicRole::source), "min.insync.replicas") == in_sync);
    }
    Result<TopicPlan> plan = make_topic_plan(seed_input());
    REQUIRE(plan.has_value());
    CHECK(fit_to_brokers(*plan, 3).empty());
    CHECK(plan->of(TopicRole::source).replication_factor == 3);
    CHECK(config_of(plan->of(TopicRole::source), "min.insync.replicas") == "2");
}

TEST_CASE("a topic as planned does not differ") {
    const Result<TopicPlan> plan = make_topic_plan(seed_input());
    REQUIRE(plan.has_value());
    for (const PlannedTopic& topic : plan->topics) {
        kafka::ConfigMap configs = configs_of(topic);
        configs["compression.type"] = "producer";  // not planned, not compared
        CHECK(differences(topic, existing(topic), configs).empty());
    }
}

TEST_CASE("each difference is named with what was expected and found") {
    const Result<TopicPlan> plan = make_topic_plan(seed_input());
    REQUIRE(plan.has_value());
    const PlannedTopic& planned = plan->of(TopicRole::changelog);
    PlannedTopic other = planned;
    other.partitions = 5;
    other.replication_factor = 1;
    kafka::ConfigMap configs = configs_of(planned);
    configs["cleanup.policy"] = "delete";
    configs.erase("segment.ms");
    const std::vector<Difference> all = differences(planned, existing(other), configs);
    REQUIRE(all.size() == 4);
    CHECK(all[0].what == "partitions");
    CHECK(all[0].expected == "6");
    CHECK(all[0].found == "5");
    CHECK(all[1].what == "replication factor");
    CHECK(all[1].found == "1");
    CHECK(all[2].what == "cleanup.policy");
    CHECK(all[2].found == "delete");
    CHECK(all[3].what == "segment.ms");
    CHECK(all[3].found.empty());
}

TEST_CASE("lists are compared as sets, the limit of dead letters as a minimum") {
    PlanInput input = seed_input();
    input.overrides = {{"source.cleanup.policy", "compact,delete"}};
    Result<TopicPlan> plan = make_topic_plan(input);
    REQUIRE(plan.has_value());
    set_copy_limits(*plan, 1000);

    const PlannedTopic& source = plan->of(TopicRole::source);
    kafka::ConfigMap configs = configs_of(source);
    configs["cleanup.policy"] = "delete, compact";
    CHECK(differences(source, existing(source), configs).empty());

    const PlannedTopic& dead = plan->of(TopicRole::dead_letters);
    configs = configs_of(dead);
    configs["max.message.bytes"] = "66537";
    CHECK(differences(dead, existing(dead), configs).empty());
    configs["max.message.bytes"] = "66535";
    CHECK(differences(dead, existing(dead), configs).size() == 1);
}

TEST_CASE("a part of the plan keeps what was planned") {
    const Result<TopicPlan> plan = make_topic_plan(seed_input());
    REQUIRE(plan.has_value());
    const TopicPlan part = plan->only({TopicRole::source, TopicRole::results});
    REQUIRE(part.topics.size() == 2);
    CHECK(part.topics[0].role == TopicRole::source);
    CHECK(part.topics[1].name == "aggregated_transactions");
}

}  // namespace
}  // namespace kstream::topics
