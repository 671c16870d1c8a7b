// Completion for bash, without the bash-completion package: subcommands, options, choices, files.
#include "cli/documents.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <iterator>

namespace kstream::cli {
namespace {

// " --brokers -b --topic ..." of a subcommand.
std::string words_of(Subcommand id) {
    std::string words;
    for (const OptionSpec& option : option_table()) {
        if (option.binding(id) == nullptr) {
            continue;
        }
        fmt::format_to(std::back_inserter(words), " --{}", option.name);
        if (option.short_name != '\0') {
            fmt::format_to(std::back_inserter(words), " -{}", option.short_name);
        }
    }
    for (const MetaOption& option : kMetaOptions) {
        fmt::format_to(std::back_inserter(words), " --{}", option.name);
    }
    return words;
}

}  // namespace

std::string bash_completion() {
    std::string names;
    for (const SubcommandSpec& spec : subcommands()) {
        fmt::format_to(std::back_inserter(names), "{} ", spec.name);
    }
    std::string out = fmt::format(
        "# bash completion for kstream, made by `kstream --generate completion-bash`\n"
        "_kstream() {{\n"
        "    local word=\"${{COMP_WORDS[COMP_CWORD]}}\" before=\"${{COMP_WORDS[COMP_CWORD-1]}}\"\n"
        "    local words=\n"
        "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
        "        COMPREPLY=($(compgen -W \"{}help --help --version\" -- \"$word\"))\n"
        "        return\n"
        "    fi\n"
        "    case \"$before\" in\n"
        "        --config) COMPREPLY=($(compgen -f -- \"$word\")); return ;;\n",
        names);
    for (const OptionSpec& option : option_table()) {
        if (!option.rules.choices.empty()) {
            fmt::format_to(
                std::back_inserter(out),
                "        --{}) COMPREPLY=($(compgen -W \"{}\" -- \"$word\")); return ;;\n",
                option.name, fmt::join(option.rules.choices, " "));
        }
    }
    out += "    esac\n    case \"${COMP_WORDS[1]}\" in\n";
    fmt::format_to(std::back_inserter(out), "        help) words=\"{}exit-codes metrics\" ;;\n",
                   names);
    for (const SubcommandSpec& spec : subcommands()) {
        fmt::format_to(std::back_inserter(out), "        {}) words=\"{}\" ;;\n", spec.name,
                       words_of(spec.id).substr(1));
    }
    out +=
        "    esac\n"
        "    COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
        "}\n"
        "complete -F _kstream kstream\n";
    return out;
}

}  // namespace kstream::cli
