// Names, literals and signs as they stand in SQL.
#pragma once

#include "kstream/job/statement.hpp"

#include <string>
#include <string_view>

namespace kstream::job {

// As PostgreSQL folds names: ASCII alone.
[[nodiscard]] std::string folded(std::string_view name);

// Whether PostgreSQL 15 takes this word for no name of a column, so that it needs quotes.
[[nodiscard]] bool is_reserved(std::string_view lower);

// A name as it stands in SQL: bare where PostgreSQL reads the same back, otherwise quoted.
[[nodiscard]] std::string as_name(std::string_view name);
[[nodiscard]] std::string as_string(std::string_view text);

// What stands between the arguments of a comparison, of AND and OR, of arithmetic and of ||. Empty:
// it is none of these.
[[nodiscard]] std::string_view sign_of(Op op);

}  // namespace kstream::job
