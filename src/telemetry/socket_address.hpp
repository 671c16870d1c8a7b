// A numeric address as the socket calls want it.
#pragma once

#include "telemetry/http_server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <optional>
#include <sys/socket.h>

namespace kstream::telemetry {

struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t length = 0;

    [[nodiscard]] sockaddr* any() { return reinterpret_cast<sockaddr*>(&storage); }
    [[nodiscard]] const sockaddr* any() const {
        return reinterpret_cast<const sockaddr*>(&storage);
    }
};

// None when the host is neither an IPv4 nor an IPv6 address.
[[nodiscard]] inline std::optional<SocketAddress> socket_address(const HttpAddress& address) {
    SocketAddress made;
    auto* const v4 = reinterpret_cast<sockaddr_in*>(&made.storage);
    auto* const v6 = reinterpret_cast<sockaddr_in6*>(&made.storage);
    if (inet_pton(AF_INET, address.host.c_str(), &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(address.port);
        made.length = sizeof *v4;
    } else if (inet_pton(AF_INET6, address.host.c_str(), &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(address.port);
        made.length = sizeof *v6;
    } else {
        return std::nullopt;
    }
    return made;
}

// Both families have the port at the same place.
[[nodiscard]] inline std::uint16_t port_of(const SocketAddress& address) {
    return ntohs(reinterpret_cast<const sockaddr_in*>(&address.storage)->sin_port);
}

}  // namespace kstream::telemetry
