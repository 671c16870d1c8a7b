// `health`: one question to the process that listens at --http, one line, one exit code. Small and
// quick because a container's health check runs it every few seconds; needs no curl in the image.
#include "app/commands.hpp"
#include "cli/listen_address.hpp"
#include "kstream/check.hpp"
#include "telemetry/http_client.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <string_view>

namespace kstream::app {
namespace {

constexpr std::chrono::milliseconds kDeadline{2000};
constexpr std::size_t kMaxShown = 200;

// The first line, as far as it is plain text: it may come from a process that is not kstream.
std::string first_line(std::string_view body) {
    std::string line(body.substr(0, std::min(body.find('\n'), kMaxShown)));
    std::ranges::replace_if(line, [](char c) { return c < 0x20 || c > 0x7e; }, '?');
    return line;
}

// A process that listens on every address listens on the loopback too.
std::string host_to_ask(const std::string& host) {
    return host == "0.0.0.0" ? "127.0.0.1" : host == "::" ? "::1" : host;
}

}  // namespace

ExitCode run_health(const cli::HealthConfig& config) {
    const auto listens = cli::read_listen_address(*config.common.http);
    KSTREAM_CHECK(listens.has_value(), "the address was checked when it was read");
    const telemetry::HttpAddress address{.host = host_to_ask(listens->host), .port = listens->port};
    const auto answer = telemetry::http_get(address, "/readyz", kDeadline);
    if (!answer) {
        fmt::print("no answer: {}\n", answer.error());
        return ExitCode::not_ready;
    }
    if (answer->status == 200) {
        fmt::print("ready: {}\n", first_line(answer->body));
        return ExitCode::ok;
    }
    // 503 is the answer of a process that is not ready; anything else is not kstream's.
    if (answer->status == 503) {
        fmt::print("not ready: {}\n", first_line(answer->body));
    } else {
        fmt::print("not ready: {} port {} answers /readyz with status {}\n", address.host,
                   address.port, answer->status);
    }
    return ExitCode::not_ready;
}

}  // namespace kstream::app
