// Reads, applies, checks; every step adds its problems and none of them stops before the end.
#include "cli/parse.hpp"

#include "cli/command_line.hpp"
#include "cli/documents.hpp"
#include "cli/print_config.hpp"
#include "cli/statement.hpp"
#include "cli/validate.hpp"
#include "cli/values.hpp"
#include "kstream/version.hpp"
#include "text/suggest.hpp"
#include "text/utf8.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <string_view>

namespace kstream::cli {
namespace {

using std::string_view;

Show text(std::string content) {
    return {.what = Show::What::text, .text = std::move(content)};
}

Parsed help_on(string_view topic) {
    std::vector<string_view> topics{"exit-codes", "metrics"};
    if (topic.empty()) {
        return text(help_text());
    }
    if (topic == topics[0]) {
        return text(exit_codes_text());
    }
    if (topic == topics[1]) {
        return Show{.what = Show::What::metrics_help, .text = {}};
    }
    for (const SubcommandSpec& spec : subcommands()) {
        if (topic == spec.name) {
            return text(help_text(spec.id));
        }
        topics.push_back(spec.name);
    }
    return Problems{{fmt::format("{}: no help on this{}", text::in_quotes(topic),
                                 text::did_you_mean(topic, "", topics))}};
}

// What a build makes from the tables; not in the help because nobody needs it to run kstream.
Parsed generated(string_view what) {
    constexpr std::array<string_view, 4> kDocuments{"man", "config-doc", "metrics-doc",
                                                    "completion-bash"};
    const auto index = read_choice(what, kDocuments);
    if (!index) {
        return Problems{{"--generate: " + index.error()}};
    }
    switch (*index) {
        case 0:
            return text(man_page(version().number));
        case 1:
            return text(configuration_doc());
        case 2:
            return Show{.what = Show::What::metrics_doc, .text = {}};
        default:
            return text(bash_completion());
    }
}

// A job that is named at all is named whole: nothing of the default one remains.
void drop_default_job(const std::vector<Given>& values, Command& command) {
    const bool named = std::ranges::any_of(values, [](const Given& given) {
        return given.option->name == "group-by" || given.option->aggregate != nullptr;
    });
    std::visit(
        [named](auto& config) {
            if constexpr (requires { config.spec; }) {
                if (named) {
                    config.spec.group_by.clear();
                    config.spec.aggregates.clear();
                }
            }
        },
        command);
}

// Of properties that were set more than once the last one counts.
void drop_overridden(std::vector<std::pair<std::string, std::string>>& properties) {
    std::vector<std::pair<std::string, std::string>> kept;
    for (auto& property : properties) {
        std::erase_if(kept, [&](const auto& other) { return other.first == property.first; });
        kept.push_back(std::move(property));
    }
    properties = std::move(kept);
}

void apply(const std::vector<Given>& values, Subcommand id, Command& command,
           std::vector<std::string>& problems) {
    drop_default_job(values, command);
    for (const Given& given : values) {
        const OptionSpec& option = *given.option;
        if (const auto problem = option.binding(id)->set(command, option.rules, given.text)) {
            problems.push_back(fmt::format("{}: {}", given.where, *problem));
        }
    }
    std::visit([](auto& config) { drop_overridden(config.common.client_properties); }, command);
}

}  // namespace

Parsed parse(std::span<const std::string> arguments, const Environment& environment,
             const job::ZoneFingerprints& zones) {
    const CommandLine line = read_command_line(arguments);
    if (line.help_topic) {
        return line.problems.empty() ? help_on(*line.help_topic) : Problems{line.problems};
    }
    if (line.help) {
        return text(line.subcommand ? help_text(*line.subcommand) : help_text());
    }
    if (line.version) {
        return Show{.what = Show::What::version, .text = {}};
    }
    if (line.generate) {
        return generated(*line.generate);
    }
    if (!line.subcommand) {
        return Problems{line.problems};
    }
    Problems problems{line.problems};
    Sources sources = collect(line, environment);
    std::ranges::move(sources.problems, std::back_inserter(problems.lines));
    Command command = default_command(*line.subcommand);
    const std::size_t misnamed = problems.lines.size();
    apply(sources.values, *line.subcommand, command, problems.lines);
    if (problems.lines.size() == misnamed) {
        apply_statement(command, sources.values, zones, problems.lines);
    }
    // Where values are missing because they are bad, rules between values would mislead.
    if (problems.lines.size() == misnamed) {
        std::ranges::move(validate(command), std::back_inserter(problems.lines));
    }
    if (!problems.lines.empty()) {
        return problems;
    }
    if (line.print_config) {
        return text(print_config(command, *line.subcommand, sources.values));
    }
    return command;
}

std::vector<std::string> arguments_of(int argc, const char* const* argv) {
    return argc > 1 ? std::vector<std::string>(argv + 1, argv + argc) : std::vector<std::string>();
}

Environment environment_of(const char* const* entries) {
    Environment environment;
    for (; *entries != nullptr; ++entries) {
        const string_view entry(*entries);
        const std::size_t equals = entry.find('=');
        if (equals != string_view::npos) {
            environment.emplace_back(entry.substr(0, equals), entry.substr(equals + 1));
        }
    }
    return environment;
}

}  // namespace kstream::cli
