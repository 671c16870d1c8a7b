#include "kafka/connection_trouble.hpp"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <string>

namespace kstream::kafka {
namespace {

using std::chrono::seconds;

constexpr const char* kRefused =
    "ssl://localhost:9093/bootstrap: SSL handshake failed: error:0A000086:SSL "
    "routines::certificate "
    "verify failed: broker certificate could not be verified (after 5ms in state SSL_HANDSHAKE)";
// What librdkafka says of a broker that goes down in the middle of it.
constexpr const char* kCutOff =
    "ssl://localhost:9093/1: SSL handshake failed: Disconnected: connecting to a PLAINTEXT broker "
    "listener? (after 2ms in state SSL_HANDSHAKE)";

const ConnectionTrouble::Time kBegin{};

TEST_CASE("a certificate that is refused for three seconds ends the wait") {
    ConnectionTrouble trouble;
    CHECK_FALSE(trouble.reason("asking"));
    trouble.note(RD_KAFKA_RESP_ERR__SSL, kRefused, kBegin);
    trouble.note(RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, "3/3 brokers are down", kBegin + seconds(1));
    trouble.note(RD_KAFKA_RESP_ERR__SSL, kRefused, kBegin + seconds(2));
    CHECK_FALSE(trouble.hopeless("asking", kBegin + seconds(2)));
    const auto error = trouble.hopeless("asking", kBegin + seconds(3));
    REQUIRE(error);
    CHECK(error->disposition == Disposition::stop);
    CHECK(error->exit_code == ExitCode::kafka_fatal);
    CHECK(error->message.find("certificate verify failed") != std::string::npos);
    CHECK(error->message.find("after 5ms") == std::string::npos);
}

TEST_CASE("so does a login that is refused") {
    ConnectionTrouble trouble;
    trouble.note(RD_KAFKA_RESP_ERR__TRANSPORT, "localhost:9092: Connect refused", kBegin);
    trouble.note(RD_KAFKA_RESP_ERR__AUTHENTICATION, "SASL authentication error", kBegin);
    const auto error = trouble.hopeless("asking", kBegin + seconds(3));
    REQUIRE(error);
    CHECK(error->exit_code == ExitCode::kafka_fatal);
}

TEST_CASE("what may pass by itself is only the reason for a silence") {
    ConnectionTrouble trouble;
    trouble.note(RD_KAFKA_RESP_ERR__TRANSPORT, "localhost:9092: Connect refused", kBegin);
    trouble.note(RD_KAFKA_RESP_ERR__SSL, kCutOff, kBegin);
    CHECK_FALSE(trouble.hopeless("asking", kBegin + seconds(60)));
    REQUIRE(trouble.reason("asking"));
    CHECK(trouble.reason("asking")->message.find("Disconnected") != std::string::npos);
}

TEST_CASE("after an answer a refusal may be put right") {
    ConnectionTrouble trouble;
    trouble.clear();
    trouble.note(RD_KAFKA_RESP_ERR__SSL, kRefused, kBegin);
    CHECK_FALSE(trouble.hopeless("asking", kBegin + seconds(60)));
    CHECK(trouble.reason("asking"));
    trouble.clear();
    CHECK_FALSE(trouble.reason("asking"));
}

}  // namespace
}  // namespace kstream::kafka
