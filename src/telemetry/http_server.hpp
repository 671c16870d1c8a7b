// A small HTTP server for what operators look at: a table of GET paths, one thread, hard limits.
// Why not civetweb, which prometheus-cpp brings: docs/adr/0010-http-server.md.
#pragma once

#include "kstream/error.hpp"
#include "telemetry/http_request.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

namespace kstream::telemetry {

struct HttpResponse {
    int status = 200;
    std::string content_type = "text/plain; charset=utf-8";
    std::string body;
    // Beside those of every response. Without the initializer GCC would warn where none is given.
    std::vector<std::pair<std::string, std::string>> headers = {};
};

// What cannot be answered at once: asked again every few milliseconds, on the server's thread,
// until it says something. It keeps its own time: it must end before the connection's deadline
// does.
using HttpPending = std::function<std::optional<HttpResponse>()>;
using HttpReply = std::variant<HttpResponse, HttpPending>;

struct HttpRoute {
    std::string path;                                      // exact
    bool prefix = false;                                   // or the beginning of the request's path
    std::function<HttpReply(const HttpRequest&)> respond;  // on the server's thread; must be quick
};

struct HttpAddress {
    std::string host;        // numeric, IPv4 or IPv6
    std::uint16_t port = 0;  // 0: any free one
};

struct HttpLimits {
    std::size_t request_bytes = 8192;
    std::chrono::milliseconds deadline{2000};  // of a connection, from accept to close
    std::size_t connections = 16;              // more wait in the kernel's queue
};

class HttpServer {
public:
    // Listens; connections wait until serve() is called, once. For routes that want to know the
    // port.
    [[nodiscard]] static Result<std::unique_ptr<HttpServer>> listen(const HttpAddress& address,
                                                                    HttpLimits limits = {});
    void serve(std::vector<HttpRoute> routes);

    // Listens and serves when it returns. A taken port or an address of another machine is a usage
    // error that names it.
    [[nodiscard]] static Result<std::unique_ptr<HttpServer>> start(const HttpAddress& address,
                                                                   std::vector<HttpRoute> routes,
                                                                   HttpLimits limits = {});

    // Drops the connections that are open.
    ~HttpServer();
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;

    [[nodiscard]] std::uint16_t port() const { return port_; }

private:
    class Loop;
    HttpServer(std::unique_ptr<Loop> loop, std::uint16_t port);

    std::unique_ptr<Loop> loop_;
    std::uint16_t port_;
    std::thread thread_;  // runs loop_ from serve() until its stop()
};

}  // namespace kstream::telemetry
