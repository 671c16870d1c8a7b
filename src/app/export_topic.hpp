// A statement's topic, up to where its committed records end now, as a file for PostgreSQL's COPY.
// Joins no group and changes nothing; holds one record's row and a buffer.
#pragma once

#include "app/commands.hpp"
#include "cli/config.hpp"
#include "kstream/error.hpp"

namespace kstream::app {

[[nodiscard]] Result<void> export_topic(const cli::ExplainConfig& config, AppContext& context);

}  // namespace kstream::app
