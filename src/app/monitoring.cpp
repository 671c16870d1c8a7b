// The table of HTTP paths.
#include "app/monitoring.hpp"

#include "cli/listen_address.hpp"
#include "kafka/client_config.hpp"
#include "kstream/version.hpp"
#include "telemetry/exposition.hpp"
#include "telemetry/health.hpp"
#include "telemetry/process_status.hpp"

#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

namespace kstream::app {
namespace {

using telemetry::HttpResponse;

HttpResponse answer(telemetry::Verdict verdict) {
    return {.status = verdict.ok ? 200 : 503, .body = std::move(verdict.reason) + "\n"};
}

std::vector<telemetry::HttpRoute> routes_over(const telemetry::SnapshotStore& snapshots) {
    telemetry::BuildInfo build{.version = std::string(version().number),
                               .revision = std::string(version().revision),
                               .librdkafka = kafka::library_version()};
    return {{.path = "/metrics",
             .respond =
                 [&snapshots, build = std::move(build)] {
                     return HttpResponse{
                         .content_type = telemetry::kExpositionType,
                         .body = telemetry::exposition(snapshots.read(), build,
                                                       telemetry::read_process_status())};
                 }},
            {.path = "/healthz",
             .respond = [&snapshots] { return answer(telemetry::liveness(snapshots.read())); }},
            {.path = "/readyz",
             .respond = [&snapshots] { return answer(telemetry::readiness(snapshots.read())); }}};
}

}  // namespace

Result<std::unique_ptr<telemetry::HttpServer>> start_monitoring(
    const cli::CommonConfig& config, const telemetry::SnapshotStore& snapshots, Log& log) {
    if (!config.http) {
        return nullptr;
    }
    const auto address = cli::read_listen_address(*config.http);
    if (!address) {
        return fail(ExitCode::usage, fmt::format("--http: {}", address.error()));
    }
    auto server = telemetry::HttpServer::start({.host = address->host, .port = address->port},
                                               routes_over(snapshots));
    if (!server) {
        return server;
    }
    log.write(LogLevel::info, "http server listens",
              {{"host", address->host}, {"port", static_cast<std::int64_t>((*server)->port())}});
    if (!address->loopback) {
        log.write(LogLevel::warn, "http server can be reached by others, without authentication");
    }
    return server;
}

}  // namespace kstream::app
