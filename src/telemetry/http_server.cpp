// One poll(2) loop over the listening socket, the stop event and the connections. Each connection
// reads one head, writes one response and is closed: no keep-alive, no bodies, no state between
// requests. Every connection has one deadline for all of its life, so that neither slow senders nor
// slow readers hold a place for longer.
#include "telemetry/http_server.hpp"

#include "telemetry/descriptor.hpp"
#include "telemetry/socket_address.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <exception>
#include <poll.h>
#include <string_view>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

namespace kstream::telemetry {
namespace {

using SteadyTime = std::chrono::steady_clock::time_point;
using std::chrono::milliseconds;

//             head complete, too long or malformed        all written
//   reading ------------------------------------> writing -----------> draining --> closed
//      |                                             ^
//      +------------------ asked ------> waiting ----+ answered
//
// draining takes what the peer still sends until it closes: closing a socket with unread bytes
// makes the kernel reset the connection, and the peer might never see the response.
enum class Phase : std::uint8_t { reading, waiting, writing, draining, closed };

// How often a pending answer is looked for.
constexpr milliseconds kLookEvery{5};

struct Connection {
    Descriptor socket;
    SteadyTime deadline;
    Phase phase = Phase::reading;
    std::string received;
    HttpPending pending;  // of the phase waiting
    bool with_body = true;
    std::string response;
    std::size_t sent = 0;
};

std::string_view status_text(int status) {
    switch (status) {
        case 200:
            return "OK";
        case 400:
            return "Bad Request";
        case 404:
            return "Not Found";
        case 405:
            return "Method Not Allowed";
        case 431:
            return "Request Header Fields Too Large";
        case 503:
            return "Service Unavailable";
        default:
            return "Internal Server Error";
    }
}

std::string encode(const HttpResponse& response, bool with_body) {
    std::string more = response.status == 405 ? "Allow: GET, HEAD\r\n" : "";
    for (const auto& [name, value] : response.headers) {
        more += fmt::format("{}: {}\r\n", name, value);
    }
    return fmt::format(
        "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n{}Cache-Control: no-store\r\n"
        "X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n{}",
        response.status, status_text(response.status), response.content_type, response.body.size(),
        more, with_body ? std::string_view(response.body) : std::string_view());
}

HttpResponse plain(int status) {
    return {.status = status, .body = fmt::format("{}\n", status_text(status))};
}

}  // namespace

class HttpServer::Loop {
public:
    Loop(Descriptor listener, Descriptor stop_event, HttpLimits limits)
        : listener_(std::move(listener)), stop_event_(std::move(stop_event)), limits_(limits) {}

    void set_routes(std::vector<HttpRoute> routes) { routes_ = std::move(routes); }
    void run();
    void stop() const {
        const std::uint64_t one = 1;
        [[maybe_unused]] const ssize_t written = ::write(stop_event_.get(), &one, sizeof one);
    }

private:
    void accept_one();
    static void look_for_answer(Connection& connection);
    void serve(Connection& connection) const;
    void read_some(Connection& connection) const;
    static void write_some(Connection& connection);
    static void drain_some(Connection& connection);
    void respond(Connection& connection, std::string_view head) const;
    [[nodiscard]] int milliseconds_to_wait() const;

    Descriptor listener_;
    Descriptor stop_event_;
    std::vector<HttpRoute> routes_;
    HttpLimits limits_;
    std::vector<Connection> connections_;
    SteadyTime no_accept_before_;
};

void HttpServer::Loop::run() {
    for (;;) {
        const auto now = std::chrono::steady_clock::now();
        const bool accepting =
            connections_.size() < limits_.connections && now >= no_accept_before_;
        std::vector<pollfd> entries{
            {.fd = stop_event_.get(), .events = POLLIN, .revents = 0},
            {.fd = accepting ? listener_.get() : -1, .events = POLLIN, .revents = 0}};
        for (Connection& connection : connections_) {
            look_for_answer(connection);
            // Who waits is only watched for having gone.
            const auto events = static_cast<short>(connection.phase == Phase::writing   ? POLLOUT
                                                   : connection.phase == Phase::waiting ? 0
                                                                                        : POLLIN);
            entries.push_back({.fd = connection.socket.get(), .events = events, .revents = 0});
        }
        if (::poll(entries.data(), entries.size(), milliseconds_to_wait()) < 0 && errno != EINTR) {
            return;  // only bad arguments or no memory: metrics end, the work goes on
        }
        if (entries[0].revents != 0) {
            return;
        }
        for (std::size_t i = 0; i < connections_.size(); ++i) {
            if (entries[i + 2].revents != 0) {
                serve(connections_[i]);
            }
        }
        std::erase_if(connections_, [](const Connection& connection) {
            return connection.phase == Phase::closed ||
                   std::chrono::steady_clock::now() >= connection.deadline;
        });
        if (entries[1].revents != 0) {
            accept_one();
        }
    }
}

int HttpServer::Loop::milliseconds_to_wait() const {
    const auto now = std::chrono::steady_clock::now();
    milliseconds wait = std::chrono::hours(1);
    for (const Connection& connection : connections_) {
        wait = std::min(wait, std::chrono::ceil<milliseconds>(connection.deadline - now));
        if (connection.phase == Phase::waiting) {
            wait = std::min(wait, kLookEvery);
        }
    }
    if (no_accept_before_ > now) {
        wait = std::min(wait, std::chrono::ceil<milliseconds>(no_accept_before_ - now));
    }
    return static_cast<int>(std::max(wait, milliseconds(0)).count());
}

void HttpServer::Loop::accept_one() {
    Descriptor socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    const auto now = std::chrono::steady_clock::now();
    if (socket.get() >= 0) {
        connections_.push_back({.socket = std::move(socket),
                                .deadline = now + limits_.deadline,
                                .received = {},
                                .pending = {},
                                .response = {}});
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        // The waiting connection stays readable: without a pause this loop would spin.
        no_accept_before_ = now + milliseconds(100);
    }
}

void HttpServer::Loop::serve(Connection& connection) const {
    switch (connection.phase) {
        case Phase::reading:
            read_some(connection);
            return;
        case Phase::waiting:  // an event that nobody asked for: the peer has gone
            connection.phase = Phase::closed;
            return;
        case Phase::writing:
            write_some(connection);
            return;
        case Phase::draining:
            drain_some(connection);
            return;
        case Phase::closed:
            return;
    }
}

void HttpServer::Loop::read_some(Connection& connection) const {
    std::array<char, 2048> buffer;
    const ssize_t got = ::recv(connection.socket.get(), buffer.data(), buffer.size(), 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (got <= 0) {
        connection.phase = Phase::closed;
        return;
    }
    connection.received.append(buffer.data(), static_cast<std::size_t>(got));
    const std::size_t head = head_length(connection.received);
    if (head > limits_.request_bytes ||
        (head == 0 && connection.received.size() >= limits_.request_bytes)) {
        connection.response = encode(plain(431), true);
    } else if (head > 0) {
        respond(connection, std::string_view(connection.received).substr(0, head));
    } else {
        return;
    }
    if (connection.pending) {
        connection.phase = Phase::waiting;
        return;
    }
    connection.phase = Phase::writing;
    write_some(connection);
}

void HttpServer::Loop::look_for_answer(Connection& connection) {
    if (connection.phase != Phase::waiting) {
        return;
    }
    try {
        const std::optional<HttpResponse> response = connection.pending();
        if (!response) {
            return;
        }
        connection.response = encode(*response, connection.with_body);
    } catch (const std::exception&) {
        connection.response = encode(plain(500), connection.with_body);
    }
    connection.pending = {};
    connection.phase = Phase::writing;
}

void HttpServer::Loop::write_some(Connection& connection) {
    const std::string_view rest = std::string_view(connection.response).substr(connection.sent);
    const ssize_t sent = ::send(connection.socket.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
    if (sent < 0) {
        if (errno != EAGAIN && errno != EINTR) {
            connection.phase = Phase::closed;
        }
        return;
    }
    connection.sent += static_cast<std::size_t>(sent);
    if (connection.sent == connection.response.size()) {
        ::shutdown(connection.socket.get(), SHUT_WR);
        connection.phase = Phase::draining;
    }
}

void HttpServer::Loop::drain_some(Connection& connection) {
    std::array<char, 2048> buffer;
    const ssize_t got = ::recv(connection.socket.get(), buffer.data(), buffer.size(), 0);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
        connection.phase = Phase::closed;
    }
}

// Leaves a response, or what will know one.
void HttpServer::Loop::respond(Connection& connection, std::string_view head) const {
    const HttpRequest request = parse_request(head);
    connection.with_body = request.method != HttpMethod::head;
    if (!request.well_formed) {
        connection.response = encode(plain(400), true);
        return;
    }
    if (request.method == HttpMethod::other) {
        connection.response = encode(plain(405), true);
        return;
    }
    const auto route = std::ranges::find_if(routes_, [&request](const HttpRoute& one) {
        return one.prefix ? request.path.starts_with(one.path) : request.path == one.path;
    });
    if (route == routes_.end()) {
        connection.response = encode(plain(404), connection.with_body);
        return;
    }
    try {
        HttpReply reply = route->respond(request);
        if (auto* const pending = std::get_if<HttpPending>(&reply)) {
            connection.pending = std::move(*pending);
        } else {
            connection.response = encode(std::get<HttpResponse>(reply), connection.with_body);
        }
    } catch (const std::exception&) {
        // Out of memory, or a library's exception: this request fails, nothing else.
        connection.response = encode(plain(500), connection.with_body);
    }
}

namespace {

struct Listening {
    Descriptor socket;
    std::uint16_t port = 0;
};

Error listen_error(const HttpAddress& address, int code) {
    return Error::stop(
        ExitCode::usage,
        fmt::format("http: cannot listen on {} port {}: {}", address.host, address.port,
                    std::strerror(code)),
        code == EADDRINUSE ? "another process has this port; choose another one for --http" : "");
}

Result<Listening> listen_on(const HttpAddress& address) {
    auto bound = socket_address(address);
    if (!bound) {
        return std::unexpected(listen_error(address, EAFNOSUPPORT));
    }
    Descriptor socket(
        ::socket(bound->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const int yes = 1;
    constexpr int kBacklog = 64;
    // A restart must not wait for old connections of the same port to time out.
    if (socket.get() < 0 ||
        ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
        ::bind(socket.get(), bound->any(), bound->length) != 0 ||
        ::listen(socket.get(), kBacklog) != 0 ||
        ::getsockname(socket.get(), bound->any(), &bound->length) != 0) {
        return std::unexpected(listen_error(address, errno));
    }
    return Listening{.socket = std::move(socket), .port = port_of(*bound)};
}

}  // namespace

Result<std::unique_ptr<HttpServer>> HttpServer::listen(const HttpAddress& address,
                                                       HttpLimits limits) {
    auto listening = listen_on(address);
    if (!listening) {
        return std::unexpected(std::move(listening.error()));
    }
    Descriptor stop_event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (stop_event.get() < 0) {
        return std::unexpected(listen_error(address, errno));
    }
    auto loop = std::make_unique<Loop>(std::move(listening->socket), std::move(stop_event), limits);
    return std::unique_ptr<HttpServer>(new HttpServer(std::move(loop), listening->port));
}

Result<std::unique_ptr<HttpServer>> HttpServer::start(const HttpAddress& address,
                                                      std::vector<HttpRoute> routes,
                                                      HttpLimits limits) {
    auto server = listen(address, limits);
    if (server) {
        (*server)->serve(std::move(routes));
    }
    return server;
}

HttpServer::HttpServer(std::unique_ptr<Loop> loop, std::uint16_t port)
    : loop_(std::move(loop)), port_(port) {}

void HttpServer::serve(std::vector<HttpRoute> routes) {
    loop_->set_routes(std::move(routes));
    thread_ = std::thread([this] { loop_->run(); });
}

HttpServer::~HttpServer() {
    loop_->stop();
    if (thread_.joinable()) {
        thread_.join();
    }
}

}  // namespace kstream::telemetry
