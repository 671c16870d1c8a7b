// A statement as text: its identity, and the SELECT for people.
#pragma once

#include "kstream/job/statement.hpp"

#include <string>

namespace kstream::job {

// Names everything that changes what is stored, as canonical_text(AggregationSpec) does for jobs of
// the first form: two statements are one job if and only if these texts are equal. Stored: never
// changes for a statement that there was before.
[[nodiscard]] std::string canonical_text(const Statement& statement);

// The canonical SELECT. It can be parsed (at the same scale), and is the same statement then.
[[nodiscard]] std::string to_sql(const Statement& statement);

// One expression of it.
[[nodiscard]] std::string to_sql(const Expression& expression, const Statement& statement);

}  // namespace kstream::job
