#include "kafka/unknown_topics.hpp"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <string>

namespace kstream::kafka {
namespace {

using std::chrono::seconds;

constexpr UnknownTopics::Time kBegin{};

Error said_by_a_broker() {
    return {Disposition::stop, ExitCode::unavailable, "topic orders: unknown topic", "", 3};
}

}  // namespace

// A takeover right after a topic was made met a broker that had not heard of it, and ended the
// process.
TEST_CASE("a topic that a broker does not know is asked for again, for a while") {
    UnknownTopics topics;
    for (const auto at : {seconds{0}, seconds{29}}) {
        const Error error =
            topics.unknown(TopicRole::source, "orders", said_by_a_broker(), kBegin + at);
        CHECK(error.disposition == Disposition::retry);
        CHECK(error.message == said_by_a_broker().message);
    }
    const Error over =
        topics.unknown(TopicRole::source, "orders", said_by_a_broker(), kBegin + seconds{30});
    CHECK(over.disposition == Disposition::stop);
    CHECK(over.exit_code == ExitCode::unavailable);
    CHECK(over.message ==
          "topic orders has been unknown to the brokers for 30 s: topic orders: unknown topic");
    CHECK_FALSE(over.hint.empty());
}

TEST_CASE("each answer about a topic begins its time anew, and no other topic's") {
    UnknownTopics topics;
    CHECK_FALSE(topics.known(TopicRole::source));
    (void)topics.unknown(TopicRole::source, "orders", said_by_a_broker(), kBegin);
    (void)topics.unknown(TopicRole::results, "results", said_by_a_broker(), kBegin);
    CHECK(topics.waits_for(TopicRole::source));
    CHECK(topics.known(TopicRole::source));
    CHECK_FALSE(topics.known(TopicRole::source));
    CHECK(topics.unknown(TopicRole::source, "orders", said_by_a_broker(), kBegin + seconds{31})
              .disposition == Disposition::retry);
    CHECK(topics.unknown(TopicRole::results, "results", said_by_a_broker(), kBegin + seconds{31})
              .disposition == Disposition::stop);
}

}  // namespace kstream::kafka
