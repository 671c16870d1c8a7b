// What quotas cost a client, from its statistics to its log.
#include "kafka/throttle_watch.hpp"

#include "kafka/client_stats.hpp"
#include "support/fakes/recording_log.hpp"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace kstream::kafka {
namespace {

// Two brokers as STATISTICS.md has them, of which the first throttles; and a coordinator.
std::vector<BrokerStatus> statistics(const std::string& milliseconds) {
    const std::string json =
        R"({"brokers":{"a:1/1":{"nodeid":1,"nodename":"a:1","state":"UP",)"
        R"("throttle":{"min":1,"max":9,"avg":5,"sum":)" +
        milliseconds +
        R"(,"cnt":2}},"b:1/2":{"nodeid":2,"nodename":"b:1","state":"UP","throttle":{"sum":0}},)"
        R"("GroupCoordinator":{"nodeid":-1,"nodename":"a:1","throttle":{"sum":70}}}})";
    ClientStats stats;
    REQUIRE(read_client_stats(json, {}, stats));
    return stats.brokers;
}

}  // namespace

// cases: a quota made the job slow, and nothing said so.
TEST_CASE("throttled time is added up by broker, and said once a minute while there is more") {
    using std::chrono::seconds;
    testing::RecordingLog log;
    ThrottleWatch watch{"map-0-consumer", &log};
    ThrottleWatch::TimePoint now{};
    const auto pass = [&](const std::string& milliseconds) {
        std::vector<BrokerStatus> brokers = statistics(milliseconds);
        watch.add_up(brokers, now);
        REQUIRE(brokers.size() == 2);
        CHECK(brokers[1].throttle_seconds == 0);
        return brokers[0].throttle_seconds;
    };
    CHECK(pass("0") == 0);
    CHECK(log.lines.empty());
    CHECK(pass("1500") == 1.5);
    REQUIRE(log.lines.size() == 1);
    CHECK(log.lines[0].level == LogLevel::warn);
    CHECK(
        log.lines[0].text.starts_with("a quota of the broker makes this client wait "
                                      "client=map-0-consumer broker=a:1 seconds=1.500 hint="));
    now += seconds{59};
    CHECK(pass("250") == 1.75);
    CHECK(log.lines.size() == 1);
    now += seconds{1};
    CHECK(pass("250") == 2.0);
    REQUIRE(log.lines.size() == 2);
    CHECK(log.lines[1].text.contains("seconds=0.500"));
    now += seconds{600};
    CHECK(pass("0") == 2.0);
    CHECK(log.lines.size() == 2);
}

}  // namespace kstream::kafka
