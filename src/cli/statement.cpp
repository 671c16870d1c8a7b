// The statement says all of the job, so what else names a part of it is refused beside it: one of
// the two would have to be passed over.
#include "cli/statement.hpp"

#include "kstream/job/statement_job.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

namespace kstream::cli {
namespace {

using Found = std::vector<std::string>;

std::optional<std::string> read_statement(const std::string& path, Found& problems) {
    std::ifstream file{path, std::ios::binary};
    std::string text(job::kMaxStatementBytes + 1, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (!file.is_open() || file.bad()) {
        problems.push_back(
            fmt::format("--query-file {}: cannot be read: {}", path, std::strerror(errno)));
        return std::nullopt;
    }
    text.resize(static_cast<std::size_t>(file.gcount()));
    return text;
}

// Lines of a problem stand below the first one, which the caller begins.
void append(const std::vector<job::Problem>& found, std::string_view text, std::string_view name,
            Found& problems) {
    for (const job::Problem& problem : found) {
        std::string shown = job::show(problem, text, name);
        shown.erase(shown.find_last_not_of('\n') + 1);
        problems.push_back(std::move(shown));
    }
}

void refuse_beside(const std::vector<Given>& given, const job::Statement& statement,
                   std::string_view name, Found& problems) {
    for (const Given& one : given) {
        const std::string_view option = one.option->name;
        if (option == "group-by" || one.option->aggregate != nullptr) {
            problems.push_back(fmt::format("{}: the statement of {} says this", one.where, name));
        } else if (option == "topic" && one.text != statement.source_topic) {
            problems.push_back(fmt::format("{}: the statement of {} reads {}", one.where, name,
                                           statement.source_topic));
        } else if (option == "output-topic" && !statement.output_topic.empty() &&
                   one.text != statement.output_topic) {
            problems.push_back(fmt::format("{}: the statement of {} writes to {}", one.where, name,
                                           statement.output_topic));
        }
    }
}

void refuse_republish(const AggregateConfig& config, const job::EventTime& event,
                      std::string_view name, Found& problems) {
    if (config.republish && event.emit == job::Emit::final_only) {
        problems.push_back(fmt::format(
            "--republish: {} emits final results alone, and of closed windows nothing is kept "
            "that could be published again",
            name));
    }
}

template <typename Config>
void apply(Config& config, const std::vector<Given>& given, const job::ZoneFingerprints& zones,
           Found& problems) {
    QueryConfig& query = config.query;
    if (query.text.empty() && query.file.empty()) {
        return;
    }
    if (!query.text.empty() && !query.file.empty()) {
        problems.emplace_back("--query and --query-file: give one of them");
        return;
    }
    const std::string name = query.file.empty() ? "--query" : query.file;
    std::optional<std::string> text =
        query.file.empty() ? std::optional{query.text} : read_statement(query.file, problems);
    if (!text) {
        return;
    }
    job::ParseOptions options;
    options.zones = zones;
    if constexpr (requires { config.spec; }) {
        options.scale = config.spec.scale;
        options.max_distinct = config.spec.max_distinct;
    }
    auto parsed = job::parse(*text, options);
    if (!parsed) {
        append(parsed.error(), *text, name, problems);
        return;
    }
    refuse_beside(given, *parsed, name, problems);
    if constexpr (std::is_same_v<Config, AggregateConfig>) {
        if (parsed->event_time) {
            refuse_republish(config, *parsed->event_time, name, problems);
        }
    }
    if constexpr (requires { config.results_topic; }) {
        if (!parsed->output_topic.empty()) {
            config.results_topic = parsed->output_topic;
        }
    }
    auto made = std::make_shared<const job::StatementJob>(
        job::statement_job(*std::move(parsed), *std::move(text)));
    if constexpr (requires { config.spec; }) {
        config.spec = made->spec;
    } else if constexpr (requires { config.source_topic; }) {
        config.source_topic = made->spec.source_topic;
    }
    if constexpr (requires { config.windows; }) {
        config.windows = has_windows(made->spec);
    }
    query.job = std::move(made);
}

}  // namespace

void apply_statement(Command& command, const std::vector<Given>& given,
                     const job::ZoneFingerprints& zones, std::vector<std::string>& problems) {
    std::visit(
        [&](auto& config) {
            if constexpr (requires { config.query; }) {
                apply(config, given, zones, problems);
            }
        },
        command);
}

bool has_statement(const Command& command) {
    return std::visit(
        [](const auto& config) {
            if constexpr (requires { config.query; }) {
                return !config.query.text.empty() || !config.query.file.empty();
            } else {
                return false;
            }
        },
        command);
}

}  // namespace kstream::cli
