// Names are checked whatever subcommand runs; values only where they are used, so that one file and
// one environment may serve all of them.
#include "cli/sources.hpp"

#include "cli/config_file.hpp"
#include "cli/names.hpp"
#include "cli/values.hpp"
#include "cli/wishes.hpp"
#include "kstream/model/secret_property.hpp"
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

constexpr string_view kPrefix = "KSTREAM_";
constexpr string_view kPropertyPrefix = "KSTREAM_X_";
constexpr string_view kClientSection = "client";
constexpr string_view kClientOption = "client-property";
// Variables of scripts/: they may be exported in a shell from which kstream is run.
constexpr std::array<string_view, 4> kScriptVariables{
    "KSTREAM_CLUSTER_DIR", "KSTREAM_CLUSTER_JVM_OPTIONS", "KSTREAM_DEBIAN_MIRROR",
    "KSTREAM_RDKAFKA_TARBALL"};

// Kubernetes gives every container variables of every Service in its namespace: a Service named
// "kstream" makes KSTREAM_SERVICE_HOST, KSTREAM_PORT=tcp://... and KSTREAM_PORT_9404_TCP_ADDR.
bool is_foreign(string_view name, string_view value) {
    return std::ranges::find(kScriptVariables, name) != kScriptVariables.end() ||
           name.starts_with("KSTREAM_TEST_") || name.contains("_SERVICE_HOST") ||
           name.contains("_SERVICE_PORT") || name.contains("_TCP") || name.contains("_UDP") ||
           value.starts_with("tcp://") || value.starts_with("udp://");
}

const OptionSpec& client_option() {
    return *std::ranges::find(option_table(), kClientOption, &OptionSpec::name);
}

// KSTREAM_X_SASL_PASSWORD -> sasl.password
std::string property_of(string_view environment_name) {
    std::string property;
    for (const char c : environment_name.substr(kPropertyPrefix.size())) {
        property += c == '_' ? '.' : (c >= 'A' && c <= 'Z') ? static_cast<char>(c - 'A' + 'a') : c;
    }
    return property;
}

// KSTREAM_BOOTSTRAP_SERVERS -> bootstrap-servers
std::string option_named_by(string_view environment_name) {
    std::string option;
    for (const char c : environment_name.substr(kPrefix.size())) {
        option += c == '_' ? '-' : (c >= 'A' && c <= 'Z') ? static_cast<char>(c - 'A' + 'a') : c;
    }
    return option;
}

void unknown_variable(string_view name, std::vector<std::string>& problems) {
    std::vector<std::string> names{std::string(kConfigEnvironment)};
    std::ranges::transform(option_table(), std::back_inserter(names),
                           &OptionSpec::environment_name);
    const std::vector<string_view> views(names.begin(), names.end());
    const std::string wish = option_wish(option_named_by(name), "--", std::nullopt);
    problems.push_back(fmt::format("{}: unknown environment variable{}", text::ascii(name),
                                   wish.empty() ? text::did_you_mean(name, "", views) : wish));
}

void read_environment(const Environment& environment, Subcommand id, Sources& sources) {
    for (const auto& [name, value] : environment) {
        // An empty variable is one that is not set: that is how shells and compose files pass on
        // what they do not have.
        if (!name.starts_with(kPrefix) || name == kConfigEnvironment || value.empty()) {
            continue;
        }
        if (name.starts_with(kPropertyPrefix)) {
            sources.values.push_back(
                {&client_option(), property_of(name) + "=" + value, Origin::environment, name});
            continue;
        }
        bool known = is_foreign(name, value);
        for (const OptionSpec& option : option_table()) {
            if (option.environment_name() != name) {
                continue;
            }
            known = true;
            if (option.binding(id) == nullptr) {
                continue;
            }
            sources.values.push_back({&option, value, Origin::environment, name});
        }
        if (!known) {
            unknown_variable(name, sources.problems);
        }
    }
}

std::optional<Subcommand> subcommand_named(string_view name) {
    const auto found = std::ranges::find(subcommands(), name, &SubcommandSpec::name);
    return found == subcommands().end() ? std::nullopt : std::optional(found->id);
}

// Whether `key` may stand in `section` ("" is above the first one).
bool fits(const OptionSpec& option, std::optional<Subcommand> section) {
    if (option.name == kClientOption) {
        return false;
    }
    return section ? option.binding(*section) != nullptr : !option.section_only;
}

// The option of an entry for the subcommand that runs; nullptr when it is for another one or wrong.
const OptionSpec* option_of(const FileEntry& entry, Subcommand running, string_view where,
                            std::vector<std::string>& problems) {
    const auto section = subcommand_named(entry.section);
    std::vector<string_view> candidates;
    bool section_only = false;
    bool known = false;
    const OptionSpec* found = nullptr;
    for (const OptionSpec& option : option_table()) {
        const bool named = option.name == entry.key;
        if (fits(option, section)) {
            candidates.push_back(option.name);
            known = known || named;
            if (named && option.binding(running) != nullptr) {
                found = &option;
            }
        } else if (named && option.section_only && !section) {
            section_only = true;
        }
    }
    if (!known && section_only) {
        problems.push_back(
            fmt::format("{}: belongs in a section, [produce] or [aggregate]: it "
                        "means something else in each",
                        where));
    } else if (!known) {
        std::string wish = option_wish(entry.key, "", section);
        if (wish.empty() && entry.key.contains('.')) {
            wish = ": properties of the client library belong in the section [client]";
        }
        problems.push_back(
            fmt::format("{}: unknown key{}", where,
                        wish.empty() ? text::did_you_mean(entry.key, "", candidates) : wish));
    }
    return section && *section != running ? nullptr : found;
}

bool is_known_section(string_view name) {
    return name.empty() || name == kClientSection || subcommand_named(name).has_value();
}

// An entry of the section of the subcommand hides those above the first section.
void drop_hidden(std::vector<std::pair<Given, bool>>& found) {
    std::erase_if(found, [&](const std::pair<Given, bool>& one) {
        return !one.second && std::ranges::any_of(found, [&](const auto& other) {
            return other.second && other.first.option == one.first.option;
        });
    });
}

void report_twice(const std::vector<std::pair<Given, bool>>& found,
                  std::vector<std::string>& problems) {
    for (std::size_t i = 1; i < found.size(); ++i) {
        const auto& [given, in_section] = found[i];
        const auto same = [&](const auto& other) { return other.first.option == given.option; };
        if (!given.option->repeatable &&
            std::any_of(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(i), same)) {
            problems.push_back(fmt::format("{}: is set a second time here", given.where));
        }
    }
}

void read_file(const std::string& path, Subcommand id, Sources& sources) {
    const auto file = read_config_file(path);
    if (!file) {
        sources.problems.push_back(fmt::format("{}: {}", path, file.error()));
        return;
    }
    for (const std::string& problem : file->problems) {
        sources.problems.push_back(fmt::format("{}: {}", path, problem));
    }
    std::vector<std::pair<Given, bool>> found;  // with: stands in the section of the subcommand
    std::vector<Given> properties;
    std::string_view last_unknown;
    for (const FileEntry& entry : file->entries) {
        const std::string where = fmt::format("{}:{}: {}", path, entry.line, entry.key);
        if (entry.section == kClientSection) {
            if (file->open_to_others && is_secret_property(entry.key)) {
                sources.problems.push_back(fmt::format(
                    "{}: a secret in a file that others can read: chmod 600 {}", where, path));
            }
            properties.push_back(
                {&client_option(), entry.key + "=" + entry.value, Origin::file, where});
        } else if (!is_known_section(entry.section)) {
            if (entry.section != last_unknown) {
                std::vector<string_view> names{kClientSection};
                std::ranges::transform(subcommands(), std::back_inserter(names),
                                       &SubcommandSpec::name);
                sources.problems.push_back(
                    fmt::format("{}:{}: unknown section [{}]{}", path, entry.line, entry.section,
                                text::did_you_mean(entry.section, "", names)));
            }
            last_unknown = entry.section;
        } else if (const OptionSpec* option = option_of(entry, id, where, sources.problems)) {
            found.emplace_back(Given{option, entry.value, Origin::file, where},
                               !entry.section.empty());
        }
    }
    drop_hidden(found);
    report_twice(found, sources.problems);
    for (auto& [given, in_section] : found) {
        sources.values.push_back(std::move(given));
    }
    std::ranges::move(properties, std::back_inserter(sources.values));
}

void read_arguments(const CommandLine& line, Sources& sources) {
    for (const Argument& argument : line.arguments) {
        const std::string where = fmt::format("--{}", argument.option->name);
        if (argument.option->name == kClientOption) {
            const string_view property =
                string_view(argument.value).substr(0, argument.value.find('='));
            if (is_secret_property(property)) {
                sources.problems.push_back(
                    fmt::format("-X {}: a secret must not be on the command line, where every "
                                "user of the machine can read it: put it into section [client] of "
                                "a --config file, or into the environment",
                                text::ascii(property)));
                continue;
            }
        }
        if (argument.value.empty() && !argument.option->optional_value) {
            sources.problems.push_back(fmt::format("{}: the value is missing", where));
            continue;
        }
        sources.values.push_back({argument.option, argument.value, Origin::command_line, where});
    }
}

// Lists are divided in one place, whatever they come from.
void divide_lists(std::vector<Given>& values) {
    std::vector<Given> divided;
    for (Given& given : values) {
        if (given.option->list == ListForm::none) {
            divided.push_back(std::move(given));
            continue;
        }
        for (std::string& entry : given.option->list == ListForm::names
                                      ? split_names(given.text)
                                      : split_settings(given.text)) {
            divided.push_back({given.option, std::move(entry), given.origin, given.where});
        }
    }
    values = std::move(divided);
}

// Leaves of each option the values of its highest origin, and the last one where only one counts.
void keep_highest(std::vector<Given>& values) {
    std::map<const OptionSpec*, Origin> highest;
    for (const Given& given : values) {
        auto& origin = highest.try_emplace(given.option, given.origin).first->second;
        origin = std::max(origin, given.origin);
    }
    std::erase_if(values, [&](const Given& given) {
        return given.option->name != kClientOption && given.origin != highest.at(given.option);
    });
}

}  // namespace

Sources collect(const CommandLine& line, const Environment& environment) {
    Sources sources;
    std::optional<std::string> path = line.config;
    for (const auto& [name, value] : environment) {
        if (!path && name == kConfigEnvironment && !value.empty()) {
            path = value;
        }
    }
    if (path && !path->empty()) {
        read_file(*path, *line.subcommand, sources);
    }
    read_environment(environment, *line.subcommand, sources);
    read_arguments(line, sources);
    // Client properties stand in the environment or the file whatever subcommand runs.
    std::erase_if(sources.values, [&line](const Given& given) {
        return given.option->binding(*line.subcommand) == nullptr;
    });
    keep_highest(sources.values);
    divide_lists(sources.values);
    return sources;
}

}  // namespace kstream::cli
