// A socket, poll(2) and a deadline. The answer ends where the peer closes: the servers that are
// asked close after each response.
#include "telemetry/http_client.hpp"

#include "telemetry/descriptor.hpp"
#include "telemetry/socket_address.hpp"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <poll.h>
#include <sys/socket.h>

namespace kstream::telemetry {
namespace {

using SteadyTime = std::chrono::steady_clock::time_point;
using Problem = std::unexpected<std::string>;

constexpr std::size_t kMaxAnswerBytes = 65536;

class Exchange {
public:
    Exchange(const HttpAddress& address, std::chrono::milliseconds limit)
        : where_(fmt::format("{} port {}", address.host, address.port)),
          limit_(limit),
          deadline_(std::chrono::steady_clock::now() + limit) {}

    std::expected<void, std::string> connect(const HttpAddress& address) {
        const auto target = socket_address(address);
        if (!target) {
            return Problem(fmt::format("{} is not a numeric address", address.host));
        }
        socket_ = Descriptor(
            ::socket(target->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
        if (socket_.get() < 0) {
            return failed(errno);
        }
        if (::connect(socket_.get(), target->any(), target->length) == 0) {
            return {};
        }
        if (errno != EINPROGRESS) {
            return failed(errno);
        }
        if (auto ready = wait(POLLOUT); !ready) {
            return ready;
        }
        int error = 0;
        socklen_t length = sizeof error;
        if (::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &length) != 0 || error != 0) {
            return failed(error != 0 ? error : errno);
        }
        return {};
    }

    std::expected<void, std::string> send(std::string_view text) {
        while (!text.empty()) {
            const ssize_t sent = ::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL);
            if (sent > 0) {
                text.remove_prefix(static_cast<std::size_t>(sent));
            } else if (sent < 0 && errno == EAGAIN) {
                if (auto ready = wait(POLLOUT); !ready) {
                    return ready;
                }
            } else if (sent < 0 && errno != EINTR) {
                return failed(errno);
            }
        }
        return {};
    }

    std::expected<std::string, std::string> receive() {
        std::string all;
        std::array<char, 4096> buffer{};
        while (all.size() <= kMaxAnswerBytes) {
            const ssize_t got = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
            if (got > 0) {
                all.append(buffer.data(), static_cast<std::size_t>(got));
            } else if (got == 0) {
                return all;
            } else if (errno == EAGAIN) {
                if (auto ready = wait(POLLIN); !ready) {
                    return Problem(std::move(ready.error()));
                }
            } else if (errno != EINTR) {
                return failed(errno);
            }
        }
        return Problem(fmt::format("{} answers without an end", where_));
    }

    [[nodiscard]] const std::string& where() const { return where_; }

private:
    std::expected<void, std::string> wait(short events) {
        for (;;) {
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(
                deadline_ - std::chrono::steady_clock::now());
            pollfd entry{.fd = socket_.get(), .events = events, .revents = 0};
            if (left.count() <= 0) {
                return Problem(
                    fmt::format("{} has not answered within {} ms", where_, limit_.count()));
            }
            if (::poll(&entry, 1, static_cast<int>(left.count())) > 0) {
                return {};
            }
        }
    }

    [[nodiscard]] Problem failed(int code) const {
        return Problem(fmt::format("{}: {}", where_, std::strerror(code)));
    }

    std::string where_;
    std::chrono::milliseconds limit_;
    SteadyTime deadline_;
    Descriptor socket_;
};

}  // namespace

std::expected<HttpAnswer, std::string> http_get(const HttpAddress& address, std::string_view path,
                                                std::chrono::milliseconds limit) {
    Exchange exchange(address, limit);
    if (auto done = exchange.connect(address); !done) {
        return Problem(std::move(done.error()));
    }
    const std::string host =
        address.host.contains(':') ? fmt::format("[{}]", address.host) : address.host;
    if (auto done = exchange.send(
            fmt::format("GET {} HTTP/1.1\r\nHost: {}:{}\r\n\r\n", path, host, address.port));
        !done) {
        return Problem(std::move(done.error()));
    }
    const auto received = exchange.receive();
    if (!received) {
        return Problem(received.error());
    }
    // "HTTP/1.1 200 OK", fields, an empty line, the body.
    const std::string_view text = *received;
    constexpr std::size_t kStatusAt = std::string_view("HTTP/1.1 ").size();
    const std::size_t head = text.find("\r\n\r\n");
    HttpAnswer answer;
    if (!text.starts_with("HTTP/1.") || head == std::string_view::npos || head < kStatusAt + 3 ||
        std::from_chars(text.data() + kStatusAt, text.data() + kStatusAt + 3, answer.status).ec !=
            std::errc()) {
        return Problem(fmt::format("{} does not speak HTTP", exchange.where()));
    }
    answer.body = text.substr(head + 4);
    return answer;
}

}  // namespace kstream::telemetry
