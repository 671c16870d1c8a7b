// kstream(1), in the man macros.
#include "cli/documents.hpp"
#include "kstream/exit_code.hpp"

#include <fmt/format.h>

#include <iterator>

namespace kstream::cli {
namespace {

using std::string_view;

// What roff would take for its own: backslashes, hyphens that must stay hyphens, and a dot or an
// apostrophe at the beginning of a line.
std::string roff(string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '\\') {
            out += R"(\e)";
        } else if (c == '-') {
            out += R"(\-)";
        } else {
            if (out.empty() && (c == '.' || c == '\'')) {
                out += "\\&";
            }
            out += c;
        }
    }
    return out;
}

void append_option(std::string& out, const OptionSpec& option, Subcommand id) {
    out += ".TP\n";
    if (option.short_name != '\0') {
        fmt::format_to(std::back_inserter(out), R"(\fB\-{}\fR, )", option.short_name);
    }
    fmt::format_to(std::back_inserter(out), R"(\fB\-\-{}\fR)", roff(option.name));
    if (!option.is_flag()) {
        fmt::format_to(std::back_inserter(out), " \\fI{}\\fR", roff(option.value));
    }
    fmt::format_to(std::back_inserter(out), "\n{}.\n", roff(option.help));
    if (!option.details.empty()) {
        fmt::format_to(std::back_inserter(out), "{}\n", roff(option.details));
    }
    if (const std::string range = range_text(option.rules); !range.empty()) {
        fmt::format_to(std::back_inserter(out), "Values: {}.\n", roff(range));
    }
    if (const std::string value = default_text(option, id); !value.empty()) {
        fmt::format_to(std::back_inserter(out), "Default: {}.\n", roff(value));
    }
}

void append_subcommand(std::string& out, const SubcommandSpec& spec) {
    fmt::format_to(std::back_inserter(out), ".SS kstream {}\n{}.\n{}\n", roff(spec.name),
                   roff(spec.help), roff(spec.details));
    for (const OptionSpec& option : option_table()) {
        if (option.binding(spec.id) != nullptr && !option.is_common()) {
            append_option(out, option, spec.id);
        }
    }
}

void append_common(std::string& out) {
    out += ".SS All subcommands but health\n";
    for (const OptionSpec& option : option_table()) {
        if (option.is_common()) {
            append_option(out, option, Subcommand::produce);
        }
    }
    for (const MetaOption& option : kMetaOptions) {
        fmt::format_to(std::back_inserter(out), ".TP\n\\fB\\-\\-{}\\fR{}\n{}.\n", roff(option.name),
                       option.value.empty() ? "" : fmt::format(" \\fI{}\\fR", option.value),
                       roff(option.help));
    }
}

}  // namespace

std::string man_page(string_view version) {
    std::string out = fmt::format(
        ".TH KSTREAM 1 \"\" \"kstream {}\" \"User Commands\"\n"
        ".SH NAME\nkstream \\- exact totals of a Kafka topic, exactly once\n"
        ".SH SYNOPSIS\n.B kstream\n\\fISUBCOMMAND\\fR [\\fIOPTIONS\\fR]\n",
        roff(version));
    out +=
        ".SH DESCRIPTION\n"
        "Generates, aggregates and measures a stream of financial transactions on Apache Kafka.\n"
        "Results go to standard output, everything else to standard error.\n"
        ".SH SUBCOMMANDS\n";
    for (const SubcommandSpec& spec : subcommands()) {
        append_subcommand(out, spec);
    }
    append_common(out);
    out +=
        ".SH ENVIRONMENT\n"
        "Each option is also read from KSTREAM_<OPTION>, in capitals and with _ for each \\-;\n"
        "Exceptions:\n"
        "KSTREAM_AGGREGATE_COUNT is \\-\\-count of aggregate (KSTREAM_COUNT is that of produce), "
        "and\n"
        "KSTREAM_X_<KEY> sets a client property. KSTREAM_CONFIG is \\-\\-config.\n"
        "Empty variables count as not set; unknown ones are errors.\n"
        ".SH LISTS\n"
        "Several values of " +
        roff(list_options("--", "")) +
        " are separated by\n"
        "commas, or the option is repeated. In the name of a field a comma, a blank, an equals "
        "sign,\n"
        "a quote, a parenthesis or a star needs a backslash before it, and so does the first digit "
        "of\n"
        "a name that looks like a number.\n"
        ".SH FILES\n"
        "A configuration file (\\-\\-config) has lines of the form key = value, with the names of\n"
        "the options as keys; those after [produce] and so on apply to that subcommand only,\n"
        "those after [client] are client properties. A file with secrets must be readable by its\n"
        "owner only.\n"
        ".SH SIGNALS\n"
        ".TP\n.B SIGINT, SIGTERM\n"
        "Finish what was begun, then end the process; a second one ends it at once.\n"
        ".TP\n.B SIGHUP\n"
        "If standard error is a terminal, the same as SIGTERM, since the terminal is gone. "
        "Otherwise\n"
        "ignored: there is nothing to reload, and logs are written to standard error.\n"
        ".TP\n.B SIGPIPE, SIGUSR1, SIGUSR2\n"
        "Ignored.\n"
        ".TP\n.B SIGQUIT\n"
        "Ends the process at once, with a core dump if the system writes them; nothing that was\n"
        "committed is lost.\n"
        ".SH EXIT STATUS\n";
    for (const ExitCodeText& code : kExitCodes) {
        fmt::format_to(std::back_inserter(out), ".TP\n.B {}\n{}.\n", to_int(code.code),
                       roff(code.meaning));
    }
    out += ".SH EXAMPLES\n.nf\n";
    for (const SubcommandSpec& spec : subcommands()) {
        fmt::format_to(std::back_inserter(out), "{}\n", roff(spec.example));
    }
    out += ".fi\n";
    return out;
}

}  // namespace kstream::cli
