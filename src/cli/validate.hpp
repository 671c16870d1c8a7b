// What is wrong with a configuration as a whole, when each value by itself is fine.
#pragma once

#include "cli/config.hpp"

#include <string>
#include <vector>

namespace kstream::cli {

// All problems, each naming the options it is about; empty when the configuration can be run.
[[nodiscard]] std::vector<std::string> validate(const Command& command);

// What can be run and is probably not what was meant; said once at the start.
[[nodiscard]] std::vector<std::string> warnings(const Command& command);

}  // namespace kstream::cli
