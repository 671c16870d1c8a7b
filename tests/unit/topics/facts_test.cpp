#include "topics/facts.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>

namespace kstream::topics {
namespace {

using enum kafka::Operation;

kafka::TopicInfo topic_that_may_be_read() {
    kafka::TopicInfo topic;
    topic.name = "orders";
    topic.exists = true;
    topic.rights.set_known();
    topic.rights.allow(read);
    return topic;
}

}  // namespace

TEST_CASE("a right that is missing is named, with what to ask for") {
    const kafka::TopicInfo topic = topic_that_may_be_read();
    CHECK(require_rights(topic, "topic", {read}).has_value());
    const Result<void> both = require_rights(topic, "topic", {read, write});
    REQUIRE_FALSE(both.has_value());
    CHECK(both.error().exit_code == ExitCode::kafka_fatal);
    CHECK(both.error().message == "not authorized to Write topic orders");
    CHECK(both.error().hint == "the principal needs Write on topic orders");
}

TEST_CASE("what does not exist, or says nothing of rights, lacks none") {
    kafka::TopicInfo missing = topic_that_may_be_read();
    missing.exists = false;
    CHECK(require_rights(missing, "topic", {write}).has_value());
    kafka::TopicInfo silent = topic_that_may_be_read();
    silent.rights = {};
    CHECK(require_rights(silent, "topic", {write}).has_value());
}

TEST_CASE("what could not be asked is not allowed") {
    kafka::GroupInfo group;
    group.name = "map";
    group.error = Error::stop(ExitCode::unavailable, "no answer");
    const Result<void> required = require_rights(group, "group", {remove});
    REQUIRE_FALSE(required.has_value());
    CHECK(required.error().message == "no answer");
}

}  // namespace kstream::topics
