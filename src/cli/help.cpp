// --help of the whole and of each subcommand, for a terminal of 80 columns.
#include "cli/documents.hpp"
#include "kstream/exit_code.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <span>

namespace kstream::cli {
namespace {

constexpr std::size_t kColumns = 80;
constexpr std::size_t kTextColumn = 32;

std::string left_column(std::string_view name, char short_name, std::string_view value) {
    const std::string shorts =
        short_name == '\0' ? std::string("    ") : fmt::format("-{}, ", short_name);
    return fmt::format("  {}--{}{}{}", shorts, name, value.empty() ? "" : " ", value);
}

void append_entry(std::string& out, std::string_view left, std::string_view text) {
    out += left;
    if (left.size() + 2 > kTextColumn) {
        out += '\n';
        out.append(kTextColumn, ' ');
    } else {
        out.append(kTextColumn - left.size(), ' ');
    }
    out += wrapped(text, kColumns - kTextColumn, kTextColumn);
    out += '\n';
}

std::string option_help(const OptionSpec& option, Subcommand id) {
    std::string text(option.help);
    const std::string range = range_text(option.rules);
    if (option.rules.choices.size() > 1) {
        text += ": " + range;
    }
    if (const std::string value = default_text(option, id); !value.empty()) {
        text += fmt::format(" [{}]", value);
    }
    return text;
}

}  // namespace

std::string in_words(const std::vector<std::string>& texts) {
    const std::span all{texts};
    return all.size() < 2
               ? fmt::format("{}", fmt::join(all, ""))
               : fmt::format("{} and {}", fmt::join(all.first(all.size() - 1), ", "), all.back());
}

std::string list_options(std::string_view before, std::string_view behind) {
    std::vector<std::string> names;
    for (const OptionSpec& option : option_table()) {
        if (option.list != ListForm::none) {
            names.push_back(fmt::format("{}{}{}", before, option.name, behind));
        }
    }
    return in_words(names);
}

std::string wrapped(std::string_view text, std::size_t width, std::size_t indent) {
    std::string out;
    std::size_t column = 0;
    while (!text.empty()) {
        const std::string_view word = text.substr(0, text.find(' '));
        text.remove_prefix(std::min(text.size(), word.size() + 1));
        if (column > 0 && column + 1 + word.size() > width) {
            out += '\n';
            out.append(indent, ' ');
            column = 0;
        } else if (column > 0) {
            out += ' ';
            ++column;
        }
        out += word;
        column += word.size();
    }
    return out;
}

std::string help_text() {
    std::string out =
        "kstream - exact totals of a Kafka topic, exactly once\n\n"
        "Usage: kstream SUBCOMMAND [OPTIONS]\n\nSubcommands:\n";
    for (const SubcommandSpec& spec : subcommands()) {
        fmt::format_to(std::back_inserter(out), "  {:<16}{}\n", spec.name, spec.help);
    }
    out +=
        "  help            show help on a subcommand, on exit-codes or on metrics\n\n"
        "Options:\n"
        "  -h, --help      show this help\n"
        "  -V, --version   show version, git revision, and librdkafka with its features\n\n"
        "Examples:\n";
    for (const SubcommandSpec& spec : subcommands()) {
        fmt::format_to(std::back_inserter(out), "  {}\n", spec.example);
    }
    out +=
        "\nEach option can also be set as KSTREAM_<OPTION> in the environment or in a\n"
        "configuration file (--config). The command line overrides the environment, which\n"
        "overrides the file. --print-config shows the effective values and their origins.\n\n"
        "SIGINT and SIGTERM finish what was begun, then end the process. So does SIGHUP\n"
        "if stderr is a terminal; otherwise it is ignored, as are SIGUSR1 and SIGUSR2.\n\n"
        "kstream SUBCOMMAND --help shows the options of a subcommand.\n";
    return out;
}

std::string help_text(Subcommand id) {
    const SubcommandSpec& spec = subcommand(id);
    std::string out = fmt::format("kstream {0} - {1}\n\nUsage: kstream {0} [OPTIONS]\n\n{2}\n",
                                  spec.name, spec.help, wrapped(spec.details, kColumns, 0));
    for (std::size_t group = 0; group < kOptionGroupTitles.size(); ++group) {
        std::string entries;
        for (const OptionSpec& option : option_table()) {
            if (option.binding(id) != nullptr && static_cast<std::size_t>(option.group) == group) {
                append_entry(entries, left_column(option.name, option.short_name, option.value),
                             option_help(option, id));
            }
        }
        if (!entries.empty()) {
            fmt::format_to(std::back_inserter(out), "\n{}:\n{}", kOptionGroupTitles[group],
                           entries);
        }
    }
    out += "\nConfiguration and help:\n";
    for (const MetaOption& option : kMetaOptions) {
        append_entry(out, left_column(option.name, option.short_name, option.value), option.help);
    }
    fmt::format_to(std::back_inserter(out), "\nExample:\n  {}\n\nExit codes:\n{}", spec.example,
                   exit_codes_text());
    return out;
}

std::string exit_codes_text() {
    std::string out;
    for (const ExitCodeText& code : kExitCodes) {
        fmt::format_to(std::back_inserter(out), "  {:>3}  {}\n", to_int(code.code),
                       wrapped(code.meaning, kColumns - 7, 7));
    }
    return out;
}

}  // namespace kstream::cli
