// The verdict on a whole text, for records that the fast walk has turned down.
#pragma once

#include "kstream/model/bad_reason.hpp"

#include <optional>
#include <string_view>

namespace kstream::json {

// What is wrong with a text as a whole, in the order of docs/RECORDS.md: encoding, depth, json,
// encoding by a lone surrogate. Nothing: one JSON value of any type with only whitespace around it.
// Constant memory, linear time.
[[nodiscard]] std::optional<BadReason> text_problem(std::string_view text);

// Why the walk has turned a text down: its problem, or that the value is no object.
[[nodiscard]] BadReason why_not_an_object(std::string_view text);

}  // namespace kstream::json
