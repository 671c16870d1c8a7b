// Strict: what is not a request line of HTTP/1.x by the letter is not answered but refused.
#include "telemetry/http_request.hpp"

#include <algorithm>

namespace kstream::telemetry {
namespace {

bool is_token(std::string_view text) {
    static constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~";
    return !text.empty() && std::ranges::all_of(text, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               kOthers.contains(c);
    });
}

bool is_target(std::string_view text) {
    return text.starts_with('/') &&
           std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f; });
}

}  // namespace

std::size_t head_length(std::string_view bytes) {
    constexpr std::string_view kEnd = "\r\n\r\n";
    const std::size_t end = bytes.find(kEnd);
    return end == std::string_view::npos ? 0 : end + kEnd.size();
}

HttpRequest parse_request(std::string_view head) {
    const std::string_view line = head.substr(0, head.find("\r\n"));
    const std::size_t first = line.find(' ');
    const std::size_t second =
        first == std::string_view::npos ? std::string_view::npos : line.find(' ', first + 1);
    if (second == std::string_view::npos) {
        return {};
    }
    const std::string_view method = line.substr(0, first);
    const std::string_view target = line.substr(first + 1, second - first - 1);
    const std::string_view version = line.substr(second + 1);
    if (!is_token(method) || !is_target(target) ||
        (version != "HTTP/1.1" && version != "HTTP/1.0")) {
        return {};
    }
    return {.well_formed = true,
            .method = method == "GET"    ? HttpMethod::get
                      : method == "HEAD" ? HttpMethod::head
                                         : HttpMethod::other,
            .path = std::string(target.substr(0, target.find('?')))};
}

}  // namespace kstream::telemetry
