// The head of an HTTP request, as far as a server of a few GET paths needs it (RFC 9112).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace kstream::telemetry {

enum class HttpMethod : std::uint8_t { get, head, other };

struct HttpRequest {
    bool well_formed = false;
    HttpMethod method = HttpMethod::other;
    std::string path;  // without the query
};

// The length of the head with the empty line that ends it; 0 when it has not all come.
[[nodiscard]] std::size_t head_length(std::string_view bytes);

// Looks at the request line only; header fields decide nothing here.
[[nodiscard]] HttpRequest parse_request(std::string_view head);

}  // namespace kstream::telemetry
