// HOST:PORT of --http.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace kstream::cli {

struct ListenAddress {
    std::string host;  // numeric, IPv4 or IPv6, without brackets
    std::uint16_t port = 0;
    bool loopback = false;  // nobody outside this machine can reach it
};

// Numeric addresses and "localhost" (127.0.0.1) only: what is bound must not hang on a name server.
// The error says what is wrong with the text.
[[nodiscard]] std::expected<ListenAddress, std::string> read_listen_address(std::string_view text);

}  // namespace kstream::cli
