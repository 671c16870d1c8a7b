// Which expressions PostgreSQL gives an integer type: it cuts the quotient of two such.
#pragma once

#include "kstream/job/statement.hpp"

namespace kstream::job {

[[nodiscard]] bool is_integer(const Expression& expression, const Statement& statement);

}  // namespace kstream::job
