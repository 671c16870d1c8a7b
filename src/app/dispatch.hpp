// From the command line to the exit code: everything that main does.
#pragma once

#include "cli/sources.hpp"
#include "kstream/exit_code.hpp"

#include <span>
#include <string>

namespace kstream::app {

[[nodiscard]] ExitCode run(std::span<const std::string> arguments,
                           const cli::Environment& environment);

}  // namespace kstream::app
