// Every value is quoted: only after a quoted value may a comment stand.
#include "cli/print_config.hpp"

#include "cli/statement.hpp"
#include "kstream/model/secret_property.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace kstream::cli {
namespace {

using std::string_view;

std::string in_double_quotes(string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            out += '\\';
        }
        if (c == '\n' || c == '\t') {
            out += c == '\n' ? "\\n" : "\\t";
        } else {
            out += c;
        }
    }
    return out + '"';
}

std::string origin_of(const OptionSpec& option, const std::vector<Given>& given) {
    const auto found = std::ranges::find(given, &option, &Given::option);
    return found == given.end() ? "default" : found->where;
}

void append_option(std::string& out, const OptionSpec& option, const Command& command,
                   Subcommand id, const std::vector<Given>& given) {
    const auto values = option.binding(id)->get(command, option.rules);
    for (const std::string& value : values) {
        fmt::format_to(std::back_inserter(out), "{} = {}  # {}\n", option.name,
                       in_double_quotes(value), origin_of(option, given));
    }
    if (values.empty() && !option.absent.empty()) {
        fmt::format_to(std::back_inserter(out), "# {} is not set: {}\n", option.name,
                       option.absent);
    }
}

// In the order of the job, which the order of the lines decides when they are read.
void append_aggregates(std::string& out, const AggregationSpec& spec,
                       const std::vector<Given>& given) {
    for (const AggregateSpec& one : spec.aggregates) {
        const OptionSpec& option =
            *std::ranges::find(option_table(), find_aggregate(one.kind), &OptionSpec::aggregate);
        fmt::format_to(std::back_inserter(out), "{} = {}  # {}\n", option.name,
                       in_double_quotes(aggregate_text(one)), origin_of(option, given));
    }
}

void append_client(std::string& out, const CommonConfig& config, const std::vector<Given>& given) {
    if (config.client_properties.empty()) {
        return;
    }
    out += "\n[client]\n";
    for (const auto& [name, value] : config.client_properties) {
        const auto mine = [&](const Given& one) {
            return one.option->name == "client-property" && one.text.starts_with(name + "=");
        };
        // The last one is the one that counts.
        const auto found = std::ranges::find_if(given.rbegin(), given.rend(), mine);
        const string_view where = found == given.rend() ? string_view("default") : found->where;
        if (is_secret_property(name)) {
            fmt::format_to(std::back_inserter(out), "# {} = <redacted>  # {}\n", name, where);
        } else {
            fmt::format_to(std::back_inserter(out), "{} = {}  # {}\n", name,
                           in_double_quotes(value), where);
        }
    }
}

const AggregationSpec& spec_of(const Command& command) {
    if (const auto* const audit = std::get_if<AuditConfig>(&command)) {
        return audit->spec;
    }
    if (const auto* const results = std::get_if<ResultsConfig>(&command)) {
        return results->spec;
    }
    return std::get<AggregateConfig>(command).spec;
}

}  // namespace

std::string print_config(const Command& command, Subcommand id, const std::vector<Given>& given) {
    std::string out = fmt::format(
        "# kstream {0}: the configuration in effect, each value with its origin.\n"
        "[{0}]\n",
        subcommand(id).name);
    for (const OptionSpec& option : option_table()) {
        if (option.binding(id) == nullptr || option.name == "client-property") {
            continue;
        }
        // Of a job by its statement all of this stands in the statement.
        if (has_statement(command) &&
            (option.name == "group-by" || option.name == "topic" || option.aggregate != nullptr)) {
            continue;
        }
        if (option.aggregate == nullptr) {
            append_option(out, option, command, id, given);
        } else if (option.aggregate == &kAggregates.front()) {
            append_aggregates(out, spec_of(command), given);
        }
    }
    std::visit([&](const auto& config) { append_client(out, config.common, given); }, command);
    return out;
}

}  // namespace kstream::cli
