// The head of an HTTP request.
#include "fuzz/fuzz_target.hpp"
#include "telemetry/http_request.hpp"

#include <algorithm>
#include <optional>
#include <string>

KSTREAM_FUZZ_TARGET(http_request) {
    using namespace kstream::telemetry;
    const std::size_t length = head_length(input);
    KSTREAM_CHECK(length <= input.size(), "a head is part of what came");
    const HttpRequest request = parse_request(input.substr(0, length == 0 ? input.size() : length));
    if (!request.well_formed) {
        KSTREAM_CHECK(request.path.empty() && request.query.empty(), "nothing of it is used");
        return;
    }
    KSTREAM_CHECK(request.path.starts_with('/'), "a path begins at the root");
    for (const char c : request.path + request.query) {
        KSTREAM_CHECK(c > ' ' && c < 0x7f, "what is used of it is plain");
    }
    const std::optional<std::string> path = percent_decoded(request.path);
    KSTREAM_CHECK(!path || path->size() <= request.path.size(), "decoding makes nothing longer");
    const std::optional<std::string> from = query_value(request.query, "from");
    KSTREAM_CHECK(!from || from->size() <= request.query.size(), "also in a query");
}
