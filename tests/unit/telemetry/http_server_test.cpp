// The HTTP server over real sockets on the loopback: answers, refusals, and its limits.
#include "telemetry/http_server.hpp"

#include "telemetry/http_request.hpp"

#include <catch2/catch_test_macros.hpp>

#include <arpa/inet.h>
#include <array>
#include <atomic>
#include <chrono>
#include <netinet/in.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <sys/time.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

namespace kstream::telemetry {
namespace {

using std::chrono::milliseconds;

// A client connection. No call waits longer than ten seconds.
class Client {
public:
    explicit Client(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
        const timeval limit{.tv_sec = 10, .tv_usec = 0};
        ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        REQUIRE(::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) ==
                0);
    }
    ~Client() { ::close(socket_); }
    Client(Client&& other) noexcept : socket_(std::exchange(other.socket_, -1)) {}
    Client& operator=(Client&&) = delete;

    bool send(std::string_view text) const {
        return ::send(socket_, text.data(), text.size(), MSG_NOSIGNAL) ==
               static_cast<ssize_t>(text.size());
    }
    // Everything until the server closes.
    [[nodiscard]] std::string receive() const {
        std::string text;
        std::array<char, 4096> buffer;
        for (ssize_t got = 0; (got = ::recv(socket_, buffer.data(), buffer.size(), 0)) > 0;) {
            text.append(buffer.data(), static_cast<std::size_t>(got));
        }
        return text;
    }

private:
    int socket_;
};

std::unique_ptr<HttpServer> serve(HttpLimits limits = {}, std::string body = "hello\n") {
    std::vector<HttpRoute> routes{
        {.path = "/hello",
         .respond = [body](const HttpRequest&) { return HttpResponse{.body = body}; }},
        {.path = "/sick",
         .respond =
             [](const HttpRequest&) { return HttpResponse{.status = 503, .body = "sick\n"}; }},
        {.path = "/throws",
         .respond = [](const HttpRequest&) -> HttpResponse { throw std::bad_alloc(); }}};
    auto server = HttpServer::start({.host = "127.0.0.1", .port = 0}, std::move(routes), limits);
    REQUIRE(server);
    return std::move(*server);
}

std::string ask(const HttpServer& server, std::string_view request) {
    const Client client(server.port());
    client.send(request);
    return client.receive();
}

std::string get(const HttpServer& server, std::string_view path) {
    return ask(server, "GET " + std::string(path) + " HTTP/1.1\r\nHost: x\r\n\r\n");
}

bool has_status(const std::string& response, int status) {
    return response.starts_with("HTTP/1.1 " + std::to_string(status) + " ");
}

milliseconds since(std::chrono::steady_clock::time_point begin) {
    return std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - begin);
}

}  // namespace

TEST_CASE("The request line is taken by the letter") {
    const HttpRequest request = parse_request("GET /a/b?c=d HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(request.well_formed);
    CHECK(request.method == HttpMethod::get);
    CHECK(request.path == "/a/b");
    CHECK(parse_request("HEAD / HTTP/1.0\r\n\r\n").method == HttpMethod::head);
    CHECK(parse_request("BREW / HTTP/1.1\r\n\r\n").method == HttpMethod::other);
    for (const char* line :
         {"", "GET", "GET /", "GET / HTTP/2.0", "GET / HTTP/1.1 ", "GET  / HTTP/1.1",
          "GET http://x/ HTTP/1.1", "GET * HTTP/1.1", " GET / HTTP/1.1", "G\x01T / HTTP/1.1",
          "GET /\x80 HTTP/1.1", "GET /\t HTTP/1.1", "/ GET HTTP/1.1"}) {
        INFO(line);
        CHECK_FALSE(parse_request(std::string(line) + "\r\n\r\n").well_formed);
    }
    CHECK(head_length("GET / HTTP/1.1\r\n\r\nrest") == 18);
    CHECK(head_length("GET / HTTP/1.1\r\n\r") == 0);
}

TEST_CASE("Paths of the table are answered, nothing else") {
    const auto server = serve();
    const std::string response = get(*server, "/hello?x=y");
    CHECK(has_status(response, 200));
    CHECK(response.contains("\r\nContent-Length: 6\r\n"));
    CHECK(response.contains("\r\nConnection: close\r\n"));
    CHECK(response.ends_with("\r\n\r\nhello\n"));
    CHECK(has_status(get(*server, "/sick"), 503));
    CHECK(get(*server, "/sick").ends_with("sick\n"));
    for (const char* path :
         {"/", "/hello/", "/HELLO", "/hello/../hello", "/etc/passwd", "//hello"}) {
        INFO(path);
        CHECK(has_status(get(*server, path), 404));
    }
    CHECK(has_status(get(*server, "/throws"), 500));
}

TEST_CASE("HEAD has the head of GET and no body, other methods are refused") {
    const auto server = serve();
    const std::string head = ask(*server, "HEAD /hello HTTP/1.1\r\n\r\n");
    CHECK(has_status(head, 200));
    CHECK(head.contains("\r\nContent-Length: 6\r\n"));
    CHECK(head.ends_with("\r\n\r\n"));
    for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "TRACE"}) {
        const std::string refused = ask(*server, std::string(method) + " /hello HTTP/1.1\r\n\r\n");
        CHECK(has_status(refused, 405));
        CHECK(refused.contains("\r\nAllow: GET, HEAD\r\n"));
    }
    CHECK(has_status(ask(*server, "nonsense\r\n\r\n"), 400));
}

TEST_CASE("Queries and paths are decoded, or refused") {
    CHECK(parse_request("GET /a?b=c?d HTTP/1.1\r\n\r\n").query == "b=c?d");
    CHECK(percent_decoded("a%20b%2Fc%00").value() == std::string("a b/c\0", 6));
    CHECK(percent_decoded("plus+stays").value() == "plus+stays");
    for (const char* bad : {"%", "a%2", "%zz", "%2g", "%%20"}) {
        INFO(bad);
        CHECK_FALSE(percent_decoded(bad));
    }
    CHECK(query_value("limit=5&after=1.2", "after") == "1.2");
    CHECK(query_value("limit=5&after=", "after") == "");
    CHECK_FALSE(query_value("limit=5&&x", "after"));
    CHECK_FALSE(query_value("limit=%", "limit"));
}

TEST_CASE("A path can stand for all that begin with it, and carries headers of its own") {
    auto server = HttpServer::start(
        {.host = "127.0.0.1"},
        {{.path = "/key/", .prefix = true, .respond = [](const HttpRequest& request) {
              return HttpResponse{.body = request.path.substr(5), .headers = {{"X-Mine", "yes"}}};
          }}});
    REQUIRE(server);
    CHECK(get(**server, "/key/a%2Fb").ends_with("\r\n\r\na%2Fb"));
    CHECK(get(**server, "/key/a").contains("\r\nX-Mine: yes\r\n"));
    CHECK(get(**server, "/key/a").contains("\r\nX-Content-Type-Options: nosniff\r\n"));
    CHECK(has_status(get(**server, "/key"), 404));
}

TEST_CASE("An answer that takes a while holds up nobody else") {
    std::atomic<bool> known{false};
    std::atomic<int> looks{0};
    auto server = HttpServer::start(
        {.host = "127.0.0.1"},
        {{.path = "/slow",
          .respond = [&](const HttpRequest&) -> HttpReply {
              return HttpPending([&]() -> std::optional<HttpResponse> {
                  ++looks;
                  return known ? std::optional(HttpResponse{.body = "at last\n"}) : std::nullopt;
              });
          }},
         {.path = "/quick", .respond = [](const HttpRequest&) { return HttpResponse{}; }},
         {.path = "/breaks", .respond = [](const HttpRequest&) -> HttpReply {
              return HttpPending([]() -> std::optional<HttpResponse> { throw std::bad_alloc(); });
          }}});
    REQUIRE(server);
    const Client waiting((*server)->port());
    const Client gone((*server)->port());
    REQUIRE(waiting.send("GET /slow HTTP/1.1\r\n\r\n"));
    REQUIRE(gone.send("HEAD /slow HTTP/1.1\r\n\r\n"));
    CHECK(has_status(get(**server, "/quick"), 200));
    CHECK(has_status(get(**server, "/breaks"), 500));
    CHECK(looks > 0);
    known = true;
    CHECK(waiting.receive().ends_with("\r\n\r\nat last\n"));
    CHECK(gone.receive().ends_with("\r\n\r\n"));
}

TEST_CASE("An answer that never comes ends with its connection") {
    auto server = HttpServer::start(
        {.host = "127.0.0.1"},
        {{.path = "/never",
          .respond = [](const HttpRequest&) -> HttpReply {
              return HttpPending([]() -> std::optional<HttpResponse> { return std::nullopt; });
          }}},
        {.deadline = milliseconds(200)});
    REQUIRE(server);
    CHECK(get(**server, "/never").empty());
}

TEST_CASE("A request that comes in pieces is one request") {
    const auto server = serve();
    const Client client(server->port());
    for (const std::string_view piece : {"GET /he", "llo HTTP/1.1\r", "\nHost: x\r\n\r", "\n"}) {
        REQUIRE(client.send(piece));
    }
    CHECK(has_status(client.receive(), 200));
}

TEST_CASE("A head beyond the limit is refused while it is still being sent") {
    const auto server = serve();
    const std::string start = "GET /hello HTTP/1.1\r\nX: ";
    CHECK(has_status(ask(*server, start + std::string(100'000, 'x') + "\r\n\r\n"), 431));
    const std::string most(8192 - start.size() - 4, 'x');
    CHECK(has_status(ask(*server, start + most + "\r\n\r\n"), 200));
    CHECK(has_status(ask(*server, start + most + "x\r\n\r\n"), 431));
}

TEST_CASE("A sender that dribbles is dropped at the deadline") {
    const auto server = serve({.deadline = milliseconds(300)});
    const auto begin = std::chrono::steady_clock::now();
    const Client client(server->port());
    // One header byte at a time, for as long as the server takes it.
    REQUIRE(client.send("GET /hello HTTP/1.1\r\nX: "));
    std::atomic<bool> closed{false};
    std::thread dribble([&] {
        while (!closed && client.send("x")) {
            std::this_thread::sleep_for(milliseconds(5));
        }
    });
    CHECK(client.receive().empty());
    closed = true;
    dribble.join();
    CHECK(since(begin) >= milliseconds(300));
    CHECK(since(begin) < milliseconds(3000));
}

TEST_CASE("A reader that does not read is dropped at the deadline") {
    const auto server =
        serve({.deadline = milliseconds(300), .connections = 1}, std::string(32U << 20, 'x'));
    const Client sleeper(server->port());
    REQUIRE(sleeper.send("GET /hello HTTP/1.1\r\n\r\n"));
    // The only place is taken until then.
    const auto begin = std::chrono::steady_clock::now();
    CHECK(has_status(get(*server, "/sick"), 503));
    CHECK(since(begin) < milliseconds(3000));
}

TEST_CASE("Connections beyond the limit wait for a place and are served") {
    const auto server = serve({.deadline = milliseconds(300), .connections = 2});
    std::vector<Client> idle;
    for (int i = 0; i < 5; ++i) {
        idle.emplace_back(server->port());
    }
    CHECK(has_status(get(*server, "/hello"), 200));
}

TEST_CASE("Many connections in a row leave nothing behind") {
    const auto server = serve();
    for (int i = 0; i < 500; ++i) {
        REQUIRE(has_status(get(*server, "/hello"), 200));
    }
    for (int i = 0; i < 100; ++i) {
        const Client gone(server->port());
    }
    CHECK(has_status(get(*server, "/hello"), 200));
}

TEST_CASE("A taken port is an error that names it") {
    const auto server = serve();
    const auto second =
        HttpServer::start({.host = "127.0.0.1", .port = server->port()}, {}, HttpLimits{});
    REQUIRE_FALSE(second);
    CHECK(second.error().exit_code == ExitCode::usage);
    CHECK(second.error().message == "http: cannot listen on 127.0.0.1 port " +
                                        std::to_string(server->port()) +
                                        ": Address already in use");
    CHECK_FALSE(second.error().hint.empty());
    CHECK_FALSE(HttpServer::start({.host = "203.0.113.1", .port = 0}, {}));
    CHECK_FALSE(HttpServer::start({.host = "nonsense", .port = 0}, {}));
}

TEST_CASE("A port is free again as soon as its server is gone") {
    std::uint16_t port = 0;
    {
        const auto server = serve();
        port = server->port();
        CHECK(has_status(get(*server, "/hello"), 200));
    }
    CHECK(HttpServer::start({.host = "127.0.0.1", .port = port}, {}));
}

}  // namespace kstream::telemetry
