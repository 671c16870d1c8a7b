// The policy is made from the page that is served, so that it cannot be out of step with it.
#include "telemetry/status_page.hpp"

#include "kstream/check.hpp"
#include "kstream/codec/sha256.hpp"
#include "text/base64.hpp"

#include <fmt/format.h>

namespace kstream {

extern const std::string_view kStatusPage;  // generated: cmake/EmbedText.cmake

}  // namespace kstream

namespace kstream::telemetry {

std::string content_hash(std::string_view page, std::string_view tag) {
    const std::string open = fmt::format("<{}>", tag);
    const std::string close = fmt::format("</{}>", tag);
    const std::size_t begin = page.find(open);
    const std::size_t end = page.find(close);
    KSTREAM_CHECK(begin != std::string_view::npos && end > begin, "the page has the element");
    const std::size_t inside = begin + open.size();
    return "sha256-" + text::base64(sha256(page.substr(inside, end - inside)));
}

telemetry::HttpResponse status_page() {
    return {.content_type = "text/html; charset=utf-8",
            .body = std::string(kStatusPage),
            .headers = {{"Content-Security-Policy",
                         fmt::format("default-src 'none'; style-src '{}'; script-src '{}'; "
                                     "connect-src 'self'; img-src data:; base-uri 'none'; "
                                     "form-action 'none'; frame-ancestors 'none'",
                                     content_hash(kStatusPage, "style"),
                                     content_hash(kStatusPage, "script"))},
                        {"Referrer-Policy", "no-referrer"}}};
}

}  // namespace kstream::telemetry
