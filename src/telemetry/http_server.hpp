// A small HTTP server for what operators look at: a table of GET paths, one thread, hard limits.
// Why not civetweb, which prometheus-cpp brings: docs/adr/0010-http-server.md.
#pragma once

#include "kstream/error.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace kstream::telemetry {

struct HttpResponse {
    int status = 200;
    std::string content_type = "text/plain; charset=utf-8";
    std::string body;
};

struct HttpRoute {
    std::string path;                       // exact
    std::function<HttpResponse()> respond;  // on the server's thread; must be quick
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
    std::thread thread_;  // runs loop_ until its stop()
};

}  // namespace kstream::telemetry
