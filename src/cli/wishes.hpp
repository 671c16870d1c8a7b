// What people who come from other tools write, and what it is called here: the edit distance of
// suggest.hpp finds typing errors, not other words for the same thing.
#pragma once

#include "cli/option_table.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace kstream::cli {

// What to say after "unknown option" about an option that other tools have, by its name without
// dashes; empty when nothing is known of it. `prefix` stands before the name of an option of ours
// ("--"). Only options that `id` has are named.
[[nodiscard]] std::string option_wish(std::string_view name, std::string_view prefix,
                                      std::optional<Subcommand> id);

// The same for a subcommand.
[[nodiscard]] std::string subcommand_wish(std::string_view name);

}  // namespace kstream::cli
