// What is said of totals that nothing can be added to: what their topics hold cannot have come of
// one job, or something of it is missing.
#pragma once

#include "kstream/error.hpp"
#include "kstream/model/ids.hpp"

#include <fmt/format.h>

#include <string_view>

namespace kstream {

inline std::unexpected<Error> broken_totals(PartitionId partition, std::string_view what) {
    return fail(ExitCode::integrity, fmt::format("totals partition {}: {}", partition.value, what),
                "do not restart blindly: keep the topics, find who wrote or deleted there, then "
                "`kstream reset`");
}

}  // namespace kstream
