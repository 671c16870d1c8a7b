// Reads HOST:PORT without asking a name server.
#include "cli/listen_address.hpp"

#include "cli/values.hpp"
#include "text/utf8.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <charconv>
#include <memory>
#include <optional>
#include <span>

namespace kstream::cli {
namespace {

std::optional<std::uint16_t> read_port(std::string_view text) {
    std::uint16_t port = 0;
    const char* const end = std::to_address(text.end());
    const auto [stop, error] = std::from_chars(std::to_address(text.begin()), end, port);
    if (text.empty() || error != std::errc() || stop != end) {
        return std::nullopt;
    }
    return port;
}

}  // namespace

std::expected<ListenAddress, std::string> read_listen_address(std::string_view text) {
    const std::size_t colon = text.rfind(':');
    const auto port =
        colon == std::string_view::npos ? std::nullopt : read_port(text.substr(colon + 1));
    if (!port) {
        return std::unexpected(fmt::format("{} is not HOST:PORT", text::in_quotes(text)));
    }
    std::string host(text.substr(0, colon));
    if (host == "localhost") {
        host = "127.0.0.1";
    }
    std::array<unsigned char, sizeof(in6_addr)> bytes{};
    if (inet_pton(AF_INET, host.c_str(), bytes.data()) == 1) {
        return ListenAddress{
            .host = host,
            .port = *port,
            .loopback = bytes[0] == 127,
            .wildcard = std::ranges::all_of(std::span(bytes).first(4),
                                            [](unsigned char b) { return b == 0; })};
    }
    if (host.starts_with('[') && host.ends_with(']')) {
        host = host.substr(1, host.size() - 2);
        if (inet_pton(AF_INET6, host.c_str(), bytes.data()) == 1) {
            std::array<unsigned char, sizeof(in6_addr)> one{};
            one.back() = 1;
            return ListenAddress{
                .host = host,
                .port = *port,
                .loopback = bytes == one,
                .wildcard = std::ranges::all_of(bytes, [](unsigned char b) { return b == 0; })};
        }
    }
    return std::unexpected(
        fmt::format("{}: the host is neither a numeric address (IPv6 in brackets) nor localhost",
                    text::in_quotes(text)));
}

bool is_advertisable(std::string_view text) {
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos || read_port(text.substr(colon + 1)).value_or(0) == 0) {
        return false;
    }
    const std::string_view host = text.substr(0, colon);
    if (host.starts_with('[')) {
        return read_listen_address(text).has_value();
    }
    return !host.empty() && host.size() <= kMaxHostBytes && std::ranges::all_of(host, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '.' || c == '-' || c == '_';
    });
}

}  // namespace kstream::cli
