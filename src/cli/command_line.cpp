// CLI11 takes the arguments apart; it is told to let everything pass, so that all problems are
// found in one go and with suggestions, where it would stop at the first. Help, environment, files
// and checks are ours, from the option table.
#include "cli/command_line.hpp"

#include "cli/values.hpp"
#include "cli/wishes.hpp"
#include "text/suggest.hpp"
#include "text/utf8.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>

namespace kstream::cli {
namespace {

std::string option_names(std::string_view name, char short_name) {
    return short_name == '\0' ? fmt::format("--{}", name)
                              : fmt::format("-{},--{}", short_name, name);
}

// Each occurrence gives one result: the value, or "" when it is missing.
CLI::Option* add_value(CLI::App& app, const std::string& names) {
    return app.add_option(names)
        ->type_size(1)
        ->expected(0, 1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
        ->allow_extra_args(false);
}

CLI::Option* add(CLI::App& app, const std::string& names, bool flag) {
    return flag ? app.add_flag(names) : add_value(app, names);
}

// One subcommand in CLI11's terms.
struct SubcommandApp {
    CLI::App* app = nullptr;
    std::map<const CLI::Option*, const OptionSpec*> options;
    std::map<std::string_view, CLI::Option*> meta;
};

SubcommandApp add_subcommand(CLI::App& root, const SubcommandSpec& spec) {
    SubcommandApp added;
    added.app = root.add_subcommand(std::string(spec.name));
    added.app->set_help_flag();
    added.app->allow_extras();
    for (const OptionSpec& option : option_table()) {
        if (option.binding(spec.id) != nullptr) {
            added.options.emplace(
                add(*added.app, option_names(option.name, option.short_name), option.is_flag()),
                &option);
        }
    }
    for (const MetaOption& option : kMetaOptions) {
        added.meta.emplace(
            option.name,
            add(*added.app, option_names(option.name, option.short_name), option.value.empty()));
    }
    return added;
}

std::vector<std::string_view> option_candidates(std::optional<Subcommand> id) {
    std::vector<std::string_view> names;
    for (const OptionSpec& option : option_table()) {
        if (id && option.binding(*id) != nullptr) {
            names.push_back(option.name);
        }
    }
    if (id) {
        std::ranges::transform(kMetaOptions, std::back_inserter(names), &MetaOption::name);
    } else {
        names.assign({"help", "version"});
    }
    return names;
}

// "--name" of an argument that looks like an option, without its value.
std::string_view option_part(std::string_view argument) {
    return argument.substr(0, argument.find('='));
}

bool has_name(const OptionSpec& option, std::string_view name) {
    return option.name == name ||
           (option.short_name != '\0' && name == std::string_view(&option.short_name, 1));
}

std::string unknown_option(std::string_view argument, std::optional<Subcommand> id) {
    const std::string_view option = option_part(argument);
    const std::string_view name =
        option.substr(std::min(option.find_first_not_of('-'), option.size()));
    const auto found = std::ranges::find_if(
        option_table(), [&](const OptionSpec& spec) { return has_name(spec, name); });
    if (found != option_table().end()) {
        return id ? fmt::format("{}: not an option of {} but of {}", text::ascii(option),
                                subcommand(*id).name,
                                subcommand(found->bindings.front().subcommand).name)
                  : fmt::format("{}: this option belongs after a subcommand", text::ascii(option));
    }
    const std::string wish = option_wish(name, "--", id);
    return fmt::format("{}: unknown option{}", text::ascii(option),
                       wish.empty() ? text::did_you_mean(name, "--", option_candidates(id)) : wish);
}

// What CLI11 could not place. A word after an unknown option is taken for its value.
void report_extras(const std::vector<std::string>& extras, std::optional<Subcommand> id,
                   std::vector<std::string>& problems) {
    bool behind_unknown = false;
    for (const std::string& extra : extras) {
        if (extra.size() > 1 && extra.front() == '-') {
            problems.push_back(unknown_option(extra, id));
            behind_unknown = !extra.contains('=');
        } else {
            if (!behind_unknown) {
                problems.push_back(fmt::format("{}: unexpected argument", text::in_quotes(extra)));
            }
            behind_unknown = false;
        }
    }
}

void report_subcommand(const std::vector<std::string>& extras, std::vector<std::string>& problems) {
    std::vector<std::string_view> names{"help"};
    std::ranges::transform(subcommands(), std::back_inserter(names), &SubcommandSpec::name);
    for (const std::string& extra : extras) {
        if (!extra.starts_with('-')) {
            const std::string wish = subcommand_wish(extra);
            problems.push_back(
                fmt::format("{}: unknown subcommand{}", text::in_quotes(extra),
                            wish.empty() ? text::did_you_mean(extra, "", names) : wish));
            return;
        }
    }
    report_extras(extras, std::nullopt, problems);
    if (problems.empty()) {
        problems.emplace_back("no subcommand: see kstream --help");
    }
}

std::optional<std::string> last_value(const CLI::Option& option) {
    return option.count() == 0 ? std::nullopt : std::optional(option.results().back());
}

// A statement's file needs no option in front of it. An unknown one might have it for its value.
void take_statement_file(std::vector<std::string>& extras, Subcommand id, CommandLine& line) {
    const auto option = std::ranges::find(option_table(), "query-file", &OptionSpec::name);
    if (option->binding(id) == nullptr || extras.empty() || extras.front().starts_with('-') ||
        !extras.front().ends_with(".sql")) {
        return;
    }
    line.arguments.push_back({&*option, extras.front()});
    extras.erase(extras.begin());
}

void read_subcommand(const SubcommandApp& parsed, Subcommand id, CommandLine& line) {
    line.subcommand = id;
    std::map<const CLI::Option*, std::size_t> seen;
    for (const CLI::Option* occurrence : parsed.app->parse_order()) {
        const std::string& value = occurrence->results()[seen[occurrence]++];
        if (const auto found = parsed.options.find(occurrence); found != parsed.options.end()) {
            line.arguments.push_back({found->second, value});
        }
    }
    line.config = last_value(*parsed.meta.at("config"));
    if (line.config && line.config->empty()) {
        line.problems.emplace_back("--config: the value is missing");
    }
    line.print_config = parsed.meta.at("print-config")->count() > 0;
    line.help = parsed.meta.at("help")->count() > 0;
    std::vector<std::string> extras = parsed.app->remaining();
    take_statement_file(extras, id, line);
    report_extras(extras, id, line.problems);
}

}  // namespace

CommandLine read_command_line(std::span<const std::string> arguments) {
    CLI::App root("", "kstream");
    root.set_help_flag();
    root.allow_extras();
    root.require_subcommand(0, 1);
    const CLI::Option* const help = root.add_flag("-h,--help");
    const CLI::Option* const version = root.add_flag("-V,--version");
    const CLI::Option* const generate = add_value(root, "--generate");
    CLI::App* const help_command = root.add_subcommand("help");
    help_command->set_help_flag();
    std::string topic;
    help_command->add_option("topic", topic);
    std::vector<SubcommandApp> apps;
    for (const SubcommandSpec& spec : subcommands()) {
        apps.push_back(add_subcommand(root, spec));
    }

    CommandLine line;
    // CLI11 takes the last argument first.
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
    try {
        root.parse(reversed);
    } catch (const CLI::Error& error) {
        line.problems.emplace_back(error.what());
        return line;
    }
    line.help = help->count() > 0;
    line.version = version->count() > 0;
    line.generate = last_value(*generate);
    if (help_command->parsed()) {
        line.help_topic = topic;
        return line;
    }
    for (std::size_t i = 0; i < apps.size(); ++i) {
        if (apps[i].app->parsed()) {
            const bool root_help = line.help;
            read_subcommand(apps[i], subcommands()[i].id, line);
            line.help = line.help || root_help;
            report_extras(root.remaining(), std::nullopt, line.problems);
            return line;
        }
    }
    const std::vector<std::string> rest = root.remaining();
    if ((!line.help && !line.version && !line.generate) || !rest.empty()) {
        report_subcommand(rest, line.problems);
        line.help = false;  // of what does not exist: the general help would hide the mistake
        line.version = false;
        line.generate.reset();
    }
    return line;
}

}  // namespace kstream::cli
