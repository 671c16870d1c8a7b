// Whether a statement can be run on this machine, asked before anything else is done.
#pragma once

#include "kstream/error.hpp"
#include "kstream/expr/zone.hpp"
#include "kstream/job/statement_job.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace kstream::app {

// Compiles the statement once, and gives the zones that it names: those of this moment, for all the
// time that the process runs. An error names the zone that this machine does not have.
[[nodiscard]] Result<expr::ZoneFiles> zones_of(const job::StatementJob& job);

// What the clocks of that zone are on this machine; none where it does not have the zone.
[[nodiscard]] std::optional<std::uint64_t> zone_fingerprint(std::string_view name);

}  // namespace kstream::app
