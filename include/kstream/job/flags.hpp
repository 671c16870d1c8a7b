// Jobs of the flags (--group-by, --sum, --count) as statements, and back.
#pragma once

#include "kstream/job/statement.hpp"
#include "kstream/model/aggregation_spec.hpp"

#include <optional>

namespace kstream::job {

// `spec` has no problems().
[[nodiscard]] Statement statement_of(const AggregationSpec& spec);

// The spec whose statement this is; none where flags cannot say it. Where there is one the job is
// of the first form: its canonical text is that of the spec, and so are its stored bytes.
[[nodiscard]] std::optional<AggregationSpec> spec_of(const Statement& statement);

}  // namespace kstream::job
