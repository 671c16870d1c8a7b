// The page at /: src/telemetry/page/status.html, which CMake puts into the binary.
#pragma once

#include "telemetry/http_server.hpp"

#include <string>
#include <string_view>

namespace kstream::telemetry {

// With the hashes of the page's own style and script as the only ones that a browser may apply.
[[nodiscard]] telemetry::HttpResponse status_page();

// "sha256-..." as Content-Security-Policy wants it, of what stands between <tag> and </tag>; the
// page has each once.
[[nodiscard]] std::string content_hash(std::string_view page, std::string_view tag);

}  // namespace kstream::telemetry
