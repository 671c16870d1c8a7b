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
    bool wildcard = false;  // every address of this machine
};

// Numeric addresses and "localhost" (127.0.0.1) only: what is bound must not hang on a name server.
// The error says what is wrong with the text.
[[nodiscard]] std::expected<ListenAddress, std::string> read_listen_address(std::string_view text);

// Whether `text` can be told to others as an address: a host name or a numeric address (IPv6 in
// brackets) of at most kMaxHostBytes, and a port from 1 on. Nothing is looked up.
inline constexpr std::size_t kMaxHostBytes = 253;
[[nodiscard]] bool is_advertisable(std::string_view text);

}  // namespace kstream::cli
