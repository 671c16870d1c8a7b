// One GET to a process of this machine, with one deadline for all of it. For `kstream health`.
#pragma once

#include "telemetry/http_server.hpp"

#include <chrono>
#include <expected>
#include <string>
#include <string_view>

namespace kstream::telemetry {

struct HttpAnswer {
    int status = 0;
    std::string body;
};

// Blocks until the peer has answered and closed, or the deadline has passed. The error says why
// there is no answer. Answers of more than 64 KiB are none of ours and refused.
[[nodiscard]] std::expected<HttpAnswer, std::string> http_get(const HttpAddress& address,
                                                              std::string_view path,
                                                              std::chrono::milliseconds limit);

}  // namespace kstream::telemetry
