// docs/CONFIGURATION.md: rules first, then one table per subcommand.
#include "cli/documents.hpp"
#include "kstream/exit_code.hpp"
#include "kstream/model/property_rules.hpp"
#include "kstream/model/secret_property.hpp"

#include <fmt/format.h>

#include <iterator>

namespace kstream::cli {
namespace {

using std::string_view;

constexpr string_view kSources =
    R"(# Configuration

Made from the option table by `kstream --generate config-doc`; do not edit it by hand.

## Where values come from

Command line, over `KSTREAM_*` environment, over configuration file, over default.
`kstream SUBCOMMAND --print-config` prints what is in effect and where each value comes from; the
output is itself a configuration file. Secrets are redacted in it.

Everything that is wrong is reported at once, each with where it comes from, and the exit code is 2.
Unknown options, keys and `KSTREAM_*` variables are errors, with the nearest name that exists.
(Variables that Kubernetes makes for a Service named `kstream`, and those of `scripts/` and of
`tests/`, are passed over. Empty variables count as not set.)

- **Command line**: `--rate 5000` or `--rate=5000`; flags also `--json=false`. Of an option that is
  given twice the last one counts, unless it is one that can be repeated.
- **Environment**: `KSTREAM_RATE=5000`; flags `true` or `false`.
- **Configuration file**: `--config FILE` or `KSTREAM_CONFIG`.

```ini
# Above the first section: for every subcommand that knows the key.
brokers = localhost:29092
log-level = info

[produce]
rate = 5000

[aggregate]
workers = 2
group-by = id_vendedor
sum = valor=valor_total_por_vendedor
count = numero_transacoes

[client]
security.protocol = SASL_SSL
sasl.username = "kstream"
sasl.password = "the # is part of it"
```

One `key = value` a line; the keys are the names of the options, repeatable options are repeated.
Blank lines and lines that begin with `#` or `;` are passed over. A value may stand in double quotes
(escapes `\"`, `\\`, `\n`, `\t`) or single quotes (no escapes), with a comment behind it; a `#`
behind a blank in a value without quotes is an error, because it could be either. The section of a
subcommand wins over what stands above the first section.

Lists are divided alike on the command line, in the environment and in the file: several values of
)";

constexpr string_view kNames =
    R"( stand behind each other with commas
(`--group-by a,b`, `sum = price, freight`), or the option is repeated. A list on one level replaces
the one below it, it does not add to it.

Names of fields that are more than a plain word are written with a backslash: before a comma, a
blank, `=`, a quote, a parenthesis, `*` or another backslash, and before a name that looks like a
number. `--group-by 'first\ name,a\,b'` are the two fields `first name` and `a,b`; `--count '\5'`
counts into a field `5`. In double quotes in the file each backslash is written twice. Only fields
at the top of a record are read: `payload.seller` is a field whose name has a dot, and a warning
says so at the start.

Numbers may have `_` between digits and one of the suffixes `k`, `M`, `G` (powers of 1000).
Durations are whole numbers with `ms`, `s`, `m` or `h`; where seconds are what everybody expects
the unit may be left out. Times are RFC 3339.

## Client properties

Properties of librdkafka (TLS, SASL, tuning) are set by `-X key=value`, by the section `[client]` of
the configuration file, or by `KSTREAM_X_<KEY>` with `_` for each `.`
(`KSTREAM_X_SASL_PASSWORD` is `sasl.password`). Each property follows the order above by itself.

Secrets are refused on the command line, which every user of a machine can read: they belong into
the environment or into a configuration file that only its owner can read (`chmod 600`, else it is
refused). Secret is what has one of these in its name, except names that end in `.url`:
)";

// <NAME> would be taken for HTML.
std::string plain(string_view text) {
    std::string out;
    for (const char c : text) {
        out += c == '<' ? std::string("\\<") : std::string(1, c);
    }
    return out;
}

void append_property_rules(std::string& out) {
    std::string names;
    for (const string_view part : kSecretNameParts) {
        fmt::format_to(std::back_inserter(names), "{}`{}`", names.empty() ? "" : ", ", part);
    }
    fmt::format_to(std::back_inserter(out),
                   "{}.\n\nThese properties cannot be set:\n\n| property | why |\n|---|---|\n",
                   wrapped(names, 100, 0));
    for (const RefusedProperty& refused : kRefusedProperties) {
        fmt::format_to(std::back_inserter(out), "| `{}` | {} |\n", refused.name,
                       plain(refused.reason));
    }
}

// The same in PostgreSQL: what anybody can check a total with.
void append_aggregates(std::string& out) {
    out +=
        "\n## Aggregates\n\n| option | field of the result | in PostgreSQL | "
        "|\n|---|---|---|---|\n";
    for (const OptionSpec& option : option_table()) {
        if (const AggregateRow* const row = option.aggregate; row != nullptr) {
            const bool has_field = row->input != AggregateInput::none;
            fmt::format_to(std::back_inserter(out), "| `--{}{}` | `{}` | `{}` | {} |\n", row->name,
                           has_field ? " FIELD" : "",
                           default_output_name(*row, has_field ? "FIELD" : ""), row->postgres,
                           row->doc);
        }
    }
}

std::string flags_of(const OptionSpec& option) {
    std::string text = option.short_name == '\0' ? "" : fmt::format("`-{}`, ", option.short_name);
    text += option.is_flag() ? fmt::format("`--{}`", option.name)
                             : fmt::format("`--{} {}`", option.name, option.value);
    return option.repeatable ? text + " (repeatable)" : text;
}

// Choices are words to type, ranges are not.
std::string values_of(const OptionSpec& option) {
    if (option.rules.choices.empty()) {
        return range_text(option.rules);
    }
    std::string text;
    for (const string_view choice : option.rules.choices) {
        fmt::format_to(std::back_inserter(text), "{}`{}`", text.empty() ? "" : ", ", choice);
    }
    return text;
}

void append_table(std::string& out, Subcommand id, bool common) {
    out += "| option | environment | default | values | |\n|---|---|---|---|---|\n";
    for (const OptionSpec& option : option_table()) {
        if (option.binding(id) == nullptr || option.is_common() != common) {
            continue;
        }
        fmt::format_to(std::back_inserter(out), "| {} | `{}` | {} | {} | {}{}{} |\n",
                       flags_of(option), option.environment_name(), default_text(option, id),
                       values_of(option), plain(option.help), option.details.empty() ? "" : ". ",
                       plain(option.details));
    }
}

}  // namespace

std::string configuration_doc() {
    std::string out = fmt::format("{}{}{}", kSources, list_options("`", "`"), kNames);
    append_property_rules(out);
    append_aggregates(out);
    for (const SubcommandSpec& spec : subcommands()) {
        fmt::format_to(std::back_inserter(out), "\n## kstream {}\n\n{}\n\n", spec.name,
                       wrapped(spec.details, 100, 0));
        append_table(out, spec.id, false);
    }
    out += "\n## All subcommands but health\n\n";
    append_table(out, Subcommand::produce, true);
    for (const MetaOption& option : kMetaOptions) {
        const string_view environment = option.name == "config" ? kConfigEnvironment : "";
        fmt::format_to(std::back_inserter(out), "| `--{}{}{}` | {} | | | {} |\n", option.name,
                       option.value.empty() ? "" : " ", option.value,
                       environment.empty() ? "" : fmt::format("`{}`", environment), option.help);
    }
    out += "\n## Exit codes\n\n| code | name | meaning |\n|---|---|---|\n";
    for (const ExitCodeText& code : kExitCodes) {
        fmt::format_to(std::back_inserter(out), "| {} | `{}` | {} |\n", to_int(code.code),
                       code.name, code.meaning);
    }
    return out;
}

}  // namespace kstream::cli
