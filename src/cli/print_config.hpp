// --print-config: the configuration in effect, with where each value comes from.
#pragma once

#include "cli/option_table.hpp"
#include "cli/sources.hpp"

#include <string>
#include <vector>

namespace kstream::cli {

// A configuration file that gives the same configuration again, except for secrets, which are
// redacted. `given` is what made `command`.
[[nodiscard]] std::string print_config(const Command& command, Subcommand id,
                                       const std::vector<Given>& given);

}  // namespace kstream::cli
