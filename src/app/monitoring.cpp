// The table of HTTP paths.
#include "app/monitoring.hpp"

#include "app/advertised.hpp"
#include "cli/listen_address.hpp"
#include "kafka/client_config.hpp"
#include "kstream/pipeline/result_values.hpp"
#include "kstream/version.hpp"
#include "telemetry/exposition.hpp"
#include "telemetry/health.hpp"
#include "telemetry/process_status.hpp"
#include "telemetry/state_pages.hpp"
#include "telemetry/status_page.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace kstream::app {
namespace {

using telemetry::HttpRequest;
using telemetry::HttpResponse;
using telemetry::HttpRoute;

HttpResponse answer(telemetry::Verdict verdict) {
    return {.status = verdict.ok ? 200 : 503, .body = std::move(verdict.reason) + "\n"};
}

void describe(const cli::AggregateConfig& config, telemetry::StatusFacts& facts) {
    facts.command = "aggregate";
    facts.application_id = config.application_id;
    facts.source_topic = config.spec.source_topic;
    facts.results_topic = config.results_topic;
    facts.group_by = config.spec.group_by;
    if (config.spec.statement) {
        facts.aggregates = config.spec.statement->columns;
        const std::vector<job::Column>& columns = config.query.job->statement.columns;
        const auto drawn = std::ranges::find_if(columns, &ResultValues::is_graph);
        facts.graph = drawn == columns.end() ? std::string{} : drawn->name;
        return;
    }
    for (const AggregateSpec& aggregate : config.spec.aggregates) {
        facts.aggregates.push_back(aggregate.output_name);
    }
    facts.graph = facts.aggregates.empty() ? std::string{} : facts.aggregates.front();
}

void describe(const cli::ProduceConfig& config, telemetry::StatusFacts& facts) {
    facts.command = "produce";
    facts.source_topic = config.topic;
    facts.results_topic = config.results_topic;
}

// The other subcommands have no --http.
template <typename Config>
void describe(const Config& /*config*/, telemetry::StatusFacts& /*facts*/) {}

telemetry::StatusFacts facts_of(const cli::Command& command) {
    telemetry::StatusFacts facts;
    facts.build = {.version = std::string(version().number),
                   .revision = std::string(version().revision),
                   .librdkafka = kafka::library_version()};
    std::visit([&facts](const auto& config) { describe(config, facts); }, command);
    return facts;
}

std::string configured_address(const cli::Command& command) {
    const auto* const aggregate = std::get_if<cli::AggregateConfig>(&command);
    return aggregate == nullptr ? std::string() : aggregate->http_advertise;
}

std::vector<HttpRoute> routes_over(const telemetry::StateSources& sources, bool has_state) {
    const telemetry::SnapshotStore& snapshots = sources.snapshots;
    const telemetry::StatusFacts& facts = sources.facts;
    std::vector<HttpRoute> routes{
        {.path = "/",
         .respond = [page = telemetry::status_page()](const HttpRequest&) { return page; }},
        {.path = "/status",
         .respond =
             [sources](const HttpRequest&) {
                 return HttpResponse{
                     .content_type = telemetry::kJsonType,
                     .body = telemetry::status_json(
                         sources.snapshots.read(), sources.facts, telemetry::read_process_status(),
                         static_cast<double>(sources.clock.wall_ms()) / 1000.0)};
             }},
        {.path = "/metrics",
         .respond =
             [&snapshots, &facts](const HttpRequest&) {
                 return HttpResponse{
                     .content_type = telemetry::kExpositionType,
                     .body = telemetry::exposition(snapshots.read(), facts.build,
                                                   telemetry::read_process_status())};
             }},
        {.path = "/healthz",
         .respond =
             [&snapshots](const HttpRequest&) {
                 return answer(telemetry::liveness(snapshots.read()));
             }},
        {.path = "/readyz", .respond = [&snapshots](const HttpRequest&) {
             return answer(telemetry::readiness(snapshots.read()));
         }}};
    if (has_state) {
        routes.push_back({.path = "/state", .respond = [sources](const HttpRequest& request) {
                              return telemetry::list_state(sources, request);
                          }});
        routes.push_back(
            {.path = "/state/", .prefix = true, .respond = [sources](const HttpRequest& request) {
                 return telemetry::find_state(sources, request);
             }});
    }
    return routes;
}

}  // namespace

Result<std::unique_ptr<Monitoring>> Monitoring::start(const cli::Command& command,
                                                      const telemetry::SnapshotStore& snapshots,
                                                      telemetry::StateBoard& board,
                                                      const Clock& clock, Log& log) {
    std::unique_ptr<Monitoring> monitoring{new Monitoring()};
    const cli::CommonConfig& config =
        std::visit([](const auto& one) -> const cli::CommonConfig& { return one.common; }, command);
    if (!config.http) {
        return monitoring;
    }
    const auto address = cli::read_listen_address(*config.http);
    if (!address) {
        return fail(ExitCode::usage, fmt::format("--http: {}", address.error()));
    }
    auto server = telemetry::HttpServer::listen({.host = address->host, .port = address->port});
    if (!server) {
        return std::unexpected(std::move(server.error()));
    }
    monitoring->server_ = std::move(*server);
    const std::uint16_t port = monitoring->server_->port();
    monitoring->facts_ = facts_of(command);
    monitoring->facts_.http = advertised_address(configured_address(command), *config.http, port);
    monitoring->server_->serve(routes_over(
        {.board = board, .snapshots = snapshots, .clock = clock, .facts = monitoring->facts_},
        std::holds_alternative<cli::AggregateConfig>(command)));
    log.write(LogLevel::info, "http server listens",
              {{"host", address->host},
               {"port", std::int64_t{port}},
               {"advertised", monitoring->facts_.http}});
    if (!address->loopback) {
        log.write(LogLevel::warn, "http server can be reached by others, without authentication");
    }
    return monitoring;
}

}  // namespace kstream::app
