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
            .path = std::string(target.substr(0, target.find('?'))),
            .query = target.contains('?') ? std::string(target.substr(target.find('?') + 1))
                                          : std::string()};
}

std::optional<std::string> percent_decoded(std::string_view text) {
    const auto digit = [](char c) {
        return c >= '0' && c <= '9'   ? c - '0'
               : c >= 'a' && c <= 'f' ? c - 'a' + 10
               : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                      : -1;
    };
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out += text[i];
            continue;
        }
        if (i + 2 >= text.size() || digit(text[i + 1]) < 0 || digit(text[i + 2]) < 0) {
            return std::nullopt;
        }
        out += static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2]));
        i += 2;
    }
    return out;
}

std::optional<std::string> query_value(std::string_view query, std::string_view name) {
    while (!query.empty()) {
        const std::string_view pair = query.substr(0, query.find('&'));
        query.remove_prefix(std::min(query.size(), pair.size() + 1));
        const std::size_t equals = pair.find('=');
        if (equals != std::string_view::npos && pair.substr(0, equals) == name) {
            return percent_decoded(pair.substr(equals + 1));
        }
    }
    return std::nullopt;
}

}  // namespace kstream::telemetry
