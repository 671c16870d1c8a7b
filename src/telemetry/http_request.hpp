// The head of an HTTP request, as far as a server of a few GET paths needs it (RFC 9112).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kstream::telemetry {

enum class HttpMethod : std::uint8_t { get, head, other };

struct HttpRequest {
    bool well_formed = false;
    HttpMethod method = HttpMethod::other;
    std::string path;   // without the query, as it was sent
    std::string query;  // after the '?', as it was sent
};

// The length of the head with the empty line that ends it; 0 when it has not all come.
[[nodiscard]] std::size_t head_length(std::string_view bytes);

// Looks at the request line only; header fields decide nothing here.
[[nodiscard]] HttpRequest parse_request(std::string_view head);

// %XX taken for what it stands for; none when a '%' is not followed by two hexadecimal digits.
[[nodiscard]] std::optional<std::string> percent_decoded(std::string_view text);

// The decoded value of `name` in "a=1&b=2"; none when it is missing or not decodable.
[[nodiscard]] std::optional<std::string> query_value(std::string_view query, std::string_view name);

}  // namespace kstream::telemetry
