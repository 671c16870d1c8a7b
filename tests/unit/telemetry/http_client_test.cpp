// The one question of `kstream health`: every way in which there is no answer has its words.
#include "telemetry/http_client.hpp"

#include "telemetry/descriptor.hpp"
#include "telemetry/socket_address.hpp"

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <chrono>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <thread>

namespace kstream::telemetry {
namespace {

using std::chrono::milliseconds;

// A server that answers one connection with `answer` and closes; it never answers when empty.
class OneAnswer {
public:
    explicit OneAnswer(std::string_view answer, bool closes = true)
        : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        auto address = socket_address({.host = "127.0.0.1"});
        REQUIRE(::bind(listener_.get(), address->any(), address->length) == 0);
        REQUIRE(::listen(listener_.get(), 1) == 0);
        REQUIRE(::getsockname(listener_.get(), address->any(), &address->length) == 0);
        port_ = port_of(*address);
        thread_ = std::thread([this, answer = std::string(answer), closes] {
            const Descriptor peer(::accept(listener_.get(), nullptr, nullptr));
            ::send(peer.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
            if (closes) {
                ::shutdown(peer.get(), SHUT_WR);
            }
            std::array<char, 512> buffer{};
            while (::recv(peer.get(), buffer.data(), buffer.size(), 0) > 0) {
            }
        });
    }
    ~OneAnswer() { thread_.join(); }
    OneAnswer(const OneAnswer&) = delete;
    OneAnswer& operator=(const OneAnswer&) = delete;

    [[nodiscard]] HttpAddress address() const { return {.host = "127.0.0.1", .port = port_}; }

private:
    Descriptor listener_;
    std::uint16_t port_ = 0;
    std::thread thread_;
};

}  // namespace

TEST_CASE("Status and body of an answer are read") {
    const OneAnswer server("HTTP/1.1 503 Service Unavailable\r\nA: b\r\n\r\nstarting\n");
    const auto answer = http_get(server.address(), "/readyz", milliseconds(5000));
    REQUIRE(answer);
    CHECK(answer->status == 503);
    CHECK(answer->body == "starting\n");
}

TEST_CASE("A real server is understood") {
    auto server = HttpServer::start({.host = "127.0.0.1"},
                                    {{.path = "/readyz", .respond = [](const HttpRequest&) {
                                          return HttpResponse{.body = "ok\n"};
                                      }}});
    REQUIRE(server);
    const HttpAddress address{.host = "127.0.0.1", .port = (*server)->port()};
    const auto answer = http_get(address, "/readyz", milliseconds(5000));
    REQUIRE(answer);
    CHECK(answer->status == 200);
    CHECK(answer->body == "ok\n");
    CHECK(http_get(address, "/nowhere", milliseconds(5000))->status == 404);
}

TEST_CASE("What is no HTTP is no answer") {
    for (const std::string_view text :
         {"", "220 mail ready\r\n\r\n", "HTTP/1.1 abc\r\n\r\n", "HTTP/1.1 200 OK\r\nno end"}) {
        CAPTURE(text);
        const OneAnswer server(text);
        const auto answer = http_get(server.address(), "/", milliseconds(5000));
        REQUIRE_FALSE(answer);
        CHECK(answer.error().ends_with("does not speak HTTP"));
    }
}

TEST_CASE("A process that does not answer costs no more than the limit") {
    const OneAnswer server("HTTP/1.1 200 OK\r\n\r\nand then nothing", false);
    const auto begin = std::chrono::steady_clock::now();
    const auto answer = http_get(server.address(), "/", milliseconds(100));
    REQUIRE_FALSE(answer);
    CHECK(answer.error().contains("has not answered within 100 ms"));
    CHECK(std::chrono::steady_clock::now() - begin < milliseconds(2000));
}

TEST_CASE("An answer without an end is refused") {
    const OneAnswer server("HTTP/1.1 200 OK\r\n\r\n" + std::string(100'000, 'x'));
    const auto answer = http_get(server.address(), "/", milliseconds(5000));
    REQUIRE_FALSE(answer);
    CHECK(answer.error().contains("without an end"));
}

TEST_CASE("Nobody there is said as the system says it") {
    std::uint16_t port = 0;
    {
        const Descriptor taken(::socket(AF_INET, SOCK_STREAM, 0));
        auto address = socket_address({.host = "127.0.0.1"});
        REQUIRE(::bind(taken.get(), address->any(), address->length) == 0);
        REQUIRE(::getsockname(taken.get(), address->any(), &address->length) == 0);
        port = port_of(*address);
    }
    const auto answer = http_get({.host = "127.0.0.1", .port = port}, "/", milliseconds(5000));
    REQUIRE_FALSE(answer);
    CHECK(answer.error().contains("Connection refused"));
}

}  // namespace kstream::telemetry
