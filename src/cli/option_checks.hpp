// Checks of single option values beyond their type: each says what is wrong with a text, if
// anything. No I/O.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace kstream::cli {

using Check = std::optional<std::string>;

[[nodiscard]] Check check_topic(std::string_view text);
[[nodiscard]] Check check_application_id(std::string_view text);
[[nodiscard]] Check check_instance_id(std::string_view text);
[[nodiscard]] Check check_field(std::string_view text);
[[nodiscard]] Check check_brokers(std::string_view text);
[[nodiscard]] Check check_http_address(std::string_view text);
[[nodiscard]] Check check_advertised_address(std::string_view text);
// KEY=VALUE of a client property: refused names, with the reason.
[[nodiscard]] Check check_client_property(std::string_view text);
[[nodiscard]] Check check_topic_config(std::string_view text);

}  // namespace kstream::cli
