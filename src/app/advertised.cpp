#include "app/advertised.hpp"

#include "cli/listen_address.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <unistd.h>

namespace kstream::app {
namespace {

constexpr std::string_view kMarker = "-http-";
constexpr std::string_view kMarker6 = "-http6-";

std::string host_name() {
    std::array<char, 256> name{};
    if (::gethostname(name.data(), name.size() - 1) != 0) {
        return {};
    }
    return name.data();
}

}  // namespace

std::string advertised_address(const std::string& configured, const std::string& listens,
                               std::uint16_t port) {
    if (!configured.empty()) {
        return configured;
    }
    const auto address = cli::read_listen_address(listens);
    if (!address) {
        return {};
    }
    const std::string host = address->wildcard             ? host_name()
                             : address->host.contains(':') ? fmt::format("[{}]", address->host)
                                                           : address->host;
    const std::string text = fmt::format("{}:{}", host, port);
    return cli::is_advertisable(text) ? text : std::string();
}

std::string client_id_suffix(std::string_view address) {
    const std::size_t colon = address.rfind(':');
    if (colon == std::string_view::npos) {
        return {};
    }
    const std::string_view port = address.substr(colon + 1);
    std::string host(address.substr(0, colon));
    if (!host.starts_with('[')) {
        return fmt::format("{}{}-{}", kMarker, host, port);
    }
    host = host.substr(1, host.size() - 2);
    std::ranges::replace(host, ':', '_');
    return fmt::format("{}{}-{}", kMarker6, host, port);
}

std::optional<std::string> address_in(std::string_view client_id, std::string_view application_id) {
    const std::string begin = fmt::format("{}-totals-", application_id);
    if (!client_id.starts_with(begin)) {
        return std::nullopt;
    }
    client_id.remove_prefix(begin.size());
    client_id.remove_prefix(std::min(client_id.find_first_not_of("0123456789"), client_id.size()));
    constexpr std::string_view kKind = "-consumer";
    if (!client_id.starts_with(kKind)) {
        return std::nullopt;
    }
    client_id.remove_prefix(kKind.size());
    const bool is_v6 = client_id.starts_with(kMarker6);
    if (!is_v6 && !client_id.starts_with(kMarker)) {
        return std::nullopt;
    }
    client_id.remove_prefix(is_v6 ? kMarker6.size() : kMarker.size());
    const std::size_t dash = client_id.rfind('-');
    if (dash == std::string_view::npos) {
        return std::nullopt;
    }
    std::string host(client_id.substr(0, dash));
    if (is_v6) {
        std::ranges::replace(host, '_', ':');
        host = fmt::format("[{}]", host);
    }
    // Anybody can join a group under any name: what is no address is none.
    std::string address = fmt::format("{}:{}", host, client_id.substr(dash + 1));
    return cli::is_advertisable(address) ? std::optional(std::move(address)) : std::nullopt;
}

}  // namespace kstream::app
