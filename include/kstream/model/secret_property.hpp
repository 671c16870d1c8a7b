// Which client properties hold a secret, by name: their values are never printed, never logged and
// never taken from the command line.
#pragma once

#include <array>
#include <string_view>

namespace kstream {

// sasl.jaas.config and the like of other clients are covered too: a user may paste them.
inline constexpr std::array<std::string_view, 7> kSecretNameParts{
    "password", "passphrase", "secret", "token", "key.pem", "sasl.jaas", "oauthbearer.config"};

[[nodiscard]] constexpr bool is_secret_property(std::string_view property) {
    for (const std::string_view part : kSecretNameParts) {
        // "sasl.oauthbearer.token.endpoint.url" names a place, not a token.
        if (property.find(part) != std::string_view::npos && !property.ends_with(".url")) {
            return true;
        }
    }
    return false;
}

}  // namespace kstream
