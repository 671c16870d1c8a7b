// Paths into a record as SQL has them.
#pragma once

#include "kstream/job/statement.hpp"

#include <span>
#include <string>

namespace kstream::job {

// a.b[0]."c d"
[[nodiscard]] std::string path_sql(std::span<const PathStep> path);

}  // namespace kstream::job
