// The one table of options: each stands here once, with its name, type, default, range, subcommands
// and words. The command line, the environment, the configuration file, --print-config, help,
// manual page, completion and docs/CONFIGURATION.md are all read off it.
#pragma once

#include "cli/config.hpp"
#include "kstream/core/aggregates.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kstream::cli {

enum class Subcommand : std::uint8_t {
    produce,
    create_topics,
    aggregate,
    audit,
    results,
    reset,
    bench,
    health,
    explain,
    lateness
};

struct SubcommandSpec {
    Subcommand id;
    std::string_view name;
    std::string_view help;     // one line
    std::string_view details;  // for the manual page
    std::string_view example;
};
inline constexpr std::size_t kSubcommandCount = 10;
[[nodiscard]] std::span<const SubcommandSpec, kSubcommandCount> subcommands();
[[nodiscard]] const SubcommandSpec& subcommand(Subcommand id);

// The configuration of a subcommand with every option at its default.
[[nodiscard]] Command default_command(Subcommand id);

// How the numbers of an option are written. A number without a unit is seconds where that is what
// everybody expects, and refused where it could as well be milliseconds.
enum class NumberForm : std::uint8_t { plain, duration, duration_or_seconds };

// Rows name only what they have: for members without an initializer GCC would warn about each row.

// What the readers of values.hpp need to know beyond the type.
struct ValueRules {
    double min = 0;  // of a duration: milliseconds
    double max = 0;  // not above min: no range
    NumberForm form = NumberForm::plain;
    std::span<const std::string_view> choices = {};
    // What is wrong with a text, if anything.
    std::optional<std::string> (*check)(std::string_view text) = nullptr;
};

// "1 .. 64", "text, json", "" when there is nothing to say.
[[nodiscard]] std::string range_text(const ValueRules& rules);

// How an option reaches its member in the configuration of one subcommand.
struct Binding {
    Subcommand subcommand;
    // Reads one value into the member: a list grows, everything else is replaced. Says what is
    // wrong with the text, if anything.
    std::optional<std::string> (*set)(Command&, const ValueRules&, std::string_view text);
    // The values of the member as texts that `set` takes; none when it is not set.
    std::vector<std::string> (*get)(const Command&, const ValueRules&);
};

// How several values of a repeatable option stand in one text.
enum class ListForm : std::uint8_t { none, names, settings };

enum class OptionGroup : std::uint8_t { job, cluster, running, observing };
inline constexpr std::array<std::string_view, 4> kOptionGroupTitles{"The job", "The cluster",
                                                                    "Running", "Observing"};

struct OptionSpec {
    std::string_view name;        // --name; also the key in the configuration file
    char short_name = '\0';       // -n
    std::string_view value = {};  // what help shows for the value; empty: a flag
    OptionGroup group = OptionGroup::job;
    bool repeatable = false;  // each time adds a value
    ListForm list = ListForm::none;
    bool optional_value = false;    // --name alone stands for --name=""
    std::string_view help = {};     // one line
    std::string_view details = {};  // further sentences
    std::string_view absent = {};   // what it means when it is not given and has no value
    // Empty: KSTREAM_<NAME>. Set where the same name means different things in two subcommands.
    std::string_view environment_override = {};
    // The key must stand in the section of its subcommand, for the same reason.
    bool section_only = false;
    ValueRules rules = {};
    const AggregateRow* aggregate = nullptr;  // whose option it is
    std::vector<Binding> bindings;

    [[nodiscard]] bool is_flag() const { return value.empty(); }
    // The same for every subcommand that has to do with a cluster, which is all but health: told
    // once in long texts.
    [[nodiscard]] bool is_common() const {
        return bindings.size() >= kSubcommandCount - 1 && group != OptionGroup::job;
    }
    [[nodiscard]] std::string environment_name() const;
    [[nodiscard]] const Binding* binding(Subcommand id) const;  // nullptr: not for this subcommand
};

// Options that end in a member of config.hpp.
[[nodiscard]] const std::vector<OptionSpec>& option_table();

// Options that choose what the parser itself does; on the command line, --config also as
// KSTREAM_CONFIG.
struct MetaOption {
    std::string_view name;
    char short_name;
    std::string_view value;
    std::string_view help;
};
inline constexpr std::array<MetaOption, 3> kMetaOptions{{
    {"config", '\0', "FILE", "read options from this file"},
    {"print-config", '\0', "", "print the effective configuration with origins, and exit"},
    {"help", 'h', "", "show this help"},
}};
inline constexpr std::string_view kConfigEnvironment = "KSTREAM_CONFIG";

// An aggregate as the value of its option.
[[nodiscard]] std::string aggregate_text(const AggregateSpec& aggregate);

// The options that name a job: given one, nothing of the default job remains.
[[nodiscard]] std::vector<std::string> job_options();

// The default as text, or what its absence means.
[[nodiscard]] std::string default_text(const OptionSpec& option, Subcommand id);

}  // namespace kstream::cli
