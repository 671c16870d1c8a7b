// What WHERE takes for granted: a field that no record has, as one whose name is misspelled, makes
// it true of none of them, and nothing says so.
#pragma once

#include "kstream/job/statement.hpp"

#include <cstdint>
#include <vector>

namespace kstream::job {

// Fields of the record's value in WHERE, by their index in Statement::fields, ascending. Not those
// that it only asks for being there, or has something else for.
[[nodiscard]] std::vector<std::uint32_t> needed_by_where(const Statement& statement);

}  // namespace kstream::job
