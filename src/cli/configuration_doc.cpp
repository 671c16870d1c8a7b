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

Generated from the option table by `kstream --generate config-doc`; do not edit it by hand.

## Where values come from

The command line overrides the `KSTREAM_*` environment, which overrides the configuration file,
which overrides the default. `kstream SUBCOMMAND --print-config` prints the effective values and
their origins; the output is itself a configuration file. Secrets are redacted in it.

All errors are reported together, each with its origin, and the exit code is 2. Unknown options,
keys and `KSTREAM_*` variables are errors, with the closest name that exists. (Variables that
Kubernetes sets for a Service named `kstream`, and those of `scripts/` and `tests/`, are ignored.
Empty variables count as not set.)

- **Command line**: `--rate 5000` or `--rate=5000`; flags also `--json=false`. If an option is
  given twice the last one counts, unless it is repeatable.
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

One `key = value` per line; keys are option names, and repeatable options may be repeated. Blank
lines and lines that begin with `#` or `;` are ignored. A value may be in double quotes (escapes
`\"`, `\\`, `\n`, `\t`) or single quotes (no escapes), followed by a comment; a `#` after a blank
in an unquoted value is an error, because it is ambiguous. The section of a subcommand overrides
what comes before the first section.

Lists have the same form on the command line, in the environment and in the file: separate several
values of )";

constexpr string_view kNames =
    R"( with commas
(`--group-by a,b`, `sum = price, freight`), or repeat the option. A list on one level replaces the
one below it; it does not add to it.

In a field name, put a backslash before a comma, a blank, `=`, a quote, a parenthesis, `*` or
another backslash, and before a name that looks like a number. `--group-by 'first\ name,a\,b'`
means the two fields `first name` and `a,b`; `--count '\5'` counts into a field `5`. In double
quotes in the file, write each backslash twice. Only top-level fields of a record are read:
`payload.seller` is a field whose name has a dot, and a warning says so at the start.

Numbers may have `_` between digits and one of the suffixes `k`, `M`, `G` (powers of 1000).
Durations are whole numbers with `ms`, `s`, `m` or `h`; where seconds are customary the unit may be
omitted. Times are RFC 3339.

## Client properties

Set librdkafka properties (TLS, SASL, tuning) with `-X key=value`, in the section `[client]` of the
configuration file, or with `KSTREAM_X_<KEY>`, with `_` for each `.` (`KSTREAM_X_SASL_PASSWORD` is
`sasl.password`). The order above applies to each property separately.

Secrets are refused on the command line, which every user of a machine can read. Put them into the
environment or into a configuration file that only its owner can read (`chmod 600`, otherwise it is
refused). A property is secret if its name contains one of these, unless it ends in `.url`:
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
