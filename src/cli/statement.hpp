// --query and --query-file: the job by its statement.
#pragma once

#include "cli/config.hpp"
#include "cli/sources.hpp"
#include "kstream/job/parse.hpp"

#include <string>
#include <vector>

namespace kstream::cli {

// Reads the statement, where one was given, and makes it the job of `command`: its topics, its spec
// and QueryConfig::job. All that is wrong with it, and what was given beside it that it says
// itself, is appended to `problems`.
void apply_statement(Command& command, const std::vector<Given>& given,
                     const job::ZoneFingerprints& zones, std::vector<std::string>& problems);

// Whether the job was given by a statement.
[[nodiscard]] bool has_statement(const Command& command);

}  // namespace kstream::cli
