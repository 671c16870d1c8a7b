// The arguments of the process, taken apart: which subcommand, which options in which order. What
// the values mean is not known here.
#pragma once

#include "cli/option_table.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kstream::cli {

struct Argument {
    const OptionSpec* option = nullptr;
    std::string value;  // of a flag "true" or what stands after '='
};

struct CommandLine {
    std::optional<Subcommand> subcommand;
    std::vector<Argument> arguments;  // as they were given
    std::optional<std::string> config;
    bool print_config = false;
    bool help = false;                      // of the subcommand, or of the whole
    std::optional<std::string> help_topic;  // kstream help TOPIC; empty without a topic
    bool version = false;
    std::optional<std::string> generate;
    std::vector<std::string> problems;
};

// Never throws; whatever is wrong ends up in `problems`, all of it.
[[nodiscard]] CommandLine read_command_line(std::span<const std::string> arguments);

}  // namespace kstream::cli
