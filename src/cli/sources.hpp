// Where option values come from, and which of them counts: command line over environment over
// configuration file over default.
#pragma once

#include "cli/command_line.hpp"
#include "cli/option_table.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace kstream::cli {

using Environment = std::vector<std::pair<std::string, std::string>>;  // name, value

enum class Origin : std::uint8_t { file, environment, command_line };  // rising precedence

// One value that was given, with the words that say where: "--rate", "KSTREAM_RATE",
// "kstream.conf:12: rate".
struct Given {
    const OptionSpec* option = nullptr;
    std::string text;
    Origin origin = Origin::command_line;
    std::string where;
};

struct Sources {
    // In the order of application: file, environment, command line, each in its own order. Of each
    // option only values of its highest origin are left; client properties keep all, since there
    // each property is an option of its own and a later one wins.
    std::vector<Given> values;
    std::vector<std::string> problems;
};

// Reads the environment and the configuration file that the command line or KSTREAM_CONFIG names.
// Precondition: line.subcommand.
[[nodiscard]] Sources collect(const CommandLine& line, const Environment& environment);

}  // namespace kstream::cli
